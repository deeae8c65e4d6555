"""Prompts: which sentences a file makes, and what is said where it cannot be read."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from fairaudit.core.errors import ConfigError
from fairaudit.heads.prompts import read_prompts

GOOD = """
templates = ["a photo of a {}.", "{}"]
[classes]
cat = []
dog = ["dog", " puppy "]
"""


def write(folder: Path, text: str) -> Path:
    path = folder / "prompts.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_labels_names_and_sentences(tmp_path: Path) -> None:
    path = write(tmp_path, GOOD)
    prompts = read_prompts(path)
    assert prompts.classes == ("cat", "dog")
    assert prompts.names == {"cat": ("cat",), "dog": ("dog", "puppy")}
    assert prompts.texts(prompts.templates[0]) == ["a photo of a cat.", "a photo of a dog.", "a photo of a puppy."]
    assert prompts.texts(prompts.templates[1]) == ["cat", "dog", "puppy"]
    assert prompts.digest == hashlib.sha256(path.read_bytes()).hexdigest()


def test_a_list_of_classes_is_enough(tmp_path: Path) -> None:
    prompts = read_prompts(write(tmp_path, 'templates = ["{}"]\nclasses = ["person", "dog"]\n'))
    assert prompts.names == {"person": ("person",), "dog": ("dog",)}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("templates = [", r"prompts .*prompts\.toml must be TOML in UTF-8; got: .*Correct that line\."),
        (
            'template = ["{}"]',
            r"^prompts .*: key must be one of: classes, templates; got 'template'\. Did you mean 'templates'\?",
        ),
        (
            'templates = ["{}"]',
            r"classes must be a list .* or a table.*; it is missing\. Write for example templates = ",
        ),
        ('classes = ["a", "b"]', r"templates must be a list in square brackets; it is missing"),
        ('templates = []\nclasses = ["a", "b"]', r"templates must be 1 or more; got \[\]\. Write templates = "),
        ('templates = "{}"\nclasses = ["a", "b"]', r"templates must be a list in square brackets; got '\{\}'"),
        ('templates = ["a photo"]\nclasses = ["a", "b"]', r"must have \{\} once, .*; got 'a photo'"),
        ('templates = ["{} {}"]\nclasses = ["a", "b"]', r"must have \{\} once, where the name goes; got '\{\} \{\}'"),
        ('templates = ["{}", "{}"]\nclasses = ["a", "b"]', r"templates must be different .*; got '\{\}'\. Remove"),
        ('templates = ["{}"]\nclasses = ["Cat", "cat "]', r"classes must be different .*; got 'cat'\. Remove"),
        ('templates = ["{}"]\nclasses = ["cat"]', r"classes must be 2 or more; got \['cat'\]\. Write"),
        ('templates = ["{}"]\nclasses = [1, 2]', r"classes\.1 must be text in quotation marks; got 1\. Write"),
        ('templates = ["{}"]\nclasses = ["a", " "]', r"classes must be different .* and not blank; got ''\. Remove"),
        ('templates = ["{}"]\n[classes]\na = "x"\nb = []', r"classes\.a must be a list in square brackets; got 'x'"),
        (
            'templates = ["{}"]\n[classes]\na = ["x"]\nb = ["x"]',
            r"names of the classes must be different .*; got 'x'\.",
        ),
        ('templates = ["{}"]\n[classes]\na = []\na = []', r"must be TOML in UTF-8; got: Cannot overwrite a value"),
    ],
)
def test_wrong_files(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_prompts(write(tmp_path, text))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"must be a readable file; got no such file\. Check its path\."):
        read_prompts(tmp_path / "none.toml")
