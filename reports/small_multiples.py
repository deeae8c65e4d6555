"""Figure of several checkpoints: one panel each, with shared rows and a shared axis."""

from __future__ import annotations

from collections.abc import Mapping

import matplotlib as mpl
import pandas as pd
from matplotlib.figure import Figure

from fairaudit.reports import figures


def checkpoints(groups: Mapping[str, pd.DataFrame], *, metric: str, feature: str, ordered: bool = False) -> Figure:
    """Draw one panel per checkpoint, groups on the same rows and values on the same axis.

    How to read it: along a row, compare one group between checkpoints; within a panel, compare the groups with that
    checkpoint's overall value (dashed). The table of changes tests whether a disparity *changed* between checkpoints.

    Parameters
    ----------
    groups : mapping of str to DataFrame
        ``IndicatorResult.groups`` by name of the checkpoint, in the order of the panels.
    metric, feature : str
        Which rows to draw.
    ordered : bool
        Whether to keep the order of the rows.
    """
    tables = {name: figures.headline_rows(table, metric=metric, feature=feature) for name, table in groups.items()}
    order = shared_order(tables, ordered=ordered)[: figures.MAX_GROUPS]
    names = [figures.label(g) for g in order]
    n_columns = min(len(tables), 3)
    n_rows = -(-len(tables) // n_columns)
    left = 0.25 + figures.INCH_PER_CHARACTER * max((len(n) for n in names), default=4)
    width, panel = 9.6, figures.ROW_INCHES * max(len(order), 1) + 0.85
    height = panel * n_rows
    each = (width - left - 0.15) / n_columns
    low, high = figures.limits(*tables.values())
    with figures.style():
        figure = figures.new_figure(width, height)
        for i, (name, table) in enumerate(tables.items()):
            row, column = divmod(i, n_columns)
            bottom = height - (row + 1) * panel + 0.5
            box = ((left + column * each) / width, bottom / height, (each - 0.25) / width, (panel - 0.85) / height)
            ax = figure.add_axes(box)
            rows = table.drop_duplicates("group").set_index("group").reindex(order).reset_index()
            rows["status"] = rows["status"].fillna("not_estimable")
            shown = names if column == 0 else [""] * len(names)
            figures.draw_dots(ax, rows, shown, figures.overall_value(groups[name], metric))
            ax.set_xlim(low, high)
            ax.xaxis.set_major_locator(mpl.ticker.MaxNLocator(4))
            ax.set_title(figures.label(name, 34), loc="left", fontsize=9.5, fontweight="bold", pad=7)
    return figure


def shared_order(tables: Mapping[str, pd.DataFrame], *, ordered: bool) -> list[str]:
    """Return every group of ``tables`` once, in the order of the first table or by mean value, lowest first."""
    everything = list(dict.fromkeys(g for table in tables.values() for g in table["group"]))
    if ordered or not everything:
        return everything
    mean = pd.concat(list(tables.values())).groupby("group")["value"].mean().reindex(everything)
    by_value = mean.sort_values(kind="stable", na_position="last")
    if len(by_value) > figures.MAX_GROUPS:  # drawn groups first
        distance = (by_value - by_value.median()).abs()
        far = distance.sort_values(ascending=False, kind="stable", na_position="last").index[: figures.MAX_GROUPS]
        near = ~by_value.index.isin(far)
        by_value = pd.concat([by_value[~near], by_value[near]])
    return [str(g) for g in by_value.index]
