"""``METHOD.md`` as a section of every page, so that a report alone documents its numbers."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

_SECTION = 3  # the level of the file's title in the page
_CAPTION = "<caption>What is computed in each situation, and what was measured</caption>\n"


@cache
def method() -> Markup:
    """Return ``METHOD.md`` as HTML, with headings below those of a section."""
    parser = MarkdownIt("commonmark", {"html": False}).enable("table")
    tokens = parser.parse((files("fairaudit") / "METHOD.md").read_text(encoding="utf-8"))
    for token in tokens:
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1:]) + _SECTION - 1, 6)}"
        if token.type == "th_open":
            token.attrSet("scope", "col")
    for at in [i for i, token in enumerate(tokens) if token.type == "table_open"][::-1]:
        tokens.insert(at + 1, Token("html_block", "", 0, content=_CAPTION))
    # The text is ours, and the parser escapes HTML in it.
    return Markup(parser.renderer.render(tokens, parser.options, {}))
