"""``pretrain``: SwAV on unlabelled images, from a recipe to a run folder. The steps themselves are in ``loop.fit``."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path

from fairaudit.describe.training_data import TrainingData, training_data
from fairaudit.images.listing import list_images
from fairaudit.pretrain.export import export_model
from fairaudit.pretrain.loop import OnStep, fit
from fairaudit.pretrain.model_card import model_card
from fairaudit.pretrain.preparation import (
    check_batch,
    read_store,
    resolve_recipe,
    same_machine,
    seeded,
    torch_threads,
    training_device,
)
from fairaudit.pretrain.recipe import Recipe
from fairaudit.pretrain.run import Run, open_run
from fairaudit.pretrain.swav import SwavObjective
from fairaudit.pretrain.symptoms import STUCK, Symptoms, TrainingWarning
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

    The trained trunk stands in ``output/model`` and opens with ``transformers.AutoModel``. A finished run returns
    at once; an unfinished one goes on from its last checkpoint and ends with the same weights, bit for bit, as
    one that was never stopped (same machine, same number of threads).

    Parameters
    ----------
    recipe : Recipe, name or path
        A shipped recipe (``debug_cpu``, ``demo``, ``quick``, ``small_real``, ...) or a TOML file.
    data : sequence of path
        Each a folder of images or of uncompressed ``.tar`` shards, at any depth, one shard, or a table with one row an
        image (``.csv`` or ``.parquet``); labels are not used. What ``datasheet.toml`` and the table, given or in the
        folder (``images.csv``, ``images.parquet``, ``metadata.csv``, ``metadata.parquet``), declare goes into the run
        and its model card.
    output : path
        Run folder; made if it is not there.
    seed, samples : int, optional
        In place of those of the recipe.
    progress : bool, default True
        Show bars with images per second and time left.
    threads : int, optional
        Processor cores for torch; all by default, and where a run goes on, as many as it began with.
    watchers : sequence of Watcher
        What to measure while it trains, e.g. ``KnnAccuracy(Path("labels.csv"), every=5000)``; the results stand in
        ``output/watch.jsonl`` and change nothing in the training.
    on_step : callable, optional
        Gets a mapping of each step's metrics (``metrics.jsonl``).

    Returns
    -------
    Path
        ``output``.

    Raises
    ------
    ConfigError
        If the recipe or a datasheet is wrong, or ``output`` holds another run.
    DataError
        If a source is missing or empty, a table or a shard cannot be read, or more than 1 % of the images cannot.

    Warns
    -----
    TrainingWarning
        If the recipe is known to fail, or the loss ends where a blind guess is.

    References
    ----------
    .. [1] Caron et al. (2020), "Unsupervised Learning of Visual Features by Contrasting Cluster Assignments",
       arXiv:2006.09882; Goyal et al. (2022), arXiv:2202.08360.
    """
    made = resolve_recipe(recipe, seed=seed, samples=samples)
    files = list_images([Path(source) for source in data])
    check_batch(made, files)
    declared = training_data([Path(source) for source in data])
    run = open_run(Path(output), recipe=made, method="swav", files=files)
    if run.finished:
        return run.folder
    for sentence in made.advice():
        warnings.warn(sentence, TrainingWarning, stacklevel=2)
    with torch_threads(same_machine(run, threads)):
        _train(run, declared, watchers=watchers, on_step=on_step, progress=progress)
    return run.folder


def _train(
    run: Run,
    declared: Sequence[TrainingData],
    *,
    watchers: Sequence[Watcher],
    on_step: OnStep | None,
    progress: bool,
) -> None:
    """Read, train, export, and say so if nothing was learnt."""
    recipe, device = run.recipe, training_device()
    store = read_store(run, progress=progress)
    run.record_declared(declared)
    objective: SwavObjective = seeded(lambda: SwavObjective(recipe, device=device), recipe.seed)
    views, symptoms = Views(store, recipe, device), Symptoms(recipe, chance=objective.chance)

    def after_step(row: Mapping[str, float]) -> None:
        symptoms.see(row)
        if on_step:
            on_step(row)

    summary = fit(
        objective, run=run, store=store, views=views, watchers=watchers, on_step=after_step, progress=progress
    )
    run.record_data(store)  # images may turn out to be unreadable later
    card = model_card(run.recipe, method=run.method, images=store.readable, data=declared)
    export_model(objective.trunk, run.model, size=recipe.crops.sizes[0], card=card)
    stuck = summary["loss"] is not None and summary["loss"] > STUCK * objective.chance
    run.finish({**summary, "stuck": stuck})
    if stuck and "stuck" not in symptoms.said:
        warnings.warn(
            f"training loss must fall below that of a blind guess, ln K = {objective.chance:.3f}; "
            f"got {summary['loss']:.3f}. Train longer, freeze prototypes for longer, use a queue, more prototypes or "
            "milder crops and colours.",
            TrainingWarning,
            stacklevel=3,
        )
