"""Published protocols: what was done is told apart from paper and code; published numbers stay apart from ours."""

from __future__ import annotations

import math
from importlib.resources import files
from pathlib import Path

import pytest

from fairaudit.auditing.plugins import list_indicators, load_indicator
from fairaudit.core.errors import ConfigError
from fairaudit.core.protocol import PUBLISHED_COLUMNS, Protocol, read_protocol

TEXT = """
[presets.goyal2022_paper]
k = [10, 50]
[presets.goyal2022_code]
count_photo_once = false

[[differences]]
point = "Lists"
option = "k"
default = "1, 5, 10, 50"
paper = "10 and 50"
code = "1, 5, 10, 50"
source = "section 3"

[[differences]]
point = "Copies"
option = "count_photo_once"
default = "counted once"
paper = "counted once"
code = "counted twice"
source = "appendix"

[[differences]]
point = "Crop"
default = "as the checkpoint says"
paper = "not stated"
code = "random"
source = "a configuration"

[[published]]
title = "Hits"
source = "a paper, table 5"
unit = "%"
note = "Other images."
groups = ["low", "high"]
[published.rows]
"A" = [59.7, nan]
"B" = [67, 90.5]
"""
DEFAULTS = {"k": (1, 5, 10, 50), "count_photo_once": True}


@pytest.fixture
def protocol(tmp_path: Path) -> Protocol:
    (tmp_path / "p.toml").write_text(TEXT)
    return read_protocol(tmp_path / "p.toml")


@pytest.mark.parametrize(
    ("used", "preset", "here"),
    [
        ({"k": [1, 5, 10, 50], "count_photo_once": True}, "default", ["1, 5, 10, 50", "counted once"]),
        ({"k": [10, 50], "count_photo_once": True}, "goyal2022_paper", ["10 and 50", "counted once"]),
        ({"k": (1, 5, 10, 50), "count_photo_once": False}, "goyal2022_code", ["1, 5, 10, 50", "counted twice"]),
        ({"k": [10, 50], "count_photo_once": False}, "", ["10 and 50", "counted twice"]),
        ({"k": [7], "count_photo_once": True}, "", ["k = [7]", "counted once"]),
    ],
)
def test_what_was_done_is_said_in_the_words_of_whoever_does_so(
    protocol: Protocol, used: dict[str, object], preset: str, here: list[str]
) -> None:
    said = protocol.describe(DEFAULTS, used)
    assert said["preset"] == preset
    assert [one["here"] for one in said["differences"]] == [*here, "as the checkpoint says"]


def test_published_numbers_come_one_by_one_with_their_source(protocol: Protocol) -> None:
    rows = protocol.published_rows()
    assert tuple(rows.columns) == PUBLISHED_COLUMNS
    assert rows[["model", "group"]].to_numpy().tolist() == [["A", "low"], ["A", "high"], ["B", "low"], ["B", "high"]]
    assert rows["value"].tolist()[0::2] == [59.7, 67.0]
    assert math.isnan(rows["value"][1])
    assert set(rows["source"]) == {"a paper, table 5"}
    assert set(rows["note"]) == {"Other images."}
    table = protocol.describe(DEFAULTS, DEFAULTS)["published"][0]
    assert table["rows"][0] == {"model": "A", "values": [59.7, None]}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("[presets.goyal2022_paper]", "[preset.x]",
         "p.toml: key must be one of: differences, presets, published; got 'preset'. Did you mean"),
        ("[67, 90.5]", "[67]", "p.toml: 'B' of 'Hits' must have 2 values; got 1"),
        ('option = "k"', 'options = "k"',
         "p.toml: key of differences.1 must be one of: .*; got 'options'. Did you mean 'option'"),
    ],
)  # fmt: skip
def test_a_file_that_is_misspelled_is_refused(tmp_path: Path, old: str, new: str, message: str) -> None:
    (tmp_path / "p.toml").write_text(TEXT.replace(old, new))
    with pytest.raises(ConfigError, match=message):
        read_protocol(tmp_path / "p.toml")


SHIPPED = sorted(p.name.removesuffix(".toml") for p in (files("fairaudit.indicators") / "protocols").iterdir())


@pytest.mark.parametrize("name", SHIPPED)
def test_presets_and_differences_of_an_indicator_name_its_options(name: str) -> None:
    indicator = load_indicator(name)
    assert indicator.protocol is not None
    fields = set(indicator.config.__dataclass_fields__)
    for preset in indicator.protocol.presets.values():
        assert set(preset) <= fields
        indicator.config(**{k: tuple(v) if isinstance(v, list) else v for k, v in preset.items()})
    assert {one.option for one in indicator.protocol.differences} <= fields | {""}


def test_what_is_published_stands_with_the_indicators_of_the_paper() -> None:
    with_protocol = [name for name in list_indicators() if load_indicator(name).protocol is not None]
    assert with_protocol == SHIPPED
    assert SHIPPED == ["geographic_disparity", "hate_speech", "label_association", "representation_disparity"]
