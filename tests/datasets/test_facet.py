"""FACET: a row for each person, counts of annotators as shares, and the part of the image within the box."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest
from PIL import Image

from fairaudit.core.errors import DataError
from fairaudit.datasets import facet

GENDER = ["gender_presentation_masc", "gender_presentation_fem", "gender_presentation_non_binary",
          "gender_presentation_na"]  # fmt: skip
SKIN = [f"skin_tone_{tone}" for tone in range(1, 11)]
HEADER = [
    "person_id", "filename", "class1", "class2", "bounding_box", *GENDER, *SKIN, "skin_tone_na",
    "age_presentation_young", "age_presentation_older", "age_presentation_middle", "age_presentation_na",
    "hair_color_black", "hairtype_curly", "has_tattoo", "visible_face", "lighting_underexposed", "lighting_dimly_lit",
    "lighting_well_lit", "lighting_na", "lighting_overexposed",
]  # fmt: skip
BOX = '{"x": 10.0, "y": 20.0, "width": 100.0, "height": 200.0}'


def person(number: int, filename: str = "sa_1.jpg", box: str = BOX, **cells: object) -> dict[str, str]:
    given = {"person_id": number, "filename": filename, "class1": "nurse", "class2": "", "bounding_box": box, **cells}
    return {**dict.fromkeys(HEADER, "0"), **{column: str(cell) for column, cell in given.items()}}


def write(root: Path, rows: list[dict[str, str]], *, header: list[str] | None = None, end: str = "\r\n") -> Path:
    """Write the table, and an image of 400 x 300 pixels into each folder."""
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    with (root / "annotations" / "annotations.csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.writer(file, lineterminator=end)
        lines.writerows([header or HEADER, *([row[column] for column in HEADER] for row in rows)])
    for number in (1, 2, 3):
        (root / f"imgs_{number}").mkdir(exist_ok=True)
        Image.new("L", (400, 300)).save(root / f"imgs_{number}" / f"sa_{number}.jpg")
    return root


def test_persons_become_samples(tmp_path: Path) -> None:
    rows = [
        person(5, "sa_1.jpg", gender_presentation_fem=3, age_presentation_middle=3, lighting_well_lit=1),
        person(6, "sa_1.jpg", class1="lawman", class2="guard", gender_presentation_masc=3),
        person(7, "sa_2.jpg", gender_presentation_non_binary=1, age_presentation_young=2),
        person(8, "sa_3.jpg", age_presentation_older=3, lighting_overexposed=2),
    ]
    found = facet.samples(write(tmp_path, rows), name="persons")
    table = found.table
    assert table["sample_id"].tolist() == ["5", "6", "7", "8"]
    assert table["path"].tolist() == ["imgs_1/sa_1.jpg", "imgs_1/sa_1.jpg", "imgs_2/sa_2.jpg", "imgs_3/sa_3.jpg"]
    assert table["cluster_id"].tolist() == ["sa_1.jpg", "sa_1.jpg", "sa_2.jpg", "sa_3.jpg"]
    assert table["label"].tolist() == ["nurse", "lawman", "nurse", "nurse"]
    assert table["class2"].tolist() == ["", "guard", "", ""]
    assert table["gender_presentation"].tolist() == ["fem", "masc", "non_binary", "not recorded"]
    assert table["age_presentation"].tolist() == ["middle", "not recorded", "young", "older"]
    assert table["lighting"].tolist() == ["well_lit", "not recorded", "not recorded", "overexposed"]
    assert set(table["split"]) == {""}
    assert (found.name, found.reader, found.subject, found.cluster) == ("persons", "facet", "people", "image")
    assert found.licence.startswith("FACET: research only, to evaluate and never to train")
    assert found.show_images is False
    assert found.skipped.empty


def test_features_and_how_they_are_known(tmp_path: Path) -> None:
    found = facet.samples(write(tmp_path, [person(1)]), name="x")
    assert {f.name: (f.groups, f.known_by, f.ordered, f.exploratory) for f in found.features} == {
        "gender_presentation": (("fem", "masc", "non_binary"), "perceived", False, False),
        "age_presentation": (("young", "middle", "older"), "perceived", True, False),
        "monk_skin_tone": (("1", "2", "3", "4", "5", "6", "7", "8", "9", "10"), "annotated", True, False),
        "lighting": (("underexposed", "dimly_lit", "well_lit", "overexposed"), "annotated", True, True),
    }
    assert "counts of annotators" in found.feature("gender_presentation").source


def test_counts_are_shares_and_never_ones_alone(tmp_path: Path) -> None:
    rows = [
        person(1, gender_presentation_fem=3),
        person(2, gender_presentation_fem=1, gender_presentation_masc=2),
        person(3, gender_presentation_fem=1, gender_presentation_masc=1),
        person(4),
        person(5, gender_presentation_na=3),
        person(6, gender_presentation_na=2, gender_presentation_masc=1),
        person(7, gender_presentation_masc="", gender_presentation_fem="2.0"),
    ]
    found = facet.samples(write(tmp_path, rows), name="x")
    said = found.table["gender_presentation"].tolist()
    assert said == ["fem", "masc", "fem", "not recorded", "not recorded", "masc", "fem"]
    shares = found.uncertain["gender_presentation"]
    assert list(shares) == ["fem", "masc", "non_binary"]
    assert shares.iloc[[0, 1, 2, 5, 6]].round(4).to_numpy().tolist() == [
        [1, 0, 0], [0.3333, 0.6667, 0], [0.5, 0.5, 0], [0, 1, 0], [1, 0, 0],
    ]  # fmt: skip
    assert shares.iloc[[3, 4]].isna().to_numpy().all(), "who named none does not vote"


def test_skin_tones_keep_the_spread_over_monks_scale(tmp_path: Path) -> None:
    found = facet.samples(
        write(tmp_path, [person(1, skin_tone_3=1, skin_tone_4=2, skin_tone_10=1), person(2, skin_tone_na=3)]), name="x"
    )
    assert found.table["monk_skin_tone"].tolist() == ["4", "not recorded"]
    assert found.uncertain["monk_skin_tone"].iloc[0].to_dict() == {
        "1": 0, "2": 0, "3": 0.25, "4": 0.5, "5": 0, "6": 0, "7": 0, "8": 0, "9": 0, "10": 0.25,
    }  # fmt: skip


def test_shares_stay_with_their_person_when_others_are_left_out(tmp_path: Path) -> None:
    rows = [
        person(1, "gone.jpg", age_presentation_young=3),
        person(2, "sa_1.jpg", age_presentation_older=3),
        person(3, "sa_1.jpg", '{"x": 0, "y": 0, "width": 0, "height": 9}', age_presentation_young=3),
        person(4, "sa_1.jpg", age_presentation_middle=1, age_presentation_older=3),
    ]
    found = facet.samples(write(tmp_path, rows), name="x")
    assert found.table["sample_id"].tolist() == ["2", "4"]
    assert found.table["age_presentation"].tolist() == ["older", "older"]
    assert found.uncertain["age_presentation"].to_numpy().tolist() == [[0, 0, 1], [0, 0.25, 0.75]]
    assert found.skipped.to_dict("records") == [
        {"file": "imgs_1/gone.jpg", "reason": "the file is missing"},
        {"file": "imgs_1/sa_1.jpg", "reason": "the box has no area"},
    ]
    assert "1 of 4 persons were left out: the image is not there." in found.notes
    assert "1 of 3 boxes cannot be used and were left out." in found.notes


@pytest.mark.parametrize(
    ("cell", "box"),
    [
        (BOX, (10, 20, 110, 120)),
        ("{'x': 10.0, 'y': 20.0, 'width': 100.0, 'height': 200.0}", (10, 20, 110, 120)),
        ('{"width": 300, "height": 100, "x": 50, "y": 60}', (150, 60, 250, 160)),
        ('{"x": 10, "y": 20, "width": 100, "height": 119, "dictionary": 1}', (10, 20, 110, 139)),
        ('{"x": -20, "y": 0, "width": 120, "height": 100}', (0, 0, 100, 100)),
        ('{"x": "1.4", "y": "2.6", "width": "10", "height": "10"}', (1, 3, 11, 13)),
    ],
)
def test_boxes_in_both_notations_are_cut_as_published(
    tmp_path: Path, cell: str, box: tuple[int, int, int, int]
) -> None:
    found = facet.samples(write(tmp_path, [person(1, box=cell)]), name="x")
    assert found.boxes == [box]
    cut = "1 boxes reach beyond their image and were cut at its edge."
    assert (cut in found.notes) is ("-20" in cell)


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ('{"x": NaN, "y": 0, "width": 5, "height": 5}', "the box has something that is no number"),
        ('{"x": 0, "y": 0, "width": 1e999, "height": 5}', "the box has something that is no number"),
        ('{"x": 0, "y": 0, "width": -5, "height": 5}', "the box has no area"),
        ('{"x": 400, "y": 0, "width": 5, "height": 5}', "the box lies outside its image"),
    ],
)
def test_a_box_that_cannot_be_used_is_listed(tmp_path: Path, cell: str, reason: str) -> None:
    found = facet.samples(write(tmp_path, [person(1, box=cell), person(2)]), name="x")
    assert found.table["sample_id"].tolist() == ["2"]
    assert found.skipped["reason"].tolist() == [reason]


def test_no_box_that_can_be_used(tmp_path: Path) -> None:
    row = person(1, box='{"x": 0, "y": 0, "width": 0, "height": 0}')
    with pytest.raises(
        DataError,
        match="got none: 1 were left out, the first for 'the box has no area'",
    ):
        facet.samples(write(tmp_path, [row]), name="x")


HOSTILE = ["10,20,30,40", "[10, 20, 30, 40]", '{"x": 1, "y": 2, "width": 3}', '{"x": 1, "y": 2, "width": 3',
           '{"x": null, "y": 2, "width": 3, "height": 4}', '{"x": "a", "y": 2, "width": 3, "height": 4}',
           "__import__('os').getcwd()", "{'x': __import__('os'), 'y': 1, 'width': 1, 'height': 1}", "[" * 5000,
           '{"x":' * 50_000, "7"]  # fmt: skip


@pytest.mark.parametrize("cell", HOSTILE, ids=range(len(HOSTILE)))
def test_a_cell_that_is_no_box_is_refused_and_never_evaluated(tmp_path: Path, cell: str) -> None:
    with pytest.raises(DataError) as caught:
        facet.samples(write(tmp_path, [person(1), person(27, box=cell)]), name="x")
    assert str(caught.value) == (
        f"column 'bounding_box' of table {tmp_path / 'annotations' / 'annotations.csv'} must hold "
        f"an object with x, y, width, height; got {cell[:60]!r} in the row of person 27. Correct the cell."
    )


@pytest.mark.parametrize("cell", ["yes", "-1", "nan", "inf", "1;2", "__import__('os')"])
def test_a_cell_that_is_no_count_is_named_by_its_row_of_the_table(tmp_path: Path, cell: str) -> None:
    rows = [person(1, "gone.jpg"), person(2), person(3, skin_tone_7=cell)]
    with pytest.raises(DataError) as caught:
        facet.samples(write(tmp_path, rows), name="x")
    assert str(caught.value) == (
        f"column 'skin_tone_7' of table {tmp_path / 'annotations' / 'annotations.csv'} must count annotators; got "
        f"{cell!r} in row 3. Correct the cell."
    )


@pytest.mark.parametrize(
    ("column", "renamed", "hint"),
    [
        ("filename", "file_name", "Did you mean 'file_name'?"),
        ("gender_presentation_fem", "gender_presentation_female", "Did you mean 'gender_presentation_female'?"),
        ("bounding_box", "q", "It has person_id, filename, class1, class2, q, gender_presentation_masc,"),
    ],
)
def test_a_renamed_column_is_named_with_the_nearest(tmp_path: Path, column: str, renamed: str, hint: str) -> None:
    header = [renamed if name == column else name for name in HEADER]
    with pytest.raises(DataError) as caught:
        facet.samples(write(tmp_path, [person(1)], header=header), name="x")
    said = str(caught.value)
    start = f"table {tmp_path / 'annotations' / 'annotations.csv'} must have the columns person_id, filename, class1, "
    assert said.startswith(start)
    assert f"; '{column}' is missing. {hint}" in said
    assert said.endswith("Add or rename the column.")


WHERE = (
    "Check the folder against the layout of the reader 'facet': annotations/annotations.csv, and the images in "
    "imgs_1/, imgs_2/ and imgs_3/. FACET is available at https://ai.meta.com/datasets/facet (research only, to "
    "evaluate and never to train, for those who accept the data licence); fairaudit downloads nothing."
)


def test_a_folder_without_table_or_images_says_where_they_are_to_be_had(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        facet.samples(tmp_path, name="x")
    start = f"data folder {tmp_path} must contain "
    assert str(caught.value) == f"{start}annotations/annotations.csv or annotations.csv; got none. {WHERE}"
    write(tmp_path, [person(1, "sa_9.jpg"), person(2, "sa_8.jpg")])
    with pytest.raises(DataError) as caught:
        facet.samples(tmp_path, name="x")
    named = "the images that the column 'filename' names; got none among 2 rows, the first 'imgs_1/sa_9.jpg'"
    assert str(caught.value) == f"{start}{named}. {WHERE}"
    with pytest.raises(DataError, match=r"must be a folder for the reader 'facet'; got no such folder\."):
        facet.samples(tmp_path / "gone", name="x")


@pytest.mark.parametrize("name", ["../secret.jpg", "../../secret.jpg", "/etc/hostname", "", "a\\..\\b.jpg"])
def test_a_file_name_never_leads_out_of_the_folder(tmp_path: Path, name: str) -> None:
    Image.new("RGB", (400, 300)).save(tmp_path / "secret.jpg")
    found = facet.samples(write(tmp_path / "data", [person(1, name), person(2)]), name="x")
    assert found.table["sample_id"].tolist() == ["2"]
    reason = "the name leads out of the data folder" if name.startswith("..") else "the file is missing"
    assert found.skipped["reason"].tolist() == [reason]


def test_a_damaged_image_is_listed(tmp_path: Path) -> None:
    root = write(tmp_path, [person(1), person(2, "sa_2.jpg")])
    (root / "imgs_1" / "sa_1.jpg").write_bytes(b"no image")
    found = facet.samples(root, name="x")
    assert found.table["sample_id"].tolist() == ["2"]
    assert found.skipped["reason"].tolist() == [
        "the image must be readable; got bytes that are no image in a known format. Replace or remove it."
    ]


def test_one_person_in_two_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must have one row per sample_id; got '3' 2 times"):
        facet.samples(write(tmp_path, [person(3), person(3)]), name="x")


@pytest.mark.parametrize(
    ("mark", "encoding", "end"),
    [(b"\xef\xbb\xbf", "utf-8", "\r\n"), (b"\xff\xfe", "utf-16-le", "\r\n"), (b"", "utf-8", "\n")],
)
def test_other_encodings_and_line_ends_make_no_difference(tmp_path: Path, mark: bytes, encoding: str, end: str) -> None:
    write(tmp_path, [person(1, class1="écrivain", lighting_dimly_lit=2)], end=end)
    file = tmp_path / "annotations" / "annotations.csv"
    with file.open(newline="", encoding="utf-8") as stream:
        text = stream.read()
    assert ("\r\n" in text) is (end == "\r\n")
    file.unlink()
    (tmp_path / "annotations.csv").write_bytes(mark + text.encode(encoding))
    found = facet.samples(tmp_path, name="x")
    assert found.table[["sample_id", "label", "lighting"]].to_numpy().tolist() == [["1", "écrivain", "dimly_lit"]]
    assert found.uncertain["lighting"]["dimly_lit"].tolist() == [1]
