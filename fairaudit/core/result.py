"""``IndicatorResult``: the tidy tables of an indicator, and their columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Annotated, Any

import numpy as np
import pandas as pd

from fairaudit.core.comparison import Comparison
from fairaudit.core.protocol import PROTOCOL_SCHEMA
from fairaudit.core.schema import ELSEWHERE, IF_ANY, rows_of, schema_of

GROUP_COLUMNS = (
    "metric", "feature", "group", "control", "value", "ci_low", "ci_high", "ci_method", "n", "n_clusters",
    "status", "note",
)  # fmt: skip
DISPARITY_COLUMNS = (
    "metric", "feature", "control", "kind", "measure", "group", "reference", "value", "ci_low", "ci_high",
    "ci_method", "p_value", "p_adjusted", "family", "min_detectable", "detectable_direction", "expected_by_chance",
    "tolerance", "n", "n_clusters", "verdict", "status", "note", "std_error", "df", "ci_low_adjusted",
    "ci_high_adjusted", "extent",
)  # fmt: skip
CURVE_COLUMNS = ("metric", "feature", "group", "x_name", "x", "value", "ci_low", "ci_high", "n", "n_clusters")
STATISTIC_COLUMNS = (
    "dataset", "indicator", "metric", "feature", "group", "cluster", "n", "numerator", "denominator", "gallery",
)  # fmt: skip
INFLUENCE_COLUMNS = (
    "dataset", "indicator", "metric", "feature", "control", "kind", "measure", "group", "reference", "cluster",
    "influence",
)  # fmt: skip
CHANGE_COLUMNS = (
    "baseline", "checkpoint", "indicator", "dataset", "metric", "feature", "control", "kind", "measure", "group",
    "reference", "value_before", "value", "change", "ci_low", "ci_high", "std_error", "df", "p_value", "p_size",
    "p_adjusted", "p_size_adjusted", "ci_low_adjusted", "ci_high_adjusted", "n", "n_clusters", "verdict", "status",
    "note",
)  # fmt: skip
EFFECT_COLUMNS = ("effect", "at", *CHANGE_COLUMNS, "between", "trainings")
RELATIVE_COLUMNS = (
    "baseline", "checkpoint", "indicator", "dataset", "metric", "feature", "group", "value_before", "value", "relative",
    "ci_low", "ci_high", "n", "n_clusters", "status", "note",
)  # fmt: skip
SIZE_COLUMNS = (
    "checkpoint", "n_parameters", "indicator", "dataset", "metric", "feature", "control", "kind", "measure", "group",
    "reference", "value", "ci_low", "ci_high", "status",
)  # fmt: skip

#: Columns of numbers; all others are text.
NUMERIC = {
    "value", "ci_low", "ci_high", "p_value", "p_adjusted", "min_detectable", "expected_by_chance", "tolerance",
    "n", "n_clusters", "x", "std_error", "df", "ci_low_adjusted", "ci_high_adjusted", "numerator", "denominator",
    "gallery", "influence", "value_before", "change", "p_size", "p_size_adjusted", "n_parameters",
    "between", "trainings", "relative",
}  # fmt: skip

STATUSES = ("ok", "too_few", "not_estimable")
VERDICTS = ("disparity", "inconclusive", "within_tolerance", "not_estimable")
#: Size of a disparity by its adjusted interval: its nearest bound beyond the tolerance, or the whole of it below.
EXTENTS = ("beyond_tolerance", "below_tolerance")

_COUNT, _PROBABILITY = {"minimum": 0}, {"minimum": 0, "maximum": 1}
#: Limits of the values of a column, in JSON Schema.
LIMITS: Mapping[str, Mapping[str, Any]] = {
    "n": _COUNT, "n_clusters": _COUNT, "p_value": _PROBABILITY, "p_adjusted": _PROBABILITY,
    "kind": {"enum": ("one_vs_rest", "reference", "gap", "slope", "concentration", "departure", "omnibus")},
    "measure": {"enum": ("difference", "ratio", "per_doubling", "per_step", "index", "")},
    "family": {"enum": ("primary", "exploratory")}, "verdict": {"enum": (*VERDICTS, "")},
    "status": {"enum": STATUSES}, "detectable_direction": {"enum": ("higher", "lower", "")},
    "extent": {"enum": (*EXTENTS, "")},
}  # fmt: skip


def table_schema(columns: Sequence[str]) -> dict[str, Any]:
    """Return the JSON Schema of the rows of a table."""
    kinds = {c: schema_of(float | None if c in NUMERIC else str) for c in columns}
    return rows_of({column: {**kind, **LIMITS.get(column, {})} for column, kind in kinds.items()})


def table(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> pd.DataFrame:
    """Return ``rows`` as a table with exactly ``columns``: numbers as float, text as str, absent as NaN or ``""``.

    Raises
    ------
    KeyError
        If a row has a key outside ``columns``, which may be misspelled.
    """
    strays = {key for row in rows for key in row} - set(columns)
    if strays:
        raise KeyError(f"columns must be among {', '.join(columns)}; got {', '.join(sorted(strays))}")
    series: dict[str, Any] = {}
    for column in columns:
        values = [row.get(column) for row in rows]
        if column in NUMERIC:
            series[column] = np.array([np.nan if v is None else v for v in values], dtype=np.float64)
        else:
            # Objects, because pandas' own text cannot hold a lone surrogate.
            series[column] = pd.Series(["" if v is None else str(v) for v in values], dtype="object")
    return pd.DataFrame(series)


@dataclass(frozen=True)
class IndicatorResult:
    """The result of one indicator on one data set.

    Parameters
    ----------
    indicator, version, title, question : str
        Name on the command line, version of the measure, and the words of the report.
    dataset : str
        ``Samples.name``.
    headline : str
        The indicator's main metric: the shipped plan tests it for every recorded feature.
    groups, disparities, curves : DataFrame
        Columns ``GROUP_COLUMNS``, ``DISPARITY_COLUMNS`` and ``CURVE_COLUMNS``. A value that cannot be estimated
        is NaN with a ``status`` and a ``note``; it is never zero and its row is never missing.
    statistics : DataFrame
        Columns ``STATISTIC_COLUMNS``: sufficient statistics per cluster and group.
    params : mapping
        The resolved configuration and all choices, as JSON values.
    metrics : mapping of str to str
        Sentence on each metric of the tables: its definition, which end is bad, and its source.
    warnings : tuple of str
        Sentences that the report prints beside the result.
    comparisons : tuple of Comparison
        The rows of ``disparities``, in its order, with what they can still be asked: inference at any level, and the
        influence of each cluster, which is saved of primary rows. Empty if nothing is known beyond the table.
    protocol : mapping
        Differences from the published protocol, and published numbers, as JSON values
        (``core.protocol.Protocol.describe``); empty if nothing is published.
    """

    indicator: str
    version: str
    title: str
    question: str
    dataset: str
    headline: str
    groups: Annotated[pd.DataFrame, table_schema(GROUP_COLUMNS)]
    disparities: Annotated[pd.DataFrame, table_schema(DISPARITY_COLUMNS)]
    curves: Annotated[pd.DataFrame, table_schema(CURVE_COLUMNS)]
    statistics: pd.DataFrame = field(metadata=ELSEWHERE)
    params: Mapping[str, Any] = field(default_factory=dict)
    metrics: Mapping[str, str] = field(default_factory=dict)
    warnings: tuple[str, ...] = ()
    comparisons: tuple[Comparison, ...] = field(default=(), compare=False, repr=False, metadata=ELSEWHERE)
    protocol: Annotated[Mapping[str, Any], PROTOCOL_SCHEMA] = field(default_factory=dict, metadata=IF_ANY)

    def __post_init__(self) -> None:
        for name, columns in (
            ("groups", GROUP_COLUMNS),
            ("disparities", DISPARITY_COLUMNS),
            ("curves", CURVE_COLUMNS),
            ("statistics", STATISTIC_COLUMNS),
        ):
            actual = tuple(getattr(self, name).columns)
            if actual != columns:
                raise ValueError(f"table '{name}' of {self.indicator} must have columns {columns}; got {actual}")
        check_rows(self.comparisons, self.disparities)


def check_rows(comparisons: Sequence[Comparison], disparities: pd.DataFrame) -> None:
    """Raise ValueError unless ``comparisons`` are the rows of ``disparities``, or none."""
    if comparisons and len(comparisons) != len(disparities):
        raise ValueError(
            f"comparisons must be the {len(disparities)} rows of disparities, in its order; got {len(comparisons)}"
        )


@dataclass(frozen=True)
class Failure:
    """An indicator that could not run, with the reason and a fix.

    Parameters
    ----------
    indicator : str
        Name of the indicator.
    stage : {"requirements", "compute"}
        Stage that failed.
    reason, what_to_do : str
        One sentence each.
    dataset : str
        The data set, or an empty string if no data set fits the indicator.
    """

    indicator: str
    stage: Annotated[str, {"enum": ("requirements", "compute")}]
    reason: str
    what_to_do: str
    dataset: str = ""


@dataclass(frozen=True)
class Measured:
    """Inference of an indicator; fields as in ``IndicatorResult``."""

    groups: pd.DataFrame
    comparisons: tuple[Comparison, ...]
    statistics: pd.DataFrame
    warnings: tuple[str, ...] = ()

    @cached_property
    def disparities(self) -> pd.DataFrame:
        """The table of ``comparisons``, columns ``DISPARITY_COLUMNS``."""
        return table([row.row for row in self.comparisons], DISPARITY_COLUMNS)
