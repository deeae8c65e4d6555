"""VisoGender: persons at work with perceived gender; the data set gives only the URLs of its images.

Layout: ``OO_Visogender_DDMMYYYY.tsv`` (a person and an object) and ``OP_Visogender_DDMMYYYY.tsv`` (two persons), in the
folder or in the folders of the repository; the newest of each is read. Download the images yourself as ``IDX.jpg`` (or
.png, .webp ...) into ``images/``, for example ``images/OO_17.jpg``.
"""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd

from fairaudit.core.samples import Feature, Samples
from fairaudit.datasets.parts.cells import groups_of
from fairaudit.datasets.parts.csv_table import read_csv, renamed
from fairaudit.datasets.parts.rows import LeftOut, located, to_samples, with_images
from fairaudit.datasets.parts.source import Source
from fairaudit.images.decode import IMAGE_SUFFIXES

SOURCE = Source(
    reader="visogender",
    title="VisoGender",
    available="https://github.com/oxai/visogender",
    terms="the list CC BY 4.0, to evaluate and never to train; each image has a licence of its own",
    layout="OO_Visogender_DATE.tsv, OP_Visogender_DATE.tsv or one of them, and images/IDX.jpg, got from their URLs",
)
FOLDERS = ("", "OO", "OP", "data/visogender_data/OO", "data/visogender_data/OP")
REQUIRED = ("IDX", "Occupation")
#: Names of columns in all versions, the newest first.
GENDER = ("Occupation_perceived_gender", "Occupation_Gender")
PARTICIPANT = ("Participant_perceived_gender", "Participant_Gender")
LICENCE = ("Licence", "LICENSE OK?")
#: Groups by the words of all versions, with a misspelling of August 2023.
WORDS = {
    "feminine": "feminine", "masculine": "masculine", "neutral": "neutral", "woman": "feminine", "man": "masculine",
    "maculine": "masculine",
}  # fmt: skip
URL_ALONE = "only its URL is known: get the image and put it there"

_FILE = re.compile(r"(OO|OP)_Visogender_(\d\d)(\d\d)(\d{4})\.tsv", re.IGNORECASE)
_HOW = "as the annotators of the data perceived it; nobody was asked"


def samples(root: Path, *, name: str) -> Samples:
    """Return the persons at work whose image exists, with their occupation as label.

    ``perceived_gender`` describes the person with the occupation; ``participant_gender``, exploratory, the second
    person. ``skipped`` lists rows without an image, of which only the URL is known.

    Raises
    ------
    DataError
        If all lists, a column or all images are missing, or a gender is another word.
    """
    root = SOURCE.folder(root)
    files = _newest(root)
    rows, left = pd.concat([_read(file, kind) for kind, file in files.items()], ignore_index=True), LeftOut()
    rows = left.keep(
        rows,
        ["" if licence in ("", "yes") else "its licence was not found to be free" for licence in rows["licence"]],
        named="sample_id",
    )
    stems = [f"images/{idx}" for idx in rows["sample_id"]]
    rows["path"] = located(root, [[stem + suffix for stem in stems] for suffix in IMAGE_SUFFIXES])
    n = len(left)
    rows, notes = with_images(rows, root, left, source=SOURCE, named_by="the column IDX (as images/IDX.jpg)")
    left.reasons[n:] = [URL_ALONE if reason == "the file is missing" else reason for reason in left.reasons[n:]]
    features = [Feature("perceived_gender", tuple(sorted(set(WORDS.values()))), "perceived", f"gender: {_HOW}")]
    if "OP" in files:
        groups = features[0].groups
        features.append(
            Feature("participant_gender", groups, "perceived", f"of the person beside: {_HOW}", exploratory=True)
        )
    else:
        rows = rows.drop(columns="participant_gender")
    return to_samples(
        SOURCE, rows.drop(columns="licence"), name=name, root=root, subject="people", cluster="image",
        features=features, left=left, notes=notes, version=", ".join(file.stem for file in files.values()),
    )  # fmt: skip


def _newest(root: Path) -> dict[str, Path]:
    """Return the newest list of each kind by the date DDMMYYYY in its name."""
    lists = [
        (match, path)
        for folder in FOLDERS
        for path in sorted((root / folder).glob("*.tsv"))
        if (match := _FILE.fullmatch(path.name))
    ]
    lists.sort(key=lambda entry: (entry[0][4], entry[0][3], entry[0][2]))
    if not lists:
        raise SOURCE.missing(root, "OO_Visogender_DATE.tsv or OP_Visogender_DATE.tsv")
    return dict(sorted({match[1].upper(): path for match, path in lists}.items()))


def _read(file: Path, kind: str) -> pd.DataFrame:
    raw = renamed(read_csv(file, required=REQUIRED, separator="\t"), file, perceived_gender=GENDER)
    has = {name: next((column for column in names if column in raw), "") for name, names in
           (("participant", PARTICIPANT), ("licence", LICENCE))}  # fmt: skip
    rows = pd.DataFrame(
        {
            "sample_id": raw["IDX"],
            "label": raw["Occupation"],
            "kind": kind,
            "sector": raw.get("Sector", ""),
            "perceived_gender": groups_of(raw["perceived_gender"], WORDS, what=f"column '{GENDER[0]}' of {file}"),
            "licence": raw[has["licence"]].str.casefold() if has["licence"] else "",
        }
    )
    beside = raw[has["participant"]] if has["participant"] else pd.Series("", index=raw.index)
    rows["participant_gender"] = groups_of(beside, WORDS, what=f"column '{PARTICIPANT[0]}' of {file}")
    return rows
