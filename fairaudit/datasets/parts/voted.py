"""Annotators who may disagree: how many of them named each group, kept as shares and never thresholded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from fairaudit.core.errors import DataError
from fairaudit.core.samples import NOT_RECORDED
from fairaudit.core.votes import most_voted, shares_of_votes


def counted(rows: pd.DataFrame, columns: Mapping[str, str], *, what: str) -> tuple[pd.Series, pd.DataFrame]:
    """Return the group that most annotators named, and the share of each group, from columns of counts.

    Annotators who named no group do not vote; a row without a vote is not recorded.

    Parameters
    ----------
    rows : DataFrame of str
    columns : mapping of str to str
        Column of counts by group, in the order of the groups.
    what : str
        The table, for an error.

    Raises
    ------
    DataError
        If a cell is no count.
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
    """Return the same from what each annotator of a row named; what is no group is no vote."""
    place = {group: at for at, group in enumerate(groups)}
    counts = np.zeros((len(votes), len(groups)))
    for row, said in enumerate(votes):
        for one in said:
            if one in place:
                counts[row, place[one]] += 1
    return _shares(pd.DataFrame(counts, columns=list(groups)), what)


def _shares(counts: pd.DataFrame, what: str) -> tuple[pd.Series, pd.DataFrame]:
    shares = shares_of_votes(counts, what=f"votes of {what}")
    return most_voted(shares, missing=NOT_RECORDED).astype(str), shares
