"""``Dice``: a random stream for one named thing."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

T = TypeVar("T")


class Dice:
    """Random numbers for one thing, named by words and numbers.

    Different names never share a stream, and the numbers of a name do not depend on earlier draws. The order of
    drawing, the number of processes and the size of the world therefore change no picture.

    Parameters
    ----------
    *name : str or int
        Purpose of the numbers, e.g. ``Dice(seed, "population", "person", 12)``.
    """

    def __init__(self, *name: str | int) -> None:
        # ``random.seed`` version 2 hashes a text by SHA-512, so that similar names give unrelated streams.
        self._random = random.Random("/".join(str(part) for part in name))

    def uniform(self, low: float, high: float) -> float:
        """Return a number in [low, high)."""
        return low + (high - low) * self._random.random()

    def chance(self, probability: float) -> bool:
        """Return True with the given probability; always consume one number."""
        return self._random.random() < probability

    def whole(self, low: int, high: int) -> int:
        """Return a whole number in [low, high], both included."""
        return low + int(self._random.random() * (high - low + 1))

    def pick(self, options: Sequence[T]) -> T:
        """Return a random option, all equally likely."""
        return options[int(self._random.random() * len(options))]

    def shuffled(self, options: Sequence[T]) -> list[T]:
        """Return the options in random order."""
        mixed = list(options)
        self._random.shuffle(mixed)
        return mixed

    def normal(self, shape: tuple[int, ...]) -> npt.NDArray[np.float32]:
        """Return independent standard normal numbers of the given shape."""
        bits = np.random.Generator(np.random.PCG64(self._random.getrandbits(64)))
        return bits.standard_normal(shape, dtype=np.float32)
