"""Figures of a training run: measurements against images seen."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Final

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairaudit.reports import figures
from fairaudit.reports.palette import LIGHT, N_SERIES

#: A longer run is drawn as the means of this many pieces of equal length.
MAX_POINTS: Final = 300
#: At most this many comparisons of a feature are drawn, those furthest from no difference in the last record.
MAX_PANELS: Final = 9
_COLUMNS: Final = 3
_WIDTH: Final = 9.6


def binned(steps: pd.DataFrame) -> pd.DataFrame:
    """Return ``steps``, of a long run as means over ``MAX_POINTS`` pieces."""
    if len(steps) <= MAX_POINTS:
        return steps
    piece = np.arange(len(steps)) * MAX_POINTS // len(steps)
    return steps.groupby(piece).mean()


def lines(steps: pd.DataFrame, names: Mapping[str, str], *, chance: float = math.nan, label: str) -> Figure:
    """Draw columns of ``steps`` against images seen, one line per column.

    Parameters
    ----------
    steps : DataFrame
        ``RunRecord.steps``.
    names : mapping of str to str
        Legend text by column.
    chance : float
        Value of a blind guess, drawn dashed; NaN for none.
    label : str
        Label of the vertical axis.
    """
    rows = binned(steps)
    with figures.style():
        figure, ax = _wide(legend=len(names) > 1)
        for i, (column, name) in enumerate(names.items()):
            dash = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (3, 1, 1, 1)))[i % 4]
            ax.plot(
                rows["images"], rows[column], color=LIGHT[f"series-{i % N_SERIES}"], linewidth=1.9, linestyle=dash,
                label=name,
            )  # fmt: skip
        if not math.isnan(chance):
            _level(ax, chance, "blind guess")
        ax.set_ylabel(label)
        _finish(ax)
        if len(names) > 1:
            ax.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, fontsize=9, handlelength=2.6)
    return figure


def accuracy(watch_records: pd.DataFrame) -> Figure:
    """Draw k-NN accuracy against images seen, with its 95 % band and the share of the commonest label (dashed).

    Parameters
    ----------
    watch_records : DataFrame
        Columns ``images``, ``value``, ``ci_low``, ``ci_high``, ``commonest``.
    """
    with figures.style():
        figure, ax = _wide(legend=False)
        _band(ax, watch_records, LIGHT["series-0"])
        if watch_records["commonest"].notna().any():
            _level(ax, float(watch_records["commonest"].iloc[-1]), "commonest label")
        ax.set_ylabel("k-NN accuracy")
        _finish(ax)
    return figure


def disparities(curves: Sequence[tuple[str, pd.DataFrame]]) -> Figure:
    """Draw one panel per comparison on a shared axis: its value against images seen, with a 95 % band.

    How to read it: the dashed line is no difference. If the whole band lies off that line, this record shows a
    difference. The bands do not answer whether the curve moved, because all records measure the same images. The
    hollow dot is the network before training.

    Parameters
    ----------
    curves : sequence of (str, DataFrame)
        Name of the comparison, and its records: columns ``images``, ``value``, ``ci_low``, ``ci_high``, ``status``.
        All of one measure, because they share an axis.
    """
    n_columns = min(len(curves), _COLUMNS)
    n_rows = -(-len(curves) // n_columns)
    panel, left, bottom = 2.15, 0.72, 0.55
    height = panel * n_rows + 0.15
    each = (_WIDTH - left) / _COLUMNS
    low, high = figures.limits(*(rows for _, rows in curves))
    low, high = min(low, -0.06 * high), max(high, -0.06 * low)  # zero is visible, off the edges
    with figures.style():
        figure = figures.new_figure(_WIDTH, height)
        for i, (name, rows) in enumerate(curves):
            row, column = divmod(i, n_columns)
            box = (
                (left + column * each) / _WIDTH,
                (height - (row + 1) * panel + bottom - 0.1) / height,
                (each - 0.42) / _WIDTH,
                (panel - bottom - 0.35) / height,
            )
            ax = figure.add_axes(box)
            _band(ax, rows, LIGHT[f"series-{i % N_SERIES}"])
            ax.axhline(0, **figures.DASHED)
            ax.set_ylim(low, high)
            ax.set_title(figures.label(name, 38), loc="left", fontsize=9, fontweight="bold", pad=6)
            _finish(ax, ticks=3)
            if row + 1 < n_rows and i + n_columns < len(curves):
                ax.set_xlabel("")
    return figure


def _wide(*, legend: bool) -> tuple[Figure, Axes]:
    width, height, right = 7.4, 2.7, 1.75 if legend else 1.15
    figure = figures.new_figure(width, height)
    return figure, figure.add_axes(
        (0.72 / width, 0.52 / height, (width - 0.72 - right) / width, (height - 0.7) / height)
    )


def _band(ax: Axes, rows: pd.DataFrame, colour: str) -> None:
    """Draw values with their band; dots are grey for too few images and hollow before training."""
    rows = rows.sort_values("images", kind="stable")
    x = rows["images"].to_numpy(float)
    ax.fill_between(x, rows["ci_low"], rows["ci_high"], color=colour, alpha=0.13, linewidth=0)
    if len(rows) == 1:  # a band needs two records
        ax.vlines(x, rows["ci_low"], rows["ci_high"], color=colour, linewidth=1.4)
    ax.plot(x, rows["value"], color=colour, linewidth=1.6, zorder=2)
    sure = (rows["status"] == "ok").to_numpy() if "status" in rows else np.ones(len(rows), dtype=bool)
    for at, key in ((sure, colour), (~sure, LIGHT["faint"])):
        for start in (True, False):
            part = rows[at & ((x == 0) == start)]
            ax.scatter(
                part["images"], part["value"], s=26, color=LIGHT["paper"] if start else key, edgecolors=key,
                linewidths=1.4, zorder=3,
            )  # fmt: skip


def _level(ax: Axes, value: float, name: str) -> None:
    ax.axhline(value, **figures.DASHED)
    figures.note(ax, 1.02, value, name, ha="left")


def _finish(ax: Axes, *, ticks: int = 5) -> None:
    ax.xaxis.set_major_locator(mpl.ticker.MaxNLocator(ticks, integer=True))
    ax.xaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:,.0f}"))
    ax.yaxis.set_major_locator(mpl.ticker.MaxNLocator(4))
    ax.set_xlabel("images seen", fontsize=8.5)
    sns.despine(ax=ax)
