"""Which groups an audit would compare, by who is in the data, and the least difference that it would find."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.contrasts import rest_pairs
from fairaudit.core.detectable import Detectable, auroc_difference, effective_sizes, share_difference, slope
from fairaudit.core.sample_check import Comparison
from fairaudit.core.samples import INCOME, Feature, Subject
from fairaudit.core.sufficiency import MIN_CLUSTERS

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]
Sizes = tuple[float, float]

_NONE = Detectable(float("nan"), float("nan"))


@dataclass(frozen=True)
class Planned:
    """A comparison whose error level is not known yet.

    Parameters
    ----------
    kind, measure, group, reference, status, note : str
        As in ``Comparison``.
    least_at : callable
        The least difference at an error level.
    """

    kind: str
    measure: str
    group: str
    reference: str
    status: str
    note: str
    least_at: Callable[[float], Detectable]

    def at(self, alpha: float) -> Comparison:
        """Return the comparison at the error level ``alpha``."""
        found = self.least_at(alpha) if self.status == "ok" else _NONE
        note = self.note
        if self.status == "ok" and np.isnan(found.most):
            note = "not even the largest difference would be surely found"
        return Comparison(
            self.kind, self.measure, self.group, self.reference, found.least, found.most, self.status, note
        )


def planned(
    rows: pd.DataFrame, clusters: Ints, feature: Feature, *, subject: Subject, expected: float
) -> list[Planned]:
    """Return the comparisons of a feature as the shipped plan has them: its slope, or each group against the rest.

    Parameters
    ----------
    rows : DataFrame
        The rows that are measured, as in ``Samples.table``.
    clusters : ndarray of int
        Code of each row's cluster.
    feature : Feature
    subject : str
        Of memes the AUROC is compared, of homes an average over households, else a share of images.
    expected : float
        Share that a measure is expected to have.
    """
    codes = pd.Index(feature.groups).get_indexer(pd.Index(rows[feature.name])).astype(np.int64)  # -1: not recorded
    occurring = [group for at, group in enumerate(feature.groups) if (codes == at).any()]
    if len(occurring) < 2:
        got = f"only '{occurring[0]}' occurs" if occurring else "no group occurs"
        return [Planned("rest", "difference", "", "", "not_estimable", got, lambda _: _NONE)]
    if subject == "memes":
        return list(_aurocs(rows, feature, codes, clusters))
    average = "macro" if subject == "objects" else "micro"
    if feature.ordered and len(feature.groups) >= 3:
        recorded = codes >= 0
        return [_slope("per_step", codes[recorded].astype(np.float64), clusters[recorded], average, expected)]
    return list(_shares(feature, codes, clusters, average, expected))


def planned_income(rows: pd.DataFrame, clusters: Ints, *, expected: float) -> list[Planned]:
    """Return the comparison along income, per doubling; none where no income is known."""
    if INCOME not in rows:
        return []
    income = rows[INCOME].to_numpy(np.float64)
    known = income > 0
    if not known.any():
        return []
    return [_slope("per_doubling", np.log2(income[known]), clusters[known], "macro", expected)]


def _slope(measure: str, x: Floats, clusters: Ints, average: str, expected: float) -> Planned:
    sizes = effective_sizes(clusters, average=average)
    status, note = _status(len(np.unique(clusters)))

    def least_at(alpha: float) -> Detectable:
        return slope(x, sizes, expected=expected, alpha=alpha)

    return Planned("slope", measure, "", "", status, note, least_at)


def _shares(feature: Feature, codes: Ints, clusters: Ints, average: str, expected: float) -> Iterator[Planned]:
    for at, (group, reference) in enumerate(rest_pairs(list(feature.groups))):
        sides = [clusters[mask] for mask in _sides(codes, at)]
        status, note = _status(min(len(np.unique(side)) for side in sides))
        group_sizes, other_sizes = (effective_sizes(side, average=average) for side in sides)
        least_at = partial(_of_share, group_sizes, other_sizes, expected)
        yield Planned("rest", "difference", group, reference, status, note, least_at)


def _aurocs(rows: pd.DataFrame, feature: Feature, codes: Ints, clusters: Ints) -> Iterator[Planned]:
    hateful_N, harmless_N = (rows["label"].to_numpy(object) == label for label in ("1", "0"))
    for at, (group, reference) in enumerate(rest_pairs(list(feature.groups))):
        masks = _sides(codes, at)
        counts = [(int((hateful_N & mask).sum()), int((harmless_N & mask).sum())) for mask in masks]
        status, note = _status(min(len(np.unique(clusters[mask])) for mask in masks))
        for name, (hateful, harmless) in zip((group, reference), counts, strict=True):
            if status != "not_estimable" and not min(hateful, harmless):
                missing = "hateful" if not hateful else "harmless"
                status, note = "not_estimable", f"no {missing} meme of '{name}', and an AUROC needs both"
        yield Planned(
            "rest", "difference of AUROC", group, reference, status, note, partial(_of_auroc, counts[0], counts[1])
        )


def _sides(codes: Ints, at: int) -> tuple[Mask, Mask]:
    inside = np.asarray(codes == at)
    return inside, np.asarray(~inside & (codes >= 0))


def _of_share(group: Sizes, others: Sizes, expected: float, alpha: float) -> Detectable:
    return share_difference(group, others, expected=expected, alpha=alpha)


def _of_auroc(group: tuple[int, int], others: tuple[int, int], alpha: float) -> Detectable:
    least = auroc_difference(group, others, alpha=alpha)
    return Detectable(least, least)


def _status(n_clusters: int) -> tuple[str, str]:
    if not n_clusters:
        return "not_estimable", "no image of this group"
    if n_clusters < MIN_CLUSTERS:
        return "too_few", f"{n_clusters} independent units; at least {MIN_CLUSTERS} are needed"
    return "ok", ""
