"""``one_thread``: small networks are fitted on one processor core."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Let torch use one core inside the block, and what it used before afterwards.

    The sums then do not depend on how many cores there are. It is also faster: the networks here are too small to
    share, and where another program holds a core, threads that wait for each other take a hundred times as long.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
