"""Intervals and p-values from an estimate and its standard error."""

from __future__ import annotations

import numpy as np
from scipy import stats

from fairaudit.core.estimates import Estimate, effective_n


def group_interval(estimate: Estimate, *, kind: str, level: float = 0.95) -> tuple[float, float, str]:
    """Return the interval of a group's value and the name of its method.

    Parameters
    ----------
    estimate : Estimate
    kind : {"binary", "share", "auroc", "unbounded"}
        ``"binary"``: Wilson's interval, for independent hits and misses. ``"share"``: Wilson's interval at the
        effective sample size and with t quantiles, where images are clustered, share a gallery or have
        outcomes between 0 and 1 [1]_. ``"auroc"``: DeLong's standard error on the logit scale.
        ``"unbounded"``: t interval.
    level : float, default 0.95
        Coverage, in (0, 1).

    References
    ----------
    .. [1] Dean and Pagano (2015), "Evaluating Confidence Interval Methods for Binomial Proportions in Clustered
       Surveys", J. Survey Statistics and Methodology 3(4).
    """
    if not np.isfinite(estimate.value) or not np.isfinite(estimate.std_error):
        return np.nan, np.nan, ""
    if kind == "binary":
        return *wilson(estimate.value, estimate.n, float(stats.norm.ppf(0.5 + level / 2))), "Wilson"
    t = float(stats.t.ppf(0.5 + level / 2, max(estimate.df, 1)))
    if kind == "share":
        return *wilson(estimate.value, effective_n(estimate), t), "Wilson, effective n"
    if kind == "auroc":
        if not 0 < estimate.value < 1:
            # No pair, or every pair, is in the wrong order: the rule of three on the scarcer label.
            bound = min(3 / (estimate.events + 1), 1.0)
            low, high = (0.0, bound) if estimate.value == 0 else (1 - bound, 1.0)
            return low, high, "rule of three"
        logit = np.log(estimate.value / (1 - estimate.value))
        half = t * estimate.std_error / (estimate.value * (1 - estimate.value))
        return float(1 / (1 + np.exp(half - logit))), float(1 / (1 + np.exp(-half - logit))), "DeLong, logit"
    return estimate.value - t * estimate.std_error, estimate.value + t * estimate.std_error, "cluster t"


def wilson(p: float, n: float, z: float) -> tuple[float, float]:
    """Return Wilson's score interval for a share ``p`` of ``n`` at the quantile ``z``."""
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    return float(max(centre - half, 0.0)), float(min(centre + half, 1.0))


def t_interval(value: float, std_error: float, df: float, *, level: float = 0.95) -> tuple[float, float]:
    """Return ``value`` plus and minus the t quantile times its standard error."""
    half = float(stats.t.ppf(0.5 + level / 2, max(df, 1))) * std_error
    return value - half, value + half


def p_value(estimate: Estimate) -> float:
    """Return the two-sided p-value of "no difference" from the studentised estimate; 1 when both are exactly 0."""
    if estimate.std_error <= 0:
        return 1.0 if estimate.value == 0 else 0.0
    return float(2 * stats.t.sf(abs(estimate.value) / estimate.std_error, max(estimate.df, 1)))


def min_detectable(std_error: float, df: float, *, alpha: float, power: float = 0.8) -> float:
    """Return the least true difference that a test at ``alpha`` finds with probability ``power``.

    The usual sum of two quantiles, at the standard error seen: differences below it would mostly stay unseen.
    """
    df = max(df, 1)
    return float((stats.t.ppf(1 - alpha / 2, df) + stats.t.ppf(power, df)) * std_error)
