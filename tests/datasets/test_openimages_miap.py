"""OpenImages MIAP: a row for each person's box, cut as published; groups, depictions and bad boxes are left out."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fairaudit.core.errors import DataError
from fairaudit.datasets import openimages_miap

HEADER = (
    "ImageID,LabelName,Confidence,XMin,XMax,YMin,YMax,IsOccluded,IsTruncated,IsGroupOf,IsDepictionOf,IsInsideOf,"
    "GenderPresentation,AgePresentation"
)
FIRST, SECOND = "0123456789abcdef", "fedcba9876543210"
BOXES = ["box_left_px", "box_top_px", "box_right_px", "box_bottom_px"]
CUT = (
    "Each row is the part of its image within a person's box: a tall box is cut to the square at its top, a wide one "
    "to the square in its middle (Goyal et al. 2022, appendix B.2); the checkpoint's preprocessing follows."
)
LAYOUT = (
    "Check the folder against the layout of the reader 'openimages_miap': open_images_extended_miap_boxes_train.csv, "
    "open_images_extended_miap_boxes_val.csv, open_images_extended_miap_boxes_test.csv or some of them, and images "
    "ID.jpg, perhaps in images/ or a folder of the split. OpenImages MIAP is available at "
    "https://storage.googleapis.com/openimages/web/extended.html#miap (annotations CC BY 4.0, images listed as CC BY "
    "2.0, to be checked one by one); fairaudit downloads nothing."
)


def row(
    image: str = FIRST,
    edges: str = "0.10,0.55,0.20,0.95",  # XMin, XMax, YMin, YMax
    flags: str = "0,1,0,0,0",
    looks: str = "Predominantly Feminine,Middle",
) -> str:
    return f"{image},/m/01g317,1,{edges},{flags},{looks}"


def table(root: Path, *rows: str, split: str = "test", header: str = HEADER) -> Path:
    path = root / f"open_images_extended_miap_boxes_{split}.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def photograph(path: Path, size: tuple[int, int] = (400, 300)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path, format="JPEG")


def refused(root: Path) -> str:
    with pytest.raises(DataError) as caught:
        openimages_miap.samples(root, name="x")
    return str(caught.value)


def test_rows_become_samples(tmp_path: Path) -> None:
    table(
        tmp_path, row(), row(looks="Unknown,Unknown"), row(SECOND, looks="Predominantly Masculine,Older"),
        row(SECOND, looks="Unknown,Young"),
    )  # fmt: skip
    photograph(tmp_path / f"{FIRST}.jpg")
    photograph(tmp_path / f"{SECOND}.jpg")
    found = openimages_miap.samples(tmp_path, name="boxes")
    rows = found.table
    assert rows["sample_id"].tolist() == [f"{FIRST}#1", f"{FIRST}#2", f"{SECOND}#1", f"{SECOND}#2"]
    assert rows["cluster_id"].tolist() == [FIRST, FIRST, SECOND, SECOND]
    assert rows["path"].tolist()[::2] == [f"{FIRST}.jpg", f"{SECOND}.jpg"]
    assert rows["split"].tolist() == ["test"] * 4
    assert rows["gender_presentation"].tolist() == [
        "predominantly feminine", "not recorded", "predominantly masculine", "not recorded",
    ]  # fmt: skip
    assert rows["age_presentation"].tolist() == ["middle", "not recorded", "older", "young"]
    assert (found.reader, found.subject, found.cluster) == ("openimages_miap", "people", "image")
    assert found.show_images is False
    assert "annotations CC BY 4.0" in found.licence
    assert [(one.name, one.groups, one.known_by, one.ordered) for one in found.features] == [
        ("gender_presentation", ("predominantly feminine", "predominantly masculine"), "perceived", False),
        ("age_presentation", ("young", "middle", "older"), "perceived", True),
    ]
    assert found.notes == (CUT,)
    assert found.skipped.empty


@pytest.mark.parametrize(
    ("edges", "crop"),
    [
        ("0.10,0.55,0.20,0.95", [40, 60, 220, 240]),  # 180 x 225: the square at the top
        ("0,1,0,0.5", [125, 0, 275, 150]),  # 400 x 150: the square in the middle
        ("0,0.5,0,0.6", [0, 0, 200, 180]),  # 200 x 180: below 1.2, as it is
        ("0,0.25,0,0.4", [0, 0, 100, 100]),  # 100 x 120: 1.2 is no longer below
    ],
)
def test_boxes_are_cut_as_published(tmp_path: Path, edges: str, crop: list[int]) -> None:
    table(tmp_path, row(edges=edges))
    photograph(tmp_path / f"{FIRST}.jpg")
    assert openimages_miap.samples(tmp_path, name="x").table[BOXES].values.tolist() == [crop]


@pytest.mark.parametrize(
    ("edges", "reason"),
    [
        ("1.1,1.5,0,1", "the box lies outside its image"),
        ("0.5,0.5,0,1", "the box has no area"),
        ("0.9,0.1,0,1", "the box has no area"),
        ("0,0.2475,0,1", "the box has fewer than 100 x 100 pixels"),
        ("0,1,0,0.33", "the box has fewer than 100 x 100 pixels"),
        ("0,__import__('os'),0,1", "the box has something that is no number"),
        ("0,nan,0,1", "the box has something that is no number"),
        ("0,1e999,0,1", "the box has something that is no number"),
    ],
)
def test_boxes_that_are_none_are_left_out(tmp_path: Path, edges: str, reason: str) -> None:
    table(tmp_path, row(edges=edges), row())
    photograph(tmp_path / f"{FIRST}.jpg")
    found = openimages_miap.samples(tmp_path, name="x")
    assert found.table["sample_id"].tolist() == [f"{FIRST}#2"], "an id does not depend on what else can be used"
    assert found.skipped.values.tolist() == [[f"{FIRST}.jpg", reason]]
    assert found.notes == (CUT, "1 of 2 boxes cannot be used and were left out.")


def test_boxes_beyond_the_edge_are_cut_there(tmp_path: Path) -> None:
    table(tmp_path, row(edges="-0.10,0.50,0,1.2"))
    photograph(tmp_path / f"{FIRST}.jpg")
    found = openimages_miap.samples(tmp_path, name="x")
    assert found.table[BOXES].values.tolist() == [[0, 0, 200, 200]]
    assert found.notes[1] == "1 boxes reach beyond their image and were cut at its edge."


def test_groups_and_depictions_are_left_out_and_unknown_flags_are_no_yes(tmp_path: Path) -> None:
    flags = ("-1,-1,-1,-1,-1", "0,0,1,0,0", "0,0,0,1,0", "1,1,0,0,1")
    table(tmp_path, *(row(flags=one) for one in flags))
    photograph(tmp_path / f"{FIRST}.jpg")
    found = openimages_miap.samples(tmp_path, name="x")
    assert found.table["sample_id"].tolist() == [f"{FIRST}#1", f"{FIRST}#4"]
    assert found.skipped.values.tolist() == [
        [f"{FIRST}.jpg", "the box shows a group"],
        [f"{FIRST}.jpg", "the box shows a depiction, no person"],
    ]


@pytest.mark.parametrize("place", ["", "images/", "test/", "images/test/"])
def test_images_of_the_test_split_lie_in_one_of_four_places(tmp_path: Path, place: str) -> None:
    table(tmp_path, row())
    photograph(tmp_path / f"{place}{FIRST}.jpg")
    assert openimages_miap.samples(tmp_path, name="x").table["path"].tolist() == [f"{place}{FIRST}.jpg"]


def test_splits_lie_side_by_side_and_val_is_validation(tmp_path: Path) -> None:
    for split, image, folder in (("train", "a", "train"), ("val", "b", "validation"), ("test", "c", "test")):
        table(tmp_path, row(image), split=split)
        photograph(tmp_path / folder / f"{image}.jpg")
    rows = openimages_miap.samples(tmp_path, name="x").table
    assert rows["path"].tolist() == ["train/a.jpg", "validation/b.jpg", "test/c.jpg"]
    assert rows["split"].tolist() == ["train", "val", "test"]


@pytest.mark.parametrize(
    ("image", "path", "reason"),
    [
        ("gone", "gone.jpg", "the file is missing"),
        ("../outside", "../outside.jpg", "the name leads out of the data folder"),
        ("/etc/hostname", "/etc/hostname.jpg", "the name leads out of the data folder"),
    ],
)
def test_boxes_without_their_image_are_counted(tmp_path: Path, image: str, path: str, reason: str) -> None:
    root = tmp_path / "data"
    photograph(root / f"{FIRST}.jpg")
    photograph(tmp_path / "outside.jpg")
    table(root, row(image), row())
    found = openimages_miap.samples(root, name="x")
    assert found.skipped.values.tolist() == [[path, reason]]
    assert found.notes == ("1 of 2 boxes were left out: the image is not there.", CUT)


def test_an_image_that_is_none_takes_its_boxes_with_it(tmp_path: Path) -> None:
    table(tmp_path, row(), row(SECOND))
    photograph(tmp_path / f"{FIRST}.jpg")
    (tmp_path / f"{SECOND}.jpg").write_bytes(b"<html>not found</html>")
    found = openimages_miap.samples(tmp_path, name="x")
    assert found.table["cluster_id"].tolist() == [FIRST]
    assert found.skipped["reason"].str.startswith("the image must be").tolist() == [True]


def test_wrong_folders_and_tables(tmp_path: Path) -> None:
    names = (f"open_images_extended_miap_boxes_{split}.csv" for split in ("train", "val", "test"))
    assert refused(tmp_path) == f"data folder {tmp_path} must contain {' or '.join(names)}; got none. {LAYOUT}"
    path = table(tmp_path, row())
    assert refused(tmp_path) == (
        f"data folder {tmp_path} must contain the images that the column 'ImageID' names; got none among 1 rows, the "
        f"first '{FIRST}.jpg'. {LAYOUT}"
    )
    table(tmp_path, row(), header=HEADER.replace("IsGroupOf", "IsGroup"))
    assert refused(tmp_path) == (
        f"table {path} must have the columns ImageID, XMin, XMax, YMin, YMax, IsGroupOf, IsDepictionOf, "
        "GenderPresentation, AgePresentation; 'IsGroupOf' is missing. Did you mean 'IsGroup'? Add or rename the column."
    )


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (
            {"looks": "Feminine,Middle"},
            "'GenderPresentation' of table {} must be one of Predominantly Feminine, Predominantly Masculine; got "
            "'Feminine' in row 2. Correct the cell.",
        ),
        (
            {"looks": "Unknown,Old"},
            "'AgePresentation' of table {} must be one of Young, Middle, Older; got 'Old' in row 2. Did you mean "
            "'Older'?",
        ),
        ({"flags": "0,0,1.0,0,0"}, "'IsGroupOf' of table {} must be one of 1, 0, -1; got '1.0' in row 2. Correct"),
        ({"flags": "0,0,0,True,0"}, "'IsDepictionOf' of table {} must be one of 1, 0, -1; got 'True' in row 2. Corre"),
    ],
)
def test_a_value_outside_the_published_ones_is_refused(tmp_path: Path, cells: dict[str, str], said: str) -> None:
    path = table(tmp_path, row(), row(**cells))
    photograph(tmp_path / f"{FIRST}.jpg")
    assert refused(tmp_path).startswith(said.format(path))


def pixels(**other: Any) -> dict[str, Any]:
    """Return a box as VISSL writes it: left, top, right, bottom."""
    cells = {
        "AgePresentation": "Young", "Confidence": "1", "GenderPresentation": "Unknown", "IsDepictionOf": "0",
        "IsGroupOf": "0", "IsInsideOf": "0", "IsOccluded": "0", "IsTruncated": "0", "LabelName": "/m/01g317",
        "bbox": ["886.56", "302.21", "1016.448", "639.17"], "path": "/path/to/img1.jpg",
    }  # fmt: skip
    return {key: value for key, value in {**cells, **other}.items() if value is not None}


def vissl(root: Path, *boxes: Any) -> Path:
    path = root / "filtered_bbox_open_images_extended_miap_boxes_test.json"
    path.write_text(json.dumps(list(boxes)), encoding="utf-8")
    photograph(root / "img1.jpg", (1200, 700))
    return path


def test_the_list_of_boxes_in_pixels(tmp_path: Path) -> None:
    vissl(tmp_path, pixels(), pixels(IsGroupOf="1"), pixels(bbox=[0, 0, 150.0, 150.0]))
    found = openimages_miap.samples(tmp_path, name="x")
    assert found.table[["sample_id", "cluster_id", "path", "split", "age_presentation"]].values.tolist() == [
        ["img1#1", "img1", "img1.jpg", "", "young"],
        ["img1#3", "img1", "img1.jpg", "", "young"],
    ]
    assert found.table[BOXES].values.tolist() == [[887, 302, 1016, 431], [0, 0, 150, 150]]
    assert found.skipped["reason"].tolist() == ["the box shows a group"]


@pytest.mark.parametrize(
    ("box", "said"),
    [
        (5, "box 2 of {} must have 'path' and 'bbox' with four numbers; got 5. Get the file again."),
        (pixels(bbox=["1", "2", "3"]), "box 2 of {} must have 'path' and 'bbox' with four numbers; got {{'Age"),
        (pixels(bbox="[1, 2, 3, 4]"), "box 2 of {} must have 'path' and 'bbox' with four numbers; got {{'Age"),
        (pixels(path=None), "box 2 of {} must have 'path' and 'bbox' with four numbers; got {{'Age"),
        (pixels(IsGroupOf=None), "box 2 of {} must have the field 'IsGroupOf'; got none. Get the file again."),
        (
            pixels(AgePresentation=None, Agepresentation="Young"),
            "box 2 of {} must have the field 'AgePresentation'; got none. Did",
        ),
    ],
)
def test_boxes_of_another_form_are_refused(tmp_path: Path, box: Any, said: str) -> None:
    path = vissl(tmp_path, pixels(), box)
    assert refused(tmp_path).startswith(said.format(path))


def test_other_json(tmp_path: Path) -> None:
    path = vissl(tmp_path)
    assert refused(tmp_path) == f"file {path} must hold a list of boxes; got an empty one. Get the file again."
    path.write_text('[{"path": "img1.jpg",\n', encoding="utf-8")
    assert refused(tmp_path).startswith(f"file {path} must be JSON; got 'Expecting property name enclosed in double")
    assert "in line 2, column 1. Get the whole file again." in refused(tmp_path)
    path.write_text('{"path": []}', encoding="utf-8")
    assert (
        refused(tmp_path) == f"file {path} must hold a list of boxes; got an object. Check that it is the right file."
    )
    (tmp_path / "miap_2.json").write_text("[]", encoding="utf-8")
    assert f"got {path.name} and miap_2.json. Check" in refused(tmp_path)
