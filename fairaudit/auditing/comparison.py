"""``Comparison``: audits of several checkpoints side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from fairaudit.comparison.change import changes_of
from fairaudit.comparison.design import Cell, Design
from fairaudit.comparison.factorial import effects_of
from fairaudit.comparison.model_size import sizes_of
from fairaudit.comparison.relative import relative_changes
from fairaudit.core.audit import AuditResult
from fairaudit.core.errors import ConfigError, unknown_name
from fairaudit.core.plant import Plant
from fairaudit.core.result import EFFECT_COLUMNS, table
from fairaudit.core.text import one_line

_KEYS = ["indicator", "dataset", "metric", "feature", "kind", "measure", "group", "reference"]


@dataclass(frozen=True)
class Comparison:
    """Audits by name; a table, a page, and itself in a notebook.

    ``changes`` says which disparities differ from the baseline's, tested in pairs on the clusters that all audits
    share: intervals of two checkpoints that overlap prove nothing about the change.

    Parameters
    ----------
    audits : mapping of str to AuditResult
        At least two, in the order in which they are shown.
    plants : sequence of Plant
        Disparities that were put into synthetic data, for the page.
    title, intro : str
        For the page.
    baseline : str
        Name of the audit that the others are compared with; empty for the first.
    design : Design, optional
        Which data and which size the checkpoints have, where every data set goes with every size: then ``effects`` says
        which of the two moves a disparity.
    """

    audits: Mapping[str, AuditResult]
    plants: Sequence[Plant] = ()
    title: str = "Checkpoints side by side"
    intro: str = ""
    baseline: str = ""
    design: Design | None = None

    def __post_init__(self) -> None:
        if not self.baseline:
            object.__setattr__(self, "baseline", next(iter(self.audits)))
        if self.baseline not in self.audits:
            raise unknown_name("baseline", self.baseline, self.audits)
        if self.design is not None:
            self.design.check(self.audits)

    @classmethod
    def of(
        cls,
        audits: Sequence[AuditResult],
        *,
        names: Sequence[str],
        baseline: str = "",
        design: Mapping[str, Cell] | None = None,
    ) -> Comparison:
        """Return the comparison; ConfigError for less than two audits, or if names, baseline or design do not fit."""
        if len(audits) < 2:
            raise ConfigError(f"a comparison must have at least two audits; got {len(audits)}. Add another.")
        if len(names) != len(audits) or len(set(names)) != len(names):
            raise ConfigError(
                f"a comparison must have a name of its own for each of its {len(audits)} audits; "
                f"got {', '.join(names)}. Give names that differ."
            )
        crossed = None if design is None else Design(design)
        return cls(dict(zip(names, audits, strict=True)), baseline=baseline, design=crossed)

    @property
    def disparities(self) -> pd.DataFrame:
        """Rows of the primary family; columns ``value``, ``ci_low``, ``ci_high``, ``verdict`` by checkpoint."""
        parts = {}
        for name, audit in self.audits.items():
            rows = audit.disparities
            rows = rows[rows["family"] == "primary"].set_index(_KEYS)
            parts[name] = rows[["value", "ci_low", "ci_high", "verdict"]]
        return pd.concat(parts, axis=1)

    @cached_property
    def changes(self) -> pd.DataFrame:
        """Change of every planned disparity from the baseline to each other checkpoint, with interval and verdict.

        Columns ``core.result.CHANGE_COLUMNS``; what they mean stands in ``comparison.change.changes_of``.
        """
        return changes_of(self.audits, baseline=self.baseline)

    @cached_property
    def relative(self) -> pd.DataFrame:
        """Relative change of every group's headline from the baseline, with intervals of the pairs of clusters.

        Columns ``core.result.RELATIVE_COLUMNS``; what they mean stands in ``comparison.relative.relative_changes``.
        """
        return relative_changes(self.audits, baseline=self.baseline)

    @cached_property
    def effects(self) -> pd.DataFrame:
        """What data and size do to every planned disparity, with intervals and verdicts; empty without a design.

        Columns ``core.result.EFFECT_COLUMNS``; what they mean stands in ``comparison.factorial.effects_of``.
        """
        return table([], EFFECT_COLUMNS) if self.design is None else effects_of(self.audits, self.design)

    @property
    def sizes(self) -> pd.DataFrame:
        """Every planned disparity by checkpoint, beside its number of parameters (``core.result.SIZE_COLUMNS``)."""
        return sizes_of(self.audits)

    @property
    def summary(self) -> str:
        """How many changes are shown, in a sentence; with a design, what data and size move."""
        from fairaudit.reports import change_view, effect_view

        if self.design is not None:
            return one_line(effect_view.tally(self.effects))
        return one_line(change_view.tally(self.changes))

    @property
    def found(self) -> pd.DataFrame:
        """Planted disparities by checkpoint: True where the verdict rule found them."""
        rows = {p.name: {name: p.found(audit) for name, audit in self.audits.items()} for p in self.plants}
        return pd.DataFrame.from_dict(rows, orient="index", columns=list(self.audits))

    def to_html(self, *, links: Mapping[str, str] | None = None) -> str:
        """Return the page; ``links`` leads from a checkpoint's name to its own report."""
        from fairaudit.reports.comparison import render_comparison

        if self.design is not None:
            return self._crossed(self.design, links or {})
        return render_comparison(
            self.audits,
            title=self.title,
            plants=self.plants,
            intro=self.intro,
            links=links or {},
            baseline=self.baseline,
            changes=self.changes,
        )

    def _crossed(self, design: Design, links: Mapping[str, str]) -> str:
        """Return the page of a crossed design: its effects, and a column for the first training of each cell."""
        from fairaudit.reports.comparison import render_comparison
        from fairaudit.reports.effect_view import effect_section

        shown = {name: audit for name, audit in self.audits.items() if name not in design.repeats}
        return render_comparison(
            shown,
            title=self.title,
            plants=self.plants,
            intro=self.intro,
            links={name: link for name, link in links.items() if name in shown},
            effects=effect_section(self.effects, design, self.audits),
        )

    def write(self, path: str | Path, *, links: Mapping[str, str] | None = None, overwrite: bool = False) -> Path:
        """Write the page to ``path`` and return it; ``overwrite`` says whether another file there may be replaced."""
        from fairaudit.reports.page import write

        return write(self.to_html(links=links), Path(path), overwrite=overwrite)

    def _repr_html_(self) -> str:
        table: str = self.disparities.to_html()
        return table
