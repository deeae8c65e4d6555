"""Groupings of raw values, and crossings of several of them."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fairaudit.tabular.crossing import Crossing, Grouping


@pytest.mark.parametrize(
    ("values", "levels", "codes"),
    [
        (["b", "a", "b"], ["a", "b"], [1, 0, 1]),
        ([3, 1], [1, 3], [1, 0]),
        ([True, False], [False, True], [1, 0]),
        (["z", None, "a"], ["a", "z", "not recorded"], [1, 2, 0]),
        (["z", "not recorded", None], ["z", "not recorded"], [0, 1, 1]),
        ([1, float("nan"), 10], ["1", "10", "not recorded"], [0, 2, 1]),
        ([None, None], ["not recorded"], [0, 0]),
        (pd.Series(["b", "a"], dtype="category"), ["a", "b"], [1, 0]),
        (pd.Series([2, None], dtype="Int64"), ["2", "not recorded"], [0, 1]),
    ],
)
def test_levels_are_sorted_and_the_lack_of_one_is_last(values: Any, levels: list[Any], codes: list[int]) -> None:
    found = Grouping.of("x", values)
    assert found.levels.tolist() == levels
    assert found.codes.tolist() == codes
    assert found.recorded.tolist() == [level != "not recorded" for level in levels]


def test_a_crossing_is_the_product_of_its_features() -> None:
    first, second = Grouping.of("a", ["x", "y", "x"]), Grouping.of("b", [1, None, 3])
    crossed = Crossing.of([first, second], n=3)
    expected = list(itertools.product(["x", "y"], ["1", "3", "not recorded"]))
    assert crossed.index().tolist() == expected
    assert [expected[code] for code in crossed.codes] == [("x", "1"), ("y", "not recorded"), ("x", "3")]
    assert crossed.recorded.tolist() == [b != "not recorded" for _, b in expected]
    assert crossed.names[0] == "x & 1"
    assert Crossing.of([second], n=3).index(within=Crossing.of([first], n=3)).equals(crossed.index())


def test_no_feature_is_one_group_of_all() -> None:
    nothing = Crossing.of([], n=4)
    assert (len(nothing), nothing.codes.tolist(), nothing.recorded.tolist()) == (1, [0] * 4, [True])
    alone = Crossing.of([Grouping.of("a", np.array([1.5, 0.5]))], n=2)
    assert alone.index(within=nothing).equals(pd.Index([0.5, 1.5], name="a"))
