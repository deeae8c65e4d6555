"""``make_config``: presets of a published protocol, and options that are true or false."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fairaudit.auditing import config as module
from fairaudit.auditing.config import AuditConfig, make_config
from fairaudit.auditing.plugins import load_indicator
from fairaudit.core.errors import ConfigError
from fairaudit.core.indicator import Indicator
from fairaudit.core.protocol import Protocol


@dataclass(frozen=True)
class Options:
    k: int = 5
    count_photo_once: bool = True
    topics: tuple[str, ...] = ()


PRESETS: dict[str, dict[str, Any]] = {
    "goyal2022_paper": {"k": 10},
    "goyal2022_code": {"k": 10, "count_photo_once": False, "topics": ["stove"]},
}


@pytest.fixture
def with_presets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let one indicator have presets, and another have none."""

    def load(name: str) -> Indicator:
        protocol = Protocol(presets=PRESETS) if name == "label_association" else None
        return dataclasses.replace(load_indicator(name), config=Options, protocol=protocol)

    monkeypatch.setattr(module, "load_indicator", load)


def made(tmp_path: Path, *names: str, preset: str = "", **options: object) -> AuditConfig:
    given = {"label_association": options} if options else {}
    return make_config("m", {"utkface": tmp_path}, indicators=names, options=given, preset=preset)


@pytest.mark.usefixtures("with_presets")
def test_a_preset_sets_options_and_what_is_set_by_name_wins(tmp_path: Path) -> None:
    both = ("label_association", "hate_speech")
    config = made(tmp_path, *both, preset="goyal2022_code", k="7")
    assert config.options["label_association"] == Options(k=7, count_photo_once=False, topics=("stove",))
    assert config.options["hate_speech"] == Options()
    assert config.resolved()["preset"] == "goyal2022_code"
    assert "preset" not in made(tmp_path, *both).resolved()


@pytest.mark.usefixtures("with_presets")
@pytest.mark.parametrize(("text", "topics"), [("", ()), (" ", ()), ("stove, bed", ("stove", "bed"))])
def test_a_list_may_be_empty(tmp_path: Path, text: str, topics: tuple[str, ...]) -> None:
    assert made(tmp_path, "label_association", topics=text).options["label_association"] == Options(topics=topics)


def test_an_option_that_is_a_file_is_recorded_without_its_folder(tmp_path: Path) -> None:
    file = tmp_path / "map.toml"
    file.write_text('name = "m"\nversion = "1"\nsource = "by hand"\n[topics]\n', encoding="utf-8")
    config = make_config(
        "m", {"dollar_street": tmp_path}, indicators=["geographic_disparity"],
        options={"geographic_disparity": {"label_map": str(file), "standardise": ""}},
    )  # fmt: skip
    recorded = config.resolved()["indicators"]["geographic_disparity"]
    assert (recorded["label_map"], recorded["standardise"]) == ("map.toml", ())


@pytest.mark.usefixtures("with_presets")
def test_a_preset_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        made(tmp_path, "label_association", preset="goyal2022_papr")
    assert str(caught.value) == (
        "preset must be one of: goyal2022_code, goyal2022_paper; got 'goyal2022_papr'. Did you mean 'goyal2022_paper'?"
    )
    with pytest.raises(ConfigError) as caught:
        made(tmp_path, "hate_speech", preset="goyal2022_code")
    assert str(caught.value) == (
        "preset 'goyal2022_code' must be defined by a chosen indicator; hate_speech defines none. Leave --preset out."
    )


@pytest.mark.usefixtures("with_presets")
@pytest.mark.parametrize(("given", "value"), [("true", True), (" False", False), (True, True), (False, False)])
def test_an_option_may_be_true_or_false(tmp_path: Path, given: object, value: bool) -> None:
    assert (
        made(tmp_path, "label_association", count_photo_once=given).options["label_association"].count_photo_once
        is value
    )


@pytest.mark.usefixtures("with_presets")
@pytest.mark.parametrize("given", ["yes", "", 1])
def test_other_words_for_true_are_refused(tmp_path: Path, given: object) -> None:
    with pytest.raises(
        ConfigError, match=rf"^label_association.count_photo_once must be true or false; got {given!r}. Correct it.$"
    ):
        made(tmp_path, "label_association", count_photo_once=given)
