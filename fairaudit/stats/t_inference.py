r"""``TInference``: a number with a t test, whose skewness is known.

A studentised number :math:`T` of skewed data is skewed itself, to the other side: the standard error is small where the
number is small. With the skewness :math:`\gamma` of the number, Hall's transformation [1]_

.. math:: T + \tfrac13 \gamma T^2 + \tfrac1{27} \gamma^2 T^3 + \tfrac16 \gamma

has none to first order, and it rises with :math:`T`, so its inversion is the interval.

References
----------
.. [1] Hall (1992), "On the removal of skewness by transformation", Journal of the Royal Statistical Society B 54.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from fairaudit.stats.intervals import min_detectable


@dataclass(frozen=True)
class TInference:
    """A number with a t test.

    Parameters
    ----------
    value, std_error, df : float
    limits : tuple of float
        Range of the number.
    skewness : float
        Of the number.
    """

    value: float
    std_error: float
    df: float
    limits: tuple[float, float] = (-np.inf, np.inf)
    skewness: float = 0.0

    def p_value(self) -> float:
        """Return the two-sided p-value of "zero"."""
        if not self.std_error > 0:
            return t_p_value(self.value, self.std_error, self.df)
        return t_p_value(without_skewness(self.value / self.std_error, self.skewness), 1.0, self.df)

    def interval(self, level: float) -> tuple[float, float]:
        """Return the t interval with coverage ``level``, within the range."""
        quantile = float(stats.t.ppf(0.5 + level / 2, max(self.df, 1.0)))
        low, high = (self.value - self.std_error * with_skewness(q, self.skewness) for q in (quantile, -quantile))
        return max(low, self.limits[0]), min(high, self.limits[1])

    def min_detectable(self, alpha: float, *, power: float = 0.8) -> tuple[float, str]:
        """Return the least number that a test at ``alpha`` detects with ``power``; NaN beyond the range."""
        least = float(min_detectable(self.std_error, self.df, alpha=alpha, power=power))
        return (least, "") if least <= self.limits[1] else (float("nan"), "")


def without_skewness(t: float, skewness: float) -> float:
    """Return Hall's transformation of a studentised statistic, up to its turning point.

    Beyond T = -3 / gamma the standard error is far too small, and the number says no more than there.
    """
    if skewness:
        turn = -3 / skewness
        t = max(t, turn) if skewness > 0 else min(t, turn)
    return t + skewness * t**2 / 3 + skewness**2 * t**3 / 27 + skewness / 6


def with_skewness(quantile: float, skewness: float) -> float:
    """Return the statistic whose transformation is ``quantile``: the inverse of ``without_skewness``.

    Infinite beyond the turning point.
    """
    if abs(skewness) < 1e-9:
        return quantile
    cube = 1 + skewness * (quantile - skewness / 6)
    if cube <= 0:
        return -np.inf if skewness > 0 else np.inf
    return float(3 / skewness * (np.cbrt(cube) - 1))


def t_p_value(value: float, std_error: float, df: float) -> float:
    """Return the two-sided p-value of a t statistic; 1 if value and standard error are both exactly 0."""
    if not std_error > 0:
        return 1.0 if value == 0 else 0.0
    return float(2 * stats.t.sf(abs(value) / std_error, max(df, 1.0)))
