"""``Grouping`` and ``Crossing``: values of a feature, and the groups that several features form."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.errors import DataError
from fairaudit.core.samples import NOT_RECORDED
from fairaudit.stats.outcomes import Ints, Mask


@dataclass(frozen=True)
class Grouping:
    """Values of a feature of N rows, and the value of each row.

    Parameters
    ----------
    name : str
    levels : ndarray of any one type, shape (L,)
        Sorted values; if a value is missing, text with ``"not recorded"`` last.
    codes : ndarray of int, shape (N,)
        Position in ``levels`` of each row.
    """

    name: str
    levels: npt.NDArray[Any]
    codes: Ints

    @classmethod
    def of(cls, name: str, values: Iterable[Any]) -> Grouping:
        """Return the grouping of raw values; a missing value (None, NaN, NA) is ``"not recorded"``.

        Raises
        ------
        DataError
            If values are of several kinds: they have no order, and ``1`` could be mistaken for ``"1"``.
        """
        unique: Any
        try:
            positions, unique = pd.factorize(values if isinstance(values, pd.Series) else pd.Series(list(values)))
        except TypeError:  # lists and the like are not hashable
            positions, unique = np.zeros(0, dtype=np.int64), [[]]
        distinct = list(unique)
        if not all(pd.api.types.is_scalar(value) for value in distinct):
            raise DataError(f"feature '{name}' must hold one value a row; got a list or tuple. Name groups by a text.")
        kinds = sorted({_kind(value) for value in distinct})
        if len(kinds) > 1:
            raise DataError(
                f"feature '{name}' must hold values of one kind; got {' and '.join(kinds)}. Convert it to text first."
            )
        missing = bool((positions < 0).any())
        if missing or kinds == ["text"]:
            distinct = [*map(group_name, distinct), *([NOT_RECORDED] if missing else [])]
        levels, codes = np.unique(np.asarray(pd.Series(distinct, dtype=object).infer_objects()), return_inverse=True)
        order = np.argsort([str(level) == NOT_RECORDED for level in levels], kind="stable")
        # A missing value has the position -1, and its name is the last of ``distinct``.
        return cls(name, levels[order], np.argsort(order)[codes][positions])

    @property
    def recorded(self) -> Mask:
        """Whether each level (L,) is a recorded value."""
        return np.array([str(level) != NOT_RECORDED for level in self.levels], dtype=bool)


@dataclass(frozen=True)
class Crossing:
    """All combinations of the values of some features, observed or not; a single one without features.

    Parameters
    ----------
    groupings : tuple of Grouping
    codes : ndarray of int, shape (N,)
        Position of each row's combination; the last feature varies fastest.
    recorded : ndarray of bool, shape (G,)
        Whether all features are known in each of the G combinations.
    """

    groupings: tuple[Grouping, ...]
    codes: Ints
    recorded: Mask

    @classmethod
    def of(cls, groupings: Sequence[Grouping], *, n: int) -> Crossing:
        """Return the crossing of ``groupings`` over ``n`` rows."""
        codes, recorded = np.zeros(n, dtype=np.int64), np.ones(1, dtype=bool)
        for grouping in groupings:
            codes = codes * len(grouping.levels) + grouping.codes
            recorded = (recorded[:, None] & grouping.recorded[None, :]).ravel()
        return cls(tuple(groupings), codes, recorded)

    def __len__(self) -> int:
        return len(self.recorded)

    def index(self, *, within: Crossing | None = None) -> pd.Index:
        """Return the combinations as an index, with those of ``within`` as the first levels."""
        groupings = (*(within.groupings if within else ()), *self.groupings)
        if not groupings:
            return pd.RangeIndex(len(self))
        if len(groupings) == 1:
            single: pd.Index = pd.Index(groupings[0].levels, name=groupings[0].name)
            return single
        return pd.MultiIndex.from_product([g.levels for g in groupings], names=[g.name for g in groupings])

    @property
    def names(self) -> list[str]:
        """Text of each combination."""
        return [combination_name(value) for value in self.index()]


def combination_name(value: Any) -> str:
    """Return a value of an index as text, with ``&`` between the parts of a tuple."""
    return " & ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def group_name(value: Any) -> str:
    """Return a group's value as text, without the ``.0`` that missing values add to whole numbers.

    Examples
    --------
    >>> group_name(1.0), group_name(0.5), group_name("a")
    ('1', '0.5', 'a')
    """
    whole = isinstance(value, float | np.floating) and float(value).is_integer()
    return str(int(value)) if whole else str(value)


def _kind(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "truth values"
    if isinstance(value, Real):
        return "numbers"
    return "text" if isinstance(value, str) else type(value).__name__
