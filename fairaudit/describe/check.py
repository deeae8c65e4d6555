"""``SampleCheck``: what is in a data set, what is missing, and what could be seen in it, as plain data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairaudit.core.files import json_value

SCHEMA_VERSION = "2.0"


@dataclass(frozen=True)
class Reason:
    """Why rows or files were left out, how many, and the first of them.

    Parameters
    ----------
    reason : str
        What differs from file to file stands as ``...``.
    n : int
    examples : tuple of str
    """

    reason: str
    n: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Overlap:
    """What stands in two splits.

    Parameters
    ----------
    first, second : str
        The splits.
    by : str
        What they share: ``"id"``, ``"file"``, ``"bytes"`` (files with other names and the same contents), the word
        for a cluster, or ``"text"``.
    n : int
        Rows of the second split that are concerned.
    examples : tuple of str
    """

    first: str
    second: str
    by: str
    n: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class GroupCount:
    """How often a group occurs.

    Parameters
    ----------
    group : str
    n, n_clusters : int
        Rows and clusters; where annotators disagree, by what most of them said.
    by_label : mapping of str to int
        Rows by label; empty where there are no labels.
    """

    group: str
    n: int
    n_clusters: int
    by_label: Mapping[str, int]


@dataclass(frozen=True)
class Comparison:
    """What an audit would compare, and the least difference that it would find with probability .8.

    Parameters
    ----------
    kind : {"one_vs_rest", "slope"}
    measure : str
        ``"difference"``, ``"per_step"`` or ``"per_doubling"`` of a share; ``"difference of AUROC"``.
    group, reference : str
        Empty for a slope.
    least, most : float
        With images of a cluster that tell as much as others, and that are all alike; NaN where nothing would be found.
    status : {"ok", "too_few", "not_estimable"}
    note : str
        Why there is no number.
    span : float
        Of a slope: steps or doublings between the lowest and the highest that occur; else 1.
    """

    kind: str
    measure: str
    group: str
    reference: str
    least: float
    most: float
    status: str
    note: str = ""
    span: float = 1.0


@dataclass(frozen=True)
class FeatureCheck:
    """One feature: its groups, and its comparisons.

    Parameters
    ----------
    name, known_by, source : str
    ordered, exploratory : bool
        As in ``Feature``.
    uncertain : float
        Share of the recorded rows on which annotators disagree.
    groups : tuple of GroupCount
        In their order; ``not recorded`` last, where it occurs.
    comparisons : tuple of Comparison
    """

    name: str
    known_by: str
    source: str
    ordered: bool
    exploratory: bool
    uncertain: float
    groups: tuple[GroupCount, ...]
    comparisons: tuple[Comparison, ...]


@dataclass(frozen=True)
class SampleCheck:
    """What ``fairaudit data check`` found.

    Parameters
    ----------
    name, reader, subject, cluster, licence, version : str
        As in ``Samples``.
    show_images : bool
    n_rows, n_images, n_clusters : int
        Rows that an audit would use, different image files among them, clusters.
    n_measured : int
        Rows that indicators measure: of memes those of the test split.
    splits : mapping of str to int
        Rows by split; empty where there are none.
    labels : mapping of str to int
        Rows by label, the most frequent first.
    left_out : tuple of Reason
        What lies there, or is named, and is not used.
    unlisted : Reason or None
        Images below the folder that no row names.
    unreadable : tuple of Reason
        Images that cannot be read.
    n_rows_unreadable : int
        Rows that an audit could not use for it.
    decoded : bool
        Whether images were decoded, or only their headers read.
    copies : Reason or None
        Files with the same bytes as another one.
    overlaps : tuple of Overlap
    features : tuple of FeatureCheck
    n_planned : int
        Comparisons that can be tested, among which an audit of this data alone would share its error level.
    indicators : tuple of str
        Names of those that would make them.
    alpha : float
        The level of each of them.
    expected : float or None
        The share that was taken for expected; None for the hardest.
    notes : tuple of str
    """

    name: str
    reader: str
    subject: str
    cluster: str
    licence: str
    version: str
    show_images: bool
    n_rows: int
    n_images: int
    n_clusters: int
    n_measured: int
    splits: Mapping[str, int]
    labels: Mapping[str, int]
    left_out: tuple[Reason, ...]
    unlisted: Reason | None
    unreadable: tuple[Reason, ...]
    n_rows_unreadable: int
    decoded: bool
    copies: Reason | None
    overlaps: tuple[Overlap, ...]
    features: tuple[FeatureCheck, ...]
    n_planned: int
    indicators: tuple[str, ...]
    alpha: float
    expected: float | None
    notes: tuple[str, ...]

    @property
    def can_compare(self) -> bool:
        """Whether an audit could compare any groups."""
        return any(one.status == "ok" for feature in self.features for one in feature.comparisons)

    def document(self) -> dict[str, Any]:
        """Return everything as JSON values; a number that cannot be had is ``null``."""
        plain = json_value({"schema_version": SCHEMA_VERSION, **dataclasses.asdict(self)})
        assert isinstance(plain, dict)
        return {**plain, "can_compare": self.can_compare}
