"""Matplotlib figures as SVG for a page with a strict content security policy.

Style attributes become presentation attributes and colour classes, ids get a prefix, metadata and style elements are
removed, text stays text, and every figure gets a title and a description.
"""

from __future__ import annotations

import io
import re
import warnings
from typing import Final
from xml.etree import ElementTree

import matplotlib as mpl
from markupsafe import Markup
from matplotlib.figure import Figure

from fairaudit.core.text import printable
from fairaudit.reports.palette import LIGHT

_SVG: Final = "http://www.w3.org/2000/svg"
_XLINK: Final = "{http://www.w3.org/1999/xlink}href"
_CLASS_OF: Final = {value: name for name, value in LIGHT.items()}
#: Properties that the page's style sheet sets, or that equal the default.
_DROPPED: Final = {"font-family", "font-stretch", "font-variant", "stroke-linejoin", "stroke-linecap"}
_LONG_NUMBER: Final = re.compile(r"-?\d+\.\d{3,}")
ElementTree.register_namespace("", _SVG)


def inline(figure: Figure, *, prefix: str, title: str, description: str) -> Markup:
    """Return ``figure`` as an ``<svg>`` element for HTML.

    Parameters
    ----------
    figure : Figure
        Colours of ``palette.LIGHT`` become classes and follow the page's theme.
    prefix : str
        Prefix of all ids, unique on the page: letters, digits, hyphens.
    title, description : str
        Name and content, for people who do not see the figure.

    Returns
    -------
    Markup
        Deterministic: the same figure gives the same text. No ``style``, no script, no reference outside itself.
    """
    root = ElementTree.fromstring(_source(figure))
    for parent in root.iter():
        for child in list(parent):
            if child.tag in (f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"):
                parent.remove(child)
    _drop_background(root)
    ids = {e.get("id"): f"{prefix}-{i}" for i, e in enumerate(root.iter()) if e.get("id") and e.tag != f"{{{_SVG}}}g"}
    for element in root.iter():
        _rename(element, ids)
        _present(element)
        element.text = None if element.tag != f"{{{_SVG}}}text" else element.text
        element.tail = None
    _drop_empty(root)
    _name(root, prefix, title, description)
    return Markup(ElementTree.tostring(root, encoding="unicode"))


def _source(figure: Figure) -> str:
    buffer = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "fairaudit"}), warnings.catch_warnings():
        # The reader's own fonts draw the text, so glyphs missing here do not matter.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _drop_background(root: ElementTree.Element) -> None:
    """Remove the white patches of figure and axes, which would show on dark paper."""
    for parent in root.iter():
        for child in list(parent):
            if child.tag == f"{{{_SVG}}}path" and "fill: #ffffff" in child.get("style", ""):
                parent.remove(child)


def _drop_empty(parent: ElementTree.Element) -> None:
    """Remove groups and definitions that hold nothing."""
    for child in list(parent):
        _drop_empty(child)
        if child.tag in (f"{{{_SVG}}}g", f"{{{_SVG}}}defs") and not len(child):
            parent.remove(child)


def _rename(element: ElementTree.Element, ids: dict[str | None, str]) -> None:
    own = element.attrib.pop("id", None)
    if own in ids:
        element.set("id", ids[own])
    target = element.attrib.pop(_XLINK, None)
    if target is not None:
        element.set("href", f"#{ids[target.lstrip('#')]}")
    clip = element.get("clip-path")
    if clip is not None:
        element.set("clip-path", f"url(#{ids[clip[5:-1]]})")


def _present(element: ElementTree.Element) -> None:
    """Turn ``style`` into presentation attributes, colours into classes, and shorten numbers."""
    classes = []
    for part in element.attrib.pop("style", "").split(";"):
        key, _, value = (s.strip() for s in part.partition(":"))
        if key == "font":  # shorthand, e.g. "10px 'DejaVu Sans', sans-serif"
            size = re.search(r"([\d.]+)px", value)
            if size:
                element.set("font-size", size[1])
            before = value.partition(size[1] if size else "px")[0].split()
            if {"bold", "600", "700"} & set(before):
                element.set("font-weight", "bold")
            if "italic" in before:
                element.set("font-style", "italic")
        elif key and key not in _DROPPED:
            element.set(key, value.removesuffix("px"))
        if key in ("fill", "stroke") and value in _CLASS_OF:
            classes.append(f"{key[0]}-{_CLASS_OF[value]}")
    if element.tag == f"{{{_SVG}}}text" and not any(c.startswith("f-") for c in classes):
        classes.append("f-ink")
    if classes:
        element.set("class", " ".join(classes))
    if re.match(r"rotate\(-?0 ", element.get("transform", "")):
        del element.attrib["transform"]
    for key in ("d", "x", "y", "transform", "points", "width", "height", "stroke-width"):
        if key in element.attrib:
            shorter = _LONG_NUMBER.sub(lambda m: f"{float(m[0]):.2f}", element.attrib[key])
            element.set(key, re.sub(r"\s+", " ", shorter).strip())


def _name(root: ElementTree.Element, prefix: str, title: str, description: str) -> None:
    for key in ("version", "height"):
        root.attrib.pop(key, None)
    width = float(root.attrib["viewBox"].split()[2])
    root.set("width", f"{width * 4 / 3:.0f}")  # points to CSS pixels
    root.set("role", "img")
    root.set("aria-labelledby", f"{prefix}-title {prefix}-desc")
    for i, (tag, text) in enumerate((("title", title), ("desc", description))):
        named = ElementTree.Element(f"{{{_SVG}}}{tag}", {"id": f"{prefix}-{tag}"})
        named.text = printable(text)
        root.insert(i, named)
