"""FairFace: face crops with perceived gender, race and age; one CSV for each split.

Layout: ``fairface_label_train.csv`` and ``fairface_label_val.csv`` (at least one) with the columns ``file``
(``train/1.jpg``), ``age``, ``gender``, ``race`` and ``service_test``; the images in ``train/`` and ``val/``, beside the
tables or in the folder of a published crop.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from fairaudit.core.errors import DataError
from fairaudit.core.open_file import is_there
from fairaudit.core.samples import Feature, Samples
from fairaudit.datasets.parts.cells import groups_of
from fairaudit.datasets.parts.csv_table import read_csv
from fairaudit.datasets.parts.rows import LeftOut, in_folders, located, to_samples, with_images
from fairaudit.datasets.parts.source import Source

SOURCE = Source(
    reader="fairface",
    title="FairFace",
    available="https://github.com/joojs/fairface",
    terms="CC BY 4.0",
    layout="fairface_label_train.csv and fairface_label_val.csv (file, age, gender, race), train/ and val/",
)
TABLES = {"fairface_label_train.csv": "train", "fairface_label_val.csv": "val"}
REQUIRED = ("file", "age", "gender", "race")
CROPS = ("fairface-img-margin025-trainval", "fairface-img-margin125-trainval")
AGES = ("0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "more than 70")
GENDERS = {"Female": "female", "Male": "male"}
RACES = (
    "Black", "East Asian", "Indian", "Latino_Hispanic", "Middle Eastern", "Southeast Asian", "White",
)  # fmt: skip

_HOW = "what two of three annotators on Mechanical Turk, or a third round, said of the face; nobody was asked"
_DATE = re.compile(r"\d{1,2}-[A-Za-z]{3}|[A-Za-z]{3}-\d{1,2}")


def samples(root: Path, *, name: str) -> Samples:
    """Return the faces of all existing splits, with perceived gender, age and race as recorded.

    The table also has ``service_test`` (text). Persons are not known: the cluster is the image.

    Raises
    ------
    DataError
        If all tables, a column or all images are missing, or a cell is outside the published values, such as an age
        that a spreadsheet turned into a date.
    """
    root = SOURCE.folder(root)
    files = [root / file for file in TABLES if is_there(root / file)]
    if not files:
        raise SOURCE.missing(root, " or ".join(TABLES))
    rows, left = pd.concat([_read(file) for file in files], ignore_index=True), LeftOut()
    rows["sample_id"] = rows["path"]  # the same in both published crops
    rows["path"] = located(root, in_folders(rows["path"], ("", *CROPS)))
    rows, notes = with_images(rows, root, left, source=SOURCE, named_by="the column 'file'")
    return to_samples(
        SOURCE, rows, name=name, root=root, subject="people", cluster="image", features=_features(), left=left,
        notes=("Persons are not known in FairFace: two images of one person can be neighbours of each other.", *notes),
    )  # fmt: skip


def _read(file: Path) -> pd.DataFrame:
    raw = read_csv(file, required=REQUIRED)
    dates = raw["age"].str.fullmatch(_DATE)
    if dates.any():
        raise DataError(
            f"column 'age' of table {file} must have ages such as 3-9; got the date '{raw['age'][dates].iloc[0]}' of a "
            "spreadsheet. Get the table again, and do not save it in a spreadsheet."
        )
    return pd.DataFrame(
        {
            "path": raw["file"],
            "split": TABLES[file.name],
            "gender": groups_of(raw["gender"], GENDERS, what=f"column 'gender' of table {file}"),
            "age": groups_of(
                raw["age"], {**dict(zip(AGES, AGES, strict=True)), "Over 70": AGES[-1]},
                what=f"column 'age' of table {file}",
            ),
            "race": groups_of(raw["race"], RACES, what=f"column 'race' of table {file}"),
            "service_test": raw["service_test"].str.casefold() if "service_test" in raw else "",
        }
    )  # fmt: skip


def _features() -> tuple[Feature, ...]:
    return (
        Feature("gender", tuple(sorted(GENDERS.values())), "perceived", f"gender: {_HOW}"),
        Feature("age", AGES, "perceived", f"age in bins as recorded: {_HOW}", ordered=True),
        Feature("race", RACES, "perceived", f"race, seven values as recorded: {_HOW}"),
    )
