"""What was finished stays, what was interrupted is done again with all that follows, other folders are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairaudit.core.errors import ConfigError
from fairaudit.core.progress import Advance
from fairaudit.studies.stages import finish, prepare
from fairaudit.studies.workers import Job


def write(folder: Path, log: Path, *, progress: Advance) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(f"{folder.name}\n")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{len(list(folder.iterdir()))}").touch()
    progress(1, 1)


def stages(root: Path) -> dict[Path, Job]:
    log = root / "log"
    return {
        root / "world": Job("draw", write, (root / "world", log)),
        root / "runs" / "a": Job("train", write, (root / "runs" / "a", log), ("draw",)),
        root / "audit": Job("audit", write, (root / "audit", log), ("train",)),
        root / "alone": Job("alone", write, (root / "alone", log)),
    }


def test_only_what_is_open_is_done_and_what_comes_after_it(tmp_path: Path) -> None:
    finish(stages(tmp_path), progress=False)
    assert sorted((tmp_path / "log").read_text().split()) == ["a", "alone", "audit", "world"]
    finish(stages(tmp_path), progress=False)
    assert len((tmp_path / "log").read_text().split()) == 4
    (tmp_path / "runs" / "a.done").unlink()
    finish(stages(tmp_path), progress=False)
    assert (tmp_path / "log").read_text().split()[4:] == ["a", "audit"]
    assert sorted(p.name for p in (tmp_path / "runs" / "a").iterdir()) == ["0", "1"]  # a run goes on by itself
    assert [p.name for p in (tmp_path / "audit").iterdir()] == ["0"]  # what was left of it is gone


def test_other_settings_begin_anew_and_the_same_go_on(tmp_path: Path) -> None:
    prepare(tmp_path / "out", "note.json", {"seed": 1})
    (tmp_path / "out" / "made").touch()
    prepare(tmp_path / "out", "note.json", {"seed": 1})
    assert (tmp_path / "out" / "made").exists()
    prepare(tmp_path / "out", "note.json", {"seed": 2})
    assert [p.name for p in (tmp_path / "out").iterdir()] == ["note.json"]


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").touch()
    with pytest.raises(ConfigError, match="got a folder with other files"):
        prepare(tmp_path, "note.json", {})
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]
