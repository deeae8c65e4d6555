"""Columns of votes in a table of outcomes: ``gender:woman`` and ``gender:man`` instead of ``gender``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from fairaudit.core.errors import ConfigError, DataError, did_you_mean
from fairaudit.core.samples import NOT_RECORDED, Feature
from fairaudit.core.votes import most_voted, shares_of_votes
from fairaudit.stats.outcomes import Floats


def vote_columns(name: str, columns: Sequence[str], order: Sequence[str], outcomes: Sequence[str]) -> dict[str, str]:
    """Return the column of votes of each group of feature ``name``; empty if there is none.

    Parameters
    ----------
    name : str
        Name of the feature.
    columns : sequence of str
        All columns of the table.
    order : sequence of str
        Declared order of the groups; empty for the order of the columns.
    outcomes : sequence of str
        Columns of outcomes.

    Raises
    ------
    ConfigError
        If the table also has a column ``name``, a group has no name, the order has other groups, or a column is an
        outcome.
    """
    by_group = {column[len(name) + 1 :]: column for column in columns if column.startswith(f"{name}:")}
    if not by_group:
        return {}
    if name in columns:
        raise ConfigError(
            f"feature '{name}' must be a column of groups or columns of votes; got '{name}' and "
            f"'{next(iter(by_group.values()))}'. Rename one of them."
        )
    for group, column in by_group.items():
        if group.strip() in ("", NOT_RECORDED):
            raise ConfigError(f"a column of votes must end with the name of a group; got '{column}'. Rename it.")
        if column in outcomes:
            raise ConfigError(f"votes and outcomes must be different columns; got '{column}' as both. Leave one out.")
    strays = set(order) ^ set(by_group) if order else ()
    for group in (group for group in [*order, *by_group] if group in strays):
        hint = did_you_mean(group, by_group if group in order else order) or "Give each group a column and a place. "
        raise ConfigError(
            f"the order of feature '{name}' must list the groups that have columns of votes ({', '.join(by_group)}); "
            f"got '{group}' in one of the two only. {hint}".rstrip()
        )
    return {group: by_group[group] for group in order or by_group}


def read_votes(
    label: str, name: str, votes: Mapping[str, str], table: pd.DataFrame, *, ordered: bool
) -> tuple[Feature, pd.Series, pd.DataFrame]:
    """Return a feature, each row's group with most votes, and the probability of each group for each row.

    Parameters
    ----------
    label, name : str
        Name of the table in errors, and of the feature.
    votes : mapping of str to str
        Column by group, as from ``vote_columns``.
    table : DataFrame
        Columns of votes hold counts or probabilities; a row without votes is empty or NaN in all of them.
    ordered : bool
        Whether the groups are an order.

    Raises
    ------
    DataError
        If a vote is negative or no number, a row lacks some of the votes, or all rows lack votes.
    """
    numbers = pd.DataFrame({group: _numbers(label, column, table[column]) for group, column in votes.items()})
    shares = shares_of_votes(numbers, what=f"votes for '{name}' of {label}")
    if shares.isna().all(axis=None):
        raise DataError(f"votes for '{name}' of {label} must be in at least one row; got none. Leave it out.")
    source = f"most votes in the columns '{name}:...' of {label}"
    feature = Feature(name, tuple(votes), "not stated", source, ordered=ordered)
    return feature, most_voted(shares, missing=NOT_RECORDED), shares


def _numbers(label: str, name: str, column: pd.Series) -> Floats:
    numbers = pd.to_numeric(column, errors="coerce").astype("Float64")
    strays = column[numbers.isna() & column.notna()]
    if len(strays):
        raise DataError(
            f"column '{name}' of {label} must hold votes or probabilities; got '{strays.iloc[0]}' in row "
            f"{int(strays.index[0]) + 1}. Correct it."
        )
    return np.asarray(numbers.to_numpy(np.float64, na_value=np.nan), dtype=np.float64)
