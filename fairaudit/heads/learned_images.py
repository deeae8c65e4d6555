"""``LearnedImages``: the training images of a head, recognised by their contents in later audits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import pandas as pd

from fairaudit.core.errors import DataError
from fairaudit.core.files import write_parquet
from fairaudit.core.open_file import check_file, is_there
from fairaudit.core.samples import Samples
from fairaudit.images.decode import ImageError, image_digest

#: Name of the table in the folder of a head.
FILE = "images.parquet"
_COLUMNS = ("file", "bytes", "sha256")


@dataclass(frozen=True)
class LearnedImages:
    """Images by name, size and contents.

    Parameters
    ----------
    files : tuple of str
        Paths relative to the table of labels.
    sizes : tuple of int
        Bytes of each file.
    digests : tuple of str
        SHA-256 of each file, 64 hex digits.
    """

    files: tuple[str, ...] = ()
    sizes: tuple[int, ...] = ()
    digests: tuple[str, ...] = ()

    @classmethod
    def of(cls, samples: Samples, digests: Sequence[str]) -> LearnedImages:
        """Return the images of ``samples``, with the ``digests`` of their contents in row order."""
        return cls(samples.sample_ids, tuple(path.stat().st_size for path in samples.paths), tuple(digests))

    @classmethod
    def load(cls, folder: Path) -> LearnedImages:
        """Read the table that ``save`` wrote.

        Raises
        ------
        DataError
            If the table is missing or damaged.
        """
        if is_there(folder / FILE):
            check_file(folder / FILE, "table")
        try:
            rows = pd.read_parquet(folder / FILE, columns=list(_COLUMNS))
            sizes = tuple(int(size) for size in rows["bytes"])
        except (OSError, ValueError, KeyError, TypeError, NotImplementedError) as error:
            raise DataError(
                f"folder {folder} must hold {FILE}, the training images of its head; got no readable file of that "
                "name. Fit the head again: fairaudit probe or fairaudit finetune."
            ) from error
        return cls(tuple(rows["file"].astype(str)), sizes, tuple(rows["sha256"].astype(str)))

    def __len__(self) -> int:
        return len(self.files)

    def save(self, folder: Path) -> None:
        """Write ``images.parquet`` with the columns file, bytes and sha256."""
        columns = zip(_COLUMNS, (self.files, self.sizes, self.digests), strict=True)
        write_parquet(folder / FILE, pd.DataFrame({name: list(values) for name, values in columns}))

    def holds(self, path: Path) -> bool:
        """Return whether the file has the contents of one of these images, under any name and in any folder.

        Only files of the size of one of these images are read.
        """
        try:
            return path.stat().st_size in self._sizes and image_digest(path) in self._digests
        except (OSError, ImageError):  # unreadable images are counted when they are embedded
            return False

    @cached_property
    def _sizes(self) -> frozenset[int]:
        return frozenset(self.sizes)

    @cached_property
    def _digests(self) -> frozenset[str]:
        return frozenset(self.digests)
