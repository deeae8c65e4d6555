r"""Distribution of one declared field: shares, entropy and the number of frequent values, from rows in clusters.

The share of a value has Wilson's interval; if rows are clustered, at the effective sample size
:math:`\hat p(1-\hat p)/\widehat{\operatorname{Var}}`, with the cluster-robust variance of a ratio of totals over
clusters, and the t quantile at the degrees of freedom of that variance (``stats.intervals``). The entropy
:math:`H = -\sum_v \hat p_v \ln \hat p_v` has the interval of the jackknife that leaves out one cluster at a time,
which also removes the first term of its bias [1]_, [2]_. If all values are equally frequent the jackknife estimates no
variance; then :math:`2n(\ln K - H)` is :math:`\chi^2_{K-1}`, so that :math:`(K-1)/2n^2` at the effective n is added.
The interval refers to the source of the rows. Its lower bound is measured from the smaller and its upper from the
larger of the entropy with and without its bias, so that it holds the value itself, which describes the rows.

In simulations (300 draws each of 50, 200 and 2,000 rows from 2, 11, 50 and 190 values: equally frequent, as 1/rank
and as 1/rank squared) at most 9 % of the intervals missed the truth, mostly 0 to 5 %. If more values occur once than
``MOST_LONE`` allows, there is no interval.

References
----------
.. [1] Zahl (1977), "Jackknifing an Index of Diversity", Ecology 58(4).
.. [2] Efron (1982), "The Jackknife, the Bootstrap and Other Resampling Plans", ch. 2.
.. [3] Jost (2006), "Entropy and diversity", Oikos 113(2): why exp(H) and not H.
.. [4] Good (1953), "The Population Frequencies of Species and the Estimation of Population Parameters", Biometrika 40.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from scipy import stats
from scipy.special import xlogy

from fairaudit.describe.profile import Figure
from fairaudit.stats.intervals import variance_df, wilson
from fairaudit.stats.outcomes import Floats, Ints

#: With fewer clusters an interval misses too often.
LEAST_CLUSTERS = 20
#: Largest share of rows with a value of one cluster only for which the entropy has an interval (Good's estimate of
#: the share of the source with a value that the rows do not hold).
MOST_LONE = 0.05


@dataclass(frozen=True)
class Rows:
    """Values and clusters of N rows.

    Parameters
    ----------
    values : ndarray of int, shape (N,)
        Code of each row's value, 0 to K - 1.
    clusters : ndarray of int, shape (N,), or None
        Code of each row's cluster; None if each row is its own.
    n_values : int
        K; every code may occur.
    """

    values: Ints
    clusters: Ints | None
    n_values: int

    @property
    def n(self) -> int:
        """Number of rows."""
        return len(self.values)

    @cached_property
    def n_clusters(self) -> int:
        """Number of clusters."""
        return self.n if self.clusters is None else len(np.unique(self.clusters))

    @cached_property
    def counts(self) -> Ints:
        """Rows by value, shape (K,)."""
        return np.bincount(self.values, minlength=self.n_values).astype(np.int64)

    @cached_property
    def cells(self) -> pd.DataFrame:
        """Rows by cluster and value that occur together: ``cluster``, ``value``, ``n``, ``size`` of the cluster."""
        clusters = np.arange(self.n) if self.clusters is None else self.clusters
        cells = pd.DataFrame({"cluster": clusters, "value": self.values}).value_counts(sort=False).rename("n")
        table = cells.reset_index()
        return table.assign(size=table.groupby("cluster")["n"].transform("sum"))


def shares(rows: Rows) -> tuple[list[Figure], str]:
    """Return the share of each value among the rows, in [0, 1], and the name of the intervals' method."""
    if rows.n == 0:
        return [Figure(note="no row has a known value")] * rows.n_values, ""
    p, u = rows.counts / rows.n, rows.n_clusters
    if rows.clusters is None:
        (low, high), method = wilson(p, rows.n, stats.norm.ppf(0.975)), "Wilson"
    else:
        second, fourth = _residual_powers(rows, p)
        df = np.minimum(u - 1, variance_df(second, fourth, n_clusters=u))
        # If all clusters are alike, only rounding is left: then a cluster counts as one.
        varies = (p > 0) & (p < 1) & (second > (1e-12 * rows.n) ** 2)
        variance = np.where(varies, second, 1.0) * (u / (u - 1) if u > 1 else 1.0) / rows.n**2
        effective_n = np.where(varies, p * (1 - p) / variance, u)
        (low, high), method = wilson(p, effective_n, stats.t.ppf(0.975, np.maximum(df, 1))), "Wilson, effective n"
    # A quantile of few clusters can leave the value just outside by rounding.
    low, high = np.minimum(low, p), np.maximum(high, p)
    return [Figure(float(v), float(a), float(b)) for v, a, b in zip(p, low, high, strict=True)], method


def _residual_powers(rows: Rows, p: Floats) -> tuple[Floats, Floats]:
    """Return sums of the second and fourth powers, over clusters, of its rows with a value less p times its size."""
    cells, codes = rows.cells, rows.cells["value"]
    n, size = (cells[name].to_numpy(dtype=np.float64) for name in ("n", "size"))
    every = cells.drop_duplicates("cluster")["size"].to_numpy(dtype=np.float64)

    def total(power: int) -> Floats:
        met = np.bincount(codes, weights=(n - p[codes] * size) ** power, minlength=rows.n_values)
        elsewhere = (every**power).sum() - np.bincount(codes, weights=size**power, minlength=rows.n_values)
        result: Floats = met + p**power * np.maximum(elsewhere, 0.0)
        return result

    return total(2), total(4)


def evenness(rows: Rows) -> tuple[Figure, Figure]:
    """Return entropy over its maximum, in [0, 1], and exp(entropy), from 1 to the number of values that occur.

    Low is less diverse for both.
    """
    occurring = int((rows.counts > 0).sum())
    if occurring < 2:
        why = "no row has a known value" if occurring == 0 else "only one value occurs"
        return Figure(note=why), Figure(1.0 if occurring else np.nan, note=f"{why}: no interval")
    value = float(np.log(rows.n) - xlogy(rows.counts, rows.counts).sum() / rows.n)
    log_k, u = float(np.log(occurring)), rows.n_clusters
    why = "all rows are of one cluster: no interval" if u < 2 else _lone_values(rows)
    if why:
        return Figure(min(value / log_k, 1.0), note=why), Figure(float(np.exp(value)), note=why)
    centre, variance = _jackknife(rows, value)
    # Rows of one cluster that are alike count as one.
    n = rows.n if rows.clusters is None else float(rows.n**2 / (rows.cells["n"] ** 2).sum())
    half = float(stats.t.ppf(0.975, u - 1) * np.sqrt(variance + (occurring - 1) / (2 * n**2)))
    low, high = max(min(centre, value) - half, 0.0), max(centre, value) + half
    return (
        Figure(min(value / log_k, 1.0), low / log_k, min(high / log_k, 1.0)),
        Figure(float(np.exp(value)), float(np.exp(low)), float(np.exp(high))),
    )


def _lone_values(rows: Rows) -> str:
    """Return why there is no interval if too many values occur in one cluster only; otherwise an empty string."""
    if rows.clusters is None:
        lone = int((rows.counts == 1).sum())
    else:
        by_value = rows.cells.groupby("value")["n"].agg(["size", "sum"])
        lone = int(by_value.loc[by_value["size"] == 1, "sum"].sum())
    if lone <= MOST_LONE * rows.n:
        return ""
    unit = "row" if rows.clusters is None else "cluster"
    return f"{lone:,} of {rows.n:,} rows have a value that occurs in one {unit} only: too few for an interval"


def _jackknife(rows: Rows, entropy: float) -> tuple[float, float]:
    """Return the entropy without its first-order bias, and its variance, from leaving out one cluster at a time."""
    counts = rows.counts.astype(np.float64)
    whole = xlogy(counts, counts).sum()
    if rows.clusters is None:
        # Rows with the same value leave the same entropy behind: one replicate stands for all of them.
        times = counts[counts > 0]
        lost, sizes = xlogy(times, times) - xlogy(times - 1, times - 1), np.ones_like(times)
    else:
        cells = rows.cells
        before = counts[cells["value"]]
        after = before - cells["n"].to_numpy(dtype=np.float64)
        moved = cells.assign(lost=xlogy(before, before) - xlogy(after, after))
        by_cluster = moved.groupby("cluster").agg(lost=("lost", "sum"), size=("size", "first"))
        lost, sizes = (by_cluster[name].to_numpy(dtype=np.float64) for name in ("lost", "size"))
        times = np.ones_like(sizes)
    rest, u = rows.n - sizes, times.sum()
    without = np.log(rest) - (whole - lost) / rest
    mean = float(times @ without / u)
    return float(u * entropy - (u - 1) * mean), float((u - 1) / u * (times @ (without - mean) ** 2))


def reached(figures: list[Figure], counts: Ints, *, n: int, n_rows: int, at_least: int) -> Figure:
    """Return the number of values with ``at_least`` images in a table of ``n_rows``, from a sample of ``n`` rows.

    Low and high count the values whose share is surely, and possibly, large enough. Values outside the sample are not
    counted.
    """
    if n == 0:
        return Figure(note="no row")
    if n == n_rows:
        exact = float((counts >= at_least).sum())
        return Figure(exact, exact, exact)
    frequent = [
        (f.value * n_rows >= at_least, f.low * n_rows >= at_least, f.high * n_rows >= at_least) for f in figures
    ]
    value, low, high = np.array(frequent).reshape(-1, 3).sum(axis=0)
    return Figure(float(value), float(low), float(high))
