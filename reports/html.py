"""An ``AuditResult`` as one self-contained HTML page, or as a fragment for a notebook."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pandas as pd

from fairaudit.core.audit import AuditResult, DataCard
from fairaudit.core.document import EDITED, is_edited
from fairaudit.core.result import NUMERIC
from fairaudit.core.text import printable
from fairaudit.reports import notation, page, wording
from fairaudit.reports.disparity_view import DisparityRow, counts, primary_rows
from fairaudit.reports.group_view import group_tables, headline_features
from fairaudit.reports.plan_view import plan_rows, price
from fairaudit.reports.result_view import ResultView, result_view
from fairaudit.reports.training_view import training_views

#: The summary names at most this many disparities; the sections name all.
MAX_FINDINGS = 12


@dataclass(frozen=True)
class Finding:
    """A disparity of the summary, with the anchor of the section that shows it."""

    title: str
    anchor: str
    row: DisparityRow


def render(audit: AuditResult) -> str:
    """Return the report of ``audit`` as one HTML page.

    The page runs no script, loads nothing, and holds no image of the data. The same audit gives the same bytes.
    Text from data is escaped. A comparison that could not be made is listed with its reason.
    """
    edited = is_edited(audit)
    audit = printable_audit(audit)
    views = result_views(audit)
    return page.document(
        "report.html.j2",
        "audit",
        **_summary(audit),
        views=views,
        findings=_findings(views)[:MAX_FINDINGS],
        n_findings=counts(audit.disparities)["disparity"],
        plan_rows=plan_rows(audit.plan),
        plan_price=price(audit),
        training=training_views(audit.model.training),
        edited=EDITED if edited else "",
    )


def write(audit: AuditResult, path: Path, *, overwrite: bool = False) -> Path:
    """Write the report of ``audit`` with ``page.write`` and return ``path``."""
    return page.write(render(audit), path, overwrite=overwrite)


def fragment(audit: AuditResult) -> str:
    """Return ``audit`` as a piece of HTML for a notebook.

    Its style applies to nothing else, and it stays readable without it: a summary, then for each indicator its
    sentences and the table of its headline metric.
    """
    audit = printable_audit(audit)
    sections = [
        {
            "result": result,
            "rows": primary_rows(result),
            "tables": [
                table
                for table in group_tables(result.groups)
                if table.metric == result.headline and not table.control and table.feature in headline_features(result)
            ],
        }
        for result in audit.results
    ]
    return page.fill("fragment.html.j2", **_summary(audit), sections=sections)


def _summary(audit: AuditResult) -> dict[str, Any]:
    """Return the values that report and fragment share."""
    verdicts = counts(audit.disparities)
    return {
        "audit": audit,
        "counts": verdicts,
        "words": wording.VERDICTS,
        "tally": wording.tally(verdicts, beyond=wording.beyond(audit.disparities), failures=len(audit.failures)),
        "selftest": wording.selftest(audit),
        "synthetic": [card for card in audit.data if card.synthetic],
    }


def result_views(audit: AuditResult) -> list[ResultView]:
    """Return one section per result, each with a unique anchor that names indicator and data set."""
    views: list[ResultView] = []
    for result in audit.results:
        stem = anchor = notation.slug(result.indicator, result.dataset)
        twin = 2
        while anchor in {view.anchor for view in views}:
            anchor, twin = f"{stem}-{twin}", twin + 1
        views.append(result_view(result, card_of(audit, result.dataset), anchor))
    return views


def printable_audit(audit: AuditResult) -> AuditResult:
    """Return ``audit`` with printable text in its tables: pandas cannot index by a lone surrogate."""

    def clean(table: pd.DataFrame) -> pd.DataFrame:
        texts = {c: [printable(str(v)) for v in table[c]] for c in table.columns if c not in NUMERIC}
        # Without a dtype, pandas takes an empty column for numbers.
        return table.assign(**{c: pd.Series(v, index=table.index, dtype="object") for c, v in texts.items()})

    results = tuple(
        replace(r, groups=clean(r.groups), disparities=clean(r.disparities), curves=clean(r.curves))
        for r in audit.results
    )
    return replace(audit, results=results)


def card_of(audit: AuditResult, dataset: str) -> DataCard | None:
    """Return the card of the data set called ``dataset``, or None."""
    return next((card for card in audit.data if card.name == dataset), None)


def _findings(views: list[ResultView]) -> list[Finding]:
    return [
        Finding(view.result.title, view.anchor, row)
        for view in views
        for row in view.primary
        if row.word.key == "disparity"
    ]
