"""Jobs run as soon as those they come after have ended, and what has ended is told even where a later one fails."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest

from fairaudit.core.progress import Advance
from fairaudit.studies.workers import Job, Workers


def note(log: Path, name: str, *, progress: Advance) -> None:
    with log.open("a", encoding="utf-8") as file:
        file.write(f"{name}\n")
    progress(1, 1)


def fail(log: Path, name: str, *, progress: Advance) -> None:
    raise ValueError(name)


def test_jobs_wait_for_those_they_come_after(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log = tmp_path / "log"
    after = {"report": ("audit", "draw"), "audit": ("train",), "train": ("draw",), "draw": (), "alone": ("not here",)}
    workers = Workers(shown=True)
    jobs = [Job(name, note, (log, name), before) for name, before in after.items()]
    workers.run(jobs)
    workers.close()
    done = log.read_text(encoding="utf-8").split()
    assert sorted(done) == sorted(after)
    assert [name for name in done if name != "alone"] == ["draw", "train", "audit", "report"]
    told = capsys.readouterr().err
    assert all(f"  {name} (" in told for name in after)


def warn(log: Path, name: str, *, progress: Advance) -> None:
    warnings.warn(f"[{name}] :dog: the\nloss\x1b[2J must fall", UserWarning, stacklevel=1)


def test_a_warning_is_one_line_with_the_title_of_its_job(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    workers = Workers(shown=True)
    workers.run([Job("train it", warn, (tmp_path, "red"))])
    workers.close()
    assert "  train it: UserWarning: [red] :dog: the loss\\x1b[2J must fall\n" in capsys.readouterr().err


def test_nothing_begins_after_a_failure(tmp_path: Path) -> None:
    jobs = [Job("draw", note, (tmp_path / "log", "draw")), Job("train", fail, (tmp_path, "no disk"), ("draw",))]
    jobs.append(Job("audit", note, (tmp_path / "log", "audit"), ("train",)))
    workers = Workers(shown=False)
    with pytest.raises(ValueError, match="no disk"):
        workers.run(jobs)
    workers.close()
    assert (tmp_path / "log").read_text(encoding="utf-8") == "draw\n"
