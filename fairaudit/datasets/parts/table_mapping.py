"""``TableMapping``: which columns of somebody's table say what, as a small TOML file writes it."""

from __future__ import annotations

import dataclasses
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar, get_args

from fairaudit.core.errors import ConfigError, did_you_mean, unknown_name
from fairaudit.core.open_file import read_text
from fairaudit.core.samples import BOX_COLUMNS, INCOME, SAMPLE_COLUMNS, KnownBy, Subject

#: What a box's four columns hold, and in what unit.
BOX_FORMS = ("left top right bottom", "left top width height")
BOX_UNITS = ("pixels", "shares")
#: What shows nothing without a label, and what else such data need.
LABELLED = {"labelled": ("label",), "memes": ("label", "text", "split")}
#: What no feature can be called.
RESERVED = (*SAMPLE_COLUMNS, *BOX_COLUMNS, INCOME)
SUBJECTS = tuple(one for one in get_args(Subject) if one != "outcomes")

T = TypeVar("T")


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
    known_by: str = "not stated"
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
        One of ``BOX_FORMS`` and of ``BOX_UNITS``.
    title, licence, version : str
        As a report prints them.
    show_images : bool
        Whether licence and care for people allow that an image is shown.
    features : mapping of str to GroupMapping
    """

    table: str
    subject: str
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
    box_form: str = BOX_FORMS[0]
    box_unit: str = BOX_UNITS[0]
    title: str = "own table"
    licence: str = "as its source states"
    version: str = ""
    show_images: bool = False
    features: Mapping[str, GroupMapping] = field(default_factory=dict)

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
    features = given.pop("features", {})
    if not isinstance(features, dict) or not all(isinstance(one, dict) for one in features.values()):
        raise ConfigError(f"features of mapping {file.name} must be tables; got others. Write [features.gender].")
    groups = {
        name: _made(GroupMapping, one, f"[features.{name}] of mapping {file.name}") for name, one in features.items()
    }
    mapping = dataclasses.replace(_made(TableMapping, given, f"mapping {file.name}"), features=groups)
    _check(mapping, file.name)
    return mapping


def _made(kind: type[T], given: Mapping[str, Any], what: str) -> T:
    """Return the dataclass ``kind`` with the values of a TOML table, each of the type of its field."""
    hints = typing.get_type_hints(kind)
    names = [name for name in hints if name != "features"]
    for key in given:
        if key not in names:
            raise unknown_name(f"key of {what}", key, names)
    for one in dataclasses.fields(kind):  # type: ignore[arg-type]
        if one.default is one.default_factory is dataclasses.MISSING and one.name not in given:
            raise ConfigError(f"{what} must have the key '{one.name}'; it is missing. Add it.")
    return kind(**{key: _value(value, hints[key], f"'{key}' of {what}") for key, value in given.items()})


def _value(value: Any, hint: Any, what: str) -> Any:
    kind = "text in quotation marks" if hint is str else "true or false"
    fits = isinstance(value, hint) if hint in (str, bool) else False
    if typing.get_origin(hint) is tuple:
        kind = "a list of texts"
        fits = isinstance(value, list) and all(isinstance(one, str) for one in value)
        value = tuple(value) if fits else value
    elif hint not in (str, bool):  # a mapping to texts or numbers
        inner = get_args(hint)[1]
        kind = f"a table of {'texts' if inner is str else 'numbers'}"
        wanted = (str,) if inner is str else (int, float)
        fits = isinstance(value, dict) and all(
            isinstance(one, wanted) and not isinstance(one, bool) for one in value.values()
        )
    if not fits:
        raise ConfigError(f"{what} must be {kind}; got {value!r}. Correct it.")
    return value


def _check(mapping: TableMapping, name: str) -> None:
    """Refuse values outside closed lists, and what contradicts itself."""
    closed = (
        ("subject", mapping.subject, SUBJECTS), ("box_form", mapping.box_form, BOX_FORMS),
        ("box_unit", mapping.box_unit, BOX_UNITS),
    )  # fmt: skip
    for key, value, options in closed:
        if value not in options:
            raise unknown_name(f"{key} of mapping {name}", value, options)
    if mapping.box and len(mapping.box) != 4:
        raise ConfigError(f"box of mapping {name} must name four columns; got {len(mapping.box)}. Name them in order.")
    if mapping.cluster_is != TableMapping.cluster_is and not mapping.cluster:
        raise ConfigError(f"cluster_is of mapping {name} must stand beside cluster; got it alone. Name its column.")
    for key in LABELLED.get(mapping.subject, ()):
        if not getattr(mapping, key):
            raise ConfigError(f"mapping {name} of {mapping.subject} must have the key '{key}'; it is missing. Add it.")
    others = [column for column in mapping.columns() if column != mapping.file]
    if "path" in others:  # where the image's path is put
        raise ConfigError(f"column 'path' of mapping {name} must be its file; got another use. Rename the column.")
    for feature, one in mapping.features.items():
        what = f"[features.{feature}] of mapping {name}"
        if feature in RESERVED:
            raise ConfigError(
                f"{what} must have another name than {', '.join(RESERVED)}; got one of these. Rename it, and name its "
                "column in the key column."
            )
        if one.known_by not in get_args(KnownBy):
            raise unknown_name(f"known_by of {what}", one.known_by, get_args(KnownBy))
        if sum(map(bool, (one.votes, one.bins, one.groups))) > 1:
            raise ConfigError(f"{what} must have groups, bins or votes; got several. Each says the groups by itself.")
        if list(one.bins.values()) != sorted(set(one.bins.values())):
            raise ConfigError(f"bins of {what} must have rising bounds; got {list(one.bins.values())}. Order them.")
        if one.ordered and not (one.groups or one.bins or one.votes):
            raise ConfigError(f"{what} is ordered and must list its groups in that order; got none. Add groups.")
        strange = next((g for g in one.rename.values() if one.groups and g not in one.groups), None)
        if strange is not None:
            hint = did_you_mean(strange, one.groups) or "Add it to groups."
            raise ConfigError(f"rename of {what} must lead to its groups; got '{strange}'. {hint}".rstrip())
