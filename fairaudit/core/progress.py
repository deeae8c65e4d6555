"""Progress of long work on the terminal: a bar while a step runs, and one line when it has ended."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
from rich.text import Text

from fairaudit.core.text import one_line

#: Callback for progress: called with the number of done units and the number of all units.
Advance = Callable[[int, int], None]


class _Speed(ProgressColumn):
    """Units in a second."""

    def render(self, task: Task) -> Text:
        return Text(f"{task.speed:,.{0 if task.speed >= 10 else 1}f}/s" if task.speed else "")


def bars(*, shown: bool) -> Progress:
    """Return bars on standard error that vanish at their end, without markup; on a terminal only: logs stay short."""
    columns = (
        TextColumn("{task.description}", markup=False), BarColumn(30), MofNCompleteColumn(), _Speed(),
        TimeRemainingColumn(),
    )  # fmt: skip
    console = Console(stderr=True, quiet=not shown, highlight=False, markup=False, soft_wrap=True)
    return Progress(*columns, console=console, transient=True, disable=not (shown and sys.stderr.isatty()))


def print_ended(bar: Progress, title: str, started: float) -> None:
    """Print ``title`` with the seconds since ``started``, a value of ``time.perf_counter``."""
    bar.console.print(Text.assemble(f"  {title} ", (f"({time.perf_counter() - started:.1f} s)", "dim")))


@contextmanager
def step(title: str, *, shown: bool = True, note: Callable[[], str] = str) -> Iterator[Advance]:
    """Show ``title`` with a bar while the block runs, and its duration afterwards; print nothing unless ``shown``.

    Gives ``advance(done, total)``, which shows the text of ``note()`` behind the title.
    """
    title = one_line(title)
    started = time.perf_counter()
    with bars(shown=shown) as bar:
        task = bar.add_task(title, total=None)
        yield lambda done, total: bar.update(task, description=title + note(), completed=done, total=total)
    print_ended(bar, title, started)


def say(text: str, *, shown: bool = True) -> None:
    """Print a line among those of the steps."""
    bars(shown=shown).console.print(Text(f"  {one_line(text)}"))
