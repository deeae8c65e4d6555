"""Tables and lines on the terminal; nothing in the data is taken for markup."""

from __future__ import annotations

import io
import os
from collections.abc import Iterable, Sequence

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fairaudit.core.text import printable

_WIDTH = 110


def on_screen(parts: Iterable[RenderableType], console: Console | None = None) -> None:
    """Print the parts; where standard output is no terminal, 110 characters wide or as ``COLUMNS`` says."""
    console = console or Console(highlight=False, soft_wrap=False)
    if console.is_terminal:
        console.print(Group(*parts))
        return
    columns = os.environ.get("COLUMNS", "")
    made = Console(file=io.StringIO(), highlight=False, width=int(columns) if columns.isdigit() else _WIDTH)
    with made.capture() as capture:
        made.print(Group(*parts))
    # In a log or a mail, blanks at the end of lines become lines of their own.
    console.file.write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, n_text: int = 1) -> RenderableType:
    """Return a table whose first ``n_text`` columns are text and whose others are numbers."""
    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for at, name in enumerate(head):
        made.add_column(text(name), justify="left" if at < n_text else "right", overflow="fold")
    for row in rows:
        made.add_row(*map(text, row))
    return Padding(made, (0, 2))


def facts(pairs: Iterable[tuple[str, str]]) -> RenderableType:
    """Return names and what is to be said of each, side by side."""
    made = Table(box=None, show_header=False, pad_edge=False)
    made.add_column(overflow="fold", style="dim", max_width=46)
    made.add_column(overflow="fold")
    for name, said in pairs:
        made.add_row(text(name), text(said))
    return Padding(made, (0, 2))


def text(content: str, style: str = "") -> Text:
    """Return a line: a ``Text`` is never read as rich's markup, and control characters could steer the terminal."""
    return Text(" ".join(printable(content).split()), style=style)
