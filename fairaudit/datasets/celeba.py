"""CelebA: aligned faces of celebrities with 40 annotated attributes.

Layout: ``list_attr_celeba.txt`` (a count, 40 names, then ``000001.jpg -1 1 ...``) or Kaggle's CSV; optionally
``list_eval_partition`` and ``identity_CelebA``, as ``.txt`` or ``.csv``. Lists are in the folder, in ``Anno/`` or in
``Eval/``; images in ``img_align_celeba/`` (also nested twice) or in ``Img/``.
"""

from __future__ import annotations

from collections.abc import Container
from pathlib import Path

import pandas as pd

from fairaudit.core.errors import DataError, did_you_mean
from fairaudit.core.open_file import is_there
from fairaudit.core.samples import Feature, Samples
from fairaudit.datasets.parts.csv_table import read_csv
from fairaudit.datasets.parts.rows import LeftOut, in_folders, located, to_samples, with_images
from fairaudit.datasets.parts.source import Source
from fairaudit.datasets.parts.text_files import read_text

SOURCE = Source(
    reader="celeba",
    title="CelebA",
    available="http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html",
    terms="as that page states (non-commercial research)",
    layout="list_attr_celeba.txt or .csv, perhaps list_eval_partition and identity_CelebA, and img_align_celeba/",
)
ATTRIBUTES, PARTITION, IDENTITY = "list_attr_celeba", "list_eval_partition", "identity_CelebA"
FOLDERS = ("", "Anno", "Eval", "annotations")
IMAGES = ("img_align_celeba", "img_align_celeba/img_align_celeba", "Img/img_align_celeba", "")
SPLITS = {"0": "train", "1": "val", "2": "test"}
#: Published attributes that describe the person.
GROUPED = ("Male", "Young")

_HOW = (
    "a yes or no of annotators whom the authors paid, by looks alone; the attribute is disputed, and no is not the "
    "opposite of yes"
)


def samples(root: Path, *, name: str) -> Samples:
    """Return the faces with the attributes ``Male`` and ``Young`` as groups: yes, or not.

    Attributes keep their published names; "not Male" is no gender. The other 38 attributes are columns of 1 and -1.
    The cluster is the identity if ``identity_CelebA`` (on request from the authors) exists, else the image.

    Raises
    ------
    DataError
        If the list of attributes or all images are missing, or a line of a list is malformed.
    """
    root = SOURCE.folder(root)
    file = _find(root, ATTRIBUTES)
    if file is None:
        raise SOURCE.missing(root, f"{ATTRIBUTES}.txt or {ATTRIBUTES}.csv")
    values, note = _attributes(file)
    rows = pd.DataFrame({"sample_id": values.index})
    rows["path"] = located(root, in_folders(rows["sample_id"], IMAGES))
    for attribute in GROUPED:
        groups = values.pop(attribute).map({1: attribute, -1: f"not {attribute}"})
        rows[attribute] = groups.to_numpy(object)
    notes = [note]
    identity, partition = _pairs(root, IDENTITY, "a number"), _pairs(root, PARTITION, "0, 1 or 2", SPLITS)
    if identity is None:
        notes.append(f"{IDENTITY} is not there, so persons are not known: images count as independent.")
    else:
        person = rows["sample_id"].map(identity)
        rows["cluster_id"] = person.where(person.notna(), rows["sample_id"])
    if partition is not None:
        rows["split"] = rows["sample_id"].map(partition).map(SPLITS).fillna("")
    rows = pd.concat([rows, values.reset_index(drop=True)], axis=1)
    left = LeftOut()
    rows, more = with_images(rows, root, left, source=SOURCE, named_by=file.name)
    return to_samples(
        SOURCE, rows, name=name, root=root, subject="people", cluster="image" if identity is None else "person",
        features=tuple(Feature(a, (a, f"not {a}"), "annotated", f"{a}: {_HOW}") for a in GROUPED), left=left,
        notes=(*notes, *more),
    )  # fmt: skip


def _find(root: Path, stem: str) -> Path | None:
    places = (root / folder / f"{stem}{suffix}" for folder in FOLDERS for suffix in (".txt", ".csv"))
    return next((path for path in places if is_there(path)), None)


def _attributes(file: Path) -> tuple[pd.DataFrame, str]:
    """Return 1 and -1 (int8) by image and attribute, and a note if the number of images differs from the header."""
    count = ""
    if file.suffix == ".csv":
        raw = read_csv(file, required=("image_id",)).set_index("image_id")
        names, rows = list(raw.columns), [(at, list(row)) for at, row in enumerate(raw.itertuples(), 2)]
    else:
        lines = read_text(file).split("\n")
        count = lines[0].strip() if lines[0].strip().isdecimal() else ""  # some copies lack it
        first = 1 if count else 0
        names = " ".join(lines[first : first + 1]).split()
        rows = [(at, line.split()) for at, line in enumerate(lines[first + 1 :], first + 2) if line.strip()]
    for number, (image, *cells) in rows:
        if len(cells) != len(names) or not set(cells) <= {"1", "-1"}:
            raise DataError(
                f"line {number:,} of {file} ({image}) must have 1 or -1 for each of {len(names)} attributes; got "
                f"{len(cells)} cells, {' '.join(cells)[:60]!r}. Get the file again."
            )
    for name in GROUPED:
        if name not in names:
            hint = did_you_mean(name, names) or "Get the file again."
            raise DataError(f"file {file} must have the attribute {name}; got none. {hint}".rstrip())
        if names.count(name) > 1:
            raise DataError(f"file {file} must name each attribute once; got {name} twice. Get the file again.")
    values = pd.DataFrame([cells for _, (_, *cells) in rows], index=[row[0] for _, row in rows], columns=names)
    short = bool(count) and count.lstrip("0") != str(len(rows))
    note = f"{file.name} has {len(rows):,} images, and its first line says {count[:20]}." if short else ""
    return values.astype("int8"), note


def _pairs(root: Path, stem: str, what: str, numbers: Container[str] = ()) -> dict[str, str] | None:
    """Return the second column of a list by image, or None if no list exists; ``what`` names the values in errors."""
    file = _find(root, stem)
    if file is None:
        return None
    value_by_image: dict[str, str] = {}
    for number, line in enumerate(read_text(file).split("\n"), 1):
        cells = line.replace(",", " ").split()
        if not cells or (number == 1 and "." not in cells[0]):  # the header of a CSV
            continue
        if len(cells) != 2 or not (cells[1] in numbers if numbers else cells[1].isdecimal()):
            raise DataError(f"line {number:,} of {file} must have an image and {what}; got {line[:60]!r}. Correct it.")
        value_by_image[cells[0]] = cells[1]
    return value_by_image
