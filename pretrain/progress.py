"""One progress bar for long work, on standard error: done, images per second, time left."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from fairaudit.core.text import one_line


@contextmanager
def progress_bar(title: str, total: int, *, done: int = 0, shown: bool = True) -> Iterator[Callable[..., None]]:
    """Give ``advance(n=1, note="")``, which moves the bar by ``n`` images; nothing is drawn unless ``shown``."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        TextColumn("{task.completed:,}/{task.total:,} images"),
        TextColumn("{task.fields[note]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), disable=not shown) as bar:
        task = bar.add_task(one_line(title), total=total, completed=done, note="")
        started, seen = time.perf_counter(), 0

        def advance(n: int = 1, note: str = "") -> None:
            nonlocal seen
            seen += n
            rate = seen / max(time.perf_counter() - started, 1e-9)
            bar.update(task, advance=n, note=f"{rate:,.0f}/s {note}".rstrip())

        yield advance
