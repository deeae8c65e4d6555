"""``Reservoir``: a simple random sample of a stream, in memory that does not grow with the stream."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow as pa

#: Columns of the sample besides those of the stream; no column of a table begins with a space.
ROW = " row"
_KEY = " key"
#: Least number of rows beyond the sample that are collected before they are dropped.
_LEAST_SLACK = 16_384


class Reservoir:
    """A simple random sample without replacement from a stream of tables [1]_.

    Every row draws a number from [0, 1), and the ``size`` rows with the smallest numbers stay: each row, and each set
    of ``size`` rows, has the same chance. The numbers are drawn row by row, so the sample depends on the rows and the
    seed alone, not on how the stream is cut into batches.

    Parameters
    ----------
    size : int
        Rows of the sample, at least 1; a shorter stream is kept whole.
    seed : int
        Not negative.

    References
    ----------
    .. [1] Vitter (1985), "Random Sampling with a Reservoir", ACM TOMS 11(1); by keys as in Efraimidis and Spirakis
       (2006), Information Processing Letters 97(5), with equal weights.
    """

    def __init__(self, size: int, *, seed: int) -> None:
        self.size = size
        #: Rows seen so far.
        self.seen = 0
        self._rng = np.random.default_rng(seed)
        self._bound = 1.0
        self._kept: list[Any] = []
        self._waiting = 0

    def add(self, batch: Any) -> None:
        """Offer the rows of a ``pyarrow.Table``; all batches have the same columns."""
        keys = self._rng.random(batch.num_rows)
        rows = np.arange(self.seen, self.seen + batch.num_rows)
        self.seen += batch.num_rows
        chosen = np.flatnonzero(keys < self._bound)
        if not len(chosen):
            return
        # ``take`` copies, so that the few rows that stay do not keep their batch in memory.
        part = batch.take(pa.array(chosen))
        part = part.append_column(ROW, pa.array(rows[chosen])).append_column(_KEY, pa.array(keys[chosen]))
        self._kept.append(part)
        self._waiting += len(chosen)
        if self._waiting > self.size + max(self.size // 2, _LEAST_SLACK):
            self._drop()

    def sample(self) -> Any:
        """Return the sample as a ``pyarrow.Table`` in stream order, with row numbers in ``ROW``; None if empty."""
        self._drop()
        return self._kept[0].sort_by(ROW).drop_columns([_KEY]) if self._kept else None

    def _drop(self) -> None:
        """Drop the rows that cannot be in the sample."""
        if not self._kept:
            return
        table = pa.concat_tables(self._kept)
        if table.num_rows > self.size:
            keys = table[_KEY].to_numpy()
            first = np.argpartition(keys, self.size - 1)[: self.size]
            self._bound = float(keys[first].max())
            table = table.take(pa.array(first))
        self._kept, self._waiting = [table.combine_chunks()], table.num_rows
