"""``ahead``: the next batches are made in another thread while the step uses this one."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

Key = TypeVar("Key")
Made = TypeVar("Made")
DEPTH = 2


@contextmanager
def ahead(make: Callable[[Key], Made], keys: Iterable[Key], *, depth: int = DEPTH) -> Iterator[Iterator[Made]]:
    """Give ``make(key)`` for each key, in order, made up to ``depth`` keys before they are asked for.

    One thread makes them, one after the other, so that ``make`` may remember what it met. What it raises is raised
    where that key's turn comes.
    """
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead")
    try:
        yield _in_turn(pool, make, iter(keys), depth)
    finally:
        pool.shutdown(cancel_futures=True)


def _in_turn(pool: ThreadPoolExecutor, make: Callable[[Key], Made], keys: Iterator[Key], depth: int) -> Iterator[Made]:
    waiting: deque[Future[Made]] = deque(pool.submit(make, key) for key in islice(keys, depth))
    while waiting:
        made = waiting.popleft().result()
        waiting.extend(pool.submit(make, key) for key in islice(keys, 1))
        yield made
