"""Votes of annotators who may disagree, kept as shares without a threshold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from fairaudit.core.errors import DataError
from fairaudit.core.samples import NOT_RECORDED
from fairaudit.core.votes import most_voted, shares_of_votes


def counted(rows: pd.DataFrame, columns: Mapping[str, str], *, what: str) -> tuple[pd.Series, pd.DataFrame]:
    """Return the group with the most votes and the share of each group, from columns of counts.

    Annotators without a group do not vote; a row without a vote is *not recorded*.

    Parameters
    ----------
    rows : DataFrame of str
    columns : mapping of str to str
        Column of counts for each group, in the order of the groups.
    what : str
        Name of the table in an error.

    Raises
    ------
    DataError
        If a cell is no number from 0.
    """
    counts = {}
    for group, column in columns.items():
        cells = rows[column]
        numbers = pd.to_numeric(cells.where(cells != "", "0"), errors="coerce").astype("float64")
        wrong = ~(numbers >= 0) | ~np.isfinite(numbers)
        if wrong.any():
            at = int(wrong.to_numpy().argmax())
            raise DataError(
                f"column '{column}' of {what} must count annotators; got {cells.iloc[at]!r} in row {at + 1:,}. "
                "Correct the cell."
            )
        counts[group] = numbers
    return _shares(pd.DataFrame(counts, index=rows.index), what)


def named(votes: Sequence[Sequence[str]], groups: Sequence[str], *, what: str) -> tuple[pd.Series, pd.DataFrame]:
    """Return the same from the answers of each row's annotators; an answer outside ``groups`` is no vote."""
    place = {group: at for at, group in enumerate(groups)}
    counts = np.zeros((len(votes), len(groups)))
    for row, groups_named in enumerate(votes):
        for group in groups_named:
            if group in place:
                counts[row, place[group]] += 1
    return _shares(pd.DataFrame(counts, columns=list(groups)), what)


def _shares(counts: pd.DataFrame, what: str) -> tuple[pd.Series, pd.DataFrame]:
    shares = shares_of_votes(counts, what=f"votes of {what}")
    return most_voted(shares, missing=NOT_RECORDED).astype(str), shares
