"""GeoDE: objects by region and country, in a table with regions or with none, countries in one spelling."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from PIL import Image

from fairaudit.core.errors import DataError
from fairaudit.datasets import geode

HEADER = ["", "file_path", "object", "region", "ip_country", "date", "make", "model", "gps_position"]
ROWS = [
    ["1", "Africa/Nigeria/Nigeria_bag_011.jpg", "bag", "Africa", "Nigeria", "2022-03-24 15:48:03.111000", "Apple", "X",
     "6 deg 27' N"],
    ["2", "Europe/United_Kingdom/UK_stove_2.jpg", "stove", "Europe", "United_Kingdom", "", "", "", ""],
    ["3", "Europe/UK/UK_hand_soap_3.jpg", "hand_soap", "Europe", "the United Kingdom", "", "", "", ""],
]  # fmt: skip
OLD = ["file_path", "object", "ip_country"]
FLAT = ["SouthEastAsia_Indonesia_Indonesia_plate_of_food_32123.jpg", "plate_of_food", "Indonesia"]
ALONE = "Who took a photograph is not known: each counts as independent of all others."
WHERE = (
    "GeoDE is available at https://geodiverse-data-collection.cs.princeton.edu/ (as that page states); fairaudit "
    "downloads nothing."
)
LAYOUT = (
    "Check the folder against the layout of the reader 'geode': index.csv (file_path, object, ip_country, perhaps "
    f"region) and images/. {WHERE}"
)


def table(root: Path, header: list[str], *rows: list[str], file: str = "index.csv") -> Path:
    root.mkdir(exist_ok=True)
    with (root / file).open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([header, *rows])
    return root / file


def photograph(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (4, 4)).save(path, format="JPEG")


def write(root: Path, header: list[str], *rows: list[str], file: str = "index.csv", below: str = "images") -> Path:
    table(root, header, *rows, file=file)
    for row in rows:
        photograph(root / below / row[header.index("file_path")])
    return root


def refused(root: Path) -> str:
    with pytest.raises(DataError) as caught:
        geode.samples(root, name="x")
    return str(caught.value)


def test_rows_become_samples(tmp_path: Path) -> None:
    found = geode.samples(write(tmp_path, HEADER, *ROWS), name="objects")
    rows = found.table
    assert rows["sample_id"].tolist() == [row[1] for row in ROWS]
    assert rows["cluster_id"].tolist() == rows["sample_id"].tolist()
    assert rows["path"].tolist()[0] == "images/Africa/Nigeria/Nigeria_bag_011.jpg"
    assert rows["label"].tolist() == ["bag", "stove", "hand_soap"]
    assert rows["region"].tolist() == ["Africa", "Europe", "Europe"]
    assert rows["country"].tolist() == ["Nigeria", "United Kingdom", "United Kingdom"]
    assert rows["split"].tolist() == ["", "", ""]
    assert set(rows) == {"sample_id", "path", "cluster_id", "split", "label", "text", "region", "country"}, "no camera"
    assert (found.reader, found.subject, found.cluster) == ("geode", "objects", "image")
    assert found.show_images is False
    assert found.licence == "GeoDE: as that page states"
    assert found.notes == (ALONE,)
    assert found.skipped.empty


def test_what_is_said_about_the_features(tmp_path: Path) -> None:
    found = geode.samples(write(tmp_path, HEADER, *ROWS), name="objects")
    region, country = found.features
    assert (region.known_by, region.ordered, region.exploratory) == ("annotated", False, False)
    assert region.groups == ("Africa", "Americas", "EastAsia", "Europe", "SouthEastAsia", "WestAsia")
    assert (country.known_by, country.ordered, country.exploratory) == ("derived", False, True)
    assert country.groups == ("Nigeria", "United Kingdom")


def test_without_a_column_the_region_is_the_first_part_of_the_name(tmp_path: Path) -> None:
    names = ("WestAsia/Jordan/Jordan_bag_1.jpg", "images/Americas_Mexico_Mexico_bag_1.jpg", "EastAsia_Japan_bag_1.jpg")
    found = geode.samples(write(tmp_path, OLD, FLAT, *([one, "bag", "Jordan"] for one in names), below=""), name="x")
    assert found.table["region"].tolist() == ["SouthEastAsia", "WestAsia", "Americas", "EastAsia"]
    assert found.table["path"].tolist()[0] == FLAT[0]
    assert found.table["label"].tolist()[0] == "plate_of_food"


def test_an_empty_region_is_taken_from_the_name_too(tmp_path: Path) -> None:
    rows = [[*row[:3], "", *row[4:]] for row in ROWS]
    found = geode.samples(write(tmp_path, HEADER, *rows, file="metadata.csv", below="."), name="x")
    assert found.table["region"].tolist() == ["Africa", "Europe", "Europe"]


@pytest.mark.parametrize(
    ("cell", "country", "note"),
    [
        ("nigeria", "Nigeria", ""),
        ("Saudi_Arabia", "Saudi Arabia", ""),
        ("", "not recorded", ""),
        ("Atlantis", "Atlantis", "Countries that no table knows stand as they were written: Atlantis."),
        ("=1+1", "=1+1", "Countries that no table knows stand as they were written: =1+1."),
    ],
)
def test_countries_have_one_spelling(tmp_path: Path, cell: str, country: str, note: str) -> None:
    found = geode.samples(write(tmp_path, OLD, [FLAT[0], "bag", cell]), name="x")
    assert found.table["country"].tolist() == [country]
    assert found.feature("country").groups == (() if country == "not recorded" else (country,))
    assert found.notes == ((ALONE, note) if note else (ALONE,))


def test_wrong_folders(tmp_path: Path) -> None:
    assert refused(tmp_path) == f"data folder {tmp_path} must contain index.csv or metadata.csv; got none. {LAYOUT}"
    table(tmp_path, OLD, FLAT)
    assert refused(tmp_path) == (
        f"data folder {tmp_path} must contain the images that the column 'file_path' of index.csv names; got none "
        f"among 1 rows, the first '{FLAT[0]}'. {LAYOUT}"
    )
    assert refused(tmp_path / "gone").endswith(f"got no such folder. Check its path. {WHERE}")


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (["file_path", "objects", "ip_country"], "'object' is missing. Did you mean 'objects'? Add or rename"),
        (["file_path", "object", "country"], "'ip_country' is missing. Did you mean 'country'? Add or rename"),
        (["a", "object", "ip_country"], "'file_path' is missing. It has a, object, ip_country. Add or rename"),
    ],
)
def test_a_missing_column_is_named(tmp_path: Path, header: list[str], said: str) -> None:
    path = table(tmp_path, header, FLAT)
    assert refused(tmp_path) == (
        f"table {path} must have the columns file_path, object, ip_country; {said} the column."
    )


def test_a_region_outside_the_six_is_refused(tmp_path: Path) -> None:
    six = "Africa, Americas, EastAsia, Europe, SouthEastAsia, WestAsia"
    path = table(tmp_path, HEADER, ROWS[0], [*ROWS[1][:3], "East Asia", *ROWS[1][4:]])
    assert refused(tmp_path) == (
        f"region in table {path} must be one of {six}; got 'East Asia' in row 2. Did you mean 'EastAsia'?"
    )
    table(tmp_path, OLD, FLAT, ["IMG_0001.jpg", "bag", "Japan"])
    assert refused(tmp_path) == f"region in table {path} must be one of {six}; got 'IMG' in row 2. Correct the cell."


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("Africa/gone.jpg", "the file is missing"),
        ("../Africa_outside.jpg", "the name leads out of the data folder"),
        ("/etc/hostname", "the name leads out of the data folder"),
        ("$(touch x).jpg", "the file is missing"),
        ("", "the row names no file"),
    ],
)
def test_rows_without_their_image_are_counted(tmp_path: Path, file: str, reason: str) -> None:
    photograph(tmp_path / "Africa_outside.jpg")
    root = write(tmp_path / "data", HEADER, ROWS[0])
    table(root, HEADER, ROWS[0], ["2", file, "bag", "Africa", "Nigeria", "", "", "", ""])
    found = geode.samples(root, name="x")
    assert found.table["sample_id"].tolist() == [ROWS[0][1]]
    assert found.skipped.values.tolist() == [[file, reason]]
    assert found.notes == (ALONE, "1 of 2 rows were left out: the image is not there.")


def test_one_photograph_twice_is_refused(tmp_path: Path) -> None:
    assert refused(write(tmp_path, OLD, FLAT, FLAT)) == (
        f"data set 'x' must have one row per sample_id; got '{FLAT[0]}' 2 times. Remove or rename the repeated rows."
    )


def test_a_cell_too_many_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, OLD, FLAT) / "index.csv"
    path.write_text(f"{','.join(OLD)}\n{','.join(FLAT)},more\n{','.join(FLAT)}\n", encoding="utf-8")
    assert refused(tmp_path) == (
        f"table {path} must have as many cells in each row as in its header, 3; got 4 in line 2. Put cells with a ',' "
        "into quotation marks."
    )


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_other_encodings_and_line_ends(tmp_path: Path, encoding: str) -> None:
    path = write(tmp_path, OLD, FLAT) / "index.csv"
    path.write_bytes(f"{','.join(OLD)}\r\n{','.join(FLAT)}\r\n\r\n".encode(encoding))
    assert geode.samples(tmp_path, name="x").table["country"].tolist() == ["Indonesia"]


def test_bytes_of_windows_are_refused(tmp_path: Path) -> None:
    path = write(tmp_path, OLD, FLAT) / "index.csv"
    path.write_bytes(path.read_bytes() + "a.jpg,bag,Côte d'Ivoire\r\n".encode("cp1252"))
    assert refused(tmp_path).startswith(
        f"file {path} must be text in UTF-8; got other bytes, the first 0xf4 in line 3. Save it"
    )
