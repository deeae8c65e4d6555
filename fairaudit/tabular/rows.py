"""``OutcomeRows``: outcomes, groups and clusters of a table, checked to describe the same rows.

Tools that match columns by position compare a filtered column with the people of other rows. Here all pandas objects
must have the same index, in the same order.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.errors import DataError, unknown_name
from fairaudit.core.weights import read_weights
from fairaudit.stats.outcomes import Floats, Ints
from fairaudit.tabular.crossing import Grouping

OutcomeColumns: TypeAlias = pd.DataFrame | pd.Series | Mapping[str, Any]
FeatureColumns: TypeAlias = pd.Series | pd.DataFrame | Mapping[str, Any] | Sequence[Any] | npt.NDArray[Any]
Column: TypeAlias = pd.Series | Sequence[Any] | npt.NDArray[Any]

#: Most groups of a crossing; more mean that a feature with a value for everyone was not binned.
MAX_CELLS = 2_000


@dataclass(frozen=True)
class OutcomeRows:
    """Columns of the same N rows.

    Parameters
    ----------
    outcomes : mapping of str to ndarray of float, shape (N,)
        By metric; NaN if a row was not measured.
    sensitive, controls : tuple of Grouping
    clusters : ndarray of int, shape (N,)
        Cluster code of each row, from 0.
    unbounded : frozenset of str
        Outcomes without bounds; all others lie in [0, 1].
    weights : ndarray of float or None, shape (N,)
        As in ``Outcomes``.
    """

    outcomes: Mapping[str, Floats]
    sensitive: tuple[Grouping, ...]
    controls: tuple[Grouping, ...]
    clusters: Ints
    unbounded: frozenset[str]
    weights: Floats | None


def read_rows(
    outcomes: OutcomeColumns,
    sensitive_features: FeatureColumns,
    control_features: FeatureColumns | None = None,
    clusters: Column | None = None,
    unbounded: Sequence[str] = (),
    sample_weight: Column | None = None,
) -> OutcomeRows:
    """Return the rows of columns in any form that fairlearn's ``MetricFrame`` accepts.

    Raises
    ------
    DataError
        If there is no row, outcome or feature, columns differ in length or index, an index label or a name is
        repeated, an outcome is no finite number or lies outside [0, 1] without being unbounded, a weight is negative
        or not finite, all weights are 0, a cluster is missing, or the features form too many groups.
    ConfigError
        If an unbounded name is no outcome.
    """
    same = _SameRows()
    columns = same.take("outcomes", _outcome_columns(outcomes))
    if not same.n:
        raise DataError("outcomes must have at least one row; got none. Check what was filtered before.")
    sensitive, controls = (
        tuple(Grouping.of(name, column) for name, column in same.take(role, _features(role, features)))
        for role, features in (("sensitive_features", sensitive_features), ("control_features", control_features))
    )
    _check_names([name for name, _ in columns], [g.name for g in (*sensitive, *controls)])
    cells = int(np.prod([float(len(g.levels)) for g in (*sensitive, *controls)]))
    if cells > MAX_CELLS:
        raise DataError(
            f"sensitive and control features must form at most {MAX_CELLS:,} groups; got {cells:,}. "
            "Put numbers into bins, or leave a feature out."
        )
    codes, weights = np.arange(same.n, dtype=np.int64), None
    if clusters is not None:
        codes = _cluster_codes(same.take_one("clusters", clusters))
    if sample_weight is not None:
        weights = read_weights("sample_weight", same.take_one("sample_weight", sample_weight))
    values = {name: outcome_values(name, column) for name, column in columns}
    return OutcomeRows(values, sensitive, controls, codes, without_bounds(values, unbounded), weights)


def outcome_values(name: str, column: pd.Series | npt.NDArray[Any]) -> Floats:
    """Return an outcome of numbers or truth values as float, (N,); None, NaN and NA as NaN.

    Raises
    ------
    DataError
        If the outcome holds another value, or a number is infinite.
    """
    series = column if isinstance(column, pd.Series) else pd.Series(column)
    if not pd.api.types.is_any_real_numeric_dtype(series.dtype) and not pd.api.types.is_bool_dtype(series.dtype):
        strays = [v for v in series[series.notna()] if not isinstance(v, Real | np.bool_)]
        if strays:
            raise DataError(
                f"outcome '{name}' must be numbers (0 and 1 for a miss and a hit); got {strays[0]!r}. Convert it first."
            )
    values: Floats = np.asarray(series.astype("Float64").to_numpy(np.float64, na_value=np.nan), dtype=np.float64)
    if np.isinf(values).any():
        raise DataError(
            f"outcome '{name}' must be finite; got infinity in {int(np.isinf(values).sum())} rows. "
            "Use NaN for what was not measured."
        )
    return values


def without_bounds(outcomes: Mapping[str, Floats], unbounded: Sequence[str], *, of: str = "") -> frozenset[str]:
    """Return the outcomes without bounds: those named, whatever their values. Every other must lie in [0, 1].

    Parameters
    ----------
    outcomes : mapping of str to ndarray of float, shape (N,)
        NaN where nothing was measured.
    unbounded : sequence of str
        Names of outcomes; a single text is one name.
    of : str
        Name of the table in the error.

    Raises
    ------
    ConfigError
        If a name is no outcome.
    DataError
        If a value outside [0, 1] is of an outcome that is not named.
    """
    named = frozenset([unbounded] if isinstance(unbounded, str) else unbounded)
    stray = next((name for name in sorted(named) if name not in outcomes), None)
    if stray is not None:
        raise unknown_name("unbounded", stray, outcomes)
    for name, values in outcomes.items():
        outside = np.flatnonzero((values < 0) | (values > 1))
        if name not in named and len(outside):
            raise DataError(
                f"outcome '{name}'{of and f' of {of}'} must lie in [0, 1]; got {values[outside[0]]:g} in row "
                f"{outside[0] + 1:,} ({len(outside):,} of {len(values):,} rows are outside). Correct them, "
                f"or name it as unbounded: unbounded=[{name!r}], or --unbounded {name} on the command line."
            )
    return named


class _SameRows:
    """Length and index of the first columns; columns with others are refused."""

    def __init__(self) -> None:
        self.n: int | None = None
        self.index: pd.Index | None = None
        self.first = self.indexed = ""

    def take(self, label: str, columns: Iterable[tuple[str, Any]]) -> list[tuple[str, Any]]:
        """Return the columns after checking each."""
        taken = list(columns)
        for name, column in taken:
            self._check(label if name == label else f"{label} '{name}'", column)
        return taken

    def take_one(self, label: str, column: Column) -> Any:
        """Return the column after checking it."""
        ((_, taken),) = self.take(label, [(label, _column(column))])
        return taken

    def _check(self, label: str, column: Any) -> None:
        if np.ndim(column) != 1:
            raise DataError(f"{label} must be one column; got shape {np.shape(column)}. Give one value a row.")
        n = len(column)
        if self.n is None:
            self.n, self.first = n, label
        if n != self.n:
            raise DataError(
                f"{label} must have as many rows as {self.first}; got {n:,} and {self.n:,}. Give one value a row."
            )
        if not isinstance(column, pd.Series):
            return
        twice = column.index[column.index.duplicated()]
        if len(twice):
            raise DataError(
                f"{label} must have one row per index label; got '{twice[0]}' "
                f"{int((column.index == twice[0]).sum())} times. Remove repeated rows, or use reset_index(drop=True)."
            )
        if self.index is None:
            self.index, self.indexed = column.index, label
        if not self.index.equals(column.index):
            at = int(np.argmax([a != b for a, b in zip(self.index, column.index, strict=True)]))
            raise DataError(
                f"{label} must have the index of {self.indexed}, in the same order; got '{column.index[at]}' instead "
                f"of '{self.index[at]}' in row {at + 1}. Align them with .loc, or drop both indexes."
            )


def _column(values: Column) -> pd.Series | npt.NDArray[Any]:
    """Return a column; lists become objects, since an array would make text of the numbers beside a text."""
    return values if isinstance(values, pd.Series | np.ndarray) else np.asarray(values, dtype=object)


def _outcome_columns(outcomes: OutcomeColumns) -> list[tuple[str, Any]]:
    if isinstance(outcomes, pd.Series):
        outcomes = outcomes.to_frame("outcome" if outcomes.name is None else outcomes.name)
    if not isinstance(outcomes, pd.DataFrame | Mapping):
        raise DataError(
            f"outcomes must be a DataFrame, a Series or a mapping of metric to values; got {type(outcomes).__name__}. "
            "Name it: {'hit': values}."
        )
    columns = _named("outcomes", outcomes)
    if not columns:
        raise DataError("outcomes must have at least one column; got none. Name one: {'hit': values}.")
    return columns


def _features(label: str, features: FeatureColumns | None) -> list[tuple[str, Any]]:
    """Return name and values of each feature; nameless features are numbered as in fairlearn."""
    if features is None:
        return []
    default = label.removesuffix("s") + "_"
    if isinstance(features, pd.Series):
        columns = _named(label, features.to_frame(f"{default}0" if features.name is None else features.name))
    elif isinstance(features, pd.DataFrame | Mapping):
        columns = _named(label, features)
    else:
        array = np.asarray(features, dtype=object)
        if array.ndim not in (1, 2):
            raise DataError(f"{label} must have one or two dimensions; got {array.ndim}. Give one column a feature.")
        parts = [array] if array.ndim == 1 else list(array.T)
        columns = [(f"{default}{i}", part) for i, part in enumerate(parts)]
    if not columns:
        raise DataError(f"{label} must have at least one column; got none. Add a column of groups.")
    return columns


def _named(label: str, table: pd.DataFrame | Mapping[str, Any]) -> list[tuple[str, Any]]:
    names: list[Any] = list(table)
    stray = next((n for n in names if not isinstance(n, str)), None)
    if stray is not None:
        raise DataError(f"names of {label} must be text; got {stray!r}. Rename the column.")
    if isinstance(table, pd.DataFrame):
        return [(name, table.iloc[:, i]) for i, name in enumerate(names)]
    return [(name, _column(values)) for name, values in table.items()]


def _check_names(metrics: Sequence[str], features: Sequence[str]) -> None:
    for names, label in ((metrics, "outcomes"), (features, "sensitive and control features")):
        twice = next((n for n in names if list(names).count(n) > 1), None)
        if twice is not None:
            raise DataError(f"{label} must have different names; got '{twice}' twice. Rename one of them.")
    shared = next((n for n in features if n in metrics), None)
    if shared is not None:
        raise DataError(
            f"a feature must not have the name of an outcome; got '{shared}' for both. Rename one, and do not "
            "form groups by the outcome."
        )


def _cluster_codes(column: Any) -> Ints:
    codes, _ = pd.factorize(column)
    if (codes < 0).any():
        raise DataError(
            f"clusters must be known for every row; missing in {int((codes < 0).sum())}. "
            "Give each independent row a cluster of its own."
        )
    return np.asarray(codes, dtype=np.int64)
