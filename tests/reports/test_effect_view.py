"""Data or size in words and on the page: each answer, what intervals cover, and nothing from data unescaped."""

from __future__ import annotations

import dataclasses
import html
import itertools
import re
from typing import Any

import pandas as pd
import pytest

from fairaudit.comparison.design import Design
from fairaudit.comparison.factorial import effects_of
from fairaudit.comparison.model_size import sizes_of
from fairaudit.core.audit import AuditResult
from fairaudit.core.result import EFFECT_COLUMNS, table
from fairaudit.reports import effect_figure, effect_view
from fairaudit.reports.comparison import render_comparison

DESIGN = Design({f"{d}-{s}": (d, s) for d, s in itertools.product(("things", "people"), ("small", "large"))})
TWICE = Design({**DESIGN.cells, **{f"{name}-1": cell for name, cell in DESIGN.cells.items()}})
ROW: dict[str, Any] = {
    "indicator": "x", "dataset": "faces", "metric": "hit@5", "feature": "skin_tone", "kind": "one_vs_rest",
    "measure": "difference", "group": "dark", "reference": "all others", "value_before": -0.1, "value": 0.02,
    "change": 0.12, "ci_low": 0.07, "ci_high": 0.17, "ci_low_adjusted": 0.0604, "ci_high_adjusted": 0.1796,
    "p_value": 0.001,
    "p_adjusted": 0.0004, "verdict": "not_shown", "status": "ok", "between": 0.0312, "trainings": 2,
}  # fmt: skip
LEVELS = {"data_against_size": ("size", "data"), "data": ("things", "people"), "size": ("small", "large"),
          "interaction": ("things", "people")}  # fmt: skip


def effects(group: str = "dark", **verdicts: str) -> pd.DataFrame:
    rows = [
        {**ROW, "group": group, "effect": effect, "baseline": first, "checkpoint": last}
        | {"verdict": verdicts.get(effect, "not_shown")}
        for effect, (first, last) in LEVELS.items()
    ]
    rows.append({**rows[1], "effect": "data_at_size", "at": "small"})
    return table(rows, EFFECT_COLUMNS)


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", page)))


@pytest.mark.parametrize(
    ("verdicts", "key"),
    [
        ({"data_against_size": "larger", "data": "smaller"}, "data"),
        ({"data_against_size": "smaller", "size": "larger"}, "size"),
        ({"data": "changed"}, "open"),
        ({"size": "smaller", "data_against_size": "changed"}, "open"),
        ({}, "neither"),
        ({"data_against_size": "not_estimable"}, "not_estimable"),
    ],
)
def test_answers(verdicts: dict[str, str], key: str) -> None:
    assert effect_view.answer(effects(**verdicts)) == key
    assert key in effect_view.WORDS


def test_tally_counts_every_answer() -> None:
    parts = [
        effects("a", data_against_size="larger", interaction="changed"), effects("b", data_against_size="smaller"),
        effects("c", data="changed"), effects("d"), effects("e"), effects("f", data_against_size="not_estimable"),
    ]  # fmt: skip
    assert effect_view.tally(pd.concat(parts, ignore_index=True)) == (
        "Of 5 planned disparities: 1 moved more by the data, 1 moved more by size, 1 moved, but which moves it more "
        "cannot be told, for 2 neither is shown, and neither is ruled out. In 1 the effect of the data depends on the "
        "size. 1 could not be estimated."
    )
    assert effect_view.tally(parts[-1]) == (
        "No planned disparity could be estimated at every size on either data. 1 could not be estimated."
    )


def test_what_the_intervals_cover() -> None:
    once, twice = effect_view.covers(DESIGN), effect_view.covers(TWICE)
    assert once.startswith("Each network was trained once. Intervals cover who was audited, and not how training fell")
    assert once.endswith("every statement here is about these 4 networks only.")
    assert twice.startswith(
        "Each network was trained 2 times, and the mean counts. Intervals cover who was audited and"
    )


@pytest.fixture(scope="module")
def crossed(small_audit: AuditResult) -> dict[str, AuditResult]:
    """One audit under every name: nothing can be estimated, since it holds no influences."""
    sizes = {"small": 10_000, "large": 5_000_000}
    found = {
        name: dataclasses.replace(small_audit, model=dataclasses.replace(small_audit.model, n_parameters=sizes[size]))
        for name, (_, size) in TWICE.cells.items()
    }
    return {**found, "random": small_audit}


def test_the_page(crossed: dict[str, AuditResult]) -> None:
    section = effect_view.effect_section(effects(data="smaller", data_against_size="larger"), TWICE, crossed)
    page = render_comparison(crossed, title="t", effects=section)
    text = text_of(page)
    assert "■ Data skin tone: dark against all others in this sample x, hit@5, faces 0.120 0.060 to 0.180" in text
    assert (
        "The data move it from −0.100 (things) to 0.020 (people): it is smaller; no effect of size is shown, and one "
        "of 0.180 is not ruled out."
    ) in text
    assert "0.031" in text
    assert "data: things to people, small" in text
    assert "sizes: small (10,000 parameters), large (5.0 million parameters)" in text
    assert "How training fell out" not in text
    assert "how training fell out; not which images were drawn" in text
    assert 'id="changes"' not in page
    assert page.count('<a href="#effects">') == 1


def test_rows_that_could_not_be_estimated_say_why(crossed: dict[str, AuditResult]) -> None:
    found = effects_of(crossed, DESIGN)
    section = effect_view.effect_section(found, DESIGN, crossed)
    text = text_of(render_comparison(crossed, title="t", effects=section))
    assert "— Not estimable" in text
    assert "Not estimable: the audit of things-small holds no influence of clusters on this row; run it again." in text


def test_text_from_data_is_escaped(crossed: dict[str, AuditResult]) -> None:
    hostile = "<script>alert(1)</script>"
    design = Design({name: (hostile if d == "things" else d, s) for name, (d, s) in DESIGN.cells.items()})
    section = effect_view.effect_section(effects(hostile), design, crossed)
    assert "<script" not in render_comparison(crossed, title="t", effects=section)


def test_figures_draw_what_the_tables_hold(crossed: dict[str, AuditResult]) -> None:
    (ax,) = effect_figure.effect_figure(effects()).axes
    drawn = {line.get_label(): line.get_xdata()[0] for line in ax.get_lines() if len(line.get_xdata()) == 1}  # type: ignore[arg-type, index]
    assert drawn == {"effect of data": 0.12, "effect of size": 0.12}
    sizes = sizes_of(crossed)
    axes = effect_figure.cell_figure(sizes, TWICE).axes
    planned = sizes[sizes["checkpoint"] == "things-small"]
    assert len(axes) == len(planned)
    for ax, value in zip(axes, planned["value"], strict=True):
        lines = {str(line.get_label()): line for line in ax.get_lines()}
        assert list(lines["people"].get_xdata()) == [10_000, 5_000_000]  # type: ignore[arg-type]
        assert list(lines["people"].get_ydata()) == pytest.approx([value, value])  # type: ignore[arg-type]
        assert len(lines["not in the design"].get_xdata()) == 1  # type: ignore[arg-type]
