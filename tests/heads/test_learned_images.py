"""Images that a head has learned are known by their contents, whatever they are called."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pandas as pd
import pytest

from fairaudit.core.errors import DataError
from fairaudit.heads.learned_images import LearnedImages
from fairaudit.heads.probe_table import read_probe_table


@pytest.fixture
def learned(tmp_path: Path) -> LearnedImages:
    for name, content in (("a.png", b"one"), ("b.png", b"another")):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "labels.csv").write_text("file,label\na.png,x\nb.png,y\n", encoding="utf-8")
    digests = [hashlib.sha256(content).hexdigest() for content in (b"one", b"another")]
    return LearnedImages.of(read_probe_table(tmp_path / "labels.csv").samples(), digests)


def test_an_image_is_known_by_its_contents(learned: LearnedImages, tmp_path: Path) -> None:
    for name, content in (("copy.jpg", b"one"), ("same size.jpg", b"eno"), ("other.jpg", b"three words")):
        (tmp_path / name).write_bytes(content)
    known = {path.name: learned.holds(path) for path in sorted(tmp_path.iterdir())}
    assert known == {
        "a.png": True, "b.png": True, "copy.jpg": True, "labels.csv": False, "other.jpg": False, "same size.jpg": False,
    }  # fmt: skip
    assert not learned.holds(tmp_path / "absent.png")


def test_they_are_saved_without_a_path_of_the_machine(learned: LearnedImages, tmp_path: Path) -> None:
    learned.save(tmp_path)
    assert LearnedImages.load(tmp_path) == learned
    rows = pd.read_parquet(tmp_path / "images.parquet")
    assert rows["file"].tolist() == ["a.png", "b.png"]
    assert rows["bytes"].tolist() == [3, 7]


@pytest.mark.parametrize("content", [None, b"no table"])
def test_a_damaged_table_is_one_sentence(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "images.parquet").write_bytes(content)
    with pytest.raises(
        DataError, match=r"must hold images.parquet, the training images of its head; got no readable file of that name"
    ):
        LearnedImages.load(tmp_path)
