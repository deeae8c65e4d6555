"""Disparities beside the sizes of models, so that an effect of size is not mistaken for one of method."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from fairaudit.core.audit import AuditResult
from fairaudit.core.influences import ROW_KEY
from fairaudit.core.result import SIZE_COLUMNS, table

#: Checkpoints that differ in parameters by more than this factor may differ in disparities for that alone.
FACTOR = 2.0
#: Within this factor they are of one size, as with another head on the same trunk.
ALIKE = 1.1
_COPIED = (*ROW_KEY, "value", "ci_low", "ci_high", "status")


def sizes_of(audits: Mapping[str, AuditResult]) -> pd.DataFrame:
    """Return every planned disparity of every audit beside the number of parameters of its model.

    Returns
    -------
    DataFrame
        Columns ``SIZE_COLUMNS``; ``n_parameters`` is NaN if the model card does not list it.
    """
    rows: list[dict[str, Any]] = []
    for name, audit in audits.items():
        known = {"checkpoint": name, "n_parameters": audit.model.n_parameters or None}
        for result in audit.results:
            rows_planned = result.disparities[result.disparities["family"] == "primary"].to_dict("records")
            identity = {**known, "indicator": result.indicator, "dataset": result.dataset}
            rows += [identity | {column: row[column] for column in _COPIED} for row in rows_planned]
    return table(rows, SIZE_COLUMNS)


def parameters_of(audits: Mapping[str, AuditResult]) -> Mapping[str, int]:
    """Return the number of parameters by checkpoint; checkpoints without it on their card are left out."""
    return {name: audit.model.n_parameters for name, audit in audits.items() if audit.model.n_parameters > 0}
