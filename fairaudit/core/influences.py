"""Influences of clusters as a table, both ways: what is saved so that two audits can be compared in pairs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from fairaudit.core.result import INFLUENCE_COLUMNS, IndicatorResult, Influence, table

#: What names a disparity row within a result.
ROW_KEY = ("metric", "feature", "control", "kind", "measure", "group", "reference")


def influence_table(result: IndicatorResult) -> pd.DataFrame:
    """Return the influences of the result's primary rows, columns ``INFLUENCE_COLUMNS``.

    Exploratory rows are left out: a comparison of audits tests what was planned, and all of them would take more room
    than the outcomes.
    """
    rows = result.disparities.to_dict("records")
    kept = [(rows[i], found) for i, found in result.influences.items() if rows[i]["family"] == "primary"]
    if not kept:
        return table([], INFLUENCE_COLUMNS)
    lengths = [len(found.values) for _, found in kept]
    data: dict[str, Any] = {"dataset": result.dataset, "indicator": result.indicator}
    for name in ROW_KEY:
        data[name] = np.repeat(np.array([row[name] for row, _ in kept], dtype=object), lengths)
    data["cluster"] = np.concatenate([found.clusters for _, found in kept])
    data["influence"] = np.concatenate([found.values for _, found in kept])
    return pd.DataFrame(data, columns=list(INFLUENCE_COLUMNS), index=range(sum(lengths)))


def influences_of(saved: pd.DataFrame, disparities: pd.DataFrame) -> Mapping[int, Influence]:
    """Return the influences of one result by position in its ``disparities``; the inverse of ``influence_table``."""
    positions = {tuple(row[name] for name in ROW_KEY): i for i, row in enumerate(disparities.to_dict("records"))}
    clusters, values = saved["cluster"].to_numpy(object), saved["influence"].to_numpy(np.float64)
    found = {}
    for key, rows in saved.groupby(list(ROW_KEY), sort=False).indices.items():
        if key in positions:
            found[positions[key]] = Influence(clusters[rows], values[rows])
    return found
