"""Uncertain labels: votes of annotators as probabilities of groups, and the checks of such probabilities.

Shape suffixes: N rows, G groups of one feature.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from fairaudit.core.errors import DataError


def shares_of_votes(votes: pd.DataFrame, *, what: str = "votes") -> pd.DataFrame:
    """Return the probability of every group in each row: the shares of its votes.

    These are the soft labels of [1]_, [2]_, without a prior: it would add doubt on unanimous votes, and so move groups
    together that annotators distinguish. The uncertainty of a share of few votes is not counted.

    Parameters
    ----------
    votes : DataFrame, shape (N, G)
        Votes or probabilities, >= 0, not necessarily whole; a column for each group. A row without any (all NaN or
        all 0) is not recorded.
    what : str
        Name of the votes in errors.

    Returns
    -------
    DataFrame of float
        As ``Samples.uncertain`` takes it: rows sum to 1, or are NaN.

    Raises
    ------
    DataError
        If there are fewer than two columns, a row is partly NaN, or a number is negative or infinite.

    References
    ----------
    .. [1] Peterson et al. (2019), "Human uncertainty makes classification more robust", ICCV.
    .. [2] Uma et al. (2021), "Learning from Disagreement: A Survey", J. Artificial Intelligence Research 72.
    """
    if votes.shape[1] < 2:
        raise DataError(
            f"{what} must have a column for each of at least two groups; got {', '.join(map(str, votes)) or 'none'}. "
            "Add the other groups."
        )
    votes_NG = votes.to_numpy(np.float64, na_value=np.nan)
    missing_NG = np.isnan(votes_NG)
    partly = missing_NG.any(axis=1) & ~missing_NG.all(axis=1)
    if partly.any():
        row = int(partly.argmax())
        raise DataError(
            f"{what} must have a number for every group in a row, or for none; got none for "
            f"'{votes.columns[missing_NG[row].argmax()]}' in row {row + 1}. Fill in 0 where nobody voted for a group."
        )
    wrong = (votes_NG < 0) | np.isinf(votes_NG)
    if wrong.any():
        row = int(wrong.any(axis=1).argmax())
        raise DataError(
            f"{what} must be numbers from 0; got {votes_NG[row][wrong[row]][0]:g} in row {row + 1}. Correct it."
        )
    total_N = votes_NG.sum(axis=1, keepdims=True)
    shares_NG = np.where(total_N > 0, votes_NG / np.where(total_N > 0, total_N, 1.0), np.nan)
    return pd.DataFrame(shares_NG, index=votes.index, columns=votes.columns)


def most_voted(shares: pd.DataFrame, *, missing: str) -> pd.Series:
    """Return the most probable group of each row, the first of several; ``missing`` if there is none."""
    shares_NG = shares.to_numpy(np.float64)
    known = ~np.isnan(shares_NG).any(axis=1)
    names = np.append(np.asarray(shares.columns, dtype=object), missing)
    codes = np.where(known, np.nan_to_num(shares_NG).argmax(axis=1), len(names) - 1)
    return pd.Series(names[codes], index=shares.index, dtype=object)


def check_shares(name: str, groups: Sequence[str], shares: pd.DataFrame, labels: pd.Series, *, missing: str) -> None:
    """Raise DataError unless ``shares`` are probabilities of ``groups`` that fit the ``labels`` of a table.

    Parameters
    ----------
    name : str
        Name of the shares in errors.
    groups : sequence of str
        The feature's groups.
    shares : DataFrame of float, shape (N, G)
    labels : Series of str, shape (N,)
        The group of each row; ``missing`` if it is not recorded.
    """
    if list(shares.columns) != list(groups):
        raise DataError(
            f"{name} must have the columns {', '.join(groups)}, in this order; got "
            f"{', '.join(map(str, shares.columns)) or 'none'}. Correct the reader."
        )
    if not shares.index.equals(labels.index):
        raise DataError(
            f"{name} must have the rows of its table, in the same order; got {len(shares):,} rows for {len(labels):,}, "
            "or another index. Align them by sample_id."
        )
    shares_NG = shares.to_numpy(np.float64, na_value=np.nan)
    known = ~np.isnan(shares_NG).all(axis=1)
    wrong = known & ~(np.isclose(shares_NG.sum(axis=1), 1.0, atol=1e-6) & (shares_NG >= 0).all(axis=1))
    if wrong.any():
        row = int(wrong.argmax())
        raise DataError(
            f"{name} must be probabilities from 0 that sum to 1 in each row, or NaN in all of it; got "
            f"{', '.join(f'{share:g}' for share in shares_NG[row])} in row {row + 1}. Use shares_of_votes for counts."
        )
    chosen = labels.to_numpy(str)
    of_label = np.select([chosen == group for group in groups], list(np.nan_to_num(shares_NG).T), default=0.0)
    apart = (known & (of_label <= 0)) | (known == (chosen == missing))
    if apart.any():
        row = int(apart.argmax())
        raise DataError(
            f"{name} must allow the group that its table has, and be NaN where that is '{missing}'; got "
            f"'{chosen[row]}' with {', '.join(f'{share:g}' for share in shares_NG[row])} in row {row + 1}. "
            "Align both by sample_id."
        )
