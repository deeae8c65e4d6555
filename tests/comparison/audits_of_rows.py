"""Audits of tables of outcomes, for tests that compare audits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core import document
from fairaudit.core.audit import AuditResult, DataCard, ModelCard
from fairaudit.core.plan import Plan
from fairaudit.core.result import CURVE_COLUMNS, IndicatorResult, table
from fairaudit.core.samples import Feature
from fairaudit.stats.cohort import Cohort
from fairaudit.stats.disparity import measure
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.verdicts import decide


def audit_of(
    outcomes: Outcomes | Sequence[Outcomes],
    columns: Mapping[str, npt.NDArray[Any]],
    features: Sequence[Feature],
    *,
    n_parameters: int = 1000,
    config: Mapping[str, Any] | None = None,
    digest: str = "d1",
    plan: Plan | None = None,
    **fields: Any,
) -> AuditResult:
    """Return the decided audit. Without a plan the first metric is the headline; ``fields`` are the cohort's."""
    outcomes = [outcomes] if isinstance(outcomes, Outcomes) else list(outcomes)
    one, headline = outcomes[0], "" if plan else outcomes[0].metric
    names = np.array([f"c{code:05d}" for code in one.clusters])
    primary = tuple(feature.name for feature in features)
    cohort = Cohort("data", "x", tuple(features), dict(columns), names, **{"primary": primary, **fields})
    found = measure(cohort, outcomes, headline=headline, tolerance=0.05)
    result = IndicatorResult(
        "x", "1", "X", "?", "data", one.metric, found.groups, found.disparities, table([], CURVE_COLUMNS),
        found.statistics, comparisons=found.comparisons,
    )  # fmt: skip
    decided, applied = decide([result], plan)
    model = ModelCard("net", "test", "Net", n_parameters, 8, "ab", {})
    card = DataCard("data", "r", "people", "person", "CC0", "", len(one.values), 1, digest, False, False, ())
    made_by: dict[str, Any] = {"versions": {}, "seed": 0}
    audit = AuditResult(model, (card,), decided, (), config or {}, applied, made_by)
    return replace(audit, provenance={**made_by, "digest": document.digest(audit)})


def groups_of(rng: np.random.Generator, n: int, names: Sequence[str] = ("a", "b")) -> npt.NDArray[np.str_]:
    """Return a group for each of ``n`` rows."""
    return rng.choice(np.array(names), n)


def row(frame: pd.DataFrame, **where: str) -> dict[str, Any]:
    """Return the only row that has these values."""
    for column, value in where.items():
        frame = frame[frame[column] == value]
    assert len(frame) == 1
    return {str(key): value for key, value in frame.iloc[0].items()}
