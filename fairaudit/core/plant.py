"""``Plant``: a disparity that was put into synthetic data on purpose, and its detection by an audit."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from fairaudit.core.audit import AuditResult


@dataclass(frozen=True)
class Plant:
    """A planted disparity: its row, direction and cause.

    Parameters
    ----------
    name : str
        Short name, e.g. ``"underexposed photographs"``.
    indicator, feature, kind, group : str
        The row of ``AuditResult.disparities`` that must show it: ``kind`` is ``"slope"`` or ``"one_vs_rest"``;
        ``group`` is empty for a slope.
    direction : {"lower", "higher"}
        Sign that the disparity must have: ``"lower"`` is below zero.
    cause : str
        Sentence for the report on the change of the pixels or of the training data.
    checkpoints : tuple of str
        Names of the checkpoints on which the cause acts.
    """

    name: str
    indicator: str
    feature: str
    kind: Literal["slope", "one_vs_rest"]
    group: str
    direction: Literal["lower", "higher"]
    cause: str
    checkpoints: tuple[str, ...]

    def found(self, audit: AuditResult) -> bool:
        """Return whether the audit's verdict is this disparity in the planted direction."""
        rows = audit.disparities
        if rows.empty:
            return False
        headline = {r.indicator: r.headline for r in audit.results}.get(self.indicator)
        detected = rows[
            (rows["indicator"] == self.indicator)
            & (rows["metric"] == headline)
            & (rows["feature"] == self.feature)
            & (rows["kind"] == self.kind)
            & (rows["group"] == self.group)
            & (rows["verdict"] == "disparity")
        ]
        return bool(((detected["value"] < 0) == (self.direction == "lower")).any())
