r"""The cluster bootstrap on sufficient statistics: sums per cluster and group are resampled, never rows.

A group value is a ratio of sums. Over its clusters :math:`c`, with the total :math:`t_{cm}` of metric :math:`m` and the
number of rows :math:`n_{cm}` in which it was measured, the micro average is :math:`\sum_c t_{cm} / \sum_c n_{cm}` and
the macro average :math:`\sum_c (t_{cm} / n_{cm}) / \sum_c 1[n_{cm} > 0]`. A replicate puts the multinomial count
:math:`w_c` of each cluster into both sums [1]_, [2]_. Clusters with equal sums are one unit with a multiplicity.

Where every cluster lies in one group, groups are resampled one by one, each with the number of clusters that it has;
where clusters lie in several, all clusters are drawn together and each carries all its groups, so that replicates of
different groups depend on each other as they do in the data.

Shape suffixes: N rows, P cells (non-empty cluster x group), G groups, M metrics, B replicates.

References
----------
.. [1] Efron and Tibshirani (1993), "An Introduction to the Bootstrap", sections 8.3 and 20.2.
.. [2] Davison and Hinkley (1997), "Bootstrap Methods and their Application", sections 3.2 (several samples) and 3.8
   (clusters are drawn whole).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from scipy.sparse import csr_array

from fairaudit.core.auroc import weighted_auroc
from fairaudit.core.errors import ConfigError, DataError, unknown_name
from fairaudit.core.multinomial import FLOAT32_EXACT, Counts
from fairaudit.core.outcomes import Floats, Ints, Mask
from fairaudit.core.strata import Stratum, distinct, strata_of

Average = Literal["micro", "macro"]


@dataclass(frozen=True)
class ClusterSums:
    """Sums per cluster and group: all that averages, their intervals and later comparisons need of the rows.

    Parameters
    ----------
    groups : tuple of str
        Names of the groups, by code. A group without cells is kept: its replicates are NaN.
    cluster, group : ndarray of int, shape (P,)
        Codes of the cell. Cells are sorted by cluster, then group, and occur once. Draws follow the order of cluster
        codes: with codes by sorted name, neither the order of rows nor the names of groups changes a replicate.
    total : ndarray of float, shape (P, M)
        Sum of the values of each metric.
    count : ndarray of float, shape (P, M)
        Rows in which the metric was measured.
    """

    groups: tuple[str, ...]
    cluster: Ints
    group: Ints
    total: Floats
    count: Floats

    @classmethod
    def reduce(cls, values: Floats, clusters: Ints, group_codes: Ints, *, groups: Sequence[str]) -> ClusterSums:
        """Return the sums of rows.

        Rows in no group, and rows in which no metric was measured, count nowhere.

        Parameters
        ----------
        values : ndarray of float, shape (N, M)
            A column for each metric; NaN where it was not measured.
        clusters : ndarray of int, shape (N,)
            Cluster code of each row, from 0.
        group_codes : ndarray of int, shape (N,)
            Index into ``groups``; -1 for a row in no group.
        groups : sequence of str
            Group names.

        Raises
        ------
        DataError
            If lengths differ, a code is out of range, a value is infinite, or no value was measured in any group.
        """
        _check_rows(values, clusters, group_codes, groups)
        measured = ~np.isnan(values)
        use = (group_codes >= 0) & measured.any(axis=1)
        if not use.any():
            raise DataError(
                f"values must be measured in at least one row of a group; got none in {len(values)} rows. Check that "
                "values and groups are aligned by sample_id."
            )
        keys, cell = np.unique(clusters[use].astype(np.int64) * len(groups) + group_codes[use], return_inverse=True)
        member_PN = csr_array((np.ones(len(cell)), (cell, np.arange(len(cell)))), shape=(len(keys), len(cell)))
        total, count = member_PN @ np.where(measured, values, 0.0)[use], member_PN @ measured[use].astype(np.float64)
        return cls(tuple(groups), keys // len(groups), keys % len(groups), np.asarray(total), np.asarray(count))

    @property
    def n_clusters(self) -> int:
        """Clusters with a measured row in a group."""
        return int(np.count_nonzero(np.diff(self.cluster, prepend=-1)))

    @property
    def nested(self) -> bool:
        """Whether every cluster lies in one group."""
        return self.n_clusters == len(self.cluster)

    @property
    def measured(self) -> Mask:
        """Whether each metric was measured in each group (G, M); where it was not, values and replicates are NaN."""
        return self._group_sums(self.count) > 0

    def group_values(self, average: Average = "micro") -> Floats:
        """Return the average of each group and metric (G, M) with every cluster once."""
        above, below = self.parts(average)
        return _ratio(self._group_sums(above), self._group_sums(below))

    def parts(self, average: Average) -> tuple[Floats, Floats]:
        """Return what each cell adds (P, M) above and below the line of the average."""
        if average not in ("micro", "macro"):
            raise unknown_name("average", average, ("micro", "macro"))
        if average == "micro":
            return self.total, self.count
        seen = self.count > 0
        return np.where(seen, self.total / np.where(seen, self.count, 1.0), 0.0), seen.astype(np.float64)

    def strata(self, average: Average) -> tuple[Stratum, ...]:
        """Return the distinct clusters by stratum; found once for each average, and resampled from then on."""
        if average not in self._found_strata:
            above, below = self.parts(average)
            kind = distinct([self.group, *above.T, *below.T])
            self._found_strata[average] = strata_of(self.cluster, self.group, kind=kind)
        return self._found_strata[average]

    @cached_property
    def _found_strata(self) -> dict[Average, tuple[Stratum, ...]]:
        return {}

    def _group_sums(self, cells_PM: Floats) -> Floats:
        n = len(self.group)
        member_GP = csr_array((np.ones(n), (self.group, np.arange(n))), shape=(len(self.groups), n))
        return np.asarray(member_GP @ cells_PM)


def resample(sums: ClusterSums, *, n_resamples: int, seed: int, average: Average = "micro", threads: int = 1) -> Floats:
    """Return group values of bootstrap replicates, shape (B, G, M).

    Their standard deviation is the cluster-robust standard error of ``estimates.average`` but for its factor
    sqrt(U / (U - 1)), with U clusters in a group. NaN where a metric was not measured in the group
    (``sums.measured``), and in replicates that drew no cluster in which it was. The first replicates of a longer run
    are those of a shorter one; ``threads`` changes the time only.

    Parameters
    ----------
    sums : ClusterSums
    n_resamples : int
        Replicates, B, at least 1.
    seed : int
        At least 0.
    average : {"micro", "macro"}
        ``"micro"``: mean over rows. ``"macro"``: mean over clusters of the mean within cluster and group.
    threads : int, default 1

    Raises
    ------
    ConfigError
        If an argument is out of its range.
    """
    above, below = sums.parts(average)
    strata = sums.strata(average)
    tables = {(s, i): _table(above[m.cells], below[m.cells], stratum.urn.n)
              for s, stratum in enumerate(strata) for i, m in enumerate(stratum.members)}  # fmt: skip
    n_metrics = above.shape[1]

    def ratios(s: int, i: int, weights_KB: Counts) -> Floats:
        table_CK = tables[s, i]
        found_CB = table_CK @ weights_KB.astype(table_CK.dtype, copy=False)
        return _ratio(found_CB[:n_metrics].T, found_CB[n_metrics:].T)

    shape = (n_resamples, len(sums.groups), n_metrics)
    return _replicates(strata, ratios, shape, seed=seed, threads=threads)


def resample_auroc(
    scores: Floats,
    labels: Ints,
    clusters: Ints,
    group_codes: Ints,
    *,
    groups: Sequence[str],
    n_resamples: int,
    seed: int,
    threads: int = 1,
) -> Floats:
    """Return AUROCs of bootstrap replicates, shape (B, G), under multinomial weights of the clusters.

    Rows without a score count nowhere. NaN in a group, and in a replicate, that lacks one of the labels.

    Parameters
    ----------
    scores : ndarray of float, shape (N,)
        NaN where not measured.
    labels : ndarray of {0, 1}, shape (N,)
    clusters, group_codes, groups, n_resamples, seed, threads
        As for ``ClusterSums.reduce`` and ``resample``.
    """
    _check_rows(scores[:, None], clusters, group_codes, groups)
    if len(labels) != len(scores):
        raise DataError(
            f"labels must have one entry per score; got {len(labels)} and {len(scores)}. Align by sample_id."
        )
    use = np.flatnonzero((group_codes >= 0) & ~np.isnan(scores))
    use = use[np.argsort(clusters[use], kind="stable")]
    strata = strata_of(clusters[use], group_codes[use])

    def aurocs(s: int, i: int, weights_KB: Counts) -> Floats:
        rows = use[strata[s].members[i].cells]
        return weighted_auroc(scores[rows], labels[rows], weights_KB.T)

    return _replicates(strata, aurocs, (n_resamples, len(groups)), seed=seed, threads=threads)


def _replicates(
    strata: Sequence[Stratum],
    evaluate: Callable[[int, int, Counts], Floats],
    shape: tuple[int, ...],
    *,
    seed: int,
    threads: int,
) -> Floats:
    """Return what ``evaluate`` makes of the weights (cells, B) of every member of every stratum; NaN elsewhere."""
    for name, given, least in (("n_resamples", shape[0], 1), ("seed", seed, 0), ("threads", threads, 1)):
        if given < least:
            raise ConfigError(f"{name} must be at least {least}; got {given}. Give a larger number.")
    replicates = np.full(shape, np.nan)

    def run(task: tuple[int, int]) -> None:
        s, start = task
        stratum = strata[s]
        seeds = np.random.SeedSequence(seed, spawn_key=(s, start // stratum.block))
        counts_KB = stratum.urn.draw(np.random.Generator(np.random.SFC64(seeds)), stratum.block)
        stop = min(start + stratum.block, shape[0])
        for i, member in enumerate(stratum.members):
            replicates[start:stop, member.group] = evaluate(s, i, counts_KB[member.units])[: stop - start]

    tasks = [(s, start) for s, stratum in enumerate(strata) for start in range(0, shape[0], stratum.block)]
    if threads == 1:
        for task in tasks:
            run(task)
    else:
        with ThreadPoolExecutor(threads) as pool:  # numpy frees the lock in all that takes time
            list(pool.map(run, tasks))
    return replicates


def _table(above_PM: Floats, below_PM: Floats, n_draws: int) -> Counts:
    """Return what replicates are a product of, (C, P): C is M + 1 where all metrics have one denominator, else 2 M."""
    same = bool((below_PM == below_PM[:, :1]).all())
    table = np.concatenate([above_PM, below_PM[:, :1] if same else below_PM], axis=1).T
    # Sums of whole numbers are exact in float32 below 2**24, and take half the time.
    exact = bool((table == np.rint(table)).all()) and n_draws * np.abs(table).max() < FLOAT32_EXACT
    return np.ascontiguousarray(table, dtype=np.float32 if exact else np.float64)


def _ratio(above: Counts, below: Counts) -> Floats:
    above, below = np.broadcast_arrays(above, below)
    nothing = np.full(above.shape, np.nan)
    ratio: Floats = np.divide(above, below, out=nothing, where=below > 0, dtype=np.float64)
    return ratio


def _check_rows(values: Floats, clusters: Ints, group_codes: Ints, groups: Sequence[str]) -> None:
    if values.ndim != 2 or clusters.shape != values.shape[:1] or group_codes.shape != values.shape[:1]:
        raise DataError(
            f"values must be (N, M) with one cluster and one group per row; got {values.shape} values, "
            f"{clusters.shape} clusters and {group_codes.shape} groups. Align them by sample_id."
        )
    if np.isinf(values).any():
        raise DataError("values must be finite, or NaN where not measured; got an infinite one. Correct or remove it.")
    if len(set(groups)) != len(groups):
        raise DataError(f"groups must have different names; got {list(groups)}. Rename or merge the repeated ones.")
    for name, codes, least, most in (
        ("clusters", clusters, 0, None), ("group codes", group_codes, -1, len(groups) - 1)
    ):  # fmt: skip
        if codes.dtype.kind not in "iu":
            raise DataError(f"{name} must be whole numbers; got {codes.dtype}. Number them with numpy.unique.")
        low, high = int(codes.min(initial=0)), int(codes.max(initial=-1))
        if low < least or (most is not None and high > most):
            upto = "" if most is None else f" and at most {most}"
            raise DataError(f"{name} must be at least {least}{upto}; got {low} to {high}. Number them anew.")
