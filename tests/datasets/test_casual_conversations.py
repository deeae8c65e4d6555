"""Casual Conversations: four forms of annotations, frames named like their videos, genders as they were told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fairaudit.core.errors import DataError
from fairaudit.core.samples import Samples
from fairaudit.datasets import casual_conversations

SET = "CasualConversationsA"
VERSION_1: dict[str, Any] = {
    "1127": {
        "files": [f"{SET}/1127/1127_00.MP4", f"{SET}/1127/1127_01.MP4"],
        "dark_files": [f"{SET}/1127/1127_01.MP4"],
        "label": {"age": "33", "gender": "Female", "skin-type": "5"},
    },
    "0042": {
        "files": [f"{SET}/0042/0042_10.MP4"],
        "dark_files": [],
        "label": {"age": "N/A", "gender": "N/A", "skin-type": "2"},
    },
}
FRAMES_1 = (f"{SET}/0042/0042_10.png", f"{SET}/1127/1127_00.png", f"{SET}/1127/1127_01_00_orig.jpg")
V2 = "CasualConversationsV2.json"
LAYOUT = (
    "Check the folder against the layout of the reader 'casual_conversations': CasualConversations.json or "
    "CasualConversationsV2.json, and frames named like their videos below it. Casual Conversations is available at "
    "https://ai.meta.com/datasets/casual-conversations-dataset/ and .../casual-conversations-v2-dataset/ (for those "
    "who accept Meta's data use agreement; to measure fairness, not to train); fairaudit downloads nothing."
)


def video(number: int, gender: Any = "cis woman", **more: Any) -> dict[str, Any]:
    """Return a record of version 2."""
    return {
        "video_name": f"{number:04}_portuguese_nonscripted_1.mp4", "subject_id": f"{number:04}", "age": "31",
        "gender": gender, "geo_location": {"country": "brazil", "state_region": "bahia"},
        "monk_skin_tone": {"scale": "scale 5", "confidence": "medium"},
        "fitzpatrick_skin_tone": {"type": "type iii", "confidence": "high"},
    } | more  # fmt: skip


def frame(number: int) -> str:
    return f"ccv2-frames-part-1/{number:04}/{number:04}_portuguese_nonscripted_1_raw_frame00000381.jpg"


def write(root: Path, value: Any, frames: tuple[str, ...], file: str = "CasualConversations.json") -> Path:
    (root / file).parent.mkdir(parents=True, exist_ok=True)
    (root / file).write_text(value if isinstance(value, str) else json.dumps(value), encoding="utf-8")
    for one in frames:
        (root / one).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (4, 4)).save(root / one)
    return root


def read(root: Path, value: Any, *frames: str, file: str = "CasualConversations.json") -> Samples:
    return casual_conversations.samples(write(root, value, frames, file), name="x")


def refused(root: Path, value: Any, *frames: str, file: str = "CasualConversations.json") -> str:
    with pytest.raises(DataError) as caught:
        read(root, value, *frames, file=file)
    return str(caught.value)


def test_version_1_becomes_samples(tmp_path: Path) -> None:
    found = read(tmp_path, VERSION_1, *FRAMES_1)
    rows = found.table
    assert rows["path"].tolist() == rows["sample_id"].tolist() == list(FRAMES_1)
    assert rows["cluster_id"].tolist() == ["0042", "1127", "1127"]
    assert rows["video"].tolist() == [f"{SET}/0042/0042_10.MP4", f"{SET}/1127/1127_00.MP4", f"{SET}/1127/1127_01.MP4"]
    assert rows["gender"].tolist() == ["not recorded", "female", "female"]
    assert rows["age_group"].tolist() == ["not recorded", "30-45", "30-45"]
    assert rows["age_years"].fillna(-1).tolist() == [-1, 33, 33]
    assert rows["fitzpatrick_type"].tolist() == ["2", "5", "5"]
    assert rows["skin_tone"].tolist() == ["lighter", "darker", "darker"]
    assert rows["lighting"].tolist() == ["bright", "bright", "dark"], "a dark video stands in both lists, and is one"
    assert (rows["split"].tolist(), rows["label"].tolist()) == ([""] * 3, [""] * 3)
    assert "country" not in rows
    assert found.skipped.empty


def test_what_is_said_about_the_data(tmp_path: Path) -> None:
    found = read(tmp_path, VERSION_1, *FRAMES_1)
    assert (found.reader, found.subject, found.cluster) == ("casual_conversations", "people", "person")
    assert found.show_images is False
    assert "Meta's data use agreement" in found.licence
    told = {one.name: (one.known_by, one.ordered, one.exploratory) for one in found.features}
    assert told == {
        "gender": ("self-reported", False, False),
        "age_group": ("self-reported", True, False),
        "fitzpatrick_type": ("annotated", True, False),
        "skin_tone": ("annotated", True, True),
        "lighting": ("annotated", False, True),
    }
    assert found.feature("gender").groups == ("female",)
    assert found.feature("fitzpatrick_type").groups == ("1", "2", "3", "4", "5", "6")


def test_subjects_without_a_list_of_dark_videos(tmp_path: Path) -> None:
    bare = {key: {k: v for k, v in one.items() if k != "dark_files"} for key, one in VERSION_1.items()}
    found = read(tmp_path, bare, *FRAMES_1, file="CC_annotations/CasualConversations_mini.json")
    assert "lighting" not in found.table
    found = read(tmp_path / "mixed", {**bare, "1127": VERSION_1["1127"]}, *FRAMES_1)
    assert found.table["lighting"].tolist() == ["not recorded", "bright", "dark"]


def test_version_2_becomes_samples(tmp_path: Path) -> None:
    videos = [
        video(0), video(1, "non-binary", age="prefer not to say", geo_location={"country": "prefer not to say"}),
        video(2, None, age=None, monk_skin_tone=None, fitzpatrick_skin_tone={"type": None}), video(11, "cis man"),
    ]  # fmt: skip
    found = read(tmp_path, videos, frame(0), frame(1), frame(2), frame(11), file=V2)
    rows = found.table
    assert rows["cluster_id"].tolist() == ["0000", "0001", "0002", "0011"]
    assert rows["gender"].tolist() == ["cis woman", "non-binary", "not recorded", "cis man"]
    assert rows["age_group"].tolist() == ["30-45", "not recorded", "not recorded", "30-45"]
    assert rows["monk_skin_tone"].tolist() == ["5", "5", "not recorded", "5"]
    assert rows["fitzpatrick_type"].tolist() == ["3", "3", "not recorded", "3"]
    assert rows["skin_tone"].tolist() == ["lighter", "lighter", "not recorded", "lighter"]
    assert rows["country"].tolist() == ["brazil", "not recorded", "brazil", "brazil"]
    assert rows["monk_confidence"].tolist() == ["medium", "medium", "", "medium"]
    assert rows["fitzpatrick_confidence"].tolist() == ["high", "high", "", "high"]
    told = {one.name: (one.known_by, one.ordered) for one in found.features}
    assert told["monk_skin_tone"] == ("annotated", True)
    assert told["country"] == ("self-reported", False)
    assert "lighting" not in told


def test_no_gender_becomes_another(tmp_path: Path) -> None:
    told = ["cis man", "cis woman", "transgender man", "transgender woman", "non-binary", "prefer not to say"]
    videos = [video(number, gender) for number, gender in enumerate(told)]
    found = read(tmp_path / "list", videos, *map(frame, range(6)), file=V2)
    by_name = {one["video_name"]: {"age": "31", "gender": one["gender"]} for one in videos}
    other = read(tmp_path / "helm", by_name, *map(frame, range(6)), file=V2)
    for one in (found, other):
        assert one.table["gender"].tolist() == [*told[:5], "not recorded"]
        assert one.feature("gender").groups == (
            "cis man", "cis woman", "non-binary", "transgender man", "transgender woman",
        )  # fmt: skip


def test_the_form_by_video(tmp_path: Path) -> None:
    value = {"0000_portuguese_nonscripted_1.mp4": {"age": "31", "gender": "transgender woman"}}
    found = read(tmp_path, value, frame(0), file=V2)
    assert found.table[["cluster_id", "gender", "age_group"]].values.tolist() == [
        ["0000", "transgender woman", "30-45"]
    ]
    assert [one.name for one in found.features] == ["gender", "age_group"]


def test_the_list_of_images(tmp_path: Path) -> None:
    one = {"age": "20", "gender": "Female", "img_path": "faces/img1.jpg", "skin-type": "5", "subject_id": "1"}
    outside = [{**one, "img_path": path} for path in ("/etc/hostname", "../faces/img1.jpg", "faces/img2.jpg")]
    found = read(tmp_path / "data", [one, *outside], "faces/img1.jpg")
    assert found.table[["path", "cluster_id", "gender", "age_group", "skin_tone"]].values.tolist() == [
        ["faces/img1.jpg", "1", "female", "18-30", "darker"]
    ]
    assert found.skipped.values.tolist() == [
        ["/etc/hostname", "the name leads out of the data folder"],
        ["../faces/img1.jpg", "the name leads out of the data folder"],
        ["faces/img2.jpg", "the file is missing"],
    ]
    assert found.notes == ("3 of 4 rows were left out: the image is not there.",)
    assert refused(tmp_path / "data", outside[:1]) == (
        f"data folder {tmp_path / 'data'} must contain the images that the field 'img_path' of CasualConversations."
        "json names; got none among 1 rows, the first '/etc/hostname' (the name leads out of the data folder). "
        f"{LAYOUT}"
    )


def test_several_frames_of_a_video_and_images_of_none(tmp_path: Path) -> None:
    frames = ("crops/1127_00_face.jpg", "crops/1127_00_frame_7.jpg", "crops/1127_0.jpg", "crops/1127_002.jpg")
    found = read(tmp_path, VERSION_1, *frames)
    assert found.table["path"].tolist() == list(frames[:2])
    assert found.table["cluster_id"].tolist() == ["1127", "1127"]
    unnamed = "no video of the annotations has the name of this image"
    assert found.skipped.values.tolist() == [
        ["crops/1127_0.jpg", unnamed], ["crops/1127_002.jpg", unnamed],
        [f"{SET}/1127/1127_01.MP4", "no frame of the video is there"],
        [f"{SET}/0042/0042_10.MP4", "no frame of the video is there"],
    ]  # fmt: skip
    assert found.notes == ("2 of 3 videos have no frame here and were left out.",)


def test_two_videos_of_one_name_are_refused(tmp_path: Path) -> None:
    twice = {**VERSION_1, "9": {**VERSION_1["1127"], "files": ["CasualConversationsB/9/1127_00.mp4"], "dark_files": []}}
    assert refused(tmp_path, twice, *FRAMES_1) == (
        f"file {tmp_path / 'CasualConversations.json'} must name each video once; got {SET}/1127/1127_00.MP4 and "
        "CasualConversationsB/9/1127_00.mp4, whose frames share a name. Get the file again."
    )


def test_annotations_without_frames(tmp_path: Path) -> None:
    assert refused(tmp_path, VERSION_1) == (
        f"data folder {tmp_path} must contain frames of the videos; got none that is named like one of 3 videos, such "
        f"as '{SET}/1127/1127_00.MP4'. {LAYOUT}"
    )


def test_a_folder_with_no_annotations_or_several(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        casual_conversations.samples(tmp_path, name="x")
    assert str(caught.value) == (
        f"data folder {tmp_path} must contain CasualConversations.json or CasualConversationsV2.json or "
        f"CasualConversations_mini.json; got none. {LAYOUT}"
    )
    write(tmp_path, VERSION_1, (), "annotations/CasualConversations.json")
    assert "got CasualConversations.json and CasualConversationsV2.json. Check" in refused(
        tmp_path, [video(0)], file="annotations/CasualConversationsV2.json"
    )


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({}, "file {} must hold videos; got none. Get the file again."),
        ([], "file {} must hold videos; got none. Get the file again."),
        ("3", "file {} must hold videos or subjects; got a number. Check that it is the right file."),
        ('{"1127": {\n "files": [}', "file {} must be JSON; got 'Expecting value' in line 2, column 12. Get the whole"),
        ("[" * 200_000, "file {} must be JSON; got values nested too deeply. Get the file again."),
        ({"1": {"label": {}}}, "subject '1' of {} must have the field 'files'; got none. Get the file again."),
        ({"1": {"label": {}, "files": "a.mp4"}}, "subject '1' of {} must have the field 'files'; got str. Get the"),
        ({"1": {"label": {}, "files": [{}]}}, "subject '1' of {} must have names of videos in 'files'; got dict. Get"),
        ({"1": {"label": {}, "files": [], "dark_files": 5}}, "subject '1' of {} must have the field 'dark_files'; got"),
        ({"1": {"label": {}, "files": []}, "2": 7}, "subject '2' of {} must be an object; got int. Get the file again"),
        ({"a.mp4": "cis man"}, "video 'a.mp4' of {} must be an object; got str. Get the file again."),
        ([5], "video 1 of {} must be an object; got int. Get the file again."),
        ([video(0), {"video": "a.mp4"}], "video 2 of {} must have the field 'video_name'; got none. Did you mean 'vi"),
        ([video(0, subject_id=True)], "video 1 of {} must have the field 'subject_id'; got bool. Get the file again."),
        ([video(0, geo_location="brazil")], "'geo_location' of video 1 of {} must be an object; got str. Get the file"),
        ([{"img_path": "a.jpg"}], "image 1 of {} must have the field 'subject_id'; got none. Get the file again."),
        (
            {"1": {"label": {"age": "33", "gender": "Male", "skin_type": "5"}, "files": ["a.mp4"]}},
            "subject '1' of {} must have the field 'skin-type'; got none. Did you mean 'skin_type'?",
        ),
        ({"a.mp4": {"age": "31", "Gender": "cis man"}}, "video 'a.mp4' of {} must have the field 'gender'; got none."),
        ([{"video_name": "a.mp4", "subject_id": "1"}], "video 1 of {} must have the field 'age'; got none. Get the f"),
        ([video(0, gender=["cis man"])], "video 1 of {} must have a text or a number in 'gender'; got list. Get the"),
        ([video(0, age={"$gt": 0})], "video 1 of {} must have a text or a number in 'age'; got dict. Get the file"),
    ],
)  # fmt: skip
def test_other_forms_are_refused(tmp_path: Path, value: Any, said: str) -> None:
    got = refused(tmp_path, value, frame(0))
    assert got.startswith(said.format(tmp_path / "CasualConversations.json"))


def test_a_cell_that_looks_like_code_is_a_text(tmp_path: Path) -> None:
    found = read(tmp_path, [video(0, "__import__('os').getcwd()", age="2**9", subject_id="../../x")], frame(0))
    assert found.table[["gender", "cluster_id", "age_group"]].values.tolist() == [
        ["__import__('os').getcwd()", "../../x", "not recorded"]
    ]


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_other_encodings_and_line_ends(tmp_path: Path, encoding: str) -> None:
    write(tmp_path, VERSION_1, FRAMES_1)
    file = tmp_path / "CasualConversations.json"
    file.write_bytes(json.dumps(VERSION_1, indent=1).replace("\n", "\r\n").encode(encoding))
    assert len(casual_conversations.samples(tmp_path, name="x")) == 3


def test_bytes_of_windows_are_refused_with_their_line(tmp_path: Path) -> None:
    file = tmp_path / "CasualConversations.json"
    file.write_bytes('{"1": {\r\n"label": {"gender": "élève"}}}'.encode("cp1252"))
    with pytest.raises(DataError) as caught:
        casual_conversations.samples(tmp_path, name="x")
    assert str(caught.value) == (
        f"file {file} must be text in UTF-8; got other bytes, the first 0xe9 in line 2. Save it again as UTF-8."
    )
