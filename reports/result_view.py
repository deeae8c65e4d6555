"""The section of one ``IndicatorResult`` in a report: sentences, figures and tables."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from fairaudit.core.audit import DataCard
from fairaudit.core.result import IndicatorResult
from fairaudit.reports import figures, notation, svg
from fairaudit.reports.disparity_view import (
    DisparityRow,
    controlled_rows,
    counts,
    detectable,
    exploratory_rows,
    primary_rows,
)
from fairaudit.reports.group_view import (
    CROSS,
    OVERALL,
    GroupRow,
    GroupTable,
    further,
    group_tables,
    headline_features,
    overall,
)


@dataclass(frozen=True)
class FeatureBlock:
    """A feature under the headline metric: its figure, and the table of all groups, also those not drawn."""

    feature: str
    how_known: str
    caption: str
    figure: Markup
    table: GroupTable


@dataclass(frozen=True)
class CurveBlock:
    """One curve: its figure (headline metric only) and its values, a row per position and a column per group."""

    metric: str
    feature: str
    x_name: str
    caption: str
    figure: Markup | None
    groups: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class ControlBlock:
    """The headline metric under controls: values and comparisons, standardised and within levels."""

    standardised: tuple[GroupTable, ...]
    standardised_rows: tuple[DisparityRow, ...]
    within: tuple[GroupTable, ...]
    within_rows: tuple[DisparityRow, ...]


@dataclass(frozen=True)
class ResultView:
    """The values that the section of one result prints."""

    result: IndicatorResult
    anchor: str
    data: DataCard | None
    overall: GroupRow | None
    counts: Mapping[str, int]
    detectable: str
    features: tuple[FeatureBlock, ...]
    curves: tuple[CurveBlock, ...]
    primary: tuple[DisparityRow, ...]
    exploratory: tuple[DisparityRow, ...]
    exploratory_left_out: int
    crossings: tuple[GroupTable, ...]
    controls: ControlBlock
    other: tuple[GroupTable, ...]
    groups_left_out: int

    @property
    def headline_words(self) -> str:
        """Return the indicator's description of the headline metric."""
        return str(self.result.metrics.get(self.result.headline, ""))


def ordered(data: DataCard | None, feature: str) -> bool:
    """Return whether tables and figures must keep the table order of the groups of ``feature``.

    True for an ordered feature, and for one that the indicator made itself (income in buckets), whose only known
    order is that of its rows.
    """
    recorded = _recorded(data, feature)
    return recorded is None or bool(recorded["ordered"])


def how_known(data: DataCard | None, feature: str) -> str:
    """Return how the groups of ``feature`` are known and by whom, or an empty string."""
    recorded = _recorded(data, feature)
    return f"{recorded['known_by']}; {recorded['source']}" if recorded else ""


def _recorded(data: DataCard | None, feature: str) -> Mapping[str, Any] | None:
    return next((f for f in data.features if f["name"] == feature), None) if data else None


def result_view(result: IndicatorResult, data: DataCard | None, anchor: str) -> ResultView:
    """Return the section of ``result``; ``anchor`` becomes its id and the prefix of its figures' ids."""
    exploratory, left_out = exploratory_rows(result)
    crossings, standardised, within, other, groups_left_out = further(result)
    standardised_rows, within_rows, controlled_left_out = controlled_rows(result)
    return ResultView(
        result=result,
        anchor=anchor,
        data=data,
        overall=overall(result),
        counts=counts(result.disparities),
        detectable=detectable(result.disparities),
        features=tuple(
            _feature_block(result, data, feature, f"{anchor}-f{i}")
            for i, feature in enumerate(headline_features(result))
        ),
        curves=tuple(_curve_blocks(result, anchor)),
        primary=tuple(primary_rows(result)),
        exploratory=tuple(exploratory),
        exploratory_left_out=left_out,
        crossings=tuple(crossings),
        controls=ControlBlock(tuple(standardised), tuple(standardised_rows), tuple(within), tuple(within_rows)),
        other=tuple(other),
        groups_left_out=groups_left_out + controlled_left_out,
    )


def _feature_block(result: IndicatorResult, data: DataCard | None, feature: str, prefix: str) -> FeatureBlock:
    rows = figures.headline_rows(result.groups, metric=result.headline, feature=feature)
    in_order = ordered(data, feature)
    ax = figures.group_dots(result.groups, metric=result.headline, feature=feature, ordered=in_order)
    drawn = figures.drawn(rows, figures.overall_value(result.groups, result.headline), ordered=in_order)
    shown = rows if in_order else rows.sort_values("value", kind="stable", na_position="last")
    caption = "Dot: value of the group. Line: 95 % interval. Dashed: all images together."
    if (drawn["status"] != "ok").any():
        caption += " Grey: too few images for a verdict."
    if len(drawn) < len(rows):
        caption += f" Drawn are the {len(drawn)} of {len(rows)} groups furthest from all images; the table lists all."
    figure = svg.inline(
        figures.figure_of(ax), prefix=prefix, title=f"{result.headline} by {feature}", description=_described(rows)
    )
    return FeatureBlock(feature, how_known(data, feature), caption, figure, group_tables(shown)[0])


def _described(rows: pd.DataFrame) -> str:
    known = rows[rows["value"].notna()]
    if not len(known):
        return "No group could be estimated."
    by_value = known.sort_values("value", kind="stable")
    low, high = by_value.iloc[0], by_value.iloc[-1]
    return (
        f"{notation.plural(len(rows), 'group')}, from {notation.number(low['value'])} ({low['group']}) to "
        f"{notation.number(high['value'])} ({high['group']}). The table that follows holds every number."
    )


def _curve_blocks(result: IndicatorResult, anchor: str) -> list[CurveBlock]:
    """Return one block per curve; only curves of the headline metric, or else of the first, get a figure."""
    keys = list(dict.fromkeys(zip(result.curves["metric"], result.curves["feature"], strict=True)))
    metrics = [m for m, _ in keys]
    headline = [m for m in metrics if m in (result.headline, result.headline.split("@")[0])]
    blocks = []
    for i, (metric, feature) in enumerate(keys):
        rows = result.curves[(result.curves["metric"] == metric) & (result.curves["feature"] == feature)]
        x_name = str(rows["x_name"].iloc[0])
        wide = rows.pivot_table(index="x", columns="group", values="value", aggfunc="first", sort=False, dropna=False)
        figure = None
        title = f"{metric} against {x_name}, by {feature}"
        caption = f"{title}."
        if metric == (headline or metrics)[0] and CROSS not in feature and (feature != OVERALL or len(keys) == 1):
            names = figures.curve_groups(result.curves, metric=metric, feature=feature)
            ax = figures.curves(result.curves, metric=metric, feature=feature)
            caption += " Bands: 95 % intervals, position by position."
            if len(names) < wide.shape[1]:
                caption += f" Drawn are the {len(names)} of {wide.shape[1]} groups furthest from the mean."
            description = f"{notation.plural(len(names), 'line')}. The table that follows holds the values."
            figure = svg.inline(figures.figure_of(ax), prefix=f"{anchor}-c{i}", title=title, description=description)
        cells = tuple(
            (f"{float(str(x)):g}", tuple(notation.number(v) for v in values))
            for x, values in zip(wide.index, wide.to_numpy(float), strict=True)
        )
        blocks.append(
            CurveBlock(metric, feature, x_name, caption, figure, tuple(str(g) or "all" for g in wide.columns), cells)
        )
    return blocks
