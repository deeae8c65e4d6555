"""The forms of Dollar Street as one table: a plain table, MLCommons' release, Gapminder's JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from fairaudit.core.errors import DataError
from fairaudit.core.open_file import is_there
from fairaudit.datasets.parts.cells import text_lists
from fairaudit.datasets.parts.csv_table import positive_numbers, read_csv
from fairaudit.datasets.parts.homes import distinct_homes
from fairaudit.datasets.parts.rows import located
from fairaudit.datasets.parts.text_files import read_json

PLAIN = "metadata.csv"
#: MLCommons' release: tables by preference.
MLCOMMONS = ("images_v2_imagenet_test.csv", "images_v2.csv")
JSON = ("metadata_full_dollar_street.json", "dollar_street.json", "metadata.json")
SUFFIXES = (".jpg", ".jpeg", ".png", ".JPG")
_COLUMNS = {
    "imageRelPath": "path", "country.name": "country", "region.id": "region", "income": "income", "topics": "topic",
    "place": "household",
}  # fmt: skip
_REQUIRED = ("file", "country", "region", "income", "topic")
_SYNONYMS = "imagenet_synonyms"
#: Dollar Street's names of the release's regions.
_REGIONS = {"af": "Africa", "am": "The Americas", "as": "Asia", "eu": "Europe"}
_KEYS = ("_id", "label", "country", "region", "income")


@dataclass(frozen=True)
class Photographs:
    """A row for each topic of a photograph.

    Parameters
    ----------
    file : Path
        The table.
    rows : DataFrame of str
        Columns ``path, country, region, income, topic``, optionally ``household, credit, url`` and ``labels`` (lists).
    named_by : str
        The column or fields with the names of the images.
    note : str
        Note on households.
    """

    file: Path
    rows: pd.DataFrame
    named_by: str
    note: str = ""


def read_photographs(root: Path) -> Photographs | None:
    """Return the photographs in the first of the known tables in ``root``; None if there is none.

    Raises
    ------
    DataError
        If the table is malformed.
    """
    for names, read in (((PLAIN,), _plain), (MLCOMMONS, _mlcommons), (JSON, _gapminder)):
        for name in names:
            if is_there(root / name):
                return read(root / name)
    return None


def _plain(file: Path) -> Photographs:
    raw = read_csv(file, required=_REQUIRED, optional=("household", "credit", "url", _SYNONYMS))
    raw = raw.rename(columns={"file": "path"})
    return Photographs(file, _with_labels(raw, file), "its column 'file'")


def _mlcommons(file: Path) -> Photographs:
    raw = read_csv(file, required=tuple(_COLUMNS), optional=(_SYNONYMS,)).rename(columns=_COLUMNS)
    topics = text_lists(raw["topic"], raw["path"], what=f"column 'topics' of table {file}", example="['stove']")
    raw = _with_labels(raw.assign(topic=pd.Series(topics, index=raw.index, dtype="object")), file)
    raw["region"] = raw["region"].map(lambda code: _REGIONS.get(code, code))
    raw["household"], note = distinct_homes(raw, positive_numbers(raw["income"]))
    rows = raw.explode("topic", ignore_index=True).fillna({"topic": ""})
    return Photographs(file, rows, "its column 'imageRelPath'", note)


def _gapminder(file: Path) -> Photographs:
    """Return the photographs of ``[{"_id", "label", "country", "region", "income", "url"}]``, homes by ``_id``."""
    value = read_json(file, kind=list, what="a list of photographs")
    records = []
    for number, record in enumerate(value, 1):
        missing = [key for key in _KEYS if not isinstance(record, dict) or key not in record]
        if missing:
            raise DataError(
                f"photograph {number:,} of {file} must have {', '.join(_KEYS)}; {missing[0]} is missing. Get the file "
                "again."
            )
        cells = {key: "" if record.get(key) is None else str(record[key]).strip() for key in (*_KEYS, "url", "id")}
        records.append(cells)
    raw = pd.DataFrame(records, columns=[*_KEYS, "url", "id"])
    stems = [folder + name for name in (raw["label"] + "/" + raw["_id"], raw["id"]) for folder in ("", "images/")]
    places = [(stem + suffix).tolist() for stem in stems for suffix in SUFFIXES]
    rows = pd.DataFrame(
        {
            "path": located(file.parent, places), "country": raw["country"], "region": raw["region"],
            "income": raw["income"], "topic": raw["label"], "household": raw["_id"],
            # The URLs of one photograph in several sizes differ before its checksum.
            "url": [url.rpartition("-")[2] for url in raw["url"]],
        }
    )  # fmt: skip
    note = "The household is the field _id, as in the code that Goyal et al. (2022) published."
    return Photographs(file, rows, "the fields 'label' and '_id'", note)


def _with_labels(raw: pd.DataFrame, file: Path) -> pd.DataFrame:
    if _SYNONYMS not in raw:
        return raw
    cells, column = raw[_SYNONYMS], f"column '{_SYNONYMS}' of table {file}"
    lists = text_lists(cells, raw["path"], what=column, example="['stove']")
    return raw.assign(labels=pd.Series(lists, index=raw.index, dtype="object"))
