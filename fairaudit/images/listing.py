"""``list_images``: from folders, tables and tar shards to the ``ImageFiles`` in them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from fairaudit.core.errors import DataError
from fairaudit.core.files import name_problem, visible_files
from fairaudit.images.decode import IMAGE_SUFFIXES, is_image
from fairaudit.images.image_files import ImageFiles, Part, PlainFiles, ShardFiles
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
        to the folder of the table). A file that a table names and that is not there counts as unreadable.

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
                shard, prefix = Shard(path), f"{number}/{name}/"
                parts.append(ShardFiles(shard, prefix=prefix))
                refused += [(prefix + member, reason) for member, reason in shard.refused]
    found = ImageFiles(parts, refused)
    if not len(found):
        raise DataError(
            f"data must hold images ({', '.join(IMAGE_SUFFIXES)}); got none in {sources[0]}. "
            "Check that it is the data set of the images."
        )
    return found


def _is_new(path: str | Path, seen: set[bytes]) -> bool:
    """Whether the file was not met before, under whatever name; a digest of it is kept, for there may be millions."""
    key = hashlib.blake2b(os.fsencode(os.path.realpath(path)), digest_size=16).digest()
    if key in seen:
        return False
    seen.add(key)
    return True


def _contents(source: Path) -> Contents:
    """Return the shards of a source with their names, and the folder of its plain images with their paths in it."""
    if source.is_dir():
        return _of_folder(source)
    if is_shard(source):
        return [(source, source.name)], "", ()
    if source.suffix.lower() in SUFFIXES:
        return [], str(source.parent), files_of_table(source)
    got = "another file" if source.exists() else "no such file or folder"
    raise DataError(
        f"data {source} must be a folder of images or of .tar shards, a .tar shard, or a .csv or .parquet table; "
        f"got {got}. Check the path."
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
        packed = next(filter(is_shard, visible), None)
        if packed:
            Shard(packed)  # raises, and says what to do
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
    """Yield the files that a table of images names, once for each row that names one.

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
    row = 0
    for batch in table.batches([table.file_column]):
        for file in batch[table.file_column].to_pylist():
            row += 1
            if problem := name_problem(file):
                raise DataError(
                    f"table {path.name} must name files below its folder; got {file!r:.100} in row {row:,}: {problem}. "
                    "Correct or remove the row."
                )
            yield file
