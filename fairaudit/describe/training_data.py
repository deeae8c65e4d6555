"""``TrainingData``: what is declared of a folder of training images, by datasheet and profile; to and from JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairaudit.core.errors import DataError
from fairaudit.core.open_file import DOCUMENT, is_there, read_bytes
from fairaudit.describe.datasheet import Datasheet, datasheet_from, find_datasheet
from fairaudit.describe.profile import Profile, profile_from
from fairaudit.describe.profiler import DEFAULT_FIELDS, profile_data
from fairaudit.images.shard import is_shard
from fairaudit.images.table import find_table, open_table

_AGAIN = "Take the files that fairaudit pretrain wrote."
#: Columns that are taken for the unit of the intervals, the first that is there.
CLUSTER_COLUMNS = ("cluster_id", "person", "household", "account")


@dataclass(frozen=True)
class TrainingData:
    """One folder or table that a network was trained on.

    Parameters
    ----------
    folder : str
        Its name, without the folders above it.
    datasheet : Datasheet or None
        None where no ``datasheet.toml`` lies in the folder; then nothing is declared.
    profile : Profile or None
    note : str
        Why there is no profile; empty where there is one.
    """

    folder: str
    datasheet: Datasheet | None
    profile: Profile | None
    note: str = ""

    @property
    def declared(self) -> Datasheet:
        """The datasheet, or an empty one."""
        return self.datasheet or Datasheet()


def training_data(sources: Sequence[Path]) -> tuple[TrainingData, ...]:
    """Return what is declared of each source, in order: a folder, a table of images, or tar shards.

    A datasheet is looked for in the folder of a table or a shard, too; shards of one folder are one source.

    Intervals count persons, households or accounts where the table has such a column (``CLUSTER_COLUMNS``). Near copies
    are not looked for: that would decode every image once more.

    Raises
    ------
    InputError
        If a datasheet or a table is there and cannot be read.
    """
    paths = map(Path, sources)
    places = dict.fromkeys(path.parent if is_shard(path) and not path.is_dir() else path for path in paths)
    return tuple(_of(place) for place in places)


def _of(place: Path) -> TrainingData:
    """Return what is declared of a folder or a table."""
    name, datasheet = place.resolve().name, find_datasheet(place if place.is_dir() else place.parent)
    table = find_table(place) if place.is_dir() else open_table(place)
    if table is None:
        return TrainingData(name, datasheet, None, "no table of the images lies in the folder")
    if not {column.lower() for column in table.columns} & set(DEFAULT_FIELDS):
        why = f"{table.path.name} has no column {', '.join(DEFAULT_FIELDS)}"
        return TrainingData(name, datasheet, None, why)
    cluster = next((column for column in CLUSTER_COLUMNS if column in table.columns), "")
    profile = profile_data(place, cluster=cluster, near=False)
    # File names can say who is in a picture; a run and its audits travel further than the data.
    copies = tuple(dataclasses.replace(found, examples=()) for found in profile.copies)
    return TrainingData(name, datasheet, dataclasses.replace(profile, copies=copies))


def documents(data: Sequence[TrainingData]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the datasheets and the profiles of all folders as JSON values: what a run's two files hold."""
    sheets = [{"folder": d.folder, "found": d.datasheet is not None, "fields": d.declared.document()} for d in data]
    profiles = [
        {"folder": d.folder, "profile": d.profile.document() if d.profile else None, "note": d.note} for d in data
    ]
    return sheets, profiles


def read_documents(run: Path) -> dict[str, Any]:
    """Return what a run's folder holds of its images, as ``{"datasheets": [...], "profiles": [...]}``.

    Nothing for a run that was made before runs said so.

    Raises
    ------
    InputError
        If a file is damaged.
    """
    files = {"datasheets": run / "datasheet.json", "profiles": run / "profile.json"}
    if not any(is_there(path) for path in files.values()):
        return {}
    found: dict[str, Any] = {}
    for key, path in files.items():
        content = read_bytes(path, "file", limit=DOCUMENT)
        try:
            found[key] = json.loads(content)["folders"]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f"'{path}' must be what a run wrote; got other content. {_AGAIN}") from error
    # Read and written again: what is passed on has no key that nobody knows.
    return dict(zip(("datasheets", "profiles"), documents(training_data_from(found)), strict=True))


def training_data_from(document: object) -> tuple[TrainingData, ...]:
    """Return what ``documents`` gave, as ``{"datasheets": [...], "profiles": [...]}``; nothing for an empty mapping.

    Raises
    ------
    InputError
        If it is not that.
    """
    if document == {}:
        return ()
    sheets, profiles = ([], [])
    if isinstance(document, Mapping):
        sheets, profiles = document.get("datasheets", []), document.get("profiles", [])
    if not sheets or not _are_rows(sheets) or not _are_rows(profiles) or len(sheets) != len(profiles):
        raise DataError(
            "training data of a checkpoint must be datasheets and profiles of the same folders; "
            f"got {document!r:.60}. {_AGAIN}"
        )
    return tuple(_from_rows(sheet, profile) for sheet, profile in zip(sheets, profiles, strict=True))


def _are_rows(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(row, Mapping) for row in value)


def _from_rows(sheet: Mapping[str, Any], profile: Mapping[str, Any]) -> TrainingData:
    fields, made = sheet.get("fields"), profile.get("profile")
    return TrainingData(
        folder=str(sheet.get("folder", "")),
        datasheet=datasheet_from(fields) if sheet.get("found") is True else None,
        profile=None if made is None else profile_from(made),
        note=str(profile.get("note", "")),
    )
