"""How sure a share of simulated draws is, and cells that are simulated in processes of their own."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import TypeVar

from scipy import stats

#: Coverage of a share's Monte Carlo interval: a bar is missed when it lies outside.
LEVEL = 0.99
_ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")

Cell = TypeVar("Cell")
Found = TypeVar("Found")


def bounds(count: int, n: int) -> tuple[float, float]:
    """Return the 99 % interval (Clopper and Pearson) of a share of which ``count`` of ``n`` draws were seen."""
    interval = stats.binomtest(count, n).proportion_ci(LEVEL)
    return float(interval.low), float(interval.high)


def outside(count: int, n: int, *, low: float = 0.0, high: float = 1.0) -> bool:
    """Whether a share is below ``low`` or above ``high`` beyond what chance explains."""
    least, most = bounds(count, n)
    return most < low or least > high


def in_processes(
    measure: Callable[[Cell, int, int], Found], cells: Sequence[Cell], draws: int, *, workers: int | None
) -> Iterator[tuple[Cell, Found]]:
    """Yield each cell, in order, with what ``measure(cell, draws, seed)`` found in a process with one thread."""
    os.environ.update(_ONE_THREAD)  # the processes inherit it before they load numpy
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        found = pool.map(measure, cells, [draws] * len(cells), range(len(cells)))
        yield from zip(cells, found, strict=True)
