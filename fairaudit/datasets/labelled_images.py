"""Labelled images as a plain table: test sets on which a checkpoint's own labels are right or wrong.

Layout: a ``.csv`` with the columns ``file`` (path from the folder of the table) and ``label``, perhaps ``cluster``
(person, household or source image), and any columns of groups; or a folder with such a table named ``labels.csv``.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fairaudit.core.errors import DataError
from fairaudit.core.files import file_problem
from fairaudit.core.samples import NOT_RECORDED, SAMPLE_COLUMNS, Feature, Samples
from fairaudit.datasets.parts.csv_table import read_csv
from fairaudit.datasets.parts.files import skipped_table

READER = "labelled_images"
TABLE = "labels.csv"
REQUIRED = ("file", "label")
CLUSTER = "cluster"
#: A column with more different values is no column of groups: a name, a credit, a time.
MAX_GROUPS = 30


def samples(root: Path, *, name: str) -> Samples:
    """Return the images of a table with their label, and a feature for each column of groups.

    A column of groups is one besides ``file``, ``label`` and ``cluster`` that has 2 to 30 different values; its groups
    are listed in alphabetical order. Without ``cluster`` every image stands for itself.

    Parameters
    ----------
    root : Path
        The table, or the folder that holds it as ``labels.csv``.
    name : str
        Name of the data set in the audit.

    Raises
    ------
    DataError
        If the table is missing, lacks a column, has a row without a label, no row whose file exists, or names one file
        twice.
    """
    path = Path(root) if Path(root).suffix.lower() == ".csv" else Path(root) / TABLE
    folder = path.parent
    raw = read_csv(path, required=REQUIRED)
    problems = [file_problem(folder, file) for file in raw["file"]]
    skipped = [(file, problem) for file, problem in zip(raw["file"], problems, strict=True) if problem]
    raw = raw[[not problem for problem in problems]].reset_index(drop=True)
    if raw.empty:
        raise DataError(
            f"table {path} must name at least one existing image; got none among {len(skipped)} rows. "
            "Put the images where its column 'file' says."
        )
    unlabelled = int((raw["label"] == "").sum())
    if unlabelled:
        raise DataError(
            f"table {path} must have a label in every row; got {unlabelled} without, the first "
            f"'{raw['file'][raw['label'] == ''].iloc[0]}'. Fill it in or remove the row."
        )
    groups, notes = _columns_of_groups(raw)
    columns = {
        "sample_id": raw["file"],
        "path": raw["file"],
        "cluster_id": raw[CLUSTER].where(raw[CLUSTER] != "", raw["file"]) if CLUSTER in raw else raw["file"],
        "split": "",
        "label": raw["label"],
        "text": "",
    }
    alone = int((raw[CLUSTER] == "").sum()) if CLUSTER in raw else 0
    if alone:
        notes.append(f"{alone} of {len(raw)} images have no cluster and stand for themselves.")
    if skipped:
        notes.append(f"{len(skipped)} of {len(raw) + len(skipped)} rows were left out: the image is not there.")
    return Samples(
        name=name,
        reader=READER,
        subject="labelled",
        root=folder,
        table=pd.DataFrame({**columns, **{c: raw[c].replace("", NOT_RECORDED) for c in groups}}),
        features=tuple(
            Feature(c, tuple(sorted(set(raw[c]) - {""})), "not stated", f"column {c} of {path.name}") for c in groups
        ),
        cluster=CLUSTER if CLUSTER in raw else "image",
        licence="as its source states",
        show_images=False,
        notes=tuple(notes),
        skipped=skipped_table(skipped),
    )


def _columns_of_groups(raw: pd.DataFrame) -> tuple[list[str], list[str]]:
    """Return the columns of groups, and a sentence if columns were passed over."""
    others = [c for c in raw.columns if c not in (*REQUIRED, CLUSTER, *SAMPLE_COLUMNS)]
    found = [c for c in others if 2 <= len(set(raw[c]) - {""}) <= MAX_GROUPS]
    passed = [c for c in others if c not in found]
    note = f"No groups, for they have fewer than 2 or more than {MAX_GROUPS} different values: {', '.join(passed)}."
    return found, [note] if passed else []
