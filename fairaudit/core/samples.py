"""``Samples``: one row per image, its cluster, its labels and what is known of the people or places in it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pandas as pd

from fairaudit.core.errors import DataError, did_you_mean
from fairaudit.core.votes import check_shares

Subject = Literal["people", "objects", "memes", "labelled", "outcomes"]
KnownBy = Literal["self-reported", "annotated", "perceived", "inferred", "derived", "synthetic", "not stated"]

#: What a missing value of a sensitive feature is called wherever groups are listed.
NOT_RECORDED = "not recorded"

#: Columns that every table of samples has, in this order. ``label`` and ``text`` may be empty strings.
SAMPLE_COLUMNS = ("sample_id", "path", "cluster_id", "split", "label", "text")
#: Optional columns, all or none of them: the part of the upright image that a row is about, in whole pixels from its
#: top left corner; right and bottom are not part of it.
BOX_COLUMNS = ("box_left_px", "box_top_px", "box_right_px", "box_bottom_px")
#: Optional column of numbers: what a home spends or earns, NaN where unknown.
INCOME = "income_usd_per_month"
#: Why a row stands in ``skipped`` whose id a row of another split has.
IN_ANOTHER_SPLIT = "its id stands in another split, too"

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Feature:
    """One sensitive feature: its groups, their order, and how anybody knows.

    Parameters
    ----------
    name : str
        Column of ``Samples.table``, e.g. ``"gender"``.
    groups : tuple of str
        All groups in the order in which tables and figures list them (without ``not recorded``).
    known_by : str
        How the value came about: ``"self-reported"``, ``"annotated"``, ``"perceived"``, ``"inferred"`` by a
        model, ``"derived"`` from another column, ``"synthetic"``, or ``"not stated"`` by a table from elsewhere.
    source : str
        By whom, in words that a report can print.
    ordered : bool
        Whether ``groups`` is an order along which a slope means something (age, skin tone, income).
    reference : str
        The group that each other one is compared with besides all others; empty for none.
    exploratory : bool
        Whether its comparisons are exploratory, never planned unless a plan names them: where it asks the same as
        another feature with other groups (two bins of a scale), or is about the picture and not about the person in it
        (light).
    """

    name: str
    groups: tuple[str, ...]
    known_by: KnownBy
    source: str
    ordered: bool = False
    reference: str = ""
    exploratory: bool = False

    def __post_init__(self) -> None:
        if self.reference and self.reference not in self.groups:
            raise DataError(
                f"reference group of '{self.name}' must be one of its groups ({', '.join(self.groups)}); got "
                f"'{self.reference}'. {did_you_mean(self.reference, self.groups)}".rstrip()
            )


@dataclass(frozen=True)
class Samples:
    """What a reader found: a table with one row per image, and what must be said about it.

    Parameters
    ----------
    name : str
        Name of the data set in the audit; also the folder below ``out/tables``.
    reader : str
        Name of the reader that made it, e.g. ``"utkface"``.
    subject : {"people", "objects", "memes", "labelled", "outcomes"}
        What the images show; decides which indicators apply. ``"labelled"``: anything whose label is known.
        ``"outcomes"``: rows of a table, no image is there.
    root : Path
        Folder to which ``path`` is relative.
    table : DataFrame
        Columns ``SAMPLE_COLUMNS``, one column per feature (str, missing values as ``"not recorded"``), and numeric
        columns that carry their unit in the name (``income_usd_per_month``, float, NaN where unknown). Where rows are
        parts of images, ``BOX_COLUMNS`` (int). ``sample_id`` is unique; ``cluster_id`` is the statistical unit: images
        with one cluster are not independent of each other.
    features : tuple of Feature
        The sensitive features, in the order in which a report lists them.
    cluster : str
        What a cluster is: ``"person"``, ``"household"``, ``"image"``.
    licence, version : str
        As a report prints them.
    show_images : bool
        Whether the licence and the care for people allow that an image is shown. False for faces.
    synthetic : bool
        True for drawn data; everything made of it is called synthetic.
    notes : tuple of str
        Sentences for the report, e.g. that persons are not known.
    skipped : DataFrame
        Columns ``file`` and ``reason``: what lies in the folder and is not in ``table``.
    uncertain : mapping of str to DataFrame
        How probable each group is for each row, by the name of a feature whose labels are not certain: rows as in
        ``table``, a column for each group, NaN where it is not recorded (``fairaudit.core.votes.shares_of_votes``
        makes it of votes). ``table`` has the group that counts where one must be named, usually the most probable.
    classes : tuple of str
        The only labels that may be said of these images: the scores of others count as minus infinity. Empty for all
        that a head knows.

    Raises
    ------
    DataError
        If there is no row, a column is missing, a row has no id or no cluster, two rows have one id, a box is none, a
        feature has a group outside its list, or ``uncertain`` does not fit the table.
    """

    name: str
    reader: str
    subject: Subject
    root: Path
    table: pd.DataFrame
    features: tuple[Feature, ...]
    cluster: str
    licence: str
    version: str = ""
    show_images: bool = False
    synthetic: bool = False
    notes: tuple[str, ...] = ()
    skipped: pd.DataFrame = field(default_factory=lambda: pd.DataFrame({"file": [], "reason": []}, dtype=str))
    uncertain: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    classes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        what = f"data set '{self.name}'"
        missing = [c for c in (*SAMPLE_COLUMNS, *(f.name for f in self.features)) if c not in self.table.columns]
        if missing:
            raise DataError(
                f"{what} must have the columns {', '.join(SAMPLE_COLUMNS)} and its features; "
                f"{', '.join(missing)} is missing. Correct the reader '{self.reader}'."
            )
        if self.table.empty:
            raise DataError(
                f"{what} must contain at least one image; got none in {self.root}. "
                f"Check the folder against the layout of the reader '{self.reader}'."
            )
        ids = self.table["sample_id"]
        if ids.duplicated().any():
            twice = str(ids[ids.duplicated()].iloc[0])
            raise DataError(
                f"{what} must have one row per sample_id; got '{twice}' {int((ids == twice).sum())} times. "
                "Remove or rename the repeated rows."
            )
        for column in ("sample_id", "cluster_id"):
            missing_rows = int(self.table[column].isna().sum())
            if missing_rows:
                raise DataError(
                    f"{what} must have a {column} in every row; it is missing in {missing_rows}. "
                    f"Correct the reader '{self.reader}'."
                )
        if any(column in self.table.columns for column in BOX_COLUMNS):
            _check_boxes(what, self.reader, self.table)
        for feature in self.features:
            unknown = sorted(set(self.table[feature.name]) - {*feature.groups, NOT_RECORDED}, key=str)
            if unknown:
                raise DataError(
                    f"feature '{feature.name}' of {what} must be one of {', '.join(feature.groups)}; "
                    f"got '{unknown[0]}'. Correct the reader '{self.reader}' or the data."
                )
        names = [feature.name for feature in self.features]
        for name, shares in self.uncertain.items():
            if name not in names:
                raise DataError(
                    f"uncertain labels of {what} must be of one of its features ({', '.join(names) or 'none'}); got "
                    f"'{name}'. {did_you_mean(name, names)}".rstrip()
                )
            of_feature = f"probabilities of '{name}' in {what}"
            check_shares(of_feature, self.feature(name).groups, shares, self.table[name], missing=NOT_RECORDED)

    def __len__(self) -> int:
        return len(self.table)

    @property
    def sample_ids(self) -> tuple[str, ...]:
        """Ids in row order."""
        return tuple(self.table["sample_id"].astype(str))

    @property
    def paths(self) -> list[Path]:
        """Absolute paths in row order."""
        return [self.root / p for p in self.table["path"]]

    @property
    def boxes(self) -> list[Box | None]:
        """The part of its image that each row is about, in row order; None for the whole image."""
        if BOX_COLUMNS[0] not in self.table.columns:
            return [None] * len(self)
        return [(a, b, c, d) for a, b, c, d in self.table[list(BOX_COLUMNS)].to_numpy().tolist()]

    @property
    def exploratory_features(self) -> frozenset[str]:
        """Features that no plan names by itself: those that are exploratory, and the country of objects by region."""
        names = {feature.name for feature in self.features}
        # A country lies in one region: testing both would ask the same question twice.
        country = {"country"} if self.subject == "objects" and {"country", "region"} <= names else set()
        return frozenset({*(feature.name for feature in self.features if feature.exploratory), *country})

    def feature(self, name: str) -> Feature:
        """Return the feature called ``name``; KeyError if there is none."""
        for feature in self.features:
            if feature.name == name:
                return feature
        raise KeyError(name)

    def select(self, keep: pd.Series | list[bool], *, note: str = "", reason: str = "") -> Samples:
        """Return the samples where ``keep`` is true; the others move to ``skipped`` with ``reason``."""
        mask = pd.Series(list(keep), index=self.table.index, dtype=bool)
        gone = pd.DataFrame({"file": self.table.loc[~mask, "path"], "reason": reason})
        return dataclasses.replace(
            self,
            table=self.table[mask].reset_index(drop=True),
            uncertain={name: shares[mask].reset_index(drop=True) for name, shares in self.uncertain.items()},
            skipped=pd.concat([self.skipped, gone], ignore_index=True) if reason else self.skipped,
            notes=(*self.notes, note) if note else self.notes,
        )

    def cluster_hashes(self) -> pd.Series:
        """Return ``cluster_id`` as salted hashes (str, 16 hex digits), row by row.

        The salt is the data set's name and size, so that two audits of the same data can be paired and
        ids of persons do not travel with a saved audit.
        """
        salt = f"{self.reader}/{self.name}/{len(self)}".encode()
        codes = {
            c: hashlib.blake2b(str(c).encode(), key=salt[:64], digest_size=8).hexdigest()
            for c in self.table["cluster_id"].unique()
        }
        return self.table["cluster_id"].map(codes)


def _check_boxes(what: str, reader: str, table: pd.DataFrame) -> None:
    boxes = table.reindex(columns=list(BOX_COLUMNS))
    whole = all(pd.api.types.is_integer_dtype(kind) for kind in boxes.dtypes)
    left, top, right, bottom = (boxes[column] for column in BOX_COLUMNS)
    if not whole or not ((left >= 0) & (top >= 0) & (left < right) & (top < bottom)).all():
        raise DataError(
            f"{what} must have {', '.join(BOX_COLUMNS)} in whole pixels in every row, left before right and top before "
            f"bottom; got other boxes. Correct the reader '{reader}'."
        )
