"""``train``: a run of ``pretrain`` that is watched and ends with a page; ``training_page``: that page of any run."""

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

#: So often a run is looked at unless it is said how often.
LOOKS = 10


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
    """Train a RegNet with SwAV, watch it meanwhile, write ``output/training.html`` and return what the run recorded.

    ``fairaudit.pretrain.pretrain`` does the training; give watchers of your own to that function. What is watched
    changes nothing in the training, and nothing that can be refused is refused after the first step.

    Parameters
    ----------
    recipe, data, output, seed, samples, threads, progress
        As in ``fairaudit.pretrain.pretrain``.
    labels : path, optional
        CSV with ``file`` and ``label``: their k-NN accuracy is watched (``KnnAccuracy``).
    watch : mapping, optional
        Data sets on which disparities are watched (``DisparityWatcher``), as ``data`` of ``fairaudit.audit``.
    every : int, optional
        Images between two looks. Default: a tenth of the run.
    **options
        What to watch there: ``indicators``, ``options``, ``probe``, ``text_encoder`` and ``allow_unreadable`` of
        ``fairaudit.audit``.

    Raises
    ------
    InputError
        If something that was given cannot be used.
    """
    from fairaudit.pretrain import KnnAccuracy, pretrain
    from fairaudit.pretrain.preparation import resolve_recipe

    made = resolve_recipe(recipe, seed=seed, samples=samples)
    alone = next((flag_of(name) for name, value in options.items() if value and not watch), None)
    if alone is not None:
        raise ConfigError(f"{alone} must stand beside --watch READER=DIR; got no data set to watch. Add it.")
    if every is not None and not (labels or watch):
        raise ConfigError(
            "--watch-every must stand beside something to watch; got nothing. Add --watch or --watch-labels."
        )
    each = every if every is not None else max(made.schedule.samples // LOOKS, 1)
    watchers: list[Watcher] = []
    if watch:
        from fairaudit.training.watcher import DisparityWatcher

        watchers.append(DisparityWatcher(data=watch, every=each, seed=made.seed, **options))
    if labels is not None:
        watchers.insert(0, KnnAccuracy(Path(labels), every=each))
    check_file(Path(output) / PAGE, overwrite=None)
    with keeping(lambda: _kept(Path(output))):
        pretrain(
            made,
            data=[Path(folder) for folder in data],
            output=Path(output),
            threads=threads,
            watchers=watchers,
            progress=progress,
        )
    training_page(output)
    return read_run(Path(output))


def training_page(run: str | Path, *, overwrite: bool = False) -> Path:
    """Write the page of a training run, finished or not, as ``training.html`` in its folder; return its path.

    Needs neither torch nor the images. A run that goes on meanwhile is not disturbed. A page that was changed since
    it was written is refused, or replaced with ``overwrite``.

    Raises
    ------
    DataError
        If the folder is no run, or a file of it is damaged.
    """
    from fairaudit.reports.run_page import write

    return write(read_run(Path(run)), Path(run) / PAGE, overwrite=overwrite)


def _kept(run: Path) -> str:
    if not any(run.glob("checkpoint*.pt")):
        return f"The run in {run} has no checkpoint yet; the same command starts its training again."
    return f"The run in {run} is kept up to its last checkpoint; the same command goes on from there."
