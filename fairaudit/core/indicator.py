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
    """What the audit knows of an indicator before it runs.

    Parameters
    ----------
    name : str
        Name on the command line: the name of its file.
    version : str
        Changes whenever a number it gives could change.
    title, question : str
        As a report prints them.
    subject : {"people", "objects", "memes", "labelled"}
        Which data sets it applies to.
    config : type
        Frozen dataclass with a default for every field; its fields are the options of the indicator.
    compute : callable
        Keyword-only ``compute(*, samples, config, ..., )``. What it needs is read from its parameter names:
        ``embeddings`` (Embeddings), ``predictions`` (Predictions or None), ``scores`` (DataFrame),
        ``predictions_by_prompt`` (a Predictions for each prompt of a zero-shot head, or None).
        A parameter with a default is optional: it gets None where the audit has nothing to give.
    controls : tuple of str
        What its option ``control_features`` may name besides the recorded features.
    protocol : Protocol or None
        What is published about its measure: presets, differences, numbers to put beside one's own.
    optional : bool
        Whether an audit without data of its subject is complete: it is then reported as lacking only where somebody
        asked for it.
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
        """Tables without which it cannot run, e.g. ``("embeddings",)``."""
        return self._tables(required=True)

    @property
    def wants(self) -> tuple[str, ...]:
        """Tables that it uses where they are to be had."""
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
        """Return what ``compute`` gives back: the tables of ``measure`` under this indicator's name and words."""
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
            inference=measured.inference,
            influences=measured.influences,
            protocol={} if self.protocol is None else self.protocol.describe(dataclasses.asdict(self.config()), params),
        )

    def _tables(self, *, required: bool) -> tuple[str, ...]:
        parameters = inspect.signature(self.compute).parameters.values()
        return tuple(
            p.name
            for p in parameters
            if p.name not in ("samples", "config") and (p.default is inspect.Parameter.empty) is required
        )
