from __future__ import annotations

import json
from pathlib import Path

import pytest

from fairaudit.core.errors import ConfigError, DataError
from fairaudit.describe.datasheet import Datasheet
from fairaudit.describe.training_data import documents, training_data, training_data_from


@pytest.fixture
def folders(tmp_path: Path) -> list[Path]:
    """A folder with a datasheet and a table, one with a table of other things, and one with nothing."""
    made = [tmp_path / name for name in ("declared", "labels", "silent")]
    for folder in made:
        folder.mkdir()
    (made[0] / "datasheet.toml").write_text('licence = "CC0"\n')
    lines = [f"{i}.jpg,{'KE' if i % 2 else ''},h{i // 3}" for i in range(90)]
    (made[0] / "images.csv").write_text("\n".join(["file,Country,household", *lines]))
    (made[1] / "metadata.csv").write_text("file,label\na.jpg,cat\n")
    return made


def test_each_folder_has_its_datasheet_and_its_profile_or_says_why_not(folders: list[Path]) -> None:
    one, two, three = training_data(folders)
    assert one.folder == "declared"
    assert one.datasheet == Datasheet({"licence": "CC0"})
    assert one.profile is not None
    assert (one.profile.cluster, one.profile.field("Country").n_known) == ("household", 45)
    assert (two.profile, two.note) == (None, "metadata.csv has no column country, region, gender")
    assert (three.datasheet, three.profile) == (None, None)
    assert three.note == "no table of the images lies in the folder"
    assert {answer for _, answer in three.declared.rows()} == {"not declared"}


def test_names_of_files_do_not_travel(folders: list[Path]) -> None:
    for name in ("0.jpg", "1.jpg"):
        (folders[0] / name).write_bytes(b"the same")
    (one, *_) = training_data(folders[:1])
    assert one.profile is not None
    assert [copies.n_surplus for copies in one.profile.copies] == [0, 1, 0]
    assert [copies.examples for copies in one.profile.copies] == [(), (), ()]


def test_documents_come_back_and_hold_no_path(folders: list[Path]) -> None:
    data = training_data(folders)
    text = json.dumps(dict(zip(("datasheets", "profiles"), documents(data), strict=True)), allow_nan=False)
    assert str(folders[0].parent) not in text
    assert documents(training_data_from(json.loads(text))) == documents(data)
    assert training_data_from({}) == ()


def test_a_wrong_file_stops_before_anything_is_trained(folders: list[Path]) -> None:
    (folders[2] / "datasheet.toml").write_text('licens = "x"\n')
    with pytest.raises(ConfigError, match=r"got 'licens'\. Did you mean 'licence'"):
        training_data(folders)
    (folders[2] / "datasheet.toml").unlink()
    (folders[2] / "images.csv").write_text("country,file\nKE,a,b\n")
    with pytest.raises(DataError, match=r"table images\.csv must be a CSV file"):
        training_data(folders)


@pytest.mark.parametrize(
    "document",
    [
        {"datasheets": [], "profiles": []},
        {"datasheets": [{}], "profiles": []},
        {"datasheets": "x", "profiles": [{}]},
        {"datasheets": [1], "profiles": [1]},
        [],
        {"datasheets": [{"found": True, "fields": []}], "profiles": [{"profile": None}]},
        {"datasheets": [{}], "profiles": [{"profile": {"version": 9}}]},
    ],
)
def test_what_is_no_training_data_is_refused(document: object) -> None:
    with pytest.raises(DataError, match=" must be "):
        training_data_from(document)
