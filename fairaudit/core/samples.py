"""``Samples``: one row per image with its cluster, its labels and the features of the people or places in it."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.errors import DataError, did_you_mean
from fairaudit.core.votes import check_shares

Subject = Literal["people", "objects", "memes", "labelled", "outcomes"]
KnownBy = Literal["self-reported", "annotated", "perceived", "inferred", "derived", "synthetic", "not stated"]

#: Group of a missing value of a sensitive feature.
NOT_RECORDED = "not recorded"

#: Columns that every table of samples has, in this order. ``label`` and ``text`` may be empty strings.
SAMPLE_COLUMNS = ("sample_id", "path", "cluster_id", "split", "label", "text")
#: Optional columns, all or none of them: the row's part of the upright image, in whole pixels from its top left corner;
#: right and bottom are exclusive.
BOX_COLUMNS = ("box_left_px", "box_top_px", "box_right_px", "box_bottom_px")
#: Optional column of numbers: the spending or income of a home, NaN if unknown.
INCOME = "income_usd_per_month"
#: Optional column of numbers of 0 or more: how much a row counts in averages (``fairaudit.core.weights``).
SAMPLE_WEIGHT = "sample_weight"
#: Reason in ``skipped`` for a row whose id a row of another split has.
IN_ANOTHER_SPLIT = "its id stands in another split, too"

Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Feature:
    """One sensitive feature: its groups, their order, and the source of its values.

    Parameters
    ----------
    name : str
        Column of ``Samples.table``, e.g. ``"gender"``.
    groups : tuple of str
        All groups in the order of tables and figures (without ``not recorded``).
    known_by : str
        Origin of the values: ``"self-reported"``, ``"annotated"``, ``"perceived"``, ``"inferred"`` by a model,
        ``"derived"`` from another column, ``"synthetic"``, or ``"not stated"`` by a foreign table.
    source : str
        Who recorded the values, for a report.
    ordered : bool
        Whether ``groups`` are in an order for a slope (age, skin tone, income).
    reference : str
        Group that all others are compared with, besides one-vs-rest; empty for none.
    exploratory : bool
        Whether its comparisons are exploratory unless a plan names them: the feature is a coarser or finer copy of
        another one (two bins of a scale), or belongs to the picture and not to the person in it (light).
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
    """The images of a data set: a table with one row per image, and its description.

    Parameters
    ----------
    name : str
        Name of the data set in the audit; also the folder below ``out/tables``.
    reader : str
        Name of its reader, e.g. ``"utkface"``.
    subject : {"people", "objects", "memes", "labelled", "outcomes"}
        Content of the images, which decides the indicators. ``"labelled"``: any images with known labels.
        ``"outcomes"``: rows of a table without images.
    root : Path
        Folder to which ``path`` is relative.
    table : DataFrame
        Columns ``SAMPLE_COLUMNS``, one column per feature (str, missing values as ``"not recorded"``), and numeric
        columns with their unit in the name (``income_usd_per_month``, float, NaN if unknown). If rows are parts of
        images, ``BOX_COLUMNS`` (int). If rows are weighted, ``SAMPLE_WEIGHT`` (float). ``sample_id`` is unique;
        ``cluster_id`` is the statistical unit: images of one cluster are not independent of each other.
    features : tuple of Feature
        The sensitive features, in the order of a report.
    cluster : str
        Kind of cluster: ``"person"``, ``"household"``, ``"image"``.
    licence, version : str
        As a report prints them.
    show_images : bool
        Whether the licence and the care for people allow showing an image. False for faces.
    synthetic : bool
        Whether the data are drawn; all results on them are called synthetic.
    notes : tuple of str
        Sentences for the report, e.g. that persons are not known.
    skipped : DataFrame
        Columns ``file`` and ``reason``: files of the folder that are not in ``table``.
    uncertain : mapping of str to DataFrame
        Probabilities of groups, by feature with uncertain labels: rows as in ``table``, a column for each group, NaN
        if not recorded (from votes: ``fairaudit.core.votes.shares_of_votes``). ``table`` has one group for uses that
        need one, usually the most probable.
    classes : tuple of str
        The only labels that may be predicted: the scores of others count as minus infinity. Empty for all labels.

    Raises
    ------
    DataError
        If there is no row, a column is missing, a row has no id or no cluster, two rows have one id, a box or a weight
        is invalid, a feature has a group outside its list, or ``uncertain`` does not fit the table.
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
        label = f"data set '{self.name}'"
        missing = [c for c in (*SAMPLE_COLUMNS, *(f.name for f in self.features)) if c not in self.table.columns]
        if missing:
            raise DataError(
                f"{label} must have the columns {', '.join(SAMPLE_COLUMNS)} and its features; "
                f"{', '.join(missing)} is missing. Correct the reader '{self.reader}'."
            )
        if self.table.empty:
            raise DataError(
                f"{label} must contain at least one image; got none in {self.root}. "
                f"Check the folder against the layout of the reader '{self.reader}'."
            )
        ids = self.table["sample_id"]
        if ids.duplicated().any():
            repeated = str(ids[ids.duplicated()].iloc[0])
            raise DataError(
                f"{label} must have one row per sample_id; got '{repeated}' {int((ids == repeated).sum())} times. "
                "Remove or rename the repeated rows."
            )
        for column in ("sample_id", "cluster_id"):
            missing_rows = int(self.table[column].isna().sum())
            if missing_rows:
                raise DataError(
                    f"{label} must have a {column} in every row; it is missing in {missing_rows}. "
                    f"Correct the reader '{self.reader}'."
                )
        if any(column in self.table.columns for column in BOX_COLUMNS):
            _check_boxes(label, self.reader, self.table)
        weights = self.weights
        if weights is not None and not ((weights >= 0) & (weights < float("inf"))).all():
            raise DataError(
                f"{label} must have a finite {SAMPLE_WEIGHT} of 0 or more in every row; got another number. "
                f"Correct the reader '{self.reader}'."
            )
        for feature in self.features:
            unknown = sorted(set(self.table[feature.name].unique()) - {*feature.groups, NOT_RECORDED}, key=str)
            if unknown:
                raise DataError(
                    f"feature '{feature.name}' of {label} must be one of {', '.join(feature.groups)}; "
                    f"got '{unknown[0]}'. Correct the reader '{self.reader}' or the data."
                )
        names = [feature.name for feature in self.features]
        for name, shares in self.uncertain.items():
            if name not in names:
                raise DataError(
                    f"uncertain labels of {label} must be of one of its features ({', '.join(names) or 'none'}); got "
                    f"'{name}'. {did_you_mean(name, names)}".rstrip()
                )
            probabilities = f"probabilities of '{name}' in {label}"
            check_shares(probabilities, self.feature(name).groups, shares, self.table[name], missing=NOT_RECORDED)

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
        """The part of the image of each row, in row order; None for the whole image."""
        if BOX_COLUMNS[0] not in self.table.columns:
            return [None] * len(self)
        return list(map(tuple, self.table[list(BOX_COLUMNS)].to_numpy().tolist()))

    @property
    def weights(self) -> npt.NDArray[np.float64] | None:
        """Weight of each row, (N,); None if all rows count alike."""
        if SAMPLE_WEIGHT not in self.table.columns:
            return None
        return pd.to_numeric(self.table[SAMPLE_WEIGHT], errors="coerce").to_numpy(np.float64)

    @property
    def exploratory_features(self) -> frozenset[str]:
        """Features outside the shipped plan: exploratory ones, and the country of objects that have a region."""
        names = {feature.name for feature in self.features}
        # A country lies in one region: testing both would test the same hypothesis twice.
        country = {"country"} if self.subject == "objects" and {"country", "region"} <= names else set()
        return frozenset({*(feature.name for feature in self.features if feature.exploratory), *country})

    def feature(self, name: str) -> Feature:
        """Return the feature called ``name``; KeyError if there is none."""
        for feature in self.features:
            if feature.name == name:
                return feature
        raise KeyError(name)

    def select(self, keep: pd.Series | list[bool], *, note: str = "", reason: str = "") -> Samples:
        """Return the samples with a true ``keep``; the others move to ``skipped`` with ``reason``."""
        mask = pd.Series(list(keep), index=self.table.index, dtype=bool)
        removed = pd.DataFrame({"file": self.table.loc[~mask, "path"], "reason": reason})
        return dataclasses.replace(
            self,
            table=self.table[mask].reset_index(drop=True),
            uncertain={name: shares[mask].reset_index(drop=True) for name, shares in self.uncertain.items()},
            skipped=pd.concat([self.skipped, removed], ignore_index=True) if reason else self.skipped,
            notes=(*self.notes, note) if note else self.notes,
        )

    def cluster_hashes(self) -> pd.Series:
        """Return ``cluster_id`` as salted hashes (str, 16 hex digits), row by row.

        The salt is the data set's name and size: two audits of the same data can be paired, and a saved audit holds no
        ids of persons.
        """
        salt = f"{self.reader}/{self.name}/{len(self)}".encode()
        codes, clusters = pd.factorize(self.table["cluster_id"])
        hashes = [
            hashlib.blake2b(str(cluster).encode(), key=salt[:64], digest_size=8).hexdigest()
            for cluster in np.asarray(clusters, dtype=object)
        ]
        return pd.Series(np.array(hashes)[codes], index=self.table.index)


def _check_boxes(label: str, reader: str, table: pd.DataFrame) -> None:
    boxes = table.reindex(columns=list(BOX_COLUMNS))
    whole = all(pd.api.types.is_integer_dtype(kind) for kind in boxes.dtypes)
    left, top, right, bottom = (boxes[column] for column in BOX_COLUMNS)
    if not whole or not ((left >= 0) & (top >= 0) & (left < right) & (top < bottom)).all():
        raise DataError(
            f"{label} must have {', '.join(BOX_COLUMNS)} in whole pixels in every row, left before right and top "
            f"before bottom; got other boxes. Correct the reader '{reader}'."
        )
