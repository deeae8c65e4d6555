"""``SampleCheck``: contents, defects and detectable differences of a data set, as plain data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairaudit.core.files import json_value

SCHEMA_VERSION = "2.0"


@dataclass(frozen=True)
class Reason:
    """A reason for leaving out rows or files, with their number and the first of them.

    Parameters
    ----------
    reason : str
        Parts that differ from file to file are replaced by ``...``.
    n : int
    examples : tuple of str
    """

    reason: str
    n: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class Overlap:
    """Rows that two splits share.

    Parameters
    ----------
    first, second : str
        The splits.
    by : str
        The shared key: ``"id"``, ``"file"``, ``"bytes"`` (files with other names and the same contents), the word
        for a cluster, or ``"text"``.
    n : int
        Shared rows of the second split.
    examples : tuple of str
    """

    first: str
    second: str
    by: str
    n: int
    examples: tuple[str, ...]


@dataclass(frozen=True)
class GroupCount:
    """Frequency of a group.

    Parameters
    ----------
    group : str
    n, n_clusters : int
        Rows and clusters; if annotators disagree, by their most frequent answer.
    by_label : mapping of str to int
        Rows by label; empty without labels.
    """

    group: str
    n: int
    n_clusters: int
    by_label: Mapping[str, int]


@dataclass(frozen=True)
class Comparison:
    """A comparison that an audit would make, and its minimum detectable difference at power .8.

    Parameters
    ----------
    kind : {"one_vs_rest", "slope"}
    measure : str
        ``"difference"``, ``"per_step"`` or ``"per_doubling"`` of a share; ``"difference of AUROC"``.
    group, reference : str
        Empty for a slope.
    least, most : float
        For independent and for identical images of a cluster; NaN if no difference would be detected.
    status : {"ok", "too_few", "not_estimable"}
    note : str
        Why there is no number.
    span : float
        For a slope, steps or doublings between the lowest and the highest value that occur; otherwise 1.
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
    """One feature with its groups and comparisons.

    Parameters
    ----------
    name, known_by, source : str
    ordered, exploratory : bool
        As in ``Feature``.
    uncertain : float
        Share of the recorded rows on which annotators disagree.
    groups : tuple of GroupCount
        In their order; ``not recorded`` last, if it occurs.
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
class WeightCheck:
    """The weights of the measured rows.

    Parameters
    ----------
    least, most : float
        Smallest and largest weight above 0, relative to the mean weight of the data set.
    n_zero : int
        Rows of weight 0, which count nowhere.
    n_effective : float
        Kish's effective size.
    """

    least: float
    most: float
    n_zero: int
    n_effective: float


@dataclass(frozen=True)
class SampleCheck:
    """Result of ``fairaudit data check``.

    Parameters
    ----------
    name, reader, subject, cluster, licence, version : str
        As in ``Samples``.
    show_images : bool
    n_rows, n_images, n_clusters : int
        Rows that an audit would use, their different image files and clusters.
    n_measured : int
        Rows that indicators measure: for memes, those of the test split.
    splits, labels : mapping of str to int
        Rows by split and by label, the most frequent first; empty without splits, or labels.
    left_out : tuple of Reason
        Files and rows that are not used.
    unlisted : Reason or None
        Images below the folder that no row names.
    unreadable : tuple of Reason
        Images that cannot be read.
    n_rows_unreadable : int
        Rows of unreadable images, which an audit could not use.
    decoded : bool
        Whether images were decoded; otherwise only their headers were read.
    copies : Reason or None
        Files with the same bytes as an earlier file.
    overlaps : tuple of Overlap
    features : tuple of FeatureCheck
    n_planned : int
        Testable comparisons; an audit of this data alone would share its error level among them.
    indicators : tuple of str
        Names of the indicators that would make these comparisons.
    alpha : float
        Error level of each comparison.
    expected : float or None
        The assumed share; None for the share that is hardest to compare.
    notes : tuple of str
    weights : WeightCheck or None
        None if all rows count alike.
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
    weights: WeightCheck | None = None

    @property
    def can_compare(self) -> bool:
        """Whether an audit could compare any groups."""
        return any(comparison.status == "ok" for feature in self.features for comparison in feature.comparisons)

    def document(self) -> dict[str, Any]:
        """Return the check as JSON values; NaN becomes None."""
        plain: Any = json_value({"schema_version": SCHEMA_VERSION, **dataclasses.asdict(self)})
        return {**plain, "can_compare": self.can_compare}
