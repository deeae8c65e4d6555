"""PHASE: persons in Google Conceptual Captions, with attributes perceived by three annotators.

Layout: ``phase_gcc_{train,val}_all_DATE.json`` (every annotator) or ``..._regions_DATE.json`` (the majority), and the
images, without a suffix, in a folder of their split or in ``images/SPLIT/``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fairaudit.core.errors import DataError
from fairaudit.core.samples import Feature, Samples
from fairaudit.datasets.parts.person_box import with_boxes
from fairaudit.datasets.parts.rows import LeftOut, in_folders, located, to_samples, with_images
from fairaudit.datasets.parts.source import Source
from fairaudit.datasets.parts.text_files import read_json
from fairaudit.datasets.parts.voted import named

SOURCE = Source(
    reader="phase",
    title="PHASE",
    available="https://github.com/noagarcia/phase",
    terms="research only, nothing commercial; annotators may take their consent back",
    layout="phase_gcc_val_all_DATE.json (or ..._regions_DATE.json, or those of train) and images/val/",
)
#: Groups of each attribute; "unsure" and "disagreement" are no groups.
GROUPS = {
    "gender": ("female", "male"),
    "age": ("baby", "child", "young", "adult", "senior"),
    "skintone": ("lighter", "darker"),
    "ethnicity": (
        "black", "east_asian", "indian", "latino", "middle_eastern", "southeast_asian", "white", "other",
    ),
}  # fmt: skip
ORDERED = ("age", "skintone")
ALIASES = {"children": "child"}

_FILE = re.compile(r"(?:phase|anns_imgs)_gcc_(train|val)_(?:majorities_)?(all|regions)_(\d{8})\.json")
_PERSON = re.compile(r"person\d+")
_BY = "as annotators perceived it in the picture; those who were unsure are not counted"


def samples(root: Path, *, name: str) -> Samples:
    """Return one row for each annotated person: the part of the image within the person's region.

    Votes of annotators are kept as shares (``Samples.uncertain``). ``activity`` and ``emotion`` are columns in which
    ``|`` joins the answers. The cluster is the image.

    Raises
    ------
    DataError
        If all files or all images are missing, or a file is malformed.
    """
    root = SOURCE.folder(root)
    files = _files(root)
    records = [record for split, file in files.items() for record in _persons(file, split)]
    if not records:
        raise DataError(f"file {next(iter(files.values()))} must hold persons; got none. Get the file again.")
    rows, left = pd.DataFrame(records), LeftOut()
    places = [*in_folders(rows["split"] + "/" + rows["image"], ("", "images")), rows["image"].tolist()]
    rows["path"] = located(root, [*places, *([f"{path}.jpg" for path in place] for place in places)])
    rows, notes = with_images(rows, root, left, source=SOURCE, named_by="the key of each entry", what="persons")
    rows, more = with_boxes(rows, root, left, np.array(rows["region"].tolist(), dtype=np.float64).reshape(-1, 4))
    uncertain, features = {}, []
    for attribute, groups in GROUPS.items():
        votes = [[ALIASES.get(word, word) for word in answers.get(attribute, ())] for answers in rows["answers"]]
        if any(votes):
            rows[attribute], uncertain[attribute] = named(votes, groups, what=f"'{attribute}' of {SOURCE.title}")
            source = f"{attribute}: {_BY}"
            features.append(Feature(attribute, groups, "perceived", source, ordered=attribute in ORDERED))
    for column in ("activity", "emotion"):
        rows[column] = ["|".join(sorted(set(answers.get(column, ())))) for answers in rows["answers"]]
    dates = ", ".join(sorted({match[3] for file in files.values() if (match := _FILE.fullmatch(file.name))}))
    return to_samples(
        SOURCE, rows.drop(columns=["image", "region", "answers"]), name=name, root=root, subject="people", left=left,
        cluster="image", features=features, notes=(*notes, *more), uncertain=uncertain, version=dates,
    )  # fmt: skip


def _files(root: Path) -> dict[str, Path]:
    """Return the file of each split: with every annotator if it exists, and the newest of several."""
    matches = [(match, path) for path in sorted(root.glob("*.json")) if (match := _FILE.fullmatch(path.name))]
    matches.sort(key=lambda entry: (entry[0][2] == "all", entry[0][3]))
    files = {match[1]: path for match, path in matches}
    if not files:
        raise SOURCE.missing(root, "phase_gcc_train_all_DATE.json or phase_gcc_val_all_DATE.json")
    return files


def _persons(file: Path, split: str) -> Iterator[dict[str, Any]]:
    for image, entry in read_json(file, kind=dict, what="an object by image").items():
        place = f"image '{image}' of {file}"
        if not isinstance(entry, dict):
            raise DataError(f"{place} must be an object; got {type(entry).__name__}. Get the file again.")
        for person in filter(_PERSON.fullmatch, entry):
            record = entry[person] if isinstance(entry[person], dict) else {}
            yield {
                "image": image, "split": split, "sample_id": f"{split}/{image}#{person}",
                "cluster_id": f"{split}/{image}", "text": str(entry.get("caption") or ""),
                "region": _region(record.get("region") or [np.nan] * 4, f"{person} in {place}"),
                "answers": _answers(record.get("annotations") or [], f"{person} in {place}"),
            }  # fmt: skip


def _region(edges: Any, of: str) -> list[float]:
    try:
        x1, y1, x2, y2 = (float(edge) for edge in edges if not isinstance(edge, str))
    except (TypeError, ValueError, OverflowError) as error:
        raise DataError(
            f"'region' of {of} must be [x1, y1, x2, y2]; got {str(edges)[:60]}. Get the file again."
        ) from error
    return [x1, y1, x2, y2]


def _answers(annotations: Any, of: str) -> dict[str, list[str]]:
    """Return the annotators' answers by attribute, spelled as in ``GROUPS``."""
    annotators = [annotations] if isinstance(annotations, dict) else annotations
    if not isinstance(annotators, list):
        raise DataError(
            f"'annotations' of {of} must be an object for each annotator; got {str(annotations)[:60]}. Get the file "
            "again."
        )
    answers: dict[str, list[str]] = {}
    for annotator in annotators:
        for key, value in annotator.items() if isinstance(annotator, dict) else ():
            if isinstance(value, str) and value.strip():
                word = value.strip().casefold()
                spelled = re.sub(r"[ -]", "_", word) if key == "ethnicity" else word
                answers.setdefault(key.replace("-", "").replace(" ", ""), []).append(spelled)
    return answers
