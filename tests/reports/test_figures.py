"""What a figure draws is what the table holds; global matplotlib state is never touched."""

from __future__ import annotations

import subprocess
import sys
from types import ModuleType

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from matplotlib.collections import LineCollection, PathCollection

from fairaudit.core.audit import AuditResult
from fairaudit.core.result import GROUP_COLUMNS, table
from fairaudit.reports import figures, small_multiples


def dots(ax: mpl.axes.Axes) -> dict[float, float]:
    """Value of each dot by its row."""
    drawn = [c for c in ax.collections if isinstance(c, PathCollection)]
    points = np.concatenate([np.asarray(c.get_offsets(), dtype=float) for c in drawn])
    return {y: x for x, y in points if np.isfinite(x)}


def test_dots_and_intervals_are_the_values_of_the_table(audit: AuditResult) -> None:
    groups = audit.result("representation_disparity").groups
    ax = figures.group_dots(groups, metric="balanced_precision@10", feature="gender")
    rows = groups[(groups["metric"] == "balanced_precision@10") & (groups["feature"] == "gender")].set_index("group")
    names = [tick.get_text() for tick in ax.get_yticklabels()]
    assert sorted(names) == ["feminine", "masculine"]
    assert [dots(ax)[y] for y in (0, 1)] == pytest.approx([rows.loc[name, "value"] for name in names])
    lines = [c for c in ax.collections if isinstance(c, LineCollection) and len(c.get_segments()) == 2]
    spans = sorted((float(s[0][0]), float(s[1][0])) for s in lines[0].get_segments())
    assert spans == sorted((r.ci_low, r.ci_high) for r in rows.itertuples())
    texts = [t.get_text() for t in ax.texts]
    assert {f"{value:.3f}" for value in rows["value"].astype(float)} <= set(texts)


def test_a_group_without_a_value_is_named_and_gets_no_dot(audit: AuditResult) -> None:
    groups = audit.result("representation_disparity").groups
    ax = figures.group_dots(groups, metric="balanced_precision@10", feature="age", ordered=True)
    assert [tick.get_text() for tick in ax.get_yticklabels()] == ["0-9", "10-19", "20-39", "40-59", "60+"]
    assert sorted(dots(ax)) == [0, 1, 2, 3]
    assert "cannot be estimated" in [t.get_text() for t in ax.texts]


def test_unordered_groups_are_sorted_with_the_lowest_on_top(audit: AuditResult) -> None:
    groups = audit.result("hate_speech").groups
    values = dots(figures.group_dots(groups, metric="auroc", feature="target"))
    assert [values[y] for y in sorted(values)] == sorted(values.values())


def test_of_more_than_30_groups_those_furthest_from_the_whole_are_drawn() -> None:
    rows = [{"metric": "m", "feature": "overall", "group": "overall", "value": 0.5, "status": "ok"}]
    values = [0.5 + 0.01 * i * (-1) ** i for i in range(40)]
    rows += [
        {"metric": "m", "feature": "f", "group": f"g{i:02d}", "value": v, "status": "ok"} for i, v in enumerate(values)
    ]
    ax = figures.group_dots(table(rows, GROUP_COLUMNS), metric="m", feature="f")
    names = {tick.get_text() for tick in ax.get_yticklabels()}
    assert names == {f"g{i:02d}" for i in range(10, 40)}


def test_hostile_and_long_names_are_drawn_as_text(factory: ModuleType) -> None:
    shown = figures.label("$\\frac{1}{0}$\n\x00 and a name that is far too long for a figure")
    assert shown == "$\\frac{1}{0}$ \\x00 and a name\u2026"
    assert len(shown) == figures.MAX_LABEL
    row = {"metric": "m", "feature": "f", "group": factory.HOSTILE, "value": 0.5, "status": "ok"}
    ax = figures.group_dots(table([row], GROUP_COLUMNS), metric="m", feature="f")
    figures.figure_of(ax).canvas.draw()


def test_an_empty_table_gives_empty_axes() -> None:
    ax = figures.group_dots(table([], GROUP_COLUMNS), metric="m", feature="f")
    assert dots(ax) == {} if ax.collections and any(isinstance(c, PathCollection) for c in ax.collections) else True
    assert ax.get_yticklabels() == []


def test_curves_are_the_values_of_the_table(audit: AuditResult) -> None:
    curves = audit.result("label_association").curves
    ax = figures.curves(curves, metric="harmful", feature="gender")
    lines = {str(line.get_label()): np.asarray(line.get_xydata()) for line in ax.lines}
    for name in ("feminine", "masculine"):
        rows = curves[(curves["metric"] == "harmful") & (curves["feature"] == "gender") & (curves["group"] == name)]
        np.testing.assert_allclose(lines[name], rows[["x", "value"]].to_numpy(float))
    assert ax.get_xscale() == "linear"


def test_an_axis_over_orders_of_magnitude_is_logarithmic(audit: AuditResult) -> None:
    ax = figures.curves(audit.result("geographic_disparity").curves, metric="hit@5", feature="income")
    assert ax.get_xscale() == "log"
    assert ax.get_xlabel() == "income_usd_per_month"
    figures.figure_of(ax).canvas.draw()
    labels = [tick.get_text() for tick in ax.get_xticklabels()]
    assert {"100", "1,000", "10,000"} <= set(labels)
    assert not any("$" in text for text in labels)


def test_small_multiples_share_rows_and_axis(compared: dict[str, AuditResult]) -> None:
    groups = {name: a.result("hate_speech").groups for name, a in compared.items()}
    figure = small_multiples.checkpoints(groups, metric="auroc", feature="target")
    first, second = figure.axes
    assert first.get_xlim() == second.get_xlim()
    assert first.get_ylim() == second.get_ylim()
    assert [ax.get_title(loc="left") for ax in figure.axes] == ["first", "second"]
    order = [tick.get_text() for tick in first.get_yticklabels()]
    for ax, table_ in zip(figure.axes, groups.values(), strict=True):
        values = table_[(table_["metric"] == "auroc") & (table_["feature"] == "target")].set_index("group")["value"]
        assert [dots(ax)[float(y)] for y in range(len(order))] == pytest.approx(list(values[order]))


def test_small_multiples_of_many_groups_put_the_drawn_ones_first() -> None:
    rows = [{"metric": "m", "feature": "f", "group": f"g{i:02d}", "value": i / 40, "status": "ok"} for i in range(40)]
    order = small_multiples.shared_order({"a": table(rows, GROUP_COLUMNS)}, ordered=False)
    assert sorted(order) == [f"g{i:02d}" for i in range(40)]
    assert set(order[: figures.MAX_GROUPS]) == {f"g{i:02d}" for i in (*range(15), *range(25, 40))}


def test_global_settings_stay_as_they_are(audit: AuditResult) -> None:
    before = dict(mpl.rcParams)
    figures.group_dots(audit.result("hate_speech").groups, metric="auroc", feature="target")
    assert dict(mpl.rcParams) == before


def test_no_figure_is_registered_with_pyplot() -> None:
    code = (
        "import sys; from fairaudit.reports import figures; from fairaudit.core.result import GROUP_COLUMNS, table\n"
        "figures.group_dots(table([], GROUP_COLUMNS), metric='m', feature='f')\n"
        "import matplotlib.pyplot as plt; assert plt.get_fignums() == []\n"
        "assert not {'torch', 'transformers'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_limits_hold_every_interval() -> None:
    frame = pd.DataFrame({"value": [0.5, np.nan], "ci_low": [0.2, np.nan], "ci_high": [0.9, np.nan]})
    low, high = figures.limits(frame)
    assert low < 0.2
    assert high > 0.9
    assert figures.limits() == (0.0, 1.0)
