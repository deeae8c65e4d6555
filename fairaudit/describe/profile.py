"""``Profile``: distributions that a table declares of its images, with n and intervals; to and from JSON.

Shares are shares of images. A number that cannot be estimated is NaN (``null`` in JSON) with a note.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairaudit.core.errors import DataError
from fairaudit.core.files import json_value
from fairaudit.core.marker import OWN
from fairaudit.core.typed_values import build

VERSION = 1
#: Name of missing values, which have a row of their own and are never left out.
UNKNOWN = "unknown"
#: Characters to which names and values of a table are cut.
LONGEST = 200
NAN = math.nan
_AGAIN = "Make it again with fairaudit data profile."


@dataclass(frozen=True)
class Figure:
    """A number with its 95 % interval.

    Parameters
    ----------
    value, low, high : float
        NaN if it cannot be estimated.
    note : str
        Why there is no number or no interval; empty otherwise.
    """

    value: float = NAN
    low: float = NAN
    high: float = NAN
    note: str = ""


@dataclass(frozen=True)
class ValueShare:
    """Rows with one value.

    Parameters
    ----------
    value : str
        As declared, at most 200 characters; ``"unknown"`` for missing values.
    kind : str
        ``"value"``; ``"unknown"``; ``"not placed"``: a declared country without a group in the roll-up; ``"others"``:
        the sum of all values that are too many to list.
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
        The column, or its roll-up, e.g. ``"region of country"``.
    source : str
        Publisher of a roll-up's groups; empty for a column.
    n, n_known : int
        Rows of the sample, and those whose value is known.
    n_clusters : int
        Clusters among the known rows; ``n_known`` if none are named.
    n_values : int
        Different known values in the sample, a lower bound for the table.
    shares : tuple of ValueShare
        By falling number of rows; then ``others``, ``not placed``, ``unknown``. Their shares sum to one.
    evenness : Figure
        Entropy of the known values over its maximum, ln ``n_values``: 1 if all are equally frequent, near 0 if one
        value dominates (Pielou's J). Low is less diverse.
    effective_number : Figure
        exp(entropy): the number of equally frequent values with the same diversity (Hill's number of order 1). Low is
        less diverse.
    reached : Figure
        Values with at least ``Profile.images_at_least`` images in the table; low and high count those whose share's
        interval lies wholly, and partly, above that bar. All are equal if the whole table was read.
    ci_method : str
        Method of the shares' intervals.
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
    """Duplicate images, counted and not estimated.

    Parameters
    ----------
    method : str
        Definition of a copy, in words.
    n : int
        Compared images.
    n_groups : int
        Groups of images that are copies of each other.
    n_surplus : int
        Images beyond one of each group.
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
        Rows of the table, and of the simple random sample (or all) behind the numbers.
    seed : int
        Of the sample.
    cluster : str
        Column of the unit within which rows are not independent; empty if each row is its own.
    images_at_least : int
        Bar for ``FieldProfile.reached``.
    fields : tuple of FieldProfile
    copies : tuple of Copies
    not_profiled : tuple of str
        Columns without a profile.
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
    version: int = VERSION

    @property
    def is_whole(self) -> bool:
        """Whether the numbers use every row."""
        return self.n_sampled == self.n_rows

    def field(self, name: str) -> FieldProfile:
        """Return the field called ``name``; KeyError if there is none."""
        return {profile.name: profile for profile in reversed(self.fields)}[name]

    def document(self) -> dict[str, Any]:
        """Return the profile as JSON values; NaN becomes None."""
        plain: Any = json_value(dataclasses.asdict(self))
        return dict(plain)


def profile_from(document: object) -> Profile:
    """Return the profile of a ``Profile.document``, or of the file that ``data profile`` wrote.

    Raises
    ------
    DataError
        If ``document`` is no profile, or of another version.
    """
    version = document.get("version") if isinstance(document, Mapping) else None
    if not isinstance(document, Mapping) or version != VERSION:
        raise DataError(f"profile must be a profile of version {VERSION}; got {(version or document)!r:.60}. {_AGAIN}")
    values = {name: value for name, value in document.items() if name != OWN}
    return build(Profile, values, where="profile", advice=_AGAIN, error=DataError)
