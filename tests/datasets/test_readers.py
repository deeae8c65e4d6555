"""The folder is the registry of readers: a file is a reader, and listing imports nothing heavy."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import EntryPoint, EntryPoints
from pathlib import Path
from types import SimpleNamespace

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


def test_installed_packages_add_readers(monkeypatch: pytest.MonkeyPatch) -> None:
    reader, broken = SimpleNamespace(samples=lambda root, *, name: None), SimpleNamespace()
    monkeypatch.setitem(sys.modules, "their_reader", reader)
    monkeypatch.setitem(sys.modules, "their_broken", broken)
    points = EntryPoints(
        [
            EntryPoint("theirs", "their_reader", "fairaudit.datasets"),
            EntryPoint("broken", "their_broken", "fairaudit.datasets"),
        ]
    )
    monkeypatch.setattr(fairaudit.datasets, "entry_points", lambda group: points.select(group=group))
    assert "theirs" in list_readers()
    assert open_reader("theirs") is reader
    with pytest.raises(ConfigError, match="reader 'broken' must be a module with a function samples"):
        open_reader("broken")
