"""MMHS150K: majorities of annotators as labels, their votes as shares, and lists of ids that may be damaged copies."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fairaudit.core.errors import DataError
from fairaudit.datasets import mmhs150k

FIRST, SECOND, THIRD = "1114679353714016256", "1063020048816660480", "1108927368075374593"


def tweet(*labels: int, **more: object) -> dict[str, Any]:
    names = ["NotHate", "Racist", "Sexist", "Homophobe", "Religion", "OtherHate"]
    return {
        "img_url": "http://pbs.twimg.com/media/x.jpg", "labels": list(labels), "labels_str": [names[i] for i in labels],
        "tweet_text": "@user text", "tweet_url": "https://twitter.com/user/status/1", **more,
    }  # fmt: skip


def write(root: Path, tweets: dict[str, Any], **splits: list[str]) -> Path:
    """Write the JSON, an image for each tweet and the lists; ids that no list has stand in that of the test."""
    (root / "img_resized").mkdir(parents=True, exist_ok=True)
    (root / "splits").mkdir(exist_ok=True)
    (root / "MMHS150K_GT.json").write_text(json.dumps(tweets), encoding="utf-8")
    for number in tweets:
        if number.isdigit():
            Image.new("RGB", (4, 4)).save(root / "img_resized" / f"{number}.jpg")
    given = {"train": ["1"], "val": ["2"], "test": list(tweets), **splits}
    for name, ids in given.items():
        (root / "splits" / f"{name}_ids.txt").write_text("".join(f"{number}\n" for number in ids))
    return root


def test_tweets_become_samples(tmp_path: Path) -> None:
    tweets = {FIRST: tweet(4, 1, 3), SECOND: tweet(0, 0, 2), THIRD: tweet(0, 5, 5)}
    found = mmhs150k.samples(write(tmp_path, tweets, train=[FIRST], val=[SECOND], test=[THIRD]), name="tweets")
    table = found.table
    assert table["sample_id"].tolist() == [FIRST, SECOND, THIRD]
    assert table["path"].tolist() == [f"img_resized/{number}.jpg" for number in (FIRST, SECOND, THIRD)]
    assert table["cluster_id"].tolist() == [FIRST, SECOND, THIRD]
    assert table["split"].tolist() == ["train", "dev", "test"]
    assert table["label"].tolist() == ["1", "0", "1"]
    assert table["text"].tolist() == ["@user text"] * 3
    assert table["hateful_share"].round(4).tolist() == [1, 0.3333, 0.6667]
    assert table["kind_of_hate"].tolist() == ["Racist", "not recorded", "OtherHate"]
    assert (found.name, found.reader, found.subject, found.cluster) == ("tweets", "mmhs150k", "memes", "image")
    assert (found.show_images, found.boxes) == (False, [None, None, None])
    assert found.licence == "MMHS150K: as that page and Twitter state; the content is abusive"
    assert found.notes == ("Who wrote a tweet is not read: each counts as independent of all others.",)
    assert found.skipped.empty


def test_the_kind_of_hate_keeps_the_votes_of_those_who_see_hate(tmp_path: Path) -> None:
    tweets = {"3": tweet(4, 1, 3), "4": tweet(0, 0, 2), "5": tweet(0, 5, 5), "6": tweet(2), "7": tweet(1, 1, 2, 0, 1)}
    found = mmhs150k.samples(write(tmp_path, tweets), name="x")
    feature = found.feature("kind_of_hate")
    assert feature.groups == ("Racist", "Sexist", "Homophobe", "Religion", "OtherHate")
    assert (feature.known_by, feature.ordered, feature.exploratory) == ("annotated", False, False)
    shares = found.uncertain["kind_of_hate"]
    assert list(shares) == list(feature.groups)
    assert shares.round(4).iloc[[0, 2, 3, 4]].to_numpy().tolist() == [
        [0.3333, 0, 0.3333, 0.3333, 0], [0, 0, 0, 0, 1], [0, 1, 0, 0, 0], [0.75, 0.25, 0, 0, 0],
    ]  # fmt: skip
    assert shares.iloc[1].isna().all(), "a tweet that most call harmless is of no kind"
    assert found.table["hateful_share"].round(4).tolist() == [1, 0.3333, 0.6667, 1, 0.8]


def test_a_tweet_without_a_majority_is_listed(tmp_path: Path) -> None:
    found = mmhs150k.samples(write(tmp_path, {"3": tweet(0, 1), "4": tweet(1, 0, 2, 0), "5": tweet(0)}), name="x")
    assert found.table[["sample_id", "label"]].to_numpy().tolist() == [["5", "0"]]
    reason = "as many annotators call it hateful as harmless"
    assert found.skipped.to_dict("records") == [
        {"file": "img_resized/3.jpg", "reason": reason},
        {"file": "img_resized/4.jpg", "reason": reason},
    ]


def test_without_any_majority_nothing_can_be_used(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        mmhs150k.samples(write(tmp_path, {"3": tweet(0, 1), "4": tweet(1, 0)}), name="x")
    assert str(caught.value).startswith(
        f"data folder {tmp_path} must contain a row of MMHS150K_GT.json that can be used; got none: 2 were left out, "
        "the first for 'as many annotators call it hateful as harmless'. Check the folder"
    )


def test_the_text_in_a_picture_stands_behind_that_of_the_tweet(tmp_path: Path) -> None:
    tweets = {"3": tweet(0), "4": tweet(0), "5": tweet(0, tweet_text=""), "6": tweet(0, tweet_text=None)}
    root = write(tmp_path, tweets, train=["1", "3"])
    (root / "img_txt").mkdir()
    for number, text in {"3": "STRONG BORDERS", "5": "caf\u00e9", "6": None}.items():
        (root / "img_txt" / f"{number}.json").write_text(json.dumps({"img_text": text}))
    found = mmhs150k.samples(root, name="x")
    assert found.table["text"].tolist() == ["@user text\nSTRONG BORDERS", "@user text", "café", ""]
    assert found.notes[1:] == ("The lists name 2 tweets that MMHS150K_GT.json does not have.",)


@pytest.mark.parametrize("content", [b"{", b"[]", b"7", b"\xe9", b'{"img_text": "\xe9"}', b"[" * 200_000, b""])
def test_a_damaged_text_of_a_picture_is_told_and_ends_nothing(tmp_path: Path, content: bytes) -> None:
    root = write(tmp_path, {"3": tweet(0), "4": tweet(0)})
    (root / "img_txt").mkdir()
    (root / "img_txt" / "3.json").write_bytes(content)
    (root / "img_txt" / "4.json").write_bytes(b'\xef\xbb\xbf{"img_text":\r\n "WALL"}')
    found = mmhs150k.samples(root, name="x")
    assert found.table["text"].tolist() == ["@user text", "@user text\nWALL"]
    assert found.notes[-1] == "The text in 1 pictures cannot be read and is left out."


def test_half_an_emoji_at_the_end_of_a_tweet_ends_nothing(tmp_path: Path) -> None:
    root = write(tmp_path, {"3": tweet(0, tweet_text="cut \ud83d"), "4": tweet(0, tweet_text="whole \U0001f600")})
    (root / "img_txt").mkdir()
    (root / "img_txt" / "4.json").write_text('{"img_text": "\\ude00 cut"}')
    assert mmhs150k.samples(root, name="x").table["text"].tolist() == ["cut ?", "whole 😀\n? cut"]


@pytest.mark.parametrize("order", [("1", "9", "8"), ("8", "9", "1", "1")])
def test_a_known_copy_with_one_list_for_train_and_test_is_refused(tmp_path: Path, order: tuple[str, ...]) -> None:
    root = write(tmp_path, {"1": tweet(0)}, train=["1", "8", "9"], test=list(order))
    with pytest.raises(DataError) as caught:
        mmhs150k.samples(root, name="x")
    assert str(caught.value) == (
        f"{tmp_path / 'splits' / 'test_ids.txt'} must list other tweets than train_ids.txt; got the same 3, as in a "
        "known copy. Get the lists from https://gombru.github.io/2019/10/09/MMHS/."
    )


def test_a_tweet_in_two_lists_counts_in_the_first_alone(tmp_path: Path) -> None:
    tweets = {number: tweet(0) for number in "34567"}
    found = mmhs150k.samples(
        write(tmp_path, tweets, train=["3", "4", "4"], val=["4", "5", "99"], test=["3", "5", "6"]), name="x"
    )
    splits = found.table.set_index("sample_id")["split"].to_dict()
    assert splits == {"3": "train", "4": "train", "5": "dev", "6": "test", "7": ""}
    assert found.skipped.to_dict("records") == [
        {"file": f"img_resized/{number}.jpg", "reason": "its id stands in another split, too"} for number in "345"
    ]


def test_missing_images_are_listed(tmp_path: Path) -> None:
    root = write(tmp_path, {"3": tweet(0), "4": tweet(0)})
    (root / "img_resized" / "3.jpg").unlink()
    found = mmhs150k.samples(root, name="x")
    assert found.table["sample_id"].tolist() == ["4"]
    assert found.skipped.to_dict("records") == [{"file": "img_resized/3.jpg", "reason": "the file is missing"}]
    assert "1 of 2 tweets were left out: the image is not there." in found.notes


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("../../secret", "the name leads out of the data folder"),
        ("../secret", "the name leads out of the data folder"),
        ("a\0b", "the name leads out of the data folder"),
        ("/secret", "the file is missing"),
        ("__import__('os')", "the file is missing"),
        ("", "the file is missing"),
    ],
)
def test_an_id_never_leads_out_of_the_folder(tmp_path: Path, number: str, reason: str) -> None:
    root = write(tmp_path / "data", {number: tweet(0), "3": tweet(0)})
    for folder in (tmp_path, root):
        Image.new("RGB", (4, 4)).save(folder / "secret.jpg")
    found = mmhs150k.samples(root, name="x")
    assert found.table["sample_id"].tolist() == ["3"]
    assert found.skipped.to_dict("records") == [{"file": f"img_resized/{number}.jpg", "reason": reason}]


def test_the_text_in_a_picture_is_never_read_from_elsewhere(tmp_path: Path) -> None:
    number = str(tmp_path / "secret")
    root = write(tmp_path / "data", {number: tweet(0)})
    (tmp_path / "secret.json").write_text('{"img_text": "SECRET"}')
    (root / "img_txt").mkdir()
    image = Path(f"{root}/img_resized{number}.jpg")  # the row stays: its image lies below the folder
    image.parent.mkdir(parents=True)
    Image.new("RGB", (4, 4)).save(image)
    assert mmhs150k.samples(root, name="x").table["text"].tolist() == ["@user text"]


@pytest.mark.parametrize(
    ("value", "got"),
    [
        (tweet() | {"labels": []}, "[]"),
        (tweet() | {"labels": [0, 6]}, "[0, 6]"),
        (tweet() | {"labels": [-1]}, "[-1]"),
        (tweet() | {"labels": [True]}, "[True]"),
        (tweet() | {"labels": ["1"]}, "['1']"),
        (tweet() | {"labels": [1.0]}, "[1.0]"),
        (tweet() | {"labels": "101"}, "101"),
        (tweet() | {"labels": {"0": 1}}, "{'0': 1}"),
        ({"labels_str": ["Racist"]}, "None"),
        (["Racist"], "None"),
        (None, "None"),
    ],
)
def test_labels_of_another_form_are_named_by_their_tweet(tmp_path: Path, value: object, got: str) -> None:
    with pytest.raises(DataError) as caught:
        mmhs150k.samples(write(tmp_path, {"3": tweet(0), FIRST: value}), name="x")
    must = "must have 'labels', a list of numbers from 0 to 5"
    assert str(caught.value) == (
        f"tweet {FIRST} of {tmp_path / 'MMHS150K_GT.json'} {must}; got {got}. Get the file again."
    )


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b'{"3": {"labels": [0]},\n"4": {"lab', "must be JSON; got 'Unterminated string starting at' in line 2"),
        (b'{"3":' * 200_000, "must be JSON; got values nested too deeply."),
        (b"[]", "must hold an object by id of tweet; got a list."),
        (b"{}", "must hold tweets; got none. Get the file again."),
        (b'{\r\n"3": {\r\n"a": "caf\xe9"}}', "must be text in UTF-8; got other bytes, the first 0xe9 in line 3."),
    ],
    ids=range(5),
)  # fmt: skip
def test_a_damaged_file_is_named_with_the_line(tmp_path: Path, content: bytes, problem: str) -> None:
    root = write(tmp_path, {"3": tweet(0)})
    (root / "MMHS150K_GT.json").write_bytes(content)
    with pytest.raises(DataError) as caught:
        mmhs150k.samples(root, name="x")
    assert str(caught.value).startswith(f"file {root / 'MMHS150K_GT.json'} {problem}")


WHERE = (
    "Check the folder against the layout of the reader 'mmhs150k': MMHS150K_GT.json, img_resized/ID.jpg, "
    "splits/train_ids.txt, val_ids.txt and test_ids.txt, perhaps img_txt/ID.json. MMHS150K is available at "
    "https://gombru.github.io/2019/10/09/MMHS/ (as that page and Twitter state; the content is abusive); fairaudit "
    "downloads nothing."
)


@pytest.mark.parametrize(
    "gone", ["MMHS150K_GT.json", "splits/train_ids.txt", "splits/val_ids.txt", "splits/test_ids.txt"]
)
def test_a_folder_without_a_file_says_where_it_is_to_be_had(tmp_path: Path, gone: str) -> None:
    (write(tmp_path, {"3": tweet(0)}) / gone).unlink()
    with pytest.raises(DataError) as caught:
        mmhs150k.samples(tmp_path, name="x")
    assert str(caught.value) == f"data folder {tmp_path} must contain {gone}; got none. {WHERE}"


def test_a_folder_without_images_says_where_they_are_to_be_had(tmp_path: Path) -> None:
    (write(tmp_path, {"3": tweet(0)}) / "img_resized" / "3.jpg").unlink()
    with pytest.raises(DataError) as caught:
        mmhs150k.samples(tmp_path, name="x")
    assert str(caught.value) == (
        f"data folder {tmp_path} must contain the images that MMHS150K_GT.json names; got none among 1 rows, the first "
        f"'img_resized/3.jpg'. {WHERE}"
    )


def test_lists_of_ids_with_other_line_ends_and_a_mark(tmp_path: Path) -> None:
    root = write(tmp_path, {"3": tweet(0), "4": tweet(0), "5": tweet(0)})
    (root / "splits" / "train_ids.txt").write_bytes(b"\xef\xbb\xbf3\r\n\r\n 4 \r\n")
    (root / "splits" / "val_ids.txt").write_bytes(b"5")
    assert mmhs150k.samples(root, name="x").table["split"].tolist() == ["train", "train", "dev"]
    (root / "splits" / "val_ids.txt").write_bytes(b"5\r\n\x806\r\n")
    with pytest.raises(
        DataError, match=r"val_ids\.txt must be text in UTF-8; got other bytes, the first 0x80 in line 2"
    ):
        mmhs150k.samples(root, name="x")
