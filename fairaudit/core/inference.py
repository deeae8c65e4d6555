"""``RowInference``: what a disparity row brings along where the t interval is not the right one for it."""

from __future__ import annotations

from typing import Protocol


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
