r"""Sufficient statistics of each cluster and group, for later comparisons of audits.

For each cluster :math:`c` of a group there is a numerator :math:`a_c` and a denominator :math:`d_c`, such that the
group's value is :math:`\hat\theta = \sum_c a_c / \sum_c d_c` and the influence of a cluster, but for its small-sample
factor, is :math:`(a_c - \hat\theta d_c + g_c) / \sum_c d_c`, where :math:`g_c` is its part as gallery.

micro average
    Sum of the outcomes, and their number.
macro average
    Mean of the cluster, and one.
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

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.result import STATISTIC_COLUMNS, table
from fairaudit.stats.estimates import components
from fairaudit.stats.outcomes import Floats, Mask, Outcomes

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

    def add(self, outcomes: Outcomes, names: Names, feature: str, group: str, mask: Mask) -> None:
        """Add one group: the rows of ``mask``, with the name of each cluster code (``cluster_names``)."""
        use = mask & outcomes.measured
        n = outcomes.cluster_sums(use.astype(np.float64))
        above, below, weights = _parts(outcomes, use, n)
        gallery = outcomes.gallery_sums(weights)
        keep = (n > 0) | (gallery != 0)
        self._texts.append((outcomes.metric, feature, group))
        self._columns.append((names[keep], n[keep], above[keep], below[keep], gallery[keep]))

    def table(self) -> pd.DataFrame:
        """Return all groups, columns ``STATISTIC_COLUMNS``."""
        if not self._columns:
            return table([], STATISTIC_COLUMNS)
        lengths = [len(columns[0]) for columns in self._columns]
        total = sum(lengths)
        data: dict[str, Any] = {name: _repeated([text], [total]) for name, text in self._same.items()}
        for name, texts in zip(("metric", "feature", "group"), zip(*self._texts, strict=True), strict=True):
            data[name] = _repeated(texts, lengths)
        for name, parts in zip(STATISTIC_COLUMNS[5:], zip(*self._columns, strict=True), strict=True):
            data[name] = np.concatenate(parts)
        return pd.DataFrame(data, columns=list(STATISTIC_COLUMNS))


def cluster_names(outcomes: Outcomes, of_rows: npt.NDArray[Any]) -> Names:
    """Return the name of each cluster code (U,) from the names of rows (N,); ``gallery-CODE`` without a row.

    A cluster without a row is only in the gallery. Its code is the same in every audit of the same data.
    """
    names = np.array([f"gallery-{code}" for code in range(outcomes.n_codes)], dtype=object)
    names[outcomes.clusters] = of_rows
    return names


def _parts(outcomes: Outcomes, use: Mask, n: Floats) -> tuple[Floats, Floats, Floats]:
    """Return numerator and denominator of each cluster (U,), and the weight of each row (N,) in the numerator."""
    if outcomes.labels is not None:
        return *_auroc_parts(outcomes, use), np.zeros(len(use))
    if outcomes.average == "micro":
        return outcomes.cluster_sums(np.where(use, outcomes.values, 0.0)), n, use.astype(np.float64)
    weights = np.where(use, 1 / np.maximum(n, 1)[outcomes.clusters], 0.0)
    return outcomes.cluster_sums(weights * np.where(use, outcomes.values, 0.0)), (n > 0).astype(np.float64), weights


def _auroc_parts(outcomes: Outcomes, use: Mask) -> tuple[Floats, Floats]:
    result = components(outcomes, use)
    if result is None:  # one of the labels is missing: no value, so 0 / 0
        return np.zeros(outcomes.n_codes), np.zeros(outcomes.n_codes)
    value, rows = result
    share = np.where(outcomes.labels == 1, 1 / use[outcomes.labels == 1].sum(), 1 / use[outcomes.labels == 0].sum())
    below = outcomes.cluster_sums(np.where(use, share, 0.0)) / 2
    return outcomes.cluster_sums(np.where(use, rows * share, 0.0)) - value * below, below


def _repeated(texts: Any, lengths: list[int]) -> Names:
    return np.repeat(np.array(texts, dtype=object), lengths)
