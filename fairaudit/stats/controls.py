"""Control features: comparisons within each level of a control, and standardised over the control."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from fairaudit.core.comparison import Comparison
from fairaudit.core.errors import ConfigError, unknown_name
from fairaudit.core.samples import NOT_RECORDED, Feature
from fairaudit.stats.contrasts import Compared, contrast_fields, contrasts_of, rest_pairs, slope_rows
from fairaudit.stats.estimates import Estimate, average
from fairaudit.stats.group_sums import GroupSums, Members
from fairaudit.stats.outcomes import Floats, Mask, Outcomes
from fairaudit.stats.standardised import Standardised
from fairaudit.stats.status import MIN_CLUSTERS, group_row, not_estimable, status_of
from fairaudit.stats.sufficient_statistics import Names

Row = dict[str, Any]

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
    names: Names,
    control: str,
    levels: Mapping[str, Mask],
    *,
    within: bool = True,
) -> tuple[list[Row], list[Comparison]]:
    """Return the rows of the group table and of the disparity table under one control, all exploratory.

    Parameters
    ----------
    outcomes : Outcomes
    feature : Feature
    masks : mapping of str to ndarray of bool
        Rows of each group; those of ``not recorded`` have values and are not compared.
    names : ndarray of str, shape (U,)
        Name of each cluster code.
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
    values, disparities = standardised_rows(outcomes, feature.name, compared, control, known)
    groups += [{**row, "control": STANDARDISED + control} for row in values]
    for level, inside in levels.items() if within else ():
        name = f"{control}={level}"
        rows = [group_row(outcomes.metric, feature.name, g, average(outcomes, m & inside)) for g, m in masks.items()]
        groups += [{**row, "control": name} for row in rows]
        if level in known:
            cells = GroupSums.of(outcomes, [mask & inside for mask in compared.values()])
            part = Compared(cells, feature.name, tuple(compared), names)
            disparities += _under(name, contrasts_of(part, feature, primary=False, whole=False))
    return groups, disparities


def controlled_slopes(
    outcomes: Outcomes, name: str, x: Floats, measure: str, names: Names, control: str, levels: Mapping[str, Mask]
) -> list[Comparison]:
    """Return slope and concentration along ``x`` (N,) within each recorded level."""
    rows: list[Comparison] = []
    for level, inside in levels.items():
        if level != NOT_RECORDED:
            slopes = slope_rows(outcomes, name, np.where(inside, x, np.nan), measure, names, primary=False)
            rows += _under(f"{control}={level}", slopes)
    return rows


def _under(control: str, rows: Sequence[Comparison]) -> list[Comparison]:
    return [dataclasses.replace(row, control=control) for row in rows]


NO_MEAN = "an AUROC is no mean over images, so it cannot be standardised; see it within levels"
#: Least independent units in a level: fewer give no standard error of its average.
LEAST_UNITS = 2


@dataclass(frozen=True)
class Standard:
    """The standard: one mix of a control's levels for every group.

    Parameters
    ----------
    levels : tuple of str
        Levels that are kept: where every compared group, and its rest, can be estimated.
    mix : ndarray of float
        Weight of each level; the weights sum to one.
    note : str
        Levels and rows that were left out.
    """

    levels: tuple[str, ...]
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
        sizes = np.array([_size(outcomes, recorded & level) for level in kept.values()], dtype=np.float64)
        note = _left_out(outcomes, control, levels, list(kept), recorded)
        return cls(tuple(kept), sizes / sizes.sum() if sizes.any() else sizes, note)


def _size(outcomes: Outcomes, mask: Mask) -> float:
    """Return the weight of rows in the mix: clusters of a macro average, else rows or their weights."""
    if outcomes.average == "macro":
        return float(outcomes.n_clusters(mask))
    use = mask & outcomes.measured
    return float(use.sum() if outcomes.weights is None else outcomes.weights[use].sum())


def standardised_rows(
    outcomes: Outcomes, feature: str, masks: Mapping[str, Mask], control: str, levels: Mapping[str, Mask]
) -> tuple[list[Row], list[Comparison]]:
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
    standard = Standard.of(
        outcomes, control, levels, recorded, [side for g, pair in sides.items() if not reasons[g] for side in pair]
    )
    if not standard.levels:
        no_level = f"no level of {control} has {LEAST_UNITS} independent units of every compared group and of its rest"
        reasons = {group: reason or no_level for group, reason in reasons.items()}
    names, k = list(masks), len(masks)
    cells = GroupSums.of(outcomes, [mask & levels[level] for level in standard.levels for mask in masks.values()])
    together = Standardised(cells, standard.mix)
    groups, rows = [], list[Comparison]()
    for group in names:
        row = not_estimable(outcomes.metric, feature, group, reasons[group])
        if not reasons[group]:
            at = names.index(group)
            estimate = together.value([Members((level * k + at,)) for level in range(len(standard.levels))])
            own = group_row(outcomes.metric, feature, group, estimate)
            row = {**own, "note": _note(own["note"], standard, [estimate])}
        groups.append(row)
    for group, reference in rest_pairs(names):
        blank = Comparison(
            metric=outcomes.metric, feature=feature, kind="one_vs_rest", measure="difference", group=group,
            reference=reference, control=STANDARDISED + control, note=reasons[group],
        )  # fmt: skip
        if reasons[group]:
            rows.append(blank)
            continue
        at, every = names.index(group), range(len(standard.levels))
        rest = [Members(tuple(level * k + other for other in range(k) if other != at)) for level in every]
        contrast = together.contrast([Members((level * k + at,)) for level in every], rest)
        fields = contrast_fields(contrast, contrast.interval(0.95))
        note = _note(fields["note"], standard, [contrast.first, contrast.second])
        rows.append(dataclasses.replace(blank, **{**fields, "note": note}))
    return groups, rows


def _too_small(outcomes: Outcomes, mask: Mask, rest: Mask) -> str:
    """Return why a group is not standardised (the other groups then keep their levels); empty if it is."""
    if outcomes.labels is not None:
        return NO_MEAN
    for side, whose in ((mask, ""), (rest, "all others: ")):
        status, note = status_of(average(outcomes, side))
        if status != "ok":
            return whose + note
    return ""


def _note(note: str, standard: Standard, estimates: Sequence[Estimate]) -> str:
    """Return a row's note with what was left out, and a word on weights that leave few independent units."""
    units, clusters = min(e.units for e in estimates), min(e.n_clusters for e in estimates)
    if note and units < MIN_CLUSTERS <= clusters:
        note = f"with this mix as sure as {int(units)} independent units; at least {MIN_CLUSTERS} are needed"
    return "; ".join(filter(None, (note, standard.note)))


def _left_out(outcomes: Outcomes, control: str, levels: Mapping[str, Mask], kept: Sequence[str], recorded: Mask) -> str:
    known = np.logical_or.reduce(list(levels.values())) if levels else np.zeros(len(recorded), dtype=bool)
    notes = []
    gone = [name for name in levels if name not in kept]
    if gone:
        n = int(sum((recorded & levels[name] & outcomes.measured).sum() for name in gone))
        listed = ", ".join(gone[:3]) + (", ..." if len(gone) > 3 else "")
        notes.append(
            f"without {len(gone)} of {len(levels)} levels of {control} ({listed}; {n:,} images), where a group or its "
            f"rest has fewer than {LEAST_UNITS} independent units"
        )
    unknown = int((recorded & ~known & outcomes.measured).sum())
    if unknown:
        notes.append(f"without {unknown:,} images of which {control} is not recorded")
    return "; ".join(notes)
