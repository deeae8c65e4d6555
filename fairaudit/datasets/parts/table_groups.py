"""The groups in a column of somebody's table, as its mapping says: as they stand, renamed, binned, or voted for."""

from __future__ import annotations

import pandas as pd

from fairaudit.core.errors import DataError
from fairaudit.core.samples import NOT_RECORDED, Feature
from fairaudit.datasets.parts.cells import binned, groups_of, recorded
from fairaudit.datasets.parts.table_mapping import GroupMapping
from fairaudit.datasets.parts.voted import counted

#: A column with more different values names people, places or times, and no groups.
MAX_GROUPS = 300


def group_column(
    raw: pd.DataFrame, name: str, one: GroupMapping, *, table: str
) -> tuple[pd.Series, pd.DataFrame | None, Feature]:
    """Return the group of each row, the shares of annotators where they voted, and the feature.

    Parameters
    ----------
    raw : DataFrame of str
        The columns that the mapping names.
    name : str
        Of the feature.
    one : GroupMapping
    table : str
        What the table is called in an error.

    Raises
    ------
    DataError
        If a cell is outside what the mapping says, or a column has too many different values.
    """
    column, shares = one.column or name, None
    if one.votes:
        cells, shares = counted(raw, one.votes, what=f"table {table}")
    else:
        cells = _groups(raw[column], one, f"column '{column}' of table {table}")
    groups = one.groups or tuple(one.bins) or tuple(one.votes) or tuple(sorted(set(cells.unique()) - {NOT_RECORDED}))
    if len(groups) > MAX_GROUPS:
        raise DataError(
            f"column '{column}' of table {table} must hold groups; got {len(groups):,} different values, more than "
            f"{MAX_GROUPS}. Name another column, or put its values into groups with rename or bins."
        )
    source = one.source or (f"votes in {table}" if one.votes else f"column {column} of {table}")
    return cells, shares, Feature(name, groups, one.known_by, source, one.ordered, one.reference, one.exploratory)


def _groups(cells: pd.Series, one: GroupMapping, what: str) -> pd.Series:
    if one.bins:
        return binned(cells, one.bins, what=what, missing=one.missing)
    if one.groups:
        return groups_of(cells, {**{g: g for g in one.groups}, **one.rename}, what=what, missing=one.missing)
    return recorded(cells.map(lambda cell: one.rename.get(cell, cell)), missing=one.missing)
