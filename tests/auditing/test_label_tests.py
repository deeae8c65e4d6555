"""A table of test sets: what it says, and one sentence for each way to get it wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairaudit.auditing.label_tests import drops_from, read_tests
from fairaudit.core.errors import ConfigError, DataError

TABLE = """
[[test]]
name = "val"
labels = "in/val.csv"

[[test]]
name = "renditions"
labels = "r.csv"
classes = "labels"

[[test]]
name = "sketch"
labels = "sketch"
classes = ["dog", "cat"]
"""


def write(folder: Path, text: str) -> Path:
    (folder / "r.csv").write_text("file,label\na.png,dog\nb.png,axolotl\nc.png,dog\n", encoding="utf-8")
    (folder / "tests.toml").write_text(text, encoding="utf-8")
    return folder / "tests.toml"


def test_a_table_of_tests(tmp_path: Path) -> None:
    val, renditions, sketch = read_tests(write(tmp_path, TABLE))
    assert (val.name, val.reader, val.path, val.classes) == ("val", "labelled_images", tmp_path / "in" / "val.csv", ())
    assert renditions.classes == ("axolotl", "dog")
    assert (sketch.path, sketch.classes) == (tmp_path / "sketch", ("dog", "cat"))


def test_drops_are_measured_from_the_first_unless_it_is_said() -> None:
    name = "recognition_accuracy"
    assert drops_from("val", indicators=None, options=None) == {name: {"reference": "val"}}
    assert drops_from("val", indicators=[name], options={name: {"reference": "x"}}) == {name: {"reference": "x"}}
    assert drops_from("val", indicators=["hate_speech"], options={}) == {}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[[test]", "tests.toml must be TOML in UTF-8; got: "),
        ("", "tests.toml: test must be a list of tables, each below [[test]]; it is missing. Add it."),
        ("[[tests]]\nname = 'a'", "tests.toml: key must be one of: test; got 'tests'. Did you mean 'test'?"),
        ("[test]\nname = 'a'", "test must be a list of tables, each below [[test]]; got {'name': 'a'}. Correct it."),
        ("[[test]]\nlabels = 'r.csv'", "test.1.name must be text in quotation marks; it is missing. Add it."),
        ("[[test]]\nname = 'a'\nlabels = 3", "test.1.labels must be text in quotation marks; got 3. Correct it."),
        (
            "[[test]]\nname = ''\nlabels = 'r.csv'",
            "a test must have a name and labels; got '' and 'r.csv'. Add both.",
        ),
        (
            "[[test]]\nname = 'a'\nlabel = 'r.csv'",
            "key of test.1 must be one of: classes, labels, name; got 'label'. Did you mean 'labels'?",
        ),
        (
            "[[test]]\nname = 'a'\nlabels = 'r.csv'\nclasses = 'dog'",
            "test.1.classes must be a list in square brackets or one of: labels; got 'dog'. Correct it.",
        ),
        ("[[test]]\nname = 'a b'\nlabels = 'r.csv'", "name of a data set must be letters, digits,"),
    ],
)
def test_a_wrong_table_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_tests(write(tmp_path, text))
    assert message in str(caught.value)


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none.toml must be a readable file; got no such file\. Check its path\.$"):
        read_tests(tmp_path / "none.toml")
    with pytest.raises(DataError, match=r"must contain the table no\.csv; got none\."):
        read_tests(write(tmp_path, "[[test]]\nname = 'a'\nlabels = 'no.csv'\nclasses = 'labels'"))
