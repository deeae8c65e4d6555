"""The tidy tables: exact columns, NaN for absent numbers, no column lost by a misspelling."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from fairaudit.core.result import (
    CURVE_COLUMNS,
    DISPARITY_COLUMNS,
    GROUP_COLUMNS,
    NUMERIC,
    STATISTIC_COLUMNS,
    IndicatorResult,
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
