"""Dollar Street: one row per photograph of metadata.csv, households as clusters, incomes that may be missing."""

from __future__ import annotations

import csv
import math
from pathlib import Path

import pytest
from PIL import Image

from fairaudit.core.errors import DataError
from fairaudit.datasets import dollar_street

HEADER = ["file", "household", "country", "region", "income", "topic", "credit"]
ROWS = [
    ["images/a.jpg", "home-1", "Kenya", "Africa", "98.5", "beds", "A. Name"],
    ["images/b.jpg", "home-1", "Kenya", "Africa", "98.5", "families", "A. Name"],
    ["images/c.jpg", "home-2", "France", "Europe", "3000", "beds", "=HYPERLINK(1)"],
]


def write(root: Path, rows: list[list[str]], header: list[str] = HEADER, *, images: bool = True) -> Path:
    (root / "images").mkdir(exist_ok=True)
    with (root / "metadata.csv").open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    for name in ("a", "b", "c") if images else ():
        Image.new("RGB", (4, 4)).save(root / "images" / f"{name}.jpg")
    return root


def test_rows_become_samples(tmp_path: Path) -> None:
    found = dollar_street.samples(write(tmp_path, ROWS), name="homes")
    table = found.table
    assert table["label"].tolist() == ["beds", "families", "beds"]
    assert table["cluster_id"].tolist() == ["home-1", "home-1", "home-2"]
    assert table["income_usd_per_month"].tolist() == [98.5, 98.5, 3000.0]
    assert table["region"].tolist() == ["Africa", "Africa", "Europe"]
    assert table["credit"].tolist()[2] == "=HYPERLINK(1)", "a cell is text, whatever it looks like"
    assert (found.subject, found.cluster, found.reader) == ("objects", "household", "dollar_street")
    assert found.feature("region").groups == ("Africa", "Europe")
    assert not found.feature("region").ordered
    assert "CC BY 4.0" in found.licence
    assert found.show_images is False
    assert found.notes == ()


def test_without_a_household_column_it_is_derived_and_said(tmp_path: Path) -> None:
    rows = [[r[0], *r[2:]] for r in ROWS]
    found = dollar_street.samples(write(tmp_path, rows, [h for h in HEADER if h != "household"]), name="x")
    clusters = found.table["cluster_id"].tolist()
    assert clusters[0] == clusters[1] != clusters[2]
    assert found.notes[0].startswith("The household of 3 of 3 photographs is not recorded: one country with one income")


def test_homes_of_which_nothing_is_known_are_not_one_home(tmp_path: Path) -> None:
    rows = [[r[0], "", r[2], r[3], "", *r[5:]] for r in ROWS]
    found = dollar_street.samples(write(tmp_path, rows), name="x")
    assert found.table["cluster_id"].nunique() == 3


def test_the_first_unusable_incomes_are_told(tmp_path: Path) -> None:
    cells = {"a": "0", "b": "-5", "c": "about 40", "d": ""}
    rows = [[f"images/{name}.jpg", f"home-{name}", *ROWS[0][2:4], cell, *ROWS[0][5:]] for name, cell in cells.items()]
    write(tmp_path, rows)
    (tmp_path / "images" / "d.jpg").write_bytes((tmp_path / "images" / "c.jpg").read_bytes())
    found = dollar_street.samples(tmp_path, name="x")
    assert found.table["income_usd_per_month"].isna().all()
    assert found.notes == (
        "4 of 4 photographs have no income above zero on record (images/a.jpg: '0'; images/b.jpg: '-5'; images/c.jpg: "
        "'about 40'; ...); they count wherever income does not matter.",
    )


@pytest.mark.parametrize(
    ("column", "cell", "said"),
    [
        (2, "Uganda", "must have one country; got Kenya and Uganda"),
        (3, "Asia", "must have one region; got Africa and Asia"),
        (4, "99", "must have one income; got 98.5 and 99"),
    ],
)
def test_a_household_in_two_places_or_with_two_incomes_is_refused(
    tmp_path: Path, column: int, cell: str, said: str
) -> None:
    other = [*ROWS[1][:column], cell, *ROWS[1][column + 1 :]]
    with pytest.raises(DataError) as caught:
        dollar_street.samples(write(tmp_path, [ROWS[0], other, ROWS[2]]), name="x")
    assert str(caught.value) == (
        f"household 'home-1' of table {tmp_path / 'metadata.csv'} {said}. Correct the rows, or give each home a name "
        "of its own."
    )


def test_what_is_not_recorded_contradicts_nothing(tmp_path: Path) -> None:
    other = [*ROWS[1][:2], "", "", "0", *ROWS[1][5:]]
    found = dollar_street.samples(write(tmp_path, [ROWS[0], other, ROWS[2]]), name="x")
    assert found.table["country"].tolist() == ["Kenya", "not recorded", "France"]


def test_one_file_under_two_topics_has_a_row_for_each(tmp_path: Path) -> None:
    again = [*ROWS[0][:5], "families", ROWS[0][6]]
    found = dollar_street.samples(write(tmp_path, [ROWS[0], again, ROWS[2]]), name="x").table
    assert found["sample_id"].tolist() == ["images/a.jpg#beds", "images/a.jpg#families", "images/c.jpg"]
    assert found["path"].tolist() == ["images/a.jpg", "images/a.jpg", "images/c.jpg"]
    assert found["label"].tolist() == ["beds", "families", "beds"]


def test_labels_and_keys_of_the_data_set(tmp_path: Path) -> None:
    more = [["http://x/1", "['studio couch', 'crib']"], ["", ""], ["http://x/2", "[]"]]
    rows = [[*row, *new] for row, new in zip(ROWS, more, strict=True)]
    found = dollar_street.samples(write(tmp_path, rows, [*HEADER, "url", "imagenet_synonyms"]), name="x").table
    assert found["labels"].tolist() == [["studio couch", "crib"], [], []]
    assert found["image_key"].tolist() == ["http://x/1", "", "http://x/2"]


@pytest.mark.parametrize("cell", ["crib", "[1]", "{'crib'}", "__import__('os').getcwd()", "[" * 5000, "('crib',)"])
def test_a_list_that_is_none_is_refused_and_never_evaluated(tmp_path: Path, cell: str) -> None:
    rows = [[*row, "['crib']"] for row in ROWS[:2]] + [[*ROWS[2], cell]]
    with pytest.raises(DataError) as caught:
        dollar_street.samples(write(tmp_path, rows, [*HEADER, "imagenet_synonyms"]), name="x")
    assert str(caught.value) == (
        f"column 'imagenet_synonyms' of table {tmp_path / 'metadata.csv'} must hold lists of texts such as ['stove']; "
        f"got {cell[:60]!r} in the row of images/c.jpg. Correct the cell, or leave the column out."
    )


def mlcommons(root: Path, rows: list[list[str]], name: str = "images_v2_imagenet_test.csv") -> Path:
    """Write the release's columns, in the order in which its readers know them."""
    header = ["id", "country.name", "country.id", "region.id", "type", "imageRelPath", "topics", "place", "income",
              "imagenet_synonyms", "imagenet_sysnet_id"]  # fmt: skip
    write(root, [])
    (root / "metadata.csv").unlink()
    with (root / name).open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([header, *rows])
    return root


def test_mlcommons_release(tmp_path: Path) -> None:
    rows = [
        ["1", "Kenya", "ke", "af", "image", "images/a.jpg", "['Beds', 'Bedrooms']", "ogira", "98.5", "['crib']", "[9]"],
        ["2", "Kenya", "ke", "af", "image", "images/b.jpg", "['Stoves']", "ogira", "98.5", "['stove']", "[827]"],
        ["3", "France", "fr", "eu", "image", "images/c.jpg", "[]", "imbert", "3000", "[]", "[]"],
    ]  # fmt: skip
    found = dollar_street.samples(mlcommons(tmp_path, rows), name="x")
    table = found.table
    assert table["sample_id"].tolist() == ["images/a.jpg#Beds", "images/a.jpg#Bedrooms", "images/b.jpg", "images/c.jpg"]
    assert table["label"].tolist() == ["Beds", "Bedrooms", "Stoves", ""]
    assert table["cluster_id"].tolist() == ["ogira", "ogira", "ogira", "imbert"]
    assert table["labels"].tolist() == [["crib"], ["crib"], ["stove"], []]
    assert table["region"].tolist() == ["Africa", "Africa", "Africa", "Europe"]
    assert found.notes == ()
    bad = [*rows[0][:6], "Beds", *rows[0][7:]]
    with pytest.raises(DataError, match=r"column 'topics' of table .* must hold lists of texts such as \['stove'\]"):
        dollar_street.samples(mlcommons(tmp_path, [bad]), name="x")


def test_mlcommons_table_without_a_column(tmp_path: Path) -> None:
    write(tmp_path, ROWS)
    (tmp_path / "metadata.csv").rename(tmp_path / "images_v2.csv")
    with pytest.raises(
        DataError, match=r"images_v2\.csv must have the columns imageRelPath, .*'imageRelPath' is missing"
    ):
        dollar_street.samples(tmp_path, name="x")


@pytest.mark.parametrize("cell", ["0", "-5", "", "abc", "nan", "inf", "1e400", "[]"])
def test_income_that_is_no_positive_number(tmp_path: Path, cell: str) -> None:
    rows = [[*ROWS[0][:4], cell, *ROWS[0][5:]], ROWS[2]]
    found = dollar_street.samples(write(tmp_path, rows), name="x")
    assert math.isnan(found.table["income_usd_per_month"][0])
    assert found.table["income_usd_per_month"][1] == 3000
    assert found.notes == (
        f"1 of 2 photographs have no income above zero on record (images/a.jpg: '{cell}'); they count wherever income "
        "does not matter.",
    )


def test_empty_region_is_not_recorded(tmp_path: Path) -> None:
    found = dollar_street.samples(write(tmp_path, [[*ROWS[0][:3], " ", *ROWS[0][4:]], ROWS[2]]), name="x")
    assert found.table["region"].tolist() == ["not recorded", "Europe"]
    assert found.feature("region").groups == ("Europe",)


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("images/gone.jpg", "the file is missing"),
        ("../outside.jpg", "the name leads out of the data folder"),
        ("/etc/hostname", "the name leads out of the data folder"),
        ("", "the row names no file"),
        ("images", "the file is missing"),
    ],
)
def test_rows_without_their_image_are_counted(tmp_path: Path, file: str, reason: str) -> None:
    root = tmp_path / "data"
    root.mkdir()
    Image.new("RGB", (4, 4)).save(tmp_path / "outside.jpg")
    found = dollar_street.samples(write(root, [[file, *ROWS[0][1:]], ROWS[2]]), name="x")
    assert found.table["sample_id"].tolist() == ["images/c.jpg"]
    assert found.skipped.to_dict("records") == [{"file": file, "reason": reason}]
    assert "1 of 2 rows were left out: the image is not there." in found.notes


def test_missing_column_is_named_with_the_nearest(tmp_path: Path) -> None:
    write(tmp_path, ROWS, [h.replace("region", "regions") for h in HEADER])
    with pytest.raises(DataError) as caught:
        dollar_street.samples(tmp_path, name="x")
    assert str(caught.value) == (
        f"table {tmp_path / 'metadata.csv'} must have the columns file, country, region, income, topic; "
        "'region' is missing. Did you mean 'regions'? Add or rename the column."
    )


def test_missing_column_with_nothing_near(tmp_path: Path) -> None:
    write(tmp_path, ROWS, ["file", "h", "c", "r", "i", "t", "p"])
    with pytest.raises(DataError, match=r"'country' is missing\. It has file, h, c, r, i, t, p\. Add or rename"):
        dollar_street.samples(tmp_path, name="x")


def test_wrong_folders_and_tables(tmp_path: Path) -> None:
    with pytest.raises(
        DataError,
        match=r"must contain the table metadata\.csv, .*; got none\. .* is available at https://www\.gapminder",
    ):
        dollar_street.samples(tmp_path, name="x")
    write(tmp_path, ROWS, images=False)
    with pytest.raises(
        DataError,
        match=r"the images that metadata\.csv in its column 'file' names; got none among 3 rows, the first",
    ):
        dollar_street.samples(tmp_path, name="x")
    (tmp_path / "metadata.csv").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(DataError, match="must be text in UTF-8; got other bytes"):
        dollar_street.samples(tmp_path, name="x")
    (tmp_path / "metadata.csv").write_bytes(b"")
    with pytest.raises(DataError, match="must be a CSV file in UTF-8 with a header; got: no names of columns"):
        dollar_street.samples(tmp_path, name="x")


def test_one_file_in_two_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must have one row per sample_id; got 'images/a\.jpg' 2 times"):
        dollar_street.samples(write(tmp_path, [ROWS[0], ROWS[0]]), name="x")


def test_table_of_a_spreadsheet_with_a_byte_order_mark(tmp_path: Path) -> None:
    write(tmp_path, ROWS)
    path = tmp_path / "metadata.csv"
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert len(dollar_street.samples(tmp_path, name="x")) == 3


def test_real_sample(sample_data: Path) -> None:
    found = dollar_street.samples(sample_data / "dollar-street-sample", name="homes")
    assert (len(found), found.table["cluster_id"].nunique(), len(found.skipped)) == (43, 29, 0)
    assert set(found.table["label"]) == {"toothbrush", "beds", "families"}
    assert found.table["income_usd_per_month"].between(20, 11_000).all()
