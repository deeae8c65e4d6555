"""``ahead``: prepare the next batches in another thread while a step uses the current batch."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from itertools import islice
from typing import TypeVar

Key = TypeVar("Key")
Result = TypeVar("Result")
DEPTH = 2


@contextmanager
def ahead(make: Callable[[Key], Result], keys: Iterable[Key], *, depth: int = DEPTH) -> Iterator[Iterator[Result]]:
    """Yield an iterator of ``make(key)`` for each key, in order, computed up to ``depth`` keys in advance.

    A single thread calls ``make``, so that ``make`` may keep a state. Its errors are raised at the turn of their key.
    """
    pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="ahead")
    try:
        yield _in_turn(pool, make, iter(keys), depth)
    finally:
        pool.shutdown(cancel_futures=True)


def _in_turn(
    pool: ThreadPoolExecutor, make: Callable[[Key], Result], keys: Iterator[Key], depth: int
) -> Iterator[Result]:
    waiting: deque[Future[Result]] = deque(pool.submit(make, key) for key in islice(keys, depth))
    while waiting:
        result = waiting.popleft().result()
        waiting.extend(pool.submit(make, key) for key in islice(keys, 1))
        yield result
