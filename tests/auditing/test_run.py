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
