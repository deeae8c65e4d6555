"""Labelled images as a plain table: test sets for the labels that a checkpoint predicts.

Layout: a ``.csv`` with the columns ``file`` (path from the folder of the table), ``label``, optionally ``cluster``
(person, household or source image), and any columns of groups; or a folder with such a table named ``labels.csv``.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fairaudit.core.errors import DataError
from fairaudit.core.samples import SAMPLE_COLUMNS, Samples
from fairaudit.datasets.parts.cells import open_feature, recorded
from fairaudit.datasets.parts.csv_table import read_csv
from fairaudit.datasets.parts.rows import LeftOut, to_samples, with_images
from fairaudit.datasets.parts.source import Source

TABLE = "labels.csv"
SOURCE = Source(
    reader="labelled_images",
    title="labelled images",
    available="",
    terms="as its source states",
    layout=f"a .csv, or a folder with {TABLE}: file, label, perhaps cluster, and columns of groups",
)
REQUIRED = ("file", "label")
CLUSTER = "cluster"
#: Columns with more distinct values, such as names, credits or times, are no groups.
MAX_GROUPS = 30


def samples(root: Path, *, name: str) -> Samples:
    """Return the images of a table with their label, and a feature for each column of groups.

    Every column besides ``file``, ``label`` and ``cluster`` with 2 to 30 distinct values is a feature, its groups in
    alphabetical order. Without ``cluster`` each image is its own cluster.

    Raises
    ------
    DataError
        If the table is missing, lacks a column or a label, lists no existing file, or lists a file twice.
    """
    path = Path(root) if Path(root).suffix.lower() == ".csv" else Path(root) / TABLE
    folder = path.parent
    raw, left = read_csv(path, required=REQUIRED), LeftOut()
    raw = raw.drop(columns="path", errors="ignore").rename(columns={"file": "path"})
    raw, missing = with_images(raw, folder, left, source=SOURCE, named_by=f"{path.name} in its column 'file'")
    unlabelled = int((raw["label"] == "").sum())
    if unlabelled:
        raise DataError(
            f"table {path} must have a label in every row; got {unlabelled} without, the first "
            f"'{raw['path'][raw['label'] == ''].iloc[0]}'. Fill it in or remove the row."
        )
    groups, notes = _columns_of_groups(raw)
    rows = pd.DataFrame({"path": raw["path"], "label": raw["label"]})
    if CLUSTER in raw:
        rows["cluster_id"] = raw[CLUSTER].where(raw[CLUSTER] != "", raw["path"])
        alone = int((raw[CLUSTER] == "").sum())
        notes += [f"{alone} of {len(raw)} images have no cluster and stand for themselves."] if alone else []
    for column in groups:
        rows[column] = recorded(raw[column])
    features = [open_feature(rows, column, "not stated", f"column {column} of {path.name}") for column in groups]
    return to_samples(
        SOURCE, rows, name=name, root=folder, subject="labelled", cluster=CLUSTER if CLUSTER in raw else "image",
        features=features, left=left, notes=(*notes, *missing),
    )  # fmt: skip


def _columns_of_groups(raw: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Return the columns of groups, and a note on the other columns."""
    others = [c for c in raw.columns if c not in (CLUSTER, *SAMPLE_COLUMNS)]
    groups = [c for c in others if 2 <= len(set(raw[c]) - {""}) <= MAX_GROUPS]
    passed = [c for c in others if c not in groups]
    note = f"No groups, for they have fewer than 2 or more than {MAX_GROUPS} different values: {', '.join(passed)}."
    return groups, [note] if passed else []
