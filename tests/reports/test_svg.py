"""Matplotlib's SVG after it was made fit for the page."""

from __future__ import annotations

import re
from types import ModuleType
from xml.etree import ElementTree

import pytest
from matplotlib.figure import Figure

from fairaudit.core.audit import AuditResult
from fairaudit.core.result import GROUP_COLUMNS, table
from fairaudit.reports import figures, palette, svg


@pytest.fixture(scope="module")
def drawn(audit: AuditResult) -> str:
    ax = figures.group_dots(audit.result("representation_disparity").groups, metric="precision@1", feature="age")
    return svg.inline(figures.figure_of(ax), prefix="p", title="T & <t>", description="D")


def test_it_is_one_well_formed_svg_without_style_script_or_date(drawn: str) -> None:
    root = ElementTree.fromstring(drawn)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    tags = {element.tag.rpartition("}")[2] for element in root.iter()}
    assert tags <= {"svg", "title", "desc", "g", "defs", "path", "use", "text", "clipPath", "rect"}
    assert all("style" not in element.attrib for element in root.iter())
    assert not re.search(r"20\d\d-\d\d-\d\d|matplotlib|DejaVu|xlink", drawn)


def test_text_stays_text(drawn: str) -> None:
    texts = [e.text for e in ElementTree.fromstring(drawn).iter("{http://www.w3.org/2000/svg}text")]
    assert {"0-9", "10-19", "20-39", "40-59", "60+", "value", "images", "clusters", "precision@1"} <= set(texts)


def test_title_and_description_are_named_and_escaped(drawn: str) -> None:
    assert '<title id="p-title">T &amp; &lt;t&gt;</title><desc id="p-desc">D</desc>' in drawn


def test_every_colour_follows_the_theme(drawn: str) -> None:
    for element in ElementTree.fromstring(drawn).iter():
        for key in ("fill", "stroke"):
            colour = element.get(key, "none")
            if colour != "none":
                names = [n for n, value in palette.LIGHT.items() if value == colour]
                assert f"{key[0]}-{names[0]}" in element.get("class", "")


def test_two_figures_share_no_id(audit: AuditResult) -> None:
    groups = audit.result("hate_speech").groups
    ids = []
    for prefix in ("a", "b"):
        ax = figures.group_dots(groups, metric="auroc", feature="target")
        found = re.findall(
            r' id="([^"]+)"', svg.inline(figures.figure_of(ax), prefix=prefix, title="t", description="d")
        )
        assert all(one.startswith(f"{prefix}-") for one in found)
        ids += found
    assert len(ids) == len(set(ids))


def test_the_same_figure_gives_the_same_text(audit: AuditResult) -> None:
    curves = audit.result("label_association").curves
    texts = {
        svg.inline(
            figures.figure_of(figures.curves(curves, metric="harmful", feature="gender")),
            prefix="p", title="t", description="d",
        )
        for _ in range(2)
    }  # fmt: skip
    assert len(texts) == 1


def test_hostile_names_stay_inside_their_text(factory: ModuleType) -> None:
    row = {"metric": "<b>&", "feature": "f", "group": factory.HOSTILE[:20], "value": 0.5, "status": "ok"}
    ax = figures.group_dots(table([row], GROUP_COLUMNS), metric="<b>&", feature="f")
    text = svg.inline(figures.figure_of(ax), prefix="p", title=factory.HOSTILE, description=factory.HOSTILE)
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;" in text
    ElementTree.fromstring(text)


def test_bold_and_italic_survive() -> None:
    figure = Figure()
    figure.text(0, 0, "strong", fontweight="bold")
    figure.text(0, 0.5, "slanted", style="italic")
    text = svg.inline(figure, prefix="p", title="t", description="d")
    assert re.search(r'<text [^>]*font-weight="(bold|700)"[^>]*>strong', text)
    assert re.search(r'<text [^>]*font-style="italic"[^>]*>slanted', text)
