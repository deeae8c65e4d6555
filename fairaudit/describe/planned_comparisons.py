"""Comparisons that an audit of a data set would make, and their minimum detectable differences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from fairaudit.core.samples import INCOME, SAMPLE_WEIGHT, Feature, Subject
from fairaudit.describe.check import Comparison
from fairaudit.stats.contrasts import rest_pairs
from fairaudit.stats.group_sums import GroupSums
from fairaudit.stats.outcomes import Floats, Ints, Outcomes
from fairaudit.stats.power import Detectable, Number, Sizes, auroc_difference, effective_sizes, share_difference, slope
from fairaudit.stats.status import MIN_EVENTS, too_few

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
    """Return the comparisons of a feature in the shipped plan: each group against the rest, and the slope of an order.

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
    weights = rows[SAMPLE_WEIGHT].to_numpy(np.float64) if SAMPLE_WEIGHT in rows else None
    codes = pd.Index(feature.groups).get_indexer(pd.Index(rows[feature.name])).astype(np.int64)  # -1: not recorded
    occurring = [feature.groups[at] for at in np.unique(codes[codes >= 0])]
    if len(occurring) < 2:
        got = f"only '{occurring[0]}' occurs" if occurring else "no group occurs"
        return [Planned("one_vs_rest", "difference", "", "", "not_estimable", got, lambda **_: _NONE)]
    ordered = feature.ordered and len(feature.groups) >= 3
    if subject == "memes":
        why = "no slope is defined for the AUROC"
        slopes = [Planned("slope", "per_step", "", "", "not_estimable", why, lambda **_: _NONE)]
        return slopes * ordered + list(_aurocs(rows, feature, codes, clusters))
    macro, recorded = subject == "objects", codes >= 0
    steps = codes[recorded].astype(np.float64)
    slopes = [_slope("per_step", steps, clusters[recorded], macro, expected)] if ordered else []
    unknown = Outcomes("share", np.zeros(len(rows)), clusters, average="macro" if macro else "micro", weights=weights)
    return slopes + list(_shares(feature, codes, unknown, expected))


def planned_income(rows: pd.DataFrame, clusters: Ints, *, expected: float | None) -> list[Planned]:
    """Return the comparison along income, per doubling; none if no income is known."""
    income = rows[INCOME].to_numpy(np.float64) if INCOME in rows else np.zeros(len(rows))
    known = income > 0
    if not known.any():
        return []
    return [_slope("per_doubling", np.log2(income[known]), clusters[known], True, expected)]


def _slope(measure: str, x: Floats, clusters: Ints, macro: bool, expected: float | None) -> Planned:
    status, note = _status(len(np.unique(clusters)))
    least_at = partial(slope, x, clusters, expected=expected, macro=macro)
    return Planned("slope", measure, "", "", status, note, least_at, float(np.ptp(x)) if len(x) else 0.0)


def _shares(feature: Feature, codes: Ints, outcomes: Outcomes, expected: float | None) -> Iterator[Planned]:
    sums = GroupSums(outcomes, codes, len(feature.groups))
    for at, (group, reference) in enumerate(rest_pairs(list(feature.groups))):  # of two groups the first is compared
        sides = sums.groups[at], sums.side(sums.rest(at))
        status, note = _status(min(side.units for side in sides))
        least_at = partial(share_difference, *sides, expected=expected)
        yield Planned("one_vs_rest", "difference", group, reference, status, note, least_at)


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


def _status(units: float) -> tuple[str, str]:
    if not units:
        return "not_estimable", "no image of this group"
    return too_few(Number(0.0, 1.0, math.inf), units, math.inf, math.inf, by_counts=False)
