"""UTKFace: aligned face images whose file names hold age, gender and race.

Layout: files ``[age]_[gender]_[race]_[time].jpg`` (``.jpg.chip.jpg`` in the aligned version), in the folder itself, in
a folder ``UTKFace`` below it, or in several part folders. Some names of the original lack a field; such files are
listed in ``Samples.skipped``.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from fairaudit.core.errors import DataError
from fairaudit.core.files import visible_files
from fairaudit.core.samples import SAMPLE_COLUMNS, Feature, Samples
from fairaudit.datasets.parts.files import existing_folder, skipped_table

READER = "utkface"
GENDERS = ("male", "female")
RACES = ("White", "Black", "Asian", "Indian", "Others")
#: Lower bounds of the age groups; the upper bound of a group is the lower bound of the next, and not part of it.
AGE_GROUPS = {"<18": 0, "18-30": 18, "30-45": 30, "45-70": 45, "70+": 70}
OLDEST = 120

_NAME = re.compile(r"(?P<fields>[^.]+)(?:(?:\.jpe?g)?\.chip)?\.jpe?g", re.IGNORECASE)
_HOW = "estimated by a model and checked by one annotator, as the authors of UTKFace describe; nobody was asked"


def samples(root: Path, *, name: str) -> Samples:
    """Return the face images below ``root`` with perceived gender, race and age group.

    The table also has ``age_years`` (float, as in the file name). Persons are not known: the cluster is the image.

    Parameters
    ----------
    root : Path
        The folder ``UTKFace``, the folder above it, or a folder of part folders.
    name : str
        Name of the data set in the audit.

    Raises
    ------
    DataError
        If the folder is not there, or no file name in it is of this form.
    """
    root = existing_folder(root, reader=READER)
    start = root / "UTKFace" if (root / "UTKFace").is_dir() else root
    rows: list[dict[str, object]] = []
    skipped: list[tuple[str, str]] = []
    for path in visible_files(start):
        relative = path.relative_to(root).as_posix()
        try:
            rows.append({"sample_id": path.name, "path": relative, **_fields(path.name)})
        except ValueError as error:
            skipped.append((relative, str(error)))
    if not rows:
        example = f", for example '{skipped[0][0]}'" if skipped else ""
        raise DataError(
            f"data folder {root} must contain files named AGE_GENDER_RACE_TIME.jpg for the reader '{READER}'; "
            f"got none among {len(skipped)} files{example}. Give the folder of UTKFace."
        )
    table = pd.DataFrame(rows).assign(split="", label="", text="")
    table["cluster_id"] = table["sample_id"]
    table = table[[*SAMPLE_COLUMNS, "gender", "age_group", "race", "age_years"]]
    notes = ["Persons are not known in UTKFace: two images of one person can be neighbours of each other."]
    if skipped:
        notes.append(f"{len(skipped)} of {len(rows) + len(skipped)} files have a malformed name and were left out.")
    return Samples(
        name=name,
        reader=READER,
        subject="people",
        root=root,
        table=table,
        features=_features(),
        cluster="image",
        licence="UTKFace: non-commercial research only; the copyright of the images is with their owners",
        show_images=False,
        notes=tuple(notes),
        skipped=skipped_table(skipped),
    )


def _features() -> tuple[Feature, ...]:
    return (
        Feature("gender", ("female", "male"), "perceived", f"gender: {_HOW}"),
        Feature("age_group", tuple(AGE_GROUPS), "perceived", f"age: {_HOW}; 18-30 means 18 to 29", ordered=True),
        Feature("race", RACES, "perceived", f"race, five values as recorded: {_HOW}"),
    )


def _fields(file_name: str) -> dict[str, object]:
    """Return the values that a file name holds; ValueError with the reason if it is malformed."""
    match = _NAME.fullmatch(file_name)
    if match is None:
        raise ValueError("the name does not end in .jpg or .jpg.chip.jpg after its last field")
    fields = match["fields"].split("_")
    if len(fields) != 4:
        raise ValueError(f"the name must have 4 fields (age, gender, race, time); got {len(fields)}")
    age, gender, race, time = fields
    for what, text, highest in (("age", age, OLDEST), ("gender", gender, 1), ("race", race, 4)):
        if not re.fullmatch("[0-9]{1,3}", text) or int(text) > highest:
            raise ValueError(f"the field {what} of the name must be 0 to {highest}; got '{text}'")
    if not re.fullmatch("[0-9]+", time):
        raise ValueError(f"the field time of the name must be digits; got '{time}'")
    return {
        "gender": GENDERS[int(gender)],
        "race": RACES[int(race)],
        "age_group": _age_group(int(age)),
        "age_years": float(age),
    }


def _age_group(years: int) -> str:
    return [group for group, lowest in AGE_GROUPS.items() if years >= lowest][-1]
