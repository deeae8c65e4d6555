"""One way to write a number; intervals are rounded outwards."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairaudit.reports import notation


@pytest.mark.parametrize(
    ("value", "text"),
    [(0.71249, "0.712"), (-0.5, "−0.500"), (0.0, "0.000"), (-0.0, "0.000"), (0.00042, "0.0004"), (12.3456, "12.346"),
     (1234.56, "1,234.6"), (float("nan"), "n/a"), (float("-inf"), "−infinity"), (float("inf"), "infinity"),
     (1e-15, "0.000")],
)  # fmt: skip
def test_number(value: float, text: str) -> None:
    assert notation.number(value) == text


def as_float(text: str) -> float:
    return float(text.replace("−", "-").replace(",", ""))


@given(st.floats(-1e5, 1e5), st.floats(0, 10))
def test_a_printed_interval_covers_the_interval(low: float, width: float) -> None:
    printed_low, printed_high = notation.interval(low, low + width).split(" to ")
    assert as_float(printed_low) <= low + 1e-11
    assert as_float(printed_high) >= low + width - 1e-11


@given(st.floats(0, 1))
def test_at_least_never_says_more_and_at_most_never_less(size: float) -> None:
    assert as_float(notation.at_least(size)) - 1e-11 <= size <= as_float(notation.at_most(size)) + 1e-11
    assert as_float(notation.at_most(size)) - as_float(notation.at_least(size)) <= 0.001 + 1e-12


def test_an_interval_without_a_bound_is_not_written_as_a_number() -> None:
    assert notation.interval(math.nan, 0.3) == "n/a"


def test_counts_p_values_sizes_and_plurals() -> None:
    assert notation.count(12034.0) == "12,034"
    assert notation.count(math.nan) == "n/a"
    assert [notation.p_value(p) for p in (0.0002, 0.0449, math.nan)] == ["<0.001", "0.045", "n/a"]
    assert [notation.size(n) for n in (950, 4_770_000, 10_000_000_000)] == ["950", "4.8 million", "10.0 billion"]
    assert [notation.plural(n, "file") for n in (1, 1200)] == ["1 file", "1,200 files"]


@given(st.text())
def test_slug_is_a_plain_anchor(text: str) -> None:
    assert set(notation.slug(text, "x")) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    assert notation.slug(text)
