"""FairFace: a table for each split, faces beside it or in a published crop; ages that a spreadsheet made dates."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from fairaudit.core.errors import DataError
from fairaudit.datasets import fairface

HEADER = "file,age,gender,race,service_test"
TRAIN = (
    "train/1.jpg,50-59,Male,East Asian,True",
    "train/2.jpg,30-39,Female,Indian,False",
    "train/3.jpg,3-9,Female,Black,False",
)
VAL = ("val/1.jpg,3-9,Male,East Asian,False",)
WHERE = "FairFace is available at https://github.com/joojs/fairface (CC BY 4.0); fairaudit downloads nothing."
LAYOUT = (
    "Check the folder against the layout of the reader 'fairface': fairface_label_train.csv and "
    f"fairface_label_val.csv (file, age, gender, race), train/ and val/. {WHERE}"
)


def face(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4)).save(path, format="JPEG")


def table(root: Path, split: str, rows: tuple[str, ...], header: str = HEADER) -> Path:
    root.mkdir(exist_ok=True)
    path = root / f"fairface_label_{split}.csv"
    path.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return path


def write(root: Path, *, below: str = "", train: tuple[str, ...] = TRAIN, header: str = HEADER) -> Path:
    table(root, "train", train, header)
    table(root, "val", VAL, header)
    for file in ("train/1.jpg", "train/2.jpg", "train/3.jpg", "val/1.jpg"):
        face(root / below / file)
    return root


def refused(root: Path) -> str:
    with pytest.raises(DataError) as caught:
        fairface.samples(root, name="x")
    return str(caught.value)


def test_rows_become_samples(tmp_path: Path) -> None:
    found = fairface.samples(write(tmp_path), name="faces")
    rows = found.table
    assert rows["sample_id"].tolist() == ["train/1.jpg", "train/2.jpg", "train/3.jpg", "val/1.jpg"]
    assert rows["path"].tolist() == rows["cluster_id"].tolist() == rows["sample_id"].tolist()
    assert rows["split"].tolist() == ["train", "train", "train", "val"]
    assert rows["gender"].tolist() == ["male", "female", "female", "male"]
    assert rows["age"].tolist() == ["50-59", "30-39", "3-9", "3-9"]
    assert rows["race"].tolist() == ["East Asian", "Indian", "Black", "East Asian"]
    assert rows["service_test"].tolist() == ["true", "false", "false", "false"]
    assert rows["label"].tolist() == ["", "", "", ""]
    assert all(path.is_file() for path in found.paths)


def test_what_is_said_about_the_data(tmp_path: Path) -> None:
    found = fairface.samples(write(tmp_path), name="faces")
    assert (found.name, found.reader, found.subject, found.cluster) == ("faces", "fairface", "people", "image")
    assert found.licence == "FairFace: CC BY 4.0"
    assert found.show_images is False
    assert found.notes == (
        "Persons are not known in FairFace: two images of one person can be neighbours of each other.",
    )
    assert found.skipped.empty
    assert [(one.name, one.known_by, one.ordered) for one in found.features] == [
        ("gender", "perceived", False),
        ("age", "perceived", True),
        ("race", "perceived", False),
    ]
    assert found.feature("gender").groups == ("female", "male")
    assert found.feature("age").groups == (
        "0-2", "3-9", "10-19", "20-29", "30-39", "40-49", "50-59", "60-69", "more than 70",
    )  # fmt: skip
    assert "nobody was asked" in found.feature("race").source


@pytest.mark.parametrize(
    ("column", "cell", "group"),
    [
        *(("age", one, one) for one in ("0-2", "10-19", "20-29", "40-49", "60-69", "more than 70")),
        ("age", "Over 70", "more than 70"),
        *(("race", one, one) for one in ("White", "Latino_Hispanic", "Southeast Asian", "Middle Eastern")),
        ("race", " Black ", "Black"),
        ("gender", "female", "female"),
        ("age", "", "not recorded"),
        ("race", "", "not recorded"),
    ],
)
def test_published_values_are_known(tmp_path: Path, column: str, cell: str, group: str) -> None:
    cells = {"age": "3-9", "gender": "Male", "race": "Black"} | {column: cell}
    row = f"train/1.jpg,{cells['age']},{cells['gender']},{cells['race']},False"
    rows = fairface.samples(write(tmp_path, train=(row,)), name="x").table
    assert rows[column].tolist()[0] == group


@pytest.mark.parametrize("crop", ["fairface-img-margin025-trainval", "fairface-img-margin125-trainval"])
def test_images_may_lie_in_the_folder_of_a_crop(tmp_path: Path, crop: str) -> None:
    found = fairface.samples(write(tmp_path, below=crop), name="x")
    assert found.table["path"].tolist()[0] == f"{crop}/train/1.jpg"
    assert found.table["split"].tolist() == ["train", "train", "train", "val"]
    assert found.skipped.empty


def test_of_two_crops_the_narrow_one_is_read(tmp_path: Path) -> None:
    write(tmp_path, below="fairface-img-margin125-trainval")
    found = fairface.samples(write(tmp_path, below="fairface-img-margin025-trainval"), name="x")
    assert {path.split("/")[0] for path in found.table["path"]} == {"fairface-img-margin025-trainval"}


@pytest.mark.parametrize("cell", ["03-Sep", "3-Sep", "Oct-19", "19-Oct"])
def test_ages_that_a_spreadsheet_took_for_dates_are_refused(tmp_path: Path, cell: str) -> None:
    write(tmp_path, train=(TRAIN[0], f"train/2.jpg,{cell},Female,Indian,FALSE"))
    assert refused(tmp_path) == (
        f"column 'age' of table {tmp_path / 'fairface_label_train.csv'} must have ages such as 3-9; got the date "
        f"'{cell}' of a spreadsheet. Get the table again, and do not save it in a spreadsheet."
    )


def test_truth_values_of_a_spreadsheet_count(tmp_path: Path) -> None:
    write(tmp_path, train=("train/1.jpg,50-59,Male,East Asian,TRUE", "train/2.jpg,30-39,Female,Indian,FALSE"))
    assert fairface.samples(tmp_path, name="x").table["service_test"].tolist() == ["true", "false", "false"]


def test_one_split_is_enough_and_service_test_may_be_missing(tmp_path: Path) -> None:
    table(tmp_path, "val", ("val/1.jpg,3-9,Male,East Asian",), "file,age,gender,race")
    face(tmp_path / "val/1.jpg")
    rows = fairface.samples(tmp_path, name="x").table
    assert (rows["split"].tolist(), rows["service_test"].tolist()) == (["val"], [""])


def test_a_folder_without_a_table_says_where_the_data_set_is_to_be_had(tmp_path: Path) -> None:
    assert refused(tmp_path) == (
        f"data folder {tmp_path} must contain fairface_label_train.csv or fairface_label_val.csv; got none. {LAYOUT}"
    )
    assert refused(tmp_path / "gone") == (
        f"data folder {tmp_path / 'gone'} must be a folder for the reader 'fairface'; got no such folder. Check its "
        f"path. {WHERE}"
    )


@pytest.mark.parametrize(
    ("renamed", "said"),
    [
        ("file,age,genders,race,service_test", "'gender' is missing. Did you mean 'genders'? Add"),
        ("file,age_group,gender,race,service_test", "'age' is missing. It has file, age_group, gender, race, servic"),
        ("image,age,gender,race,service_test", "'file' is missing. It has image, age, gender, race, service_test. Add"),
    ],
)
def test_a_missing_column_is_named(tmp_path: Path, renamed: str, said: str) -> None:
    got = refused(write(tmp_path, header=renamed))
    assert got.startswith(
        f"table {tmp_path / 'fairface_label_train.csv'} must have the columns file, age, gender, race; {said}"
    )


def test_a_table_without_its_images(tmp_path: Path) -> None:
    table(tmp_path, "train", TRAIN)
    assert refused(tmp_path) == (
        f"data folder {tmp_path} must contain the images that the column 'file' names; got none among 3 rows, the "
        f"first 'train/1.jpg'. {LAYOUT}"
    )
    table(tmp_path, "train", ())
    assert "must contain a row of the column 'file' that can be used; got none. Check the folder" in refused(tmp_path)


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("train/9.jpg", "the file is missing"),
        ("../outside.jpg", "the name leads out of the data folder"),
        ("train/../../outside.jpg", "the name leads out of the data folder"),
        ("/etc/hostname", "the name leads out of the data folder"),
        ("=HYPERLINK(1)", "the file is missing"),
        ("", "the row names no file"),
    ],
)
def test_rows_without_their_image_are_counted(tmp_path: Path, file: str, reason: str) -> None:
    face(tmp_path / "outside.jpg")
    root = write(tmp_path / "data", train=(TRAIN[0], f"{file},3-9,Male,Black,False"))
    found = fairface.samples(root, name="x")
    assert found.table["sample_id"].tolist() == ["train/1.jpg", "val/1.jpg"]
    assert found.skipped.to_dict("records") == [{"file": file, "reason": reason}]
    assert found.notes[1:] == ("1 of 3 rows were left out: the image is not there.",)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        (
            "train/1.jpg,3-9,Male,Latino,False",
            "column 'race' of table {} must be one of Black, East Asian, Indian, Latino_Hispanic, Middle Eastern, "
            "Southeast Asian, White; got 'Latino' in row 2. Correct the cell.",
        ),
        (
            "train/1.jpg,3-9,Femal,Black,False",
            "column 'gender' of table {} must be one of Female, Male; got 'Femal' in row 2. Did you mean 'Female'?",
        ),
        (
            "train/1.jpg,__import__('os').getcwd(),Male,Black,False",
            "column 'age' of table {} must be one of 0-2, 3-9, 10-19, 20-29, 30-39, 40-49, 50-59, 60-69, more than 70, "
            "Over 70; got \"__import__('os').getcwd()\" in row 2. Correct the cell.",
        ),
    ],
)
def test_a_value_outside_the_published_ones_is_refused(tmp_path: Path, row: str, said: str) -> None:
    write(tmp_path, train=(TRAIN[1], row))
    assert refused(tmp_path) == said.format(tmp_path / "fairface_label_train.csv")


def test_one_image_in_both_splits_is_refused(tmp_path: Path) -> None:
    write(tmp_path, train=("val/1.jpg,3-9,Male,East Asian,False",))
    assert refused(tmp_path) == (
        "data set 'x' must have one row per sample_id; got 'val/1.jpg' 2 times. Remove or rename the repeated rows."
    )


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("end", ["\r\n", "\n", "\r"])
def test_other_encodings_and_line_ends(tmp_path: Path, encoding: str, end: str) -> None:
    write(tmp_path)
    path = tmp_path / "fairface_label_train.csv"
    path.write_bytes(end.join([HEADER, *TRAIN, ""]).encode(encoding))
    assert fairface.samples(tmp_path, name="x").table["race"].tolist() == [
        "East Asian",
        "Indian",
        "Black",
        "East Asian",
    ]


def test_bytes_of_windows_are_refused(tmp_path: Path) -> None:
    path = table(tmp_path, "train", TRAIN)
    path.write_bytes(path.read_bytes() + "train/é.jpg,3-9,Male,Black,False\n".encode("cp1252"))
    assert refused(tmp_path).startswith(
        f"file {path} must be text in UTF-8; got other bytes, the first 0xe9 in line 5. Save it"
    )
