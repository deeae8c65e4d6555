"""``WatchRecord``: measurements of a watcher at one moment of a training run, to and from a line of ``watch.jsonl``.

A line of a disparity watcher has the keys

::

    images, watcher   images seen, and the watcher's name
    settings          SHA-256 over its options and the contents of its data: only equal ones are comparable
    data              name, images, clusters, cluster, synthetic: the data sets
    indicators        indicator, version, title, question, dataset, metric, meaning: the measures
    disparities       one flat object per planned comparison, with the keys ``DISPARITY_KEYS``
    groups            one flat object per group of the headline metric, with the keys ``GROUP_KEYS``
    failures          indicator, dataset, reason, what_to_do: failed measurements

Intervals have 95 % coverage each, not adjusted over comparisons or moments, and there is no verdict: a curve that is
watched until it crosses zero would give one.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from fairaudit.core.audit import DataCard
from fairaudit.core.earlier_version import upgraded_row
from fairaudit.core.errors import DataError
from fairaudit.core.result import NUMERIC, Failure, IndicatorResult, table
from fairaudit.stats.disparity import OVERALL

#: Key of a comparison.
COMPARISON_KEYS = ("indicator", "dataset", "metric", "feature", "kind", "measure", "group", "reference")
DISPARITY_KEYS = (
    *COMPARISON_KEYS, "value", "ci_low", "ci_high", "p_value", "n", "n_clusters", "status", "note",
)  # fmt: skip
GROUP_KEYS = (
    "indicator", "dataset", "metric", "feature", "group", "value", "ci_low", "ci_high", "n", "n_clusters", "status",
    "note",
)  # fmt: skip
_COUNTS = ("n", "n_clusters")


@dataclass(frozen=True)
class WatchRecord:
    """One line of ``watch.jsonl``.

    Parameters
    ----------
    images : int
        Images that the network had seen; 0 is the random start.
    watcher : str
        Name of the watcher.
    values : mapping
        Its measurements, as JSON values.
    """

    images: int
    watcher: str
    values: Mapping[str, Any]


def watch_values(
    results: Sequence[IndicatorResult], failures: Sequence[Failure], data: Sequence[DataCard], *, settings: str
) -> dict[str, Any]:
    """Return the line of a disparity watcher as JSON values, without NaN and infinity.

    It holds the comparisons of each result's primary family (the headline by each recorded feature), and the values of
    their groups. ``p_value`` is not adjusted.
    """
    return {
        "settings": settings,
        "data": [
            {"name": c.name, "images": c.n, "clusters": c.n_clusters, "cluster": c.cluster, "synthetic": c.synthetic}
            for c in data
        ],
        "indicators": [
            {"indicator": r.indicator, "version": r.version, "title": r.title, "question": r.question,
             "dataset": r.dataset, "metric": r.headline, "meaning": str(r.metrics.get(r.headline, ""))}
            for r in results
        ],
        "disparities": [row for r in results for row in _rows(r, _planned(r), DISPARITY_KEYS)],
        "groups": [row for r in results for row in _rows(r, _groups(r), GROUP_KEYS)],
        "failures": [
            {"indicator": f.indicator, "dataset": f.dataset, "reason": f.reason, "what_to_do": f.what_to_do}
            for f in failures
        ],
    }  # fmt: skip


def watched_disparities(watch_records: Sequence[WatchRecord]) -> pd.DataFrame:
    """Return the disparities of all records: ``images``, ``watcher`` and ``DISPARITY_KEYS``; DataError if malformed."""
    return _stacked(watch_records, "disparities", DISPARITY_KEYS)


def watched_groups(watch_records: Sequence[WatchRecord]) -> pd.DataFrame:
    """Return the group values of all records: ``images``, ``watcher`` and ``GROUP_KEYS``; DataError if malformed."""
    return _stacked(watch_records, "groups", GROUP_KEYS)


def _planned(result: IndicatorResult) -> pd.DataFrame:
    rows = result.disparities
    return rows[rows["family"] == "primary"] if len(rows) else rows


def _groups(result: IndicatorResult) -> pd.DataFrame:
    """Return the headline's values for the groups of compared features, and for all images."""
    rows = result.groups
    features = {OVERALL, *_planned(result)["feature"]} if len(result.disparities) else {OVERALL}
    keep = (rows["metric"] == result.headline) & (rows["control"] == "") & rows["feature"].isin(features)
    return rows[keep]


def _rows(result: IndicatorResult, rows: pd.DataFrame, keys: Sequence[str]) -> list[dict[str, Any]]:
    rows = rows.assign(indicator=result.indicator, dataset=result.dataset)
    return [{key: _value(key, row[key]) for key in keys} for row in rows.to_dict("records")]


def _value(key: str, value: Any) -> Any:
    if key not in NUMERIC:
        return str(value)
    number = float(value)
    if not math.isfinite(number):
        return None
    return round(number) if key in _COUNTS else number


def _stacked(watch_records: Sequence[WatchRecord], name: str, keys: Sequence[str]) -> pd.DataFrame:
    rows: list[dict[str, Any]] = []
    sources: list[WatchRecord] = []
    for record in watch_records:
        try:
            upgraded = [upgraded_row(row) for row in record.values.get(name, ())]
            record_rows = [{key: row[key] for key in keys if key in row} for row in upgraded]
            table(record_rows, keys)
        except (TypeError, ValueError) as error:
            raise DataError(
                f"{name} in watch.jsonl, in the line of {record.images} images and watcher '{record.watcher}', must be "
                f"objects with numbers and texts; got {str(error)[:120]}. Restore the file from a copy of the run, or "
                "delete the line."
            ) from error
        rows += record_rows
        sources += [record] * len(record_rows)
    stacked = table(rows, keys)
    stacked.insert(0, "watcher", pd.Series([record.watcher for record in sources], dtype="object"))
    stacked.insert(0, "images", pd.Series([record.images for record in sources], dtype="int64"))
    return stacked
