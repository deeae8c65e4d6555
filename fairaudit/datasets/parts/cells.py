"""Cells of tables: lists and closed lists of values, bins, features; read as literals, never evaluated."""

from __future__ import annotations

import ast
import json
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd

from fairaudit.core.countries import find_country
from fairaudit.core.errors import DataError, did_you_mean
from fairaudit.core.samples import NOT_RECORDED, Feature, KnownBy

_LONGEST = 60  # letters of a cell in an error
_NAMED = 5  # values in a note


def literal(cell: str) -> object:
    """Return the value of a cell written as JSON or as a literal of Python; None if it is neither."""
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
        Name of each row in an error.
    what, example : str
        Name of the column and an example in an error: ``"column 'topics' of table x.csv"`` and ``"['stove']"``.

    Raises
    ------
    DataError
        If a cell is no list of texts.
    """
    lists: dict[str, list[str]] = {"": []}
    for row, cell in zip(rows, cells, strict=True):
        if cell in lists:
            continue
        value = literal(cell)
        if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
            raise DataError(
                f"{what} must hold lists of texts such as {example}; got {cell[:_LONGEST]!r} in the row of {row}. "
                "Correct the cell, or leave the column out."
            )
        lists[cell] = [text.strip() for text in value]
    return [list(lists[cell]) for cell in cells]


def groups_of(
    cells: pd.Series, groups: Mapping[str, str] | Sequence[str], *, what: str, missing: Iterable[str] = ()
) -> pd.Series:
    """Return the group of each cell of a closed list, ``not recorded`` for missing values.

    Parameters
    ----------
    cells : Series of str
    groups : mapping of str to str, or sequence of str
        Group by cell value, or the groups themselves. Case is ignored.
    what : str
        Name of the column in an error: ``"column 'race' of table x.csv"``.
    missing : iterable of str
        Missing values besides an empty cell.

    Raises
    ------
    DataError
        If a cell has another value.
    """
    named = groups if isinstance(groups, Mapping) else {group: group for group in groups}
    known = {text.casefold(): group for text, group in named.items()}
    known |= dict.fromkeys(_nothing(missing), NOT_RECORDED)
    group_by_cell = {cell: known.get(str(cell).casefold()) for cell in cells.unique()}
    strange = [cell for cell, group in group_by_cell.items() if group is None]
    if strange:
        at = int((cells == strange[0]).to_numpy().argmax())
        hint = did_you_mean(str(strange[0]), named) or "Correct the cell. "
        raise DataError(
            f"{what} must be one of {', '.join(named)}; got {str(strange[0])[:_LONGEST]!r} in row {at + 1:,}. "
            f"{hint}".rstrip()
        )
    return cells.map(group_by_cell)


def binned(cells: pd.Series, bins: Mapping[str, float], *, what: str, missing: Iterable[str] = ()) -> pd.Series:
    """Return the bin of each number, ``not recorded`` for missing values.

    Parameters
    ----------
    cells : Series of str
    bins : mapping of str to float
        Inclusive lower bound of each bin, rising.
    what, missing
        As for ``groups_of``.

    Raises
    ------
    DataError
        If a cell is no number, or is below the first bound.
    """
    nothing = _nothing(missing)
    bounds, names = list(bins.values()), [NOT_RECORDED, *bins]
    bin_by_cell = {}
    for cell in cells.unique():
        number = pd.to_numeric(cell, errors="coerce")
        at = bisect_right(bounds, number) if number == number else 0
        if not at and str(cell).casefold() not in nothing:
            raise DataError(
                f"{what} must be a number from {bounds[0]:g}; got {str(cell)[:_LONGEST]!r}. Correct the cell, lower "
                "the first bound, or list it in missing."
            )
        bin_by_cell[cell] = names[at]
    return cells.map(bin_by_cell)


def open_feature(
    table: pd.DataFrame, column: str, known_by: KnownBy, source: str, *, exploratory: bool = False
) -> Feature:
    """Return the feature of a column without a closed list of values: its groups are the sorted values."""
    groups = tuple(sorted(set(table[column]) - {NOT_RECORDED}))
    return Feature(column, groups, known_by, source, exploratory=exploratory)


def country_names(cells: pd.Series) -> tuple[pd.Series, str]:
    """Return countries in the spelling of the table of countries, and a note on countries outside that table."""
    countries = {cell: find_country(cell) for cell in cells.unique()}
    unknown = sorted(cell for cell, country in countries.items() if cell and country is None)
    listed = ", ".join(unknown[:_NAMED]) + (", ..." if len(unknown) > _NAMED else "")
    note = f"Countries that no table knows stand as they were written: {listed}." if unknown else ""
    return recorded(cells.map({cell: country.name if country else cell for cell, country in countries.items()})), note


def unread(cells: pd.Series, groups: pd.Series, *, what: str, missing: Iterable[str] = ()) -> str:
    """Return a note on the cells that became *not recorded* without being missing; empty if there are none.

    Parameters
    ----------
    cells, groups : Series of str
        The cells, and the group read from each.
    what, missing
        Name of the values, and missing values besides an empty cell.
    """
    strange = cells[(groups == NOT_RECORDED) & ~cells.astype(str).str.casefold().isin(_nothing(missing))]
    if strange.empty:
        return ""
    return f"{len(strange):,} {what} cannot be read and count as not recorded, the first '{strange.iloc[0]}'."


def recorded(cells: pd.Series, *, missing: Iterable[str] = ()) -> pd.Series:
    """Return the cells unchanged, with ``not recorded`` for empty cells and missing values."""
    nothing = _nothing(missing)
    return cells.map({cell: NOT_RECORDED if str(cell).casefold() in nothing else cell for cell in cells.unique()})


def _nothing(missing: Iterable[str]) -> frozenset[str]:
    """Return the missing values in lower case, with the empty cell."""
    return frozenset({"", *(text.casefold() for text in missing)})
