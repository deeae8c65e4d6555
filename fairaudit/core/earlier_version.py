"""Names of schema version 1.0 as this version reads them: audits, plans, options of indicators, and watch records."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

VERSION = "1.0"
COLUMNS = {"adjusted_low": "ci_low_adjusted", "adjusted_high": "ci_high_adjusted"}
KINDS = {"rest": "one_vs_rest"}
#: Options of indicators by their earlier names; they also stand in ``params`` and as ``x_name`` of curves.
OPTIONS: dict[str, dict[str, str]] = {
    "label_association": {"tau": "threshold", "taus": "thresholds", "top_k": "k", "top_ks": "ks"},
    "geographic_disparity": {"top_k": "k", "neighbours": "k_neighbours", "dedup": "count_photo_once"},
    "recognition_accuracy": {"top_k": "k"},
}


def upgraded(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return an ``audit.json`` of version 1.0 with the names of this version.

    Values are not changed. A document that does not have the form of 1.0 keeps that form: validation then names the
    place.
    """
    found = dict(document)
    if isinstance(found.get("model"), Mapping):
        found["model"] = _renamed(found["model"], {"labels": "n_labels"})
    results = found.get("results")
    if isinstance(results, list):
        found["results"] = [_result(row) if isinstance(row, Mapping) else row for row in results]
    config = found.get("config")
    if isinstance(config, Mapping) and isinstance(config.get("indicators"), Mapping):
        options = {name: _renamed(values, OPTIONS.get(name, {})) for name, values in config["indicators"].items()}
        found["config"] = {**config, "indicators": options}
    plan = found.get("plan")
    if isinstance(plan, Mapping) and isinstance(plan.get("primary"), list):
        found["plan"] = {**plan, "primary": [upgraded_row(row) for row in plan["primary"]]}
    return found


def upgraded_row(row: Any) -> Any:
    """Return a row of a table, a plan or ``watch.jsonl`` with the names of this version."""
    if not isinstance(row, Mapping):
        return row
    found = _renamed(row, COLUMNS)
    if isinstance(found.get("kind"), str):
        found["kind"] = KINDS.get(found["kind"], found["kind"])
    return found


def say_upgraded(what: str, how: str) -> None:
    """Warn that ``what`` has names of the earlier version, and ``how`` the user gets those of this one."""
    warnings.warn(f"{what} has names of schema version {VERSION} and was read with those of today. {how}", stacklevel=3)


def _result(result: Mapping[str, Any]) -> dict[str, Any]:
    options = OPTIONS.get(str(result.get("indicator")), {})
    found = dict(result)
    for name in ("disparities", "curves"):
        if isinstance(found.get(name), list):
            found[name] = [upgraded_row(row) for row in found[name]]
    for row in found.get("curves", ()):
        if isinstance(row, dict) and row.get("x_name") in options:
            row["x_name"] = options[row["x_name"]]
    if isinstance(found.get("params"), Mapping):
        found["params"] = _renamed(found["params"], options)
    return found


def _renamed(values: Any, names: Mapping[str, str]) -> Any:
    return {names.get(key, key): value for key, value in values.items()} if isinstance(values, Mapping) else values
