"""Stages of a study: a stage that an earlier call finished with the same settings is not repeated."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

from fairaudit._version import __version__
from fairaudit.core.marker import clear, is_complete, read_marker
from fairaudit.core.output_folder import OutputFolder, refuse_changed
from fairaudit.core.stop import keeping
from fairaudit.studies.workers import Job, Workers

#: Name of the folder of training runs.
RUNS = "runs"
PAGE = "report.html"


def prepare(
    output: Path, kind: str, settings: Mapping[str, Any], stages: Mapping[Path, Job], *, overwrite: bool = False
) -> None:
    """Refuse a folder with other files, or with stages of other settings or of another version.

    Parameters
    ----------
    output : Path
    kind : str
        Name of the study.
    settings : mapping
        JSON values that determine the results.
    stages : mapping of Path to Job
        As in ``finish``.
    overwrite : bool
        Whether to remove the unchanged files of other stages, so that all stages start anew.

    Raises
    ------
    ConfigError
        As ``OutputFolder.check``.
    """
    folder = OutputFolder(output, kind, (PAGE,), overwrite=overwrite)
    folder.check(settings)
    marker = read_marker(output)
    if marker is not None and marker.asked == folder.asked and marker.version == __version__:
        return
    folders = [path for stage in stages for path in (stage / "model", stage)]  # the network of a run has its own marker
    for path in folders:
        refuse_changed(path)
    for path in folders:
        clear(path)
    folder.claim()


def drawn(folder: Path) -> AbstractContextManager[Path]:
    """Return a context with an empty folder, which replaces ``folder`` if the block ends without an error."""
    return OutputFolder(folder, "drawn images", (), overwrite=True).replaced()


def finish(stages: Mapping[Path, Job], *, progress: bool) -> None:
    """Run the jobs whose folder is incomplete, and the jobs that depend on them.

    Parameters
    ----------
    stages : mapping of Path to Job
        By the folder that the job makes, in the best order of starting.
    progress : bool
        Whether to print progress bars and durations to standard error.
    """
    jobs: dict[str, Job] = {}
    for folder, job in stages.items():
        if not is_complete(folder) or jobs.keys() & set(job.after):
            jobs[job.title] = job
    if not jobs:
        return
    workers = Workers(shown=progress)
    with keeping(lambda: _kept(stages)):
        workers.run(list(jobs.values()))
    workers.close()


def _kept(stages: Mapping[Path, Job]) -> str:
    kept = sum(map(is_complete, stages))
    return f"{kept} of {len(stages)} steps are finished and kept; the same command goes on from there."
