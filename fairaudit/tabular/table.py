"""``OutcomeTable``: outcomes computed elsewhere, from a file or a DataFrame, checked row by row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from fairaudit.core.errors import ConfigError, DataError, did_you_mean, unknown_name
from fairaudit.core.samples import NOT_RECORDED, Feature
from fairaudit.core.weights import read_weights
from fairaudit.stats.controls import check_controls
from fairaudit.stats.outcomes import Floats
from fairaudit.tabular.crossing import Grouping, group_name
from fairaudit.tabular.file import column_names, read_columns
from fairaudit.tabular.rows import outcome_values, without_bounds
from fairaudit.tabular.votes import read_votes, vote_columns

#: ``["gender", "income=low,middle,high"]``, or ``{"gender": None, "income": ("low", "middle", "high")}``.
FeatureNames: TypeAlias = Sequence[str] | Mapping[str, Sequence[str] | None]

MAX_GROUPS = 250
#: Most groups over all pairs of features; each has a row in the report's tables.
MAX_PAIRS = 5_000
_IDS = ("sample_id", "cluster_id")
_TRUTH = {"true": "1", "false": "0", "nan": ""}


@dataclass(frozen=True)
class OutcomeTable:
    """Rows with ids, groups and outcomes.

    Parameters
    ----------
    name : str
        Name of the file without its ending.
    ids, clusters : Series of str
        ``clusters`` equals ``ids`` if the table has no ``cluster_id``.
    clustered : bool
        Whether the table has a ``cluster_id``.
    features : tuple of Feature
    groups, controls : DataFrame
        A column of text for each feature, and for each control feature, which may be a feature.
    outcomes : mapping of str to ndarray of float, shape (N,)
    unbounded : frozenset of str
        Outcomes without bounds; all others lie in [0, 1].
    weights : ndarray of float or None, shape (N,)
        As in ``Outcomes``.
    votes : mapping of str to DataFrame
        Probability of each group for each row, by the features with columns of votes.
    """

    name: str
    ids: pd.Series
    clusters: pd.Series
    clustered: bool
    features: tuple[Feature, ...]
    groups: pd.DataFrame
    controls: pd.DataFrame
    outcomes: Mapping[str, Floats]
    unbounded: frozenset[str]
    weights: Floats | None
    votes: Mapping[str, pd.DataFrame]


def read_outcome_table(
    source: str | Path | pd.DataFrame,
    *,
    outcomes: Sequence[str],
    features: FeatureNames,
    unbounded: Sequence[str] = (),
    control_features: Sequence[str] = (),
    sample_weight: str = "",
) -> OutcomeTable:
    """Return the declared columns of a Parquet or CSV file, or of a DataFrame.

    Parameters are those of ``audit_outcomes``.

    Raises
    ------
    DataError
        If the file or one of its columns cannot be used.
    ConfigError
        If a declared name is no column, or is declared twice.
    """
    label = "the table of outcomes" if isinstance(source, pd.DataFrame) else f"outcomes {Path(source).name}"
    columns = column_names(source, label)
    orders = _orders(features, columns)
    votes = {name: vote_columns(name, columns, order, outcomes) for name, order in orders.items()}
    votes = {name: by_group for name, by_group in votes.items() if by_group}
    voted = [column for by_group in votes.values() for column in by_group.values()]
    others = [name for name in dict.fromkeys(control_features) if name not in orders]
    weight = [sample_weight] if sample_weight else []
    _check_declared(label, [*columns, *votes], outcomes, list(orders), [*voted, *others, *weight])
    check_controls(f"control_features of {label}", others, [c for c in columns if c not in {*_IDS, *outcomes}])
    other = [c for c in columns if c not in {*_IDS, *outcomes, *orders, *others, *voted}]
    if sample_weight and sample_weight not in other:
        raise unknown_name(f"sample_weight of {label}", sample_weight, other)
    table = read_columns(source, [c for c in columns if c in {*_IDS, *outcomes, *orders, *others, *voted, *weight}])
    if table.empty:
        raise DataError(f"{label} must have at least one row; got none. Check what was filtered before.")
    ids = _ids(label, table["sample_id"], "sample_id")
    if ids.duplicated().any():
        twice = str(ids[ids.duplicated()].iloc[0])
        raise DataError(
            f"{label} must have one row per sample_id; got '{twice}' {int((ids == twice).sum())} times. Remove or "
            "rename the repeated rows; use cluster_id for what they have in common."
        )
    clustered = "cluster_id" in table
    read = {
        name: read_votes(label, name, by_group, table, ordered=bool(orders[name])) for name, by_group in votes.items()
    }
    known = [
        read[name][:2] if name in read else _feature(label, name, order, table[name]) for name, order in orders.items()
    ]
    sizes = [len(feature.groups) for feature, _ in known]
    pairs = (sum(sizes) ** 2 - sum(s * s for s in sizes)) // 2
    if pairs > MAX_PAIRS:
        raise DataError(
            f"features of {label} must cross to at most {MAX_PAIRS:,} groups, two at a time; got {pairs:,}. "
            "Leave out a feature, or merge its groups."
        )
    groups = {feature.name: texts for feature, texts in known}
    levels = groups | {name: _feature(label, name, (), table[name])[1] for name in others}
    values = {name: _outcome(label, name, table[name]) for name in outcomes}
    return OutcomeTable(
        name="outcomes" if isinstance(source, pd.DataFrame) else Path(source).stem,
        ids=ids,
        clusters=_ids(label, table["cluster_id"], "cluster_id") if clustered else ids,
        clustered=clustered,
        features=tuple(feature for feature, _ in known),
        groups=pd.DataFrame(groups),
        controls=pd.DataFrame({name: levels[name] for name in control_features}, index=ids.index),
        outcomes=values,
        unbounded=without_bounds(values, unbounded, of=label),
        weights=read_weights(f"sample_weight '{sample_weight}' of {label}", table[sample_weight]) if weight else None,
        votes={name: shares for name, (_, _, shares) in read.items()},
    )


def _orders(features: FeatureNames, columns: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Return the ordered groups of each feature by name; empty if the feature has no order."""
    if isinstance(features, str):
        features = [features]
    if isinstance(features, Mapping):
        return {name: _order(name, groups) for name, groups in features.items()}
    orders: dict[str, tuple[str, ...]] = {}
    for text in features:
        name, equals, groups = (text, "", "") if text in columns else text.partition("=")
        if name in orders:
            raise ConfigError(f"a feature must be named once; got '{name}' twice. Leave one out.")
        orders[name] = _order(name, groups.split(",") if equals else None)
    return orders


def _order(name: str, groups: Sequence[str] | None) -> tuple[str, ...]:
    if groups is None:
        return ()
    listed = tuple(str(group).strip() for group in groups)
    if len(set(listed)) < max(len(listed), 2) or "" in listed:
        raise ConfigError(
            f"the order of feature '{name}' must list at least two different groups; got '{','.join(listed)}'. "
            "For example: --feature income=low,middle,high."
        )
    return listed


def _check_declared(
    label: str,
    columns: Sequence[str],
    outcomes: Sequence[str],
    features: Sequence[str],
    others: Sequence[str],
) -> None:
    for kind, names in (("outcome", outcomes), ("feature", features)):
        if not names:
            raise ConfigError(
                f"an audit of outcomes must name at least one {kind}; got none. {label[0].upper()}{label[1:]} has the "
                f"columns {', '.join(columns)}: add --{kind} NAME."
            )
        for name in names:
            if name not in columns:
                hint = did_you_mean(name, columns) or "Name one of them. "
                raise ConfigError(
                    f"{kind} must be a column of {label}: {', '.join(columns)}; got '{name}'. {hint}".rstrip()
                )
            if name in _IDS or names.count(name) > 1 or (kind == "feature" and name in outcomes):
                raise ConfigError(
                    f"{', '.join(_IDS)}, outcomes and features must be different columns, each named once; "
                    f"got '{name}' as {kind} and again. Leave one out."
                )
    for name in features:
        if name == "overall" or " & " in name:
            raise ConfigError(f"a feature must not be called 'overall' or hold ' & '; got '{name}'. Rename the column.")
    for name in ("sample_id", *(n for n in (*_IDS, *outcomes, *features, *others) if columns.count(n) > 1)):
        if columns.count(name) != 1:
            hint = did_you_mean(name, columns) if name not in columns else ""
            raise DataError(
                f"{label} must have one column '{name}'; got {columns.count(name)}. {hint}Add or rename the column."
            )


def _ids(label: str, column: pd.Series, name: str) -> pd.Series:
    missing = int((column.isna() | (column.astype(str) == "")).sum())
    if missing:
        hint = "" if name == "sample_id" else " Give each independent row a cluster of its own."
        raise DataError(f"{label} must have a {name} in every row; it is missing in {missing:,}. Fill it in.{hint}")
    plain = pd.api.types.is_integer_dtype(column) or isinstance(column.dtype, pd.StringDtype)
    return (column if plain else column.map(group_name)).astype(str)


def _feature(label: str, name: str, order: tuple[str, ...], column: pd.Series) -> tuple[Feature, Any]:
    """Return a feature, and the group of each row as text."""
    grouping = Grouping.of(name, column)
    texts = np.array([group_name(level) for level in grouping.levels], dtype=object)
    recorded = [text for text in texts if text != NOT_RECORDED]
    if not recorded:
        raise DataError(f"feature '{name}' of {label} must be recorded in at least one row; got none. Leave it out.")
    if len(recorded) > MAX_GROUPS:
        raise DataError(
            f"feature '{name}' of {label} must have at most {MAX_GROUPS} groups; got {len(recorded):,}. "
            "Put its values into bins."
        )
    stray = next((text for text in recorded if text not in order), None) if order else None
    if stray is not None:
        hint = did_you_mean(stray, order) or "Correct the value, or list it where it belongs."
        raise DataError(
            f"feature '{name}' of {label} must be one of {', '.join(order)}; got '{stray}'. {hint}".rstrip()
        )
    source = f"column '{name}' of {label}"
    groups = order or tuple(_by_number(recorded))
    return Feature(name, groups, "not stated", source, ordered=bool(order)), texts[grouping.codes]


def _by_number(names: list[str]) -> list[str]:
    """Return the names sorted by number (9 before 10) if all are numbers."""
    numbers = pd.to_numeric(pd.Series(names, dtype=object), errors="coerce")
    return names if numbers.isna().any() else [names[i] for i in np.argsort(numbers, kind="stable")]


def _outcome(label: str, name: str, column: pd.Series) -> Floats:
    texts = column.dropna()
    if len(texts) and all(isinstance(value, str) for value in texts):  # of a CSV
        words = texts.str.lower().replace(_TRUTH)
        numbers = pd.to_numeric(words.where(words != "", None), errors="coerce").astype("float64")
        strays = texts[numbers.isna() & (words != "")]
        if len(strays):
            raise DataError(
                f"outcome '{name}' of {label} must be a number in every row, or empty; got '{strays.iloc[0]}' in row "
                f"{int(strays.index[0]) + 1}. Correct it."
            )
        column = numbers.reindex(column.index)
    values = outcome_values(name, column)
    if np.isnan(values).all():
        raise DataError(f"outcome '{name}' of {label} must have a number in at least one row; got none. Leave it out.")
    return values
