"""``profile_data``: profile a table of images in one pass and in memory that does not grow with the table."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from fairaudit.core.errors import ConfigError, DataError
from fairaudit.core.files import file_problem
from fairaudit.core.progress import Advance
from fairaudit.describe.declared_rows import UNKNOWN_CELLS, DeclaredRows
from fairaudit.describe.duplicates import EXACT, NEAR, NEAR_LIMIT, exact_copies, near_copies
from fairaudit.describe.profile import Copies, Profile
from fairaudit.describe.reservoir import Reservoir
from fairaudit.images.decode import unnamed_images
from fairaudit.images.image_files import ImageFiles, PlainFiles
from fairaudit.images.listing import list_images
from fairaudit.images.shard import is_shard
from fairaudit.images.table import FILE_COLUMNS, TABLE_NAMES, ImageTable, find_table, open_table

#: Columns that are profiled by default, in any case.
DEFAULT_FIELDS = ("country", "region", "gender")
SAMPLE = 1_000_000
IMAGES_AT_LEAST = 100


def profile_data(
    source: str | Path,
    *,
    fields: Sequence[str] = (),
    cluster: str = "",
    images_at_least: int = IMAGES_AT_LEAST,
    sample: int = SAMPLE,
    seed: int = 0,
    near: bool = True,
    progress: Advance | None = None,
) -> Profile:
    """Profile the distributions that a table declares of its images, its unknown values and its duplicates.

    Only columns are read: nothing about people or places is inferred from pixels. Images are opened to find copies.

    Parameters
    ----------
    source : str or Path
        A ``.csv`` or ``.parquet`` file with one row an image, or a folder of images that holds such a table
        (``images.csv``, ``images.parquet``, ``metadata.csv`` or ``metadata.parquet``). The column ``file``,
        ``file_name`` or ``path`` names images relative to the table's folder. In a folder without a table, and in
        ``.tar`` shards, images are counted and copies found.
    fields : sequence of str
        Columns besides ``country``, ``region`` and ``gender``, which are profiled if present. A country is rolled up to
        regions and income groups (``core.countries``).
    cluster : str
        Column of the person, household or account of an image; intervals count these and not images.
    images_at_least : int
        Images that a value must have to be counted in ``FieldProfile.reached``.
    sample : int
        Rows that are kept; a longer table is sampled at random.
    seed : int
        Of that sample.
    near : bool
        Whether to find near copies, too (at most ``describe.duplicates.NEAR_LIMIT`` images are compared).
    progress : Advance, optional
        Called with the number of images done and of all images.

    Raises
    ------
    ConfigError
        If a column does not exist, or a number is out of its range.
    DataError
        If there is neither a table nor an image, or the table is unreadable or has no row or no field to profile.
    """
    for option, value, least in (
        ("--images-at-least", images_at_least, 1),
        ("--sample", sample, 1),
        ("--seed", seed, 0),
    ):
        if value < least:
            raise ConfigError(f"{option} must be {least} or more; got {value}. Give for example {option} {least}.")
    table = _open(Path(source))
    if table is None and (fields or cluster):
        raise DataError(
            f"folder {source} must hold a table of its images ({', '.join(TABLE_NAMES)}) if a column is named; "
            "got none. Add one, or give the path of the table."
        )
    if table is None:
        return _of_images(Path(source), images_at_least=images_at_least, near=near, progress=progress)
    table.check_columns(fields, "--field")
    table.check_columns([cluster] if cluster else [], "--cluster")
    wanted = list(dict.fromkeys([*(n for n in table.columns if n.lower() in DEFAULT_FIELDS), *fields]))
    if not wanted:
        raise DataError(
            f"table {table.path.name} must have a column {', '.join(DEFAULT_FIELDS)} or one named by --field; "
            f"got {', '.join(table.columns)}. Name a column with --field."
        )
    reservoir = Reservoir(sample, seed=seed)
    for batch in table.batches([*wanted, *filter(None, (cluster, table.file_column))]):
        reservoir.add(batch)
    if not reservoir.seen:
        raise DataError(f"table {table.path.name} must have at least one row; got none. Add a row for each image.")
    rows = reservoir.sample().to_pandas()
    clusters, notes = _clusters(rows, cluster)
    declared = DeclaredRows(rows, clusters, n_rows=reservoir.seen, at_least=images_at_least)
    used = {*wanted, cluster, table.file_column}
    whole = len(rows) == reservoir.seen
    if Path(source).is_dir() and table.file_column and whole:
        notes += _images_without_row(Path(source), rows[table.file_column])
    return Profile(
        table=table.path.name,
        n_rows=reservoir.seen,
        n_sampled=len(rows),
        seed=seed,
        cluster=cluster,
        images_at_least=images_at_least,
        fields=tuple(profile for name in wanted for profile in declared.profiles(name)),
        copies=_copies(table, rows, whole=whole, near=near, progress=progress),
        not_profiled=tuple(name for name in table.columns if name not in used),
        notes=notes,
    )


def _clusters(rows: pd.DataFrame, column: str) -> tuple[Any, tuple[str, ...]]:
    """Return the cluster code of each row (None: each row is its own) and a note on rows without a cluster."""
    if not column:
        return None, ()
    cells = rows[column].astype(object)
    empty = cells.str.lower().isin(UNKNOWN_CELLS).to_numpy()
    codes, _ = pd.factorize(cells)
    codes = np.where(empty, len(rows) + np.arange(len(rows)), codes).astype(np.int64)
    note = f"{int(empty.sum()):,} rows have no {column}: each counts as its own cluster"
    return codes, (note,) if empty.any() else ()


def _images_without_row(folder: Path, named: pd.Series) -> tuple[str, ...]:
    absent, n_images = unnamed_images(folder, named)
    if not absent:
        return ()
    return (
        f"{len(absent):,} of {n_images:,} images in the folder have no row in the table: nothing is declared of them, "
        "and no number here counts them",
    )


def _copies(
    table: ImageTable, rows: pd.DataFrame, *, whole: bool, near: bool, progress: Advance | None
) -> tuple[Copies, ...]:
    """Find rows that name the same file, files of the same bytes, and near copies."""
    column, root = table.file_column, table.path.parent
    if not column:
        why = f"the table has no column {', '.join(FILE_COLUMNS)} that names images"
        return (Copies(EXACT, 0, note=f"not looked for: {why}"),)
    names = rows[column].astype(str)
    repeats = names[names != ""].value_counts()
    named = Copies(
        "rows that name the same file", int(repeats.sum()), int((repeats > 1).sum()), int((repeats - 1).sum()),
        tuple((str(name),) for name in repeats[repeats > 1].index[:5]),
    )  # fmt: skip
    unique = list(dict.fromkeys(names))
    files = [name for name in unique if not file_problem(root, name)]
    if not files:
        return named, Copies(EXACT, 0, note="not looked for: no image that the table names lies beside it")
    sampled = (
        "" if whole else f"among {len(files):,} images of a random sample: most copies of the table lie outside it"
    )
    missing = len(unique) - len(files)
    absent = (
        f"{missing:,} of {len(unique):,} images are not there, or their name leads out of the folder" if missing else ""
    )
    copies = _same_pictures(ImageFiles([PlainFiles(str(root), files)]), near=near, progress=progress)
    return named, *(dataclasses.replace(c, note="; ".join(filter(None, (sampled, absent, c.note)))) for c in copies)


def _same_pictures(images: ImageFiles, *, near: bool, progress: Advance | None) -> tuple[Copies, Copies]:
    """Find images of the same bytes, and near copies."""
    exact = exact_copies(images)
    if not near:
        return exact, Copies(NEAR, 0, note="not looked for")
    if len(images) <= NEAR_LIMIT:
        return exact, near_copies(images, progress=progress)
    # Images are in the order of their source: drawing them at random avoids a bias towards the first.
    drawn = np.sort(np.random.default_rng(0).choice(len(images), NEAR_LIMIT, replace=False))
    part = near_copies(images, at=drawn.tolist(), progress=progress)
    note = f"{NEAR_LIMIT:,} of {len(images):,} images, drawn at random, were compared"
    return exact, dataclasses.replace(part, note="; ".join(filter(None, (note, part.note))))


def _of_images(source: Path, *, images_at_least: int, near: bool, progress: Advance | None) -> Profile:
    """Return the profile of images without a table: their number and copies."""
    images = list_images([source])
    refused = f"{len(images.refused):,} members of shards cannot be read as images" if images.refused else ""
    return Profile(
        table=source.resolve().name, n_rows=len(images), n_sampled=len(images), seed=0, cluster="",
        images_at_least=images_at_least, fields=(), copies=_same_pictures(images, near=near, progress=progress),
        notes=(f"nothing is declared of these images: no table ({', '.join(TABLE_NAMES)}) describes them",
               *filter(None, [refused])),
    )  # fmt: skip


def _open(path: Path) -> ImageTable | None:
    """Return the table at ``path``, or in that folder; None for images without a table."""
    if path.is_dir():
        return find_table(path)
    return None if is_shard(path) else open_table(path)
