"""``one_thread``: fit small networks on one processor core."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch


@contextmanager
def one_thread() -> Iterator[None]:
    """Run torch on one core inside the block, then restore the number of cores.

    Sums then do not depend on the number of cores. One core is also faster for the small networks here: if another
    program holds a core, threads that wait for each other take a hundred times as long.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
