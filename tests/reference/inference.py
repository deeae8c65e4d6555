"""Averages, standard errors and adjustments written as their definitions read, in loops.

Sources: Efron (1982) for the jackknife, DeLong et al. (1988) for the AUROC, Holm (1979). Nothing of the code that it
checks is used.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def micro(values: Floats, clusters: Ints) -> float:
    """Mean over rows."""
    return float(sum(values) / len(values))


def macro(values: Floats, clusters: Ints) -> float:
    """Mean over clusters of the mean within the cluster."""
    means = [values[clusters == c].mean() for c in sorted(set(clusters.tolist()))]
    return float(np.mean(means))


def jackknife(statistic: Callable[[npt.NDArray[np.bool_]], float], clusters: Ints) -> float:
    """Standard error from leaving out one cluster after the other; ``statistic`` gets the rows to keep."""
    names = sorted(set(clusters.tolist()))
    left_out = np.array([statistic(clusters != c) for c in names])
    u = len(names)
    return float(np.sqrt((u - 1) / u * ((left_out - left_out.mean()) ** 2).sum()))


def pairs(positive: float, negative: float) -> float:
    """One where the positive scores above the negative, half where they tie."""
    return 1.0 if positive > negative else 0.5 if positive == negative else 0.0


def delong(scores: Floats, labels: Ints) -> tuple[float, float]:
    """AUROC and its standard error from every pair of a positive and a negative."""
    p, n = scores[labels == 1], scores[labels == 0]
    table = np.array([[pairs(float(a), float(b)) for b in n] for a in p])
    by_positive, by_negative = table.mean(axis=1), table.mean(axis=0)
    variance = by_positive.var(ddof=1) / len(p) + by_negative.var(ddof=1) / len(n)
    return float(table.mean()), float(np.sqrt(variance))


def holm(p_values: Sequence[float]) -> list[float]:
    """Step down: the smallest p times m, the next times m - 1, never less than the one before, at most 1."""
    adjusted = [0.0] * len(p_values)
    running = 0.0
    for rank, i in enumerate(sorted(range(len(p_values)), key=lambda i: p_values[i])):
        running = max(running, (len(p_values) - rank) * p_values[i])
        adjusted[i] = min(running, 1.0)
    return adjusted
