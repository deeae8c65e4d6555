"""``Texts``: a long list of short texts in two arrays, for names of millions of files."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from typing import overload

import numpy as np


class Texts(Sequence[str]):
    """A list of texts that cannot be changed: 8 bytes and their UTF-8 for each, where Python's own take 60 more.

    Parameters
    ----------
    texts : iterable of str
        Also names of files whose bytes are no UTF-8, as Python gives them.
    """

    def __init__(self, texts: Iterable[str]) -> None:
        joined, ends = bytearray(), array("q", [0])
        for text in texts:
            joined += text.encode("utf-8", "surrogateescape")
            ends.append(len(joined))
        self._joined, self._ends = bytes(joined), np.array(ends, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, at: int) -> str: ...

    @overload
    def __getitem__(self, at: slice) -> Texts: ...

    def __getitem__(self, at: int | slice) -> str | Texts:
        if isinstance(at, slice):
            return Texts(self[i] for i in range(*at.indices(len(self))))
        if not -len(self) <= at < len(self):
            raise IndexError(f"text {at} of {len(self)}")
        start = at % len(self)
        return self._joined[self._ends[start] : self._ends[start + 1]].decode("utf-8", "surrogateescape")
