"""``Indicator``: a name, a question, a typed configuration and a function from tables to a result."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from fairaudit.core.protocol import Protocol
from fairaudit.core.result import CURVE_COLUMNS, IndicatorResult, Measured, table
from fairaudit.core.samples import Subject


@dataclass(frozen=True)
class Indicator:
    """An indicator before it runs.

    Parameters
    ----------
    name : str
        Name on the command line: the name of its file.
    version : str
        Changes whenever one of its numbers could change.
    title, question : str
        As a report prints them.
    subject : {"people", "objects", "memes", "labelled"}
        Data sets that it applies to.
    config : type
        Frozen dataclass with a default for every field; its fields are the options of the indicator.
    compute : callable
        Keyword-only ``compute(*, samples, config, ..., )``. The names of its parameters are the tables it needs:
        ``embeddings`` (Embeddings), ``predictions`` (Predictions or None), ``scores`` (DataFrame),
        ``predictions_by_prompt`` (a Predictions for each prompt of a zero-shot head, or None).
        A parameter with a default is optional: it is None if the audit has no such table.
    controls : tuple of str
        Values of its option ``control_features`` besides the recorded features.
    protocol : Protocol or None
        Published presets, differences and numbers of its measure.
    optional : bool
        Whether an audit without data of its subject is complete: a lack is reported only if the user asked for the
        indicator.
    """

    name: str
    version: str
    title: str
    question: str
    subject: Subject
    config: type[Any]
    compute: Callable[..., IndicatorResult]
    controls: tuple[str, ...] = ()
    protocol: Protocol | None = None
    optional: bool = False

    @property
    def needs(self) -> tuple[str, ...]:
        """Tables that the indicator requires, e.g. ``("embeddings",)``."""
        return self._tables(required=True)

    @property
    def wants(self) -> tuple[str, ...]:
        """Tables that the indicator uses if the audit has them."""
        return self._tables(required=False)

    def result(
        self,
        *,
        dataset: str,
        headline: str,
        measured: Measured,
        curves: pd.DataFrame | None = None,
        params: Mapping[str, Any],
        metrics: Mapping[str, str],
        warnings: Sequence[str] = (),
    ) -> IndicatorResult:
        """Return the tables of ``measure`` with this indicator's name and texts, for ``compute``."""
        return IndicatorResult(
            indicator=self.name,
            version=self.version,
            title=self.title,
            question=self.question,
            dataset=dataset,
            headline=headline,
            groups=measured.groups,
            disparities=measured.disparities,
            curves=table([], CURVE_COLUMNS) if curves is None else curves,
            statistics=measured.statistics,
            params=params,
            metrics=metrics,
            warnings=(*warnings, *measured.warnings),
            comparisons=measured.comparisons,
            protocol={} if self.protocol is None else self.protocol.describe(dataclasses.asdict(self.config()), params),
        )

    def _tables(self, *, required: bool) -> tuple[str, ...]:
        parameters = inspect.signature(self.compute).parameters.values()
        return tuple(
            p.name
            for p in parameters
            if p.name not in ("samples", "config") and (p.default is inspect.Parameter.empty) is required
        )
