"""``Plan``: the primary comparisons of an audit, chosen before the result is known.

.. code-block:: toml

    name = "release check"
    tolerance = 0.05            # literal; without it the rule of ``default_tolerance``
    alpha = 0.05                # chance of any false disparity in the whole audit

    [[primary]]
    indicator = "representation_disparity"
    metric = "balanced_precision@10"
    feature = "gender"
    kind = "one_vs_rest"

    [[primary]]
    indicator = "geographic_disparity"
    metric = "hit@5"
    feature = "income"
    kind = "slope"
    tolerance = 0.02
"""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairaudit.core import earlier_version
from fairaudit.core.errors import ConfigError, unknown_name
from fairaudit.core.open_file import read_toml
from fairaudit.core.typed_values import build

#: Measures by kind of row.
MEASURES = {
    "one_vs_rest": ("difference", "ratio"),
    "reference": ("difference", "ratio"),
    "gap": ("difference", "ratio"),
    "slope": ("per_step", "per_doubling"),
    "concentration": ("index",),
    "departure": (),
    "omnibus": ("difference", "ratio", "per_doubling", "per_step", "index"),
}
KINDS = tuple(MEASURES)
#: ``reference`` of kind ``one_vs_rest``: the unweighted mean of the other groups, instead of all other samples.
MEAN_OF_OTHERS = "mean of the others"
ALPHA = 0.05
#: Largest default tolerance, and the default one of an AUROC.
TOLERANCE = 0.05
TOLERANCE_RULE = (
    "without a number: min(0.05, min(p, 1 - p) / 2) for a difference of shares, p the share of all compared samples; "
    "divided by p for a ratio, by the range of the feature for a slope; 0.05 for an AUROC; none without bounds"
)
_REQUIRED = ("indicator", "metric", "feature", "kind")
_NAMES = (*_REQUIRED, "dataset", "group", "reference", "measure")


@dataclass(frozen=True)
class PlanRow:
    """One planned comparison: values of a row of the disparity tables. ``Plan`` checks them.

    Parameters
    ----------
    indicator, metric, feature : str
        As the tables of the audit name them, e.g. ``"geographic_disparity"``, ``"hit@5"``, ``"income"``.
    kind : {"one_vs_rest", "reference", "gap", "slope", "concentration", "departure", "omnibus"}
        Each group against the rest or a reference group, the highest group against the lowest, the trend along an
        order, the concentration along it, the departure from that line, or all groups at once.
    dataset, group, reference : str
        Empty for all. Of kind ``one_vs_rest``, an empty reference is all other samples, and ``"mean of the others"``
        the unweighted mean of the other groups.
    measure : {"difference", "ratio", "per_doubling", "per_step", "index"}
        Empty for the difference of kind ``one_vs_rest``, ``reference`` and ``gap`` (the ratio would test the same
        hypothesis again), and for all measures of other kinds.
    tolerance : float, optional
        In (0, 1), literal: largest negligible disparity, in the unit of the row (for a slope, per step or doubling; for
        a ratio, the distance from 1). Default: the plan's, else that of the audit (``default_tolerance``).
    """

    indicator: str
    metric: str
    feature: str
    kind: str
    dataset: str = ""
    group: str = ""
    reference: str = ""
    measure: str = ""
    tolerance: float | None = None

    def document(self) -> dict[str, Any]:
        """Return the row as JSON values, without empty ones."""
        return {name: value for name, value in dataclasses.asdict(self).items() if value not in ("", None)}

    def overlaps(self, other: PlanRow) -> bool:
        """Return whether a comparison could match both rows."""
        if {self.reference, other.reference} == {"", MEAN_OF_OTHERS}:
            return False
        pairs = ((getattr(self, name), getattr(other, name)) for name in _NAMES)
        return all(value == other_value or "" in (value, other_value) for value, other_value in pairs)


@dataclass(frozen=True)
class Plan:
    """The primary family of an audit, its error level and its tolerances.

    Parameters
    ----------
    primary : tuple of PlanRow
        At least one; no comparison matches two rows. A row without a tolerance gets the plan's; one without a measure
        gets the difference, if its kind has difference and ratio.
    tolerance : float, optional
        Default of the rows, in (0, 1).
    alpha : float, default 0.05
        Chance of any false ``disparity`` over the whole family, in (0, 1).
    name : str
        Name for reports.

    Raises
    ------
    ConfigError
        If a value is out of its range, a kind or measure does not exist, no row is given, or rows overlap.
    """

    primary: tuple[PlanRow, ...]
    tolerance: float | None = None
    alpha: float = ALPHA
    name: str = "unnamed"

    def __post_init__(self) -> None:
        if self.tolerance is not None:
            _require_share("tolerance of the plan", self.tolerance)
        _require_share("alpha of the plan", self.alpha)
        _require_text("name of the plan", self.name)
        if not self.primary:
            raise ConfigError(
                "a plan must name at least one primary comparison; got none. "
                f"Add a [[primary]] table with {', '.join(_REQUIRED)}."
            )
        for number, row in enumerate(self.primary, 1):
            _check(row, f"plan row {number}")
        rows = tuple(_resolved(row, self.tolerance) for row in self.primary)
        for (i, row), (j, other) in itertools.combinations(enumerate(rows, 1), 2):
            if row.overlaps(other):
                raise ConfigError(
                    f"plan rows must name different comparisons; got kind '{row.kind}' of {row.feature} on "
                    f"{row.metric} ({row.indicator}) in rows {i} and {j}. Remove one of them or tell them apart."
                )
        object.__setattr__(self, "primary", rows)

    @property
    def digest(self) -> str:
        """SHA-256 of the plan as canonical JSON (sorted keys, all defaults filled in), 64 hex digits."""
        return str(self.document()["digest"])

    def document(self) -> dict[str, Any]:
        """Return the plan as JSON values, with its digest, as an audit holds it."""
        return plan_document(self.primary, tolerance=self.tolerance, alpha=self.alpha, name=self.name)


def default_tolerance(overall: float) -> float:
    """Return the tolerance of a difference of shares from their overall value: min(.05, min(p, 1 - p) / 2).

    A harm of 4 % against 1 % must be able to exceed it. NaN without an overall value.

    Examples
    --------
    >>> default_tolerance(0.4), default_tolerance(0.01), default_tolerance(0.98)
    (0.05, 0.005, 0.010000000000000009)
    """
    return min(min(overall, 1 - overall) / 2, TOLERANCE)  # in this order min keeps NaN


def plan_document(rows: Sequence[PlanRow], *, tolerance: float | None, alpha: float, name: str) -> dict[str, Any]:
    """Return a plan as JSON values, with its digest; unlike ``Plan``, it may have no rows."""
    document: dict[str, Any] = {
        "name": name, "alpha": alpha, "tolerance": tolerance, "tolerance_rule": TOLERANCE_RULE, "correction": "Holm",
        "primary": [row.document() for row in rows],
    }  # fmt: skip
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return {**document, "digest": hashlib.sha256(canonical.encode()).hexdigest()}


def read_plan(path: str | Path) -> Plan:
    """Read a plan from a TOML file: the fields of ``Plan``, and a ``[[primary]]`` table per row.

    Raises
    ------
    ConfigError
        If there is no such file, it is no TOML, a key is unknown or missing, or the plan cannot be applied.
    """
    path = Path(path)
    fields = read_toml(path, "plan", error=ConfigError)
    rows = fields.get("primary")
    upgraded = [earlier_version.upgraded_row(row) for row in rows] if isinstance(rows, list) else rows
    if upgraded != rows:
        fields["primary"] = upgraded
        earlier_version.say_upgraded(f"plan '{path.name}'", 'Write kind = "one_vs_rest" instead of "rest".')
    return build(Plan, {"primary": [], **fields}, where=f"plan '{path.name}'")


def _resolved(row: PlanRow, tolerance: float | None) -> PlanRow:
    return dataclasses.replace(
        row,
        measure=row.measure or ("difference" if MEASURES[row.kind] == ("difference", "ratio") else ""),
        tolerance=tolerance if row.tolerance is None else row.tolerance,
    )


def _check(row: PlanRow, label: str) -> None:
    for name in _REQUIRED:
        _require_text(f"{name} of {label}", getattr(row, name))
    if row.kind not in MEASURES:
        raise unknown_name(f"kind of {label}", row.kind, KINDS)
    if row.measure and not MEASURES[row.kind]:
        raise ConfigError(f"measure of {label} must be left out for kind '{row.kind}'; got '{row.measure}'. Remove it.")
    if row.measure and row.measure not in MEASURES[row.kind]:
        raise unknown_name(f"measure of {label} (kind '{row.kind}')", row.measure, MEASURES[row.kind])
    if row.reference == MEAN_OF_OTHERS and row.kind != "one_vs_rest":
        raise ConfigError(
            f"reference of {label} must be the name of a group for kind '{row.kind}'; got '{MEAN_OF_OTHERS}'. "
            "It belongs to kind 'one_vs_rest'."
        )
    for name in ("group", "reference"):
        if getattr(row, name) and row.kind not in ("one_vs_rest", "reference"):
            raise ConfigError(
                f"{name} of {label} must be left out for kind '{row.kind}'; got '{getattr(row, name)}'. "
                "It belongs to kind 'one_vs_rest' or 'reference'."
            )
    if row.tolerance is not None:
        _require_share(f"tolerance of {label}", row.tolerance)


def check_tolerance(label: str, value: float | None, *, bounded: bool = True) -> None:
    """Refuse a tolerance below which, or above which, no difference can lie.

    Parameters
    ----------
    label : str
        Name of the tolerance in the error.
    value : float or None
        None, for the default, is never refused.
    bounded : bool
        Whether outcomes lie in [0, 1], so that no difference is above 1.

    Raises
    ------
    ConfigError
        If the tolerance is not in (0, 1), or for outcomes without bounds no positive number.
    """
    if value is None:
        return
    if bounded and not 0 < value < 1:
        raise ConfigError(f"{label} must be between 0 and 1; got {value:g}. Leave it out for the default.")
    if not 0 < value < float("inf"):
        raise ConfigError(
            f"{label} must be a positive number in the unit of the outcome; got {value:g}. Give the largest difference "
            "that does not matter."
        )


def _require_share(label: str, value: float) -> None:
    if not 0 < value < 1:
        raise ConfigError(f"{label} must be a number between 0 and 1; got {value}. A usual choice is 0.05.")


def _require_text(label: str, value: str) -> None:
    if not value.strip():
        raise ConfigError(f"{label} must be a text; got {value!r}. Write it in quotation marks.")
