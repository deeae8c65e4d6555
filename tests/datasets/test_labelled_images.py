"""Labelled images from a table: labels, clusters, columns of groups, and one sentence for each defect."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairaudit.core.errors import DataError
from fairaudit.core.samples import NOT_RECORDED
from fairaudit.datasets import open_reader


def write(folder: Path, text: str, *, name: str = "labels.csv", files: int = 4) -> Path:
    for i in range(files):
        (folder / f"{i}.png").write_bytes(b"an image")
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def test_a_table_and_its_groups(tmp_path: Path) -> None:
    text = "file,label,cluster,race,note\n0.png,cat,p1,b,x\n1.png,dog,p1,a,x\n2.png,cat,p2,,x\n"
    path = write(tmp_path, text, name="val.csv")
    found = open_reader("labelled_images").samples(path, name="val")
    assert (found.subject, found.cluster, found.show_images, found.name) == ("labelled", "cluster", False, "val")
    assert found.sample_ids == ("0.png", "1.png", "2.png")
    assert found.paths == [tmp_path / f"{i}.png" for i in range(3)]
    assert found.table["label"].tolist() == ["cat", "dog", "cat"]
    assert found.table["cluster_id"].tolist() == ["p1", "p1", "p2"]
    assert found.table["race"].tolist() == ["b", "a", NOT_RECORDED]
    (race,) = found.features
    assert (race.name, race.groups, race.known_by) == ("race", ("a", "b"), "not stated")
    assert found.notes == ("No groups, for they have fewer than 2 or more than 30 different values: note.",)


def test_a_folder_has_its_table_in_labels_csv(tmp_path: Path) -> None:
    write(tmp_path, "file,label\n0.png,cat\nabsent.png,dog\n../out.png,dog\n")
    found = open_reader("labelled_images").samples(tmp_path, name="x")
    assert (len(found), found.cluster) == (1, "image")
    assert found.skipped["reason"].tolist() == ["the file is missing", "the name leads out of the data folder"]
    assert found.notes == ("2 of 3 rows were left out: the image is not there.",)


def test_an_image_without_a_cluster_stands_for_itself(tmp_path: Path) -> None:
    found = open_reader("labelled_images").samples(
        write(tmp_path, "file,label,cluster\n0.png,a,p\n1.png,b,\n2.png,a,\n"), name="x"
    )
    assert found.table["cluster_id"].tolist() == ["p", "1.png", "2.png"]
    assert found.notes == ("2 of 3 images have no cluster and stand for themselves.",)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("file,lable\n0.png,x\n", "'label' is missing. Did you mean 'lable'? Add or rename the column."),
        (
            "file,label\n0.png,x\n1.png,\n",
            "must have a label in every row; got 1 without, the first '1.png'. Fill it in",
        ),
        (
            "file,label\nno.png,x\n",
            "must contain the images that labels.csv in its column 'file' names; got none among 1 rows, the",
        ),
        ("file,label\n0.png,x\n0.png,y\n", "must have one row per sample_id; got '0.png' 2 times. Remove or rename"),
    ],
)
def test_a_defect_is_one_sentence(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(DataError) as caught:
        open_reader("labelled_images").samples(write(tmp_path, text), name="x")
    assert message in str(caught.value)
