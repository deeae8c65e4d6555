"""Tables and lines on the terminal; text from the data is never read as markup."""

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
    """Print ``parts``; without a terminal, at the width of ``COLUMNS`` or 110 characters."""
    console = console or Console(highlight=False, soft_wrap=False)
    if console.is_terminal:
        console.print(Group(*parts))
        return
    columns = os.environ.get("COLUMNS", "")
    plain = Console(file=io.StringIO(), highlight=False, width=int(columns) if columns.isdigit() else _WIDTH)
    with plain.capture() as capture:
        plain.print(Group(*parts))
    # Logs and mails wrap blanks at the end of a line into a line of their own.
    console.file.write("".join(f"{line.rstrip()}\n" for line in capture.get().splitlines()))


def table(head: Sequence[str], rows: Sequence[Sequence[str]], *, n_text: int = 1) -> RenderableType:
    """Return a table with ``n_text`` columns of text, then columns of numbers."""
    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for i, name in enumerate(head):
        grid.add_column(text(name), justify="left" if i < n_text else "right", overflow="fold")
    for row in rows:
        grid.add_row(*map(text, row))
    return Padding(grid, (0, 2))


def facts(pairs: Iterable[tuple[str, str]]) -> RenderableType:
    """Return names and their values side by side."""
    grid = Table(box=None, show_header=False, pad_edge=False)
    grid.add_column(overflow="fold", style="dim", max_width=46)
    grid.add_column(overflow="fold")
    for name, value in pairs:
        grid.add_row(text(name), text(value))
    return Padding(grid, (0, 2))


def text(content: str, style: str = "") -> Text:
    """Return a printable line: rich never reads a ``Text`` as markup, and control characters are escaped."""
    return Text(" ".join(printable(content).split()), style=style)
