"""The tolerance of a comparison from the options of an indicator, or from the rule of ``core.plan``."""

from __future__ import annotations

import dataclasses

from fairaudit.core.comparison import Comparison
from fairaudit.core.errors import ConfigError
from fairaudit.core.plan import TOLERANCE, default_tolerance

_OF_DIFFERENCES = ("one_vs_rest", "reference", "gap")


def with_tolerance(row: Comparison, *, tolerance: float | None, slope_tolerance: float | None) -> Comparison:
    """Return the row with its largest negligible value, NaN if it has none: then a disparity is shown, or not.

    Parameters
    ----------
    row : Comparison
    tolerance, slope_tolerance : float, optional
        Literal tolerances of a difference, and of a slope per step or doubling. Default: ``default_tolerance`` of the
        value of all compared rows, and the tolerance of a difference over the range of the feature.

    Raises
    ------
    ConfigError
        If a slope of ``slope_tolerance`` exceeds 1 over the range, more than shares can differ.
    """
    if row.kind == "slope":
        return dataclasses.replace(row, tolerance=_of_slope(row, tolerance, slope_tolerance))
    if row.kind not in _OF_DIFFERENCES:
        return row
    tau = _of_difference(row, tolerance)
    if tolerance is None and row.measure == "ratio" and row.overall > 0:
        tau /= row.overall
    return dataclasses.replace(row, tolerance=tau)


def _of_slope(row: Comparison, tolerance: float | None, literal: float | None) -> float:
    if literal is None:
        return _of_difference(row, tolerance) / row.width if row.width > 0 else float("nan")
    if row.unit == "share" and row.width > 0 and literal * row.width >= 1:
        raise ConfigError(
            f"slope_tolerance must be below {1 / row.width:.3g} for {row.feature}: over its range of {row.width:.3g}, "
            f"a share cannot change by more than 1; got {literal:g}. Leave it out for the default."
        )
    return literal


def _of_difference(row: Comparison, tolerance: float | None) -> float:
    if tolerance is not None:
        return tolerance
    if row.unit == "auroc":
        return TOLERANCE
    return default_tolerance(row.overall) if row.unit == "share" else float("nan")
