"""UTKFace: values come from file names; malformed names are listed, never fatal."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from fairaudit.core.errors import DataError
from fairaudit.datasets import utkface

# The seven names of the original archive that lack a field or a dot, as they are known.
MALFORMED = (
    "61_1_20170109142408075.jpg",
    "61_3_20170109150557335.jpg",
    "53__0_20170116184028385.jpg",
    "39_1_20170116174525125.jpg",
    "55_0_0_20170116232725357jpg",
    "24_0_1_20170116220224657 .jpg",
    "44_1_4_20170116235150272.pg",
)


def write(folder: Path, *names: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        Image.new("RGB", (4, 4)).save(folder / name, format="JPEG")
    return folder


@pytest.mark.parametrize("suffix", [".jpg", ".jpg.chip.jpg", ".chip.jpg", ".JPG", ".jpeg"])
def test_values_come_from_the_name(tmp_path: Path, suffix: str) -> None:
    write(tmp_path, f"26_1_2_20170116184024662{suffix}", f"9_0_4_20170116184024663{suffix}")
    table = utkface.samples(tmp_path, name="faces").table.set_index("sample_id")
    first = table.loc[f"26_1_2_20170116184024662{suffix}"]
    assert (first["gender"], first["race"], first["age_group"], first["age_years"]) == ("female", "Asian", "18-30", 26)
    second = table.loc[f"9_0_4_20170116184024663{suffix}"]
    assert (second["gender"], second["race"], second["age_group"]) == ("male", "Others", "<18")


def test_race_codes(tmp_path: Path) -> None:
    write(tmp_path, *(f"30_0_{code}_2017010914240807{code}.jpg" for code in range(5)))
    assert utkface.samples(tmp_path, name="x").table["race"].tolist() == ["White", "Black", "Asian", "Indian", "Others"]


@pytest.mark.parametrize(
    ("age", "group"),
    [(0, "<18"), (17, "<18"), (18, "18-30"), (29, "18-30"), (30, "30-45"), (44, "30-45"), (45, "45-70"), (69, "45-70"),
     (70, "70+"), (116, "70+")],
)  # fmt: skip
def test_age_groups_at_their_edges(tmp_path: Path, age: int, group: str) -> None:
    write(tmp_path, f"{age}_0_0_20170109142408075.jpg")
    assert utkface.samples(tmp_path, name="x").table["age_group"].tolist() == [group]


def test_malformed_names_are_skipped_with_their_reason(tmp_path: Path) -> None:
    write(tmp_path, "26_1_2_20170116184024662.jpg", *MALFORMED)
    found = utkface.samples(tmp_path, name="faces")
    assert len(found) == 1
    reasons = dict(zip(found.skipped["file"], found.skipped["reason"], strict=True))
    assert set(reasons) == set(MALFORMED)
    assert reasons["39_1_20170116174525125.jpg"] == "the name must have 4 fields (age, gender, race, time); got 3"
    assert reasons["53__0_20170116184028385.jpg"] == "the field gender of the name must be 0 to 1; got ''"
    assert reasons["24_0_1_20170116220224657 .jpg"].startswith("the field time of the name must be digits")
    assert reasons["44_1_4_20170116235150272.pg"].startswith("the name does not end in .jpg")
    assert "7 of 8 files have a malformed name and were left out." in found.notes


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("26_2_0_20170116184024662.jpg", "the field gender of the name must be 0 to 1; got '2'"),
        ("26_0_5_20170116184024662.jpg", "the field race of the name must be 0 to 4; got '5'"),
        ("121_0_0_20170116184024662.jpg", "the field age of the name must be 0 to 120; got '121'"),
        ("²6_0_0_20170116184024662.jpg", "the field age of the name must be 0 to 120; got '²6'"),
    ],
)
def test_values_out_of_range(tmp_path: Path, name: str, reason: str) -> None:
    write(tmp_path, "1_0_0_20170116184024662.jpg", name)
    assert utkface.samples(tmp_path, name="x").skipped["reason"].tolist() == [reason]


def test_folder_above_and_part_folders(tmp_path: Path) -> None:
    write(tmp_path / "above" / "UTKFace", "26_1_2_20170116184024662.jpg")
    write(tmp_path / "above" / "elsewhere", "26_1_2_20170116184024662.jpg")
    assert utkface.samples(tmp_path / "above", name="x").table["path"].tolist() == [
        "UTKFace/26_1_2_20170116184024662.jpg"
    ]
    write(tmp_path / "parts" / "part1", "26_1_2_20170116184024662.jpg")
    write(tmp_path / "parts" / "part2", "27_1_2_20170116184024662.jpg")
    assert len(utkface.samples(tmp_path / "parts", name="x")) == 2


def test_one_photo_in_two_parts_is_refused(tmp_path: Path) -> None:
    for part in ("part1", "part2"):
        write(tmp_path / part, "26_1_2_20170116184024662.jpg")
    with pytest.raises(
        DataError, match=r"must have one row per sample_id; got '26_1_2_20170116184024662\.jpg' 2 times"
    ):
        utkface.samples(tmp_path, name="x")


def test_what_is_said_about_the_data(tmp_path: Path) -> None:
    found = utkface.samples(write(tmp_path, "26_1_2_20170116184024662.jpg"), name="faces")
    assert (found.name, found.reader, found.subject, found.cluster) == ("faces", "utkface", "people", "image")
    assert found.show_images is False
    assert "non-commercial" in found.licence
    assert found.feature("age_group").ordered
    assert not found.feature("gender").ordered
    assert found.feature("gender").groups == ("female", "male")
    assert {f.known_by for f in found.features} == {"perceived"}
    assert any("two images of one person can be neighbours" in note for note in found.notes)


def test_a_name_that_is_no_text_ends_nothing(tmp_path: Path) -> None:
    write(tmp_path, "26_1_2_20170116184024662.jpg", b"26_1_2_\xff.jpg".decode("utf-8", "surrogateescape"))
    found = utkface.samples(tmp_path, name="x")
    assert len(found) == 1
    assert found.skipped.to_dict("records") == [
        {"file": "26_1_2_?.jpg", "reason": "its name is not in UTF-8: rename it"}
    ]


def test_wrong_folders(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must be a folder for the reader 'utkface'; got no such folder"):
        utkface.samples(tmp_path / "none", name="x")
    (tmp_path / "cat.jpg").touch()
    with pytest.raises(DataError) as caught:
        utkface.samples(tmp_path, name="x")
    assert str(caught.value) == (
        f"data folder {tmp_path} must contain files named AGE_GENDER_RACE_TIME.jpg; got none among 1 files, for "
        "example 'cat.jpg'. Check the folder against the layout of the reader 'utkface': files "
        "AGE_GENDER_RACE_TIME.jpg or .jpg.chip.jpg, in the folder or below it. UTKFace is available at "
        "https://susanqq.github.io/UTKFace/ (non-commercial research only; the copyright of the images is with their "
        "owners); fairaudit downloads nothing."
    )


def test_real_sample(sample_data: Path) -> None:
    found = utkface.samples(sample_data / "utkface-sample", name="faces")
    assert (len(found), len(found.skipped)) == (2564, 2)
    assert all(path.is_file() for path in found.paths)
