"""One indicator's section of a report: sentences, figures and tables of an ``IndicatorResult``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

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
    """A recorded feature under the headline metric: its figure and the table that the figure draws.

    Parameters
    ----------
    feature, how_known, caption : str
        Name, how anybody knows the groups, and how to read the figure.
    figure : Markup
        An ``<svg>`` element.
    table : GroupTable
        All groups, also those that the figure leaves out.
    """

    feature: str
    how_known: str
    caption: str
    figure: Markup
    table: GroupTable


@dataclass(frozen=True)
class CurveBlock:
    """One curve figure (headline metric only) and its values: a row per position, a column per group."""

    metric: str
    feature: str
    x_name: str
    caption: str
    figure: Markup | None
    groups: tuple[str, ...]
    rows: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class ControlBlock:
    """The headline under control features: values and comparisons, standardised and within levels."""

    standardised: tuple[GroupTable, ...]
    standardised_rows: tuple[DisparityRow, ...]
    within: tuple[GroupTable, ...]
    within_rows: tuple[DisparityRow, ...]


@dataclass(frozen=True)
class ResultView:
    """Everything that the section of one result prints."""

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
        """What the headline metric is, in the words of its indicator."""
        return str(self.result.metrics.get(self.result.headline, ""))


def ordered(data: DataCard | None, feature: str) -> bool:
    """Return whether tables and figures must keep the order in which the groups of ``feature`` stand.

    So it is for an ordered feature, and for one that the indicator made itself (income in buckets): nothing is
    known of its order but the order of its rows.
    """
    known = [f for f in data.features if f["name"] == feature] if data else []
    return not known or bool(known[0]["ordered"])


def how_known(data: DataCard | None, feature: str) -> str:
    """Return how the groups of ``feature`` are known and by whom, or an empty string."""
    known = [f for f in data.features if f["name"] == feature] if data else []
    return f"{known[0]['known_by']}; {known[0]['source']}" if known else ""


def result_view(result: IndicatorResult, data: DataCard | None, anchor: str) -> ResultView:
    """Return the section of ``result``; ``anchor`` is its id on the page and the prefix of its figures."""
    exploratory, left_out = exploratory_rows(result.disparities)
    crossings, standardised, within, other, groups_left_out = further(result)
    standardised_rows, within_rows, controlled_left_out = controlled_rows(result.disparities)
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
        primary=tuple(primary_rows(result.disparities)),
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
    return FeatureBlock(feature, how_known(data, feature), caption, Markup(figure), group_tables(shown)[0])


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
    """Return a block per curve; only those of the headline metric, or of the first one, get a figure."""
    known = list(dict.fromkeys(zip(result.curves["metric"], result.curves["feature"], strict=True)))
    metrics = [m for m, _ in known]
    main = next(
        (m for m in metrics if m in (result.headline, result.headline.split("@")[0])), metrics[0] if metrics else ""
    )
    blocks = []
    for i, (metric, feature) in enumerate(known):
        rows = result.curves[(result.curves["metric"] == metric) & (result.curves["feature"] == feature)]
        x_name = str(rows["x_name"].iloc[0])
        wide = rows.pivot_table(index="x", columns="group", values="value", aggfunc="first", sort=False, dropna=False)
        figure = None
        caption = f"{metric} against {x_name}, by {feature}."
        if metric == main and CROSS not in feature and (feature != OVERALL or len(known) == 1):
            names = figures.curve_groups(result.curves, metric=metric, feature=feature)
            ax = figures.curves(result.curves, metric=metric, feature=feature)
            few = (
                ""
                if len(names) == wide.shape[1]
                else f" Drawn are the {len(names)} of {wide.shape[1]} groups furthest from the mean."
            )
            caption += f" Bands: 95 % intervals, position by position.{few}"
            figure = Markup(
                svg.inline(
                    figures.figure_of(ax),
                    prefix=f"{anchor}-c{i}",
                    title=f"{metric} against {x_name}, by {feature}",
                    description=f"{notation.plural(len(names), 'line')}. The table that follows holds the values.",
                )
            )
        cells = tuple(
            (f"{float(str(x)):g}", tuple(notation.number(v) for v in values))
            for x, values in zip(wide.index, wide.to_numpy(float), strict=True)
        )
        blocks.append(
            CurveBlock(metric, feature, x_name, caption, figure, tuple(str(g) or "all" for g in wide.columns), cells)
        )
    return blocks
