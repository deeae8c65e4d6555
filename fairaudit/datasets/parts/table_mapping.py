"""``TableMapping``: which columns of somebody's table say what, as a small TOML file writes it."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from fairaudit.core.errors import ConfigError, did_you_mean
from fairaudit.core.open_file import read_text
from fairaudit.core.samples import BOX_COLUMNS, INCOME, SAMPLE_COLUMNS, KnownBy
from fairaudit.core.typed_values import build

#: What shows nothing without a label, and what else such data need.
LABELLED = {"labelled": ("label",), "memes": ("label", "text", "split")}
#: What no feature can be called.
RESERVED = (*SAMPLE_COLUMNS, *BOX_COLUMNS, INCOME)


@dataclass(frozen=True)
class GroupMapping:
    """One ``[features.NAME]``.

    Parameters
    ----------
    column : str
        Column of the values; the feature's name unless given.
    votes : mapping of str to str
        In its place: for each group the column that counts the annotators who named it.
    groups : tuple of str
        All groups in the order in which they are listed; those that occur, sorted, unless given.
    rename : mapping of str to str
        Group of a cell that is written otherwise.
    bins : mapping of str to float
        Groups of a column of numbers: the lower bound of each, in rising order; the next bound is not part of it.
    missing : tuple of str
        Cells that say that nothing is known, besides empty ones.
    known_by, source : str
        How the value came about (``Feature.known_by``), and by whom.
    ordered, exploratory : bool
    reference : str
        As in ``Feature``.
    """

    column: str = ""
    votes: Mapping[str, str] = field(default_factory=dict)
    groups: tuple[str, ...] = ()
    rename: Mapping[str, str] = field(default_factory=dict)
    bins: Mapping[str, float] = field(default_factory=dict)
    missing: tuple[str, ...] = ()
    known_by: KnownBy = "not stated"
    source: str = ""
    ordered: bool = False
    exploratory: bool = False
    reference: str = ""


@dataclass(frozen=True)
class TableMapping:
    """What ``image_table.toml`` says.

    Parameters
    ----------
    table : str
        Name of the ``.csv`` or ``.parquet`` beside the file.
    subject : {"people", "objects", "memes", "labelled"}
        What the images show; decides which indicators apply.
    file : str
        Column that names the image, from the folder of the table.
    id, cluster, label, text, split : str
        Further columns; empty for none. Without ``id`` a row is called after its image, without ``cluster`` each row
        stands for itself.
    labels, splits : mapping of str to str
        Label, and split (train, dev, test), of a cell that is written otherwise. Memes have the labels 1 (hateful) and
        0.
    cluster_is : str
        What a cluster is: person, household, source image.
    income_usd_per_month : str
        Column of numbers.
    box : tuple of str
        Four columns of a person's box; empty for whole images.
    box_form, box_unit : str
        What a box's four columns hold, and in what unit.
    title, licence, version : str
        As a report prints them.
    show_images : bool
        Whether licence and care for people allow that an image is shown.
    features : mapping of str to GroupMapping
    """

    table: str
    subject: Literal["people", "objects", "memes", "labelled"]
    file: str
    id: str = ""
    cluster: str = ""
    cluster_is: str = "cluster"
    label: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    text: str = ""
    split: str = ""
    splits: Mapping[str, str] = field(default_factory=dict)
    income_usd_per_month: str = ""
    box: tuple[str, ...] = ()
    box_form: Literal["left top right bottom", "left top width height"] = "left top right bottom"
    box_unit: Literal["pixels", "shares"] = "pixels"
    title: str = "own table"
    licence: str = "as its source states"
    version: str = ""
    show_images: bool = False
    features: Mapping[str, GroupMapping] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.box and len(self.box) != 4:
            raise ConfigError(f"box must name four columns; got {len(self.box)}. Name them in order.")
        if self.cluster_is != "cluster" and not self.cluster:
            raise ConfigError("cluster_is must stand beside cluster; got it alone. Name its column.")
        for key in LABELLED.get(self.subject, ()):
            if not getattr(self, key):
                raise ConfigError(f"{key} must be given where subject is '{self.subject}'; it is missing. Add it.")
        if "path" in [column for column in self.columns() if column != self.file]:  # where the image's path is put
            raise ConfigError("column 'path' must be the file; got another use. Rename the column.")
        for feature, one in self.features.items():
            what = f"features.{feature}"
            if feature in RESERVED:
                raise ConfigError(
                    f"{what} must have another name than {', '.join(RESERVED)}; got one of these. Rename it, and name "
                    "its column in the key column."
                )
            if sum(map(bool, (one.votes, one.bins, one.groups))) > 1:
                raise ConfigError(f"{what} must have groups, bins or votes; got several. Keep one of them.")
            bounds = list(one.bins.values())
            if bounds != sorted(set(bounds)):
                raise ConfigError(f"{what}.bins must have rising bounds; got {bounds}. Order them.")
            if one.ordered and not (one.groups or one.bins or one.votes):
                raise ConfigError(f"{what} is ordered and must list its groups in that order; got none. Add groups.")
            strange = next((g for g in one.rename.values() if one.groups and g not in one.groups), None)
            if strange is not None:
                hint = did_you_mean(strange, one.groups) or "Add it to groups."
                raise ConfigError(f"{what}.rename must lead to its groups; got '{strange}'. {hint}".rstrip())

    def columns(self) -> tuple[str, ...]:
        """Return all columns that are read, each once."""
        single = (self.file, self.id, self.cluster, self.label, self.text, self.split, self.income_usd_per_month)
        grouped = [c for name, one in self.features.items() for c in (one.votes.values() or [one.column or name])]
        return tuple(dict.fromkeys(filter(None, (*single, *self.box, *grouped))))


def read_mapping(file: Path) -> TableMapping:
    """Return the mapping in a TOML file.

    Raises
    ------
    ConfigError
        If it is no TOML, a key is unknown or missing, or a value is not of its kind; with the nearest name.
    """
    try:
        given = tomllib.loads(read_text(file, "mapping", encoding="utf-8-sig", error=ConfigError))
    except UnicodeDecodeError as error:
        raise ConfigError(f"mapping {file} must be TOML in UTF-8; got other bytes. Save it again as UTF-8.") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"mapping {file} must be TOML in UTF-8; got: {error}. Correct that line.") from error
    return build(TableMapping, given, where=f"mapping {file.name}")
