"""``TrainingData``: datasheet and profile of a folder of training images; to and from JSON."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairaudit.core.errors import DataError, InputError
from fairaudit.core.run_files import read_run_file
from fairaudit.describe.datasheet import Datasheet, datasheet_from, find_datasheet
from fairaudit.describe.profile import Profile, profile_from
from fairaudit.describe.profiler import DEFAULT_FIELDS, profile_data
from fairaudit.images.shard import is_shard
from fairaudit.images.table import find_table, open_table

_AGAIN = "Take the files that fairaudit pretrain wrote."
#: Candidates for the cluster column of the intervals; the first that is present is used.
CLUSTER_COLUMNS = ("cluster_id", "person", "household", "account")


@dataclass(frozen=True)
class TrainingData:
    """One folder or table that a network was trained on.

    Parameters
    ----------
    folder : str
        Its name, without parent folders.
    datasheet : Datasheet or None
        None if the folder holds no ``datasheet.toml``.
    profile : Profile or None
    note : str
        Why there is no profile; otherwise empty.
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
    """Return datasheet and profile of each source, in order: a folder, a table of images, or tar shards.

    The datasheet of a table or a shard is that of its folder; shards of one folder are one source. Intervals count
    persons, households or accounts if the table has such a column (``CLUSTER_COLUMNS``). Near copies are not searched:
    that would decode every image once more.

    Raises
    ------
    InputError
        If a datasheet or a table cannot be read.
    """
    paths = map(Path, sources)
    places = dict.fromkeys(path.parent if is_shard(path) and not path.is_dir() else path for path in paths)
    return tuple(map(_describe, places))


def _describe(place: Path) -> TrainingData:
    """Return datasheet and profile of a folder or a table."""
    name, datasheet = place.resolve().name, find_datasheet(place if place.is_dir() else place.parent)
    table = find_table(place) if place.is_dir() else open_table(place)
    if table is None:
        return TrainingData(name, datasheet, None, "no table of the images lies in the folder")
    if not {column.lower() for column in table.columns} & set(DEFAULT_FIELDS):
        why = f"{table.path.name} has no column {', '.join(DEFAULT_FIELDS)}"
        return TrainingData(name, datasheet, None, why)
    cluster = next((column for column in CLUSTER_COLUMNS if column in table.columns), "")
    profile = profile_data(place, cluster=cluster, near=False)
    # File names can identify people; a run and its audits travel further than the data.
    copies = tuple(dataclasses.replace(copies, examples=()) for copies in profile.copies)
    return TrainingData(name, datasheet, dataclasses.replace(profile, copies=copies))


def documents(data: Sequence[TrainingData]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the datasheets and the profiles of all folders as JSON values, for the two files of a run."""
    sheets = [{"folder": d.folder, "found": d.datasheet is not None, "fields": d.declared.document()} for d in data]
    profiles = [
        {"folder": d.folder, "profile": d.profile.document() if d.profile else None, "note": d.note} for d in data
    ]
    return sheets, profiles


def read_documents(run: Path) -> dict[str, Any]:
    """Return the documents in a run's folder, as ``{"datasheets": [...], "profiles": [...]}``.

    Empty for a run that is older than these files, or was killed before it wrote both.

    Raises
    ------
    InputError
        If a file is damaged.
    """
    files = {"datasheets": run / "datasheet.json", "profiles": run / "profile.json"}
    contents = {key: read_run_file(path, "folders") for key, path in files.items()}
    if not all(contents.values()):
        return {}
    try:
        data = training_data_from({key: values["folders"] for key, values in contents.items()})
    except InputError as error:
        raise DataError(f"'{files['datasheets']}' and '{files['profiles'].name}': {error}") from error
    # Written again, so that unknown keys are not passed on.
    return dict(zip(files, documents(data), strict=True))


def training_data_from(document: object) -> tuple[TrainingData, ...]:
    """Return the training data of ``{"datasheets": [...], "profiles": [...]}``, as ``documents`` writes them.

    Raises
    ------
    InputError
        If ``document`` is neither that nor empty.
    """
    if document == {}:
        return ()
    values: Any = document if isinstance(document, Mapping) else {}
    sheets, profiles = values.get("datasheets"), values.get("profiles")
    if not sheets or not _are_rows(sheets) or not _are_rows(profiles) or len(sheets) != len(profiles):
        raise DataError(
            "training data of a checkpoint must be datasheets and profiles of the same folders; "
            f"got {document!r:.60}. {_AGAIN}"
        )
    return tuple(_from_rows(sheet, profile) for sheet, profile in zip(sheets, profiles, strict=True))


def _are_rows(value: object) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(row, Mapping) for row in value)


def _from_rows(sheet: Mapping[str, Any], profile: Mapping[str, Any]) -> TrainingData:
    fields, values = sheet.get("fields"), profile.get("profile")
    return TrainingData(
        folder=str(sheet.get("folder", "")),
        datasheet=datasheet_from(fields) if sheet.get("found") is True else None,
        profile=None if values is None else profile_from(values),
        note=str(profile.get("note", "")),
    )
