"""``audit-table`` as a user meets it, and the way to it from ``audit --outcomes``."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def table(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Outcomes that were computed elsewhere, as a CSV."""
    lines = ["sample_id,cluster_id,gender,income,hit,loss"]
    for i in range(300):
        gender, income = "fm"[i % 2], ("low", "middle", "high")[rng.integers(3)]
        lines.append(f"s{i},p{i // 2},{gender},{income},{int(rng.random() < 0.5 + 0.3 * (gender == 'm'))},{i / 100}")
    path = tmp_path / "said.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def test_a_table_of_outcomes_is_audited_like_a_checkpoint(run: Run, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, printed, error = run(
        "audit-table", table, "--outcome", "hit", "--feature", "gender",
        "--feature", "income=low,middle,high", "-o", out,
    )  # fmt: skip
    assert (code, error) == (0, "")
    assert printed.splitlines()[0] == "2 of 5 planned comparisons show a disparity, 2 of them beyond tolerance."
    assert "gender: f is lower than m on hit, by at least" in printed
    assert "trend per step of income on hit" in printed
    assert printed.strip().splitlines()[-1] == str(out / "report.html")
    document = json.loads((out / "audit.json").read_text(encoding="utf-8"))
    assert (document["model"]["name"], document["model"]["kind"]) == ("said.csv", "outcomes")
    assert document["config"]["features"] == {"gender": None, "income": ["low", "middle", "high"]}
    assert str(tmp_path) not in (out / "audit.json").read_text(encoding="utf-8")
    before = (out / "report.html").read_bytes()
    assert run("report", out)[0] == 0
    assert (out / "report.html").read_bytes() == before


def test_a_column_of_the_table_can_be_held_equal(run: Run, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, _, error = run(
        "audit-table", table, "--outcome", "hit", "--feature", "gender", "--control-feature", "income", "-o", out
    )
    assert (code, error) == (0, "")
    document = json.loads((out / "audit.json").read_text(encoding="utf-8"))
    assert document["config"]["control_features"] == ["income"]
    controls = {row["control"] for row in document["results"][0]["disparities"]}
    assert controls == {"", "standardised by income", "income=low", "income=middle", "income=high"}


def test_a_column_can_weigh_the_rows(run: Run, table: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    code, _, error = run(
        "audit-table", table, "--outcome", "hit", "--feature", "gender", "--sample-weight", "loss", "-o", out
    )
    assert (code, error) == (0, "")
    rows = pd.read_csv(table)
    women = rows[rows["gender"] == "f"]
    (found,) = [
        g for g in json.loads((out / "audit.json").read_text(encoding="utf-8"))["results"][0]["groups"]
        if g["group"] == "f"
    ]  # fmt: skip
    assert found["value"] == pytest.approx(np.average(women["hit"], weights=women["loss"]))
    assert found["n"] == len(women) - 1, "the first row has the weight 0"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ("--outcome hitt --feature gender", "Did you mean 'hit'?"),
        ("--outcome hit --feature gendr", "Did you mean 'gender'?"),
        ("--outcome hit", "an audit of outcomes must name at least one feature; got none. Outcomes said.csv has the "
         "columns sample_id, cluster_id, gender, income, hit, loss: add --feature NAME."),
        ("--outcome loss --feature gender", "must lie in [0, 1]; got 1.01 in row 102 (199 of 300 rows are "
         "outside). Correct them, or name it as unbounded: unbounded=['loss'], or --unbounded loss on the command "
         "line."),
        ("--outcome hit --feature gender --sample-weight income", "sample_weight 'income' of outcomes said.csv must be "
         "a finite number of 0 or more in every row; got '"),
        ("--outcome hit --feature gender --sample-weight los", "Did you mean 'loss'?"),
        ("--outcome hit --feature income=low,high", "must be one of low, high; got 'middle'."),
        ("--outcome hit --feature gender --average maco", "Did you mean 'macro'?"),
        ("--outcome hit --feature gender --control-feature incme", "control_features of outcomes said.csv must be one "
         "of: gender, income, loss; got 'incme'. Did you mean 'income'?"),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_audited_gets_one_sentence(
    run: Run, table: Path, tmp_path: Path, arguments: str, text: str
) -> None:
    code, printed, error = run("audit-table", table, *arguments.split(), "-o", tmp_path / "out")
    assert (code, printed) == (2, "")
    assert error.startswith("fairaudit: ")
    assert error.count("\n") == 1
    assert text in error
    assert [p.name for p in tmp_path.iterdir()] == ["said.csv"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (
            "audit --outcomes 'my said.csv' --outcome hit --feature gender -o out",
            "audit-table 'my said.csv' --outcome hit --feature gender -o out",
        ),
        (
            "audit -o 'the out' --outcome hit --outcomes='it'\"'\"'s.csv' --feature 'income=low,very high'",
            "audit-table 'it'\"'\"'s.csv' -o 'the out' --outcome hit --feature 'income=low,very high'",
        ),
        ("audit -o out --outcomes", "audit-table TABLE -o out"),
    ],
)
def test_the_old_way_to_audit_a_table_names_the_new_command_line(run: Run, old: str, new: str) -> None:
    code, printed, error = run(*shlex.split(old))
    assert (code, printed) == (2, "")
    assert error == f"fairaudit: audit must have a checkpoint; got --outcomes with a table. Run: fairaudit {new}\n"


def test_the_new_command_line_runs_as_it_is_printed(run: Run, table: Path, tmp_path: Path) -> None:
    moved = table.rename(tmp_path / "what was said.csv")
    given = ("--outcomes", moved, "--outcome", "hit", "--feature", "gender", "-o", tmp_path / "the out")
    _, _, error = run("audit", *given)
    program, *arguments = shlex.split(error.partition("Run: ")[2])
    assert program == "fairaudit"
    assert run(*arguments)[0] == 0
    assert (tmp_path / "the out" / "report.html").is_file()
