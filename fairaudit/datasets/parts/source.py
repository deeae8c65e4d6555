"""``Source``: what a data set is called, where it is to be had, under which terms, and how it lies on the disk."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fairaudit.core.errors import DataError
from fairaudit.core.open_file import NOTHING, is_there, kind_of


@dataclass(frozen=True)
class Source:
    """What a reader says of its data set; nothing of it is ever downloaded.

    Parameters
    ----------
    reader : str
        Name of the reader.
    title : str
        Name of the data set.
    available : str
        Where it is to be had: an address, perhaps with a word on how. Empty for tables of one's own.
    terms : str
        Licence or terms of use, as a report prints them.
    layout : str
        What must lie in the folder, as one clause.
    """

    reader: str
    title: str
    available: str
    terms: str
    layout: str

    @property
    def licence(self) -> str:
        """The terms, with the name of the data set."""
        return f"{self.title}: {self.terms}"

    def folder(self, root: str | Path) -> Path:
        """Return ``root`` as a path.

        Raises
        ------
        DataError
            If it is no folder.
        """
        root = Path(root)
        if not root.is_dir():
            got = "no such folder" if (kind := kind_of(root)) == NOTHING else kind
            raise DataError(
                f"data folder {root} must be a folder for the reader '{self.reader}'; got {got}. Check its path. "
                f"{self._where()}".rstrip()
            )
        return root

    def file(self, root: Path, names: Sequence[str]) -> Path:
        """Return the first of the named files that lies in ``root``.

        Raises
        ------
        DataError
            If none does.
        """
        for name in names:
            if is_there(root / name):
                return root / name
        raise self.missing(root, " or ".join(names))

    def missing(self, root: Path, what: str, *, got: str = "none") -> DataError:
        """Return the error for a folder that lacks ``what``: the layout, and where the data set is to be had."""
        return DataError(
            f"data folder {root} must contain {what}; got {got}. Check the folder against the layout of the reader "
            f"'{self.reader}': {self.layout}. {self._where()}".rstrip()
        )

    def _where(self) -> str:
        if not self.available:
            return ""
        return f"{self.title} is to be had at {self.available} ({self.terms}); fairaudit downloads nothing."
