from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from fairaudit.core.errors import DataError
from fairaudit.images.decode import ImageError
from fairaudit.images.image_files import MISSING, ImageFiles
from fairaudit.images.listing import list_images
from tests.images.shards import jpeg, write_shard


@pytest.fixture
def everything(tmp_path: Path) -> dict[str, Path]:
    """The same four images as a folder, as two shards and in two tables."""
    folder = tmp_path / "photos"
    (folder / "sub").mkdir(parents=True)
    names = ["a.jpg", "b.jpg", "sub/c.jpg", "sub/d.jpg"]
    for i, name in enumerate(names):
        (folder / name).write_bytes(jpeg(i))
    for half in (0, 1):
        members = {name.replace("/", "-"): (folder / name).read_bytes() for name in names[2 * half : 2 * half + 2]}
        write_shard(tmp_path / "shards" / "in" / f"{half}.tar", members)
    pd.DataFrame({"path": names, "country": ["KE", "IN", "", "US"]}).to_parquet(folder / "t.parquet")
    (folder / "t.csv").write_text("file\nsub/d.jpg\na.jpg\nsub/d.jpg\n./b.jpg\n")
    return {
        "folder": folder, "shards": tmp_path / "shards", "shard": tmp_path / "shards" / "in" / "1.tar",
        "parquet": folder / "t.parquet", "csv": folder / "t.csv",
    }  # fmt: skip


def names(files: ImageFiles) -> list[str]:
    return [files.name(at) for at in range(len(files))]


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("folder", ["0/a.jpg", "0/b.jpg", "0/sub/c.jpg", "0/sub/d.jpg"]),
        ("shards", ["0/in/0.tar/a.jpg", "0/in/0.tar/b.jpg", "0/in/1.tar/sub-c.jpg", "0/in/1.tar/sub-d.jpg"]),
        ("shard", ["0/1.tar/sub-c.jpg", "0/1.tar/sub-d.jpg"]),
        ("parquet", ["0/a.jpg", "0/b.jpg", "0/sub/c.jpg", "0/sub/d.jpg"]),
        ("csv", ["0/sub/d.jpg", "0/a.jpg", "0/./b.jpg"]),
    ],
)
def test_each_kind_of_source_gives_its_images(everything: dict[str, Path], source: str, expected: list[str]) -> None:
    files = list_images([everything[source]])
    assert names(files) == expected
    for at, name in enumerate(expected):
        letter = name[-5]
        content = jpeg("abcd".index(letter))
        assert files.size(at) == len(content)
        assert files.image_digest(at) == hashlib.sha256(content).hexdigest()
        plain = Image.open(everything["folder"] / ("sub" if letter in "cd" else "") / f"{letter}.jpg")
        np.testing.assert_array_equal(np.asarray(files.open(at).decode()), np.asarray(plain))


def test_kinds_may_be_mixed_and_each_file_is_taken_once(everything: dict[str, Path]) -> None:
    sources = [everything[name] for name in ("shard", "csv", "folder", "shards")]
    assert names(list_images(sources)) == [
        "0/1.tar/sub-c.jpg", "0/1.tar/sub-d.jpg", "1/sub/d.jpg", "1/a.jpg", "1/./b.jpg", "2/sub/c.jpg",
        "3/in/0.tar/a.jpg", "3/in/0.tar/b.jpg",
    ]  # fmt: skip


def test_the_digest_is_of_names_sizes_and_contents(
    everything: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = list_images([everything["shard"]])
    expected = hashlib.sha256()
    for name, content in (("0/1.tar/sub-c.jpg", jpeg(2)), ("0/1.tar/sub-d.jpg", jpeg(3))):
        expected.update(f"{name}\0{len(content)}\0{hashlib.sha256(content).hexdigest()}\0".encode())
    assert files.digest == expected.hexdigest()
    for name in ("folder", "shards"):
        copy = shutil.copytree(everything[name], tmp_path / "elsewhere" / name)
        before = list_images([everything[name]]).digest
        assert list_images([copy]).digest == before
        monkeypatch.setattr("fairaudit.images.image_files.HASHED_BYTES", 10)
        assert list_images([copy]).digest == list_images([everything[name]]).digest != before
        monkeypatch.undo()


def test_a_file_that_a_table_names_and_that_is_not_there_is_an_unreadable_image(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("file\ngone.jpg\n")
    files = list_images([tmp_path / "t.csv"])
    assert files.size(0) == MISSING
    assert len(files.digest) == 64
    with pytest.raises(ImageError, match=r"image .*gone\.jpg must be a readable file; got no such file"):
        files.open(0)


def test_an_image_of_a_shard_is_called_by_its_name(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.tar", {"x.jpg": b"no image"})
    files = list_images([tmp_path / "a.tar"])
    with pytest.raises(ImageError) as error:
        files.open(0)
    assert str(error.value) == (
        "image 0/a.tar/x.jpg must be readable; got bytes that are no image in a known format. Replace or remove it."
    )


@pytest.mark.parametrize(
    ("cell", "problem"),
    [
        ("../a.jpg", "the name leads out of the data folder"),
        ("/etc/hostname", "the name leads out of the data folder"),
        ('""', "the row names no file"),
    ],
)
def test_a_table_names_no_file_outside_its_folder(tmp_path: Path, cell: str, problem: str) -> None:
    (tmp_path / "t.csv").write_text(f"file,x\na.jpg,1\n{cell},2\n")
    with pytest.raises(DataError) as error:
        list_images([tmp_path / "t.csv"])
    shown = "''" if cell == '""' else repr(cell)
    assert str(error.value) == (
        f"table t.csv must name files below its folder; got {shown} in row 2: {problem}. Correct or remove the row."
    )


def test_wrong_sources_are_refused_with_what_to_do(tmp_path: Path) -> None:
    def refused(*sources: Path) -> str:
        with pytest.raises(DataError) as error:
            list_images(sources)
        return str(error.value).replace(f"{tmp_path}/", "")

    assert refused() == "data must name at least one folder, shard or table of images; got none. Give one."
    kinds = "must be a folder of images or of .tar shards, a .tar shard, or a .csv or .parquet table; got "
    assert refused(tmp_path / "no") == f"data no {kinds}no such file or folder. Check the path."
    (tmp_path / "a.zip").touch()
    assert refused(tmp_path / "a.zip") == f"data a.zip {kinds}another file. Check the path."
    (tmp_path / "empty").mkdir()
    assert refused(tmp_path / "empty").startswith("folder empty must contain images (.jpg, ")
    assert refused(tmp_path / "empty").endswith(
        " or .tar shards; got none. Check that it is the folder of the data set, not the one above or below its files."
    )
    write_shard(tmp_path / "packed" / "a.tar.gz", {"a.jpg": jpeg(0)}, mode="w:gz")
    assert refused(tmp_path / "packed").startswith("shard packed/a.tar.gz must be an uncompressed .tar, so that each")
    write_shard(tmp_path / "both" / "a.tar", {"a.json": b"{}"})
    assert refused(tmp_path / "both").startswith("data must hold images (.jpg, ")
    (tmp_path / "both" / "b.jpg").write_bytes(jpeg(0))
    assert refused(tmp_path / "both") == (
        "folder both must hold images or .tar shards, not both; got 1 images and 1 shards. Give the folder of either, "
        "or the shards one by one."
    )
    (tmp_path / "t.csv").write_text("name,country\na.jpg,KE\n")
    assert refused(tmp_path / "t.csv") == (
        "table t.csv must have a column file, file_name, path that names images; got name, country. "
        "Rename the column that does."
    )
