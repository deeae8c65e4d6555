"""``Comparison``: audits of several checkpoints, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

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
    """Audits by name, as a table, a page or the output of a notebook cell.

    ``changes`` tests each disparity against the baseline's, in pairs on the clusters that all audits share: overlapping
    intervals of two checkpoints prove nothing about the change.

    Parameters
    ----------
    audits : mapping of str to AuditResult
        At least two, in the order in which they are shown.
    plants : sequence of Plant
        Disparities planted in synthetic data, for the page.
    title, intro : str
        Heading and first paragraph of the page.
    baseline : str
        Name of the audit to compare the others with; empty for the first.
    design : Design, optional
        Data and size of each checkpoint, if every data set is crossed with every size: ``effects`` then separates the
        effect of data on a disparity from that of size.
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
        """Return the comparison; raise ConfigError for fewer than two audits, or wrong names, baseline or design."""
        if len(audits) < 2:
            raise ConfigError(f"a comparison must have at least two audits; got {len(audits)}. Add another audit.")
        if len(names) != len(audits) or len(set(names)) != len(names):
            raise ConfigError(
                f"a comparison must have a name of its own for each of its {len(audits)} audits; "
                f"got {', '.join(names)}. Give names that differ."
            )
        crossed = None if design is None else Design(design)
        return cls(dict(zip(names, audits, strict=True)), baseline=baseline, design=crossed)

    @property
    def disparities(self) -> pd.DataFrame:
        """Primary rows; columns ``value``, ``ci_low``, ``ci_high``, ``verdict`` for each checkpoint."""
        parts = {}
        for name, audit in self.audits.items():
            rows = audit.disparities
            rows = rows[rows["family"] == "primary"].set_index(_KEYS)
            parts[name] = rows[["value", "ci_low", "ci_high", "verdict"]]
        return pd.concat(parts, axis=1)

    @cached_property
    def changes(self) -> pd.DataFrame:
        """Change of every planned disparity from the baseline, with verdicts (``core.result.CHANGE_COLUMNS``)."""
        return changes_of(self.audits, baseline=self.baseline)

    @cached_property
    def relative(self) -> pd.DataFrame:
        """Relative change of every group's headline from the baseline (``core.result.RELATIVE_COLUMNS``)."""
        return relative_changes(self.audits, baseline=self.baseline)

    @cached_property
    def effects(self) -> pd.DataFrame:
        """Effects of data and of size on every disparity (``core.result.EFFECT_COLUMNS``); empty without a design."""
        return table([], EFFECT_COLUMNS) if self.design is None else effects_of(self.audits, self.design)

    @property
    def sizes(self) -> pd.DataFrame:
        """Every planned disparity by checkpoint, beside its number of parameters (``core.result.SIZE_COLUMNS``)."""
        return sizes_of(self.audits)

    @property
    def summary(self) -> str:
        """Number of changed disparities in one sentence; with a design, those that data or size changes."""
        from fairaudit.reports import change_view, effect_view

        if self.design is not None:
            return one_line(effect_view.tally(self.effects))
        return one_line(change_view.tally(self.changes))

    @property
    def found(self) -> pd.DataFrame:
        """Planted disparities by checkpoint: True if the verdict rule found the disparity."""
        rows = {p.name: {name: p.found(audit) for name, audit in self.audits.items()} for p in self.plants}
        return pd.DataFrame.from_dict(rows, orient="index", columns=list(self.audits))

    def to_html(self, *, links: Mapping[str, str] | None = None) -> str:
        """Return the page; ``links`` holds the address of each checkpoint's own report, by name.

        The page of a crossed design shows its effects, and a column for the first training of each cell.
        """
        from fairaudit.reports.comparison import render_comparison
        from fairaudit.reports.effect_view import effect_section

        shown, links, results = dict(self.audits), dict(links or {}), dict[str, Any]()
        if self.design is None:
            results = {"baseline": self.baseline, "changes": self.changes}
        else:
            shown = {name: audit for name, audit in shown.items() if name not in self.design.repeats}
            links = {name: link for name, link in links.items() if name in shown}
            results = {"effects": effect_section(self.effects, self.design, self.audits)}
        return render_comparison(shown, title=self.title, plants=self.plants, intro=self.intro, links=links, **results)

    def write(self, path: str | Path, *, links: Mapping[str, str] | None = None, overwrite: bool = False) -> Path:
        """Write the page to ``path`` and return the path; ``overwrite`` allows replacing another file there."""
        from fairaudit.reports.page import write

        return write(self.to_html(links=links), Path(path), overwrite=overwrite)

    def _repr_html_(self) -> str:
        return str(self.disparities.to_html())
