"""Names of plug-ins: from the files of a folder, and from the entry points of other packages."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from fairaudit.auditing.plugins import INDICATORS, list_indicators, list_plugins, load_indicator, load_plugin
from fairaudit.core.errors import ConfigError
from fairaudit.core.indicator import Indicator

GROUP = "plugin_test.things"
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
    for name in [name for name in sys.modules if name.split(".")[0] in ("plugin_test", "other_package")]:
        del sys.modules[name]


def add_entry_points(tmp_path: Path, text: str) -> None:
    """Put a package on the path, as an installer would, that adds plug-ins."""
    (tmp_path / "other_package.py").write_text("THING = 2\nclass Other:\n    thing = 3\n", encoding="utf-8")
    information = tmp_path / "other_package-1.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: other-package\nVersion: 1\n", encoding="utf-8")
    (information / "entry_points.txt").write_text(text, encoding="utf-8")


def test_lists_files_and_imports_none(package: str) -> None:
    expected = {name: f"plugin_test.{name}" for name in ("broken", "empty", "good")}
    assert list_plugins(package, GROUP) == expected
    assert list(list_plugins(package, GROUP)) == sorted(expected)
    assert not [name for name in sys.modules if name.startswith("plugin_test")]


def test_lists_nothing_in_a_package_that_is_not_there() -> None:
    assert list_plugins("no_such_package", GROUP) == {}


def test_lists_and_loads_entry_points(package: str, tmp_path: Path) -> None:
    add_entry_points(tmp_path, f"[{GROUP}]\nother = other_package\nown = other_package:Other.thing\n")
    listed = list_plugins(package, GROUP)
    assert listed["other"] == "other_package"
    assert listed["own"] == "other_package:Other.thing"
    assert load_plugin("thing", "other", package, GROUP, "THING") == 2
    assert load_plugin("thing", "own", package, GROUP, "THING") == 3


def test_an_entry_point_cannot_take_the_place_of_a_file(package: str, tmp_path: Path) -> None:
    add_entry_points(tmp_path, f"[{GROUP}]\ngood = other_package\n")
    message = (
        "entry point 'good' of group plugin_test.things must have a name that is not taken; "
        "got one of plugin_test.good. 'other_package' is left out: rename it in the package that adds it."
    )
    with pytest.warns(UserWarning, match=f"^{re.escape(message)}$"):
        listed = list_plugins(package, GROUP)
    assert listed["good"] == "plugin_test.good"


def test_loads_the_object(package: str) -> None:
    assert load_plugin("thing", "good", package, GROUP, "THING") == 1


def test_unknown_name_says_which_there_are(package: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_plugin("thing", "god", package, GROUP, "THING")
    assert str(error.value) == "thing must be one of: broken, empty, good; got 'god'. Did you mean 'good'?"


@pytest.mark.parametrize("name", ["_part", "folder", "table", "good.THING", "../good", ""])
def test_what_is_no_plugin_cannot_be_loaded(package: str, name: str) -> None:
    with pytest.raises(ConfigError, match="thing must be one of: broken, empty, good; got"):
        load_plugin("thing", name, package, GROUP, "THING")


def test_a_module_without_the_object_is_an_error(package: str) -> None:
    with pytest.raises(ConfigError) as error:
        load_plugin("thing", "empty", package, GROUP, "THING")
    assert str(error.value) == (
        "thing 'empty' must define THING; got a module plugin_test.empty without it. "
        "Define it at the end of the module, or give the file a name that starts with '_'."
    )


def test_an_error_of_the_module_is_passed_on(package: str) -> None:
    with pytest.raises(RuntimeError, match="imported"):
        load_plugin("thing", "broken", package, GROUP, "THING")


def test_indicators_are_found_by_their_files() -> None:
    folder = Path(__file__).resolve().parents[2] / "indicators"
    assert list_indicators() == sorted(p.stem for p in folder.glob("[!_]*.py"))


@pytest.mark.parametrize("name", list_indicators())
def test_every_indicator_loads_under_the_name_of_its_file(name: str) -> None:
    indicator = load_indicator(name)
    assert isinstance(indicator, Indicator)
    assert indicator.name == name
    indicator.config()  # every field has a default


@pytest.mark.parametrize(
    ("source", "message"),
    [
        (
            "other_package:THING",
            "INDICATOR of indicator 'mine' must be a fairaudit.core.indicator.Indicator; got int. "
            "Make one from its Config and compute.",
        ),
        (
            "fairaudit.indicators.representation_disparity:INDICATOR",
            "INDICATOR of indicator 'mine' must have the name of its file; got 'representation_disparity'. "
            "Give both the same name.",
        ),
    ],
)
def test_an_indicator_of_another_package_is_checked(package: str, tmp_path: Path, source: str, message: str) -> None:
    add_entry_points(tmp_path, f"[{INDICATORS}]\nmine = {source}\n")
    assert "mine" in list_indicators()
    with pytest.raises(ConfigError) as error:
        load_indicator("mine")
    assert str(error.value) == message
