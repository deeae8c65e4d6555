r"""Sufficient statistics of each cluster and group, for later comparisons of audits.

For each cluster :math:`c` of a group there is a numerator :math:`a_c` and a denominator :math:`d_c`, such that the
group's value is :math:`\hat\theta = \sum_c a_c / \sum_c d_c` and the influence of a cluster, but for its small-sample
factor, is :math:`(a_c - \hat\theta d_c + g_c) / \sum_c d_c`, where :math:`g_c` is its part as gallery.
Clusters that are in the gallery alone have statistics for everything together, not for each group: comparisons of
audits read none of them.

micro average
    Sum of the outcomes, and their number; of weighted rows, the sum of weighted outcomes and that of the weights.
macro average
    (Weighted) mean of the cluster, and one.
AUROC
    Not a ratio of sums. With :math:`m` rows of label 1 and :math:`n` of label 0, of which :math:`m_c` and
    :math:`n_c` lie in the cluster, and DeLong's components :math:`V_{10}` and :math:`V_{01}` [1]_,
    :math:`d_c = (m_c/m + n_c/n)/2` and :math:`a_c = \sum V_{10}/m + \sum V_{01}/n - \hat\theta d_c`: a ratio with the
    same value and the same influence. Replicates of it are right to first order.

References
----------
.. [1] DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.result import STATISTIC_COLUMNS, table
from fairaudit.stats.auroc import components
from fairaudit.stats.group_sums import GroupSums
from fairaudit.stats.outcomes import Floats, Ints, Mask, Outcomes

Names = npt.NDArray[np.object_]


class Statistics:
    """The statistics of groups, collected in one table.

    Parameters
    ----------
    dataset, indicator : str
        Columns of the table.
    """

    def __init__(self, dataset: str, indicator: str) -> None:
        self._same = {"dataset": dataset, "indicator": indicator}
        self._texts: list[tuple[str, str, str]] = []
        self._columns: list[tuple[Names, Floats, Floats, Floats, Floats]] = []

    def add(
        self, sums: GroupSums, names: Names, feature: str, groups: Sequence[str], *, everything: bool = False
    ) -> None:
        """Add the groups of a feature, a row for each cluster that has an outcome in the group.

        Parameters
        ----------
        sums : GroupSums
            One code for each of ``groups``.
        names : ndarray of str, shape (U,)
            Name of each cluster code (``cluster_names``).
        feature : str
        groups : sequence of str
        everything : bool
            Whether the group is that of all rows, in which a cluster that acts through the gallery alone has a row.
        """
        outcomes, codes = sums.outcomes, sums.codes
        use = (codes >= 0) & outcomes.measured
        cells, cell_R = np.unique(codes[use] * np.int64(outcomes.n_codes) + outcomes.clusters[use], return_inverse=True)
        n = np.bincount(cell_R, minlength=len(cells)).astype(np.float64)
        above, below = _parts(sums, use, cell_R, n)
        gallery = np.zeros(outcomes.n_codes * len(groups))
        if outcomes.gallery is not None:
            gallery = sums.gallery_UK.T.ravel()
        if everything:
            more = np.setdiff1d(np.flatnonzero(gallery), cells)
            cells = np.append(cells, more)
            n, above, below = (np.append(part, np.zeros(len(more))) for part in (n, above, below))
        group_T, cluster_T = np.divmod(cells, outcomes.n_codes)
        ends = np.searchsorted(group_T, np.arange(1, len(groups)))
        self._texts += [(outcomes.metric, feature, group) for group in groups]
        columns = (names[cluster_T], n, above, below, gallery[cells])
        self._columns += zip(*(np.split(column, ends) for column in columns), strict=True)

    def table(self) -> pd.DataFrame:
        """Return all groups, columns ``STATISTIC_COLUMNS``; texts are categorical."""
        if not self._columns:
            return table([], STATISTIC_COLUMNS)
        lengths = [len(columns[0]) for columns in self._columns]
        data: dict[str, Any] = {name: _repeated([text], [sum(lengths)]) for name, text in self._same.items()}
        for name, texts in zip(("metric", "feature", "group"), zip(*self._texts, strict=True), strict=True):
            data[name] = _repeated(texts, lengths)
        clusters, *numbers = zip(*self._columns, strict=True)
        codes: Any
        codes, known = pd.factorize(np.concatenate(clusters))  # unsorted: sorting takes longer than all inference
        data["cluster"] = pd.Categorical.from_codes(codes, categories=pd.Index(known))
        for name, parts in zip(STATISTIC_COLUMNS[6:], numbers, strict=True):
            data[name] = np.concatenate(parts)
        return pd.DataFrame(data, columns=list(STATISTIC_COLUMNS))


def cluster_names(outcomes: Outcomes, of_rows: npt.NDArray[Any]) -> Names:
    """Return the name of each cluster code (U,) from the names of rows (N,); ``gallery-CODE`` without a row.

    A cluster without a row is only in the gallery. Its code is the same in every audit of the same data.
    """
    names = np.full(outcomes.n_codes, None, dtype=object)
    names[outcomes.clusters] = of_rows
    for code in np.flatnonzero(np.bincount(outcomes.clusters, minlength=outcomes.n_codes) == 0):
        names[code] = f"gallery-{code}"
    return names


def _parts(sums: GroupSums, use: Mask, cell_R: Ints, n: Floats) -> tuple[Floats, Floats]:
    """Return numerator and denominator of each cell of cluster and group."""
    outcomes, codes = sums.outcomes, sums.codes
    if outcomes.labels is not None:
        above, below = np.zeros(len(use)), np.zeros(len(use))
        for code in np.unique(codes[use]):
            rows_above, rows_below = _auroc_rows(outcomes, use & (codes == code))
            above, below = above + rows_above, below + rows_below
        return _summed(cell_R, above[use], n), _summed(cell_R, below[use], n)
    weights = sums.raw_weights[use]
    return _summed(cell_R, weights * outcomes.values[use], n), _summed(cell_R, weights, n)


def _summed(cell_R: Ints, values: Floats, n: Floats) -> Floats:
    return np.bincount(cell_R, values, len(n)).astype(np.float64)


def _auroc_rows(outcomes: Outcomes, use: Mask) -> tuple[Floats, Floats]:
    """Return what each row (N,) adds to numerator and denominator of its cluster."""
    result = components(outcomes, use)
    if result is None:  # one of the labels is missing: no value, so 0 / 0
        return np.zeros(len(use)), np.zeros(len(use))
    value, rows = result
    share = np.where(outcomes.labels == 1, 1 / use[outcomes.labels == 1].sum(), 1 / use[outcomes.labels == 0].sum())
    below = np.where(use, share, 0.0) / 2
    return np.where(use, rows * share, 0.0) - value * below, below


def _repeated(texts: Sequence[str], lengths: list[int]) -> Any:
    codes: Any
    codes, names = pd.factorize(np.array(texts, dtype=object))
    return pd.Categorical.from_codes(np.repeat(codes, lengths), categories=pd.Index(names))
