"""Readers: one file each, from a folder on disk to ``Samples``; the name of the file is the name of the reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from fairaudit.core.errors import ConfigError
from fairaudit.core.plugins import list_plugins, load_plugin

if TYPE_CHECKING:
    from pathlib import Path

    from fairaudit.core.samples import Samples


class Reader(Protocol):
    """What a reader is: a module with one function."""

    def samples(self, root: Path, *, name: str) -> Samples:
        """Return what lies in the folder ``root`` as the data set ``name``.

        Raises
        ------
        DataError
            If the folder is not there or not in the layout of this reader.
        """
        ...


def list_readers() -> tuple[str, ...]:
    """Return the names of all readers, sorted; nothing of them is imported."""
    return tuple(list_plugins(__name__))


def open_reader(name: str) -> Reader:
    """Return the reader called ``name``.

    Raises
    ------
    ConfigError
        If there is none of that name, or an installed package offers something that is no reader.
    """
    reader = load_plugin("reader", name, __name__)
    if not callable(getattr(reader, "samples", None)):
        raise ConfigError(
            f"reader '{name}' must be a module with a function samples(root, *, name); "
            f"got {list_plugins(__name__)[name]} without it. Correct the entry point of the package that installs it."
        )
    return cast(Reader, reader)
