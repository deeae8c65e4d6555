"""OpenImages MIAP (More Inclusive Annotations for People): boxes of persons with perceived gender and age.

Layout: ``open_images_extended_miap_boxes_{train,val,test}.csv``, boxes as shares of the image, or VISSL's JSON, boxes
in pixels. The images ``ID.jpg`` are in the folder, in ``images/``, or in a folder of their split in either.
"""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from fairaudit.core.errors import DataError, did_you_mean
from fairaudit.core.open_file import is_there
from fairaudit.core.samples import Feature, Samples
from fairaudit.datasets.parts.cells import groups_of
from fairaudit.datasets.parts.csv_table import read_csv
from fairaudit.datasets.parts.person_box import with_boxes
from fairaudit.datasets.parts.rows import LeftOut, located, to_samples, with_images
from fairaudit.datasets.parts.source import Source
from fairaudit.datasets.parts.text_files import read_json

TABLES = {f"open_images_extended_miap_boxes_{split}.csv": split for split in ("train", "val", "test")}
SOURCE = Source(
    reader="openimages_miap",
    title="OpenImages MIAP",
    available="https://storage.googleapis.com/openimages/web/extended.html#miap",
    terms="annotations CC BY 4.0, images listed as CC BY 2.0, to be checked one by one",
    layout=f"{', '.join(TABLES)} or some of them, and images ID.jpg, perhaps in images/ or a folder of the split",
)
EDGES = ("XMin", "YMin", "XMax", "YMax")
FLAGS = {"IsGroupOf": "the box shows a group", "IsDepictionOf": "the box shows a depiction, no person"}
ATTRIBUTES = ("GenderPresentation", "AgePresentation")
REQUIRED = ("ImageID", "XMin", "XMax", "YMin", "YMax", *FLAGS, *ATTRIBUTES)
#: Least width and height of a box in pixels, from the published protocol.
LEAST_PX = 100
GENDERS = {f"Predominantly {word}": f"predominantly {word.lower()}" for word in ("Feminine", "Masculine")}
AGES = {word: word.lower() for word in ("Young", "Middle", "Older")}

_HOW = "as annotators perceived it in the picture; nobody was asked"


def samples(root: Path, *, name: str) -> Samples:
    """Return one row for each person's box of at least 100 x 100 pixels, cropped as in the published protocol.

    "Unknown" is *not recorded*. Boxes of groups and of depictions are left out; the published code keeps them and so
    counts drawings as people. The cluster is the image, which may show several persons.

    Raises
    ------
    DataError
        If the table, a column or all images are missing, or a cell is outside the published values.

    References
    ----------
    Schumann et al. (2021), arXiv:2105.02317 (data); Goyal et al. (2022), arXiv:2202.07603, appendix B.2 (size, crop).
    """
    root = SOURCE.folder(root)
    files = [root / file for file in TABLES if is_there(root / file)]
    relative = bool(files)
    rows = pd.concat([_table(file) for file in files], ignore_index=True) if relative else _json(root)
    left = LeftOut()
    for flag, reason in FLAGS.items():  # -1 is unknown and counts as no
        rows = left.keep(rows, [reason if cell == "1" else "" for cell in rows[flag]])
    rows["path"] = located(root, _places(rows))
    rows, notes = with_images(rows, root, left, source=SOURCE, named_by="the column 'ImageID'", what="boxes")
    boxes = rows[list(EDGES)].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    rows, more = with_boxes(rows, root, left, boxes, relative=relative, least_px=LEAST_PX)
    rows = rows.drop(columns=[*EDGES, *FLAGS, *ATTRIBUTES, "ImageID"])
    return to_samples(
        SOURCE, rows, name=name, root=root, subject="people", cluster="image", features=_features(), left=left,
        notes=(*notes, *more),
    )  # fmt: skip


def _table(file: Path) -> pd.DataFrame:
    raw = read_csv(file, required=REQUIRED, optional=())
    return _named(raw.assign(split=TABLES[file.name]), f"table {file}")


def _json(root: Path) -> pd.DataFrame:
    """Return the boxes of VISSL's JSON: ``path``, ``bbox`` (left, top, right, bottom in pixels, as texts)."""
    files = sorted(root.glob("*miap*.json"))
    if len(files) != 1:
        raise SOURCE.missing(root, " or ".join(TABLES), got=" and ".join(file.name for file in files) or "none")
    value = read_json(files[0], kind=list, what="a list of boxes")
    records = []
    for number, record in enumerate(value, 1):
        box = record.get("bbox") if isinstance(record, dict) else None
        if not isinstance(box, list) or len(box) != 4 or not isinstance(record.get("path"), str):
            raise DataError(
                f"box {number} of {files[0]} must have 'path' and 'bbox' with four numbers; got {str(record)[:80]}. "
                "Get the file again."
            )
        missing = next((key for key in (*FLAGS, *ATTRIBUTES) if key not in record), None)
        if missing is not None:
            hint = did_you_mean(missing, record) or "Get the file again."
            raise DataError(f"box {number} of {files[0]} must have the field '{missing}'; got none. {hint}".rstrip())
        cells = {key: str(record[key]) for key in (*FLAGS, *ATTRIBUTES)}
        edges = dict(zip(EDGES, map(str, box), strict=True))
        path = PurePosixPath(record["path"])
        records.append({**cells, **edges, "ImageID": path.stem, "path": str(path), "split": ""})
    if not records:
        raise DataError(f"file {files[0]} must hold a list of boxes; got an empty one. Get the file again.")
    return _named(pd.DataFrame(records), f"file {files[0]}")


def _named(raw: pd.DataFrame, source: str) -> pd.DataFrame:
    """Add the features, an id for each box of an image, and the image as cluster."""
    number = raw.groupby("ImageID").cumcount() + 1
    return raw.assign(
        path=raw["path"] if "path" in raw else raw["ImageID"] + ".jpg",
        sample_id=raw["ImageID"] + "#" + number.astype(str),
        cluster_id=raw["ImageID"],
        **{flag: groups_of(raw[flag], ("1", "0", "-1"), what=f"'{flag}' of {source}") for flag in FLAGS},
        gender_presentation=groups_of(
            raw["GenderPresentation"], GENDERS, what=f"'GenderPresentation' of {source}", missing=["Unknown"]
        ),
        age_presentation=groups_of(
            raw["AgePresentation"], AGES, what=f"'AgePresentation' of {source}", missing=["Unknown"]
        ),
    )


def _places(rows: pd.DataFrame) -> list[list[str]]:
    """Return the path of each row's image in every possible folder; OpenImages' folder of ``val`` is ``validation``."""
    files = [PurePosixPath(path).name for path in rows["path"]]
    places = [files]
    for folders in (rows["split"], rows["split"].replace("val", "validation")):
        places.append([f"{folder}/{file}" if folder else file for folder, file in zip(folders, files, strict=True)])
    return [rows["path"].tolist(), *places, *([f"images/{path}" for path in place] for place in places)]


def _features() -> tuple[Feature, ...]:
    return (
        Feature("gender_presentation", tuple(GENDERS.values()), "perceived", f"gender presentation: {_HOW}"),
        Feature("age_presentation", tuple(AGES.values()), "perceived", f"age presentation: {_HOW}", ordered=True),
    )
