from __future__ import annotations

import re
import resource
import tomllib
from pathlib import Path

import pytest

from fairaudit.core.errors import ConfigError, DataError
from fairaudit.describe.datasheet import (
    QUESTIONS,
    Datasheet,
    datasheet_from,
    find_datasheet,
    read_datasheet,
    write_template,
)

KEYS = [
    "source", "collected_when", "consent", "licence", "terms", "moderation", "excluded_regions",
    "private_or_banned_accounts", "duplicates_policy", "people_in_images", "intended_use", "misuse", "contact",
]  # fmt: skip


def test_every_question_that_is_not_answered_is_not_declared(tmp_path: Path) -> None:
    (tmp_path / "datasheet.toml").write_text('licence = " CC BY 4.0 "\nmisuse = """\nA\nB"""\nsource = "  "\n')
    sheet = read_datasheet(tmp_path / "datasheet.toml")
    assert dict(sheet.answers) == {"licence": "CC BY 4.0", "misuse": "A\nB"}
    assert list(QUESTIONS) == KEYS
    rows = dict(sheet.rows())
    assert len(rows) == len(KEYS)
    assert [name for name, answer in rows.items() if answer != "not declared"] == ["Licence", "Misuse"]
    assert sheet.document() == dict.fromkeys(KEYS) | {"licence": "CC BY 4.0", "misuse": "A\nB"}
    assert datasheet_from(sheet.document()) == sheet


def test_the_template_is_toml_with_every_key_empty_and_is_never_overwritten(tmp_path: Path) -> None:
    path = write_template(tmp_path)
    text = path.read_text(encoding="utf-8")
    assert tomllib.loads(text) == dict.fromkeys(KEYS, "")
    for _, question in QUESTIONS.values():
        assert f"# {question}\n" in text
    assert find_datasheet(tmp_path) == Datasheet()
    path.write_text('contact = "me"\n')
    text = f"{path} must not be there yet; got a datasheet that may hold answers. Edit it, or move it away first."
    with pytest.raises(ConfigError, match=f"^{re.escape(text)}$"):
        write_template(tmp_path)
    assert path.read_text() == 'contact = "me"\n'
    with pytest.raises(
        ConfigError, match=r"must be an existing folder of data; got no folder there\. Check the path\."
    ):
        write_template(tmp_path / "none")


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (b'license = "x"', "; got 'license'. Did you mean 'licence'?"),
        (b'zzz = "x"', f"key of the datasheet must be one of: {', '.join(sorted(KEYS))}; got 'zzz'. Choose one"),
        (b"licence = 3", "'licence' of the datasheet must be a text in quotation marks; got 3. Write licence = "),
        (b"[licence]\na = 1", "'licence' of the datasheet must be a text in quotation marks; got {'a': 1}. Write"),
        (b'terms = "' + b"x" * 10_001 + b'"', "'terms' of the datasheet must have at most 10,000 characters; got 10,"),
        (b"licence = ", "must be TOML in UTF-8; got: Invalid value (at end of document). Correct that line."),
        (b'licence = "\xff"', "must be TOML in UTF-8; got: 'utf-8' codec can't decode byte 0xff"),
    ],
)  # fmt: skip
def test_a_wrong_datasheet_is_refused_and_named(tmp_path: Path, content: bytes, text: str) -> None:
    path = tmp_path / "datasheet.toml"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=re.escape(text)) as error:
        read_datasheet(path)
    assert str(path) in str(error.value)


def test_what_is_no_datasheet_is_refused(tmp_path: Path) -> None:
    assert find_datasheet(tmp_path) is None
    with pytest.raises(ConfigError, match=r"must be a readable file; got no such file\. Check its path\."):
        read_datasheet(tmp_path / "none.toml")
    with pytest.raises(
        DataError, match=r"^datasheet must be an object of answers; got \[1\]\. Make it again from data"
    ):
        datasheet_from([1])


def test_a_full_disk_leaves_no_datasheet_and_the_next_try_writes_one(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        with pytest.raises(OSError, match="File too large"):
            write_template(tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list(tmp_path.iterdir()) == []
    assert read_datasheet(write_template(tmp_path)).answers == {}
