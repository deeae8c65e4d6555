r"""Rate of each predicted label in a group, and the labels whose rates differ most between groups.

The rate of a label in a group is its share of all labels predicted for the group's images, and the difference of a
group is its rate less the unweighted mean of the other groups' rates [1]_. A rate is the share of one label among the
labels of clusters, and is compared as such (``stats.score``). Since the largest of thousands of differences is large by
chance, listed rows have a q-value over all comparisons [2]_.

Shape suffixes: P predicted labels, U clusters, L different labels, K groups.

References
----------
.. [1] Goyal et al. (2022), arXiv:2202.07603, as in facebookresearch/vissl 09270ed,
   inference_label_assoc_casual_conversations.py:515-584.
.. [2] Benjamini and Hochberg (1995), J. Royal Statistical Society B 57.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.sparse import csc_array
from scipy.stats import false_discovery_control

from fairaudit.core.comparison import Comparison
from fairaudit.core.samples import Feature
from fairaudit.stats.cohort import Cohort
from fairaudit.stats.contrasts import rest_pairs, without
from fairaudit.stats.correlation import Correlation, Pairs, correlations
from fairaudit.stats.disparity import OVERALL
from fairaudit.stats.estimates import average
from fairaudit.stats.group_sums import GroupSums
from fairaudit.stats.outcomes import Floats, Ints, Mask, Outcomes
from fairaudit.stats.score import ScoreContrast
from fairaudit.stats.side import Side
from fairaudit.stats.status import MIN_CLUSTERS, MIN_DF, group_row

Row = dict[str, Any]

#: A label that is said of fewer clusters is not compared: it could differ only by chance.
LEAST_SEEN = 5
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
    weights : ndarray of float or None, shape (P,)
        Weight of that row; None if all count alike.
    """

    names: tuple[str, ...]
    labels: Ints
    rows: Ints
    clusters: Ints
    weights: Floats | None = None

    @classmethod
    def of(
        cls, labels: npt.NDArray[np.str_], counts: Mask, clusters: Ints, weights: Floats | None = None
    ) -> PredictedLabels:
        """Return the ``labels`` (N, K) where ``counts`` (N, K); ``clusters`` and ``weights`` (N,) are of each row."""
        names, codes = np.unique(labels[counts], return_inverse=True)
        rows = np.nonzero(counts)[0].astype(np.int64)
        of_labels = None if weights is None else weights[rows]
        return cls(tuple(map(str, names)), codes.astype(np.int64), rows, clusters[rows], of_labels)

    def used(self, mask: Mask) -> Mask:
        """Return the predicted labels (P,) of the rows of ``mask`` (N,) that have a weight above 0."""
        use: Mask = mask[self.rows]
        return use if self.weights is None else use & (self.weights > 0)

    def counts(self, mask: Mask) -> csc_array:
        """Return the (weighted) count of each label in each cluster (U, L), in the rows of ``mask`` (N,)."""
        use = self.used(mask)
        each = np.ones(int(use.sum())) if self.weights is None else self.weights[use]
        shape = (int(self.clusters.max(initial=-1)) + 1, len(self.names))
        return csc_array((each, (self.clusters[use], self.labels[use])), shape=shape)

    def outcomes(self, label: int) -> Outcomes:
        """Return one outcome for each predicted label, (P,): whether it is ``label``."""
        hits = (self.labels == label).astype(np.float64)
        return Outcomes(metric_of(self.names[label]), hits, self.clusters, weights=self.weights)


@dataclass(frozen=True)
class LabelRates:
    """The labels that differ most between groups, as rows of the tables of a result.

    Parameters
    ----------
    groups : list of dict
        Rates by group.
    comparisons : list of Comparison
        The largest differences, all exploratory, each with its q-value over all comparisons.
    n_labels, n_compared : int
        Labels predicted for enough people to be compared by some feature, and number of comparisons.
    """

    groups: list[Row]
    comparisons: list[Comparison]
    n_labels: int
    n_compared: int


def metric_of(label: str) -> str:
    """Return the metric name of the rate of a label."""
    return f"rate of '{label}'"


def label_rates(predicted: PredictedLabels, cohort: Cohort, *, most: int) -> LabelRates:
    """Return the ``most`` largest estimable differences of each feature, and the rates behind them.

    A label is compared if it was said of at least ``LEAST_SEEN`` clusters; groups of fewer than ``MIN_CLUSTERS`` are
    not compared and do not enter the mean of the others. Features with imputed labels are not compared. A group
    without a predicted label has no rate.

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
    every = [row for of_feature in compared.values() for row in of_feature]
    q_values = false_discovery_control([row.p_value for row in every], method="bh") if every else []
    q_of = {id(row): float(q) for row, q in zip(every, q_values, strict=True)}
    rates = LabelRates([], [], len({row.metric for row in every}), len(every))
    code_of = {metric_of(name): code for code, name in enumerate(predicted.names)}
    listed: set[str] = set()
    for feature in sure:
        largest = sorted(compared[feature.name], key=lambda row: (-abs(row.value), row.metric, row.group))[:most]
        rates.comparisons.extend(_listed(row, q_of[id(row)], most, len(every)) for row in largest)
        for metric in dict.fromkeys(row.metric for row in largest):
            rates.groups.extend(_group_rows(predicted, cohort, feature, code_of[metric], whole=metric not in listed))
            listed.add(metric)
    return rates


@dataclass(frozen=True)
class _Group:
    """One group: its labels as a side, and the count of each label in each of its clusters (with their codes)."""

    name: str
    side: Side
    value_L: Floats
    codes_C: Ints
    counts_CL: csc_array
    sizes_C: Floats

    @classmethod
    def of(cls, predicted: PredictedLabels, name: str, mask: Mask) -> _Group:
        use = predicted.used(mask)
        outcomes = Outcomes(name, np.zeros(len(use)), predicted.clusters, weights=predicted.weights)
        side = GroupSums.of(outcomes, [use]).groups[0]
        weights = np.ones(int(use.sum())) if predicted.weights is None else predicted.weights[use]
        value_L = np.bincount(predicted.labels[use], weights, len(predicted.names)) / max(float(weights.sum()), 1e-300)
        codes, at = np.unique(predicted.clusters[use], return_inverse=True)
        counts = csc_array((np.ones(len(at)), (at, predicted.labels[use])), shape=(len(codes), len(predicted.names)))
        return cls(name, side, value_L, codes, counts, np.bincount(at, minlength=len(codes)).astype(np.float64))

    def pairs(self, labels: Ints) -> Pairs:
        """Return what the correlation of some labels within clusters is estimated from, (C, M)."""
        m_C1, counts_CM = self.sizes_C[:, None], self.counts_CL[:, labels].toarray()
        n, mean_M = float(m_C1.sum()), counts_CM.sum(axis=0) / m_C1.sum()
        squares = np.asarray(float((m_C1**2).sum()))
        return Pairs(m_C1, counts_CM, counts_CM, np.asarray(n), squares, mean_M, mean_M * (1 - mean_M))

    def influence(self, labels: Ints, n_codes: int) -> Floats:
        """Return the influence of every cluster on the rates of some labels, (U, M), if all rows weigh the same."""
        counts_CM, n = self.counts_CL[:, labels].toarray(), self.sizes_C.sum()
        psi_UM = np.zeros((n_codes, len(labels)))
        psi_UM[self.codes_C] = (counts_CM - counts_CM.sum(axis=0) / n * self.sizes_C[:, None]) / n
        return psi_UM


def _compare(predicted: PredictedLabels, cohort: Cohort, feature: Feature) -> list[Comparison]:
    """Return every estimable comparison of this feature."""
    every = [_Group.of(predicted, group, cohort.mask(feature.name, group)) for group in feature.groups]
    groups = [group for group in every if group.side.units >= MIN_CLUSTERS]
    if len(groups) < 2:
        return []
    note = without([group.name for group in every if group not in groups])
    seen_L = np.sum([(group.counts_CL > 0).sum(axis=0) for group in groups], axis=0)
    candidates = np.nonzero(seen_L >= LEAST_SEEN)[0]
    rows: list[Comparison] = []
    for start in range(0, len(candidates), _LABELS_AT_ONCE):
        labels = candidates[start : start + _LABELS_AT_ONCE]
        rhos = correlations([group.pairs(labels) for group in groups])
        kappas = _shared(groups, labels)
        for at, (group, reference) in enumerate(rest_pairs([group.name for group in groups])):
            score = _against_mean(groups, rhos, labels, at, kappas[at])
            p_M, (low_M, high_M) = score.p_value(), score.interval(0.95)
            n, n_clusters = (sum(getattr(g.side, name) for g in groups) for name in ("n", "n_clusters"))
            rows += [
                Comparison(
                    metric=metric_of(predicted.names[label]), feature=feature.name, kind="one_vs_rest",
                    measure="difference", group=group, reference=reference, value=float(score.value[i]),
                    ci_low=float(low_M[i]), ci_high=float(high_M[i]), ci_method="score, skewness-corrected",
                    p_value=float(p_M[i]), n=n, n_clusters=n_clusters, status="ok", note=note,
                    std_error=float(score.std_error[i]), df=float(score.df[i]),
                )
                for i, label in enumerate(labels) if score.df[i] >= MIN_DF
            ]  # fmt: skip
    return rows


def _shared(groups: Sequence[_Group], labels: Ints) -> list[Floats]:
    """Return, for each group against the mean of the others, the factor of clusters on both sides (``contrast``)."""
    codes = np.concatenate([group.codes_C for group in groups])
    if len(np.unique(codes)) == len(codes):
        return [np.ones(len(labels))] * len(groups)
    psi = [group.influence(labels, int(codes.max()) + 1) for group in groups]
    factors = []
    for at, own in enumerate(psi):
        others = np.sum([part for i, part in enumerate(psi) if i != at], axis=0) / (len(psi) - 1)
        squares, covariance = (own**2).sum(axis=0) + (others**2).sum(axis=0), (own * others).sum(axis=0)
        least = 1 / (len(codes) - len(np.unique(codes)) + 1)
        factors.append(np.maximum(1 - 2 * covariance / np.where(squares > 0, squares, 1), least))
    return factors


def _against_mean(
    groups: Sequence[_Group], rhos: Sequence[Correlation], labels: Ints, at: int, kappa: Floats
) -> ScoreContrast:
    """Return each label's rate in one group, and the unweighted mean of its rates in the other groups."""
    each = 1 / (len(groups) - 1)
    design_GM, third_GM, noise_GM = (
        np.array([np.broadcast_to(found(g.side, rho), labels.shape) for g, rho in zip(groups, rhos, strict=True)])
        for found in (
            lambda side, rho: side.design(rho.value),
            lambda side, rho: side.third(rho.value),
            Side.design_noise,
        )
    )
    others = [i for i in range(len(groups)) if i != at]
    mean_M = np.mean([groups[i].value_L[labels] for i in others], axis=0)
    design, third = each**2 * design_GM[others].sum(axis=0), each**3 * third_GM[others].sum(axis=0)
    noise = noise_GM[at] + each**4 * noise_GM[others].sum(axis=0)
    df = np.where(noise > 0, 2 * (design_GM[at] + design) ** 2 / np.where(noise > 0, noise, 1), np.inf)
    return ScoreContrast.of(
        groups[at].value_L[labels], 1 / design_GM[at], mean_M, 1 / design, t_first=third_GM[at], t_second=third,
        kappa=kappa, df=np.maximum(df, 1.0),
    )  # fmt: skip


def _listed(row: Comparison, q: float, most: int, n_compared: int) -> Comparison:
    chosen = f"among the {most} largest of this feature; q-value over all {n_compared:,} comparisons of labels"
    note = "; ".join(filter(None, (chosen, row.note)))
    return dataclasses.replace(row, note=note, selection_adjusted_p=q)


def _group_rows(predicted: PredictedLabels, cohort: Cohort, feature: Feature, label: int, *, whole: bool) -> list[Row]:
    """Return the rate in every group of the feature, also without a label, and over all images if ``whole``."""
    outcomes = predicted.outcomes(label)
    rows = (
        [group_row(outcomes.metric, OVERALL, OVERALL, average(outcomes, np.ones(len(predicted.rows), dtype=bool)))]
        if whole
        else []
    )
    for group in cohort.groups_of(feature):
        mask = cohort.mask(feature.name, group)[predicted.rows]
        row = group_row(outcomes.metric, feature.name, group, average(outcomes, mask))
        rows.append(row if mask.any() else {**row, "note": _NO_LABEL})
    return rows
