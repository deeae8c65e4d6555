"""Names of plug-ins: from the files of a folder, and from the entry points of other packages."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fairaudit.core.errors import ConfigError
from fairaudit.core.plugins import list_plugins, load_plugin

BAD = "raise RuntimeError('imported')\n"


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package of three plug-ins (one without its object, one that cannot be imported), and what is none."""
    folder = tmp_path / "plugin_test"
    (folder / "folder").mkdir(parents=True)
    files = {"__init__": "", "good": "THING = 1\n", "empty": "", "broken": BAD, "_part": BAD, "folder/__init__": BAD}
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text, encoding="utf-8")
    (folder / "table.toml").touch()
    monkeypatch.syspath_prepend(tmp_path)
    yield "plugin_test"
    for name in [name for name in sys.modules if name.split(".")[0] == "plugin_test"]:
        del sys.modules[name]


def test_lists_files_and_imports_none(package: str) -> None:
    expected = {name: f"plugin_test.{name}" for name in ("broken", "empty", "good")}
    assert list_plugins(package) == expected
    assert list(list_plugins(package)) == sorted(expected)
    assert not [name for name in sys.modules if name.startswith("plugin_test")]


def test_lists_nothing_in_a_package_that_is_not_there() -> None:
    assert list_plugins("no_such_package") == {}


def test_lists_and_loads_entry_points(package: str, other_package: Callable[[str], None]) -> None:
    other_package("[plugin_test]\nother = other_package\nown = other_package:Other.thing\n")
    listed = list_plugins(package)
    assert listed["other"] == "other_package"
    assert listed["own"] == "other_package:Other.thing"
    assert load_plugin("thing", "other", package, "THING") == 2
    assert load_plugin("thing", "own", package, "THING") == 3
    assert load_plugin("thing", "other", package) is sys.modules["other_package"]


def test_an_entry_point_cannot_take_the_place_of_a_file(package: str, other_package: Callable[[str], None]) -> None:
    other_package("[plugin_test]\ngood = other_package\n")
    message = (
        "entry point 'good' of group plugin_test must have a name that is not taken; "
        "got one of plugin_test.good. 'other_package' is left out: rename it in the package that adds it."
    )
    with pytest.warns(UserWarning, match=f"^{re.escape(message)}$"):
        listed = list_plugins(package)
    assert listed["good"] == "plugin_test.good"


def test_loads_the_object(package: str) -> None:
    assert load_plugin("thing", "good", package, "THING") == 1


def test_unknown_name_says_which_there_are(package: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_plugin("thing", "god", package, "THING")
    assert str(error.value) == "thing must be one of: broken, empty, good; got 'god'. Did you mean 'good'?"


@pytest.mark.parametrize("name", ["_part", "folder", "table", "good.THING", "../good", ""])
def test_what_is_no_plugin_cannot_be_loaded(package: str, name: str) -> None:
    with pytest.raises(ConfigError, match="thing must be one of: broken, empty, good; got"):
        load_plugin("thing", name, package, "THING")


def test_a_module_without_the_object_is_an_error(package: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_plugin("thing", "empty", package, "THING")
    assert str(error.value) == (
        "thing 'empty' must define THING; got a module plugin_test.empty without it. "
        "Define it at the end of the module, or give the file a name that starts with '_'."
    )


def test_an_error_of_the_module_is_passed_on(package: str) -> None:
    with pytest.raises(RuntimeError, match="imported"):
        load_plugin("thing", "broken", package, "THING")
