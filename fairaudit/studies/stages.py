"""Work in stages that are not done twice: what an earlier call finished with the same settings stays as it is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fairaudit._version import __version__
from fairaudit.auditing.run import check_output
from fairaudit.core.files import atomic_write, write_json
from fairaudit.core.open_file import SETTINGS, read_bytes
from fairaudit.studies.workers import Job, Workers

#: Name of the folder of training runs: an unfinished run goes on by itself, so that it is never cleared.
RUNS = "runs"


def prepare(output: Path, note: str, settings: Mapping[str, Any]) -> None:
    """Refuse a folder of other things; empty one that was made with other settings, or by another version.

    Parameters
    ----------
    output : Path
    note : str
        Name of the file in which the settings stand.
    settings : mapping
        JSON values that decide what the stages make.

    Raises
    ------
    ConfigError
        If ``output`` is a file, or holds something else than such stages.
    """
    known = {**settings, "version": __version__}
    path = output / note
    if path.is_file():
        if json.loads(read_bytes(path, "file", limit=SETTINGS)) == known:
            return
        shutil.rmtree(output)
    check_output(output)
    write_json(path, known)


def finish(stages: Mapping[Path, Job], *, progress: bool) -> None:
    """Do the jobs that are not done, and those that come after one of them.

    Parameters
    ----------
    stages : mapping of Path to Job
        By the folder that the job makes, in the order in which they are best begun. An empty file beside the folder,
        ``NAME.done``, says that it is complete.
    progress : bool
        Whether bars and durations are printed, to standard error.
    """
    marks = {path.with_name(f"{path.name}.done"): job for path, job in stages.items()}
    jobs = _open_jobs(marks)
    if not jobs:
        return
    mark_of = {job.title: mark for mark, job in marks.items()}
    for job in jobs:
        _clear(mark_of[job.title])
    workers = Workers(shown=progress)
    workers.run(jobs, ended=lambda job: atomic_write(mark_of[job.title], ""))
    workers.close()


def _open_jobs(marks: Mapping[Path, Job]) -> list[Job]:
    found: dict[str, Job] = {}
    for mark, job in marks.items():
        if not mark.is_file() or found.keys() & set(job.after):
            found[job.title] = job
    return list(found.values())


def _clear(mark: Path) -> None:
    """Remove what an interrupted call left of a stage."""
    mark.unlink(missing_ok=True)
    if mark.parent.name != RUNS:
        shutil.rmtree(mark.with_suffix(""), ignore_errors=True)
