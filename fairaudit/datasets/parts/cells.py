"""Cells that hold more than a text: lists, boxes and closed lists of values; read as literals, never evaluated."""

from __future__ import annotations

import ast
import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from fairaudit.core.countries import find_country
from fairaudit.core.errors import DataError, did_you_mean
from fairaudit.core.samples import NOT_RECORDED, Feature, KnownBy

_LONGEST = 60  # of a cell in an error
_NAMED = 5  # values in a sentence


def literal(cell: str) -> object:
    """Return the list or mapping that a cell writes as JSON or as Python writes it; None where it is neither.

    Literals only: nothing is called or looked up.
    """
    for read in (json.loads, ast.literal_eval):
        try:
            value: object = read(cell)
        except (ValueError, SyntaxError, RecursionError, MemoryError, TypeError):
            continue
        return value
    return None


def text_lists(cells: pd.Series, rows: pd.Series, *, what: str, example: str) -> list[list[str]]:
    """Return the lists of texts in the cells; an empty cell is an empty list.

    Parameters
    ----------
    cells : Series of str
    rows : Series of str
        What each row is called in an error.
    what, example : str
        ``"column 'topics' of table x.csv"`` and ``"['stove']"``.

    Raises
    ------
    DataError
        If a cell is no list of texts.
    """
    found: dict[str, list[str]] = {"": []}
    for row, cell in zip(rows, cells, strict=True):
        if cell in found:
            continue
        value = literal(cell)
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise DataError(
                f"{what} must hold lists of texts such as {example}; got {cell[:_LONGEST]!r} in the row of {row}. "
                "Correct the cell, or leave the column out."
            )
        found[cell] = [one.strip() for one in value]
    return [list(found[cell]) for cell in cells]


def groups_of(
    cells: pd.Series, groups: Mapping[str, str] | Sequence[str], *, what: str, missing: Iterable[str] = ()
) -> pd.Series:
    """Return the group of each cell of a closed list, ``not recorded`` for what says that nothing is known.

    Parameters
    ----------
    cells : Series of str
    groups : mapping of str to str, or sequence of str
        Group by what cells say, or the groups themselves. Large and small letters count as the same.
    what : str
        For the error: ``"column 'race' of table x.csv"``.
    missing : iterable of str
        What cells say where nothing is known, besides an empty cell.

    Raises
    ------
    DataError
        If a cell says something else; with the row and what is nearest.
    """
    named = groups if isinstance(groups, Mapping) else {group: group for group in groups}
    known = {text.casefold(): group for text, group in named.items()}
    known |= dict.fromkeys(_nothing(missing), NOT_RECORDED)
    made = {cell: known.get(str(cell).casefold()) for cell in cells.unique()}
    strange = [cell for cell, group in made.items() if group is None]
    if strange:
        at = int((cells == strange[0]).to_numpy().argmax())
        hint = did_you_mean(str(strange[0]), named) or "Correct the cell. "
        raise DataError(
            f"{what} must be one of {', '.join(named)}; got {str(strange[0])[:_LONGEST]!r} in row {at + 1:,}. "
            f"{hint}".rstrip()
        )
    return cells.map(made)


def binned(cells: pd.Series, bins: Mapping[str, float], *, what: str, missing: Iterable[str] = ()) -> pd.Series:
    """Return the bin of each number, ``not recorded`` for what says that nothing is known.

    Parameters
    ----------
    cells : Series of str
    bins : mapping of str to float
        Lower bound of each bin, rising; the next bound is not part of it.
    what, missing
        As for ``groups_of``.

    Raises
    ------
    DataError
        If a cell is no number, or one below the first bound.
    """
    nothing = _nothing(missing)
    bounds, names = list(bins.values()), [NOT_RECORDED, *bins]
    made = {}
    for cell in cells.unique():
        number = pd.to_numeric(cell, errors="coerce")
        at = bisect_right(bounds, number) if number == number else 0
        if not at and str(cell).casefold() not in nothing:
            raise DataError(
                f"{what} must be a number from {bounds[0]:g}; got {str(cell)[:_LONGEST]!r}. Correct the cell, lower "
                "the first bound, or list it in missing."
            )
        made[cell] = names[at]
    return cells.map(made)


def open_feature(
    table: pd.DataFrame, column: str, known_by: KnownBy, source: str, *, exploratory: bool = False
) -> Feature:
    """Return the feature of a column whose values are not a closed list: its groups are those that occur, sorted."""
    groups = tuple(sorted(set(table[column]) - {NOT_RECORDED}))
    return Feature(column, groups, known_by, source, exploratory=exploratory)


def country_names(cells: pd.Series) -> tuple[pd.Series, str]:
    """Return countries with one spelling each, where a table knows them, and a sentence on the others."""
    found = {cell: find_country(cell) for cell in cells.unique()}
    unknown = sorted(cell for cell, country in found.items() if cell and country is None)
    listed = ", ".join(unknown[:_NAMED]) + (", ..." if len(unknown) > _NAMED else "")
    note = f"Countries that no table knows stand as they were written: {listed}." if unknown else ""
    return recorded(cells.map({cell: country.name if country else cell for cell, country in found.items()})), note


def unread(cells: pd.Series, made: pd.Series, *, what: str, missing: Iterable[str] = ()) -> str:
    """Return how many cells say something that could not be read, with the first; empty where there are none.

    Parameters
    ----------
    cells, made : Series of str
        What was written, and what came of it: ``not recorded`` where nothing did.
    what : str
        What they should be.
    missing : iterable of str
        What cells say where nothing is known, besides an empty cell.
    """
    nothing = _nothing(missing)
    strange = cells[(made == NOT_RECORDED) & ~cells.astype(str).str.casefold().isin(nothing)]
    if strange.empty:
        return ""
    return f"{len(strange):,} {what} cannot be read and count as not recorded, the first '{strange.iloc[0]}'."


def recorded(cells: pd.Series, *, missing: Iterable[str] = ()) -> pd.Series:
    """Return the cells as they stand, with ``not recorded`` for empty ones and those that say so."""
    nothing = _nothing(missing)
    made = {cell: NOT_RECORDED if str(cell).casefold() in nothing else cell for cell in cells.unique()}
    return cells.map(made)


def _nothing(missing: Iterable[str]) -> frozenset[str]:
    """Return what cells say, in small letters, where nothing is known; an empty cell is one."""
    return frozenset({"", *(text.casefold() for text in missing)})
