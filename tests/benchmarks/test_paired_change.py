"""The benchmark of changes enumerates what it simulates, and misses its bars where it should."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from benchmarks.paired_change import Cell, Found, measure, tables

CELL = Cell((20, 60), (0.2, 0.1), 0.1)


def test_enumerated_tables_have_the_frequencies_of_drawn_ones(rng: np.random.Generator) -> None:
    enumerated = tables(CELL, 100_000)
    assert enumerated is not None
    pairs, mass = enumerated
    drawn = CELL.draw(0.0, 50_000, rng)
    assert mass.sum() == pytest.approx(1.0, abs=1e-5)
    for every, some in zip(pairs, drawn, strict=True):
        assert (every * mass).sum(axis=1) == pytest.approx(some.mean(axis=1), rel=0.02)
    assert (pairs.value * mass).sum() == pytest.approx(0.0, abs=1e-5)
    assert tables(CELL, 100) is None


def test_the_true_difference_is_half_on_either_side(rng: np.random.Generator) -> None:
    assert CELL.draw(0.05, 50_000, rng).value.mean() == pytest.approx(0.05, abs=0.003)


def test_a_design_holds_by_enumeration_and_by_simulation() -> None:
    exact = measure(CELL, 20_000, 0)
    assert exact.exact
    assert not exact.missed(CELL)
    assert min(exact.coverage) > 0.9


@pytest.mark.parametrize(
    ("fields", "missed"),
    [({}, False), ({"alarms": (0.05, 0.0031, 0.001)}, True), ({"alarms": (0.05, 0.0031, 0.001), "exact": False}, False),
     ({"alarms": (0.05, 0.008, 0.001), "exact": False}, True), ({"coverage": (0.95, 0.9)}, True),
     ({"coverage": (1.0, 1.0)}, True)],
)  # fmt: skip
def test_bars(fields: dict[str, object], missed: bool) -> None:
    cell = Cell((150, 4850), (0.1, 0.1), 0.0)
    held = Found((0.05, 0.0025, 0.0005), 0.5, (0.95, 0.95), True, 20_000)
    assert dataclasses.replace(held, **fields).missed(cell) is missed  # type: ignore[arg-type]
    assert not dataclasses.replace(held, coverage=(1.0, 1.0)).missed(Cell((150, 4850), (0.01, 0.01), 0.0))
