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
        ("templates = [", r"prompts 'prompts\.toml' must be valid TOML; got: .*Correct that line\."),
        (
            'template = ["{}"]',
            r"keys of prompts .* among: templates, classes; got 'template'\. Did you mean 'templates'\?",
        ),
        ('templates = ["{}"]', r"must have classes; got none\. Write templates = "),
        ('classes = ["a", "b"]', r"must have templates; got none"),
        ('templates = "{}"\nclasses = ["a", "b"]', r"templates of .* must be a list of texts; got '\{\}'"),
        ('templates = ["a photo"]\nclasses = ["a", "b"]', r"must have \{\} once, .*; got 'a photo'"),
        ('templates = ["{} {}"]\nclasses = ["a", "b"]', r"must have \{\} once, where the name goes; got '\{\} \{\}'"),
        ('templates = ["{}", "{}"]\nclasses = ["a", "b"]', r"templates of .* must be different .*; got '\{\}' twice"),
        ('templates = ["{}"]\nclasses = ["Cat", "cat "]', r"classes of .* must be different .*; got 'cat' twice"),
        ('templates = ["{}"]\nclasses = ["cat"]', r"must have at least two classes; got only 'cat'"),
        ('templates = ["{}"]\nclasses = [1, 2]', r"classes of .* must be a list of texts; got \[1, 2\]"),
        ('templates = ["{}"]\nclasses = ["a", " "]', r"classes of .* must be a list of texts"),
        ('templates = ["{}"]\n[classes]\na = "x"\nb = []', r"names of 'a' in .* must be a list of texts; got 'x'"),
        ('templates = ["{}"]\n[classes]\na = ["x"]\nb = ["x"]', r"names of the classes .*; got 'x' twice"),
        ('templates = ["{}"]\n[classes]\na = []\na = []', r"must be valid TOML; got: Cannot overwrite a value"),
    ],
)
def test_wrong_files(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_prompts(write(tmp_path, text))


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"must be a readable file; got no such file\. Check its path\."):
        read_prompts(tmp_path / "none.toml")
