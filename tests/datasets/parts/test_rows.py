"""From rows to samples: what is left out is counted, and no row is in two splits."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from fairaudit.core.errors import DataError
from fairaudit.core.samples import Feature
from fairaudit.datasets.parts.rows import LeftOut, in_folders, is_text, located, once_per_id, to_samples, with_images
from fairaudit.datasets.parts.source import Source

SOURCE = Source("ours", "Our Faces", "https://example.org/faces", "research only", "faces.csv and img/")


def write(root: Path, *names: str) -> None:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def test_rows_without_their_image_are_listed_and_counted(tmp_path: Path) -> None:
    write(tmp_path, "a.png", "b.png")
    left = LeftOut()
    rows = pd.DataFrame({"path": ["a.png", "c.png", "b.png", "../x.png"], "n": [1, 2, 3, 4]})
    kept, notes = with_images(rows, tmp_path, left, source=SOURCE, named_by="faces.csv", what="faces")
    assert kept.to_dict("list") == {"path": ["a.png", "b.png"], "n": [1, 3]}
    assert list(kept.index) == [0, 1]
    assert notes == ("2 of 4 faces were left out: the image is not there.",)
    assert left.table().to_dict("list") == {
        "file": ["c.png", "../x.png"], "reason": ["the file is missing", "the name leads out of the data folder"],
    }  # fmt: skip
    assert with_images(kept, tmp_path, left, source=SOURCE, named_by="x")[1] == ()


def test_without_any_image_it_is_said_where_the_data_set_is_to_be_had(tmp_path: Path) -> None:
    rows = pd.DataFrame({"path": ["a.png", "b.png"]})
    with pytest.raises(DataError) as caught:
        with_images(rows, tmp_path, LeftOut(), source=SOURCE, named_by="the column 'file' of faces.csv")
    assert str(caught.value) == (
        f"data folder {tmp_path} must contain the images that the column 'file' of faces.csv names; got none among 2 "
        "rows, the first 'a.png'. Check the folder against the layout of the reader 'ours': faces.csv and img/. Our "
        "Faces is available at https://example.org/faces (research only); fairaudit downloads nothing."
    )


def test_where_every_row_was_left_out_before_the_reason_is_told(tmp_path: Path) -> None:
    left, none = LeftOut(), pd.DataFrame({"path": []})
    with pytest.raises(DataError, match=r"must contain a row of faces\.csv that can be used; got none\. Check"):
        with_images(none, tmp_path, left, source=SOURCE, named_by="faces.csv")
    left.add("a.png", "the box shows a group")
    with pytest.raises(DataError, match=r"got none: 1 were left out, the first for 'the box shows a group'\. Check"):
        with_images(none, tmp_path, left, source=SOURCE, named_by="faces.csv")


def test_a_name_has_a_path_in_each_folder() -> None:
    assert in_folders(pd.Series(["a.png", "/etc/b"]), ("", "img")) == [["a.png", "/etc/b"], ["img/a.png", "img//etc/b"]]


def test_an_image_is_looked_for_in_each_place(tmp_path: Path) -> None:
    write(tmp_path, "one/a.png", "two/b.png", "two/a.png")
    places = [["one/a.png", "one/b.png", "one/c.png"], ["two/a.png", "two/b.png", "two/c.png"]]
    assert located(tmp_path, places) == ["one/a.png", "two/b.png", "one/c.png"]
    assert located(tmp_path, [["../a.png"], ["/etc/hostname"]]) == ["../a.png"]


def test_what_stands_in_two_splits_stays_in_the_first() -> None:
    rows = pd.DataFrame(
        {"sample_id": list("abcab"), "path": list("abcab"), "split": ["test", "dev", "", "train", "test"]}
    )
    left = LeftOut()
    kept = once_per_id(rows, left, splits=("train", "dev", "test", ""))
    assert list(zip(kept["sample_id"], kept["split"], strict=True)) == [("b", "dev"), ("c", ""), ("a", "train")]
    assert left.reasons == ["its id stands in another split, too"] * 2


def test_samples_get_what_rows_do_not_say(tmp_path: Path) -> None:
    gender = Feature("gender", ("f",), "annotated", "x")
    rows = pd.DataFrame({"path": ["a.png"], "gender": ["f"], "age_years": [3.0]})
    left = LeftOut()
    left.add("b.png", "gone")
    found = to_samples(
        SOURCE, rows, name="n", root=tmp_path, subject="people", cluster="image", features=[gender], left=left,
        notes=["", "one"], version="2",
    )  # fmt: skip
    assert found.table.to_dict("records") == [
        {"sample_id": "a.png", "path": "a.png", "cluster_id": "a.png", "split": "", "label": "", "text": "",
         "gender": "f", "age_years": 3.0}
    ]  # fmt: skip
    assert (found.licence, found.notes, found.version, found.reader) == (
        "Our Faces: research only",
        ("one",),
        "2",
        "ours",
    )
    assert found.skipped.to_dict("records") == [{"file": "b.png", "reason": "gone"}]
    with pytest.raises(DataError, match=r"must contain a row that can be used; got none: 1 were left out, the"):
        to_samples(SOURCE, rows[:0], name="n", root=tmp_path, subject="people", cluster="image", features=[], left=left)


def test_a_source_says_what_is_missing(tmp_path: Path) -> None:
    assert SOURCE.folder(str(tmp_path)) == tmp_path
    (tmp_path / "f").touch()
    for path, got in ((tmp_path / "f", "a file"), (tmp_path / "none", "no such folder")):
        with pytest.raises(DataError) as caught:
            SOURCE.folder(path)
        assert str(caught.value) == (
            f"data folder {path} must be a folder for the reader 'ours'; got {got}. Check its path. Our Faces is "
            "available at https://example.org/faces (research only); fairaudit downloads nothing."
        )
    assert str(Source("own", "mine", "", "mine", "a table").missing(tmp_path, "t.csv")) == (
        f"data folder {tmp_path} must contain t.csv; got none. Check the folder against the layout of the reader "
        "'own': a table."
    )


def test_a_name_that_is_no_text_is_listed_with_a_question_mark() -> None:
    name = b"img/\xff.png".decode("utf-8", "surrogateescape")
    assert (is_text(name), is_text("img/é.png")) == (False, True)
    left = LeftOut()
    left.add(name, "its name")
    assert left.table()["file"].tolist() == ["img/?.png"]
