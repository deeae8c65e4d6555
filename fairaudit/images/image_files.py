"""``ImageFiles``: images to read, in a fixed order, whether they are files or members of tar shards."""

from __future__ import annotations

import hashlib
import stat
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import Protocol

import numpy as np

from fairaudit.core.errors import DataError
from fairaudit.core.open_file import kind_of
from fairaudit.images.decode import EncodedImage, image_digest
from fairaudit.images.shard import Shard, Texts

HASHED_BYTES = 2 * 1024**3  # larger data sets are told apart by names and sizes alone
MISSING = -1


class Part(Protocol):
    """Images that are found in one way, by position."""

    def __len__(self) -> int: ...

    def name(self, at: int) -> str:
        """Return what a run calls an image."""
        ...

    def size(self, at: int) -> int:
        """Return the bytes of an image, -1 where it is not there."""
        ...

    def source(self, at: int) -> Path | bytes:
        """Return the file of an image, or its bytes where it has none of its own."""
        ...


class PlainFiles:
    """Image files below a folder; 8 bytes and its relative path are kept of each.

    Parameters
    ----------
    root : str
        The folder.
    files : sequence of str
        Paths from there.
    names : sequence of str, optional
        What a run calls them, in place of ``prefix`` and the relative path.
    """

    def __init__(self, root: str, files: Iterable[str], *, prefix: str = "", names: Iterable[str] = ()) -> None:
        self._root, self._files, self._prefix, self._names = root, Texts(files), prefix, Texts(names)

    def __len__(self) -> int:
        return len(self._files)

    def name(self, at: int) -> str:
        """Return what a run calls a file."""
        return self._names[at] if len(self._names) else self._prefix + self._files[at]

    def size(self, at: int) -> int:
        """Return the bytes of a file, -1 where there is none: a named pipe or a device has no bytes of its own."""
        try:
            status = self.source(at).stat()
        except (OSError, ValueError):
            return MISSING
        return status.st_size if stat.S_ISREG(status.st_mode) else MISSING

    def source(self, at: int) -> Path:
        """Return the file."""
        return Path(self._root, self._files[at])


class ShardFiles:
    """The images of one tar file; ``prefix`` stands before the names of its members."""

    def __init__(self, shard: Shard, *, prefix: str) -> None:
        self._shard, self._prefix = shard, prefix

    def __len__(self) -> int:
        return len(self._shard)

    def name(self, at: int) -> str:
        """Return what a run calls an image."""
        return self._prefix + self._shard.names[at]

    def size(self, at: int) -> int:
        """Return the bytes of an image."""
        return self._shard.size(at)

    def source(self, at: int) -> bytes:
        """Return the bytes of an image."""
        return self._shard.read(at)


class ImageFiles:
    """Images to read, in a fixed order; can be read from several threads.

    Parameters
    ----------
    parts : sequence of Part
        One after the other.
    refused : sequence of (str, str)
        Name and reason of what is called like an image and was left out.
    """

    def __init__(self, parts: Sequence[Part], refused: Sequence[tuple[str, str]] = ()) -> None:
        self._parts, self.refused = tuple(parts), tuple(refused)
        self._starts = np.cumsum([0, *(len(part) for part in parts)])

    @classmethod
    def of(cls, paths: Sequence[Path], names: Sequence[str]) -> ImageFiles:
        """Return the files at ``paths``.

        Raises
        ------
        DataError
            If one of them does not exist.
        """
        missing = [path for path in paths if not path.is_file()]
        if missing:
            got = kind_of(missing[0])
            raise DataError(
                f"every image must exist; got {len(missing)} of {len(paths)} missing, the first {missing[0]} ({got}). "
                "Correct the list or the folder it stands in."
            )
        return cls([PlainFiles("", (str(path) for path in paths), names=names)])

    def __len__(self) -> int:
        return int(self._starts[-1])

    @cached_property
    def digest(self) -> str:
        """SHA-256 over names, sizes and, up to 2 GiB in all, contents; 64 hex digits."""
        sizes = [self.size(at) for at in range(len(self))]
        whole = sum(sizes) <= HASHED_BYTES
        digest = hashlib.sha256()
        for at, size in enumerate(sizes):
            content = self.image_digest(at) if whole and size != MISSING else ""
            digest.update(f"{self.name(at)}\0{size}\0{content}\0".encode("utf-8", "surrogateescape"))
        return digest.hexdigest()

    def name(self, at: int) -> str:
        """Return what a run calls an image, e.g. ``"0/cats/a.jpg"`` or ``"1/shard-000.tar/a.jpg"``."""
        part, inside = self._find(at)
        return part.name(inside)

    def size(self, at: int) -> int:
        """Return the bytes of an image, -1 where it is not there."""
        part, inside = self._find(at)
        return part.size(inside)

    def image_digest(self, at: int) -> str:
        """Return the SHA-256 of an image's bytes, 64 hex digits; ImageError if they cannot be read."""
        source = self.source(at)
        return hashlib.sha256(source).hexdigest() if isinstance(source, bytes) else image_digest(source)

    def open(self, at: int) -> EncodedImage:
        """Return an image whose header was read; can be called from several threads.

        Raises
        ------
        ImageError
            If it cannot be read, is no image, or is beyond a limit.
        """
        source = self.source(at)
        return EncodedImage(source, name=self.name(at) if isinstance(source, bytes) else "")

    def source(self, at: int) -> Path | bytes:
        """Return the file of an image, or its bytes where it has none of its own."""
        part, inside = self._find(at)
        return part.source(inside)

    def _find(self, at: int) -> tuple[Part, int]:
        number = int(np.searchsorted(self._starts, at, side="right")) - 1
        return self._parts[number], at - int(self._starts[number])
