"""Looks at disparities: flat JSON without NaN, and back again."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest

from fairaudit.core.audit import DataCard
from fairaudit.core.errors import DataError
from fairaudit.core.result import (
    CURVE_COLUMNS,
    DISPARITY_COLUMNS,
    GROUP_COLUMNS,
    STATISTIC_COLUMNS,
    Failure,
    IndicatorResult,
    table,
)
from fairaudit.runs.watch_records import (
    DISPARITY_KEYS,
    GROUP_KEYS,
    WatchRecord,
    watch_values,
    watched_disparities,
    watched_groups,
)


def values() -> dict[str, Any]:
    groups = [
        {"metric": "hit", "feature": "overall", "group": "overall", "value": 0.5, "n": 30, "n_clusters": 10},
        {"metric": "hit", "feature": "skin", "group": "dark", "value": 0.25, "n": 20, "n_clusters": 8},
        {"metric": "hit", "feature": "skin", "group": "light", "n": 10, "status": "not_estimable", "note": "none"},
        {"metric": "hit", "feature": "skin", "group": "dark", "control": "age=old", "value": 0.1},
        {"metric": "hit", "feature": "age", "group": "old", "value": 0.1},
        {"metric": "other", "feature": "skin", "group": "dark", "value": 0.1},
    ]
    disparities = [
        {"metric": "hit", "feature": "skin", "kind": "one_vs_rest", "measure": "difference", "group": "dark",
         "value": -0.25, "ci_low": -math.inf, "ci_high": 0.1, "p_value": 0.03, "n": 30, "n_clusters": 10,
         "family": "primary", "status": "ok"},
        {"metric": "hit", "feature": "age", "kind": "gap", "measure": "difference", "value": 0.9,
         "family": "exploratory"},
    ]  # fmt: skip
    result = IndicatorResult(
        "hits", "3", "Hits", "How often?", "people", "hit",
        table(groups, GROUP_COLUMNS), table(disparities, DISPARITY_COLUMNS), table([], CURVE_COLUMNS),
        table([], STATISTIC_COLUMNS), metrics={"hit": "Share of hits."},
    )  # fmt: skip
    card = DataCard("people", "utkface", "people", "person", "none", "", 30, 10, "d" * 64, True, False, ())
    return watch_values([result], [Failure("hate", "compute", "It ended.", "Do.", "memes")], [card], settings="s")


def test_only_what_is_planned_is_written_flat_and_without_nan() -> None:
    written = json.loads(json.dumps(values(), allow_nan=False))
    assert written["settings"] == "s"
    assert written["data"] == [{"name": "people", "images": 30, "clusters": 10, "cluster": "person", "synthetic": True}]
    (row,) = written["disparities"]
    assert tuple(row) == DISPARITY_KEYS
    assert (row["value"], row["ci_low"], row["ci_high"], row["p_value"]) == (-0.25, None, 0.1, 0.03)
    assert type(row["n"]) is int
    assert [(r["feature"], r["group"], r["value"], r["n"]) for r in written["groups"]] == [
        ("overall", "overall", 0.5, 30), ("skin", "dark", 0.25, 20), ("skin", "light", None, 10),
    ]  # fmt: skip
    assert all(tuple(r) == GROUP_KEYS for r in written["groups"])
    assert written["indicators"] == [
        {"indicator": "hits", "version": "3", "title": "Hits", "question": "How often?", "dataset": "people",
         "metric": "hit", "meaning": "Share of hits."}
    ]  # fmt: skip
    assert written["failures"] == [
        {"indicator": "hate", "dataset": "memes", "reason": "It ended.", "what_to_do": "Do."}
    ]


def test_there_is_no_verdict_and_nothing_adjusted() -> None:
    assert not {"verdict", "p_adjusted", "ci_low_adjusted", "ci_high_adjusted"} & set(DISPARITY_KEYS)


def test_looks_come_back_as_tables() -> None:
    watch_records = [
        WatchRecord(0, "w", values()),
        WatchRecord(8, "knn", {"accuracy": 0.5}),
        WatchRecord(16, "w", {**values(), "new": [1]}),
    ]
    found = watched_disparities(watch_records)
    assert list(found.columns) == ["images", "watcher", *DISPARITY_KEYS]
    assert found["images"].tolist() == [0, 16]
    assert found["value"].tolist() == [-0.25, -0.25]
    assert math.isnan(found["ci_low"].iloc[0])
    assert watched_groups(watch_records)["images"].tolist() == [0, 0, 0, 16, 16, 16]
    assert watched_disparities([]).empty


@pytest.mark.parametrize("wrong", [5, [5], [{"value": "high"}], [{"value": {}}]])
def test_what_a_run_did_not_write_is_refused(wrong: object) -> None:
    with pytest.raises(
        DataError,
        match=r"^disparities in watch\.jsonl, in the line of 0 images and watcher 'w', must be objects with numbers ",
    ):
        watched_disparities([WatchRecord(0, "w", {"disparities": wrong})])
