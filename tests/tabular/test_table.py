"""Outcomes that others computed: what is read from a file, and everything that is refused, with its sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fairaudit.core.errors import ConfigError, DataError
from fairaudit.tabular import file as outcome_file
from fairaudit.tabular.table import OutcomeTable, read_outcome_table

Save = Callable[[pd.DataFrame, Path], None]
SAVED: dict[str, Save] = {
    "csv": lambda table, path: table.to_csv(path, index=False),
    "parquet": lambda table, path: table.to_parquet(path),
    # An index that has a name is a column of the file, and metadata say that it is none.
    "indexed parquet": lambda table, path: table.set_index("sample_id").to_parquet(path),
}


def rows() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "sample_id": ["s1", "s2", "s3", "s4"],
            "cluster_id": ["p1", "p1", "p2", "p2"],
            "gender": ["f", "m", None, "f"],
            "grade": [10, 9, 9, 10],
            "hit": [1.0, 0.0, np.nan, 1.0],
            "seen": [True, False, True, True],
            "unused": ["x", "y", "z", "w"],
        }
    )


def read(source: Any, **options: Any) -> OutcomeTable:
    return read_outcome_table(source, **{"outcomes": ["hit"], "features": ["gender"], **options})


def test_a_control_is_a_feature_or_another_column() -> None:
    found = read(
        rows().assign(topic=np.array(["bed", None, "bed", "loom"], dtype=object)), control_features=["topic", "gender"]
    )
    assert found.controls.to_dict("list") == {
        "topic": ["bed", "not recorded", "bed", "loom"], "gender": ["f", "m", "not recorded", "f"],
    }  # fmt: skip
    assert found.groups.columns.tolist() == ["gender"]
    assert read(rows()).controls.shape == (4, 0)
    twice = pd.concat([rows(), rows()[["unused"]]], axis=1)
    with pytest.raises(DataError) as error:
        read(twice, control_features=["unused"])
    assert str(error.value) == "the table of outcomes must have one column 'unused'; got 2. Add or rename the column."


@pytest.mark.parametrize("form", SAVED)
def test_a_file_gives_what_its_rows_give(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"said.{form.split()[-1]}"
    SAVED[form](rows(), path)
    for source in (path, rows()):
        found = read(source, outcomes=["hit", "seen"], features=["gender", "grade"])
        assert found.ids.tolist() == ["s1", "s2", "s3", "s4"]
        assert (found.clusters.tolist(), found.clustered) == (["p1", "p1", "p2", "p2"], True)
        assert found.groups.columns.tolist() == ["gender", "grade"]
        assert found.groups["gender"].tolist() == ["f", "m", "not recorded", "f"]
        assert found.groups["grade"].tolist() == ["10", "9", "9", "10"]
        assert [f.groups for f in found.features] == [("f", "m"), ("9", "10")]  # by number, not as text
        assert found.outcomes["hit"].tolist() == pytest.approx([1, 0, np.nan, 1], nan_ok=True)
        assert found.outcomes["seen"].tolist() == [1, 0, 1, 1]
    assert read(path).name == "said"


def test_cells_of_a_csv_are_stripped_and_empty_ones_are_missing(tmp_path: Path) -> None:
    path = tmp_path / "a.CSV"
    path.write_bytes('\ufeff sample_id , gender,hit\r\n1, f ,1\r\n2,,\r\n3,NA,true\r\n\r\n4,"f",NaN\r\n'.encode())
    found = read(path)
    assert found.ids.tolist() == ["1", "2", "3", "4"]
    assert (found.clusters.tolist(), found.clustered) == (["1", "2", "3", "4"], False)
    assert found.groups["gender"].tolist() == ["f", "not recorded", "NA", "f"]  # NA may be Namibia
    assert found.outcomes["hit"].tolist() == pytest.approx([1, np.nan, 1, np.nan], nan_ok=True)


def test_an_order_is_taken_from_the_declaration() -> None:
    table = rows().assign(income=pd.Series(["low", "high", None, "low"], dtype=object))
    for features in (["gender", "income=low,middle,high"], {"gender": None, "income": ("low", "middle", "high")}):
        gender, income = read(table, features=features).features
        assert (gender.groups, gender.ordered, gender.known_by) == (("f", "m"), False, "not stated")
        assert (income.groups, income.ordered) == (("low", "middle", "high"), True)
    assert read(table.rename(columns={"income": "a=b"}), features="a=b").features[0].name == "a=b"


def test_numbers_without_bounds_are_taken_where_asked_for() -> None:
    table = rows().assign(loss=[-3.0, 2, 8, 1])
    assert read(table, outcomes=["loss"], unbounded=["loss"]).outcomes["loss"].tolist() == [-3, 2, 8, 1]


COLUMNS = "sample_id, cluster_id, gender, grade, hit, seen, unused"


@pytest.mark.parametrize(
    ("change", "options", "text"),
    [
        (
            {}, {"outcomes": ["hits"]},
            f"outcome must be a column of the table of outcomes: {COLUMNS}; got 'hits'. Did you mean 'hit'?",
        ),
        (
            {}, {"features": ["gendre"]},
            f"feature must be a column of the table of outcomes: {COLUMNS}; got 'gendre'. Did you mean 'gender'?",
        ),
        (
            {}, {"outcomes": []},
            "an audit of outcomes must name at least one outcome; got none. The table of outcomes has the columns "
            f"{COLUMNS}: add --outcome NAME.",
        ),
        (
            {}, {"features": []},
            "an audit of outcomes must name at least one feature; got none. The table of outcomes has the columns "
            f"{COLUMNS}: add --feature NAME.",
        ),
        (
            {}, {"outcomes": ["hit", "hit"]},
            "sample_id, cluster_id, outcomes and features must be different columns, each named once; got 'hit' as "
            "outcome and again. Leave one out.",
        ),
        (
            {}, {"features": ["hit"]},
            "sample_id, cluster_id, outcomes and features must be different columns, each named once; got 'hit' as "
            "feature and again. Leave one out.",
        ),
        ({}, {"features": ["gender", "gender"]}, "a feature must be named once; got 'gender' twice. Leave one out."),
        (
            {}, {"unbounded": ["hitt"]},
            "unbounded must be one of: hit; got 'hitt'. Did you mean 'hit'?",
        ),
        (
            {"overall": ["a", "b", "a", "b"]}, {"features": ["overall"]},
            "a feature must not be called 'overall' or hold ' & '; got 'overall'. Rename the column.",
        ),
        (
            {}, {"features": ["gender=f"]},
            "the order of feature 'gender' must list at least two different groups; got 'f'. For example: --feature "
            "income=low,middle,high.",
        ),
    ],
)  # fmt: skip
def test_what_is_declared_must_be_there(change: dict[str, Any], options: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError) as raised:
        read(rows().assign(**change), **options)
    assert str(raised.value) == text


@pytest.mark.parametrize(
    ("change", "options", "text"),
    [
        (
            {"sample_id": ["s1", "s2", "s2", "s2"]}, {},
            "the table of outcomes must have one row per sample_id; got 's2' 3 times. Remove or rename the repeated "
            "rows; use cluster_id for what they have in common.",
        ),
        (
            {"sample_id": ["s1", None, "", "s2"]}, {},
            "the table of outcomes must have a sample_id in every row; it is missing in 2. Fill it in.",
        ),
        (
            {"cluster_id": ["p1", None, "p2", "p2"]}, {},
            "the table of outcomes must have a cluster_id in every row; it is missing in 1. Fill it in. Give each "
            "independent row a cluster of its own.",
        ),
        (
            {"hit": [np.nan] * 4}, {},
            "outcome 'hit' of the table of outcomes must have a number in at least one row; got none. Leave it out.",
        ),
        (
            {"hit": [1, 0, 2, -3]}, {},
            "outcome 'hit' of the table of outcomes must lie in [0, 1]; got 2 in row 3 (2 of 4 rows are outside). "
            "Correct them, or name it as unbounded: unbounded=['hit'], or --unbounded hit on the command line.",
        ),
        (
            {"w": [1, -2, 0, -3]}, {"sample_weight": "w"},
            "sample_weight 'w' of the table of outcomes must be a finite number of 0 or more in every row; got '-2' in "
            "row 2 (2 such rows). Correct it, or write 0 for rows that must not count.",
        ),
        (
            {"w": [0, 0, 0, 0]}, {"sample_weight": "w"},
            "sample_weight 'w' of the table of outcomes must be above 0 in at least one row; got 0 in all 4. Leave it "
            "out.",
        ),
        (
            {"hit": [1, np.inf, 0, 0]}, {"unbounded": ["hit"]},
            "outcome 'hit' must be finite; got infinity in 1 rows. Use NaN for what was not measured.",
        ),
        (
            {"hit": ["1", "0", "no", ""]}, {},
            "outcome 'hit' of the table of outcomes must be a number in every row, or empty; got 'no' in row 3. "
            "Correct it.",
        ),
        (
            {"gender": [None] * 4}, {},
            "feature 'gender' of the table of outcomes must be recorded in at least one row; got none. Leave it out.",
        ),
        (
            {"gender": ["f", "mm", "m", "f"]}, {"features": ["gender=f,m"]},
            "feature 'gender' of the table of outcomes must be one of f, m; got 'mm'. Did you mean 'm'?",
        ),
        (
            {"gender": ["f", 1, "m", "f"]}, {},
            "feature 'gender' must hold values of one kind; got numbers and text. Convert it to text first.",
        ),
    ],
)  # fmt: skip
def test_rows_that_cannot_be_used_are_refused(change: dict[str, Any], options: dict[str, Any], text: str) -> None:
    with pytest.raises(DataError) as raised:
        read(rows().assign(**change), **options)
    assert str(raised.value) == text


def test_columns_that_are_not_named_do_not_matter() -> None:
    table = pd.concat([rows(), rows()["unused"], pd.Series([[1], [2], [3], [4]], name="list")], axis=1)
    assert read(table).outcomes["hit"].tolist() == pytest.approx([1, 0, np.nan, 1], nan_ok=True)


def test_columns_must_be_there_once() -> None:
    for table, text in (
        (rows().drop(columns="sample_id"), "must have one column 'sample_id'; got 0. Add or rename the column."),
        (rows().rename(columns={"sample_id": "sampleid"}), "got 0. Did you mean 'sampleid'? Add or rename the column."),
        (rows().rename(columns={"seen": "hit"}), "must have one column 'hit'; got 2. Add or rename the column."),
        (rows().rename(columns={"seen": 3}), "must have text for a name; got 3. Rename the column."),
        (rows().iloc[:0], "must have at least one row; got none. Check what was filtered before."),
    ):
        with pytest.raises(DataError) as raised:
            read(table)
        assert str(raised.value).endswith(text)


def test_too_many_groups_are_no_groups() -> None:
    n = 300
    table = pd.DataFrame({"sample_id": range(n), "hit": 1, "age": np.arange(n) / 7, "year": range(n), "a": "x"})
    with pytest.raises(DataError, match=r"^feature 'age' of .* must have at most 250 groups; got 300. Put its values"):
        read(table, features=["age"])
    table = table.assign(age=table["year"] % 100, year=table["year"] % 90)
    with pytest.raises(DataError, match=r"must cross to at most 5,000 groups, two at a time; got 9,000. Leave out"):
        read(table, features=["age", "year"])
    assert len(read(table, features=["age", "a"]).features) == 2


def test_files_that_cannot_be_read_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path) -> str:
        with pytest.raises(DataError) as raised:
            read(path)
        return str(raised.value)

    absent = tmp_path / "no.csv"
    assert refused(absent) == f"outcomes {absent} must be a .parquet or .csv file; got no such file. Check the path."
    (tmp_path / "a.xlsx").touch()
    assert "must be a .parquet or .csv file; got the ending '.xlsx'. Check the path." in refused(tmp_path / "a.xlsx")
    for name, content, what in (
        ("empty.csv", b"", "a CSV file in UTF-8 with a header; got: an empty file. Save it again."),
        ("latin.csv", "sample_id,gender,hit\n1,\xe9,1\n".encode("latin-1"), "a CSV file in UTF-8 with a header; got: "),
        (
            "long.csv",
            b'sample_id,gender,hit\n1,f,1\n2,f,"1\n',
            "a CSV file in UTF-8 with a header; got: a quotation mark that is ",
        ),
        ("many.csv", b"sample_id,gender,hit\n1,f,1\n2,f,1,0\n", "a CSV file in UTF-8 with a header; got: CSV parse "),
        ("shifted.csv", b"sample_id,gender,hit\n1,Doe, Jane,f,1\n", "a CSV file in UTF-8 with a header; got: "),
        ("few.csv", b"sample_id,gender,hit\n1,f\n", "a CSV file in UTF-8 with a header; got: "),
        ("no.parquet", b"PAR1 and then nothing", "a Parquet file; got: "),
    ):
        (tmp_path / name).write_bytes(content)
        assert refused(tmp_path / name).startswith(f"outcomes {name} must be {what}")
    rows().to_csv(tmp_path / "large.csv", index=False)
    monkeypatch.setattr(outcome_file, "MAX_CSV_BYTES", 20)
    assert "large.csv must be at most 0 MB as CSV; got 0 MB. Save it as Parquet." in refused(tmp_path / "large.csv")
    rows().to_parquet(tmp_path / "large.parquet")
    monkeypatch.setattr(outcome_file, "MAX_ROWS", 3)
    assert "large.parquet must have at most 3 rows; got 4. Take a sample." in refused(tmp_path / "large.parquet")
