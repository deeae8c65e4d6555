"""Readers of data sets: each file reads one layout into ``Samples`` and gives its reader its name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from fairaudit.core.errors import ConfigError
from fairaudit.core.plugins import list_plugins, load_plugin

if TYPE_CHECKING:
    from pathlib import Path

    from fairaudit.core.samples import Samples


class Reader(Protocol):
    """A module with the function ``samples``."""

    def samples(self, root: Path, *, name: str) -> Samples:
        """Return the samples of a data set.

        Parameters
        ----------
        root : Path
            Folder in the layout that the docstring of the reader's module describes.
        name : str
            Name of the data set in the audit.

        Raises
        ------
        DataError
            If the folder is missing or has another layout.
        """
        ...


def list_readers() -> tuple[str, ...]:
    """Return the sorted names of all readers without importing them."""
    return tuple(list_plugins(__name__))


def open_reader(name: str) -> Reader:
    """Import and return the reader called ``name``.

    Raises
    ------
    ConfigError
        If no reader has this name, or the entry point of an installed package is no reader.
    """
    reader = load_plugin("reader", name, __name__)
    if not callable(getattr(reader, "samples", None)):
        raise ConfigError(
            f"reader '{name}' must be a module with a function samples(root, *, name); "
            f"got {list_plugins(__name__)[name]} without it. Correct the entry point of the package that installs it."
        )
    return cast(Reader, reader)
