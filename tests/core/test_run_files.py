"""One rule for the files of a run: missing is nothing, half a last line is dropped, everything else is told."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairaudit.core.errors import DataError
from fairaudit.core.run_files import read_run_file, read_steps, read_watched

STEP = b'{"step": 1, "loss": 2.5, "perplexity": null}\n'
LOOK = b'{"images": 0, "watcher": "knn", "accuracy": 0.5}\n'
#: What a cut, another program or a broken disk may leave of a file that is written whole.
DAMAGE = [b"", b'{"a": 1', b"\xff\xfe{}", b"[]", b"3", b"\0\0\0\0", b"[" * 100_000]


def test_files_that_are_whole(tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text('{"method": "é"}', encoding="utf-8")
    assert read_run_file(tmp_path / "data.json", "method") == {"method": "é"}
    (tmp_path / "recipe.toml").write_text("[schedule]\nbatch = 8\n")
    assert read_run_file(tmp_path / "recipe.toml", "schedule") == {"schedule": {"batch": 8}}
    (tmp_path / "metrics.jsonl").write_bytes(STEP * 2)
    assert read_steps(tmp_path / "metrics.jsonl") == [{"step": 1, "loss": 2.5, "perplexity": None}] * 2
    (tmp_path / "watch.jsonl").write_bytes(LOOK.replace(b"\n", b"\r\n"))
    assert read_watched(tmp_path / "watch.jsonl") == [{"images": 0, "watcher": "knn", "accuracy": 0.5}]


def test_what_is_missing_was_not_written_yet(tmp_path: Path) -> None:
    assert read_run_file(tmp_path / "data.json", "method") == {}
    assert read_steps(tmp_path / "metrics.jsonl") == read_watched(tmp_path / "watch.jsonl") == []


@pytest.mark.parametrize("content", DAMAGE)
def test_a_damaged_json_file_is_named_with_what_to_do(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "data.json"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_run_file(path)
    text = str(caught.value)
    assert text.startswith(f"'{path}' must be what a run wrote; got ")
    assert text.endswith(". Restore the file from a copy of the run, or delete the file.")


@pytest.mark.parametrize("content", [b"", b"[sched", b"\xff\xfe", b"\0\0\0", b"name = 'x'"])
def test_a_damaged_recipe_is_named_and_must_not_be_deleted(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        read_run_file(path, "schedule")
    text = str(caught.value)
    assert text.startswith(f"'{path}' must be what a run wrote; got ")
    assert text.endswith(". Restore the file from a copy of the run.")


@pytest.mark.parametrize("tail", [b"", STEP[:20], STEP[:-2], b"\0" * 64, b"\xff\xfe"])
def test_what_a_killed_run_left_behind_the_last_line_is_dropped(tmp_path: Path, tail: bytes) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(STEP * 2 + tail)
    assert [row["step"] for row in read_steps(path)] == [1, 1]
    path.write_bytes(tail)
    assert read_steps(path) == []
    path.write_bytes(STEP + STEP.strip())
    assert len(read_steps(path)) == 2  # whole, but for its line end


@pytest.mark.parametrize("line", [
    b"", b'{"step": 2, "lo', b"[2]", b"3", b"\xff", b"\0\0", b'{"loss": 1}', b'{"step": 2}',
    b'{"step": 2.5, "loss": 1}', b'{"step": 2, "loss": "low"}', b'{"step": 2, "loss": null}',
    b'{"step": 2, "loss": 1, "rate": []}',
])  # fmt: skip
def test_a_damaged_line_of_metrics_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(STEP + line + b"\n" + STEP)
    with pytest.raises(DataError) as caught:
        read_steps(path)
    text = str(caught.value)
    assert text.startswith(f"line 2 of '{path}' must be what a run wrote; got '{line.decode('utf-8', 'replace')}'")
    assert text.endswith(". Restore the file from a copy of the run, or delete the line.")
    path.write_bytes(STEP * 2)
    assert len(read_steps(path)) == 2  # that helps


@pytest.mark.parametrize("line", [
    b"", b"[]", b'{"watcher": "knn"}', b'{"images": 0}', b'{"images": "0", "watcher": "knn"}',
    b'{"images": 0, "watcher": 1}', b'{"images": true, "watcher": "knn"}',
])  # fmt: skip
def test_a_damaged_line_of_what_was_watched_is_named(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "watch.jsonl"
    path.write_bytes(LOOK + line + b"\n")
    with pytest.raises(DataError, match=r"line 2 of '.*watch\.jsonl' must be what a run wrote; got '"):
        read_watched(path)
