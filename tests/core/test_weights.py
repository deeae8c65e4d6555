"""Row weights: what is read, what is refused, and Kish's effective size against a simulation."""

from __future__ import annotations

import doctest
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fairaudit.core import weights as module
from fairaudit.core.errors import DataError
from fairaudit.core.weights import effective_size, read_weights


def test_the_documented_example_is_true() -> None:
    found = doctest.testmod(module)
    assert (found.failed, found.attempted > 0) == (0, True)


@pytest.mark.parametrize(
    "column",
    [
        [1, 3, 0, 4], pd.Series([1, 3, 0, 4], index=[7, 7, 2, 1], dtype="Int8"), ["1", " 3.0", "0", "4e0"],
        np.array([1, 3, 0, 4]) * 4e307, np.array([1, 3, 0, 4]) * 1e-300,
        pd.Series(["1", "3", "0", "4"], dtype="string"),
    ],
)  # fmt: skip
def test_weights_have_a_mean_of_one_in_any_unit(column: Any) -> None:
    assert read_weights("w", column) == pytest.approx([0.5, 1.5, 0, 2], rel=1e-12)


@pytest.mark.parametrize(
    ("column", "got"),
    [
        ([1.0, -0.5, 2], "'-0.5' in row 2 (1 such rows)"),
        ([1.0, np.nan, np.inf], "no value in row 2 (2 such rows)"),
        ([np.inf, 1.0, 1.0], "'inf' in row 1 (1 such rows)"),
        (["1", "two", ""], "'two' in row 2 (2 such rows)"),
        (["", "1", "1"], "no value in row 1 (1 such rows)"),
        (pd.Series([None, 1, 2]), "no value in row 1 (1 such rows)"),
        (pd.to_datetime(["2020-01-01"] * 3), "'2020-01-01 00:00:00' in row 1 (3 such rows)"),
        (pd.Series([[1], 1, 2]), "'[1]' in row 1 (1 such rows)"),
        ([1 + 1j, 1, 1], "'(1+1j)' in row 1 (3 such rows)"),
    ],
)
def test_what_is_no_weight_is_refused(column: Any, got: str) -> None:
    with pytest.raises(DataError) as caught:
        read_weights("sample_weight", column)
    assert str(caught.value) == (
        f"sample_weight must be a finite number of 0 or more in every row; got {got}. Correct it, or write 0 for rows "
        "that must not count."
    )


def test_all_zero_weights_are_refused() -> None:
    with pytest.raises(DataError) as caught:
        read_weights("sample_weight", np.zeros(1200))
    assert str(caught.value) == ("sample_weight must be above 0 in at least one row; got 0 in all 1,200. Leave it out.")


def test_the_effective_size_is_that_of_the_weighted_mean(rng: np.random.Generator) -> None:
    weights = rng.lognormal(0, 1, 50)
    means = rng.normal(size=(40_000, 50)) @ weights / weights.sum()
    assert effective_size(weights) == pytest.approx(1 / means.var(), rel=0.03)
    assert effective_size(np.zeros(3)) == 0
