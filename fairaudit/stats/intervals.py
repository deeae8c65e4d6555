"""Intervals of single values; arguments are numbers or arrays of one shape."""

from __future__ import annotations

import numpy as np
from scipy import stats

from fairaudit.stats.estimates import Estimate
from fairaudit.stats.outcomes import Floats, Ints

Number = float | Floats | Ints


def group_interval(estimate: Estimate) -> tuple[float, float, str]:
    """Return the 95 % interval of a group's value and the name of its method.

    By the estimate's kind. ``"binary"``: Wilson's interval, for independent hits and misses. ``"share"``: Wilson's
    interval at the effective number of rows and with t quantiles [1]_. ``"auroc"``: DeLong's standard error on the
    logit scale. ``"unbounded"``: t interval.

    References
    ----------
    .. [1] Dean and Pagano (2015), "Evaluating Confidence Interval Methods for Binomial Proportions in Clustered
       Surveys", J. Survey Statistics and Methodology 3(4).
    """
    if not np.isfinite(estimate.value) or not np.isfinite(estimate.std_error):
        return float("nan"), float("nan"), ""
    quantile = float(stats.t.ppf(0.975, max(estimate.df, 1.0)))
    if estimate.kind == "binary":
        return *_pair(wilson(estimate.value, estimate.n, float(stats.norm.ppf(0.975)))), "Wilson"
    if estimate.kind == "share":
        return *_pair(wilson(estimate.value, estimate.n_effective, quantile)), "Wilson, effective n"
    if estimate.kind == "auroc":
        return _auroc_interval(estimate, quantile)
    half = quantile * estimate.std_error
    return estimate.value - half, estimate.value + half, "cluster t"


def variance_df(second: Floats, fourth: Floats, *, n_clusters: Number) -> Floats:
    """Return the degrees of freedom of a variance from clusters of unequal influence, at least 1.

    Satterthwaite's 2 / CV^2 with the observed kurtosis: 2 U / (kurtosis - 1). For normal influences it is the number of
    clusters; if a few clusters with a rare hit carry the variance, about twice their number.

    Parameters
    ----------
    second, fourth : ndarray
        Sums of the second and fourth powers of the clusters' influences.
    n_clusters : int or ndarray
        U, the number of clusters.
    """
    kurtosis = n_clusters * fourth / np.where(second > 0, second, 1.0) ** 2
    df: Floats = np.maximum(2 * n_clusters / np.maximum(kurtosis - 1, 1e-9), 1.0)
    return df


def _pair(bounds: tuple[Floats, Floats]) -> tuple[float, float]:
    return float(bounds[0]), float(bounds[1])


def _auroc_interval(estimate: Estimate, t: float) -> tuple[float, float, str]:
    value = estimate.value
    if not 0 < value < 1:
        # No pair, or every pair, is in the wrong order: the rule of three on the scarcer label.
        bound = min(3 / (min(estimate.events, estimate.non_events) + 1), 1.0)
        return (0.0, bound, "rule of three") if value == 0 else (1 - bound, 1.0, "rule of three")
    logit, half = np.log(value / (1 - value)), t * estimate.std_error / (value * (1 - value))
    low, high = 1 / (1 + np.exp([half - logit, -half - logit]))
    return float(low), float(high), "DeLong, logit"


def wilson(p: Number, n: Number, z: Number) -> tuple[Floats, Floats]:
    """Return Wilson's score interval for a share ``p`` of ``n`` at the quantile ``z``."""
    n = np.maximum(n, 1e-9)
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)


def t_interval(value: Number, std_error: Number, df: Number, *, level: float = 0.95) -> tuple[Floats, Floats]:
    """Return ``value`` plus and minus the t quantile times its standard error."""
    half = stats.t.ppf(0.5 + level / 2, np.maximum(df, 1)) * std_error
    return value - half, value + half


def min_detectable(std_error: Number, df: Number, *, alpha: float, power: float = 0.8) -> Floats:
    """Return the minimum detectable difference of a test at ``alpha`` with ``power``.

    The sum of the quantiles of both errors, times the observed standard error.
    """
    df = np.maximum(df, 1)
    return np.asarray((stats.t.ppf(1 - alpha / 2, df) + stats.t.ppf(power, df)) * std_error)
