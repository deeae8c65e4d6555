"""Indicators: found by their files and by the entry points of other packages, and checked when loaded."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from fairaudit.auditing.plugins import INDICATORS, list_indicators, load_indicator
from fairaudit.core.errors import ConfigError
from fairaudit.core.indicator import Indicator


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
def test_an_indicator_of_another_package_is_checked(
    other_package: Callable[[str], None], source: str, message: str
) -> None:
    other_package(f"[{INDICATORS}]\nmine = {source}\n")
    assert "mine" in list_indicators()
    with pytest.raises(ConfigError) as error:
        load_indicator("mine")
    assert str(error.value) == message
