"""Work in stages that are not done twice: what an earlier call finished with the same settings stays as it is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
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
    """Refuse a folder of other things, or of stages that were made with other settings or by another version.

    Parameters
    ----------
    output : Path
    kind : str
        What the stages make together.
    settings : mapping
        JSON values that decide what the stages make.
    stages : mapping of Path to Job
        As in ``finish``.
    overwrite : bool
        Whether the files of other stages are removed, as far as nobody has changed them, so that these begin anew.

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
    made = [one for stage in stages for one in (stage / "model", stage)]  # the network of a run has its own marker
    for one in made:
        refuse_changed(one)
    for one in made:
        clear(one)
    folder.claim()


@contextmanager
def drawn(folder: Path) -> Iterator[Path]:
    """Give an empty folder to draw into; what is drawn appears in ``folder`` when the block ends well."""
    with OutputFolder(folder, "drawn images", (), overwrite=True).replaced() as new:
        yield new


def finish(stages: Mapping[Path, Job], *, progress: bool) -> None:
    """Do the jobs whose folder is not complete, and those that come after one of them.

    Parameters
    ----------
    stages : mapping of Path to Job
        By the folder that the job makes, in the order in which they are best begun.
    progress : bool
        Whether bars and durations are printed, to standard error.
    """
    jobs = _open_jobs(stages)
    if not jobs:
        return
    workers = Workers(shown=progress)
    with keeping(lambda: _kept(stages)):
        workers.run(jobs)
    workers.close()


def _open_jobs(stages: Mapping[Path, Job]) -> list[Job]:
    found: dict[str, Job] = {}
    for folder, job in stages.items():
        if not is_complete(folder) or found.keys() & set(job.after):
            found[job.title] = job
    return list(found.values())


def _kept(stages: Mapping[Path, Job]) -> str:
    kept = sum(map(is_complete, stages))
    return f"{kept} of {len(stages)} steps are finished and kept; the same command goes on from there."
