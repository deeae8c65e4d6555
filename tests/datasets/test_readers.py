"""The folder is the registry of readers: a file is a reader, and listing imports nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import fairaudit.datasets
from fairaudit.core.errors import ConfigError
from fairaudit.datasets import list_readers, open_reader


def test_readers_are_the_files_of_the_folder() -> None:
    folder = Path(fairaudit.datasets.__file__).parent
    files = {p.stem for p in folder.glob("*.py") if not p.name.startswith("_")}
    assert set(list_readers()) >= files
    assert {"utkface", "dollar_street", "hateful_memes"} <= files
    assert not {"parts", "drawing", "__init__"} & set(list_readers())


def test_each_reader_has_samples() -> None:
    for name in list_readers():
        assert callable(open_reader(name).samples)


def test_unknown_reader() -> None:
    with pytest.raises(ConfigError, match=r"reader must be one of: .*got 'utkfaces'. Did you mean 'utkface'\?"):
        open_reader("utkfaces")
    with pytest.raises(ConfigError, match="got 'parts'"):
        open_reader("parts")


def test_listing_imports_neither_readers_nor_pandas() -> None:
    code = (
        "import sys; from fairaudit.datasets import list_readers; list_readers(); "
        "print([m for m in sys.modules if m in ('pandas', 'torch', 'fairaudit.datasets.utkface')])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_installed_packages_add_readers(other_package: Callable[[str], None]) -> None:
    other_package("[fairaudit.datasets]\ntheirs = other_package\nbroken = other_package:Other\n")
    assert "theirs" in list_readers()
    assert open_reader("theirs") is sys.modules["other_package"]
    with pytest.raises(ConfigError) as raised:
        open_reader("broken")
    assert str(raised.value) == (
        "reader 'broken' must be a module with a function samples(root, *, name); got other_package:Other without it. "
        "Correct the entry point of the package that installs it."
    )
