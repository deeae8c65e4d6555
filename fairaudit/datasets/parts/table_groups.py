"""Groups in a column of a user's table, by its mapping: unchanged, renamed, binned or voted for."""

from __future__ import annotations

import pandas as pd

from fairaudit.core.errors import DataError
from fairaudit.core.samples import NOT_RECORDED, Feature
from fairaudit.datasets.parts.cells import binned, groups_of, recorded
from fairaudit.datasets.parts.table_mapping import GroupMapping
from fairaudit.datasets.parts.voted import counted

#: Columns with more distinct values hold names, places or times, and no groups.
MAX_GROUPS = 300


def group_column(
    raw: pd.DataFrame, name: str, mapping: GroupMapping, *, table: str
) -> tuple[pd.Series, pd.DataFrame | None, Feature]:
    """Return the group of each row, the shares of annotators (None without votes) and the feature.

    Parameters
    ----------
    raw : DataFrame of str
        The columns that the mapping names.
    name, table : str
        Names of the feature and of the table.
    mapping : GroupMapping

    Raises
    ------
    DataError
        If a cell is outside the mapping, or a column has too many distinct values.
    """
    column, shares = mapping.column or name, None
    if mapping.votes:
        cells, shares = counted(raw, mapping.votes, what=f"table {table}")
    else:
        cells = _groups(raw[column], mapping, f"column '{column}' of table {table}")
    groups = mapping.groups or tuple(mapping.bins or mapping.votes or sorted(set(cells.unique()) - {NOT_RECORDED}))
    if len(groups) > MAX_GROUPS:
        raise DataError(
            f"column '{column}' of table {table} must hold groups; got {len(groups):,} different values, more than "
            f"{MAX_GROUPS}. Name another column, or put its values into groups with rename or bins."
        )
    source = mapping.source or (f"votes in {table}" if mapping.votes else f"column {column} of {table}")
    flags = (mapping.ordered, mapping.reference, mapping.exploratory)
    return cells, shares, Feature(name, groups, mapping.known_by, source, *flags)


def _groups(cells: pd.Series, mapping: GroupMapping, what: str) -> pd.Series:
    if mapping.bins:
        return binned(cells, mapping.bins, what=what, missing=mapping.missing)
    if mapping.groups:
        names = {**{group: group for group in mapping.groups}, **mapping.rename}
        return groups_of(cells, names, what=what, missing=mapping.missing)
    return recorded(cells.map(lambda cell: mapping.rename.get(cell, cell)), missing=mapping.missing)
