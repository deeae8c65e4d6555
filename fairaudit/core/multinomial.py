r"""Multinomial counts for a bootstrap, many columns at a time: how often each unit is drawn.

Independent Poisson counts with means in proportion to the units' multiplicities are, given their total :math:`t`,
multinomial with :math:`t` trials [1]_. So that is drawn first, with means a little too low; a column whose total
exceeds the wanted number :math:`n` is drawn anew, and :math:`n - t` single draws are added to the others. Whether a
column is kept depends on its total alone, and the sum of independent multinomials with equal probabilities is
multinomial: the result is exact.

Poisson counts come from a table that 13 random bits index [2]_. An entry in which the distribution function steps holds
a mark, and is decided by inversion with 53 more bits.

References
----------
.. [1] Johnson, Kotz and Balakrishnan (1997), "Discrete Multivariate Distributions", ch. 35.
.. [2] Marsaglia, Tsang and Wang (2004), "Fast Generation of Discrete Random Variables", J. Statistical Software 11(3).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.special import pdtr

from fairaudit.core.outcomes import Floats, Ints

Counts = npt.NDArray[Any]  # float32, or float64 where a count could exceed what float32 holds exactly
FLOAT32_EXACT = 2**24
_TABLE_BITS = 13  # a table has 8 KiB and stays in the first-level cache
_UNDECIDED = 255
_LARGEST_IN_TABLE = 192  # a Poisson count with this mean exceeds 254 once in 100 000, and is then undecided
_MARGIN = 1.25  # standard deviations by which the Poisson total stays below n: about one column in 10 is not used
_FEW = 16


class Urn:
    """Draws as many units as there are, with replacement, and counts how often each came.

    Parameters
    ----------
    multiplicity : ndarray of int, shape (K,)
        How many equal units each entry stands for, at least 1; ascending.
    """

    def __init__(self, multiplicity: Ints) -> None:
        self.multiplicity = multiplicity
        self.n = int(multiplicity.sum())
        self.dtype: Any = np.float32 if self.n < FLOAT32_EXACT else np.float64
        self._n_small = int(np.searchsorted(multiplicity, _LARGEST_IN_TABLE, side="right"))
        k, n_large = len(multiplicity), len(multiplicity) - self._n_small
        # In ns per column: numpy's binomial split 60 a unit; here a table 5, a large mean 80, a single draw 10.
        self._splits = k <= _FEW or 60 * k <= 5 * k + 80 * n_large + 10 * _MARGIN * np.sqrt(self.n)
        if self._splits:
            return
        # The share left to single draws is rounded up, to quarters of an octave: urns of like size share their tables.
        self._rate = float(1 - 2 ** (np.ceil(4 * np.log2(_MARGIN / np.sqrt(self.n))) / 4))
        values, starts = np.unique(multiplicity[: self._n_small], return_index=True)
        self._rows = list(zip(starts.tolist(), [*starts[1:].tolist(), self._n_small], strict=True))
        found = [_table(m, self._rate) for m in values.tolist()]
        self._tables = [table for table, _ in found]
        # One ascending sequence for all multiplicities: class c lies in [c, c + 1].
        self._cdf = np.concatenate([np.empty(0), *(c + cdf for c, (_, cdf) in enumerate(found))])
        self._first = np.cumsum([0, *(len(cdf) for _, cdf in found)])
        self._class_of = np.repeat(np.arange(len(values)), [b - a for a, b in self._rows])
        self._unit_of_draw = np.repeat(np.arange(k), multiplicity)

    def draw(self, rng: np.random.Generator, n_columns: int) -> Counts:
        """Return counts, shape (K, B), of ``n_columns`` independent drawings; every column sums to ``n``."""
        if self._splits:
            shares = self.multiplicity / self.n
            return np.ascontiguousarray(rng.multinomial(self.n, shares, size=n_columns).T, dtype=self.dtype)
        counts, totals = self._not_above_n(rng, n_columns)
        missing = (self.n - totals[:n_columns]).astype(np.int64)
        units = self._unit_of_draw * counts.shape[1]
        at = units.take(rng.integers(0, self.n, int(missing.sum()), dtype=np.uint32), mode="clip")
        at += np.repeat(np.arange(n_columns), missing)
        np.add.at(counts.reshape(-1), at, self.dtype(1))
        return counts[:, :n_columns]

    def _not_above_n(self, rng: np.random.Generator, n_columns: int) -> tuple[Counts, Counts]:
        """Return Poisson counts with spare columns, and their totals; the first ``n_columns`` are not above ``n``."""
        counts = self._poisson(rng, n_columns + n_columns // 8 + 4)
        ones = np.ones(len(counts), dtype=self.dtype)
        totals = ones @ counts
        spare = np.flatnonzero(totals[n_columns:] <= self.n) + n_columns
        while (over := np.flatnonzero(totals[:n_columns] > self.n)).size:
            if len(spare) == 0:
                counts[:, n_columns:] = self._poisson(rng, counts.shape[1] - n_columns)
                totals[n_columns:] = ones @ counts[:, n_columns:]
                spare = np.flatnonzero(totals[n_columns:] <= self.n) + n_columns
            over, spare, taken = over[: len(spare)], spare[len(over) :], spare[: len(over)]
            counts[:, over], totals[over] = counts[:, taken], totals[taken]
        return counts, totals

    def _poisson(self, rng: np.random.Generator, n_columns: int) -> Counts:
        size = self._n_small * n_columns
        index = rng.integers(0, 2**64, -(-size // 4), dtype=np.uint64).view(np.uint16)[:size]
        index >>= np.uint16(16 - _TABLE_BITS)
        index = index.reshape(self._n_small, n_columns)
        small = np.empty((self._n_small, n_columns), dtype=np.uint8)
        for table, (start, stop) in zip(self._tables, self._rows, strict=True):
            table.take(index[start:stop], out=small[start:stop], mode="clip")
        counts = np.empty((len(self.multiplicity), n_columns), dtype=self.dtype)
        counts[: self._n_small] = small
        undecided = np.flatnonzero(small.reshape(-1) == _UNDECIDED)
        at = (index.reshape(-1)[undecided] + rng.random(len(undecided))) / 2**_TABLE_BITS
        own = self._class_of[undecided // n_columns]
        counts.reshape(-1)[undecided] = self._cdf.searchsorted(own + at, side="right") - self._first[own]
        if self._n_small < len(counts):
            large = self.multiplicity[self._n_small :, None] * self._rate
            counts[self._n_small :] = rng.poisson(large, (len(large), n_columns))
        return counts


@lru_cache(maxsize=1024)
def _table(multiplicity: int, rate: float) -> tuple[npt.NDArray[np.uint8], Floats]:
    """Return the table of a Poisson count, and its distribution function at 0, 1, ..."""
    cdf = np.asarray(pdtr(np.arange(3 * multiplicity + 40), multiplicity * rate))
    cells = 2**_TABLE_BITS
    steps = np.floor(cdf * cells).astype(np.int64)
    filled = np.repeat(np.arange(len(cdf) + 1), np.diff(steps, prepend=0, append=cells))
    table = np.minimum(filled, _UNDECIDED).astype(np.uint8)
    table[steps[steps < cells]] = _UNDECIDED
    return table, cdf
