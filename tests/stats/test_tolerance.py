"""Tolerances of rows, by hand from the rule: min(.05, min(p, 1 - p) / 2), over the range for slopes."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from fairaudit.core.comparison import Comparison
from fairaudit.core.errors import ConfigError
from fairaudit.stats.tolerance import with_tolerance

HIT, LOSS, AUROC = "share", "unbounded", "auroc"


def tolerance(unit: str, overall: float, kind: str, measure: str, width: float = 4.0, **literal: Any) -> Any:
    row = Comparison(
        metric="m",
        feature="age",
        kind=kind,
        measure=measure,
        overall=overall,
        width=width,
        unit=unit,  # type: ignore[arg-type]
    )
    options = {"tolerance": None, "slope_tolerance": None, **literal}
    return pytest.approx(with_tolerance(row, **options).tolerance, nan_ok=True)


@pytest.mark.parametrize("kind", ["one_vs_rest", "reference", "gap"])
def test_differences(kind: str) -> None:
    assert tolerance(HIT, 0.4, kind, "difference") == 0.05
    assert tolerance(HIT, 0.012, kind, "difference") == 0.006
    assert tolerance(HIT, 0.98, kind, "difference") == 0.01
    assert tolerance(HIT, 0.012, kind, "difference", tolerance=0.2) == 0.2
    assert tolerance(AUROC, 0.97, kind, "difference") == 0.05
    assert tolerance(AUROC, 0.97, kind, "difference", tolerance=0.02) == 0.02
    assert tolerance(LOSS, 0.4, kind, "difference") == np.nan
    assert tolerance(LOSS, 4.0, kind, "difference", tolerance=0.3) == 0.3


def test_a_ratio_has_the_tolerance_of_its_difference() -> None:
    """Half as much again of a rare harm is the difference of half its share."""
    assert tolerance(HIT, 0.01, "one_vs_rest", "ratio") == 0.5
    assert tolerance(HIT, 0.5, "gap", "ratio") == 0.1
    assert tolerance(HIT, 0.5, "gap", "ratio", tolerance=0.2) == 0.2
    assert tolerance(HIT, 0.0, "gap", "ratio") == 0.0


def test_slopes_have_it_over_the_range() -> None:
    assert tolerance(HIT, 0.4, "slope", "per_step") == 0.0125
    assert tolerance(HIT, 0.02, "slope", "per_doubling", 10.0) == 0.001
    assert tolerance(HIT, 0.4, "slope", "per_step", tolerance=0.2) == 0.05
    assert tolerance(HIT, 0.4, "slope", "per_step", tolerance=0.2, slope_tolerance=0.03) == 0.03
    assert tolerance(HIT, 0.4, "slope", "per_step", 0.0) == np.nan
    assert tolerance(LOSS, 0.4, "slope", "per_step") == np.nan
    assert tolerance(LOSS, 0.4, "slope", "per_step", slope_tolerance=0.9) == 0.9


@pytest.mark.parametrize("kind", ["concentration", "departure", "omnibus"])
def test_what_has_another_unit_has_none(kind: str) -> None:
    assert tolerance(HIT, 0.4, kind, "") == np.nan


def test_a_slope_that_shares_cannot_have_is_no_tolerance() -> None:
    said = (
        r"slope_tolerance must be below 0\.1 for age: over its range of 10, a share cannot change by more than 1; "
        r"got 0\.2\. Leave it out for the default\."
    )
    with pytest.raises(ConfigError, match=said):
        tolerance(HIT, 0.4, "slope", "per_doubling", 10.0, slope_tolerance=0.2)


def test_nothing_else_of_the_row_changes() -> None:
    row = Comparison(metric="m", feature="age", kind="gap", measure="difference", overall=0.4, value=0.3, note="x")
    assert dataclasses.asdict(with_tolerance(row, tolerance=None, slope_tolerance=None)) == pytest.approx(
        {**dataclasses.asdict(row), "tolerance": 0.05}, nan_ok=True
    )
