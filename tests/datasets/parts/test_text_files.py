"""Texts of other people: encodings, line ends, and where in a file a defect is."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairaudit.core.errors import DataError
from fairaudit.datasets.parts.csv_table import read_csv, renamed
from fairaudit.datasets.parts.text_files import read_json, read_json_lines, read_text

TEXT = "file,place\na.jpg,São Paulo\nb.jpg,Bãlti\n"


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_any_line_ends_and_marked_encodings(tmp_path: Path, encoding: str, ends: str) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(TEXT.replace("\n", ends).encode(encoding))
    assert read_text(path) == TEXT
    table = read_csv(path, required=("file", "place"))
    assert table.to_dict("list") == {"file": ["a.jpg", "b.jpg"], "place": ["São Paulo", "Bãlti"]}


def test_an_encoding_is_never_guessed(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(TEXT.encode("cp1252"))
    with pytest.raises(DataError) as caught:
        read_text(path)
    assert str(caught.value) == (
        f"file {path} must be text in UTF-8; got other bytes, the first 0xe3 in line 2. Save it again as UTF-8."
    )
    with pytest.raises(DataError, match=r"t\.csv must be text in UTF-8; got other bytes, the first 0xe3 in line 2\."):
        read_csv(path, required=("file",))


def test_a_text_that_is_not_there_or_too_long(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none\.txt must be a readable file; got no such file\. Check its path\."):
        read_text(tmp_path / "none.txt")
    with (tmp_path / "long.txt").open("wb") as file:
        file.truncate(500_000_001)  # it takes no room on the disk
    with pytest.raises(DataError, match=r"long\.txt must have at most 500,000,000 bytes; got 500,000,001\."):
        read_text(tmp_path / "long.txt")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('{"a": 1,\n "b": }', "must be JSON; got 'Expecting value' in line 2, column 7. Get the whole file again."),
        ("[1, 2", "must be JSON; got 'Expecting ',' delimiter' in line 1, column 6. Get the whole file again."),
        ("[" * 100_000, "must be JSON; got values nested too deeply. Get the file again."),
        ("[" + "9" * 5000 + "]", "must be JSON; got an integer with too many digits. Get the file again."),
        ("[1]", "must hold an object by id; got a list. Check that it is the right file."),
        ("3", "must hold an object by id; got a number. Check that it is the right file."),
        ("null", "must hold an object by id; got null. Check that it is the right file."),
    ],
)
def test_a_json_that_is_none(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(DataError) as caught:
        read_json(tmp_path / "x.json", kind=dict, what="an object by id")
    assert str(caught.value) == f"file {tmp_path / 'x.json'} {message}"


def test_json_lines_count_every_line(tmp_path: Path) -> None:
    path = tmp_path / "x.jsonl"
    path.write_bytes(b'\xef\xbb\xbf{"t": "a\xe2\x80\xa8b"}\r\n\r\n{"t": 2}\r\n{"t":')
    found = read_json_lines(path, what="an object with t")
    assert next(found) == (1, {"t": "a\u2028b"}), "a separator within a text ends no line"
    assert next(found) == (3, {"t": 2})
    with pytest.raises(DataError) as caught:
        next(found)
    assert str(caught.value) == (
        f"line 4 of {path} must be an object with t; got a line that is no JSON. Correct or remove the line."
    )


def test_only_the_columns_that_are_needed_are_read(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text(" a \tb\tc\n1\t 2 \t3\n")
    assert read_csv(tmp_path / "t.tsv", required=("a",), optional=("b", "x"), separator="\t").to_dict("list") == {
        "a": ["1"], "b": ["2"],
    }  # fmt: skip


def test_a_renamed_column_is_named_with_the_nearest_one(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("fille,place\n")
    for optional in (None, ()):
        with pytest.raises(DataError) as caught:
            read_csv(path, required=("file", "place"), optional=optional)
        assert str(caught.value) == (
            f"table {path} must have the columns file, place; 'file' is missing. Did you mean 'fille'? Add or rename "
            "the column."
        )
    with pytest.raises(
        DataError, match=r"must have the columns town; 'town' is missing\. It has fille, place\. Add or"
    ):
        renamed(read_csv(path, required=()), path, city=("town", "village"))
    assert list(renamed(read_csv(path, required=()), path, city=("town", "place"))) == ["fille", "city"]


@pytest.mark.parametrize("optional", [None, ()])
def test_a_cell_too_many_is_refused_and_shifts_nothing(tmp_path: Path, optional: tuple[str, ...] | None) -> None:
    path = tmp_path / "t.csv"
    path.write_text("file,place\nb.jpg,Lima\na.jpg,Rio, Brazil\n")
    with pytest.raises(DataError) as caught:
        read_csv(path, required=("file",), optional=optional)
    assert str(caught.value) == (
        f"table {path} must have as many cells in each row as in its header, 2; got 3 in line 3. Put cells with a ',' "
        "into quotation marks."
    )


def test_a_row_that_ends_early_is_refused_where_a_cell_is_needed(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("file,place,note\na.jpg,Rio\nb.jp")
    assert read_csv(path, required=("file",))["note"].tolist() == ["", ""]
    with pytest.raises(DataError) as caught:
        read_csv(path, required=("file", "place"))
    assert str(caught.value) == (
        f"table {path} must have a cell for 'place' in every row; line 3 ends before it. Get the whole table again, or "
        "fill the row in."
    )


@pytest.mark.parametrize("header", ["file,place,file", "file,place, place"])
def test_a_name_that_stands_twice_is_refused(tmp_path: Path, header: str) -> None:
    (tmp_path / "t.csv").write_text(f"{header}\na.jpg,Rio,x\n")
    with pytest.raises(DataError, match=r"must have different names; got '(file|place)' twice\. Rename one of them\."):
        read_csv(tmp_path / "t.csv", required=("file",))


def test_a_quotation_mark_between_tabs_is_a_letter(tmp_path: Path) -> None:
    (tmp_path / "t.tsv").write_text('file\tnote\na.jpg\t"x\nb.jpg\ty\nc.jpg\tz"\n')
    found = read_csv(tmp_path / "t.tsv", required=("file",), separator="\t")
    assert found["file"].tolist() == ["a.jpg", "b.jpg", "c.jpg"]
    assert found["note"].tolist() == ['"x', "y", 'z"']


def test_cells_may_be_long(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"file,outline\na.jpg,{'1' * 200_000}\n")
    assert len(read_csv(tmp_path / "t.csv", required=("file", "outline"))["outline"][0]) == 200_000


def test_half_a_letter_at_the_end_of_a_cut_text_ends_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text('{"a": "\\ud83d\\ude00", "b": "cut \\uD83D"}')
    assert read_json(tmp_path / "x.json", kind=dict, what="x") == {"a": "\U0001f600", "b": "cut ?"}
    (tmp_path / "x.jsonl").write_text('{"a": "\\udfff"}')
    assert list(read_json_lines(tmp_path / "x.jsonl", what="x")) == [(1, {"a": "?"})]


def test_another_separator_is_told(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("file;place\na.jpg;Rio\n")
    with pytest.raises(DataError, match=r"Its cells seem to be separated by ';': save it with ','\. Add or rename"):
        read_csv(tmp_path / "t.csv", required=("file",))
