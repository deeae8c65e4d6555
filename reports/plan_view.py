"""The rows of a plan as text."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairaudit.reports import notation, wording

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
            tolerance=notation.ABSENT if row.get("tolerance") is None else notation.number(row["tolerance"]),
        )
        for row in plan.get("primary", ())
    ]
