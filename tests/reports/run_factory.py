"""Training runs as their files would tell them, realistic or full of hostile text."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from fairaudit.runs.run_record import RunRecord
from fairaudit.runs.watch_records import DISPARITY_KEYS, GROUP_KEYS, WatchRecord

GROUPS = ("feminine", "masculine")


def record(images: int, shift: float, *, hostile: str = "", n_groups: int = 2) -> WatchRecord:
    """A look at which each group is ``shift`` from the rest, the second one on the other side."""
    names = [hostile + g for g in (*GROUPS, *(f"group {i}" for i in range(n_groups - 2)))]
    whose = {"indicator": hostile or "representation_disparity", "dataset": hostile or "faces"}
    base = {**whose, "metric": hostile or "precision@10", "feature": hostile or "gender", "n": 900, "n_clusters": 400}
    rows = [
        {**base, "kind": "one_vs_rest", "measure": "difference", "group": g, "reference": "all others",
         "value": shift * (-1) ** i, "ci_low": shift * (-1) ** i - 0.05, "ci_high": shift * (-1) ** i + 0.05,
         "p_value": 0.2, "status": "ok", "note": hostile}
        for i, g in enumerate(names)
    ]  # fmt: skip
    slope = {
        **base, "feature": "age", "kind": "slope", "measure": "per_step", "group": "", "reference": "", "value": None,
        "ci_low": None, "ci_high": None, "p_value": None, "status": "too_few", "note": "6 clusters; 20 are needed",
    }  # fmt: skip
    groups = [
        {**base, "group": g, "value": 0.5 + shift, "ci_low": 0.4, "ci_high": 0.6, "status": "ok", "note": ""}
        for g in names
    ]
    values: dict[str, Any] = {
        "settings": "a" * 64,
        "data": [{"name": whose["dataset"], "images": 900, "clusters": 400, "cluster": "person", "synthetic": True}],
        "indicators": [{**whose, "version": "2", "title": hostile or "Retrieval", "question": hostile or "Who?",
                        "metric": base["metric"], "meaning": hostile or "Higher is better."}],
        "disparities": [{key: row[key] for key in DISPARITY_KEYS} for row in (*rows, slope)],
        "groups": [{key: row[key] for key in GROUP_KEYS} for row in groups],
        "failures": [{**whose, "reason": f"The disk {hostile} was gone.", "what_to_do": "Wait."}] if images else [],
    }  # fmt: skip
    return WatchRecord(images, hostile or "disparity", values)


def knn(images: int, accuracy: float) -> WatchRecord:
    values = {"accuracy": accuracy, "ci_low": accuracy - 0.04, "ci_high": accuracy + 0.04, "commonest": 0.25, "n": 600}
    return WatchRecord(images, "knn", values)


def make_run(
    *, hostile: str = "", steps: int = 40, watch_records: tuple[WatchRecord, ...] | None = None, finished: bool = True,
    training: Mapping[str, Any] | None = None,
) -> RunRecord:  # fmt: skip
    """A run of SwAV with batches of 32, of which ``steps`` are done."""
    if watch_records is None:
        watch_records = tuple(
            one
            for images, shift in ((0, 0.02), (640, 0.11), (1280, 0.18))
            for one in (knn(images, 0.3 + shift), record(images, shift, hostile=hostile),
                        WatchRecord(images, f"mine{hostile}", {f"size{hostile}": 3.5, "words": hostile}))
        )  # fmt: skip
    at = np.arange(1, steps + 1, dtype=float)
    columns = {"loss": 5 - at / 20, "prototype_use": at / (steps + 1), "spread": 1 - at / (2 * steps or 1)}
    summary = {"loss": 3.2, "loss_of_chance": 4.158883, "images_per_second": 812.4, "stuck": False}
    return RunRecord(
        name=hostile or "swav",
        method=hostile or "swav",
        images=480,
        recipe={"name": hostile or "quick", "swav": {"prototypes": 64}, "schedule": {"samples": 1280, "batch": 32}},
        machine={"threads": 1, f"torch{hostile}": hostile or "2.13"},
        steps=pd.DataFrame({"images": at * 32, "step": at, **columns}),
        watch_records=watch_records,
        finished=summary if finished else {},
        training=training or {},
    )
