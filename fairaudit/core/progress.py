"""Progress of long work on the terminal: one line a step, a bar where the work can be counted."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from fairaudit.core.text import one_line

#: Called with what is done and what there is in all.
Advance = Callable[[int, int], None]


@contextmanager
def step(title: str, *, shown: bool = True) -> Iterator[Advance]:
    """Show ``title`` with a bar while the block runs, and its duration afterwards.

    Gives ``advance(done, total)``. Where standard error is no terminal only the last line is printed, so that a
    log stays short. With ``shown=False`` nothing is printed.
    """
    console = Console(stderr=True, quiet=not shown, highlight=False)
    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(bar_width=30),
        MofNCompleteColumn(), TimeRemainingColumn(),
    )  # fmt: skip
    title = one_line(title)
    started = time.perf_counter()
    bar = Progress(*columns, console=console, transient=True, disable=not (shown and sys.stderr.isatty()))
    with bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
    console.print(Text.assemble(f"  {title} ", (f"({time.perf_counter() - started:.1f} s)", "dim")))


def say(text: str, *, shown: bool = True) -> None:
    """Print a line among those of the steps."""
    if shown:
        Console(stderr=True, highlight=False, soft_wrap=True).print(Text(f"  {one_line(text)}"))
