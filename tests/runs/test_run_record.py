"""What a run's files say of it, whether it is finished, stopped, or damaged."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

from fairaudit.core.errors import DataError
from fairaudit.runs.run_record import is_run, read_run

RECIPE = 'name = "x"\n[swav]\nprototypes = 64\n[schedule]\nsamples = 100\nbatch = 8\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A run that was stopped while it wrote its third step."""
    run = tmp_path / "run"
    run.mkdir()
    (run / "recipe.toml").write_text(RECIPE)
    (run / "data.json").write_text('{"method": "swav", "images": 24}')
    (run / "metrics.jsonl").write_text('{"step": 1, "loss": 5}\n{"step": 2, "loss": 4.5}\n{"step": 3, "lo')
    rows = [{"images": 16, "watcher": "knn", "accuracy": 0.5}, {"images": 0, "watcher": "knn", "accuracy": None}]
    (run / "watch.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return run


def test_a_stopped_run(folder: Path) -> None:
    run = read_run(folder)
    assert (run.name, run.method, run.images) == ("run", "swav", 24)
    assert run.steps["loss"].tolist() == [5, 4.5]
    assert run.steps["images"].tolist() == [8, 16]
    assert (run.images_seen, run.images_planned) == (16, 96)
    assert [(record.images, record.watcher, dict(record.values)) for record in run.watch_records] == [
        (0, "knn", {"accuracy": None}), (16, "knn", {"accuracy": 0.5}),
    ]  # fmt: skip
    assert run.finished == run.training == run.machine == {}
    assert run.chance == pytest.approx(math.log(64))


def test_a_run_that_has_only_begun(folder: Path) -> None:
    for name in ("data.json", "metrics.jsonl", "watch.jsonl"):
        (folder / name).unlink()
    run = read_run(folder)
    assert (run.method, run.images, run.images_seen, run.watch_records) == ("", None, 0, ())


def test_the_loss_of_chance_of_labels_is_known_at_the_end(folder: Path) -> None:
    (folder / "data.json").write_text('{"method": "supervised", "images": 24}')
    assert math.isnan(read_run(folder).chance)
    (folder / "finished.json").write_text('{"loss_of_chance": 1.5}')
    assert read_run(folder).chance == 1.5


def test_a_run_that_was_killed_before_it_wrote_the_profile(folder: Path) -> None:
    (folder / "datasheet.json").write_text('{"folders": [{"folder": "a", "found": false, "fields": {}}]}')
    assert read_run(folder).training == {}


def test_no_run(tmp_path: Path) -> None:
    assert not is_run(tmp_path)
    with pytest.raises(DataError, match=r"run .* must be a folder with recipe\.toml; got none there\. Run `fairaudit "):
        read_run(tmp_path)


JSON_FILES = ("data.json", "machine.json", "finished.json", "datasheet.json", "profile.json")


@pytest.mark.parametrize(("name", "text"), [
    *((name, text) for name in JSON_FILES for text in ("", "{", "[]", "\0\0")),
    ("recipe.toml", ""), ("recipe.toml", "["), ("recipe.toml", "name = 3"), ("recipe.toml", "schedule = 3"),
    ("recipe.toml", RECIPE.replace("8", "0")), ("recipe.toml", RECIPE.replace("100", "'many'")),
    ("datasheet.json", "{}"), ("profile.json", '{"folder": []}'),
])  # fmt: skip
def test_a_damaged_file_is_named(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(DataError, match=rf"^'.*{name}' must be what a run wrote; got .* Restore the file from a copy"):
        read_run(folder)


@pytest.mark.parametrize(("name", "text"), [
    ("metrics.jsonl", '{"step": 1, "loss": "low"}\n'), ("metrics.jsonl", '{"loss": 1}\n'),
    ("watch.jsonl", '{"watcher": "knn"}\n'), ("watch.jsonl", '{"images": "0", "watcher": "knn"}\n'),
])  # fmt: skip
def test_a_damaged_line_is_named(folder: Path, name: str, text: str) -> None:
    (folder / name).write_text(text)
    with pytest.raises(DataError, match=rf"^line 1 of '.*{name}' must be what a run wrote; got '{{"):
        read_run(folder)


@pytest.mark.parametrize("text", ['{"folders": 1}', '{"folders": []}', '{"folders": [{"profile": {"version": 7}}]}'])
def test_declarations_that_no_run_wrote_are_named(folder: Path, text: str) -> None:
    (folder / "datasheet.json").write_text('{"folders": [{"folder": "a", "found": false, "fields": {}}]}')
    (folder / "profile.json").write_text(text)
    with pytest.raises(DataError, match=r"^'.*datasheet\.json' and 'profile\.json': .* must be "):
        read_run(folder)
