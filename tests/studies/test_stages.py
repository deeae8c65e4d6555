"""What was finished stays, what was interrupted is done again with all that follows, other folders are left alone."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairaudit.core.errors import ConfigError
from fairaudit.core.marker import MARKER, is_complete
from fairaudit.core.progress import Advance
from fairaudit.studies.stages import drawn, finish, prepare
from fairaudit.studies.workers import Job


def write(folder: Path, log: Path, *, progress: Advance) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(f"{folder.name}\n")
    with drawn(folder) as new:
        (new / "made.txt").write_text(log.read_text())
    progress(1, 1)


def stages(root: Path) -> dict[Path, Job]:
    log = root.with_name("log")
    return {
        root / "world": Job("draw", write, (root / "world", log)),
        root / "runs" / "a": Job("train", write, (root / "runs" / "a", log), ("draw",)),
        root / "audit": Job("audit", write, (root / "audit", log), ("train",)),
        root / "alone": Job("alone", write, (root / "alone", log)),
    }


def files(folder: Path) -> dict[str, str]:
    return {p.relative_to(folder).as_posix(): p.read_text() for p in folder.rglob("*") if p.is_file()}


def test_only_what_is_open_is_done_and_what_comes_after_it(tmp_path: Path) -> None:
    out, log = tmp_path / "out", tmp_path / "log"
    finish(stages(out), progress=False)
    assert sorted(log.read_text().split()) == ["a", "alone", "audit", "world"]
    finish(stages(out), progress=False)
    assert len(log.read_text().split()) == 4
    (out / "runs" / "a" / MARKER).unlink()
    (out / "runs" / "a" / "made.txt").unlink()
    (out / "audit" / "notes.txt").write_text("mine")
    finish(stages(out), progress=False)
    assert log.read_text().split()[4:] == ["a", "audit"]
    assert (out / "audit" / "notes.txt").read_text() == "mine"


def test_other_settings_are_refused_unless_overwritten_and_the_same_go_on(tmp_path: Path) -> None:
    out = tmp_path / "out"
    plan = stages(out)
    prepare(out, "demo", {"seed": 1}, plan)
    finish(plan, progress=False)
    (out / "world" / "notes.txt").write_text("mine")
    before = files(out)
    prepare(out, "demo", {"seed": 1}, plan)
    assert files(out) == before
    with pytest.raises(ConfigError, match=r"hold the same demo; got one that differs in 'seed' \(1, now 2\)\. Choose"):
        prepare(out, "demo", {"seed": 2}, plan)
    assert files(out) == before
    (out / "audit" / "made.txt").write_text("edited")
    edited = files(out)
    with pytest.raises(ConfigError, match=r"leave room for made\.txt; got a 'made\.txt' that was changed since it was"):
        prepare(out, "demo", {"seed": 2}, plan, overwrite=True)
    assert files(out) == edited
    (out / "audit" / "made.txt").unlink()
    prepare(out, "demo", {"seed": 2}, plan, overwrite=True)
    assert files(out).keys() == {MARKER, f"world/{MARKER}", "world/notes.txt"}
    assert not any(is_complete(folder) for folder in plan)


@pytest.mark.parametrize("overwrite", [False, True])
def test_a_folder_with_other_things_is_refused_or_filled_beside_them(tmp_path: Path, overwrite: bool) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "demo.json").write_text('{"seed": 1}')
    (out / "thesis.tex").write_text("years")
    if overwrite:
        prepare(out, "demo", {"seed": 1}, {}, overwrite=True)
    else:
        with pytest.raises(ConfigError, match="got a folder with other files"):
            prepare(out, "demo", {"seed": 1}, {})
    assert {name: text for name, text in files(out).items() if name != MARKER} == {
        "demo.json": '{"seed": 1}', "thesis.tex": "years",
    }  # fmt: skip
