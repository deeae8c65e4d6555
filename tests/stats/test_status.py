"""Which numbers are judged, and what is said of those that are not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from fairaudit.stats.estimates import Estimate, Kind
from fairaudit.stats.status import NO_VARIATION, NOT_MEASURED, group_row, not_estimable, status_of


def estimate(kind: Kind = "binary", **fields: Any) -> Estimate:
    usual = {
        "value": 0.5, "std_error": 0.1, "df": np.inf, "n": 40, "n_clusters": 40, "units": 40.0, "events": 20.0,
        "non_events": 20.0, "n_effective": 40.0, "third": 40.0**-2 if kind in ("binary", "share") else np.nan,
    }  # fmt: skip
    return Estimate(**{**usual, "kind": kind, **fields})


@pytest.mark.parametrize(
    ("found", "status", "note"),
    [
        (estimate(), "ok", ""),
        (estimate(units=20.0, n_clusters=20), "ok", ""),
        (estimate(units=19.0), "too_few", "19 independent units; at least 20 are needed"),
        (estimate(units=19.25), "too_few", "effectively 19.2 independent units; at least 20 are needed"),
        (estimate(events=0.0), "ok", ""),  # the score of shares needs no events
        (estimate(value=0.0, std_error=0.0, events=0.0), "ok", ""),
        (estimate("share", df=3.0), "ok", ""),
        (estimate("share", df=2.94), "too_few",
         "clusters of unequal size or influence leave 2.9 degrees of freedom; at least 3 are needed"),
        (estimate("auroc", events=4.0), "too_few", "4.0 expected events or non-events; at least 5 are needed"),
        (estimate("auroc", non_events=4.5), "too_few", "4.5 expected events or non-events; at least 5 are needed"),
        (estimate("auroc", events=5.0, std_error=0.0), "too_few", NO_VARIATION),
        (estimate("unbounded", events=np.inf, non_events=np.inf, std_error=0.0), "too_few", NO_VARIATION),
        (estimate("unbounded", events=np.inf, non_events=np.inf), "ok", ""),
        (estimate("auroc", value=np.nan), "not_estimable",
         "the images measured here do not vary enough for this number"),
        (estimate(n=0), "not_estimable", NOT_MEASURED),
    ],
)  # fmt: skip
def test_status(found: Estimate, status: str, note: str) -> None:
    assert status_of(found) == (status, note)
    row = group_row("hit", "place", "x", found)
    assert (row["status"], row["note"], row["n"], row["group"]) == (status, note, found.n, "x")
    if status != "not_estimable":
        assert row["ci_low"] <= row["value"] <= row["ci_high"]


def test_a_group_that_cannot_be_estimated_has_its_reason() -> None:
    assert not_estimable("hit", "place", "x", "why") == {
        "metric": "hit", "feature": "place", "group": "x", "status": "not_estimable", "note": "why", "n": 0,
        "n_clusters": 0,
    }  # fmt: skip
