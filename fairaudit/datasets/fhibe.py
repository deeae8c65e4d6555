"""FHIBE (Fair Human-Centric Image Benchmark): images of consenting people with self-reported attributes.

Layout: the unpacked archive with ``data/processed/fhibe_downsampled/fhibe_downsampled.csv`` (or another processed set);
its column ``filepath`` names images from the folder of the archive. To choose between several sets, give the set's
folder below ``data/processed/``.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from pathlib import Path

import pandas as pd

from fairaudit.core.errors import DataError
from fairaudit.core.open_file import is_there
from fairaudit.core.samples import NOT_RECORDED, Feature, Samples
from fairaudit.datasets.parts.age_groups import age_feature, age_group, age_years
from fairaudit.datasets.parts.cells import country_names, open_feature, text_lists
from fairaudit.datasets.parts.csv_table import read_csv
from fairaudit.datasets.parts.person_box import boxes_of, with_boxes
from fairaudit.datasets.parts.rows import LeftOut, to_samples, with_images
from fairaudit.datasets.parts.source import Source

SETS = ("fhibe_downsampled", "fhibe", "fhibe_face_crop_align", "fhibe_face_crop")
SOURCE = Source(
    reader="fhibe",
    title="FHIBE",
    available="https://fairnessbenchmark.ai.sony/download",
    terms="for those who register and accept the terms, to evaluate fairness; revoked persons are removed monthly",
    layout=f"data/processed/SET/SET.csv with SET one of {', '.join(SETS)}, and data/raw/",
)
SKIN = ("natural_skin_color", "apparent_skin_color")
REQUIRED = ("filepath", "subject_id", "age", "pronoun", "ancestry", *SKIN)
OPTIONAL = ("person_bbox", "location_country")
#: Continents by number; numbers up to the next continent are its parts.
REGIONS = {0: "Africa", 6: "Americas", 11: "Asia", 17: "Europe", 22: "Oceania", 27: ""}
#: Fitzpatrick's type of each of six skin colours (0 is the darkest), from the documentation of FHIBE.
TYPES = {"5": "I", "4": "II", "3": "III", "2": "IV", "1": "V", "0": "VI"}
UNSAID = "Prefer not to say"

_NUMBER = re.compile(r"\s*(\d+)\.\s*(.*)", re.DOTALL)
_SELF = "told by the person"


def samples(root: Path, *, name: str) -> Samples:
    """Return one row for each person in an image, with self-reported pronoun, age, ancestry and skin colour.

    ``+`` joins several answers; ancestry is by continent. The six skin colours are ordered from light to dark. The
    apparent skin colour and the country are exploratory. If boxes of persons are known, a row is the part of its image
    within one. The cluster is the person; the version is the name of the archive's folder.

    Raises
    ------
    DataError
        If the table, a column or all images are missing, or a cell is malformed.
    """
    root, file = _table(SOURCE.folder(root))
    raw = read_csv(file, required=REQUIRED, optional=OPTIONAL).rename(columns={"filepath": "path"})
    left = LeftOut()
    raw, notes = with_images(raw, root, left, source=SOURCE, named_by="the column 'filepath'")
    if "person_bbox" in raw:
        boxes = boxes_of(raw["person_bbox"], raw["path"], what=f"column 'person_bbox' of table {file}")
        raw, more = with_boxes(raw, root, left, boxes)
        notes = (*notes, *more)
    years = age_years(raw["age"])
    rows = raw.drop(columns=[c for c in (*REQUIRED[1:], *OPTIONAL) if c in raw]).assign(
        sample_id=raw["path"] + "#" + raw["subject_id"], cluster_id=raw["subject_id"],
        pronoun=_joined(raw, "pronoun", file), ancestry=_joined(raw, "ancestry", file, by_continent=True),
        age_years=years, age_group=age_group(years),
        **{column: _colour(raw, column, file) for column in SKIN},
    )  # fmt: skip
    features = [
        open_feature(rows, "pronoun", "self-reported", f"pronouns: {_SELF}"),
        age_feature("self-reported", f"age: {_SELF}"),
        open_feature(rows, "ancestry", "self-reported", f"ancestry by continent: {_SELF}"),
        *(_skin(column, exploratory=column.startswith("apparent")) for column in SKIN),
    ]
    if "location_country" in raw:  # written freely by people
        rows["country"], spelling = country_names(raw["location_country"])
        notes = (*notes, spelling)
        features.append(open_feature(rows, "country", "self-reported", "country of the picture", exploratory=True))
    return to_samples(
        SOURCE, rows, name=name, root=root, subject="people", cluster="person", features=features, left=left,
        notes=notes, version=root.name if root.name.startswith("fhibe") else "",
    )  # fmt: skip


def _table(folder: Path) -> tuple[Path, Path]:
    """Return the folder of the archive and the table of a processed set."""
    folder = folder.resolve()
    own = folder / f"{folder.name}.csv"
    if is_there(own) and folder.parent.name == "processed":
        return folder.parents[2], own
    for processed in SETS:
        file = folder / "data" / "processed" / processed / f"{processed}.csv"
        if is_there(file):
            return folder, file
    raise SOURCE.missing(folder, f"data/processed/{SETS[0]}/{SETS[0]}.csv or that of another set")


def _answer(text: str, column: str, file: Path) -> tuple[str, str]:
    """Return the number and the words of an answer such as ``1. He/him/his``."""
    match = _NUMBER.fullmatch(text)
    if match is None:
        raise DataError(
            f"column '{column}' of table {file} must hold answers such as '0. ...'; got {text[:60]!r}. Correct it."
        )
    return match[1], match[2].strip()


def _joined(raw: pd.DataFrame, column: str, file: Path, *, by_continent: bool = False) -> list[str]:
    """Return the joined answers of each row; a part of a continent counts as the continent."""
    lists = text_lists(raw[column], raw["path"], what=f"column '{column}' of table {file}", example="['0. Africa']")
    joined = []
    for answers in lists:
        numbered = [_answer(answer, column, file) for answer in answers]
        words = {_continent(number) if by_continent else text for number, text in numbered} - {UNSAID, ""}
        joined.append(" + ".join(sorted(words)) or NOT_RECORDED)
    return joined


def _continent(number: str) -> str:
    starts = list(REGIONS)
    return REGIONS[starts[bisect_right(starts, min(int(number[:4]), starts[-1])) - 1]]


def _colour(raw: pd.DataFrame, column: str, file: Path) -> list[str]:
    return [TYPES.get(_answer(cell, column, file)[0], NOT_RECORDED) if cell else NOT_RECORDED for cell in raw[column]]


def _skin(column: str, *, exploratory: bool) -> Feature:
    words = column.replace("_", " ")
    source = f"{words}, one of six colours that FHIBE calls Fitzpatrick's types, light to dark; {_SELF}"
    return Feature(column, tuple(TYPES.values()), "self-reported", source, ordered=True, exploratory=exploratory)
