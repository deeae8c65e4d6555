"""Any other images: a CSV or Parquet table, and a small TOML that names its columns.

Layout: a folder with ``image_table.toml`` (or the path of such a file, under any name) and the table that it names::

    table = "people.parquet"
    subject = "people"            # people | objects | memes | labelled
    file = "img_path"             # the image, from the folder of this file
    cluster = "person"
    cluster_is = "person"

    [features.age_group]
    column = "age"
    bins = { "<18" = 0, "18-30" = 18, "30+" = 30 }
    ordered = true
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from fairaudit.core.errors import DataError, did_you_mean
from fairaudit.core.open_file import is_there
from fairaudit.core.samples import BOX_COLUMNS, INCOME, SAMPLE_WEIGHT, Samples
from fairaudit.core.weights import read_weights
from fairaudit.datasets.parts.cells import groups_of
from fairaudit.datasets.parts.csv_table import positive_numbers
from fairaudit.datasets.parts.person_box import with_boxes
from fairaudit.datasets.parts.rows import LeftOut, to_samples, with_images
from fairaudit.datasets.parts.source import Source
from fairaudit.datasets.parts.table_groups import group_column
from fairaudit.datasets.parts.table_mapping import LABELLED, TableMapping, read_mapping
from fairaudit.images.table import open_table

MAPPING = "image_table.toml"
SOURCE = Source(
    reader="image_table",
    title="own table",
    available="",
    terms="as its source states",
    layout=f"{MAPPING} with the keys table, subject and file, and the table and images that it names",
)


def samples(root: Path, *, name: str) -> Samples:
    """Return the rows of a table, with the features that its mapping defines.

    Only columns that the mapping names are read, in batches: ten million rows take some gigabytes. Bins, votes and
    other spellings come from the mapping alone.

    Raises
    ------
    ConfigError
        If the mapping is malformed.
    DataError
        If the table cannot be read, a column or all images are missing, a cell is outside the named groups, or a weight
        cannot be used.
    """
    root = Path(root)
    own = root.suffix.lower() == ".toml" and is_there(root)
    file = root if own else SOURCE.file(SOURCE.folder(root), [MAPPING])
    mapping, folder, left = read_mapping(file), file.parent, LeftOut()
    raw = _read(folder / mapping.table, mapping, file)
    raw["path"] = raw[mapping.file]
    if mapping.sample_weight:
        what = f"sample_weight (column '{mapping.sample_weight}' of table {mapping.table})"
        raw[SAMPLE_WEIGHT] = read_weights(what, raw[mapping.sample_weight])
    if not mapping.id and raw["path"].duplicated().any():
        twice = raw["path"][raw["path"].duplicated()].iloc[0]
        raise DataError(
            f"rows of table {mapping.table} must have an id each if they share an image; got '{twice}' in "
            f"{int((raw['path'] == twice).sum())} rows. Name a column of ids in {file.name}: id = ..."
        )
    if mapping.subject in LABELLED:
        raw = _with_label(raw, mapping, left)
    raw, notes = with_images(raw, folder, left, source=SOURCE, named_by=f"'{mapping.file}' of {mapping.table}")
    if mapping.box:
        raw, more = with_boxes(raw, folder, left, _edges(raw, mapping), relative=mapping.box_unit == "shares")
        notes = (*notes, *more)
    if mapping.sample_weight:
        notes = (*notes, f"Rows are weighted by the column '{mapping.sample_weight}' of {mapping.table}.")
    rows, features = _neutral(raw, mapping), []
    uncertain: dict[str, pd.DataFrame] = {}
    for name_of_feature, groups in mapping.features.items():
        rows[name_of_feature], shares, feature = group_column(raw, name_of_feature, groups, table=mapping.table)
        uncertain |= {name_of_feature: shares} if shares is not None else {}
        features.append(feature)
    return to_samples(
        SOURCE, rows, name=name, root=folder, subject=mapping.subject, features=features, left=left,
        cluster=mapping.cluster_is if mapping.cluster else "image", notes=notes, uncertain=uncertain,
        version=mapping.version, show_images=mapping.show_images, licence=f"{mapping.title}: {mapping.licence}",
    )  # fmt: skip


def _read(path: Path, mapping: TableMapping, file: Path) -> pd.DataFrame:
    table = open_table(path)
    for column in mapping.columns():
        if column not in table.columns:
            hint = did_you_mean(column, table.columns) or f"It has {', '.join(table.columns)}. "
            if len(table.columns) == 1 and ";" in table.columns[0]:
                hint += "Its cells seem to be separated by ';': save it with ','. "
            raise DataError(
                f"table {path.name} must have the columns that {file.name} names; '{column}' is missing. {hint}Correct "
                "the name there or in the table."
            )
    batches = list(table.batches(mapping.columns()))
    if not batches:
        raise DataError(f"table {path.name} must have a row; got none. Add a row for each image.")
    # Arrow's text takes a tenth of the memory of Python's objects.
    joined: Any = pa.concat_tables(batches)
    frame: pd.DataFrame = joined.to_pandas(split_blocks=True, self_destruct=True)
    return frame


def _with_label(raw: pd.DataFrame, mapping: TableMapping, left: LeftOut) -> pd.DataFrame:
    """Return the rows with a label; the label of a meme must be 1 (hateful) or 0."""
    cells = raw[mapping.label].map(lambda cell: mapping.labels.get(cell, cell))
    if mapping.subject == "memes":
        groups_of(cells, ("1", "0"), what=f"label (column '{mapping.label}' of table {mapping.table})")
    return left.keep(raw, ["the row has no label" if cell == "" else "" for cell in cells])


def _neutral(raw: pd.DataFrame, mapping: TableMapping) -> pd.DataFrame:
    kept = ("path", *BOX_COLUMNS, *([SAMPLE_WEIGHT] if mapping.sample_weight else ()))
    rows = raw[[column for column in raw if str(column) in kept]].copy(deep=False)
    rows["sample_id"] = raw[mapping.id] if mapping.id else raw["path"]
    if mapping.cluster:
        cluster = raw[mapping.cluster]
        rows["cluster_id"] = cluster.where(cluster != "", rows["sample_id"])
    if mapping.label:
        rows["label"] = raw[mapping.label].map(lambda cell: mapping.labels.get(cell, cell))
    if mapping.text:
        rows["text"] = raw[mapping.text]
    if mapping.split:
        rows["split"] = raw[mapping.split].map(lambda cell: mapping.splits.get(cell, cell))
    if mapping.income_usd_per_month:
        rows[INCOME] = positive_numbers(raw[mapping.income_usd_per_month])
    return rows


def _edges(raw: pd.DataFrame, mapping: TableMapping) -> Any:
    edges = raw[list(mapping.box)].apply(pd.to_numeric, errors="coerce").to_numpy(np.float64)
    if mapping.box_form == "left top width height":
        return np.hstack([edges[:, :2], edges[:, :2] + edges[:, 2:]])
    return edges
