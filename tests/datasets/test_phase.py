"""PHASE: persons within images, with the votes of every annotator or what most of them said."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fairaudit.core.errors import DataError
from fairaudit.datasets import phase

ALL = "phase_gcc_val_all_20221101.json"
REGIONS = "phase_gcc_val_regions_20221101.json"


def said(worker: str = "a", **more: str) -> dict[str, str]:
    return {
        "worker": worker, "age": "adult", "gender": "female", "skintone": "lighter", "ethnicity": "white",
        "activity": "posing", "emotion": "happiness", **more,
    }  # fmt: skip


def one(*annotations: dict[str, str], **more: Any) -> dict[str, Any]:
    """Return an image with one person."""
    return {
        "caption": "actor at an event",
        "person0": {"region": [10, 20, 110, 220], "annotations": annotations, **more},
    }


def write(root: Path, value: object, *, name: str = ALL, folder: str = "images/val") -> Path:
    """Write the file, and for each of its images a JPEG of 400 x 300 pixels whose name has no ending."""
    (root / folder).mkdir(parents=True, exist_ok=True)
    (root / name).write_text(json.dumps(value), encoding="utf-8")
    for image in value if isinstance(value, dict) else ():
        if image.isdigit():
            Image.new("RGB", (400, 300)).save(root / folder / image, format="JPEG")
    return root


def test_persons_become_samples(tmp_path: Path) -> None:
    two = {
        "caption": "two people dance",
        "person0": {"region": [10, 20, 110, 220], "annotations": [said("a"), said("b"), said("c", gender="male")]},
        "person12": {"region": [50, 60, 350, 160], "annotations": [said("a", age="senior")]},
        "source": {"region": [0, 0, 1, 1]},
    }
    found = phase.samples(write(tmp_path, {"489254": two, "7": one(said(gender="male"))}), name="persons")
    table = found.table
    assert table["sample_id"].tolist() == ["val/489254#person0", "val/489254#person12", "val/7#person0"]
    assert table["path"].tolist() == ["images/val/489254", "images/val/489254", "images/val/7"]
    assert table["cluster_id"].tolist() == ["val/489254", "val/489254", "val/7"]
    assert table["split"].tolist() == ["val", "val", "val"]
    assert table["text"].tolist() == ["two people dance", "two people dance", "actor at an event"]
    assert table["gender"].tolist() == ["female", "female", "male"]
    assert table["age"].tolist() == ["adult", "senior", "adult"]
    assert set(table["label"]) == {""}
    assert found.boxes == [(10, 20, 110, 120), (150, 60, 250, 160), (10, 20, 110, 120)]
    assert (found.name, found.reader, found.subject, found.cluster) == ("persons", "phase", "people", "image")
    assert (found.version, found.show_images) == ("20221101", False)
    assert found.licence == ("PHASE: research only, nothing commercial; annotators may take their consent back")
    assert found.skipped.empty


def test_features_and_how_they_are_known(tmp_path: Path) -> None:
    found = phase.samples(write(tmp_path, {"1": one(said())}), name="x")
    assert {f.name: (f.groups, f.known_by, f.ordered, f.exploratory) for f in found.features} == {
        "gender": (("female", "male"), "perceived", False, False),
        "age": (("baby", "child", "young", "adult", "senior"), "perceived", True, False),
        "skintone": (("lighter", "darker"), "perceived", True, False),
        "ethnicity": (
            ("black", "east_asian", "indian", "latino", "middle_eastern", "southeast_asian", "white", "other"),
            "perceived", False, False,
        ),
    }  # fmt: skip
    assert found.feature("age").source.startswith("age: as annotators perceived it in the picture")


def test_votes_are_shares_and_who_is_unsure_does_not_vote(tmp_path: Path) -> None:
    images = {
        "1": one(said(gender="female"), said(gender="female"), said(gender="male")),
        "2": one(said(gender="unsure"), said(gender="Male "), said(gender="male")),
        "3": one(said(gender="unsure"), said(gender="unsure"), said(gender="unsure")),
        "4": one(said(gender="female"), said(gender="male")),
    }
    found = phase.samples(write(tmp_path, images), name="x")
    assert found.table["gender"].tolist() == ["female", "male", "not recorded", "female"]
    shares = found.uncertain["gender"]
    assert list(shares) == ["female", "male"]
    assert shares.round(4).iloc[[0, 1, 3]].to_numpy().tolist() == [[0.6667, 0.3333], [0, 1], [0.5, 0.5]]
    assert shares.iloc[2].isna().all()


def test_words_that_mean_one_group(tmp_path: Path) -> None:
    images = {
        "1": one(said(age="children", ethnicity="East Asian")),
        "2": one(said(age="Child", ethnicity="middle-eastern")),
        "3": one(said(age="baby", ethnicity="southeast_asian", skintone="darker")),
        "4": one(said(age="teenager", ethnicity="", skintone="unsure")),
    }
    table = phase.samples(write(tmp_path, images), name="x").table
    assert table["age"].tolist() == ["child", "child", "baby", "not recorded"]
    assert table["ethnicity"].tolist() == ["east_asian", "middle_eastern", "southeast_asian", "not recorded"]
    assert table["skintone"].tolist() == ["lighter", "lighter", "darker", "not recorded"]


def test_activity_and_emotion_are_joined_without_repetition(tmp_path: Path) -> None:
    images = {"1": one(said(), said(activity="music", emotion="sadness"), said()), "2": one()}
    table = phase.samples(write(tmp_path, images), name="x").table
    assert table["activity"].tolist() == ["music|posing", ""]
    assert table["emotion"].tolist() == ["happiness|sadness", ""]


@pytest.mark.parametrize("name", [REGIONS, "anns_imgs_gcc_val_majorities_regions_20221101.json"])
def test_what_most_of_them_said(tmp_path: Path, name: str) -> None:
    images = {
        "1": {"person0": {"region": [0, 0, 50, 50], "annotations": said(gender="male")}},
        "2": {"person0": {"region": [0, 0, 50, 50], "annotations": said(gender="disagreement", age="unsure")}},
    }
    found = phase.samples(write(tmp_path, images, name=name), name="x")
    assert found.table["gender"].tolist() == ["male", "not recorded"]
    assert found.table["age"].tolist() == ["adult", "not recorded"]
    assert found.table["text"].tolist() == ["", ""]


def test_every_annotator_is_read_rather_than_the_majority_and_the_newest_of_several(tmp_path: Path) -> None:
    write(tmp_path, {"1": one(said(age="baby"))}, name="phase_gcc_val_all_20211231.json")
    write(tmp_path, {"1": one(said(age="young"))}, name="phase_gcc_val_all_20221101.json")
    write(tmp_path, {"1": one(said(age="senior"))}, name="phase_gcc_val_regions_20231231.json")
    found = phase.samples(tmp_path, name="x")
    assert (found.table["age"].tolist(), found.version) == (["young"], "20221101")


def test_images_of_two_splits_with_one_name_are_not_one_image(tmp_path: Path) -> None:
    write(tmp_path, {"1": one(said(gender="male"))}, folder="val")
    write(tmp_path, {"1": one(said())}, name="phase_gcc_train_regions_20230101.json", folder="train")
    found = phase.samples(tmp_path, name="x")
    table = found.table.set_index("path")
    assert table["gender"].to_dict() == {"train/1": "female", "val/1": "male"}
    assert table["split"].to_dict() == {"train/1": "train", "val/1": "val"}
    assert table["cluster_id"].nunique() == 2
    assert found.version == "20221101, 20230101"


@pytest.mark.parametrize("place", ["val/5", "images/val/5", "5", "val/5.jpg", "images/val/5.jpg", "5.jpg"])
def test_images_lie_in_one_of_several_places_with_or_without_an_ending(tmp_path: Path, place: str) -> None:
    write(tmp_path, {"5": one(said())}, folder="elsewhere")
    (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "elsewhere" / "5").rename(tmp_path / place)
    assert phase.samples(tmp_path, name="x").table["path"].tolist() == [place]


def test_a_person_without_region_is_listed_and_one_without_annotations_is_not_recorded(tmp_path: Path) -> None:
    images = {
        "1": {"person0": {"annotations": [said()]}, "person1": {"region": None}, "person2": 3},
        "2": {"caption": None, "person0": {"region": [0, 0, 60, 60]}},
        "3": one(said()),
        "4": {"person0": {"region": [500, 20, 510, 30], "annotations": []}},
    }
    found = phase.samples(write(tmp_path, images), name="x")
    assert found.table["sample_id"].tolist() == ["val/2#person0", "val/3#person0"]
    assert found.table["gender"].tolist() == ["not recorded", "female"]
    assert found.table["text"].tolist() == ["", "actor at an event"]
    assert found.uncertain["gender"].iloc[0].isna().all()
    none = "the box has something that is no number"
    assert found.skipped["reason"].tolist() == [none, none, none, "the box lies outside its image"]
    assert "4 of 6 boxes cannot be used and were left out." in found.notes


def test_what_nobody_annotated_is_no_feature(tmp_path: Path) -> None:
    images = {"1": one({"worker": "a", "gender": "male"}, {"worker": "b", "age": 3})}  # type: ignore[dict-item]
    found = phase.samples(write(tmp_path, images), name="x")
    assert [feature.name for feature in found.features] == ["gender"]


@pytest.mark.parametrize("key", ["../../secret", "../secret", "/etc/hostname", "..", "a\0b"])
def test_a_key_never_leads_out_of_the_folder(tmp_path: Path, key: str) -> None:
    Image.new("RGB", (400, 300)).save(tmp_path / "secret", format="JPEG")
    root = write(tmp_path / "data", {key: one(said()), "2": one(said())})
    found = phase.samples(root, name="x")
    assert found.table["sample_id"].tolist() == ["val/2#person0"]
    assert "1 of 2 persons were left out: the image is not there." in found.notes


REGION = [[1, 2, 3], [1, 2, 3, 4, 5], "abcd", 5, {"a": 1, "b": 2, "c": 3, "d": 4}, [1, 2, 3, "4"], [1, 2, 3, None],
          [1, 2, 3, 10**400], [[1], [2], [3], [4]], "__import__('os').getcwd()"]  # fmt: skip


@pytest.mark.parametrize("region", REGION, ids=range(len(REGION)))
def test_a_region_that_is_none_is_named(tmp_path: Path, region: object) -> None:
    with pytest.raises(DataError) as caught:
        phase.samples(write(tmp_path, {"1": one(said()), "489254": one(said(), region=region)}), name="x")
    assert str(caught.value) == (
        f"'region' of person0 in image '489254' of {tmp_path / ALL} must be [x1, y1, x2, y2]; got {str(region)[:60]}. "
        "Get the file again."
    )


@pytest.mark.parametrize("annotations", [5, "female", True, 1.5])
def test_annotations_that_are_none_are_named(tmp_path: Path, annotations: object) -> None:
    with pytest.raises(DataError) as caught:
        phase.samples(write(tmp_path, {"3": one(**{"annotations": annotations})}), name="x")
    assert str(caught.value) == (
        f"'annotations' of person0 in image '3' of {tmp_path / ALL} must be an object for each annotator; got "
        f"{annotations}. Get the file again."
    )


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('{"1": {"caption": "x",\r\n "person0": {}},\r\n "2": ', "must be JSON; got 'Expecting value' in line 3"),
        ("[" * 200_000, "must be JSON; got values nested too deeply. Get the file again."),
        ('{"1":' * 200_000, "must be JSON; got values nested too deeply. Get the file again."),
        ("[]", "must hold an object by image; got a list. Check that it is the right file."),
        ("3", "must hold an object by image; got a number. Check that it is the right file."),
        ("{}", "must hold persons; got none. Get the file again."),
        ('{"1": {"caption": "nobody"}}', "must hold persons; got none. Get the file again."),
        ('{"1": {},\n "2": {"a": "caf\udce9"}}', "must be text in UTF-8; got other bytes, the first 0xe9 in line 2"),
    ],
    ids=range(8),
)  # fmt: skip
def test_a_damaged_file_is_named_with_what_is_wrong(tmp_path: Path, text: str, problem: str) -> None:
    write(tmp_path, {"1": one(said())})
    (tmp_path / ALL).write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError) as caught:
        phase.samples(tmp_path, name="x")
    assert str(caught.value).startswith(f"file {tmp_path / ALL} {problem}")


def test_an_image_that_is_no_object_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        phase.samples(write(tmp_path, {"1": one(said()), "2": ["person0"]}), name="x")
    assert str(caught.value) == f"image '2' of {tmp_path / ALL} must be an object; got list. Get the file again."


WHERE = (
    "Check the folder against the layout of the reader 'phase': phase_gcc_val_all_DATE.json (or ..._regions_DATE.json, "
    "or those of train) and images/val/. PHASE is available at https://github.com/noagarcia/phase (research only, "
    "nothing commercial; annotators may take their consent back); fairaudit downloads nothing."
)


def test_a_folder_without_files_or_images_says_where_they_are_to_be_had(tmp_path: Path) -> None:
    write(tmp_path, {"5": one(said())}, name="phase_gcc_val_all.json", folder="x")
    with pytest.raises(DataError) as caught:
        phase.samples(tmp_path, name="x")
    start = f"data folder {tmp_path} must contain "
    names = "phase_gcc_train_all_DATE.json or phase_gcc_val_all_DATE.json"
    assert str(caught.value) == f"{start}{names}; got none. {WHERE}"
    (tmp_path / "phase_gcc_val_all.json").rename(tmp_path / ALL)
    with pytest.raises(DataError) as caught:
        phase.samples(tmp_path, name="x")
    assert (
        str(caught.value)
        == f"{start}the images that the key of each entry names; got none among 1 rows, the first 'val/5'. {WHERE}"
    )


def test_a_byte_order_mark_and_other_line_ends_make_no_difference(tmp_path: Path) -> None:
    write(tmp_path, {"1": one(said())})
    text = json.dumps({"1": one(said(activity="événement"))}, indent=1, ensure_ascii=False).replace("\n", "\r\n")
    (tmp_path / ALL).write_bytes(b"\xef\xbb\xbf" + text.encode())
    table = phase.samples(tmp_path, name="x").table
    assert table[["gender", "activity"]].to_numpy().tolist() == [["female", "événement"]]
