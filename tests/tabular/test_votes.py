"""Columns of votes in a table of outcomes: from a file or a DataFrame to the audit, and what is refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fairaudit.core.errors import ConfigError, DataError
from fairaudit.core.plan import Plan, PlanRow
from fairaudit.core.samples import NOT_RECORDED
from fairaudit.tabular.audit import audit_outcomes
from fairaudit.tabular.table import read_outcome_table


def rows(**columns: Any) -> pd.DataFrame:
    table = {"sample_id": ["a", "b", "c", "d"], "hit": [1, 0, 1, 0], "gender:woman": [3, 0, 1, None],
             "gender:man": [0, 3, 2, None]}  # fmt: skip
    return pd.DataFrame({**table, **columns})


def read(table: pd.DataFrame | Path, *features: str, outcomes: tuple[str, ...] = ("hit",)) -> Any:
    return read_outcome_table(table, outcomes=outcomes, features=features or ("gender",))


@pytest.mark.parametrize("suffix", ["", ".csv", ".parquet"])
def test_votes_are_read(tmp_path: Path, suffix: str) -> None:
    source: Any = rows()
    if suffix == ".csv":
        source = tmp_path / "t.csv"
        rows().to_csv(source, index=False)
    elif suffix == ".parquet":
        source = tmp_path / "t.parquet"
        rows().astype({"gender:woman": "Int64"}).to_parquet(source)
    found = read(source)
    assert found.groups["gender"].tolist() == ["woman", "man", "man", NOT_RECORDED]
    shares = found.votes["gender"]
    assert list(shares.columns) == ["woman", "man"]
    np.testing.assert_allclose(shares["woman"], [1.0, 0.0, 1 / 3, np.nan])
    np.testing.assert_allclose(shares["man"], [0.0, 1.0, 2 / 3, np.nan])
    (feature,) = found.features
    assert (feature.groups, feature.ordered) == (("woman", "man"), False)
    assert feature.source.startswith("most votes in the columns 'gender:...' of ")


def test_an_order_puts_the_columns_into_its_order() -> None:
    found = read(rows(), "gender=man,woman")
    assert list(found.votes["gender"].columns) == ["man", "woman"]
    assert (found.features[0].groups, found.features[0].ordered) == (("man", "woman"), True)


@pytest.mark.parametrize(
    ("table", "features", "error", "text"),
    [
        (
            rows(gender="woman"), ["gender"], ConfigError,
            "feature 'gender' must be a column of groups or columns of votes; got 'gender' and 'gender:woman'. "
            "Rename one of them.",
        ),
        (
            rows(**{"gender:": 1}), ["gender"], ConfigError,
            "a column of votes must end with the name of a group; got 'gender:'. Rename it.",
        ),
        (
            rows(**{"gender:not recorded": 1}), ["gender"], ConfigError,
            "a column of votes must end with the name of a group; got 'gender:not recorded'. Rename it.",
        ),
        (
            rows(), ["gender=woman,men"], ConfigError,
            "the order of feature 'gender' must list the groups that have columns of votes (woman, man); got 'men' in "
            "one of the two only. Did you mean 'man'?",
        ),
        (
            rows(**{"gender:other": 0}), ["gender=woman,man"], ConfigError,
            "the order of feature 'gender' must list the groups that have columns of votes (woman, man, other); got "
            "'other' in one of the two only. Give each group a column and a place.",
        ),
        (
            rows(**{"gender:man": [0, 3, -2, 1]}), ["gender"], DataError,
            "votes for 'gender' of the table of outcomes must have a number for every group in a row, or for none; got "
            "none for 'woman' in row 4. Fill in 0 where nobody voted for a group.",
        ),
        (
            rows(**{"gender:man": [0, 3, -2, None]}), ["gender"], DataError,
            "votes for 'gender' of the table of outcomes must be numbers from 0; got -2 in row 3. Correct it.",
        ),
        (
            rows(**{"gender:man": ["0", "3", "two", None]}), ["gender"], DataError,
            "column 'gender:man' of the table of outcomes must hold votes or probabilities; got 'two' in row 3. "
            "Correct it.",
        ),
        (
            rows(**{"gender:man": 0, "gender:woman": 0}), ["gender"], DataError,
            "votes for 'gender' of the table of outcomes must be in at least one row; got none. Leave it out.",
        ),
        (
            rows().drop(columns="gender:man"), ["gender"], DataError,
            "votes for 'gender' of the table of outcomes must have a column for each of at least two groups; got "
            "woman. Add the other groups.",
        ),
        (
            pd.concat([rows(), rows()[["gender:man"]]], axis=1), ["gender"], DataError,
            "the table of outcomes must have one column 'gender:man'; got 2. Add or rename the column.",
        ),
    ],
)  # fmt: skip
def test_votes_that_are_refused(table: pd.DataFrame, features: list[str], error: type[Exception], text: str) -> None:
    with pytest.raises(error) as caught:
        read(table, *features)
    assert str(caught.value) == text


def test_votes_are_no_outcomes() -> None:
    with pytest.raises(ConfigError) as caught:
        read(rows(), outcomes=("hit", "gender:man"))
    assert str(caught.value) == (
        "votes and outcomes must be different columns; got 'gender:man' as both. Leave one out."
    )


def voted(rng: np.random.Generator, n: int, *, certain: bool = False) -> pd.DataFrame:
    truth = rng.random(n) < 0.5
    votes = np.where(truth, 3, 0) if certain else rng.binomial(3, np.where(truth, 0.9, 0.1))
    return pd.DataFrame({
        "sample_id": range(n), "gender:woman": votes, "gender:man": 3 - votes,
        "hit": (rng.random(n) < np.where(truth, 0.8, 0.5)).astype(int),
    })  # fmt: skip


def test_an_audit_of_votes(rng: np.random.Generator, tmp_path: Path) -> None:
    table = voted(rng, 600)
    audit = audit_outcomes(table, outcomes=["hit"], features=["gender"], output=tmp_path / "out")
    row = audit.disparities.iloc[0]
    shares = table["gender:woman"] / 3
    weighted = np.average(table["hit"], weights=shares) - np.average(table["hit"], weights=1 - shares)
    assert row["value"] == pytest.approx(weighted, abs=0.02)
    assert (row["ci_method"], row["verdict"]) == ("score, skewness-corrected, labels drawn 20 times", "disparity")
    unsure = f"{100 * shares.between(0.1, 0.9).mean():.1f} % of the labels of gender are uncertain"
    assert row["note"] == unsure
    assert audit.results[0].warnings[-1].startswith(unsure)
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert unsure in page
    assert "groups closer together than they are" in page
    saved = json.loads((tmp_path / "out" / "audit.json").read_text(encoding="utf-8"))
    assert saved["results"][0]["disparities"][0]["ci_method"] == row["ci_method"]
    # Other votes with the same majority are other data.
    other = table.assign(**{"gender:woman": 2 * table["gender:woman"], "gender:man": 2 * table["gender:man"] + 1})
    digests = [audit_outcomes(t, outcomes=["hit"], features=["gender"]).data[0].digest for t in (table, other)]
    assert digests[0] == audit.data[0].digest != digests[1]


def test_unanimous_votes_are_plain_labels(rng: np.random.Generator) -> None:
    table = voted(rng, 300, certain=True)
    groups = np.where(table["gender:woman"] == 3, "woman", "man")
    plain = table[["sample_id", "hit"]].assign(gender=groups)
    ours, theirs = (audit_outcomes(t, outcomes=["hit"], features={"gender": ("woman", "man")}) for t in (table, plain))
    for name in ("groups", "disparities"):
        pd.testing.assert_frame_equal(getattr(ours, name), getattr(theirs, name), check_exact=True)
    assert ours.results[0].warnings == theirs.results[0].warnings


def test_a_planned_gap_has_its_own_interval(rng: np.random.Generator) -> None:
    plan = Plan((PlanRow("hit", "hit", "gender", "gap"),))
    found = audit_outcomes(voted(rng, 600), outcomes=["hit"], features=["gender"], plan=plan).disparities
    row = found[found["family"] == "primary"].iloc[0]
    assert (row["ci_low_adjusted"], row["ci_high_adjusted"]) == pytest.approx((row["ci_low"], row["ci_high"]))
    assert 0 < row["min_detectable"] < 1
