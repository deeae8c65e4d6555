"""``Source``: name, address, terms and layout of a data set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fairaudit.core.errors import DataError
from fairaudit.core.open_file import NOTHING, is_there, kind_of


@dataclass(frozen=True)
class Source:
    """Description of a data set, which is never downloaded.

    Parameters
    ----------
    reader : str
        Name of the reader.
    title : str
        Name of the data set.
    available : str
        Address of the data set; empty for tables of one's own.
    terms : str
        Licence or terms of use, as a report prints them.
    layout : str
        Required content of the folder, as one clause.
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
            If ``root`` is no folder.
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
        """Return the first existing of the named files in ``root``.

        Raises
        ------
        DataError
            If none exists.
        """
        for name in names:
            if is_there(root / name):
                return root / name
        raise self.missing(root, " or ".join(names))

    def missing(self, root: Path, what: str, *, got: str = "none") -> DataError:
        """Return the error for a folder without ``what``, with the layout and the address of the data set."""
        return DataError(
            f"data folder {root} must contain {what}; got {got}. Check the folder against the layout of the reader "
            f"'{self.reader}': {self.layout}. {self._where()}".rstrip()
        )

    def _where(self) -> str:
        if not self.available:
            return ""
        return f"{self.title} is available at {self.available} ({self.terms}); fairaudit downloads nothing."
