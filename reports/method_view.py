"""``METHOD.md`` as part of a page: a report that travels alone still says how its numbers come about."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from markdown_it import MarkdownIt
from markupsafe import Markup

_SECTION = 3  # the level of the file's title in the page


@cache
def method() -> Markup:
    """Return the method's text as HTML, its headings below those of a section."""
    parser = MarkdownIt("commonmark", {"html": False})
    tokens = parser.parse((files("fairaudit") / "METHOD.md").read_text(encoding="utf-8"))
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1:]) + _SECTION - 1, 6)}"
    # Ours, and markup in it is escaped by the parser.
    return Markup(parser.renderer.render(tokens, parser.options, {}))
