"""``pretrain``: SwAV on unlabelled images, from a recipe to a run folder; ``loop.fit`` makes the steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from fairaudit.images.listing import list_images
from fairaudit.pretrain.images import ImageStore
from fairaudit.pretrain.loop import OnStep, fit
from fairaudit.pretrain.preparation import complete_run, resolve_recipe, seeded, training_device
from fairaudit.pretrain.recipe import Recipe
from fairaudit.pretrain.run import Run
from fairaudit.pretrain.swav import SwavObjective
from fairaudit.pretrain.symptoms import Symptoms
from fairaudit.pretrain.views import Views
from fairaudit.pretrain.watch import Watcher


def pretrain(
    recipe: Recipe | str | Path,
    *,
    data: Sequence[Path],
    output: Path,
    seed: int | None = None,
    samples: int | None = None,
    progress: bool = True,
    threads: int | None = None,
    watchers: Sequence[Watcher] = (),
    on_step: OnStep | None = None,
) -> Path:
    """Train a RegNet with SwAV on unlabelled images and return the run folder.

    ``transformers.AutoModel`` opens the trained trunk in ``output/model``. A finished run is returned at once; an
    unfinished run resumes from its last checkpoint and ends with the same weights, bit for bit, as an unbroken run on
    the same machine with the same number of threads.

    Parameters
    ----------
    recipe : Recipe, name or path
        A shipped recipe (``debug_cpu``, ``demo``, ``quick``, ``small_real``, ...) or a TOML file.
    data : sequence of path
        Folders of images or of uncompressed ``.tar`` shards, at any depth, single shards, or tables with one row per
        image (``.csv`` or ``.parquet``); labels are not used. The declarations of ``datasheet.toml`` and of the table,
        given or in the folder (``images.csv``, ``images.parquet``, ``metadata.csv``, ``metadata.parquet``), are copied
        to the run and its model card.
    output : path
        Run folder; created if it does not exist.
    seed, samples : int, optional
        In place of those of the recipe.
    progress : bool, default True
        Show bars with images per second and time left.
    threads : int, optional
        Processor cores for torch. Default: all, or in a resumed run as many as at its beginning.
    watchers : sequence of Watcher
        Measurements during the training, e.g. ``KnnAccuracy(Path("labels.csv"), every=5000)``, written to
        ``output/watch.jsonl``; they change nothing in the training.
    on_step : callable, optional
        Receives a mapping of each step's metrics (``metrics.jsonl``).

    Returns
    -------
    Path
        ``output``.

    Raises
    ------
    ConfigError
        If the recipe or a datasheet is wrong, or ``output`` holds another run.
    DataError
        If a source is missing or empty, a table or a shard is unreadable, or more than 1 % of the images are.

    Warns
    -----
    TrainingWarning
        If the recipe is known to fail, or the final loss is that of a blind guess.

    References
    ----------
    .. [1] Caron et al. (2020), "Unsupervised Learning of Visual Features by Contrasting Cluster Assignments",
       arXiv:2006.09882; Goyal et al. (2022), arXiv:2202.08360.
    """
    recipe = resolve_recipe(recipe, seed=seed, samples=samples)
    sources, symptoms = [Path(source) for source in data], Symptoms(recipe)

    def after_step(row: Mapping[str, float]) -> None:
        symptoms.see(row)
        if on_step:
            on_step(row)

    def train(run: Run, store: ImageStore) -> tuple[nn.Module, Mapping[str, Any]]:
        device = training_device()
        objective: SwavObjective = seeded(lambda: SwavObjective(run.recipe, device=device), run.recipe.seed)
        views = Views(store, run.recipe, device)
        summary = fit(
            objective, run=run, store=store, views=views, watchers=watchers, on_step=after_step, progress=progress
        )
        return objective.trunk, {**summary, "stuck": symptoms.stuck}

    files = list_images(sources)
    folder = complete_run(
        recipe, output, train, method="swav", files=files, sources=sources, threads=threads, progress=progress
    )
    symptoms.conclude()
    return folder
