"""Whatever stands in the data, a page is well-formed, loads nothing, and runs nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from html.parser import HTMLParser
from types import ModuleType

import pytest

from fairaudit.core.audit import AuditResult
from fairaudit.reports import page

NAMES = ("report", "hostile report", "comparison", "hostile comparison", "run", "hostile run", "hostile fragment")
PAGES = NAMES[:-1]
VOID = {"meta", "link", "img", "br", "hr", "input"}
#: Everything our templates and matplotlib write; whatever else turns up came out of data.
ALLOWED = {
    *("html", "head", "meta", "title", "style", "body", "a", "header", "div", "nav", "ol", "li", "main", "section"),
    *(
        "h1",
        "h2",
        "h3",
        "h4",
        "p",
        "dl",
        "dt",
        "dd",
        "ul",
        "span",
        "strong",
        "em",
        "small",
        "code",
        "pre",
        "bdi",
        "footer",
    ),
    *("table", "caption", "thead", "tbody", "tfoot", "tr", "th", "td", "details", "summary", "figure", "figcaption"),
    *("svg", "g", "defs", "path", "use", "text", "desc", "clippath", "rect"),
}


class Reader(HTMLParser):
    """Collects elements and checks that each is closed in its turn."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.texts: list[str] = []
        self.faults: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if len(dict(attrs)) != len(attrs):
            self.faults.append(f"<{tag}> has an attribute twice")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data: str) -> None:
        self.texts.append(data)

    def handle_comment(self, data: str) -> None:
        self.faults.append(f"a comment: {data[:40]}")


@pytest.mark.parametrize("name", NAMES)
def test_every_element_is_closed_and_is_ours(pages: dict[str, str], name: str) -> None:
    reader = Reader(pages[name])
    assert reader.faults == []
    assert reader.open == []
    assert {tag for tag, _ in reader.elements} <= ALLOWED


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_loaded_and_nothing_runs(pages: dict[str, str], name: str) -> None:
    for tag, attributes in Reader(pages[name]).elements:
        assert "src" not in attributes
        assert "style" not in attributes, tag
        assert not [a for a in attributes if a.startswith("on")]
        target = attributes.get("href") or attributes.get("xlink:href") or "#"
        assert target.startswith("#") or target == "b/report.html"
    assert not re.search(r"url\((?!#)|@import", pages[name])


@pytest.mark.parametrize("name", ["hostile report", "hostile comparison", "hostile run", "hostile fragment"])
def test_hostile_text_is_shown_as_text(pages: dict[str, str], name: str) -> None:
    text = "".join(Reader(pages[name]).texts)
    assert text.count("<script>alert(1)</script></style><img src=x onerror=alert(2)>\"'`--><b>$\\frac{1}{0}$&amp;") > 5
    assert "{{ 7*7 }}" in text
    assert "49" not in re.findall(r"&amp;(\d+)", text)
    assert not re.search("[\x00\ud800\u202e]", pages[name])
    assert pages[name].encode("utf-8")


@pytest.mark.parametrize("name", PAGES)
def test_the_policy_names_exactly_our_one_style(pages: dict[str, str], name: str) -> None:
    elements = Reader(pages[name]).elements
    policies = [
        a["content"] for tag, a in elements if tag == "meta" and a.get("http-equiv") == "Content-Security-Policy"
    ]
    styles = re.findall(r"<style>(.*?)</style>", pages[name], flags=re.DOTALL)
    assert len(styles) == 1
    digest = base64.b64encode(hashlib.sha256(styles[0].encode()).digest()).decode()
    assert policies == [f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"]


@pytest.mark.parametrize("name", NAMES)
def test_ids_are_unique_and_every_reference_is_met(pages: dict[str, str], name: str) -> None:
    elements = Reader(pages[name]).elements
    ids = [a["id"] for _, a in elements if "id" in a]
    assert len(ids) == len(set(ids))
    wanted = {(a.get("href") or "")[1:] for _, a in elements if (a.get("href") or "").startswith("#")}
    wanted |= {one for _, a in elements for one in (a.get("aria-labelledby") or "").split()}
    wanted |= set(re.findall(r'clip-path="url\(#([^)]*)\)"', pages[name]))
    assert wanted <= set(ids)


def test_a_style_sheet_cannot_end_its_element() -> None:
    assert "<" not in page.stylesheet()


def test_a_lone_surrogate_in_a_file_name_can_be_written(
    hostile_page: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = page.write(hostile_page, tmp_path_factory.mktemp("hostile") / "report.html")
    assert path.read_text(encoding="utf-8") == hostile_page


def test_no_image_of_the_data_is_shown(audit: AuditResult, factory: ModuleType, report_page: str) -> None:
    assert not {"img", "image", "picture", "object", "iframe"} & {tag for tag, _ in Reader(report_page).elements}
