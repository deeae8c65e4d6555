"""What can be checked of WCAG 2.2 AA without people: structure, names, contrast."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from itertools import pairwise

import pytest

from fairaudit.reports import page, palette

PAGES = ("report", "comparison", "run", "hostile report", "hostile comparison", "hostile run")


class Outline(HTMLParser):
    """Headings, landmarks and tables in their order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.levels: list[int] = []
        self.tags: list[str] = []
        self.attributes: list[dict[str, str | None]] = []
        self.tables: list[list[tuple[str, dict[str, str | None]]]] = []
        self.scrolls = 0
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes.append(dict(attrs))
        if re.fullmatch(r"h[1-6]", tag):
            self.levels.append(int(tag[1]))
        if tag == "table":
            self.tables.append([])
        if self.tables:
            self.tables[-1].append((tag, dict(attrs)))


@pytest.mark.parametrize("name", PAGES)
def test_headings_are_in_order_and_there_is_one_h1(pages: dict[str, str], name: str) -> None:
    levels = Outline(pages[name]).levels
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


@pytest.mark.parametrize("name", PAGES)
def test_language_landmarks_and_skip_link(pages: dict[str, str], name: str) -> None:
    outline = Outline(pages[name])
    assert outline.attributes[0]["lang"] == "en"
    for landmark in ("header", "nav", "main", "footer"):
        assert outline.tags.count(landmark) == 1
    first_link = next(a for tag, a in zip(outline.tags, outline.attributes, strict=True) if tag == "a")
    assert first_link == {"class": "skip", "href": "#main"}


@pytest.mark.parametrize("name", PAGES)
def test_every_table_has_a_caption_and_scoped_heads(pages: dict[str, str], name: str) -> None:
    tables = Outline(pages[name]).tables
    assert len(tables) > 3
    for table in tables:
        assert table[1][0] == "caption"
        heads = [attributes for tag, attributes in table if tag == "th"]
        assert heads
        assert all(a.get("scope") in ("col", "row", "rowgroup") for a in heads)


@pytest.mark.parametrize("name", PAGES)
def test_what_scrolls_can_be_reached_and_has_a_name(pages: dict[str, str], name: str) -> None:
    scrolls = [a for a in Outline(pages[name]).attributes if (a.get("class") or "").startswith("scroll")]
    assert scrolls
    for attributes in scrolls:
        assert attributes["tabindex"] == "0"
        assert attributes["role"] == "region"
        assert attributes.get("aria-labelledby") or attributes.get("aria-label")


@pytest.mark.parametrize("name", PAGES)
def test_every_figure_has_a_name_and_a_description(pages: dict[str, str], name: str) -> None:
    figures = re.findall(r"<svg .*?</svg>", pages[name], flags=re.DOTALL)
    assert figures
    for figure in figures:
        named = re.search(r'role="img" aria-labelledby="(\S+)-title \1-desc"', figure)
        assert named
        assert re.search(rf'<title id="{named[1]}-title">[^<]+</title><desc id="{named[1]}-desc">[^<]+</desc>', figure)


@pytest.mark.parametrize("name", [name for name in PAGES if "run" not in name])  # which has no verdicts
def test_a_verdict_is_never_colour_alone(pages: dict[str, str], name: str) -> None:
    badges = re.findall(r'<span class="badge[^"]*">(.*?)</span> ([^<]*)</span>', pages[name])
    assert badges
    assert len(badges) == pages[name].count('class="badge')
    for sign, words in badges:
        assert re.fullmatch(r'<span aria-hidden="true">\S', sign)
        assert len(words.strip()) > 3


def luminance(colour: str) -> float:
    """Relative luminance as WCAG 2.2 defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def themes() -> dict[str, dict[str, str]]:
    """The variables as the style sheet sets them: read from the CSS, not from Python."""
    css = page.stylesheet()
    blocks = re.findall(r":root\{([^}]*)\}", css)
    light, dark, printed = (dict(re.findall(r"--([\w-]+):(#[0-9a-f]{6});", block)) for block in blocks)
    return {"light": light, "dark": dark, "print": printed}


def test_the_contrast_formula_gives_the_known_extremes() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # the usual near miss


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_text_has_a_contrast_of_at_least_4_5(theme: str) -> None:
    colours = themes()[theme]
    for text in ("ink", "muted", "link", "disparity", "inconclusive", "within", "none"):
        assert contrast(colours[text], colours["paper"]) >= 4.5, text
    for text in ("ink", "muted"):
        assert contrast(colours[text], colours["panel"]) >= 4.5, text
    for verdict in ("disparity", "inconclusive", "within", "none"):
        assert contrast(colours[verdict], colours[f"{verdict}-tint"]) >= 4.5, verdict


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_marks_of_figures_have_a_contrast_of_at_least_3(theme: str) -> None:
    colours = themes()[theme]
    for i in range(palette.N_SERIES):
        assert contrast(colours[f"series-{i}"], colours["paper"]) >= 3
    assert contrast(colours["faint"], colours["paper"]) >= 3


def test_all_themes_set_all_variables_that_are_used() -> None:
    used = set(re.findall(r"var\(--([\w-]+)\)", page.stylesheet())) - {"c", "t"}
    for colours in themes().values():
        assert used <= set(colours) == set(palette.LIGHT)


def test_the_style_sheet_cares_for_print_motion_and_forced_colours() -> None:
    for query in ("print", "(prefers-color-scheme:dark)", "(forced-colors: active)"):
        assert f"@media {query}" in page.stylesheet().replace("@media print{", "@media print{")
    assert "@media (prefers-reduced-motion: no-preference) { html { scroll-behavior: smooth; } }" in page.stylesheet()
    assert "details::details-content" in page.stylesheet()
    assert ":focus-visible" in page.stylesheet()
