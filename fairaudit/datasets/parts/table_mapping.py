"""``TableMapping``: the meaning of the columns of a user's table, from a small TOML file."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from fairaudit.core.errors import ConfigError, did_you_mean
from fairaudit.core.open_file import read_toml
from fairaudit.core.samples import BOX_COLUMNS, INCOME, SAMPLE_COLUMNS, SAMPLE_WEIGHT, KnownBy
from fairaudit.core.typed_values import build

#: Required columns by subject.
LABELLED = {"labelled": ("label",), "memes": ("label", "text", "split")}
#: Names that no feature can have.
RESERVED = (*SAMPLE_COLUMNS, *BOX_COLUMNS, INCOME, SAMPLE_WEIGHT)


@dataclass(frozen=True)
class GroupMapping:
    """The table ``[features.NAME]``.

    Parameters
    ----------
    column : str
        Column of the values; default: the feature's name.
    votes : mapping of str to str
        Instead of ``column``: for each group, the column that counts the annotators who named it.
    groups : tuple of str
        All groups in order; default: the sorted values.
    rename : mapping of str to str
        Group by cell value.
    bins : mapping of str to float
        Groups of a column of numbers: the inclusive lower bound of each, rising.
    missing : tuple of str
        Missing values besides empty cells.
    known_by, source : str
        Origin of the values (``Feature.known_by``), and who recorded them.
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
    """The content of ``image_table.toml``.

    Parameters
    ----------
    table : str
        Name of the ``.csv`` or ``.parquet`` beside the file.
    subject : {"people", "objects", "memes", "labelled"}
        Content of the images; decides which indicators apply.
    file : str
        Column of image paths, from the folder of the table.
    id, cluster, label, text, split : str
        Further columns; empty for none. The default id is the image path; without ``cluster`` each row is its own.
    labels, splits : mapping of str to str
        Label, and split (train, dev, test), by cell value. Memes have the labels 1 (hateful) and 0.
    cluster_is : str
        Kind of cluster: person, household, source image.
    income_usd_per_month : str
        Column of numbers.
    sample_weight : str
        Column of row weights, 0 or more, such as one over the chance of being sampled; not for memes, whose AUROC
        counts rows alike.
    box : tuple of str
        Four columns of a person's box; empty for whole images.
    box_form, box_unit : str
        Meaning and unit of the four columns.
    title, licence, version : str
        As a report prints them.
    show_images : bool
        Whether the licence and the privacy of people allow reports to show images.
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
    sample_weight: str = ""
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
            raise ConfigError(f"box must name four columns; got {len(self.box)}. Name {self.box_form}, in this order.")
        if self.cluster_is != "cluster" and not self.cluster:
            raise ConfigError("cluster_is must accompany cluster; got cluster_is alone. Add cluster = COLUMN.")
        for key in LABELLED.get(self.subject, ()):
            if not getattr(self, key):
                raise ConfigError(
                    f"{key} must name a column if subject is '{self.subject}'; got none. Add {key} = COLUMN."
                )
        if self.sample_weight and self.subject == "memes":
            raise ConfigError(
                "sample_weight must be left out if subject is 'memes'; got a column. The AUROC counts all memes alike: "
                "remove the line."
            )
        for name, key in (("path", "file"), (SAMPLE_WEIGHT, SAMPLE_WEIGHT)):  # the reader writes these columns
            if name in self.columns() and getattr(self, key) != name:
                raise ConfigError(
                    f"column '{name}' must be the {key}; got another use. Rename the column in the table."
                )
        for feature, mapping in self.features.items():
            what = f"features.{feature}"
            if feature in RESERVED:
                raise ConfigError(
                    f"{what} must have another name than {', '.join(RESERVED)}. Rename it, and add "
                    f"column = '{feature}'."
                )
            if sum(map(bool, (mapping.votes, mapping.bins, mapping.groups))) > 1:
                raise ConfigError(f"{what} must have groups, bins or votes; got several. Keep one of them.")
            bounds = list(mapping.bins.values())
            if bounds != sorted(set(bounds)):
                raise ConfigError(
                    f"{what}.bins must have rising bounds; got {bounds}. Sort the bins by their lower bounds."
                )
            if mapping.ordered and not (mapping.groups or mapping.bins or mapping.votes):
                raise ConfigError(f"{what} must list its groups in order since it is ordered; got none. Add groups.")
            strange = next((g for g in mapping.rename.values() if mapping.groups and g not in mapping.groups), None)
            if strange is not None:
                hint = did_you_mean(strange, mapping.groups) or "Add it to groups."
                raise ConfigError(f"{what}.rename must lead to its groups; got '{strange}'. {hint}".rstrip())

    def columns(self) -> tuple[str, ...]:
        """Return all columns to read, each once."""
        single = (self.file, self.id, self.cluster, self.label, self.text, self.split, self.income_usd_per_month,
                  self.sample_weight)  # fmt: skip
        grouped = [c for name, group in self.features.items() for c in (group.votes.values() or [group.column or name])]
        return tuple(dict.fromkeys(filter(None, (*single, *self.box, *grouped))))


def read_mapping(file: Path) -> TableMapping:
    """Return the mapping in a TOML file.

    Raises
    ------
    ConfigError
        If the file is no TOML, a key is unknown or missing, or a value has the wrong type.
    """
    return build(TableMapping, read_toml(file, "mapping", error=ConfigError), where=f"mapping {file.name}")
