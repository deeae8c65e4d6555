from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fairaudit.describe.reservoir import ROW, Reservoir


def rows_kept(n: int, size: int, *, seed: int, batch: int) -> list[int]:
    reservoir = Reservoir(size, seed=seed)
    for start in range(0, n, batch):
        reservoir.add(pa.table({"x": [str(i) for i in range(start, min(start + batch, n))]}))
    assert reservoir.seen == n
    table = reservoir.sample()
    kept: list[int] = table[ROW].to_pylist()
    assert table["x"].to_pylist() == [str(i) for i in kept]
    return kept


@given(n=st.integers(1, 300), size=st.integers(1, 60), seed=st.integers(0, 10), batch=st.integers(1, 80))
def test_the_sample_is_the_rows_with_the_smallest_random_numbers(n: int, size: int, seed: int, batch: int) -> None:
    # Another way: all numbers at once, sorted.
    numbers = np.random.default_rng(seed).random(n)
    assert rows_kept(n, size, seed=seed, batch=batch) == sorted(np.argsort(numbers)[:size].tolist())


def test_rows_are_dropped_on_the_way_and_the_sample_stays_the_same() -> None:
    numbers = np.random.default_rng(3).random(100_000)
    assert rows_kept(100_000, 50, seed=3, batch=7_000) == sorted(np.argsort(numbers)[:50].tolist())


def test_each_row_and_each_pair_has_the_same_chance() -> None:
    n, size, draws = 12, 4, 3000
    inside = np.zeros((draws, n))
    for seed in range(draws):
        inside[seed, rows_kept(n, size, seed=seed, batch=5)] = 1
    # Chi-square of all rows: the counts of a sample without replacement vary less than independent ones, by 1 - size/n.
    counts, expected = inside.sum(axis=0), draws * size / n
    statistic = ((counts - expected) ** 2).sum() / (expected * (1 - size / n)) * (n - 1) / n
    assert stats.chi2.sf(statistic, n - 1) > 0.001
    pairs = (inside.T @ inside)[np.triu_indices(n, 1)]
    chance = size * (size - 1) / (n * (n - 1))
    assert np.abs(pairs / draws - chance).max() < 5 * np.sqrt(chance * (1 - chance) / draws)


def test_a_stream_without_rows_has_no_sample() -> None:
    reservoir = Reservoir(3, seed=0)
    assert reservoir.sample() is None
    reservoir.add(pa.table({"x": pa.array([], pa.string())}))
    assert (reservoir.sample(), reservoir.seen) == (None, 0)


@pytest.mark.parametrize("size", [1, 5, 9])
def test_a_short_stream_is_kept_whole(size: int) -> None:
    assert rows_kept(size, 9, seed=1, batch=2) == list(range(size))
