"""VisoGender: lists of URLs with perceived genders, in the newest version, and the images that somebody got."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest
from PIL import Image

from fairaudit.core.errors import DataError
from fairaudit.datasets import visogender

URL = "URL type (Type NA if can't find)"
OO = ["IDX", "Sector", "Specialisation", "Occupation", "Object", URL, "LICENSE OK?", "Occupation_perceived_gender",
      "Error codes", "Annotator"]  # fmt: skip
OP = ["IDX", "Sector", "Specialisation", "Occupation", "Participant", URL, "Licence", "Occupation_perceived_gender",
      "Participant_perceived_gender", "Error codes", "Annotator"]  # fmt: skip
TEACHER = "OO_1\teducation\tinstitutional\tteacher\tboard\thttps://x.org/x\tYes\tmasculine\t\tSiobhan"
DOCTOR = "OO_2\tmedical\thospital_worker\tdoctor\tclipboard\thttps://x.org/y\tYes\tfeminine\t\tThomas"
TOGETHER = "OP_1\teducation\tinstitutional\tteacher\tstudent\thttps://x.org/z\tYes\tfeminine\tmasculine\t\tSiobhan"
NEWEST = "OO_Visogender_10052025.tsv"


def write(
    root: Path, rows: Sequence[str], *, name: str = NEWEST, header: Sequence[str] = OO, images: Sequence[str] = ()
) -> Path:
    """Write a list as the repository has it: tabs, CRLF, no line end at its end."""
    (root / "images").mkdir(parents=True, exist_ok=True)
    (root / name).parent.mkdir(parents=True, exist_ok=True)
    (root / name).write_bytes("\r\n".join(["\t".join(header), *rows]).encode())
    for image in images:
        Image.new("RGB", (8, 8)).save(root / "images" / image)
    return root


def test_persons_at_work_become_samples(tmp_path: Path) -> None:
    write(tmp_path, [TEACHER, DOCTOR], images=["OO_1.jpg", "OO_2.png", "OP_1.webp"])
    write(tmp_path, [TOGETHER], name="OP_Visogender_11012024.tsv", header=OP)
    found = visogender.samples(tmp_path, name="work")
    table = found.table
    assert table["sample_id"].tolist() == ["OO_1", "OO_2", "OP_1"]
    assert table["path"].tolist() == ["images/OO_1.jpg", "images/OO_2.png", "images/OP_1.webp"]
    assert table["cluster_id"].tolist() == ["OO_1", "OO_2", "OP_1"]
    assert table["label"].tolist() == ["teacher", "doctor", "teacher"]
    assert table["perceived_gender"].tolist() == ["masculine", "feminine", "feminine"]
    assert table["participant_gender"].tolist() == ["not recorded", "not recorded", "masculine"]
    assert table["sector"].tolist() == ["education", "medical", "education"]
    assert table["kind"].tolist() == ["OO", "OO", "OP"]
    assert set(table["split"]) == {""}
    assert found.version == "OO_Visogender_10052025, OP_Visogender_11012024"
    assert (found.name, found.reader, found.subject, found.cluster) == ("work", "visogender", "people", "image")
    assert found.boxes == [None, None, None]
    assert found.licence == (
        "VisoGender: the list CC BY 4.0, to evaluate and never to train; each image has a licence of its own"
    )
    assert (found.show_images, found.uncertain, found.notes) == (False, {}, ())
    assert found.skipped.empty


def test_features_and_how_they_are_known(tmp_path: Path) -> None:
    write(tmp_path, [TOGETHER], name="OP_Visogender_11012024.tsv", header=OP, images=["OP_1.jpg"])
    found = visogender.samples(tmp_path, name="x")
    genders = ("feminine", "masculine", "neutral")
    assert {f.name: (f.groups, f.known_by, f.ordered, f.exploratory) for f in found.features} == {
        "perceived_gender": (genders, "perceived", False, False),
        "participant_gender": (genders, "perceived", False, True),
    }
    assert found.feature("perceived_gender").source.endswith("perceived it; nobody was asked")


def test_without_pairs_there_is_no_participant(tmp_path: Path) -> None:
    found = visogender.samples(write(tmp_path, [TEACHER], images=["OO_1.jpg"]), name="x")
    assert [feature.name for feature in found.features] == ["perceived_gender"]
    assert "participant_gender" not in found.table


@pytest.mark.parametrize(
    ("older", "newer"),
    [
        ("OO_Visogender_14082023.tsv", "OO_Visogender_10052025.tsv"),
        ("OO_Visogender_31122023.tsv", "OO_Visogender_01012024.tsv"),
        ("OO_Visogender_17082023.tsv", "OO_Visogender_02102023.tsv"),
        ("OO_Visogender_14082023.tsv", "OO_Visogender_15082023.tsv"),
        ("OO_Visogender_14082023.tsv", "data/visogender_data/OO/oo_visogender_10052025.tsv"),
        ("OO/OO_Visogender_14082023.tsv", "OP/OO_Visogender_02102023.tsv"),
    ],
)
def test_the_newest_list_counts_by_its_date_and_not_as_text(tmp_path: Path, older: str, newer: str) -> None:
    write(tmp_path, [TEACHER], name=older, images=["OO_1.jpg", "OO_2.jpg"])
    write(tmp_path, [DOCTOR], name=newer)
    found = visogender.samples(tmp_path, name="x")
    assert found.table["sample_id"].tolist() == ["OO_2"]
    assert found.version == Path(newer).stem


def test_lists_lie_where_the_repository_has_them(tmp_path: Path) -> None:
    write(tmp_path, [DOCTOR], name=f"data/visogender_data/OO/{NEWEST}", images=["OO_2.jpg", "OP_1.jpg"])
    write(tmp_path, [TOGETHER], name="data/visogender_data/OO/OP_Visogender_02102023.tsv", header=OP)
    assert visogender.samples(tmp_path, name="x").table["sample_id"].tolist() == ["OO_2", "OP_1"]


@pytest.mark.parametrize(
    ("word", "group"),
    [("man", "masculine"), ("woman", "feminine"), ("maculine", "masculine"), ("Masculine", "masculine"),
     ("neutral", "neutral"), (" feminine ", "feminine"), ("", "not recorded")],
)  # fmt: skip
def test_words_of_older_versions_and_a_known_misspelling(tmp_path: Path, word: str, group: str) -> None:
    header = [name.replace("perceived_gender", "Gender") for name in OP]
    row = TOGETHER.replace("feminine", word).replace("masculine\t\t", f"{word}\t\t")
    write(tmp_path, [row], name="OP_Visogender_14082023.tsv", header=header, images=["OP_1.jpg"])
    table = visogender.samples(tmp_path, name="x").table
    assert table[["perceived_gender", "participant_gender"]].to_numpy().tolist() == [[group, group]]


def test_a_gender_that_is_another_word_is_named(tmp_path: Path) -> None:
    write(tmp_path, [TEACHER, DOCTOR.replace("feminine", "femnine")], images=["OO_1.jpg"])
    with pytest.raises(DataError) as caught:
        visogender.samples(tmp_path, name="x")
    assert str(caught.value) == (
        f"column 'Occupation_perceived_gender' of {tmp_path / NEWEST} must be one of feminine, masculine, neutral, "
        "woman, man, maculine; got 'femnine' in row 2. Did you mean 'feminine'?"
    )


def test_a_cell_that_looks_like_code_is_text(tmp_path: Path) -> None:
    row = TEACHER.replace("teacher", "__import__('os').getcwd()").replace("education", '=HYPERLINK("x")')
    table = visogender.samples(write(tmp_path, [row], images=["OO_1.jpg"]), name="x").table
    assert table[["label", "sector"]].to_numpy().tolist() == [["__import__('os').getcwd()", '=HYPERLINK("x")']]


def test_rows_without_an_image_are_listed_with_what_to_do(tmp_path: Path) -> None:
    found = visogender.samples(write(tmp_path, [TEACHER, DOCTOR], images=["OO_2.jpg"]), name="x")
    assert found.table["sample_id"].tolist() == ["OO_2"]
    assert found.skipped.to_dict("records") == [
        {"file": "images/OO_1.jpg", "reason": "only its URL is known: get the image and put it there"}
    ]
    assert found.notes == ("1 of 2 rows were left out: the image is not there.",)


@pytest.mark.parametrize("answer", ["No", "NO", "unclear"])
def test_an_image_whose_licence_is_not_free_is_left_out(tmp_path: Path, answer: str) -> None:
    rows = [
        TEACHER.replace("Yes", answer),
        DOCTOR.replace("Yes", "YES"),
        DOCTOR.replace("OO_2\t", "OO_3\t").replace("Yes", ""),
    ]
    write(tmp_path, rows, images=["OO_1.jpg", "OO_2.jpg", "OO_3.jpg", "OP_1.jpg"])
    write(tmp_path, [TOGETHER.replace("Yes", answer)], name="OP_Visogender_11012024.tsv", header=OP)
    found = visogender.samples(tmp_path, name="x")
    assert found.table["sample_id"].tolist() == ["OO_2", "OO_3"]
    reason = "its licence was not found to be free"
    assert found.skipped.to_dict("records") == [{"file": name, "reason": reason} for name in ("OO_1", "OP_1")]


@pytest.mark.parametrize(
    ("index", "reason"),
    [
        ("../secret", "the name leads out of the data folder"),
        ("../../secret", "the name leads out of the data folder"),
        ("/secret", "only its URL is known: get the image and put it there"),
        ("", "only its URL is known: get the image and put it there"),
    ],
)
def test_an_index_never_leads_out_of_the_folder(tmp_path: Path, index: str, reason: str) -> None:
    for folder in (tmp_path, tmp_path / "data"):
        folder.mkdir(exist_ok=True)
        Image.new("RGB", (8, 8)).save(folder / "secret.jpg")
    root = write(tmp_path / "data", [TEACHER.replace("OO_1", index), DOCTOR], images=["OO_2.jpg"])
    found = visogender.samples(root, name="x")
    assert found.table["sample_id"].tolist() == ["OO_2"]
    assert found.skipped["reason"].tolist() == [reason]


@pytest.mark.parametrize(
    ("column", "renamed", "said"),
    [
        ("IDX", "Index", "must have the columns IDX, Occupation; 'IDX' is missing. It has Index, Sector,"),
        ("Occupation", "Ocupation", "must have the columns IDX, Occupation; 'Occupation' is missing. Did you mean "
         "'Ocupation'? Add or rename the column."),
        ("Occupation_perceived_gender", "Occupation_perceived_sex", "must have the columns Occupation_perceived_gender"
         "; 'Occupation_perceived_gender' is missing. Did you mean 'Occupation_perceived_sex'? Add or rename the"),
    ],
)  # fmt: skip
def test_a_renamed_column_is_named_with_the_nearest(tmp_path: Path, column: str, renamed: str, said: str) -> None:
    header = [renamed if name == column else name for name in OO]
    with pytest.raises(DataError) as caught:
        visogender.samples(write(tmp_path, [TEACHER], header=header, images=["OO_1.jpg"]), name="x")
    assert str(caught.value).startswith(f"table {tmp_path / NEWEST} {said}")


def test_a_list_with_other_separators_is_refused(tmp_path: Path) -> None:
    write(tmp_path, [TEACHER])
    (tmp_path / NEWEST).write_text((tmp_path / NEWEST).read_text().replace("\t", ","))
    with pytest.raises(
        DataError, match=r"must have the columns IDX, Occupation; 'IDX' is missing\. It has IDX,Sector,"
    ):
        visogender.samples(tmp_path, name="x")


def test_one_index_in_two_rows_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="must have one row per sample_id; got 'OO_1' 2 times"):
        visogender.samples(write(tmp_path, [TEACHER, TEACHER], images=["OO_1.jpg"]), name="x")


WHERE = (
    "Check the folder against the layout of the reader 'visogender': OO_Visogender_DATE.tsv, OP_Visogender_DATE.tsv or "
    "one of them, and images/IDX.jpg, got from their URLs. VisoGender is available at "
    "https://github.com/oxai/visogender (the list CC BY 4.0, to evaluate and never to train; each image has a licence "
    "of its own); fairaudit downloads nothing."
)


def test_a_folder_without_lists_or_images_says_where_they_are_to_be_had(tmp_path: Path) -> None:
    write(tmp_path, [TEACHER], name="Test_OO_Visogender_11062023.tsv")
    with pytest.raises(DataError) as caught:
        visogender.samples(tmp_path, name="x")
    start = f"data folder {tmp_path} must contain "
    names = "OO_Visogender_DATE.tsv or OP_Visogender_DATE.tsv"
    assert str(caught.value) == f"{start}{names}; got none. {WHERE}"
    write(tmp_path, [TEACHER, DOCTOR])
    with pytest.raises(DataError) as caught:
        visogender.samples(tmp_path, name="x")
    named = (
        "the images that the column IDX (as images/IDX.jpg) names; got none among 2 rows, the first 'images/OO_1.jpg'"
    )
    assert str(caught.value) == f"{start}{named}. {WHERE}"


@pytest.mark.parametrize(("mark", "end"), [(b"", b"\n"), (b"\xef\xbb\xbf", b"\r\n"), (b"", b"\r")])
def test_a_byte_order_mark_and_other_line_ends_make_no_difference(tmp_path: Path, mark: bytes, end: bytes) -> None:
    write(tmp_path, [TEACHER, DOCTOR.replace("doctor", "médecin")], images=["OO_1.jpg", "OO_2.jpg"])
    text = (tmp_path / NEWEST).read_bytes()
    (tmp_path / NEWEST).write_bytes(mark + text.replace(b"\r\n", end) + end)
    table = visogender.samples(tmp_path, name="x").table
    assert table[["sample_id", "label"]].to_numpy().tolist() == [["OO_1", "teacher"], ["OO_2", "médecin"]]


def test_another_encoding_is_refused(tmp_path: Path) -> None:
    write(tmp_path, [TEACHER], images=["OO_1.jpg"])
    text = (tmp_path / NEWEST).read_text()
    (tmp_path / NEWEST).write_bytes(text.replace("teacher", "médecin").encode("cp1252"))
    with pytest.raises(DataError) as caught:
        visogender.samples(tmp_path, name="x")
    problem = "must be text in UTF-8; got other bytes, the first 0xe9 in line 2. Save it again as UTF-8."
    assert str(caught.value) == f"file {tmp_path / NEWEST} {problem}"
