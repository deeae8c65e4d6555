"""Disparities watched during a training run: one section per indicator and data set, one figure per feature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from fairaudit.core.text import printable
from fairaudit.reports import notation, run_figures, svg, wording
from fairaudit.reports.run_view import moment
from fairaudit.runs.run_record import RunRecord
from fairaudit.runs.watch_records import COMPARISON_KEYS, WatchRecord, watched_disparities, watched_groups


@dataclass(frozen=True)
class Cell:
    """One value of one watch record, as text."""

    value: str
    interval: str
    n: str
    clusters: str
    note: str


@dataclass(frozen=True)
class Curve:
    """One comparison, or one group, over the run: images seen and the value measured then."""

    name: str
    cells: tuple[tuple[str, Cell], ...]


@dataclass(frozen=True)
class WatchedFeature:
    """The comparisons of one feature: a figure and its numbers."""

    feature: str
    caption: str
    figure: Markup
    comparisons: tuple[Curve, ...]
    groups: tuple[Curve, ...]


@dataclass(frozen=True)
class WatchedIndicator:
    """The section of one indicator on one data set, by one watcher.

    Parameters
    ----------
    anchor, watcher, dataset : str
        Id on the page, and names.
    facts : mapping
        The indicator in the last record: title, question, metric, meaning, version.
    data : mapping
        The data set in the last record: images, clusters, cluster, synthetic.
    features : tuple of WatchedFeature
    notices : tuple of str
        Warnings about the curves.
    """

    anchor: str
    watcher: str
    dataset: str
    facts: Mapping[str, Any]
    data: Mapping[str, Any]
    features: tuple[WatchedFeature, ...]
    notices: tuple[str, ...]


def watched(run: RunRecord) -> list[WatchedIndicator]:
    """Return a section for each watcher, indicator and data set with watch records.

    Raises
    ------
    DataError
        If a line of ``watch.jsonl`` holds anything that a disparity watcher does not write.
    """
    watch_records = [record for record in run.watch_records if "disparities" in record.values]
    rows, groups = (_printable(table) for table in (watched_disparities(watch_records), watched_groups(watch_records)))
    sections = []
    for i, (key, part) in enumerate(rows.groupby(["watcher", "indicator", "dataset"], sort=False)):
        watcher, indicator, dataset = (str(name) for name in key)
        records = [record for record in watch_records if printable(record.watcher) == watcher]
        own = groups[
            (groups["watcher"] == watcher) & (groups["indicator"] == indicator) & (groups["dataset"] == dataset)
        ]
        anchor = f"w{i}-{notation.slug(indicator, dataset)}"
        sections.append(
            WatchedIndicator(
                anchor=anchor,
                watcher=watcher,
                dataset=dataset,
                facts=_last_object(records, "indicators", indicator=indicator, dataset=dataset),
                data=_last_object(records, "data", name=dataset),
                features=tuple(
                    _feature(str(feature), rows_of, own[own["feature"] == feature], f"{anchor}-{j}")
                    for j, (feature, rows_of) in enumerate(part.groupby("feature", sort=False))
                ),
                notices=tuple(_notices(records)),
            )
        )
    return sections


def failures(run: RunRecord) -> list[tuple[str, str]]:
    """Return images seen and reason for each measurement that failed."""
    reasons = []
    for record in run.watch_records:
        for failed in _objects(record, "failures"):
            who = " on ".join(str(failed[key]) for key in ("indicator", "dataset") if failed.get(key))
            why = f"{failed.get('reason', '')} {failed.get('what_to_do', '')}".strip()
            reasons.append((moment(record.images), f"{who}: {why}" if who else why))
    return reasons


def counted(run: RunRecord) -> tuple[int, int]:
    """Return the number of watched comparisons and the largest number of records of one."""
    rows = _printable(watched_disparities(run.watch_records))
    by_comparison = rows.groupby(["watcher", *COMPARISON_KEYS], sort=False)["images"].nunique()
    return len(by_comparison), int(by_comparison.max()) if len(by_comparison) else 0


def synthetic(run: RunRecord) -> list[str]:
    """Return the names of synthetic watched data sets."""
    names = (
        str(d.get("name"))
        for record in run.watch_records
        for d in _objects(record, "data")
        if d.get("synthetic") is True
    )
    return list(dict.fromkeys(names))


def _feature(feature: str, rows: pd.DataFrame, groups: pd.DataFrame, prefix: str) -> WatchedFeature:
    keys = [key for key in COMPARISON_KEYS if key not in ("indicator", "dataset", "feature")]
    parts = [part.sort_values("images", kind="stable") for _, part in rows.groupby(keys, sort=False)]
    named = [(_name(part), part) for part in parts]
    drawn = named
    if len(named) > run_figures.MAX_PANELS:
        far = sorted(range(len(named)), key=lambda i: -abs(float(named[i][1]["value"].fillna(0).iloc[-1])))
        drawn = [named[i] for i in sorted(far[: run_figures.MAX_PANELS])]
    caption = (
        "Dashed: no difference; above it the group named first has the higher value, or a trend rises. Band: 95 % "
        "interval of each look for itself. Hollow dot: the network before training."
    )
    if any((part["status"] != "ok").any() for _, part in drawn):
        caption += " Grey dots: too few images or clusters to judge."
    if len(drawn) < len(named):
        caption += (
            f" Drawn are the {len(drawn)} of {len(named)} comparisons furthest from no difference at the last look."
        )
    title = f"Disparities by {feature} against images seen"
    figure = svg.inline(run_figures.disparities(drawn), prefix=prefix, title=title, description=_described(drawn))
    curves = tuple(Curve(name, _cells(part)) for name, part in named)
    values = tuple(
        Curve(str(group), _cells(part.sort_values("images", kind="stable")))
        for group, part in groups.groupby("group", sort=False)
    )
    return WatchedFeature(feature, caption, Markup(figure), curves, values)


def _name(part: pd.DataFrame) -> str:
    return wording.comparison(part.iloc[0].to_dict())


def _cells(part: pd.DataFrame) -> tuple[tuple[str, Cell], ...]:
    return tuple(
        (
            moment(int(r["images"])),
            Cell(
                notation.number(r["value"]),
                notation.interval(r["ci_low"], r["ci_high"]),
                notation.count(r["n"]),
                notation.count(r["n_clusters"]),
                r["note"],
            ),
        )
        for r in part.to_dict("records")
    )


def _described(curves: Sequence[tuple[str, pd.DataFrame]]) -> str:
    ends = (
        f"{name}: from {notation.number(rows['value'].iloc[0])} to {notation.number(rows['value'].iloc[-1])}"
        for name, rows in curves
    )
    return f"{'; '.join(ends)}. The table that follows holds every number."


def _notices(watch_records: Sequence[WatchRecord]) -> list[str]:
    settings = [str(record.values.get("settings")) for record in watch_records if _objects(record, "disparities")]
    if len(set(settings)) > 1:
        return [
            "Options or data of the watcher changed while the run was stopped: not all looks measure the same, and the "
            "curves join what must not be compared."
        ]
    return []


def _last_object(watch_records: Sequence[WatchRecord], kind: str, **wanted: str) -> Mapping[str, Any]:
    """Return the last object under ``kind`` with the wanted values; empty if there is none."""
    for record in reversed(watch_records):
        for entry in _objects(record, kind):
            if all(printable(str(entry.get(key))) == value for key, value in wanted.items()):
                return entry
    return {}


def _objects(record: WatchRecord, kind: str) -> list[Mapping[str, Any]]:
    value = record.values.get(kind)
    return [entry for entry in value if isinstance(entry, Mapping)] if isinstance(value, list) else []


def _printable(table: pd.DataFrame) -> pd.DataFrame:
    """Return ``table`` with printable text, because pandas cannot group by a lone surrogate."""
    texts = [name for name in table.columns if table[name].dtype == object]
    clean = {n: pd.Series([printable(v) for v in table[n]], index=table.index, dtype="object") for n in texts}
    return table.assign(**clean)
