"""A data set says what must lie in its folder and where it is available."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairaudit.core.errors import DataError
from fairaudit.datasets.parts.source import Source

SOURCE = Source("ours", "Our Faces", "https://example.org/faces", "research only", "faces.csv and img/")


def test_the_first_file_that_is_there_is_taken(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "faces.csv").touch()
    names = ("faces.csv", "old/faces.csv")
    assert SOURCE.file(tmp_path, names) == tmp_path / "old" / "faces.csv"
    (tmp_path / "faces.csv").touch()
    assert SOURCE.file(tmp_path, names) == tmp_path / "faces.csv"


def test_without_any_of_them_all_are_named(tmp_path: Path) -> None:
    (tmp_path / "faces.csv").mkdir()
    with pytest.raises(DataError) as caught:
        SOURCE.file(tmp_path, ("faces.csv", "old/faces.csv"))
    assert str(caught.value) == (
        f"data folder {tmp_path} must contain faces.csv or old/faces.csv; got none. Check the folder against the "
        "layout of the reader 'ours': faces.csv and img/. Our Faces is available at https://example.org/faces "
        "(research only); fairaudit downloads nothing."
    )
