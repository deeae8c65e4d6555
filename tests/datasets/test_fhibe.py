"""FHIBE: persons who told who they are, in cells that hold lists; boxes as texts; answers are read, never evaluated."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from fairaudit.core.errors import DataError
from fairaudit.core.samples import Samples
from fairaudit.datasets import fhibe

COLUMNS = [
    "image_id", "filepath", "json_path", "subject_id", "is_primary", "image_height", "image_width", "camera_distance",
    "lighting", "lighting_QAannotator_id", "location_country", "location_region", "scene", "age", "nationality",
    "ancestry", "pronoun", "natural_skin_color", "apparent_skin_color", "keypoints", "CelebA", "multiple_subjects",
]  # fmt: skip
RAW = "data/raw/fhibe_downsampled"
BOXES = ["box_left_px", "box_top_px", "box_right_px", "box_bottom_px"]
WHERE = (
    "FHIBE is available at https://fairnessbenchmark.ai.sony/download (for those who register and accept the terms, to "
    "evaluate fairness; revoked persons are removed monthly); fairaudit downloads nothing."
)
LAYOUT = (
    "Check the folder against the layout of the reader 'fhibe': data/processed/SET/SET.csv with SET one of "
    f"fhibe_downsampled, fhibe, fhibe_face_crop_align, fhibe_face_crop, and data/raw/. {WHERE}"
)


def person(subject: str = "s1", image: str = "i1", **other: str) -> dict[str, str]:
    """Return a row of the face crops, as the code of the data set has them."""
    return {
        "image_id": image, "filepath": f"{RAW}/{subject}/{image}/faces_crop_and_align_{image}_{subject}.png",
        "json_path": "x.json", "subject_id": subject, "is_primary": "True", "camera_distance": "2. CD III",
        "lighting": "['2. Lighting from in front of the head/face', '5. Lighting from the right of the head/face']",
        "location_country": "India", "age": "24", "nationality": "['93. Indian']", "ancestry": "['11. Asia']",
        "pronoun": "['1. He/him/his']", "natural_skin_color": "2. [164, 131, 103]",
        "apparent_skin_color": "3. [175, 148, 120]", "keypoints": "{'0. Nose': [271.1, 304.3, 1]}",
    } | other  # fmt: skip


def write(
    root: Path,
    *rows: dict[str, str],
    of: str = "fhibe_face_crop_align",
    columns: list[str] = COLUMNS,
    images: bool = True,
) -> Path:
    path = root / "data" / "processed" / of / f"{of}.csv"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, restval="", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    for row in rows if images else ():
        (root / row["filepath"]).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (400, 300)).save(root / row["filepath"], format="PNG")
    return path


def read(root: Path, *rows: dict[str, str], **how: Any) -> Samples:
    write(root, *rows, **how)
    return fhibe.samples(root, name="x")


def refused(root: Path) -> str:
    with pytest.raises(DataError) as caught:
        fhibe.samples(root, name="x")
    return str(caught.value)


def test_rows_become_samples(tmp_path: Path) -> None:
    root = tmp_path / "fhibe.20250716.u.gT5_rFTA_downsampled_public"
    found = read(root, person(), person(image="i2", age="70"), person("s2", "i3", age="Prefer not to say"))
    rows = found.table
    assert rows["path"].tolist()[0] == f"{RAW}/s1/i1/faces_crop_and_align_i1_s1.png"
    assert rows["sample_id"].tolist()[0] == f"{RAW}/s1/i1/faces_crop_and_align_i1_s1.png#s1"
    assert rows["cluster_id"].tolist() == ["s1", "s1", "s2"]
    assert rows["age_group"].tolist() == ["18-30", "70+", "not recorded"]
    assert rows["age_years"].fillna(-1).tolist() == [24, 70, -1]
    assert rows[["pronoun", "ancestry", "country"]].values.tolist() == [["He/him/his", "Asia", "India"]] * 3
    assert rows[["natural_skin_color", "apparent_skin_color"]].values.tolist() == [["IV", "III"]] * 3
    assert rows[["split", "label", "text"]].values.tolist() == [["", "", ""]] * 3
    assert BOXES[0] not in rows, "a crop of a face is a whole image"
    assert (found.reader, found.subject, found.cluster) == ("fhibe", "people", "person")
    assert found.version == root.name
    assert found.show_images is False
    assert found.licence.startswith("FHIBE: for those who register and accept the terms")
    assert (found.notes, len(found.skipped)) == ((), 0)


def test_what_is_said_about_the_features(tmp_path: Path) -> None:
    found = read(tmp_path, person())
    assert [(one.name, one.known_by, one.ordered, one.exploratory) for one in found.features] == [
        ("pronoun", "self-reported", False, False),
        ("age_group", "self-reported", True, False),
        ("ancestry", "self-reported", False, False),
        ("natural_skin_color", "self-reported", True, False),
        ("apparent_skin_color", "self-reported", True, True),
        ("country", "self-reported", False, True),
    ]
    assert found.feature("natural_skin_color").groups == ("I", "II", "III", "IV", "V", "VI")
    assert found.feature("pronoun").groups == ("He/him/his",)
    assert found.version == ""


@pytest.mark.parametrize(
    ("column", "cell", "group"),
    [
        ("pronoun", "['0. She/her/hers', '2. They/them/their']", "She/her/hers + They/them/their"),
        ("pronoun", "['2. They/them/their', '0. She/her/hers']", "She/her/hers + They/them/their"),
        ("pronoun", '["3. Ze/zir/zirs"]', "Ze/zir/zirs"),
        ("pronoun", "['4. None of the above']", "None of the above"),
        ("pronoun", "['5. Prefer not to say']", "not recorded"),
        ("pronoun", "[]", "not recorded"),
        ("pronoun", "", "not recorded"),
        ("ancestry", "['0. Africa', '4. Southern Africa']", "Africa"),
        (
            "ancestry",
            "['17. Europe', '6. Americas', '10. Northern America', '21. Western Europe']",
            "Americas + Europe",
        ),
        ("ancestry", "['22. Oceania', '26. Polynesia']", "Oceania"),
        ("natural_skin_color", "0. [102, 78, 65]", "VI"),
        ("natural_skin_color", "5. [198, 180, 157]", "I"),
        ("apparent_skin_color", "1. [136, 105, 81]", "V"),
        ("apparent_skin_color", "4. [189, 163, 137]", "II"),
        ("natural_skin_color", "", "not recorded"),
    ],
)
def test_answers_become_groups(tmp_path: Path, column: str, cell: str, group: str) -> None:
    assert read(tmp_path, person(**{column: cell})).table[column].tolist() == [group]


def test_countries_were_written_freely_and_have_one_spelling(tmp_path: Path) -> None:
    cells = ("KENYA", "Kenya", "USA", "Viet Nam", "Vietnam", "Keenya", "")
    found = read(tmp_path, *(person(f"s{at}", location_country=cell) for at, cell in enumerate(cells)))
    assert found.table["country"].tolist() == [
        "Kenya", "Kenya", "United States", "Vietnam", "Vietnam", "Keenya", "not recorded",
    ]  # fmt: skip
    assert found.notes == ("Countries that no table knows stand as they were written: Keenya.",)


def test_several_persons_of_one_image_are_rows_with_a_box(tmp_path: Path) -> None:
    path = f"{RAW}/s1/i1/main_i1_s1.png"
    boxes = {"s1": "[40, 60, 180, 225]", "s2": "[0.0, 0.0, 200.0, 180.0]", "s3": "[-50, 0, 150, 100]"}
    rows = [person(key, filepath=path, person_bbox=box) for key, box in boxes.items()]
    found = read(tmp_path, *rows, of="fhibe_downsampled", columns=[*COLUMNS, "person_bbox"])
    assert found.table["sample_id"].tolist() == [f"{path}#s1", f"{path}#s2", f"{path}#s3"]
    assert found.table["cluster_id"].tolist() == ["s1", "s2", "s3"]
    assert found.table[BOXES].values.tolist() == [[40, 60, 220, 240], [0, 0, 200, 180], [0, 0, 100, 100]]
    assert found.notes[0].startswith("Each row is the part of its image within a person's box: a tall box is cut")
    assert found.notes[1] == "1 boxes reach beyond their image and were cut at its edge."


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        ("[400, 0, 10, 10]", "the box lies outside its image"),
        ("", "the box has something that is no number"),
        ("[10, 10, 0, 50]", "the box has no area"),
        ("[10, 10, -5, 50]", "the box has no area"),
        ("[NaN, 0, 10, 10]", "the box has something that is no number"),
        ("[0, 0, 1e999, 10]", "the box has something that is no number"),
        (f"[0, 0, 1{'0' * 400}, 10]", "the box has something that is no number"),
    ],
)
def test_boxes_that_are_none_are_left_out(tmp_path: Path, cell: str, reason: str) -> None:
    rows = [person(person_bbox=cell), person("s2", person_bbox="[0, 0, 100, 100]")]
    found = read(tmp_path, *rows, columns=[*COLUMNS, "person_bbox"])
    assert found.table["cluster_id"].tolist() == ["s2"]
    assert found.skipped.values.tolist() == [[rows[0]["filepath"], reason]]


@pytest.mark.parametrize("cell", ["[1, 2, 3]", "__import__('os').getcwd()", "[1, 2, 3, 'w']", "(1, 2, 3, 4)", "[" * 9])
def test_a_box_of_another_form_is_refused(tmp_path: Path, cell: str) -> None:
    row = person(person_bbox=cell)
    path = write(tmp_path, row, columns=[*COLUMNS, "person_bbox"])
    assert refused(tmp_path) == (
        f"column 'person_bbox' of table {path} must hold [x, y, width, height]; got {cell!r} in the row of "
        f"{row['filepath']}. Correct the cell."
    )


@pytest.mark.parametrize("column", ["pronoun", "ancestry"])
@pytest.mark.parametrize(
    "cell", ["Asia", "['0. Africa'", "[0]", "__import__('os').system('x')", "[" * 5000, "{'a': 1}"]
)
def test_a_list_that_is_none_is_refused_and_never_evaluated(tmp_path: Path, column: str, cell: str) -> None:
    row = person(**{column: cell})
    path = write(tmp_path, row)
    assert refused(tmp_path) == (
        f"column '{column}' of table {path} must hold lists of texts such as ['0. Africa']; got {cell[:60]!r} in the "
        f"row of {row['filepath']}. Correct the cell, or leave the column out."
    )


@pytest.mark.parametrize(
    ("column", "cell", "got"),
    [
        ("pronoun", "['He/him/his']", "He/him/his"),
        ("ancestry", "['Asia']", "Asia"),
        ("natural_skin_color", "[164, 131, 103]", "[164, 131, 103]"),
        ("apparent_skin_color", "IV", "IV"),
    ],
)
def test_an_answer_without_its_number_is_refused(tmp_path: Path, column: str, cell: str, got: str) -> None:
    path = write(tmp_path, person(**{column: cell}))
    assert refused(tmp_path) == (
        f"column '{column}' of table {path} must hold answers such as '0. ...'; got '{got}'. Correct it."
    )


def test_one_set_of_several(tmp_path: Path) -> None:
    path = write(tmp_path, person("face"))
    write(tmp_path, person("whole"), of="fhibe_downsampled")
    assert fhibe.samples(tmp_path, name="x").table["cluster_id"].tolist() == ["whole"]
    chosen = fhibe.samples(path.parent, name="x")
    assert chosen.table["cluster_id"].tolist() == ["face"]
    assert chosen.root == tmp_path
    assert all(one.is_file() for one in chosen.paths)


def test_wrong_folders(tmp_path: Path) -> None:
    assert refused(tmp_path) == (
        f"data folder {tmp_path} must contain data/processed/fhibe_downsampled/fhibe_downsampled.csv or that of "
        f"another set; got none. {LAYOUT}"
    )
    row = person()
    write(tmp_path, row, images=False)
    assert refused(tmp_path) == (
        f"data folder {tmp_path} must contain the images that the column 'filepath' names; got none among 1 rows, the "
        f"first '{row['filepath']}'. {LAYOUT}"
    )


@pytest.mark.parametrize(
    ("column", "other", "said"),
    [
        ("pronoun", "pronouns", "'pronoun' is missing. Did you mean 'pronouns'? Add or rename the column."),
        ("filepath", "file_path", "'filepath' is missing. Did you mean 'file_path'? Add or rename the column."),
        ("age", "years", "'age' is missing. It has image_id, filepath, json_path, subject_id, is_primary, "),
    ],
)
def test_a_missing_column_is_named(tmp_path: Path, column: str, other: str, said: str) -> None:
    path = write(tmp_path, person(), columns=[other if one == column else one for one in COLUMNS])
    assert refused(tmp_path).startswith(
        f"table {path} must have the columns filepath, subject_id, age, pronoun, ancestry, natural_skin_color, "
        f"apparent_skin_color; {said}"
    )


@pytest.mark.parametrize(
    ("file", "reason"),
    [
        (f"{RAW}/s9/i9/gone.png", "the file is missing"),
        ("../outside.png", "the name leads out of the data folder"),
        ("/etc/hostname", "the name leads out of the data folder"),
        ("", "the row names no file"),
    ],
)
def test_rows_of_revoked_persons_are_counted(tmp_path: Path, file: str, reason: str) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "outside.png")
    write(tmp_path / "data", person())
    found = read(tmp_path / "data", person(), person("s9", filepath=file), images=False)
    assert found.table["cluster_id"].tolist() == ["s1"]
    assert found.skipped.values.tolist() == [[file, reason]]
    assert found.notes == ("1 of 2 rows were left out: the image is not there.",)


def test_one_person_twice_in_an_image_is_refused(tmp_path: Path) -> None:
    write(tmp_path, person(), person())
    assert "must have one row per sample_id; got 'data/raw/fhibe_downsampled/s1/i1/faces" in refused(tmp_path)


def test_other_encodings_and_line_ends(tmp_path: Path) -> None:
    path = write(tmp_path, person(scene="12. Indoor: Home\nor hotel"))
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert fhibe.samples(tmp_path, name="x").table["age_group"].tolist() == ["18-30"]
    path.write_bytes(path.read_bytes() + "é".encode("cp1252"))
    assert refused(tmp_path).startswith(
        f"file {path} must be text in UTF-8; got other bytes, the first 0xe9 in line 4. Save it"
    )
