"""``Shard``: the images in one tar file, indexed by offset, so that nothing is unpacked to disk.

The layout is that of WebDataset [1]_: members that belong together share a name up to its first dot, and the ending
is the type of a member. Only images are used. ``Texts`` holds the names of millions of members in two arrays.

References
----------
.. [1] Aizman, Maltby and Breuel (2019), "High Performance I/O For Large Scale Deep Learning", arXiv:2001.01858.
"""

from __future__ import annotations

import tarfile
from array import array
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath, PurePosixPath
from typing import BinaryIO, overload

import numpy as np
import numpy.typing as npt

from fairaudit.core.errors import DataError
from fairaudit.core.open_file import open_file, read_at
from fairaudit.images.decode import MAX_BYTES, ImageError, is_image

SUFFIX = ".tar"
#: Endings of compressed tar files, in which no member can be read without those before it.
COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst", ".tar.lz4")
_KINDS = {tarfile.SYMTYPE: "a link", tarfile.LNKTYPE: "a link", tarfile.GNUTYPE_SPARSE: "a sparse file"}


def is_shard(path: PurePath) -> bool:
    """Return whether the suffix is that of a shard; that of a compressed one, too, so that it is refused as such."""
    return path.name.lower().endswith((SUFFIX, *COMPRESSED))


class Shard:
    """The images of a tar file, by position; memory holds 24 bytes and the member's name for each.

    Member names are only names: no path of this computer is made from them. Links, devices, empty members and those of
    more than 100 MiB are refused if they have the suffix of an image.

    Parameters
    ----------
    path : path
        An uncompressed tar file (ustar, GNU or pax).
    prefix : str
        Text before the member's name in the name of an image.

    Attributes
    ----------
    names : Texts
        Members that are images, in the order of the file.
    refused : tuple of (str, str)
        Name and reason of each member that has the suffix of an image and cannot be read.

    Raises
    ------
    DataError
        If there is no such file, or it is compressed, damaged or truncated.
    """

    def __init__(self, path: Path, *, prefix: str = "") -> None:
        self.path, self._prefix = path, prefix
        if path.name.lower().endswith(COMPRESSED):
            raise DataError(
                f"shard {path} must be an uncompressed .tar, so that each image can be read by itself; got a "
                "compressed one. Undo that (gunzip, unxz, zstd -d): the images in it are compressed already."
            )
        try:
            with open_file(path, "shard") as file:
                members, refused = _members(file)
        except DataError:
            raise
        except (tarfile.TarError, OSError, ValueError, OverflowError) as error:
            reason = " ".join(str(error).split())[:200]
            raise DataError(
                f"shard {path} must be a whole, uncompressed tar file; got: {reason.rstrip('.')}. "
                "Copy it again, or write it anew."
            ) from error
        self.refused = tuple((prefix + name, reason) for name, reason in refused)
        self.names = Texts([name for name, _, _ in members])
        self._offsets = np.array([offset for _, offset, _ in members], dtype=np.int64)
        self._sizes: npt.NDArray[np.int64] = np.array([size for _, _, size in members], dtype=np.int64)

    def __len__(self) -> int:
        return len(self.names)

    def name(self, at: int) -> str:
        """Return the name of an image in a run."""
        return self._prefix + self.names[at]

    def size(self, at: int) -> int:
        """Return the size of an image in bytes."""
        return int(self._sizes[at])

    def source(self, at: int) -> bytes:
        """Return the bytes of an image, ImageError if they have changed; can be called from several threads."""
        size = self.size(at)
        content = read_at(self.path, "shard", start=int(self._offsets[at]), size=size, error=ImageError)
        if len(content) < size:
            raise ImageError(f"shard {self.path} must stay as it was; got fewer bytes than before. Copy it again.")
        return content


def _members(file: BinaryIO) -> tuple[list[tuple[str, int, int]], list[tuple[str, str]]]:
    """Return name, offset and size of each image, and name and reason of each refused member."""
    images: list[tuple[str, int, int]] = []
    refused: list[tuple[str, str]] = []
    with tarfile.open(fileobj=file, mode="r:") as tar:
        while (member := tar.next()) is not None:
            tar.members.clear()  # type: ignore[attr-defined]  # tarfile keeps every member
            if member.isdir() or not is_image(PurePosixPath(member.name)) or _hidden(member.name):
                continue
            if problem := _problem(member):
                refused.append((member.name, problem))
            else:
                images.append((member.name, member.offset_data, member.size))
        # At a damaged header tarfile stops as if the file ended there; a whole file ends with a block of zeros.
        file.seek(tar.offset)
        block = file.read(tarfile.BLOCKSIZE)
    if len(block) < tarfile.BLOCKSIZE or any(block):
        damage = "a damaged header" if len(block) == tarfile.BLOCKSIZE else "an end without the mark of one"
        raise tarfile.ReadError(f"{damage} at byte {tar.offset:,}")
    return images, refused


def _problem(member: tarfile.TarInfo) -> str:
    if not member.isreg() or member.issparse():
        return f"a member must be a plain file; got {_KINDS.get(member.type, 'a device or another special file')}."
    if not 0 < member.size <= MAX_BYTES:
        return f"a member must have 1 to {MAX_BYTES:,} bytes; got {member.size:,}."
    return ""


def _hidden(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return "__MACOSX" in parts or any(part.startswith(".") and part not in (".", "..") for part in parts)


class Texts(Sequence[str]):
    """An immutable list of texts: 8 bytes and its UTF-8 for each, 60 less than a ``str``; surrogate escapes stay."""

    def __init__(self, texts: Iterable[str]) -> None:
        joined, ends = bytearray(), array("q", [0])
        for text in texts:
            joined += text.encode("utf-8", "surrogateescape")
            ends.append(len(joined))
        self._joined, self._ends = bytes(joined), np.array(ends, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._ends) - 1

    @overload
    def __getitem__(self, at: int) -> str: ...

    @overload
    def __getitem__(self, at: slice) -> Texts: ...

    def __getitem__(self, at: int | slice) -> str | Texts:
        if isinstance(at, slice):
            return Texts(self[i] for i in range(*at.indices(len(self))))
        if not -len(self) <= at < len(self):
            raise IndexError(f"text {at} of {len(self)}")
        start = at % len(self)
        return self._joined[self._ends[start] : self._ends[start + 1]].decode("utf-8", "surrogateescape")
