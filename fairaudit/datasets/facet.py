"""FACET: persons in photographs, with an occupation or activity and perceived attributes.

Layout: ``annotations/annotations.csv`` with a row for each person, and the images in ``imgs_1/``, ``imgs_2/`` and
``imgs_3/``. Each value of an attribute is a column that counts annotators.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from fairaudit.core.samples import Feature, Samples
from fairaudit.datasets.parts.csv_table import read_csv
from fairaudit.datasets.parts.person_box import boxes_of, with_boxes
from fairaudit.datasets.parts.rows import LeftOut, in_folders, located, to_samples, with_images
from fairaudit.datasets.parts.skin_tone import MONK, monk_feature
from fairaudit.datasets.parts.source import Source
from fairaudit.datasets.parts.voted import counted

SOURCE = Source(
    reader="facet",
    title="FACET",
    available="https://ai.meta.com/datasets/facet",
    terms="research only, to evaluate and never to train, for those who accept the data licence",
    layout="annotations/annotations.csv, and the images in imgs_1/, imgs_2/ and imgs_3/",
)
TABLES = ("annotations/annotations.csv", "annotations.csv")
FOLDERS = ("imgs_1", "imgs_2", "imgs_3", "images", "")
#: Groups of each attribute, with the column that counts the annotators who named it.
COLUMNS: Mapping[str, Mapping[str, str]] = {
    "gender_presentation": {value: f"gender_presentation_{value}" for value in ("fem", "masc", "non_binary")},
    "age_presentation": {value: f"age_presentation_{value}" for value in ("young", "middle", "older")},
    "monk_skin_tone": {tone: f"skin_tone_{tone}" for tone in MONK},
    "lighting": {value: f"lighting_{value}" for value in ("underexposed", "dimly_lit", "well_lit", "overexposed")},
}
NAMED = ("person_id", "filename", "class1", "bounding_box")

_BY = "counts of annotators, who perceived it in the picture; those who named none are not counted"


def samples(root: Path, *, name: str) -> Samples:
    """Return one row for each person: the part of the image within the box, and ``class1`` as label.

    Counts of annotators become shares (``Samples.uncertain``); the table has the value with the most votes. Skin tones
    keep Monk's scale. The cluster is the image, which may show several persons. ``lighting`` is exploratory.

    Raises
    ------
    DataError
        If the table, a column or all images are missing, or a count or a box is malformed.
    """
    root = SOURCE.folder(root)
    file = SOURCE.file(root, TABLES)
    counts = [column for columns in COLUMNS.values() for column in columns.values()]
    raw = read_csv(file, required=(*NAMED, *counts), optional=("class2",))
    votes = {feature: counted(raw, columns, what=f"table {file}") for feature, columns in COLUMNS.items()}
    raw["row"] = range(len(raw))
    raw["path"] = located(root, in_folders(raw["filename"], FOLDERS))
    left = LeftOut()
    raw, notes = with_images(raw, root, left, source=SOURCE, named_by="the column 'filename'", what="persons")
    place, keys = f"column 'bounding_box' of table {file}", ("x", "y", "width", "height")
    boxes = boxes_of(raw["bounding_box"], "person " + raw["person_id"], what=place, keys=keys)
    raw, more = with_boxes(raw, root, left, boxes)
    rows, uncertain = raw.drop(columns=[*counts, *NAMED, "row"]), {}
    rows = rows.assign(sample_id=raw["person_id"], cluster_id=raw["filename"], label=raw["class1"])
    for feature, (most, shares) in votes.items():
        rows[feature] = most.iloc[raw["row"]].tolist()
        uncertain[feature] = shares.iloc[raw["row"]].reset_index(drop=True)
    return to_samples(
        SOURCE, rows, name=name, root=root, subject="people", cluster="image", features=_features(), left=left,
        notes=(*notes, *more), uncertain=uncertain,
    )  # fmt: skip


def _features() -> tuple[Feature, ...]:
    gender, age, light = (
        tuple(COLUMNS[attribute]) for attribute in ("gender_presentation", "age_presentation", "lighting")
    )
    return (
        Feature("gender_presentation", gender, "perceived", f"gender presentation: {_BY}"),
        Feature("age_presentation", age, "perceived", f"age presentation: {_BY}", ordered=True),
        monk_feature(_BY),
        Feature("lighting", light, "annotated", f"light on the person: {_BY}", ordered=True, exploratory=True),
    )
