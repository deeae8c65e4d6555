"""The rows of a plan as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairaudit.core.audit import AuditResult
from fairaudit.core.plan import ALPHA
from fairaudit.reports import notation, wording
from fairaudit.stats.plan_rows import price_of_groups
from fairaudit.stats.verdicts import SHIPPED

_BLANK = {"kind": "", "measure": "", "group": "", "reference": "", "feature": ""}


@dataclass(frozen=True)
class PlanRowView:
    """One planned comparison as text; ``dataset`` is ``"all"`` if the row names none."""

    indicator: str
    dataset: str
    metric: str
    feature: str
    comparison: str
    tolerance: str


def plan_rows(plan: Mapping[str, Any]) -> list[PlanRowView]:
    """Return the rows under ``primary`` of ``AuditResult.plan``; missing fields become empty."""
    return [
        PlanRowView(
            indicator=str(row.get("indicator", "")),
            dataset=str(row.get("dataset", "all")),
            metric=str(row.get("metric", "")),
            feature=str(row.get("feature", "")),
            comparison=wording.comparison({**_BLANK, **row}),
            tolerance=_tolerance(row, plan),
        )
        for row in plan.get("primary", ())
    ]


def _tolerance(row: Mapping[str, Any], plan: Mapping[str, Any]) -> str:
    if row.get("tolerance") is not None:
        return notation.number(row["tolerance"])
    return "by the rule" if "tolerance_rule" in plan else notation.ABSENT


def price(audit: AuditResult) -> str:
    """Return what the groups of ordered features cost in the shipped plan, as a sentence; empty for another plan."""
    if audit.plan.get("name") != SHIPPED or audit.disparities.empty:
        return ""
    alone, family, times = price_of_groups(audit.disparities, alpha=float(audit.plan.get("alpha", ALPHA)))
    if alone == family:
        return ""
    return (
        f"An ordered feature is compared by its slope and by its groups. That makes {family:,} tested rows "
        f"of {alone:,}, and the least difference that each can detect {times:.2f} times as large."
    )
