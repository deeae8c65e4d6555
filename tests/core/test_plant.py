"""A planted disparity counts as found only by its verdict, in its row, in its direction."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from fairaudit.core.audit import AuditResult, ModelCard
from fairaudit.core.plant import Plant
from fairaudit.core.result import (
    CURVE_COLUMNS,
    DISPARITY_COLUMNS,
    GROUP_COLUMNS,
    STATISTIC_COLUMNS,
    IndicatorResult,
    table,
)

PLANT = Plant("dark photographs", "x", "skin", "one_vs_rest", "dark", "lower", "Underexposed.", ("net",))


def audit(*rows: dict[str, Any], indicator: str = "x") -> AuditResult:
    result = IndicatorResult(
        indicator, "1", "X", "?", "data", "hit", table([], GROUP_COLUMNS), table(rows, DISPARITY_COLUMNS),
        table([], CURVE_COLUMNS), table([], STATISTIC_COLUMNS),
    )  # fmt: skip
    model = ModelCard("net", "x", "x", 1, 1, "", {})
    return AuditResult(model, (), (result,), (), {}, {}, {})


ROW = {
    "metric": "hit",
    "feature": "skin",
    "kind": "one_vs_rest",
    "group": "dark",
    "value": -0.2,
    "verdict": "disparity",
}


def test_found() -> None:
    assert PLANT.found(audit(ROW))
    assert PLANT.found(audit({**ROW, "group": "light", "value": 0.2}, ROW))
    higher = dataclasses.replace(PLANT, direction="higher")
    assert not higher.found(audit(ROW))
    assert higher.found(audit({**ROW, "value": 0.2}))
    slope = dataclasses.replace(PLANT, kind="slope", group="")
    assert slope.found(audit({**ROW, "kind": "slope", "group": ""}))
    assert not slope.found(audit(ROW))


@pytest.mark.parametrize(
    "change",
    [
        {"value": 0.2},
        {"verdict": "inconclusive"},
        {"verdict": "within_tolerance"},
        {"verdict": ""},
        {"verdict": "not_estimable", "value": None},
        {"metric": "other"},
        {"feature": "age"},
        {"kind": "slope"},
        {"group": "light"},
    ],
)
def test_not_found_elsewhere(change: dict[str, Any]) -> None:
    assert not PLANT.found(audit({**ROW, **change}))


def test_not_found_where_nothing_was_run() -> None:
    assert not PLANT.found(audit(ROW, indicator="y"))
    assert not PLANT.found(audit())
    assert not PLANT.found(dataclasses.replace(audit(), results=()))
