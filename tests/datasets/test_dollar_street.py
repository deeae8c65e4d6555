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


@pytest.mark.parametrize("cell", ["0", "-5", "", "abc", "nan", "inf", "1e400", "[]"])
def test_income_that_is_no_positive_number(tmp_path: Path, cell: str) -> None:
    rows = [[*ROWS[0][:4], cell, *ROWS[0][5:]], ROWS[2]]
    found = dollar_street.samples(write(tmp_path, rows), name="x")
    assert math.isnan(found.table["income_usd_per_month"][0])
    assert found.table["income_usd_per_month"][1] == 3000
    assert "1 of 2 photographs have no income above zero on record." in found.notes


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
    with pytest.raises(DataError, match=r"must contain the table metadata\.csv; got none"):
        dollar_street.samples(tmp_path, name="x")
    write(tmp_path, ROWS, images=False)
    with pytest.raises(DataError, match="must name at least one existing image; got none among 3 rows"):
        dollar_street.samples(tmp_path, name="x")
    (tmp_path / "metadata.csv").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(DataError, match="must be a CSV file in UTF-8 with a header"):
        dollar_street.samples(tmp_path, name="x")
    (tmp_path / "metadata.csv").write_bytes(b"")
    with pytest.raises(DataError, match="must be a CSV file in UTF-8 with a header; got: No columns"):
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
