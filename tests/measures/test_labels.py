"""Label maps: many to many, synsets that have a label, and names that are found among a head's labels."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairaudit.core.errors import ConfigError
from fairaudit.measures.labels import HeadLabels, load_label_map

HEAD = HeadLabels(
    ["studio couch, day bed", "crib, cot", "crane", "crane", "Cardigan, Cardigan Welsh corgi", "cardigan", "wall_clock",
     "maillot", "maillot, tank suit", "grass snake, adder", "viper, adder"]
)  # fmt: skip
MAP = """
name = "mine"
version = "1"
source = "by hand"

[topics]
Beds = ["studio couch, day bed", "n03131574"]
"child rooms" = ["n03131574"]
floors = []

[synsets]
n03131574 = "crib, cot"
"""


def write(folder: Path, text: str) -> str:
    (folder / "map.toml").write_text(text, encoding="utf-8")
    return str(folder / "map.toml")


@pytest.mark.parametrize(
    ("name", "labels"),
    [
        ("studio couch, day bed", {"studio couch, day bed"}),
        ("Studio_Couch", {"studio couch, day bed"}),
        ("day bed", {"studio couch, day bed"}),
        ("cot", {"crib, cot"}),
        ("Cot, something else", {"crib, cot"}),
        ("cardigan", {"cardigan"}),
        ("Cardigan Welsh corgi", {"cardigan, cardigan welsh corgi"}),
        ("wall  clock", {"wall clock"}),
        ("maillot", {"maillot"}),
        ("tank suit", {"maillot, tank suit"}),
        ("adder", {"grass snake, adder", "viper, adder"}),
        ("bed", set()),
        ("", set()),
    ],
)
def test_names_are_found_as_a_whole_then_as_a_synonym(name: str, labels: set[str]) -> None:
    assert HEAD.find(name) == labels


def test_the_nearest_label_is_told() -> None:
    assert HEAD.nearest("studio coach") == "Did you mean 'studio couch'? "
    assert HEAD.nearest("bicycle") == ""


def test_a_map_is_many_to_many(tmp_path: Path) -> None:
    found = load_label_map(write(tmp_path, MAP))
    assert (found.name, found.version, found.source) == ("mine", "1", "by hand")
    assert found.topics == {
        "beds": ("studio couch, day bed", "crib, cot"),
        "child rooms": ("crib, cot",),
        "floors": (),
    }


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('"n03131574"]\n"child', '"n03131547"]\n"child',
         "label map 'map.toml': topics.Beds must name synsets that stand below [synsets]; got 'n03131547'. Did you "
         "mean 'n03131574'? Add it there with its label, or correct it."),
        ("n03131574 =", "n0313157 =",
         "label map 'map.toml': keys of synsets must be WordNet ids of nouns, an n and 8 digits; got 'n0313157'. "
         "Correct it."),
        ('= "crib, cot"', "= 3",
         "label map 'map.toml': synsets.n03131574 must be text in quotation marks; got 3. Correct it."),
        ("floors = []", 'floors = "floor"',
         "label map 'map.toml': topics.floors must be a list in square brackets; got 'floor'. Correct it."),
        ("floors = []", "floors = [1]", "topics.floors.1 must be text in quotation marks; got 1."),
        ("floors = []", "beds = []", "topics must have a name each, no two alike; got 'beds'. Rename it, or"),
        ("source", "sources",
         "label map 'map.toml': key must be one of: name, source, synsets, topics, version; got 'sources'. Did you "
         "mean 'source'?"),
        ('version = "1"', "", "label map 'map.toml': version must be text in quotation marks; it is missing. Add it."),
        ("floors = []", '" " = []', "topics must have a name each, no two alike; got ' '. Rename it, or"),
        ("[topics]", "[topics", "must be TOML in UTF-8; got: "),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_map_is_told(tmp_path: Path, old: str, new: str, said: str) -> None:
    assert MAP.count(old) == 1
    with pytest.raises(ConfigError) as caught:
        load_label_map(write(tmp_path, MAP.replace(old, new)))
    assert said in str(caught.value)


def test_a_map_that_is_no_file_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"label map absent\.toml must be a readable file; got no such file\."):
        load_label_map("absent.toml")
    (tmp_path / "map.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigError, match="must be TOML in UTF-8"):
        load_label_map(str(tmp_path / "map.toml"))
