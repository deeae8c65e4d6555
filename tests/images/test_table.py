from __future__ import annotations

import datetime
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fairaudit.core.errors import ConfigError, DataError
from fairaudit.images.table import find_table, open_table


def cells(path: Path, *names: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {name: [] for name in names}
    for batch in open_table(path).batches(names):
        for name in names:
            found[name] += batch[name].to_pylist()
    return found


def test_cells_of_a_csv_are_text_and_nothing_in_them_is_evaluated(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text('\ufeff file ,country,note\n"a\nb.jpg",NA,=1+1\nc.jpg,  ,"@SUM(A1)"\nd.jpg,null,007\n', "utf-8")
    table = open_table(path)
    assert (table.columns, table.file_column) == (("file", "country", "note"), "file")
    assert cells(path, "note", "country", "file") == {
        "note": ["=1+1", "@SUM(A1)", "007"],
        "country": ["NA", "", "null"],
        "file": ["a\nb.jpg", "c.jpg", "d.jpg"],
    }


def test_cells_of_a_parquet_become_text(tmp_path: Path) -> None:
    path = tmp_path / "a.parquet"
    frame = pd.DataFrame(
        {
            "gender": pd.Categorical(["woman", None, " man "]),
            "age": [1.5, np.nan, 3.0],
            "day": [datetime.date(2024, 1, 2), None, datetime.date(2024, 1, 3)],
            "count": [1, 2, 3],
        }
    )
    frame.to_parquet(path)
    found = cells(path, "gender", "age", "day", "count")
    assert found["gender"] == ["woman", "", "man"]
    assert found["age"] == ["1.5", "", "3"]
    assert found["day"] == ["2024-01-02", "", "2024-01-03"]
    assert found["count"] == ["1", "2", "3"]


def test_both_kinds_of_file_give_the_same_text_in_many_batches(tmp_path: Path, rng: np.random.Generator) -> None:
    frame = pd.DataFrame({"x": rng.choice(["a", "b", "", "ü"], 50_000), "y": "long " * 20})
    frame.to_csv(tmp_path / "t.csv", index=False)
    frame.to_parquet(tmp_path / "t.parquet", row_group_size=9_000)
    assert len(list(open_table(tmp_path / "t.csv").batches(["x"]))) > 3
    assert len(list(open_table(tmp_path / "t.parquet").batches(["x"]))) > 3
    assert cells(tmp_path / "t.csv", "x")["x"] == cells(tmp_path / "t.parquet", "x")["x"] == frame["x"].tolist()


@pytest.mark.parametrize(
    ("name", "content", "text"),
    [
        ("a.csv", b"", "table a.csv must be a CSV file in UTF-8 with a header; got: an empty file. Save it again."),
        (
            "a.csv",
            b"x,x\n1,2\n",
            "columns of table a.csv must have different names; got 'x' twice. Rename one of them.",
        ),
        ("a.csv", b"x,y\n1,2,3\n", "Expected 2 columns, got 3"),
        ("a.csv", b"x,y\n1,\xff\n", "table a.csv must be a CSV file in UTF-8 with a header; got: "),
        ("a.csv", b'x,y\n"1,2\n', "got: a quotation mark that is not closed, which may hold rows. Save it again."),
        ("a.parquet", b"x,y\n1,2\n", "table a.parquet must be a Parquet file; got: "),
    ],
)
def test_a_file_that_is_no_table_is_refused(tmp_path: Path, name: str, content: bytes, text: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=re.escape(text)):
        cells(tmp_path / name, "x")


def test_other_files_and_columns_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must be a \.csv or \.parquet file; got no such file\. Check the path\."):
        open_table(tmp_path / "none.csv")
    (tmp_path / "a.xlsx").write_bytes(b"x")
    with pytest.raises(DataError, match=r"got the ending '\.xlsx'"):
        open_table(tmp_path / "a.xlsx")
    pq.write_table(pa.table({"tags": [["a"], ["b"]], "raw": [b"a", b"b"]}), tmp_path / "a.parquet")
    for name, kind in (("tags", "list<element: string>"), ("raw", "binary")):
        text = f"column '{name}' of table a.parquet must hold text, numbers or dates; got {kind}. Name another column"
        with pytest.raises(DataError, match=re.escape(text)):
            cells(tmp_path / "a.parquet", name)
    with pytest.raises(
        ConfigError, match=r"--field of table a\.parquet must be one of: raw, tags; got 'tag'\. Did you "
    ):
        open_table(tmp_path / "a.parquet").check_columns(["tag"], "--field")


def test_the_table_of_a_folder_is_found_and_two_are_refused(tmp_path: Path) -> None:
    assert find_table(tmp_path) is None
    (tmp_path / "metadata.csv").write_text("file_name\na\n")
    found = find_table(tmp_path)
    assert found is not None
    assert found.file_column == "file_name"
    (tmp_path / "images.csv").write_text("path\na\n")
    with pytest.raises(
        DataError, match=r"must hold one table of its images; got images\.csv and metadata\.csv\. Remove"
    ):
        find_table(tmp_path)
