"""The skewness-corrected score of Gart and Nam (1990) and Laud (2017) for two counts, by numerical search alone."""

from __future__ import annotations

import math

import numpy as np
from scipy import stats
from scipy.optimize import brentq, minimize_scalar


def score(x: int, n: int, y: int, m: int, delta: float) -> float:
    """Return the corrected statistic of ``x`` of ``n`` against ``y`` of ``m`` at the difference ``delta``."""

    def unlikely(q: float) -> float:
        pairs = ((x, q + delta), (n - x, 1 - q - delta), (y, q), (m - y, 1 - q))
        return -sum(k * math.log(max(share, 1e-300)) for k, share in pairs if k)

    bounds = (max(0.0, -delta), min(1.0, 1 - delta))
    q = float(minimize_scalar(unlikely, bounds=bounds, method="bounded", options={"xatol": 1e-13}).x)
    p = q + delta
    variance = (p * (1 - p) / n + q * (1 - q) / m) * (n + m) / (n + m - 1)
    third = p * (1 - p) * (1 - 2 * p) / n**2 - q * (1 - q) * (1 - 2 * q) / m**2
    z, g = (x / n - y / m - delta) / math.sqrt(variance), third / (6 * variance**1.5)
    roots = np.roots([g, 1, -(z + g)]) if abs(g) > 1e-12 else np.array([z])
    return float(min(roots.real, key=lambda root: abs(root - z)))


def score_interval(x: int, n: int, y: int, m: int, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of a difference that is not at an end of its range."""
    quantile, value = stats.norm.ppf(0.5 + level / 2), x / n - y / m

    def bound(sign: float) -> float:
        return float(brentq(lambda delta: score(x, n, y, m, delta) + sign * quantile, value, sign * 0.999))

    return bound(-1), bound(1)


def score_p_value(x: int, n: int, y: int, m: int) -> float:
    """Return the two-sided p-value of no difference."""
    return float(2 * stats.norm.sf(abs(score(x, n, y, m, 0.0))))
