"""Upgrade of names from schema version 1.0: audits, plans, options of indicators, and watch records."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

VERSION = "1.0"
COLUMNS = {"adjusted_low": "ci_low_adjusted", "adjusted_high": "ci_high_adjusted"}
KINDS = {"rest": "one_vs_rest"}
#: Earlier names of options of indicators, which are also in ``params`` and in ``x_name`` of curves.
OPTIONS: dict[str, dict[str, str]] = {
    "label_association": {"tau": "threshold", "taus": "thresholds", "top_k": "k", "top_ks": "ks"},
    "geographic_disparity": {"top_k": "k", "neighbours": "k_neighbours", "dedup": "count_photo_once"},
    "recognition_accuracy": {"top_k": "k"},
}


def upgraded(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return an ``audit.json`` of version 1.0 with the names of this version.

    Values are not changed, nor is a part without the form of 1.0: validation then names the place.
    """
    audit = dict(document)
    if "model" in audit:
        audit["model"] = _renamed(audit["model"], {"labels": "n_labels"})
    if isinstance(results := audit.get("results"), list):
        audit["results"] = [_result(row) if isinstance(row, Mapping) else row for row in results]
    config = audit.get("config")
    if isinstance(config, Mapping) and isinstance(config.get("indicators"), Mapping):
        options = {name: _renamed(values, OPTIONS.get(name, {})) for name, values in config["indicators"].items()}
        audit["config"] = {**config, "indicators": options}
    plan = audit.get("plan")
    if isinstance(plan, Mapping) and isinstance(plan.get("primary"), list):
        audit["plan"] = {**plan, "primary": [upgraded_row(row) for row in plan["primary"]]}
    return audit


def upgraded_row(row: Any) -> Any:
    """Return a row of a table, a plan or ``watch.jsonl`` with the names of this version."""
    if not isinstance(row, Mapping):
        return row
    upgraded_values = _renamed(row, COLUMNS)
    if isinstance(kind := upgraded_values.get("kind"), str):
        upgraded_values["kind"] = KINDS.get(kind, kind)
    return upgraded_values


def say_upgraded(name: str, fix: str) -> None:
    """Warn that the file ``name`` has names of the earlier version; ``fix`` is a sentence."""
    warnings.warn(f"{name} has names of schema version {VERSION} and was read with those of today. {fix}", stacklevel=3)


def _result(result: Mapping[str, Any]) -> dict[str, Any]:
    options = OPTIONS.get(str(result.get("indicator")), {})
    fields = dict(result)
    for name in ("disparities", "curves"):
        if isinstance(fields.get(name), list):
            fields[name] = [upgraded_row(row) for row in fields[name]]
    for row in fields.get("disparities", ()):
        if isinstance(row, dict):
            for name in ("extent", "detectable_direction"):
                row.setdefault(name, "")  # which 1.0 did not say
    for row in fields.get("curves", ()):
        if isinstance(row, dict) and row.get("x_name") in options:
            row["x_name"] = options[row["x_name"]]
    if "params" in fields:
        fields["params"] = _renamed(fields["params"], options)
    return fields


def _renamed(values: Any, names: Mapping[str, str]) -> Any:
    return {names.get(key, key): value for key, value in values.items()} if isinstance(values, Mapping) else values
