r"""Rate of each predicted label in a group, and the labels whose rates differ most between groups.

The rate of a label in a group is its share of all labels predicted for the group's images, and the difference of a
group is its rate less the unweighted mean of the other groups' rates [1]_. A rate is a ratio of sums over clusters, so
its influence is :math:`\psi_c = (a_c - \hat r\, m_c) / M`, with :math:`a_c` the count of the label and :math:`m_c` the
count of all labels in cluster :math:`c` [2]_. Since the largest of thousands of differences is large by chance, listed
rows have a q-value over all comparisons [3]_.

Shape suffixes: P predicted labels, U clusters, L different labels, K groups.

References
----------
.. [1] Goyal et al. (2022), arXiv:2202.07603, as in facebookresearch/vissl 09270ed,
   inference_label_assoc_casual_conversations.py:515-584.
.. [2] Cochran (1977), "Sampling Techniques", section 6.4 (linearised variance of a ratio).
.. [3] Benjamini and Hochberg (1995), J. Royal Statistical Society B 57.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csc_array
from scipy.stats import false_discovery_control

from fairaudit.core.samples import Feature
from fairaudit.stats.contrasts import Row, family, rest_pairs, without
from fairaudit.stats.disparity import OVERALL, Cohort, groups_of
from fairaudit.stats.estimates import Estimate, average, difference
from fairaudit.stats.intervals import p_value, t_interval
from fairaudit.stats.outcomes import Ints, Mask, Outcomes
from fairaudit.stats.status import MIN_CLUSTERS, MIN_EVENTS, group_row

_LABELS_AT_ONCE = 32
_NO_LABEL = "no label of this group's images counts here"


@dataclass(frozen=True)
class PredictedLabels:
    """Predicted labels: an entry for each label of an image that counts.

    Parameters
    ----------
    names : tuple of str
        The L different labels.
    labels : ndarray of int, shape (P,)
        Position in ``names``.
    rows : ndarray of int, shape (P,)
        Row of the cohort.
    clusters : ndarray of int, shape (P,)
        Cluster code of that row, from 0.
    """

    names: tuple[str, ...]
    labels: Ints
    rows: Ints
    clusters: Ints

    @classmethod
    def of(cls, labels: npt.NDArray[np.str_], counts: Mask, clusters: Ints) -> PredictedLabels:
        """Return the ``labels`` (N, K) where ``counts`` (N, K); ``clusters`` (N,) holds the code of each row."""
        names, codes = np.unique(labels[counts], return_inverse=True)
        rows = np.nonzero(counts)[0].astype(np.int64)
        return cls(tuple(map(str, names)), codes.astype(np.int64), rows, clusters[rows])

    def counts(self, mask: Mask) -> csc_array:
        """Return the count of each label in each cluster (U, L), in the rows of ``mask`` (N,)."""
        use = mask[self.rows]
        shape = (int(self.clusters.max(initial=-1)) + 1, len(self.names))
        return csc_array((np.ones(int(use.sum())), (self.clusters[use], self.labels[use])), shape=shape)

    def outcomes(self, label: int) -> Outcomes:
        """Return one outcome for each predicted label, (P,): whether it is ``label``."""
        return Outcomes(metric_of(self.names[label]), (self.labels == label).astype(np.float64), self.clusters)


@dataclass(frozen=True)
class LabelRates:
    """The labels that differ most between groups, as rows of the tables of a result.

    Parameters
    ----------
    groups, disparities : list of dict
        Rates by group, and the largest differences; all exploratory.
    selection_adjusted_p : mapping of int to float
        By position in ``disparities``: q-value over all comparisons, as in ``IndicatorResult``.
    n_labels, n_compared : int
        Labels predicted for enough people to be compared by some feature, and number of comparisons.
    """

    groups: list[Row]
    disparities: list[Row]
    selection_adjusted_p: dict[int, float]
    n_labels: int
    n_compared: int


@dataclass(frozen=True)
class _Compared:
    """One label in one group against the others; numbers as in a row of disparities."""

    feature: str
    group: str
    reference: str
    label: int
    value: float
    std_error: float
    df: float
    n: int
    n_clusters: int
    p_value: float
    note: str


def metric_of(label: str) -> str:
    """Return the metric name of the rate of a label."""
    return f"rate of '{label}'"


def label_rates(predicted: PredictedLabels, cohort: Cohort, *, most: int) -> LabelRates:
    """Return the ``most`` largest estimable differences of each feature, and the rates behind them.

    A difference is estimable if each side has enough clusters, and enough of them with the label and with other labels
    (``stats.status``). Smaller groups do not enter the mean of the others, and features with imputed labels are not
    compared. A group without a predicted label has no rate.

    Parameters
    ----------
    predicted : PredictedLabels
    cohort : Cohort
        ``predicted.rows`` are its rows.
    most : int
        Rows to list for each feature; 0 for none.
    """
    sure = [f for f in cohort.features if f.name not in cohort.drawn] if most and len(predicted.names) else []
    compared = {feature.name: _compare(predicted, cohort, feature) for feature in sure}
    every = [comparison for of_feature in compared.values() for comparison in of_feature]
    q_values = false_discovery_control([comparison.p_value for comparison in every], method="bh") if every else []
    q_of = dict(zip(every, map(float, q_values), strict=True))
    rates = LabelRates([], [], {}, len({comparison.label for comparison in every}), len(every))
    listed: set[int] = set()
    for feature in sure:
        largest = sorted(
            compared[feature.name],
            key=lambda comparison: (-abs(comparison.value), predicted.names[comparison.label], comparison.group),
        )
        for comparison in largest[:most]:
            rates.selection_adjusted_p[len(rates.disparities)] = q_of[comparison]
            rates.disparities.append(_row(comparison, predicted, most, len(every)))
        for label in dict.fromkeys(comparison.label for comparison in largest[:most]):
            rates.groups.extend(_group_rows(predicted, cohort, feature, label, whole=label not in listed))
            listed.add(label)
    return rates


def _compare(predicted: PredictedLabels, cohort: Cohort, feature: Feature) -> list[_Compared]:
    """Return every estimable comparison of this feature."""
    counts = {group: predicted.counts(cohort.mask(feature.name, group)) for group in feature.groups}
    clusters = {group: int((matrix.sum(axis=1) > 0).sum()) for group, matrix in counts.items()}
    groups = [group for group in feature.groups if clusters[group] >= MIN_CLUSTERS]
    if len(groups) < 2:
        return []
    note = without([group for group in feature.groups if group not in groups])
    seen_L = np.sum([(counts[group] > 0).sum(axis=0) for group in groups], axis=0)
    candidates = np.nonzero(seen_L >= MIN_EVENTS)[0]
    comparisons: list[_Compared] = []
    for start in range(0, len(candidates), _LABELS_AT_ONCE):
        labels = candidates[start : start + _LABELS_AT_ONCE]
        rates = {group: rates_of(counts[group], labels) for group in groups}
        for group, reference in rest_pairs(groups):
            others = mean_of([rates[other] for other in groups if other != group])
            contrast = difference(rates[group], others, unit_interval=True)
            p = p_value(contrast)
            for i in np.nonzero(_is_estimable(rates[group], others, contrast))[0]:
                comparisons.append(
                    _Compared(feature.name, group, reference, int(labels[i]), float(contrast.value[i]),
                              float(contrast.std_error[i]), float(contrast.df[i]), int(contrast.n[i]),
                              int(contrast.n_clusters[i]), float(p[i]), note)
                )  # fmt: skip
    return comparisons


def rates_of(counts_UL: csc_array, labels: Ints) -> Estimate:
    """Return the rate of each of ``labels`` among all predicted labels, as arrays; ``n`` counts predicted labels.

    Parameters
    ----------
    counts_UL : sparse array of float, shape (U, L)
        Count of each label in each cluster of one group.
    labels : ndarray of int, shape (M,)
        Columns to estimate.
    """
    predicted_U = np.asarray(counts_UL.sum(axis=1), dtype=np.float64)
    total, n_clusters = float(predicted_U.sum()), int((predicted_U > 0).sum())
    counts_UM = counts_UL[:, labels].toarray()
    value_M = counts_UM.sum(axis=0) / total if total else np.full(len(labels), np.nan)
    scale = np.sqrt(n_clusters / (n_clusters - 1)) if n_clusters > 1 else 1.0
    psi_UM = scale * (counts_UM - predicted_U[:, None] * np.nan_to_num(value_M)) / max(total, 1.0)
    std_error_M = np.sqrt((psi_UM**2).sum(axis=0)) if total else np.full(len(labels), np.nan)
    full = np.ones(len(labels))
    return Estimate(
        value_M,
        np.where(std_error_M > 1e-12, std_error_M, np.where(np.isnan(value_M), np.nan, 0.0)),
        full * (n_clusters - 1),
        np.full(len(labels), int(total)),
        np.full(len(labels), n_clusters),
        (counts_UM > 0).sum(axis=0).astype(np.float64),
        (counts_UM < predicted_U[:, None]).sum(axis=0).astype(np.float64),
        psi_UM,
    )


def mean_of(parts: Sequence[Estimate]) -> Estimate:
    """Return the unweighted mean of the estimates of several groups.

    ``n_clusters`` is the effective number of clusters (Kish 1965, section 11.7), events are the mean share of this
    number, and the degrees of freedom are Satterthwaite's.
    """
    if len(parts) == 1:
        return parts[0]
    k = len(parts)
    variances = np.array([part.std_error**2 for part in parts]) / k**2
    dfs = np.maximum([part.df for part in parts], 1)
    shares = (variances**2 / dfs).sum(axis=0)
    df = np.where(shares > 0, variances.sum(axis=0) ** 2 / np.where(shares > 0, shares, 1), dfs.min(axis=0))
    units = k**2 / np.sum([1 / part.n_clusters for part in parts], axis=0)
    psi = np.mean([part.psi for part in parts], axis=0)
    events, non_events = (
        units * np.mean([getattr(part, name) / part.n_clusters for part in parts], axis=0)
        for name in ("events", "non_events")
    )
    return Estimate(
        np.mean([part.value for part in parts], axis=0),
        np.sqrt((psi**2).sum(axis=0)),
        df,
        np.sum([part.n for part in parts], axis=0),
        units.astype(np.int64),
        events,
        non_events,
        psi,
    )


def _is_estimable(first: Estimate, second: Estimate, contrast: Estimate) -> Mask:
    enough = np.minimum(first.n_clusters, second.n_clusters) >= MIN_CLUSTERS
    events = np.minimum(contrast.events, contrast.non_events) >= MIN_EVENTS
    return np.asarray(enough & events & (contrast.std_error > 0))


def _row(comparison: _Compared, predicted: PredictedLabels, most: int, n_compared: int) -> dict[str, Any]:
    low, high = t_interval(comparison.value, comparison.std_error, comparison.df)
    chosen = f"among the {most} largest of this feature; q-value over all {n_compared:,} comparisons of labels"
    return {
        "metric": metric_of(predicted.names[comparison.label]), "feature": comparison.feature, "kind": "one_vs_rest",
        "measure": "difference", "group": comparison.group, "reference": comparison.reference, "family": family(False),
        "value": comparison.value, "ci_low": low, "ci_high": high, "ci_method": "cluster t",
        "std_error": comparison.std_error, "df": comparison.df, "p_value": comparison.p_value, "n": comparison.n,
        "n_clusters": comparison.n_clusters, "status": "ok", "note": "; ".join(filter(None, (chosen, comparison.note))),
    }  # fmt: skip


def _group_rows(predicted: PredictedLabels, cohort: Cohort, feature: Feature, label: int, *, whole: bool) -> list[Row]:
    """Return the rate in every group of the feature, also without a label, and over all images if ``whole``."""
    outcomes = predicted.outcomes(label)
    rows = (
        [group_row(outcomes, OVERALL, OVERALL, average(outcomes, np.ones(len(predicted.rows), dtype=bool)))]
        if whole
        else []
    )
    for group in groups_of(feature, cohort):
        mask = cohort.mask(feature.name, group)[predicted.rows]
        row = group_row(outcomes, feature.name, group, average(outcomes, mask))
        rows.append(row if mask.any() else {**row, "note": _NO_LABEL})
    return rows
