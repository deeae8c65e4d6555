"""``list_images``: the ``ImageFiles`` of folders, tables and tar shards."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from fairaudit.core.errors import DataError
from fairaudit.core.files import name_problem, visible_files
from fairaudit.images.decode import IMAGE_SUFFIXES, is_image
from fairaudit.images.image_files import ImageFiles, Part, PlainFiles
from fairaudit.images.shard import SUFFIX, Shard, is_shard
from fairaudit.images.table import FILE_COLUMNS, SUFFIXES, open_table

Contents = tuple[list[tuple[Path, str]], str, Iterable[str]]


def list_images(sources: Sequence[Path]) -> ImageFiles:
    """Return all images of the sources, each file once.

    Parameters
    ----------
    sources : sequence of path
        Each is a folder of images at any depth, a folder of uncompressed ``.tar`` shards at any depth, one such shard,
        or a ``.csv`` or ``.parquet`` table with one row an image (column ``file``, ``file_name`` or ``path``, relative
        to the folder of the table). A missing file that a table names counts as unreadable.

    Raises
    ------
    DataError
        If there is no source, or one does not exist, holds no image or both images and shards, or a table names files
        outside its folder.
    """
    if not sources:
        raise DataError("data must name at least one folder, shard or table of images; got none. Give one.")
    parts: list[Part] = []
    refused: list[tuple[str, str]] = []
    seen: set[bytes] = set()
    for number, source in enumerate(map(Path, sources)):
        shards, root, files = _contents(source)
        new = (file for file in files if _is_new(os.path.join(root, file), seen))
        parts.append(PlainFiles(root, new, prefix=f"{number}/"))
        for path, name in shards:
            if _is_new(path, seen):
                shard = Shard(path, prefix=f"{number}/{name}/")
                parts.append(shard)
                refused += shard.refused
    images = ImageFiles(parts, refused)
    if not len(images):
        raise DataError(
            f"data must hold images ({', '.join(IMAGE_SUFFIXES)}); got none in {sources[0]}. "
            "Check that it is the data set of the images."
        )
    return images


def _is_new(path: str | Path, seen: set[bytes]) -> bool:
    """Return whether the file is new under any of its names; its digest is remembered, for there may be millions."""
    key = hashlib.blake2b(os.fsencode(os.path.realpath(path)), digest_size=16).digest()
    if key in seen:
        return False
    seen.add(key)
    return True


def _contents(source: Path) -> Contents:
    """Return the shards of a source with their names, the folder of its plain images, and their paths below it."""
    if source.is_dir():
        return _of_folder(source)
    if is_shard(source):
        return [(source, source.name)], "", ()
    if source.suffix.lower() in SUFFIXES:
        return [], str(source.parent), files_of_table(source)
    kind = "another file" if source.exists() else "no such file or folder"
    raise DataError(
        f"data {source} must be a folder of images or of .tar shards, a .tar shard, or a .csv or .parquet table; "
        f"got {kind}. Check the path."
    )


def _of_folder(folder: Path) -> Contents:
    visible = visible_files(folder)
    images = [path for path in visible if is_image(path)]
    shards = [path for path in visible if path.name.lower().endswith(SUFFIX)]
    if images and shards:
        raise DataError(
            f"folder {folder} must hold images or .tar shards, not both; got {len(images):,} images and "
            f"{len(shards):,} shards. Give the folder of either, or the shards one by one."
        )
    if not images and not shards:
        if compressed := next(filter(is_shard, visible), None):
            Shard(compressed)  # raises
        raise DataError(
            f"folder {folder} must contain images ({', '.join(IMAGE_SUFFIXES)}) or .tar shards; got none. "
            "Check that it is the folder of the data set, not the one above or below its files."
        )
    return (
        [(path, path.relative_to(folder).as_posix()) for path in shards],
        str(folder),
        [path.relative_to(folder).as_posix() for path in images],
    )


def files_of_table(path: Path) -> Iterator[str]:
    """Yield the file of each row of a table of images.

    Raises
    ------
    DataError
        If the table cannot be read, has no column that names images, or names a file outside its folder.
    """
    table = open_table(path)
    if not table.file_column:
        raise DataError(
            f"table {path.name} must have a column {', '.join(FILE_COLUMNS)} that names images; "
            f"got {', '.join(table.columns)}. Rename the column that does."
        )
    batches = table.batches([table.file_column])
    files = (file for batch in batches for file in batch[table.file_column].to_pylist())
    for row, file in enumerate(files, 1):
        if problem := name_problem(file):
            raise DataError(
                f"table {path.name} must name files below its folder; got {file!r:.100} in row {row:,}: {problem}. "
                "Correct or remove the row."
            )
        yield file
