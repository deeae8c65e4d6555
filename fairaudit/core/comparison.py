"""``Comparison``: one row of a disparity table with what it can still be asked, until the table is written."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

_NAN = float("nan")
#: Fields that are no columns.
_ONLY_IN_MEMORY = ("inference", "influence", "selection_adjusted_p", "overall", "width", "unit")


@dataclass(frozen=True, eq=False)
class Influence:
    """The influence of each cluster on the value of a disparity row.

    Parameters
    ----------
    clusters : ndarray of str, shape (U,)
        Salted hash of each cluster; the same in every audit of the same data. Other clusters have no influence.
    values : ndarray of float, shape (U,)
        Influence with its small-sample factor (``stats.estimates``).
    """

    clusters: npt.NDArray[Any]
    values: npt.NDArray[np.float64]


class RowInference(Protocol):
    """The p-value, the interval and the power of one disparity row, at any level.

    The number of rows that share the error level is known only after all indicators, so a row keeps these functions in
    memory; a saved audit holds the interval that was used.
    """

    def p_value(self) -> float:
        """Return the two-sided p-value of "no disparity"."""

    def interval(self, level: float) -> tuple[float, float]:
        """Return the lower and upper bound, in the unit of the row's value, with coverage ``level`` in (0, 1)."""

    def min_detectable(self, alpha: float) -> tuple[float, str]:
        """Return the least true disparity that a test at ``alpha`` detects with power 80 %, and its direction.

        NaN and "" if there is none; the direction is "higher" or "lower", or "" where both are alike.
        """


@dataclass(frozen=True, eq=False, kw_only=True)
class Comparison:
    """A row of a disparity table: its columns before any decision, and what is known beyond them.

    Parameters
    ----------
    inference : RowInference, optional
        P-value, interval and power at any level; None if nothing was estimated.
    influence : callable, optional
        Returns the influence of each cluster, for paired comparisons of audits; computed when it is saved.
    selection_adjusted_p : float
        P-value of a row that was selected for its size, adjusted over all candidates; else NaN.
    overall : float
        Value of all compared rows together, which the default tolerance depends on; NaN if there is none.
    width : float
        Range of x, of a slope.
    unit : {"share", "auroc", "unbounded"}
        Unit of the compared values.
    """

    metric: str
    feature: str
    kind: str
    measure: str
    control: str = ""
    group: str = ""
    reference: str = ""
    family: str = "exploratory"
    value: float = _NAN
    ci_low: float = _NAN
    ci_high: float = _NAN
    ci_method: str = ""
    p_value: float = _NAN
    expected_by_chance: float = _NAN
    tolerance: float = _NAN
    n: int = 0
    n_clusters: int = 0
    status: str = "not_estimable"
    note: str = ""
    std_error: float = _NAN
    df: float = _NAN
    inference: RowInference | None = None
    influence: Callable[[], Influence] | None = None
    selection_adjusted_p: float = _NAN
    overall: float = _NAN
    width: float = 1.0
    unit: Literal["share", "auroc", "unbounded"] = "share"

    @property
    def row(self) -> dict[str, Any]:
        """The columns of the table; infinite degrees of freedom, which JSON cannot hold, are NaN."""
        columns = {f.name: getattr(self, f.name) for f in dataclasses.fields(self) if f.name not in _ONLY_IN_MEMORY}
        return columns if np.isfinite(self.df) else {**columns, "df": _NAN}

    def noted(self, *notes: str) -> Comparison:
        """Return the row with more notes."""
        return dataclasses.replace(self, note="; ".join(part for part in (self.note, *notes) if part))
