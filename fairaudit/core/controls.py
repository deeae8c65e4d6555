"""Control features: a feature's groups within each level of a control, and standardised over it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import numpy as np

from fairaudit.core.contrasts import Row, along, contrasts_of
from fairaudit.core.errors import ConfigError, unknown_name
from fairaudit.core.estimates import average
from fairaudit.core.group_rows import group_row
from fairaudit.core.outcomes import Floats, Mask, Outcomes
from fairaudit.core.samples import NOT_RECORDED, Feature
from fairaudit.core.standardisation import standardised_rows

#: Column ``control`` of a standardised row; within a level it is ``NAME=LEVEL``.
STANDARDISED = "standardised by "
#: Groups within levels, over all features and controls; each has a row in both tables.
MAX_GROUPS = 20_000


def check_controls(what: str, names: Sequence[str], known: Collection[str]) -> None:
    """Refuse a control feature that is not recorded.

    Parameters
    ----------
    what : str
        Whose controls they are, for the error.
    names : sequence of str
    known : collection of str
        What may be named.

    Raises
    ------
    ConfigError
        If one is not among ``known``.
    """
    for name in names:
        if not known:
            raise ConfigError(f"{what} must be recorded features; got '{name}', and none is recorded. Leave it out.")
        if name not in known:
            raise unknown_name(what, name, known)


def controlled_rows(
    one: Outcomes,
    feature: Feature,
    masks: Mapping[str, Mask],
    control: str,
    levels: Mapping[str, Mask],
    *,
    within: bool = True,
) -> tuple[list[Row], list[Row]]:
    """Return rows of the group table and of the disparity table, all exploratory.

    Parameters
    ----------
    one : Outcomes
    feature : Feature
    masks : mapping of str to ndarray of bool
        Rows of each group; those of ``not recorded`` have values and are not compared.
    control : str
        Name of the control.
    levels : mapping of str to ndarray of bool
        Rows of each of its levels; in ``not recorded`` groups have values and are not compared, because nothing is
        held equal there.
    within : bool
        Whether there are rows within each level, beside those standardised over all.
    """
    groups: list[Row] = []
    compared = {group: mask for group, mask in masks.items() if group != NOT_RECORDED}
    known = {level: inside for level, inside in levels.items() if level != NOT_RECORDED}
    values, contrasts = standardised_rows(one, feature.name, compared, control, known)
    groups += _under(STANDARDISED + control, values)
    disparities = _under(STANDARDISED + control, contrasts)
    for level, inside in levels.items() if within else ():
        where = f"{control}={level}"
        groups += _under(where, [group_row(one, feature.name, g, average(one, m & inside)) for g, m in masks.items()])
        if level in known:
            cells = {group: mask & inside for group, mask in compared.items()}
            disparities += _under(where, contrasts_of(one, feature, cells, primary=False, whole=False))
    return groups, disparities


def controlled_slopes(
    one: Outcomes, name: str, x: Floats, measure: str, control: str, levels: Mapping[str, Mask]
) -> list[Row]:
    """Return slope and concentration along ``x`` (N,) within each recorded level."""
    rows: list[Row] = []
    for level, inside in levels.items():
        if level != NOT_RECORDED:
            found = along(one, name, np.where(inside, x, np.nan), measure, primary=False)
            rows += _under(f"{control}={level}", found)
    return rows


def _under(control: str, rows: Sequence[Row]) -> list[Row]:
    return [{**row, "control": control} for row in rows]
