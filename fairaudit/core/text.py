"""Safe text for the terminal: control characters and marks of writing direction become visible escapes."""

from __future__ import annotations

import re

#: Control characters except tab and line feed, lone surrogates, non-characters, and Unicode's ``Bidi_Control``.
#: Compiled at its first use: every start of the command line imports this module.
_UNPRINTABLE = (
    "[^\t\n\u0020-\u007e\u00a0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]|[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]"
)


def printable(text: str) -> str:
    r"""Return ``text`` with each character that could steer a terminal or reorder a line as its Python escape.

    Examples
    --------
    >>> print(printable("a\x1b[2J \u202e"))
    a\x1b[2J \u202e
    """
    return re.sub(_UNPRINTABLE, lambda match: match[0].encode("unicode_escape").decode(), text)


def one_line(text: str) -> str:
    """Return ``printable`` text with a space for every line break."""
    return printable(" ".join(text.splitlines()))
