"""Hateful Memes: splits from file names, labels as text, targets where the annotators name them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fairaudit.core.errors import DataError
from fairaudit.datasets import hateful_memes


def meme(number: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "img": f"img/{number:05}.png", "label": number % 2, "text": f"text {number}", **more}


def write(root: Path, **files: list[dict[str, Any]]) -> Path:
    (root / "img").mkdir(parents=True, exist_ok=True)
    for stem, rows in files.items():
        (root / f"{stem}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        for row in rows:
            if str(row.get("img", "")).startswith("img/"):
                Image.new("RGB", (4, 4)).save(root / row["img"])
    return root


def test_rows_become_samples(tmp_path: Path) -> None:
    write(tmp_path, train=[meme(1), meme(2)], dev_seen=[meme(3)], test_seen=[meme(4)])
    found = hateful_memes.samples(tmp_path, name="memes")
    table = found.table.set_index("sample_id")
    assert table["split"].to_dict() == {"1": "train", "2": "train", "3": "dev", "4": "test"}
    assert table["label"].to_dict() == {"1": "1", "2": "0", "3": "1", "4": "0"}
    assert table.loc["3", "text"] == "text 3"
    assert (found.subject, found.cluster, found.show_images, found.features) == ("memes", "image", False, ())
    assert "target" not in found.table.columns
    assert any("each image counts as its own cluster" in note for note in found.notes)


@pytest.mark.parametrize(
    ("stem", "split"),
    [("train", "train"), ("dev", "dev"), ("dev_seen", "dev"), ("dev_unseen", "dev"), ("test", "test"),
     ("test_seen", "test"), ("test_unseen", "test")],
)  # fmt: skip
def test_every_file_name_has_its_split(tmp_path: Path, stem: str, split: str) -> None:
    write(tmp_path, **{stem: [meme(1)]})
    assert hateful_memes.samples(tmp_path, name="x").table["split"].tolist() == [split]


def test_rows_without_label_are_listed(tmp_path: Path) -> None:
    unlabelled = {k: v for k, v in meme(5).items() if k != "label"}
    write(tmp_path, train=[meme(1)], test=[unlabelled, meme(6, label=None), meme(7)])
    found = hateful_memes.samples(tmp_path, name="x")
    assert found.table["sample_id"].tolist() == ["1", "7"]
    assert found.skipped.to_dict("records") == [
        {"file": "img/00005.png", "reason": "the row has no label"},
        {"file": "img/00006.png", "reason": "the row has no label"},
    ]
    assert "2 of 4 memes have no label and were left out." in found.notes


def test_missing_and_outside_images_are_listed(tmp_path: Path) -> None:
    root = write(tmp_path / "data", train=[meme(1), meme(2), meme(3, img="../../secret.png")])
    (root / "img" / "00002.png").unlink()
    found = hateful_memes.samples(root, name="x")
    assert found.table["sample_id"].tolist() == ["1"]
    assert found.skipped["reason"].tolist() == ["the file is missing", "the name leads out of the data folder"]
    assert "2 of 3 memes were left out: the image is not there." in found.notes


def test_targets_make_a_feature(tmp_path: Path) -> None:
    rows = [
        meme(1, target="religion"),
        meme(2, target=["sex", "race"]),
        meme(3, target=["race", "sex"]),
        meme(4, target=[]),
        meme(5),
        meme(6, target=""),
    ]
    found = hateful_memes.samples(write(tmp_path, train=rows), name="x")
    none = "not recorded"
    assert found.table["target"].tolist() == ["religion", "race + sex", "race + sex", none, none, none]
    assert found.feature("target").groups == ("race + sex", "religion")
    assert found.feature("target").known_by == "annotated"


def test_a_meme_that_two_files_of_one_split_repeat_counts_once(tmp_path: Path) -> None:
    write(tmp_path, dev_seen=[meme(1), meme(2)], dev_unseen=[meme(2), meme(3)])
    found = hateful_memes.samples(tmp_path, name="x")
    assert found.table["sample_id"].tolist() == ["1", "2", "3"]
    assert "1 rows stand in two files of one split word for word and count once." in found.notes


def test_one_id_with_two_meanings_in_a_split_is_refused(tmp_path: Path) -> None:
    write(tmp_path, dev_seen=[meme(1)], dev_unseen=[meme(1, label=0)])
    with pytest.raises(DataError, match="must have one row per sample_id; got '1' 2 times"):
        hateful_memes.samples(tmp_path, name="x")


def test_what_was_learned_from_is_never_tested_on(tmp_path: Path) -> None:
    write(tmp_path, train=[meme(1)], dev=[meme(3)], test=[meme(1), meme(2), meme(3)])
    found = hateful_memes.samples(tmp_path, name="x")
    assert found.table.set_index("sample_id")["split"].to_dict() == {"1": "train", "3": "dev", "2": "test"}
    assert found.skipped["reason"].tolist() == ["its id stands in another split, too"] * 2


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ('{"id": 1,', "a line that is no JSON"),
        ("[1]", "a list"),
        ('{"img": "a", "text": "", "label": 0}', "an object without 'id'"),
        ('{"id": 1, "text": "", "label": 0}', "an object without 'img'"),
        ('{"id": 1, "img": 3, "text": "", "label": 0}', "an object whose 'img' is no text"),
        ('{"id": 1.5, "img": "a", "text": "", "label": 0}', "an object whose 'id' is no text"),
        ('{"id": 1, "img": "a", "text": "", "label": 2}', "the label 2 instead of 0 or 1"),
        ('{"id": 1, "img": "a", "text": "", "label": true}', "the label true instead of 0 or 1"),
        ('{"id": 1, "img": "a", "text": "", "label": [1]}', "the label [1] instead of 0 or 1"),
        ('{"id": 1, "img": "a", "text": "", "label": 0, "target": 3}', "a 'target' that is neither a text nor a list"),
        ("[" * 100_000, ""),
    ],
)
def test_wrong_line_is_named_by_file_and_number(tmp_path: Path, line: str, reason: str) -> None:
    write(tmp_path, train=[meme(1)])
    with (tmp_path / "train.jsonl").open("a") as file:
        file.write(f"\n{line}\n")
    with pytest.raises(DataError) as caught:
        hateful_memes.samples(tmp_path, name="x")
    start = f"line 3 of {tmp_path / 'train.jsonl'} must be a JSON object with id, img, text and label; got {reason}"
    assert str(caught.value).startswith(start)


def test_folders_without_memes(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must contain train\.jsonl, dev\.jsonl, .* or some of them; got none"):
        hateful_memes.samples(tmp_path, name="x")
    (tmp_path / "train.jsonl").touch()
    with pytest.raises(DataError, match="must contain a row of the field 'img' that can be used; got none"):
        hateful_memes.samples(tmp_path, name="x")
    (tmp_path / "train.jsonl").write_bytes(b"{}\n\xe9")
    with pytest.raises(
        DataError, match=r"train\.jsonl must be text in UTF-8; got other bytes, the first 0xe9 in line 2"
    ):
        hateful_memes.samples(tmp_path, name="x")


def test_real_sample(sample_data: Path) -> None:
    found = hateful_memes.samples(sample_data / "memes-sample", name="memes")
    assert found.table["split"].value_counts().to_dict() == {"train": 915, "test": 197, "dev": 196}
    assert len(found.skipped) == 0
    assert set(found.table["label"]) == {"0", "1"}
