"""What a disparity row brings along: how clusters move it, and its own interval where the t interval is not right."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class Influence:
    """How much each cluster moves the value of a disparity row.

    Parameters
    ----------
    clusters : ndarray of str, shape (U,)
        Salted hash of each cluster; the same in every audit of the same data. A cluster that is not here moves
        nothing.
    values : ndarray of float, shape (U,)
        Influence with its small-sample factor: the squares add up to the variance (``estimates``).
    """

    clusters: npt.NDArray[Any]
    values: npt.NDArray[np.float64]


class RowInference(Protocol):
    """The interval and the power of one disparity row, at any level.

    How many rows share the error level is known only when all indicators are done, so a row whose interval is no t
    interval (a largest gap, a ratio) carries the function instead of the number. It lives in memory: a saved audit
    holds the interval that was used.
    """

    def interval(self, level: float) -> tuple[float, float]:
        """Return the lower and upper bound, in the unit of the row's value, with coverage ``level`` in (0, 1)."""

    def min_detectable(self, alpha: float) -> float:
        """Return the least true disparity that a test at ``alpha`` finds with power 80 %; NaN if there is none."""
