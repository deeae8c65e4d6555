"""Figures of a crossed design: effects of data and size with intervals, and disparities by size."""

from __future__ import annotations

from typing import Final

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairaudit.comparison.design import Design
from fairaudit.core.influences import ROW_KEY
from fairaudit.reports import figures, notation, wording
from fairaudit.reports.palette import LIGHT

_WIDTH: Final = 9.6
_COLUMNS: Final = 3
_PANEL: Final = ["indicator", "dataset", "metric", "measure"]
_SERIES: Final = (("data", "series-0", "s", -0.16), ("size", "series-1", "o", 0.16))
#: At most this many disparities are drawn; the table holds all.
MAX_PANELS: Final = 18


def effect_figure(effects: pd.DataFrame) -> Figure:
    """Draw the effect of data and that of size on every disparity, each with its adjusted interval.

    How to read it: an interval clear of zero is an effect that is shown. Where the square (data) lies further from zero
    than the dot (size), the data moved the disparity more in these audits; the table holds the verdict on that.

    Parameters
    ----------
    effects : DataFrame
        ``comparison.factorial.effects_of``; rows that could not be estimated are not drawn.
    """
    rows = effects[effects["effect"].isin(["data", "size"]) & effects["change"].notna()]
    panels = list(rows.groupby(_PANEL, sort=False))
    heights = [0.8 + 0.42 * len(part.drop_duplicates(list(ROW_KEY))) for _, part in panels]
    total = sum(heights) + 0.35
    with figures.style():
        figure = figures.new_figure(_WIDTH, total)
        top = total - 0.35
        for i, (((indicator, dataset, metric, measure), part), height) in enumerate(zip(panels, heights, strict=True)):
            box = (3.3 / _WIDTH, (top - height + 0.45) / total, (_WIDTH - 3.5) / _WIDTH, (height - 0.8) / total)
            ax = figure.add_axes(box)
            _forest(ax, part, named=i == 0)
            ax.set_title(
                figures.label(f"{indicator}, {dataset}: {metric}, {measure}".replace("_", " "), 80),
                loc="left", fontsize=9.5, fontweight="bold", x=-0.5,
            )  # fmt: skip
            top -= height
    return figure


def _forest(ax: Axes, rows: pd.DataFrame, *, named: bool) -> None:
    keys = rows.drop_duplicates(list(ROW_KEY))
    names = [figures.label(f"{r['feature']}: {wording.comparison(r)}".replace("_", " "), 40)
             for r in keys.to_dict("records")]  # fmt: skip
    for effect, colour, marker, shift in _SERIES:
        part = rows[rows["effect"] == effect]
        y = np.arange(len(part)) + shift
        low = part["ci_low_adjusted"].fillna(part["ci_low"])
        high = part["ci_high_adjusted"].fillna(part["ci_high"])
        ax.hlines(y, low, high, color=LIGHT[colour], linewidth=1.6)
        ax.plot(part["change"], y, linestyle="", marker=marker, markersize=5.5, color=LIGHT[colour],
                markeredgewidth=0, label=f"effect of {effect}")  # fmt: skip
    ax.axvline(0, color=LIGHT["faint"], linewidth=1, dashes=(3, 2), zorder=1)
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.xaxis.set_major_locator(mpl.ticker.MaxNLocator(6))
    if named:
        ax.legend(loc="lower right", bbox_to_anchor=(1.0, 1.02), frameon=False, fontsize=8.5, ncol=2)
    sns.despine(ax=ax, left=True)


def cell_figure(sizes: pd.DataFrame, design: Design) -> Figure:
    """Draw every planned disparity over the number of parameters, with one line of means per training data set.

    How to read it: lines that lie apart differ by data; lines that rise or fall differ by size; if lines are not
    parallel, the effect of data depends on size. Small dots are single trainings; crosses are checkpoints outside the
    design, such as networks before training.

    Parameters
    ----------
    sizes : DataFrame
        ``comparison.model_size.sizes_of`` of all audits.
    design : Design
    """
    known = sizes[sizes["n_parameters"].notna() & sizes["value"].notna()]
    panels = list(known.groupby(["indicator", "dataset", *ROW_KEY], sort=False))[:MAX_PANELS]
    n_rows = max(-(-len(panels) // _COLUMNS), 1)
    height = 2.35 * n_rows + 0.3
    with figures.style():
        figure = figures.new_figure(_WIDTH, height)
        for i, (_, part) in enumerate(panels):
            row, column = divmod(i, _COLUMNS)
            left = (0.55 + column * (_WIDTH - 0.3) / _COLUMNS) / _WIDTH
            bottom = (height - 0.3 - (row + 1) * 2.35 + 0.55) / height
            ax = figure.add_axes((left, bottom, 2.45 / _WIDTH, 1.4 / height))
            _lines(ax, part, design, named=i == 0)
    return figure


def _lines(ax: Axes, part: pd.DataFrame, design: Design, *, named: bool) -> None:
    others = part[~part["checkpoint"].isin(list(design.cells))]
    ax.plot(others["n_parameters"], others["value"], linestyle="", marker="x", markersize=5, color=LIGHT["faint"],
            label="not in the design")  # fmt: skip
    for data, colour, marker in zip(design.data, ("series-0", "series-1"), "so", strict=True):
        names = [n for n, cell in design.cells.items() if cell[0] == data]
        points = part[part["checkpoint"].isin(names)]
        mean = points.groupby("n_parameters")["value"].mean()
        ax.plot(points["n_parameters"], points["value"], linestyle="", marker=marker, markersize=3,
                color=LIGHT[colour], markeredgewidth=0)  # fmt: skip
        ax.plot(mean.index, mean, color=LIGHT[colour], linewidth=1.5, marker=marker, markersize=5.5,
                markeredgewidth=0, label=figures.label(data, 20))  # fmt: skip
    ax.axhline(0, **figures.DASHED)
    ax.set_xscale("log")
    ticks = sorted(set(part["n_parameters"]))
    ax.set_xticks(ticks, [notation.size(int(n)) for n in ticks], fontsize=7.5)
    ax.xaxis.set_minor_locator(mpl.ticker.NullLocator())
    ax.yaxis.set_major_locator(mpl.ticker.MaxNLocator(4))
    ax.tick_params(axis="y", labelsize=7.5)
    ax.margins(x=0.12, y=0.15)
    first = part.iloc[0].to_dict()
    ax.set_title(figures.label(f"{first['feature']}: {wording.comparison(first)}".replace("_", " "), 40),
                 loc="left", fontsize=8.5, fontweight="bold")  # fmt: skip
    ax.set_ylabel(figures.label(str(first["metric"]).replace("_", " "), 28), fontsize=7.5)
    if named:
        ax.legend(loc="lower left", bbox_to_anchor=(-0.1, 1.14), frameon=False, fontsize=8.5, ncol=3)
    sns.despine(ax=ax)
