"""Figures of an audit: draw tables as matplotlib axes; compute no new number."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from fairaudit.core.text import printable
from fairaudit.reports import notation
from fairaudit.reports.palette import LIGHT, N_SERIES

#: At most this many groups are drawn, those furthest from the overall value; the table lists all.
MAX_GROUPS: Final = 30
#: A reader cannot distinguish more lines than this.
MAX_LINES: Final = N_SERIES
MAX_LABEL: Final = 30

INCH_PER_CHARACTER: Final = 0.078
ROW_INCHES: Final = 0.29
_DASHES: Final = ("", (4, 1.5), (1, 1), (3, 1, 1, 1))
#: A reference line: the overall value, no difference, or chance.
DASHED: Final[dict[str, Any]] = {"color": LIGHT["faint"], "linewidth": 1, "dashes": (3, 2), "zorder": 1}
_RC: Final[dict[Any, Any]] = {
    "font.size": 9.5,
    "font.family": ["DejaVu Sans"],
    "text.parse_math": False,
    "text.color": LIGHT["ink"],
    "axes.edgecolor": LIGHT["rule"],
    "axes.labelcolor": LIGHT["muted"],
    "axes.linewidth": 0.8,
    "axes.unicode_minus": True,
    "xtick.color": LIGHT["muted"],
    "ytick.color": LIGHT["ink"],
    "xtick.labelsize": 8.5,
    "ytick.labelsize": 9.5,
    "ytick.major.size": 0,
    "xtick.major.size": 3,
    "svg.fonttype": "none",
}


@contextmanager
def style() -> Iterator[None]:
    """Apply the style of fairaudit's figures inside the block only; leave global settings unchanged."""
    with sns.axes_style("ticks"), mpl.rc_context(_RC):
        yield


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure, in inches, that is not registered with ``pyplot``."""
    return FigureCanvasAgg(Figure(figsize=(width, height))).figure


def note(ax: Axes, x: float, y: float, text: str, **style: Any) -> None:
    """Write small grey text at ``x`` axes widths and at ``y`` of the vertical axis."""
    style = {"va": "center", "fontsize": 8.5, "color": LIGHT["muted"], **style}
    ax.text(x, y, text, transform=ax.get_yaxis_transform(), **style)


def label(text: str, limit: int = MAX_LABEL) -> str:
    """Return ``text`` as one printable line of at most ``limit`` characters; the table beside a figure has all."""
    flat = printable(" ".join(str(text).split()))
    if len(flat) > limit:
        flat = flat.removesuffix(" in this sample")
    return flat if len(flat) <= limit else flat[: limit - 1] + "\u2026"


def headline_rows(groups: pd.DataFrame, *, metric: str, feature: str) -> pd.DataFrame:
    """Return the rows of ``metric`` and ``feature`` that are not within levels of a control."""
    return groups[(groups["metric"] == metric) & (groups["feature"] == feature) & (groups["control"] == "")]


def overall_value(groups: pd.DataFrame, metric: str) -> float:
    """Return the value over all images; NaN if the table has none."""
    rows = headline_rows(groups, metric=metric, feature="overall")
    return float(rows["value"].iloc[0]) if len(rows) else float("nan")


def drawn(rows: pd.DataFrame, overall: float, *, ordered: bool) -> pd.DataFrame:
    """Return the rows that a figure draws, from top to bottom.

    Ordered features keep their order; others are sorted by value, lowest first, groups without an estimate last.
    Of more than ``MAX_GROUPS`` groups those furthest from ``overall`` (or from the median) are kept.
    """
    if len(rows) > MAX_GROUPS:
        centre = rows["value"].median() if np.isnan(overall) else overall
        far = (rows["value"] - centre).abs().sort_values(ascending=False, kind="stable", na_position="last")
        rows = rows.loc[rows.index.isin(far.index[:MAX_GROUPS])]
    return rows if ordered else rows.sort_values("value", kind="stable", na_position="last")


def limits(*tables: pd.DataFrame) -> tuple[float, float]:
    """Return axis limits that hold every value and interval of ``tables``, with a margin."""
    columns = [t[c].to_numpy(float) for t in tables for c in ("value", "ci_low", "ci_high")]
    everything = np.concatenate(columns) if columns else np.empty(0)
    finite = everything[np.isfinite(everything)]
    if not len(finite):
        return 0.0, 1.0
    low, high = float(finite.min()), float(finite.max())
    margin = 0.06 * (high - low) or 0.05
    return low - margin, high + margin


def group_dots(groups: pd.DataFrame, *, metric: str, feature: str, ordered: bool = False) -> Axes:
    """Draw the value of each group as a dot with its 95 % interval.

    How to read it: one row is one group. If a group's interval lies clear of the vertical line (all images
    together), the group is served differently from the whole; a wide interval means few images, not a large
    difference. Grey hollow dots have too few images for a verdict; a row without a dot could not be estimated.
    Overlapping intervals do not prove that two groups are equal: the table of disparities holds the tests.

    Parameters
    ----------
    groups : DataFrame
        ``IndicatorResult.groups``.
    metric, feature : str
        Which rows to draw.
    ordered : bool
        Whether to keep the order of the rows.

    Returns
    -------
    Axes
        One y tick per drawn group, from top to bottom.
    """
    overall = overall_value(groups, metric)
    rows = drawn(headline_rows(groups, metric=metric, feature=feature), overall, ordered=ordered)
    names = [label(g) for g in rows["group"]]
    with style():
        ax = _new_axes(names, n_rows=len(rows), right=2.15)
        draw_dots(ax, rows, names, overall)
        ax.set_xlim(limits(rows, headline_rows(groups, metric=metric, feature="overall")))
        ax.set_xlabel(label(metric, 60))
        _side_columns(ax, rows)
    return ax


def _new_axes(names: Sequence[str], *, n_rows: int, right: float) -> Axes:
    left = 0.25 + INCH_PER_CHARACTER * max((len(n) for n in names), default=4)
    width, height = 7.4, ROW_INCHES * max(n_rows, 1) + 0.85
    box = (left / width, 0.52 / height, (width - left - right) / width, (height - 0.85) / height)
    return new_figure(width, height).add_axes(box)


def draw_dots(ax: Axes, rows: pd.DataFrame, names: Sequence[str], overall: float) -> None:
    """Draw one dot with its interval per row of ``rows`` (columns of ``groups``), labelled ``names``."""
    y, estimated = np.arange(len(rows)), rows["value"].notna().to_numpy()
    for key, sure in ((LIGHT["series-0"], True), (LIGHT["faint"], False)):
        at = (rows["status"] == "ok").to_numpy() == sure
        part = rows[at]
        ax.hlines(y[at], part["ci_low"], part["ci_high"], color=key, linewidth=2.2, zorder=2)
        # ``svg`` removes white as a background; paper follows the theme.
        ax.scatter(
            part["value"], y[at], s=34, color=key if sure else LIGHT["paper"], edgecolors=key, linewidths=1.3, zorder=3
        )
    for at in y[~estimated]:
        note(ax, 0.02, at, "cannot be estimated", ha="left", style="italic")
    if not np.isnan(overall):
        ax.axvline(overall, **DASHED)
    across = ax.get_yaxis_transform()
    ax.hlines(y[estimated], 0, 1, color=LIGHT["rule"], linewidth=0.5, zorder=0, transform=across)
    ax.set_yticks(y, names)
    for tick, status in zip(ax.get_yticklabels(), rows["status"], strict=True):
        tick.set_color(LIGHT["ink"] if status == "ok" else LIGHT["muted"])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.xaxis.set_major_locator(mpl.ticker.MaxNLocator(5))
    sns.despine(ax=ax, left=True)


def _side_columns(ax: Axes, rows: pd.DataFrame) -> None:
    """Write value, images and clusters beside each row."""
    width = ax.get_figure().get_size_inches()[0] * ax.get_position().width  # type: ignore[union-attr]
    columns = {"value": ("value", 0.62), "n": ("images", 1.28), "n_clusters": ("clusters", 2.05)}
    for column, (head, inches) in columns.items():
        x, write = 1 + inches / width, notation.number if column == "value" else notation.count
        note(ax, x, -0.85, head, ha="right", va="bottom")
        for y, (value, status) in enumerate(zip(rows[column], rows["status"], strict=True)):
            shade = LIGHT["ink"] if status == "ok" and column == "value" else LIGHT["muted"]
            note(ax, x, y, write(value), ha="right", fontsize=9, color=shade)


def curve_groups(curves: pd.DataFrame, *, metric: str, feature: str) -> list[str]:
    """Return the groups that a curve figure draws: all, or the ``MAX_LINES`` furthest from the mean curve."""
    rows = curves[(curves["metric"] == metric) & (curves["feature"] == feature)]
    names = list(dict.fromkeys(rows["group"]))
    if len(names) <= MAX_LINES:
        return names
    distance = (rows["value"] - rows.groupby("x")["value"].transform("mean")).abs().groupby(rows["group"]).mean()
    far = set(distance.sort_values(ascending=False, kind="stable").index[:MAX_LINES])
    return [n for n in names if n in far]


def curves(curves: pd.DataFrame, *, metric: str, feature: str) -> Axes:
    """Draw ``metric`` against the axis of the curve (a threshold, an income), one line per group.

    How to read it: at each position on the horizontal axis, the distance between two lines is the difference
    between two groups. If lines keep their distance everywhere, the difference does not depend on one choice of
    threshold. Shaded bands are 95 % intervals, position by position.

    Parameters
    ----------
    curves : DataFrame
        ``IndicatorResult.curves``.
    metric, feature : str
        Which rows to draw.
    """
    rows = curves[(curves["metric"] == metric) & (curves["feature"] == feature)]
    names = curve_groups(curves, metric=metric, feature=feature)
    with style():
        ax = _new_axes(["0.000"], n_rows=9, right=2.1)
        for i, name in enumerate(names):
            part = rows[rows["group"] == name].sort_values("x", kind="stable")
            key = LIGHT[f"series-{i % N_SERIES}"]
            ax.fill_between(part["x"], part["ci_low"], part["ci_high"], color=key, alpha=0.13, linewidth=0)
            sns.lineplot(
                x=part["x"].to_numpy(),
                y=part["value"].to_numpy(),
                ax=ax,
                color=key,
                linewidth=1.9,
                errorbar=None,
                dashes=_DASHES[i % len(_DASHES)] or (None, None),
                marker="os^DvPX*"[i % N_SERIES],
                markersize=5,
                markeredgewidth=0,
                label=label(name) or "all",
                legend=False,
            )
        x = rows["x"].to_numpy(float)
        if len(x) and np.nanmin(x) > 0 and np.nanmax(x) >= 100 and np.nanmax(x) / np.nanmin(x) >= 30:
            ax.set_xscale("log")
            # Labels of powers need mathematical notation, which is off because names may hold a "$".
            ax.xaxis.set_major_formatter(mpl.ticker.FuncFormatter(lambda value, _: f"{value:,.0f}"))
            ax.xaxis.set_minor_formatter(mpl.ticker.NullFormatter())
        ax.set_xlabel(label(rows["x_name"].iloc[0], 60) if len(rows) else "")
        ax.set_ylabel(label(metric, 40))
        if len(names) > 1:
            ax.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), frameon=False, fontsize=9, handlelength=2.6)
        sns.despine(ax=ax)
    return ax


def figure_of(ax: Axes) -> Figure:
    """Return the figure of ``ax``."""
    figure = ax.get_figure()
    assert isinstance(figure, Figure), "axes of a report have a figure of their own"
    return figure
