"""The plan file: what it says, what is refused and with which sentence, and its digest."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairaudit.core.document import schema
from fairaudit.core.errors import ConfigError
from fairaudit.core.plan import (
    KINDS,
    MEAN_OF_OTHERS,
    MEASURES,
    TOLERANCE_RULE,
    Plan,
    PlanRow,
    default_tolerance,
    plan_document,
    read_plan,
)

ROW = 'indicator = "x"\nmetric = "hit"\nfeature = "gender"\nkind = "one_vs_rest"\n'
FULL = """
name = "release"
tolerance = 0.1
alpha = 0.01
[[primary]]
indicator = "representation_disparity"
metric = "balanced_precision@10"
feature = "gender"
kind = "gap"
[[primary]]
indicator = "geographic_disparity"
dataset = "homes"
metric = "hit@5"
feature = "income"
kind = "slope"
measure = "per_doubling"
tolerance = 0.02
[[primary]]
indicator = "geographic_disparity"
metric = "hit@5"
feature = "region"
kind = "reference"
group = "Africa"
reference = "Europe"
measure = "ratio"
"""


def plan(tmp_path: Path, text: str) -> Plan:
    path = tmp_path / "plan.toml"
    path.write_text(text, encoding="utf-8")
    return read_plan(path)


def planned(**changes: Any) -> PlanRow:
    return PlanRow(**{"indicator": "x", "metric": "hit", "feature": "gender", "kind": "one_vs_rest", **changes})


def test_a_plan_file_is_read_as_it_stands(tmp_path: Path) -> None:
    read = plan(tmp_path, FULL)
    assert (read.name, read.tolerance, read.alpha) == ("release", 0.1, 0.01)
    assert read.primary == (
        PlanRow("representation_disparity", "balanced_precision@10", "gender", "gap", "", "", "", "difference", 0.1),
        PlanRow("geographic_disparity", "hit@5", "income", "slope", "homes", "", "", "per_doubling", 0.02),
        PlanRow("geographic_disparity", "hit@5", "region", "reference", "", "Africa", "Europe", "ratio", 0.1),
    )


def test_defaults(tmp_path: Path) -> None:
    read = plan(tmp_path, f"[[primary]]\n{ROW}")
    assert (read.name, read.tolerance, read.alpha) == ("unnamed", None, 0.05)
    assert read.primary[0].tolerance is None
    measures = {kind: Plan((planned(kind=kind),)).primary[0].measure for kind in KINDS}
    assert measures == {
        "one_vs_rest": "difference", "reference": "difference", "gap": "difference", "slope": "", "concentration": "",
        "departure": "", "omnibus": "",
    }  # fmt: skip


def test_the_digest_is_that_of_the_canonical_document(tmp_path: Path) -> None:
    read = plan(tmp_path, FULL)
    expected = {
        "alpha": 0.01, "correction": "Holm", "name": "release", "tolerance": 0.1, "tolerance_rule": TOLERANCE_RULE,
        "primary": [
            {"indicator": "representation_disparity", "metric": "balanced_precision@10", "feature": "gender",
             "kind": "gap", "measure": "difference", "tolerance": 0.1},
            {"indicator": "geographic_disparity", "dataset": "homes", "metric": "hit@5", "feature": "income",
             "kind": "slope", "measure": "per_doubling", "tolerance": 0.02},
            {"indicator": "geographic_disparity", "metric": "hit@5", "feature": "region", "kind": "reference",
             "group": "Africa", "reference": "Europe", "measure": "ratio", "tolerance": 0.1},
        ],
    }  # fmt: skip
    text = json.dumps(expected, sort_keys=True, separators=(",", ":"))
    assert read.digest == hashlib.sha256(text.encode()).hexdigest()
    assert read.document() == {**expected, "digest": read.digest}


def test_the_digest_sees_what_decides_and_not_how_it_is_written(tmp_path: Path) -> None:
    first = plan(tmp_path, f"[[primary]]\n{ROW}")
    same = (
        'alpha = 5e-2 # same\nname = "unnamed"\n[[primary]]\nkind = "one_vs_rest"\nfeature = "gender"\nmetric = "hit"\n'
    )
    assert plan(tmp_path, f'{same}indicator = "x"\nmeasure = "difference"').digest == first.digest
    others = [
        plan(tmp_path, f"{top}\n[[primary]]\n{ROW}{more}")
        for top, more in (
            ("alpha = 0.01", ""), ("tolerance = 0.1", ""), ("tolerance = 0.05", ""), ('name = "b"', ""),
            ("", "tolerance = 0.1"),
            ("", 'group = "a"'), ("", 'dataset = "a"'), ("", 'reference = "a"'), ("", 'measure = "ratio"'),
        )
    ]  # fmt: skip
    assert len({first.digest, *(p.digest for p in others)}) == len(others) + 1


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "a plan must name at least one primary comparison; got none. "
             "Add a [[primary]] table with indicator, metric, feature, kind."),
        ("primary = []", "a plan must name at least one primary comparison; got none."),
        ("tolerence = 0.1",
         "key must be one of: alpha, name, primary, tolerance; got 'tolerence'. Did you mean 'tolerance'?"),
        ("xyz = 1", "key must be one of: alpha, name, primary, tolerance; got 'xyz'. Choose one of them."),
        (f"[primary]\n{ROW}", "primary must be a list of tables, each below [[primary]]; got {'indicator': 'x'"),
        ("primary = ['gender']",
         "primary must be a list of tables, each below [[primary]]; got ['gender']. Correct it."),
        (f"[[primary]]\n{ROW}metrics = 'a'", "key of primary.1 must be one of: dataset, feature, group, indicator, "
         "kind, measure, metric, reference, tolerance; got 'metrics'. Did you mean 'metric'?"),
        (f"[[primary]]\n{ROW}[[primary]]\nindicator = 'x'\nmetric = 'hit'\nkind = 'gap'",
         "primary.2.feature must be text in quotation marks; it is missing. Add it."),
        (f"tolerance = 1.0\n[[primary]]\n{ROW}",
         "tolerance of the plan must be a number between 0 and 1; got 1.0. A usual choice is 0.05."),
        (f"tolerance = nan\n[[primary]]\n{ROW}", "tolerance of the plan must be a number between 0 and 1; got nan."),
        (f"tolerance = true\n[[primary]]\n{ROW}", "tolerance must be a number; got True."),
        (f"alpha = 0\n[[primary]]\n{ROW}",
         "alpha of the plan must be a number between 0 and 1; got 0.0. A usual choice is 0.05."),
        (f"alpha = '5 %'\n[[primary]]\n{ROW}", "alpha must be a number; got '5 %'."),
        (f"[[primary]]\n{ROW}[[primary]]\n{ROW.replace('one_vs_rest', 'gap')}tolerance = -0.1",
         "tolerance of plan row 2 must be a number between 0 and 1; got -0.1. A usual choice is 0.05."),
        (f"name = 3\n[[primary]]\n{ROW}", "name must be text in quotation marks; got 3. Correct it."),
        (f"[[primary]]\n{ROW.replace('gender', '')}", "feature of plan row 1 must be a text; got ''."),
        (f"[[primary]]\n{ROW}group = 5", "primary.1.group must be text in quotation marks; got 5. Correct it."),
        (f"[[primary]]\n{ROW.replace('one_vs_rest', 'gaps')}",
         "kind of plan row 1 must be one of: concentration, departure, gap, omnibus, one_vs_rest, reference, slope; "
         "got 'gaps'. Did you mean 'gap'?"),
        (f"[[primary]]\n{ROW}measure = 'per_step'", "measure of plan row 1 (kind 'one_vs_rest') must be one of: "
                                                    "difference, "
                                                    "ratio; got 'per_step'. Choose one of them."),
        (f"[[primary]]\n{ROW.replace('one_vs_rest', 'slope')}group = 'a'",
         "group of plan row 1 must be left out for kind "
         "'slope'; got 'a'. It belongs to kind 'one_vs_rest' or 'reference'."),
        (f"[[primary]]\n{ROW.replace('one_vs_rest', 'departure')}measure = 'per_step'",
         "measure of plan row 1 must be left out for kind 'departure'; got 'per_step'. Remove it."),
        (f"[[primary]]\n{ROW.replace('one_vs_rest', 'reference')}reference = 'mean of the others'",
         "reference of plan row 1 must be the name of a group for kind 'reference'; got 'mean of the others'. "
         "It belongs to kind 'one_vs_rest'."),
        (f"[[primary]]\n{ROW}" * 2, "plan rows must name different comparisons; got kind 'one_vs_rest' of "
                                    "gender on hit (x) "
                                    "in rows 1 and 2. Remove one of them or tell them apart."),
        ("[[primary]\n", " must be TOML in UTF-8; got: "),
    ],
)  # fmt: skip
def test_what_a_plan_cannot_be(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(tmp_path, text)
    place = next(name for name in (f"plan {tmp_path / 'plan.toml'}", "plan 'plan.toml'") if name in str(caught.value))
    assert str(caught.value).startswith(place)
    assert str(caught.value).removeprefix(place).removeprefix(": ").startswith(sentence)
    assert "\n" not in str(caught.value)


def test_a_plan_that_is_not_there_or_no_text(tmp_path: Path) -> None:
    for path, got in ((tmp_path / "absent.toml", "no such file"), (tmp_path, "a folder")):
        with pytest.raises(ConfigError, match=rf"plan {path} must be a readable file; got {got}\. Check its path\."):
            read_plan(path)
    (tmp_path / "plan.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match=r"plan .*plan\.toml must be TOML in UTF-8; got: 'utf-8' codec"):
        read_plan(str(tmp_path / "plan.toml"))


@pytest.mark.parametrize(
    ("one", "two", "overlap"),
    [
        ({}, {"tolerance": 0.2}, True),
        ({}, {"measure": "difference"}, True),
        ({}, {"group": "a"}, True),  # the first row means every group
        ({"dataset": "d"}, {"group": "a"}, True),  # both mean group a on data set d
        ({}, {"measure": "ratio"}, False),
        ({"group": "a"}, {"group": "b"}, False),
        ({"dataset": "a"}, {"dataset": "b"}, False),
        ({}, {"kind": "gap"}, False),
        ({}, {"metric": "hit@5"}, False),
        ({}, {"reference": MEAN_OF_OTHERS}, False),
        ({"group": "a"}, {"reference": MEAN_OF_OTHERS}, False),
        ({"reference": MEAN_OF_OTHERS}, {"reference": MEAN_OF_OTHERS, "group": "a"}, True),
        ({"kind": "slope"}, {"kind": "slope", "measure": "per_step"}, True),
    ],
)
def test_rows_that_mean_the_same_comparison_are_refused(one: Any, two: Any, overlap: bool) -> None:
    for pair in ((planned(**one), planned(**two)), (planned(**two), planned(**one))):
        if overlap:
            with pytest.raises(ConfigError, match="plan rows must name different comparisons"):
                Plan(pair)
        else:
            assert len(Plan(pair).primary) == 2


def test_a_plan_made_in_python_is_checked_like_a_file() -> None:
    with pytest.raises(ConfigError, match=r"a plan must name at least one primary comparison; got none\."):
        Plan(())
    with pytest.raises(ConfigError, match="kind of plan row 1 must be one of"):
        Plan((planned(kind="best"),))
    assert plan_document((), tolerance=0.05, alpha=0.05, name="n")["primary"] == []


@pytest.mark.parametrize(
    ("overall", "tolerance"),
    [(0.5, 0.05), (0.1, 0.05), (0.9, 0.05), (0.08, 0.04), (0.01, 0.005), (0.96, 0.02), (0.0, 0.0), (1.0, 0.0)],
)
def test_a_rare_harm_can_exceed_its_default_tolerance(overall: float, tolerance: float) -> None:
    assert default_tolerance(overall) == pytest.approx(tolerance)


def test_nothing_measured_has_no_tolerance() -> None:
    assert math.isnan(default_tolerance(float("nan")))


def test_kinds_and_measures_are_those_of_the_tables() -> None:
    columns = schema()["properties"]["results"]["items"]["properties"]["disparities"]["items"]["properties"]
    assert set(KINDS) == set(columns["kind"]["enum"])
    assert {m for measures in MEASURES.values() for m in measures} | {""} == set(columns["measure"]["enum"])


NAMES = st.sampled_from(["", "a", "b"])


@given(st.tuples(NAMES, NAMES, NAMES), st.tuples(NAMES, NAMES, NAMES))
def test_rows_overlap_where_some_comparison_fits_both(one: tuple[str, str, str], two: tuple[str, str, str]) -> None:
    """By brute force over all comparisons that there could be."""
    rows = [planned(dataset=d, group=g, reference=r) for d, g, r in (one, two)]
    values = ("a", "b")
    fits = any(
        all(row.dataset in ("", d) and row.group in ("", g) and row.reference in ("", r) for row in rows)
        for d in values for g in values for r in values
    )  # fmt: skip
    assert rows[0].overlaps(rows[1]) == fits
