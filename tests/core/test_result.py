"""The tidy tables: exact columns, NaN for absent numbers, no column lost by a misspelling."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fairaudit.core.indicator import Indicator
from fairaudit.core.result import (
    CURVE_COLUMNS,
    DISPARITY_COLUMNS,
    GROUP_COLUMNS,
    NUMERIC,
    STATISTIC_COLUMNS,
    IndicatorResult,
    Measured,
    table,
)


@pytest.mark.parametrize("columns", [GROUP_COLUMNS, DISPARITY_COLUMNS, CURVE_COLUMNS, STATISTIC_COLUMNS])
def test_a_table_has_its_columns_and_types_even_without_rows(columns: tuple[str, ...]) -> None:
    for rows in ([], [{columns[0]: "x"}]):
        made = table(rows, columns)
        assert tuple(made.columns) == columns
        assert len(made) == len(rows)
        for column in columns:
            assert (made[column].dtype == np.float64) == (column in NUMERIC), column


def test_absent_numbers_are_nan_and_absent_texts_are_empty() -> None:
    made = table([{"metric": "hit", "value": None, "n": 3}, {"value": 0}], GROUP_COLUMNS)
    assert made["value"].tolist() == pytest.approx([np.nan, 0], nan_ok=True)
    assert list(made["n"].isna()) == [False, True]
    assert list(made["metric"]) == ["hit", ""]
    assert list(made["note"]) == ["", ""]


def test_a_misspelled_column_does_not_vanish() -> None:
    with pytest.raises(KeyError, match="got valeu"):
        table([{"valeu": 1.0}], GROUP_COLUMNS)


def result(**changes: Any) -> IndicatorResult:
    fields: dict[str, Any] = {
        "groups": table([], GROUP_COLUMNS), "disparities": table([], DISPARITY_COLUMNS),
        "curves": table([], CURVE_COLUMNS), "statistics": table([], STATISTIC_COLUMNS),
    }  # fmt: skip
    return IndicatorResult("x", "1", "X", "?", "data", "hit", **{**fields, **changes})


def test_results_refuse_other_tables() -> None:
    assert result().warnings == ()
    wrong = table([], GROUP_COLUMNS).drop(columns="note")
    with pytest.raises(ValueError, match="table 'groups' of x must have columns"):
        result(groups=wrong)
    turned = table([], CURVE_COLUMNS)[list(reversed(CURVE_COLUMNS))]
    with pytest.raises(ValueError, match="table 'curves' of x must have columns"):
        result(curves=pd.DataFrame(turned))


class _Own:
    def interval(self, level: float) -> tuple[float, float]:
        return 0.0, level

    def min_detectable(self, alpha: float) -> float:
        return alpha


def _tables(rows: int) -> tuple[pd.DataFrame, ...]:
    some = [{"metric": "hit", "kind": "gap", "measure": "difference", "family": "primary"}] * rows
    return table([], GROUP_COLUMNS), table(some, DISPARITY_COLUMNS), table([], STATISTIC_COLUMNS)


def test_an_indicator_passes_the_inference_of_rows_through() -> None:
    groups, disparities, statistics = _tables(2)
    own = _Own()
    indicator = Indicator("x", "1", "X", "?", "people", object, lambda **_: None)  # type: ignore[arg-type]
    made = indicator.result(
        dataset="d", headline="hit", measured=Measured(groups, disparities, statistics, {1: own}), params={}, metrics={}
    )
    assert made.inference == {1: own}
    plain = Measured(groups, disparities, statistics)
    assert indicator.result(dataset="d", headline="hit", measured=plain, params={}, metrics={}).inference == {}


@pytest.mark.parametrize("position", [-1, 2])
def test_the_inference_of_a_row_that_is_not_there_is_refused(position: int) -> None:
    groups, disparities, statistics = _tables(2)
    text = f"inference must belong to one of the 2 rows of disparities; got position {position}"
    with pytest.raises(ValueError, match=text):
        Measured(groups, disparities, statistics, {position: _Own()})
    with pytest.raises(ValueError, match=text):
        IndicatorResult(
            "x", "1", "X", "?", "d", "hit", groups, disparities, table([], CURVE_COLUMNS), statistics,
            inference={position: _Own()},
        )  # fmt: skip


def test_the_inference_of_rows_is_neither_shown_nor_compared() -> None:
    groups, disparities, statistics = _tables(1)
    assert "_Own" not in repr(Measured(groups, disparities, statistics, {0: _Own()}))
    assert {f.name: (f.compare, f.repr) for f in dataclasses.fields(Measured)}["inference"] == (False, False)
    assert {f.name: (f.compare, f.repr) for f in dataclasses.fields(IndicatorResult)}["inference"] == (False, False)
