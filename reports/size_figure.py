"""Figure of disparities by number of parameters: one line per planned comparison, one dot per checkpoint."""

from __future__ import annotations

import math

import matplotlib as mpl
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from fairaudit.core.influences import ROW_KEY
from fairaudit.reports import figures, notation, wording
from fairaudit.reports.palette import LIGHT, N_SERIES

_COLUMNS = 2
_WIDTH, _HEIGHT = 9.6, 3.3


def size_figure(sizes: pd.DataFrame) -> Figure:
    """Draw planned disparities against parameters (log axis), a panel per indicator, data set and measure.

    How to read it: a line that falls towards zero from left to right is a disparity that shrinks with size; two dots
    above the same size at different heights are checkpoints that differ in something else.

    Parameters
    ----------
    sizes : DataFrame
        ``comparison.model_size.sizes_of``; rows without a size or a value are not drawn.
    """
    known = sizes[sizes["n_parameters"].notna() & sizes["value"].notna()]
    panels = list(known.groupby(["indicator", "dataset", "metric", "measure"], sort=False))
    n_rows = max(-(-len(panels) // _COLUMNS), 1)
    with figures.style():
        figure = figures.new_figure(_WIDTH, _HEIGHT * n_rows)
        for i, ((indicator, dataset, metric, measure), rows) in enumerate(panels):
            row, column = divmod(i, _COLUMNS)
            bottom = 1 - (row + 1) / n_rows + 1.35 / (_HEIGHT * n_rows)
            ax = figure.add_axes((0.085 + column * 0.5, bottom, 0.395, (_HEIGHT - 1.7) / (_HEIGHT * n_rows)))
            _draw(ax, rows)
            ax.set_title(figures.label(f"{indicator}, {dataset}", 50), loc="left", fontsize=9.5, fontweight="bold")
            ax.set_ylabel(figures.label(f"{metric}, {measure}".replace("_", " "), 34), fontsize=8.5)
    return figure


def _draw(ax: Axes, rows: pd.DataFrame) -> None:
    lines = list(rows.groupby(list(ROW_KEY), sort=False))
    if len(lines) > figures.MAX_LINES:  # keep those furthest from zero at any size
        far = sorted(range(len(lines)), key=lambda i: -float(lines[i][1]["value"].abs().max()))[: figures.MAX_LINES]
        lines = [lines[i] for i in sorted(far)]
    for i, (_, part) in enumerate(lines):
        part, key = part.sort_values("n_parameters", kind="stable"), LIGHT[f"series-{i % N_SERIES}"]
        first = part.iloc[0]
        name = f"{first['feature']}: {wording.comparison(first.to_dict())}"
        ax.plot(
            part["n_parameters"], part["value"], color=key, linewidth=1.4, marker="os^DvPX*"[i % N_SERIES],
            markersize=5.5, markeredgewidth=0, label=figures.label(name, 44),
        )  # fmt: skip
    ax.axhline(0, **figures.DASHED)
    ax.set_xscale("log")
    ticks = _apart(sorted(set(rows["n_parameters"])))
    ax.set_xticks(ticks, [notation.size(int(n)) for n in ticks], fontsize=8)
    ax.xaxis.set_minor_locator(mpl.ticker.NullLocator())
    ax.margins(x=0.12, y=0.12)
    ax.set_xlabel("parameters", fontsize=8.5)
    ax.legend(loc="upper left", bbox_to_anchor=(-0.02, -0.3), frameon=False, fontsize=7.5, ncol=2, columnspacing=1)
    sns.despine(ax=ax)


def _apart(sizes: list[float]) -> list[float]:
    """Return the sizes to label: each at least a quarter of the axis after the one before."""
    kept = sizes[:1]
    for size in sizes[1:]:
        if math.log(size / kept[-1]) > 0.25 * math.log(sizes[-1] / sizes[0]):
            kept.append(size)
    return kept
