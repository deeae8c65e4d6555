"""A saved audit is opened by one function, and what is no audit is refused by a sentence."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import fairaudit
from fairaudit.core.errors import DataError


def test_a_saved_audit_opens_by_folder_or_file_and_shows_itself_in_a_notebook(tmp_path: Path) -> None:
    rows = pd.DataFrame({"sample_id": range(80), "skin": ["dark", "light"] * 40, "hit": [1, 1, 0, 1] * 20})
    made = fairaudit.audit_outcomes(rows, outcomes=["hit"], features=["skin"], output=tmp_path / "out")
    for path in (tmp_path / "out", str(tmp_path / "out" / "audit.json")):
        loaded = fairaudit.load_audit(path)
        assert type(loaded) is type(made)
        assert loaded.provenance == made.provenance
        assert "<table" in loaded._repr_html_()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"{", r"audit\.json must be JSON; got: .*\. Run the audit again\."),
        (b"", r"audit\.json must be JSON; got: .*\. Run the audit again\."),
        (b"\xff\xfe{}", r"audit\.json must be JSON; got: "),
        (b"[" * 100_000, r"audit\.json must be JSON; got: values nested too deeply\. Run the audit again\."),
        (
            b'{"config": ' + 900 * b'{"a":' + b"1" + 901 * b"}",
            r"audit\.json must be JSON; got: values nested too deeply\.",
        ),
        (b"[]", r"audit\.json must hold an audit; got a JSON list\. Run the audit again\."),
        (b"{}", r"audit\.json must have schema_version 2\.0; got None\."),
    ],
)
def test_files_that_are_no_audit(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "audit.json").write_bytes(content)
    with pytest.raises(DataError, match=message):
        fairaudit.load_audit(tmp_path)


def test_a_folder_without_an_audit(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        fairaudit.load_audit(tmp_path)
    assert str(caught.value) == (
        f"audit {tmp_path} must be a folder with audit.json; got none there. Run `fairaudit audit ... -o {tmp_path}`."
    )


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    rows = pd.DataFrame({"sample_id": range(80), "skin": ["dark", "light"] * 40, "hit": [1, 1, 0, 1] * 20})
    fairaudit.audit_outcomes(rows, outcomes=["hit"], features=["skin"], output=tmp_path / "out")
    return tmp_path / "out"


@pytest.mark.parametrize("name", ["statistics.parquet", "influences.parquet"])
@pytest.mark.parametrize("damage", ["no Parquet", "empty", "no column", "text", "lists"])
def test_a_damaged_table_is_named(saved: Path, name: str, damage: str) -> None:
    path, number = saved / name, {"s": "numerator", "i": "influence"}[name[0]]
    rows = pd.read_parquet(path)
    if damage in ("no Parquet", "empty"):
        path.write_bytes(b"PAR1 of old" * (damage != "empty"))
    else:
        changed = {
            "no column": rows.drop(columns="feature"),
            "text": rows.assign(**{number: "much"}),
            "lists": rows.assign(group=rows["group"].str.split()),
        }
        changed[damage].to_parquet(path, index=False)
    with pytest.raises(DataError) as caught:
        fairaudit.load_audit(saved)
    start, got = str(caught.value).split("; got: ")
    assert start == f"table {path} must be a Parquet file with the columns {', '.join(rows.columns)}"
    assert got.endswith(". Delete the file, or run the audit again.")
    assert {"no column": "feature", "text": number, "lists": "group"}.get(damage, "arquet") in got


@pytest.mark.parametrize(("name", "column"), [("statistics.parquet", "numerator"), ("influences.parquet", "influence")])
def test_numbers_edited_in_a_table_are_told(saved: Path, name: str, column: str) -> None:
    rows = pd.read_parquet(saved / name)
    rows.assign(**{column: rows[column] * 2}).to_parquet(saved / name, index=False)
    with pytest.warns(UserWarning, match="was edited") as told:
        fairaudit.load_audit(saved)
    assert [str(warning.message).split(":")[0] for warning in told] == [
        f"{saved / name} was edited since it was written"
    ]


def test_a_time_edited_in_the_folder_is_told_once(saved: Path) -> None:
    text = (saved / "audit.json").read_text(encoding="utf-8")
    (saved / "audit.json").write_text(text.replace('"started": "2', '"started": "1'), encoding="utf-8")
    with pytest.warns(UserWarning, match=r"audit\.json was edited since it was written") as told:
        fairaudit.load_audit(saved)
    assert len(told) == 1
