"""UTKFace: aligned face images whose file names hold age, gender and race.

Layout: files ``[age]_[gender]_[race]_[time].jpg`` (``.jpg.chip.jpg`` in the aligned version), in the folder itself, in
a folder ``UTKFace`` below it, or in several part folders. ``Samples.skipped`` lists files whose name lacks a field, as
some of the original do.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from fairaudit.core.files import visible_files
from fairaudit.core.samples import Feature, Samples
from fairaudit.datasets.parts.age_groups import OLDEST, age_feature, age_group
from fairaudit.datasets.parts.rows import NO_TEXT, LeftOut, is_text, to_samples
from fairaudit.datasets.parts.source import Source

SOURCE = Source(
    reader="utkface",
    title="UTKFace",
    available="https://susanqq.github.io/UTKFace/",
    terms="non-commercial research only; the copyright of the images is with their owners",
    layout="files AGE_GENDER_RACE_TIME.jpg or .jpg.chip.jpg, in the folder or below it",
)
GENDERS = ("male", "female")
RACES = ("White", "Black", "Asian", "Indian", "Others")

_NAME = re.compile(r"(?P<fields>[^.]+)(?:(?:\.jpe?g)?\.chip)?\.jpe?g", re.IGNORECASE)
_HOW = "estimated by a model and checked by one annotator, as the authors of UTKFace describe; nobody was asked"


def samples(root: Path, *, name: str) -> Samples:
    """Return the face images below ``root`` with perceived gender, race and age group.

    The table also has ``age_years`` (float, from the file name). Persons are unknown: the cluster is the image.

    Raises
    ------
    DataError
        If the folder is missing, or no file name has this form.
    """
    root = SOURCE.folder(root)
    start = root / "UTKFace" if (root / "UTKFace").is_dir() else root
    records: list[dict[str, object]] = []
    left = LeftOut()
    for path in visible_files(start):
        relative = path.relative_to(root).as_posix()
        if not is_text(relative):
            left.add(relative, NO_TEXT)
            continue
        try:
            records.append({"sample_id": path.name, "path": relative, **_fields(path.name)})
        except ValueError as error:
            left.add(relative, str(error))
    if not records:
        example = f", for example '{left.files[0]}'" if left.files else ""
        raise SOURCE.missing(root, "files named AGE_GENDER_RACE_TIME.jpg", got=f"none among {len(left)} files{example}")
    rows = pd.DataFrame(records)
    rows = rows.assign(age_group=age_group(rows["age_years"]))
    notes = ["Persons are not known in UTKFace: two images of one person can be neighbours of each other."]
    if left.files:
        notes.append(f"{len(left)} of {len(rows) + len(left)} files have a malformed name and were left out.")
    return to_samples(
        SOURCE, rows, name=name, root=root, subject="people", cluster="image", features=_features(), left=left,
        notes=notes,
    )  # fmt: skip


def _features() -> tuple[Feature, ...]:
    return (
        Feature("gender", ("female", "male"), "perceived", f"gender: {_HOW}"),
        age_feature("perceived", f"age: {_HOW}"),
        Feature("race", RACES, "perceived", f"race, five values as recorded: {_HOW}"),
    )


def _fields(file_name: str) -> dict[str, object]:
    """Return the values in a file name; raise ValueError with the reason if it is malformed."""
    match = _NAME.fullmatch(file_name)
    if match is None:
        raise ValueError("the name does not end in .jpg or .jpg.chip.jpg after its last field")
    fields = match["fields"].split("_")
    if len(fields) != 4:
        raise ValueError(f"the name must have 4 fields (age, gender, race, time); got {len(fields)}")
    age, gender, race, time = fields
    for field, text, highest in (("age", age, OLDEST), ("gender", gender, 1), ("race", race, 4)):
        if not re.fullmatch("[0-9]{1,3}", text) or int(text) > highest:
            raise ValueError(f"the field {field} of the name must be 0 to {highest}; got '{text}'")
    if not re.fullmatch("[0-9]+", time):
        raise ValueError(f"the field time of the name must be digits; got '{time}'")
    return {"gender": GENDERS[int(gender)], "race": RACES[int(race)], "age_years": float(age)}
