"""Influences of clusters, to and from the saved table, for the paired comparison of two audits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from fairaudit.core.result import INFLUENCE_COLUMNS, IndicatorResult, Influence, table

#: Key of a disparity row within a result.
ROW_KEY = ("metric", "feature", "control", "kind", "measure", "group", "reference")


def influence_table(result: IndicatorResult) -> pd.DataFrame:
    """Return the influences of the result's primary rows, columns ``INFLUENCE_COLUMNS``.

    A comparison of audits tests only planned rows, and exploratory ones would need more room than the outcomes.
    """
    rows = result.disparities.to_dict("records")
    primary = [(rows[i], influence) for i, influence in result.influences.items() if rows[i]["family"] == "primary"]
    if not primary:
        return table([], INFLUENCE_COLUMNS)
    lengths = [len(influence.values) for _, influence in primary]
    columns: dict[str, Any] = {"dataset": result.dataset, "indicator": result.indicator}
    for name in ROW_KEY:
        columns[name] = np.repeat(np.array([row[name] for row, _ in primary], dtype=object), lengths)
    columns["cluster"] = np.concatenate([influence.clusters for _, influence in primary])
    columns["influence"] = np.concatenate([influence.values for _, influence in primary])
    return pd.DataFrame(columns, columns=list(INFLUENCE_COLUMNS), index=range(sum(lengths)))


def influences_of(saved: pd.DataFrame, disparities: pd.DataFrame) -> Mapping[int, Influence]:
    """Return the influences of one result by position in its ``disparities``; the inverse of ``influence_table``."""
    positions = {tuple(row[name] for name in ROW_KEY): i for i, row in enumerate(disparities.to_dict("records"))}
    clusters, values = saved["cluster"].to_numpy(object), saved["influence"].to_numpy(np.float64)
    groups = saved.groupby(list(ROW_KEY), sort=False).indices.items()
    return {positions[key]: Influence(clusters[rows], values[rows]) for key, rows in groups if key in positions}
