r"""Control features: comparisons within each level of a control, and direct standardisation over the control.

Direct standardisation gives every group the same mix of a control (objects, ages, places). Group :math:`g` has the
average :math:`\hat\theta_{gk}` within level :math:`k`; its standardised value is
:math:`\sum_k \pi_k \hat\theta_{gk}` with one mix :math:`\pi` for every group, that of all compared images together (for
a macro average: of their clusters). The mix is the standard, chosen and not estimated: intervals take it as fixed, and
the variance for independent hits is :math:`\sum_k \pi_k^2\, p_{gk}(1-p_{gk})/(n_{gk}-1)` [1]_. Clusters may lie in
several levels, and in each other's neighbour lists: influences are weighted and added, then squared.

References
----------
.. [1] Fleiss, Levin and Paik (2003), "Statistical Methods for Rates and Proportions", 3rd ed., ch. 19.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from fairaudit.core.errors import ConfigError, unknown_name
from fairaudit.core.samples import NOT_RECORDED, Feature
from fairaudit.stats.contrasts import ALL_OTHERS, Row, contrasts_of, family, pair_row, rest_pairs, slope_rows
from fairaudit.stats.estimates import Estimate, average, combination
from fairaudit.stats.outcomes import Floats, Mask, Outcomes
from fairaudit.stats.status import MIN_CLUSTERS, group_row, kind_of, not_estimable, status_of

#: Column ``control`` of a standardised row; within a level it is ``NAME=LEVEL``.
STANDARDISED = "standardised by "
#: Groups within levels, over all features and controls; each has a row in both tables.
MAX_GROUPS = 20_000


def check_controls(option: str, names: Sequence[str], known: Collection[str]) -> None:
    """Check that every control feature is recorded.

    Parameters
    ----------
    option : str
        Name of the option, for the error.
    names : sequence of str
    known : collection of str
        Names that are allowed.

    Raises
    ------
    ConfigError
        If a name is not among ``known``.
    """
    for name in names:
        if not known:
            raise ConfigError(f"{option} must be recorded features; got '{name}', and none is recorded. Leave it out.")
        if name not in known:
            raise unknown_name(option, name, known)


def controlled_rows(
    outcomes: Outcomes,
    feature: Feature,
    masks: Mapping[str, Mask],
    control: str,
    levels: Mapping[str, Mask],
    *,
    within: bool = True,
) -> tuple[list[Row], list[Row]]:
    """Return the rows of the group table and of the disparity table under one control, all exploratory.

    Parameters
    ----------
    outcomes : Outcomes
    feature : Feature
    masks : mapping of str to ndarray of bool
        Rows of each group; those of ``not recorded`` have values and are not compared.
    control : str
        Name of the control.
    levels : mapping of str to ndarray of bool
        Rows of each of its levels; in ``not recorded`` groups have values and are not compared, because nothing is
        held equal there.
    within : bool
        Whether to add rows within each level to the standardised ones.
    """
    groups: list[Row] = []
    compared = {group: mask for group, mask in masks.items() if group != NOT_RECORDED}
    known = {level: inside for level, inside in levels.items() if level != NOT_RECORDED}
    values, contrasts = standardised_rows(outcomes, feature.name, compared, control, known)
    groups += _under(STANDARDISED + control, values)
    disparities = _under(STANDARDISED + control, contrasts)
    for level, inside in levels.items() if within else ():
        name = f"{control}={level}"
        groups += _under(
            name, [group_row(outcomes, feature.name, g, average(outcomes, m & inside)) for g, m in masks.items()]
        )
        if level in known:
            cells = {group: mask & inside for group, mask in compared.items()}
            disparities += _under(name, contrasts_of(outcomes, feature, cells, primary=False, whole=False))
    return groups, disparities


def controlled_slopes(
    outcomes: Outcomes, name: str, x: Floats, measure: str, control: str, levels: Mapping[str, Mask]
) -> list[Row]:
    """Return slope and concentration along ``x`` (N,) within each recorded level."""
    rows: list[Row] = []
    for level, inside in levels.items():
        if level != NOT_RECORDED:
            slopes = slope_rows(outcomes, name, np.where(inside, x, np.nan), measure, primary=False)
            rows += _under(f"{control}={level}", slopes)
    return rows


def _under(control: str, rows: Sequence[Row]) -> list[Row]:
    return [{**row, "control": control} for row in rows]


NO_MEAN = "an AUROC is no mean over images, so it cannot be standardised; see it within levels"
#: Least independent units in a level: fewer give no standard error of its average.
LEAST_UNITS = 2


@dataclass(frozen=True)
class Standard:
    """The standard: one mix of a control's levels for every group.

    Parameters
    ----------
    levels : tuple of ndarray of bool, shape (N,)
        Rows of each level that is kept: where every compared group, and its rest, can be estimated.
    mix : ndarray of float
        Weight of each level; the weights sum to one.
    note : str
        Levels and rows that were left out.
    """

    levels: tuple[Mask, ...]
    mix: Floats
    note: str

    @classmethod
    def of(
        cls, outcomes: Outcomes, control: str, levels: Mapping[str, Mask], recorded: Mask, sides: Sequence[Mask]
    ) -> Standard:
        """Return the mix of all ``recorded`` rows over the levels in which each of ``sides`` has independent units."""
        kept = {
            name: level for name, level in levels.items()
            if all(outcomes.n_clusters(side & level) >= LEAST_UNITS for side in sides)
        }  # fmt: skip
        count = outcomes.n_clusters if outcomes.average == "macro" else lambda mask: outcomes.used(mask).sum()
        sizes = np.array([count(recorded & level) for level in kept.values()], dtype=np.float64)
        note = _left_out(outcomes, control, levels, list(kept), recorded)
        return cls(tuple(kept.values()), sizes / sizes.sum() if sizes.any() else sizes, note)

    def rows(self, mask: Mask) -> Mask:
        """Return the rows of ``mask`` in the levels that are kept."""
        kept: Mask = mask & np.logical_or.reduce(self.levels)
        return kept

    def average(self, outcomes: Outcomes, mask: Mask) -> Estimate:
        """Return the standardised average of ``mask``, which has rows in each level."""
        parts = [average(outcomes, mask & level) for level in self.levels]
        # Weight of each cluster if its level's weight is shared equally, for Kish's effective number of clusters.
        weights = np.zeros(outcomes.n_codes)
        for weight, level, part in zip(self.mix, self.levels, parts, strict=True):
            inside = outcomes.cluster_sums(outcomes.used(mask & level).astype(np.float64)) > 0
            weights += weight * inside / part.n_clusters
        return combination(parts, self.mix, units=float(1 / (weights**2).sum()))


def standardised_rows(
    outcomes: Outcomes, feature: str, masks: Mapping[str, Mask], control: str, levels: Mapping[str, Mask]
) -> tuple[list[Row], list[Row]]:
    """Return the standardised value of each group, and its standardised difference from the rest.

    Parameters
    ----------
    outcomes : Outcomes
    feature : str
    masks : mapping of str to ndarray of bool
        Rows of each group that is compared.
    control : str
        Name of the control.
    levels : mapping of str to ndarray of bool
        Rows of each of its recorded levels.
    """
    if len(masks) < 2:
        return [], []
    recorded: Mask = np.logical_or.reduce(list(masks.values()))
    sides = {group: (mask, recorded & ~mask) for group, mask in masks.items()}
    reasons = {group: _too_small(outcomes, *pair) for group, pair in sides.items()}
    compared = [side for group, pair in sides.items() if not reasons[group] for side in pair]
    standard = Standard.of(outcomes, control, levels, recorded, compared)
    if not standard.levels:
        no_level = f"no level of {control} has {LEAST_UNITS} independent units of every compared group and of its rest"
        reasons = {group: reason or no_level for group, reason in reasons.items()}
    kind = "share" if outcomes.unit_interval else "unbounded"
    groups, contrasts = [], []
    averages = {g: tuple(standard.average(outcomes, side) for side in sides[g]) for g in masks if not reasons[g]}
    for group in masks:
        row = not_estimable(outcomes.metric, feature, group, reasons[group])
        if group in averages:
            first, _ = averages[group]
            row = _with_note(
                outcomes, standard, group_row(outcomes, feature, group, first, kind=kind), [first], sides[group][:1]
            )
        groups.append(row)
    for group, reference in rest_pairs(list(masks)):
        row = {"metric": outcomes.metric, "status": "not_estimable", "note": reasons[group], "n": 0, "n_clusters": 0}
        if group in averages:
            row = _with_note(outcomes, standard, pair_row(outcomes, *averages[group]), averages[group], sides[group])
        contrasts.append({**row, "feature": feature, "kind": "one_vs_rest", "measure": "difference", "group": group,
                          "reference": reference, "family": family(False)})  # fmt: skip
    return groups, contrasts


def _too_small(outcomes: Outcomes, mask: Mask, rest: Mask) -> str:
    """Return why a group is not standardised (the other groups then keep their levels); empty if it is."""
    if kind_of(outcomes) == "auroc":
        return NO_MEAN
    for estimate, whose in ((average(outcomes, mask), ""), (average(outcomes, rest), f"{ALL_OTHERS}: ")):
        status, note = status_of(estimate, estimate.n_clusters)
        if status != "ok":
            return whose + note
    return ""


def _with_note(
    outcomes: Outcomes, standard: Standard, row: Row, estimates: Sequence[Estimate], sides: Sequence[Mask]
) -> Row:
    """Return ``row`` with the actual instead of the effective number of clusters, and a note on what was left out."""
    n_clusters = [int(outcomes.n_clusters(standard.rows(side))) for side in sides]
    worth = min(int(estimate.n_clusters) for estimate in estimates)
    note = row["note"]
    if worth < MIN_CLUSTERS <= min(n_clusters):
        note = f"with this mix as sure as {worth} independent units; at least {MIN_CLUSTERS} are needed"
    return {**row, "n_clusters": sum(n_clusters), "note": "; ".join(filter(None, (note, standard.note)))}


def _left_out(outcomes: Outcomes, control: str, levels: Mapping[str, Mask], kept: Sequence[str], recorded: Mask) -> str:
    known = np.logical_or.reduce(list(levels.values())) if levels else np.zeros(len(recorded), dtype=bool)
    notes = []
    gone = [name for name in levels if name not in kept]
    if gone:
        n = int(sum(outcomes.used(recorded & levels[name]).sum() for name in gone))
        listed = ", ".join(gone[:3]) + (", ..." if len(gone) > 3 else "")
        notes.append(
            f"without {len(gone)} of {len(levels)} levels of {control} ({listed}; {n:,} images), where a group or its "
            f"rest has fewer than {LEAST_UNITS} independent units"
        )
    unknown = int(outcomes.used(recorded & ~known).sum())
    if unknown:
        notes.append(f"without {unknown:,} images of which {control} is not recorded")
    return "; ".join(notes)
