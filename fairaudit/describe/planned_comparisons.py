"""Comparisons that an audit of a data set would make, and their minimum detectable differences."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from fairaudit.core.samples import INCOME, Feature, Subject
from fairaudit.describe.check import Comparison
from fairaudit.stats.contrasts import rest_pairs
from fairaudit.stats.outcomes import Floats, Ints
from fairaudit.stats.power import Detectable, Sizes, auroc_difference, effective_sizes, share_difference, slope
from fairaudit.stats.status import MIN_CLUSTERS, MIN_EVENTS

_NONE = Detectable(float("nan"), float("nan"))


@dataclass(frozen=True)
class Planned:
    """A comparison whose error level is not fixed yet.

    Parameters
    ----------
    kind, measure, group, reference, status, note, span
        As in ``Comparison``.
    least_at : callable
        Returns the minimum detectable difference at the error level ``alpha``.
    """

    kind: str
    measure: str
    group: str
    reference: str
    status: str
    note: str
    least_at: Callable[..., Detectable]
    span: float = 1.0

    def at(self, alpha: float) -> Comparison:
        """Return the comparison at the error level ``alpha``."""
        ends = self.least_at(alpha=alpha) if self.status == "ok" else _NONE
        note = self.note
        if self.status == "ok" and np.isnan(ends.most):
            note = "not even the largest difference would be surely found"
            note = f"{note} if images of a cluster are alike" if not np.isnan(ends.least) else note
        return Comparison(
            self.kind, self.measure, self.group, self.reference, ends.least, ends.most, self.status, note, self.span
        )


def planned(
    rows: pd.DataFrame, clusters: Ints, feature: Feature, *, subject: Subject, expected: float | None
) -> list[Planned]:
    """Return the comparisons of a feature in the shipped plan: its slope, or each group against the rest.

    Parameters
    ----------
    rows : DataFrame
        Measured rows of ``Samples.table``.
    clusters : ndarray of int
        Code of each row's cluster, from 0.
    feature : Feature
    subject : str
        Memes are compared by AUROC, objects by an average over households, others by a share of images.
    expected : float
        Expected share of a measure.
    """
    codes = pd.Index(feature.groups).get_indexer(pd.Index(rows[feature.name])).astype(np.int64)  # -1: not recorded
    occurring = [feature.groups[at] for at in np.unique(codes[codes >= 0])]
    if len(occurring) < 2:
        got = f"only '{occurring[0]}' occurs" if occurring else "no group occurs"
        return [Planned("one_vs_rest", "difference", "", "", "not_estimable", got, lambda **_: _NONE)]
    ordered = feature.ordered and len(feature.groups) >= 3
    if subject == "memes" and ordered:
        why = "no slope is defined for the AUROC"
        return [Planned("slope", "per_step", "", "", "not_estimable", why, lambda **_: _NONE)]
    if subject == "memes":
        return list(_aurocs(rows, feature, codes, clusters))
    average = "macro" if subject == "objects" else "micro"
    if ordered:
        recorded = codes >= 0
        return [_slope("per_step", codes[recorded].astype(np.float64), clusters[recorded], average, expected)]
    return list(_shares(feature, codes, clusters, average, expected))


def planned_income(rows: pd.DataFrame, clusters: Ints, *, expected: float | None) -> list[Planned]:
    """Return the comparison along income, per doubling; none if no income is known."""
    income = rows[INCOME].to_numpy(np.float64) if INCOME in rows else np.zeros(len(rows))
    known = income > 0
    if not known.any():
        return []
    return [_slope("per_doubling", np.log2(income[known]), clusters[known], "macro", expected)]


def _slope(measure: str, x: Floats, clusters: Ints, average: str, expected: float | None) -> Planned:
    status, note = _status(len(np.unique(clusters)))
    least_at = partial(slope, x, clusters, expected=expected, average=average)
    return Planned("slope", measure, "", "", status, note, least_at, float(np.ptp(x)) if len(x) else 0.0)


def _shares(feature: Feature, codes: Ints, clusters: Ints, average: str, expected: float | None) -> Iterator[Planned]:
    sides = both_sides(codes, clusters, len(feature.groups), average=average)
    for (group, reference), (inside, outside, n_clusters) in zip(
        rest_pairs(list(feature.groups)), sides, strict=False
    ):  # of two groups the first is compared
        status, note = _status(n_clusters)
        least_at = partial(share_difference, inside, outside, expected=expected)
        yield Planned("one_vs_rest", "difference", group, reference, status, note, least_at)


def both_sides(codes: Ints, clusters: Ints, n_groups: int, *, average: str = "micro") -> list[tuple[Sizes, Sizes, int]]:
    """Return each group's ``effective_sizes``, those of all other groups, and the clusters of the smaller side.

    One pass over the rows serves any number of groups.
    """
    known = codes >= 0
    codes, clusters = codes[known], clusters[known]
    n_clusters = int(clusters.max()) + 1
    pairs, count = np.unique(codes * n_clusters + clusters, return_counts=True)
    group, m = pairs // n_clusters, count.astype(np.float64)
    whole = np.bincount(clusters, minlength=n_clusters).astype(np.float64)
    of_pair = whole[pairs % n_clusters]
    left = of_pair - m  # images of the cluster in other groups
    inverse = np.divide(1.0, left, out=np.zeros_like(left), where=left > 0)

    def total(values: Floats) -> Floats:
        return np.asarray(np.bincount(group, values, minlength=n_groups), dtype=np.float64)

    there = whole[whole > 0]
    inside = np.stack([total(m), total(m**2), total(1 / m), total(np.ones_like(m))])
    outside = np.stack([
        there.sum() - inside[0],
        (there**2).sum() - total(of_pair**2) + total(left**2),
        (1 / there).sum() - total(1 / of_pair) + total(inverse),
        len(there) - total((left == 0).astype(np.float64)),
    ])  # fmt: skip
    sides = [[_sizes(side[:, g], average) for side in (inside, outside)] for g in range(n_groups)]
    smaller = np.minimum(inside[3], outside[3])
    return [(own, others, round(float(n))) for (own, others), n in zip(sides, smaller, strict=True)]


def _sizes(sums: Floats, average: str) -> Sizes:
    """Return ``effective_sizes`` from the sums of images, of their squares and inverses, and of clusters."""
    n, squares, inverses, units = sums.tolist()
    if units < 0.5:
        return 0.0, 0.0
    return (units**2 / inverses, units) if average == "macro" else (n, n**2 / squares)


def _aurocs(rows: pd.DataFrame, feature: Feature, codes: Ints, clusters: Ints) -> Iterator[Planned]:
    labels = [rows["label"].to_numpy(object) == label for label in ("1", "0")]
    for at, (group, reference) in enumerate(rest_pairs(list(feature.groups))):
        masks = [codes == at, (codes >= 0) & (codes != at)]
        status, note = _status(min(len(np.unique(clusters[mask])) for mask in masks))
        sizes = [[effective_sizes(clusters[mask & label]) for label in labels] for mask in masks]
        for name, side in zip((group, reference), sizes, strict=True):
            scarce, (_, n) = min(zip(("hateful", "harmless"), side, strict=True), key=lambda pair: pair[1][1])
            if status != "not_estimable" and not n:
                status, note = "not_estimable", f"no {scarce} meme of '{name}', and an AUROC needs both"
            elif status == "ok" and n < MIN_EVENTS:
                status, note = "too_few", f"{n:.0f} {scarce} memes of '{name}'; at least {MIN_EVENTS} are needed"
        yield Planned("one_vs_rest", "difference of AUROC", group, reference, status, note, partial(_auroc, sizes))


def _auroc(sizes: list[list[Sizes]], *, alpha: float) -> Detectable:
    """Return the minimum detectable AUROC difference for independent and for identical images of a cluster.

    ``sizes`` are those of hateful and harmless memes of the group, then of all others.
    """
    (hateful, harmless), (other_hateful, other_harmless) = sizes
    ends = [
        auroc_difference((hateful[end], harmless[end]), (other_hateful[end], other_harmless[end]), alpha=alpha)
        for end in (0, 1)
    ]
    return Detectable(*ends)


def _status(n_clusters: int) -> tuple[str, str]:
    if not n_clusters:
        return "not_estimable", "no image of this group"
    if n_clusters < MIN_CLUSTERS:
        return "too_few", f"{n_clusters} independent units; at least {MIN_CLUSTERS} are needed"
    return "ok", ""
