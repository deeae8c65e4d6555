"""Readers: one file each, from a folder on disk to ``Samples``; the name of the file is the name of the reader."""

from __future__ import annotations

import importlib
import pkgutil
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Protocol, cast

from fairaudit.core.errors import ConfigError, unknown_name

if TYPE_CHECKING:
    from pathlib import Path

    from fairaudit.core.samples import Samples

#: Entry-point group in which an installed package names its own readers.
GROUP = "fairaudit.datasets"


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
    return tuple(sorted({*_own(), *_installed()}))


def open_reader(name: str) -> Reader:
    """Return the reader called ``name``.

    Raises
    ------
    ConfigError
        If there is none of that name, or an installed package offers something that is no reader.
    """
    if name in _own():
        return cast(Reader, importlib.import_module(f"{__name__}.{name}"))
    installed = _installed()
    if name not in installed:
        raise unknown_name("reader", name, list_readers())
    reader = installed[name].load()
    if not callable(getattr(reader, "samples", None)):
        raise ConfigError(
            f"reader '{name}' must be a module with a function samples(root, *, name); "
            f"got {installed[name].value} without it. Correct the entry point of the package that installs it."
        )
    return cast(Reader, reader)


def _own() -> set[str]:
    return {m.name for m in pkgutil.iter_modules(__path__) if not m.ispkg and not m.name.startswith("_")}


def _installed() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}
