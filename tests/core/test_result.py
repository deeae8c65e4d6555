"""The tidy tables: exact columns, NaN for absent numbers, no column lost by a misspelling."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fairaudit.core.comparison import Comparison, Influence
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


def rows(n: int) -> tuple[Comparison, ...]:
    return tuple(Comparison(metric="hit", feature="g", kind="gap", measure="difference", value=at) for at in range(n))


def measured(n: int) -> Measured:
    return Measured(table([], GROUP_COLUMNS), rows(n), table([], STATISTIC_COLUMNS))


def test_the_table_of_disparities_is_that_of_the_rows() -> None:
    one = Comparison(
        metric="hit", feature="g", kind="gap", measure="difference", value=0.25, n=7, selection_adjusted_p=0.3,
        overall=0.5, width=3.0, unit="auroc", influence=lambda: Influence(np.array([]), np.array([])),
    )  # fmt: skip
    frame = Measured(table([], GROUP_COLUMNS), (one,), table([], STATISTIC_COLUMNS)).disparities
    assert tuple(frame.columns) == DISPARITY_COLUMNS
    (made,) = frame.to_dict("records")
    assert (made["value"], made["n"], made["family"], made["verdict"], made["extent"]) == (
        0.25, 7, "exploratory", "", "",
    )  # fmt: skip
    assert np.isnan([made[name] for name in ("p_value", "p_adjusted", "ci_low", "tolerance")]).all()
    assert tuple(measured(0).disparities.columns) == DISPARITY_COLUMNS


def test_an_indicator_passes_its_rows_through() -> None:
    indicator = Indicator("x", "1", "X", "?", "people", object, lambda **_: None)  # type: ignore[arg-type]
    found = measured(2)
    made = indicator.result(dataset="d", headline="hit", measured=found, params={}, metrics={})
    assert made.comparisons == found.comparisons
    assert made.disparities["value"].tolist() == [0, 1]


@pytest.mark.parametrize("n", [1, 3])
def test_rows_that_are_not_those_of_the_table_are_refused(n: int) -> None:
    text = rf"comparisons must be the 2 rows of disparities, in its order; got {n}"
    with pytest.raises(ValueError, match=text):
        result(disparities=measured(2).disparities, comparisons=rows(n))
    assert result(disparities=measured(2).disparities).comparisons == ()


def test_rows_are_neither_shown_nor_compared() -> None:
    assert "Comparison" not in repr(result(disparities=measured(2).disparities, comparisons=rows(2)))
    assert {f.name: (f.compare, f.repr) for f in dataclasses.fields(IndicatorResult)}["comparisons"] == (False, False)
