"""``ImageFiles``: images in a fixed order, files or members of tar shards."""

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
from fairaudit.images.shard import Texts

HASHED_BYTES = 2 * 1024**3  # the digest of a larger data set covers names and sizes alone
MISSING = -1


class Part(Protocol):
    """Images of one source, by position: ``PlainFiles`` or a ``Shard``."""

    def __len__(self) -> int: ...

    def name(self, at: int) -> str:
        """Return the name of an image in a run."""
        ...

    def size(self, at: int) -> int:
        """Return the size of an image in bytes, -1 if there is no such file."""
        ...

    def source(self, at: int) -> Path | bytes:
        """Return the file of an image, or its bytes if it is a member of a shard."""
        ...


class PlainFiles:
    """The image files at the paths ``files`` below ``root``; memory holds 8 bytes and the path for each.

    An image has its name from ``names``, or else ``prefix`` and the path below the folder.
    """

    def __init__(self, root: str, files: Iterable[str], *, prefix: str = "", names: Iterable[str] = ()) -> None:
        self._root, self._files, self._prefix, self._names = root, Texts(files), prefix, Texts(names)

    def __len__(self) -> int:
        return len(self._files)

    def name(self, at: int) -> str:
        """Return the name of an image in a run."""
        return self._names[at] if len(self._names) else self._prefix + self._files[at]

    def size(self, at: int) -> int:
        """Return the size of a file in bytes, -1 if there is none: a named pipe or a device has no size."""
        try:
            status = self.source(at).stat()
        except (OSError, ValueError):
            return MISSING
        return status.st_size if stat.S_ISREG(status.st_mode) else MISSING

    def source(self, at: int) -> Path:
        """Return the file."""
        return Path(self._root, self._files[at])


class ImageFiles:
    """Images in a fixed order; can be read from several threads.

    Parameters
    ----------
    parts : sequence of Part
        The sources of the images, in order.
    refused : sequence of (str, str)
        Name and reason of what has the suffix of an image and was left out.
    """

    def __init__(self, parts: Sequence[Part], refused: Sequence[tuple[str, str]] = ()) -> None:
        self._parts, self.refused = tuple(parts), tuple(refused)
        self._starts = np.cumsum([0, *(len(part) for part in parts)])

    @classmethod
    def of(cls, paths: Sequence[Path], names: Sequence[str]) -> ImageFiles:
        """Return the files at ``paths``; DataError if one of them does not exist."""
        missing = [path for path in paths if not path.is_file()]
        if missing:
            kind = kind_of(missing[0])
            raise DataError(
                f"every image must exist; got {len(missing)} of {len(paths)} missing, the first {missing[0]} ({kind}). "
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
        """Return the name of an image in a run, e.g. ``"0/cats/a.jpg"`` or ``"1/shard-000.tar/a.jpg"``."""
        part, inside = self._find(at)
        return part.name(inside)

    def size(self, at: int) -> int:
        """Return the size of an image in bytes, -1 if there is no such file."""
        part, inside = self._find(at)
        return part.size(inside)

    def image_digest(self, at: int) -> str:
        """Return the SHA-256 of an image file, 64 hex digits; ImageError if it cannot be read."""
        source = self.source(at)
        return hashlib.sha256(source).hexdigest() if isinstance(source, bytes) else image_digest(source)

    def open(self, at: int) -> EncodedImage:
        """Read the header of an image; errors as ``EncodedImage``; can be called from several threads."""
        source = self.source(at)
        return EncodedImage(source, name=self.name(at) if isinstance(source, bytes) else "")

    def source(self, at: int) -> Path | bytes:
        """Return the file of an image, or its bytes if it is a member of a shard."""
        part, inside = self._find(at)
        return part.source(inside)

    def _find(self, at: int) -> tuple[Part, int]:
        number = int(np.searchsorted(self._starts, at, side="right")) - 1
        return self._parts[number], at - int(self._starts[number])
