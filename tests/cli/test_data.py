"""``fairaudit data``: what it prints, writes and refuses."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from fairaudit import profile_data
from fairaudit.describe.profile import profile_from

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "images.csv").write_text("file,country,gender,camera\n" + "a.jpg,KE,woman,x\nb.jpg,,,y\n" * 20)
    return tmp_path


def test_the_profile_is_printed_and_written(run: Run, folder: Path) -> None:
    code, out, _ = run("data", "profile", folder, "--field", "camera", "-o", folder / "profile.json")
    assert code == 0
    assert out.splitlines()[0].startswith("All 40 rows of images.csv were read")
    assert out.strip().splitlines()[-1] == str(folder / "profile.json")
    written = json.loads((folder / "profile.json").read_text(encoding="utf-8"))
    assert profile_from(written).field("camera").n == 40
    expected = profile_data(folder, fields=["camera"])
    assert written.pop("fairaudit-digest").startswith("profile ")
    assert written == expected.document()


def test_json_is_the_only_thing_on_standard_output(run: Run, folder: Path) -> None:
    code, out, error = run(
        "data", "profile", folder / "images.csv", "--json", "--sample", 10, "--seed", 3, "--cluster", "camera",
        "--images-at-least", 5,
    )  # fmt: skip
    assert (code, error) == (0, "")
    profile = profile_from(json.loads(out))
    assert (profile.n_rows, profile.n_sampled, profile.seed, profile.cluster) == (40, 10, 3, "camera")
    assert profile.images_at_least == 5


def test_a_datasheet_is_written_once_and_told_of(run: Run, folder: Path) -> None:
    code, out, _ = run("data", "datasheet", folder)
    assert (code, out.strip()) == (0, str(folder / "datasheet.toml"))
    assert "datasheet.toml: 0 of 13 questions answered" in " ".join(run("data", "profile", folder)[1].split())
    code, out, error = run("data", "datasheet", folder)
    assert (code, out) == (2, "")
    assert error.startswith(f"fairaudit: {folder / 'datasheet.toml'} must not be there yet; got a datasheet that may")


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("profile", "{folder}/none.csv"), "none.csv must be a .csv or .parquet file; got no such file."),
        (("profile", "{folder}", "--field", "camra"), "got 'camra'. Did you mean 'camera'?"),
        (("profile", "{folder}", "--cluster", "x"), "--cluster of table images.csv must be one of: "),
        (("profile", "{folder}", "--sample", "0"), "--sample must be 1 or more; got 0. Give for example"),
        (("datasheet", "{folder}/none"), "must be an existing folder of data; got no folder there."),
    ],
)
def test_wrong_input_gets_one_sentence(run: Run, folder: Path, arguments: tuple[str, ...], text: str) -> None:
    code, out, error = run("data", *(a.format(folder=folder) for a in arguments))
    assert (code, out) == (2, "")
    assert error.strip().splitlines()[-1].startswith("fairaudit: ")
    assert text in error


def test_a_wrong_datasheet_beside_the_data_is_told_before_anything_is_read(run: Run, folder: Path) -> None:
    (folder / "datasheet.toml").write_text("licence = 1\n")
    code, out, error = run("data", "profile", folder)
    assert (code, out) == (2, "")
    assert "'licence' of the datasheet must be a text in quotation marks; got 1. Write licence = " in error
