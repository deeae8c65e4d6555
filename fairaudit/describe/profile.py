"""``Profile``: what a table declares of the images in it, with n and intervals; to and from JSON.

The share of a value is that of images. Every number stands with the rows it comes from; one that cannot be estimated is
NaN (``null`` in JSON) with a note.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from fairaudit.core.errors import DataError
from fairaudit.core.typed_values import build

VERSION = 1
#: What a missing value is called: a row of its own, never left out.
UNKNOWN = "unknown"
#: Names and values of a table are cut to so many characters.
LONGEST = 200
NAN = math.nan
_AGAIN = "Make it again with fairaudit data profile."


@dataclass(frozen=True)
class Figure:
    """A number with its 95 % interval.

    Parameters
    ----------
    value, low, high : float
        NaN where it cannot be estimated.
    note : str
        Why there is no number or no interval; empty otherwise.
    """

    value: float = NAN
    low: float = NAN
    high: float = NAN
    note: str = ""


@dataclass(frozen=True)
class ValueShare:
    """How many rows have one value.

    Parameters
    ----------
    value : str
        As declared; ``"unknown"`` where nothing is, at most 200 characters.
    kind : str
        ``"value"``; ``"unknown"``; ``"not placed"``: a declared country that the roll-up has no group for;
        ``"others"``: all values that are too many to list, together.
    n : int
        Rows of the sample.
    share : Figure
        Of all rows, ``unknown`` among them, in [0, 1].
    known_share : Figure
        Of the rows whose value is known; NaN for ``unknown`` and ``not placed``.
    """

    value: str
    kind: str
    n: int
    share: Figure
    known_share: Figure = Figure()


@dataclass(frozen=True)
class FieldProfile:
    """The distribution of one declared field.

    Parameters
    ----------
    name : str
        The column, or what it was rolled up to, e.g. ``"region of country"``.
    source : str
        Whose grouping a roll-up is; empty for a column.
    n, n_known : int
        Rows of the sample, and those whose value is known.
    n_clusters : int
        Clusters among the known rows; ``n_known`` where none are named.
    n_values : int
        Different known values in the sample: at least so many are in the table.
    shares : tuple of ValueShare
        By falling number of rows; then ``others``, ``not placed``, ``unknown``. Their shares sum to one.
    evenness : Figure
        Entropy of the known values over its largest, ln ``n_values``: 1 where all are equally frequent, near 0 where
        one value is nearly everything (Pielou's J). Low is less diverse.
    effective_number : Figure
        exp(entropy): so many equally frequent values would be as diverse (Hill's number of order 1). Low is less
        diverse.
    reached : Figure
        Values with at least ``Profile.images_at_least`` images in the table; with the numbers for which the interval of
        their share says so surely, and possibly. Equal where the whole table was read.
    ci_method : str
        How the intervals of shares were made.
    notes : tuple of str
    """

    name: str
    source: str
    n: int
    n_known: int
    n_clusters: int
    n_values: int
    shares: tuple[ValueShare, ...]
    evenness: Figure
    effective_number: Figure
    reached: Figure
    ci_method: str
    notes: tuple[str, ...] = ()

    @property
    def largest(self) -> ValueShare | None:
        """The most frequent known value; None if there is none."""
        return next((share for share in self.shares if share.kind == "value"), None)

    @property
    def unknown(self) -> ValueShare | None:
        """The rows without a value; None if there are none."""
        return next((share for share in self.shares if share.kind == "unknown"), None)


@dataclass(frozen=True)
class Copies:
    """Images that are there more than once, counted and not estimated.

    Parameters
    ----------
    method : str
        What counts as a copy, in words.
    n : int
        Images that were compared.
    n_groups : int
        Groups of images that are copies of each other.
    n_surplus : int
        Images that would go if one of each group were kept.
    examples : tuple of tuple of str
        Files of the first groups, in the table's order.
    note : str
        Why nothing, or not everything, was compared.
    """

    method: str
    n: int
    n_groups: int = 0
    n_surplus: int = 0
    examples: tuple[tuple[str, ...], ...] = ()
    note: str = ""


@dataclass(frozen=True)
class Profile:
    """A table's declared distributions.

    Parameters
    ----------
    table : str
        File name, without its folder.
    n_rows, n_sampled : int
        Rows of the table, and those that the numbers come from: a simple random sample, or all.
    seed : int
        Of the sample.
    cluster : str
        Column of the unit within which rows are not independent; empty: each row is its own.
    images_at_least : int
        Bar for ``FieldProfile.reached``.
    fields : tuple of FieldProfile
    copies : tuple of Copies
    not_profiled : tuple of str
        Columns that were not asked for.
    notes : tuple of str
    """

    table: str
    n_rows: int
    n_sampled: int
    seed: int
    cluster: str
    images_at_least: int
    fields: tuple[FieldProfile, ...]
    copies: tuple[Copies, ...] = ()
    not_profiled: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    version: int = field(default=VERSION)

    @property
    def is_whole(self) -> bool:
        """Whether every row was read into the numbers."""
        return self.n_sampled == self.n_rows

    def field(self, name: str) -> FieldProfile:
        """Return the field called ``name``; KeyError if there is none."""
        for one in self.fields:
            if one.name == name:
                return one
        raise KeyError(name)

    def document(self) -> dict[str, Any]:
        """Return the profile as JSON values; NaN becomes None."""
        plain: dict[str, Any] = _plain(dataclasses.asdict(self))
        return plain


def profile_from(document: object) -> Profile:
    """Return the profile that ``Profile.document`` gave.

    Raises
    ------
    DataError
        If it is none, or of another version.
    """
    version = document.get("version") if isinstance(document, Mapping) else None
    if not isinstance(document, Mapping) or version != VERSION:
        raise DataError(f"profile must be a profile of version {VERSION}; got {(version or document)!r:.60}. {_AGAIN}")
    return build(Profile, document, where="profile", advice=_AGAIN, error=DataError)


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _plain(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(inner) for inner in value]
    return None if isinstance(value, float) and math.isnan(value) else value
