"""Files and folders appear whole or not at all."""

from __future__ import annotations

import json
import math
import os
import stat
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fairaudit.core.errors import ConfigError
from fairaudit.core.files import (
    atomic_write,
    file_problem,
    file_problems,
    json_line,
    temporary_sibling,
    visible_files,
    write_json,
    write_npy,
    write_parquet,
)


def names(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_text_and_bytes(tmp_path: Path) -> None:
    atomic_write(tmp_path / "a" / "b.txt", "é\n")
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"\xc3\xa9\n"
    atomic_write(tmp_path / "a" / "b.txt", b"\x00")
    assert (tmp_path / "a" / "b.txt").read_bytes() == b"\x00"
    assert names(tmp_path / "a") == ["b.txt"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    atomic_write(tmp_path / "a.txt", "old")

    def write_half() -> None:
        with temporary_sibling(tmp_path / "a.txt") as temporary:
            temporary.write_text("half")
            raise RuntimeError("in the middle")

    with pytest.raises(RuntimeError, match="in the middle"):
        write_half()
    assert (tmp_path / "a.txt").read_text() == "old"
    assert names(tmp_path) == ["a.txt"]


def test_rights_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        atomic_write(tmp_path / "a.txt", "x")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a.txt").stat().st_mode) == 0o644


def test_a_folder_in_the_way_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(ConfigError, match="must be a file; got a folder of that name"):
        atomic_write(tmp_path / "a", "x")


def test_parquet_and_npy_come_back(tmp_path: Path) -> None:
    frame = pd.DataFrame({"a": ["x", ""], "b": [1.5, float("nan")]}, index=[7, 8])
    write_parquet(tmp_path / "a.parquet", frame)
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "a.parquet"), frame.reset_index(drop=True))
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    write_npy(tmp_path / "a.npy", array)
    assert np.array_equal(np.load(tmp_path / "a.npy", allow_pickle=False), array)
    assert names(tmp_path) == ["a.npy", "a.parquet"]


def test_npy_refuses_objects(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="allow_pickle=False"):
        write_npy(tmp_path / "a.npy", np.array([{}], dtype=object))
    assert names(tmp_path) == []


def test_json_is_sorted_and_plain(tmp_path: Path) -> None:
    value = {"b": np.float32(0.5), "a": [np.int64(3), float("nan"), None, True], "c": (Path("x/y"), np.arange(2))}
    write_json(tmp_path / "a.json", value)
    text = (tmp_path / "a.json").read_text()
    assert json.loads(text) == {"a": [3, None, None, True], "b": 0.5, "c": ["x/y", [0, 1]]}
    assert text.index('"a"') < text.index('"b"') < text.index('"c"')
    assert text.endswith("}\n")


def test_json_refuses_infinity_and_strangers(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="must be finite; got infinity"):
        write_json(tmp_path / "a.json", {"x": [float("inf")]})
    with pytest.raises(TypeError, match="not JSON serializable"):
        write_json(tmp_path / "a.json", {"x": object()})
    assert names(tmp_path) == []


def test_hidden_files_are_not_listed(tmp_path: Path) -> None:
    for name in ("b", "a/c", ".git/x", "a/.y"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert [p.relative_to(tmp_path).as_posix() for p in visible_files(tmp_path)] == ["a/c", "b"]


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("img/a.png", ""),
        ("./img/a.png", ""),
        ("img//a.png", ""),
        ("img/.hidden.png", ""),
        ("img/..a.png", ""),
        ("img/b.png", "the file is missing"),
        ("img", "the file is missing"),
        ("nowhere/a.png", "the file is missing"),
        ("../outside.png", "the name leads out of the data folder"),
        ("img/../../outside.png", "the name leads out of the data folder"),
        ("/etc/hostname", "the name leads out of the data folder"),
        ("img/\0.png", "the name leads out of the data folder"),
        ("", "the row names no file"),
        ("  ", "the row names no file"),
        ("img/" + 300 * "a", "the file is missing"),
        ("img/A.png", "the file is missing"),
    ],
)
def test_many_names_are_judged_as_one_by_one(tmp_path: Path, name: str, problem: str) -> None:
    root = tmp_path / "data"
    (root / "img").mkdir(parents=True)
    for file in (
        root / "img" / "a.png",
        root / "img" / ".hidden.png",
        root / "img" / "..a.png",
        tmp_path / "outside.png",
    ):
        file.touch()
    assert file_problem(root, name) == problem
    assert file_problems(root, [name, "img/a.png", name]) == [problem, "", problem]


def test_a_link_to_a_file_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "b.png").symlink_to(tmp_path / "a.png")
    (tmp_path / "c.png").symlink_to(tmp_path / "none.png")
    assert file_problems(tmp_path, ["b.png", "c.png"]) == ["", "the file is missing"]


def test_a_named_pipe_that_a_table_names_is_told_from_a_missing_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    (tmp_path / "zero.png").symlink_to("/dev/zero")
    names = {"pipe.png": "a named pipe", "zero.png": "a device"}
    assert file_problems(tmp_path, list(names)) == [f"the file cannot be read: {kind}" for kind in names.values()]


def test_a_link_to_itself_hides_no_other_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "loop.png").symlink_to(tmp_path / "loop.png")
    assert file_problems(tmp_path, ["a.png", "loop.png"]) == ["", "the file is missing"]


def test_a_folder_that_cannot_be_listed_is_asked_for_each_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.png").touch()

    def refuse(folder: Path) -> None:
        raise PermissionError(folder)

    monkeypatch.setattr(os, "scandir", refuse)
    assert file_problems(tmp_path, ["a.png", "b.png"]) == ["", "the file is missing"]


def test_a_json_line_has_null_for_nan_and_refuses_infinity() -> None:
    assert json_line({"b": math.nan, "a": [np.float64("nan"), np.int64(3)]}) == '{"b": null, "a": [null, 3]}\n'
    with pytest.raises(ValueError, match="a number in JSON must be finite; got infinity"):
        json_line({"a": math.inf})
