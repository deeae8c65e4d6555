"""``train``: a watched run of ``pretrain`` with a page; ``training_page``: the page of any run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Unpack

from fairaudit.auditing.options import WatchKeywords, flag_of, takes
from fairaudit.core.errors import ConfigError
from fairaudit.core.output_folder import check_file
from fairaudit.core.stop import keeping
from fairaudit.runs.run_record import PAGE, RunRecord, read_run

if TYPE_CHECKING:
    from fairaudit.pretrain.recipe import Recipe
    from fairaudit.pretrain.watch import Watcher

#: Default number of measurements of a watched run.
MEASUREMENTS = 10


@takes(WatchKeywords)
def train(
    recipe: Recipe | str | Path,
    *,
    data: Sequence[str | Path],
    output: str | Path,
    seed: int | None = None,
    samples: int | None = None,
    labels: str | Path | None = None,
    watch: Mapping[str, str | Path] | None = None,
    every: int | None = None,
    threads: int | None = None,
    progress: bool = True,
    **options: Unpack[WatchKeywords],
) -> RunRecord:
    """Train a RegNet with SwAV, watch it, write ``output/training.html`` and return the record of the run.

    ``fairaudit.pretrain.pretrain`` trains, and takes watchers of your own. Watching does not change the training, and
    all input is checked before the first step.

    Parameters
    ----------
    recipe, data, output, seed, samples, threads, progress
        As in ``fairaudit.pretrain.pretrain``.
    labels : path, optional
        CSV with ``file`` and ``label``, to watch k-NN accuracy (``KnnAccuracy``).
    watch : mapping, optional
        Data sets on which to watch disparities (``DisparityWatcher``), as ``data`` of ``fairaudit.audit``.
    every : int, optional
        Measure every N images. Default: a tenth of the run.
    **options
        Options of ``DisparityWatcher``, as in ``fairaudit.audit``.

    Raises
    ------
    InputError
        If an argument cannot be used.
    """
    from fairaudit.pretrain import KnnAccuracy, pretrain
    from fairaudit.pretrain.preparation import resolve_recipe

    resolved = resolve_recipe(recipe, seed=seed, samples=samples)
    alone = next((flag_of(name) for name, value in options.items() if value and not watch), None)
    if alone is not None:
        raise ConfigError(f"{alone} must be used with --watch; got no data set to watch. Add --watch READER=DIR.")
    if every is not None and not (labels or watch):
        raise ConfigError("--watch-every must be used with --watch or --watch-labels; got neither. Add one of them.")
    each = every if every is not None else max(resolved.schedule.samples // MEASUREMENTS, 1)
    watchers: list[Watcher] = []
    if watch:
        from fairaudit.training.watcher import DisparityWatcher

        watchers.append(DisparityWatcher(data=watch, every=each, seed=resolved.seed, **options))
    if labels is not None:
        watchers.insert(0, KnnAccuracy(Path(labels), every=each))
    check_file(Path(output) / PAGE, "run", overwrite=None)
    with keeping(lambda: _kept(Path(output))):
        images = [Path(folder) for folder in data]
        pretrain(resolved, data=images, output=Path(output), threads=threads, watchers=watchers, progress=progress)
    training_page(output)
    return read_run(Path(output))


def training_page(run: str | Path, *, overwrite: bool = False) -> Path:
    """Write the page of a training run, finished or not, as ``training.html`` in its folder; return its path.

    Neither torch nor the images are needed, and a run in progress is not disturbed. An edited page is refused, or
    replaced with ``overwrite``.

    Raises
    ------
    DataError
        If the folder holds no run, or one of its files is damaged.
    """
    from fairaudit.reports.run_page import write

    return write(read_run(Path(run)), Path(run) / PAGE, overwrite=overwrite)


def _kept(run: Path) -> str:
    if not any(run.glob("checkpoint*.pt")):
        return f"The run in {run} has no checkpoint yet; the same command starts its training again."
    return f"The run in {run} is kept up to its last checkpoint; the same command goes on from there."
