"""The frame of every run, from recipe and images to the exported network; ``train`` fills it."""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import torch
from torch import nn

from fairaudit.core.errors import ConfigError
from fairaudit.core.files import write_json
from fairaudit.core.output_folder import begun, locked
from fairaudit.core.progress import step
from fairaudit.core.run_files import read_run_file
from fairaudit.describe.training_data import training_data
from fairaudit.images.image_files import ImageFiles
from fairaudit.pretrain.export import export_model
from fairaudit.pretrain.images import ImageStore
from fairaudit.pretrain.model_card import model_card
from fairaudit.pretrain.precision import computes_in
from fairaudit.pretrain.recipe import Recipe, load_recipe
from fairaudit.pretrain.run import Run, open_run
from fairaudit.pretrain.symptoms import TrainingWarning

T = TypeVar("T")
#: Trains a network on the images of a run; returns the network to export and the content of ``finished.json``.
Train = Callable[[Run, ImageStore], tuple[nn.Module, Mapping[str, Any]]]


def complete_run(
    recipe: Recipe,
    output: Path,
    train: Train,
    *,
    method: str,
    files: ImageFiles,
    sources: Sequence[Path],
    threads: int | None,
    progress: bool,
) -> Path:
    """Read the images, ``train``, export the network with its card, and return the run folder; skip a finished run.

    Declared facts on the images are read from ``sources``.
    """
    _check_batch(recipe, len(files), "images")
    declared = training_data(sources)
    run = open_run(Path(output), recipe=recipe, method=method, files=files)
    if run.finished:
        return run.folder
    for sentence in recipe.advice() if method == "swav" else ():
        warnings.warn(sentence, TrainingWarning, stacklevel=3)
    with locked(run.folder, run.folder), _torch_threads(_same_machine(run, threads)):
        store = _read_store(run, progress=progress)
        run.record_declared(declared)
        network, summary = train(run, store)
        run.record_data(store)  # training may find more unreadable images
        card = model_card(recipe, method=method, images=store.readable, data=declared)
        export_model(network, run.model, size=recipe.crops.sizes[0], card=card)
        run.finish(summary)
    return run.folder


@contextmanager
def _torch_threads(threads: int | None) -> Iterator[None]:
    """Let torch use ``threads`` processor cores inside the block; None changes nothing."""
    before = torch.get_num_threads()
    if threads is not None:
        if threads < 1:
            raise ConfigError(f"threads must be 1 or more; got {threads}. Leave it out to use all cores.")
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _same_machine(run: Run, threads: int | None) -> int | None:
    """Return the number of threads to use, by default that of the run's beginning.

    Warn if threads, torch, device or precision differ from those of the run's beginning.
    """
    device = training_device()
    now: dict[str, Any] = {
        "threads": threads or torch.get_num_threads(), "torch": torch.__version__, "device": device.type,
        "precision": str(computes_in(run.recipe.precision, device)).removeprefix("torch."),
    }  # fmt: skip
    before = read_run_file(run.machine)
    if not before:
        write_json(begun(run.folder, run.machine.name), now)
        return threads
    if threads is None and isinstance(before.get("threads"), int):
        now["threads"] = before["threads"]
    other = [name for name in now if name in before and before[name] != now[name]]
    if other:
        began, goes_on = (", ".join(f"{name} {row[name]}" for name in other) for row in (before, now))
        warnings.warn(
            f"run folder '{run.folder}' began with {began} and goes on with {goes_on}: its numbers will differ in "
            "their last digits from those of an unbroken run.",
            TrainingWarning,
            stacklevel=4,
        )
    return int(now["threads"])


def training_device() -> torch.device:
    """Return the first GPU that torch can use, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def resolve_recipe(recipe: Recipe | str | Path, *, seed: int | None, samples: int | None) -> Recipe:
    """Return the recipe with ``seed`` and ``samples`` in place of its own, if they are given."""
    resolved = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    if seed is not None:
        resolved = dataclasses.replace(resolved, seed=seed)
    if samples is not None:
        resolved = dataclasses.replace(resolved, schedule=dataclasses.replace(resolved.schedule, samples=samples))
    return resolved


def _read_store(run: Run, *, progress: bool) -> ImageStore:
    """Decode the run's images if the recipe keeps them, write ``data.json``, and check number and size of images."""
    with step("reading images", shown=progress and run.recipe.crops.store > 0) as advance:
        store = ImageStore(run.files, short_side=run.recipe.crops.store, progress=advance)
    run.record_data(store)
    _check_batch(run.recipe, len(store), "readable images")
    _check_sizes(run.recipe, store)
    return store


def _check_sizes(recipe: Recipe, store: ImageStore) -> None:
    """Refuse views that are larger than every image, and warn if they are larger than most images."""
    size, smaller = recipe.crops.sizes[0], sum(side < recipe.crops.sizes[0] for side in store.short_sides)
    if smaller and smaller == len(store):
        raise ConfigError(
            f"crops.sizes must not begin with more pixels than any image has; got {size}, and a short side of "
            f"{max(store.short_sides)} in the largest. Use smaller crops.sizes or larger images."
        )
    if smaller > len(store) / 2:
        warnings.warn(
            f"crops.sizes begins with {size} pixels, and {smaller} of {len(store)} images have a shorter side: their "
            "views are enlarged without more detail. Use smaller crops.sizes or larger images.",
            TrainingWarning,
            stacklevel=5,
        )


def _check_batch(recipe: Recipe, count: int, images: str) -> None:
    """Raise if there are fewer images than a batch holds."""
    if count < recipe.schedule.batch:
        raise ConfigError(
            f"schedule.batch must not be larger than the number of images; got a batch of {recipe.schedule.batch} for "
            f"{count} {images}. Use a smaller batch or more images."
        )


def seeded(make: Callable[[], T], seed: int) -> T:
    """Return ``make()`` under the seed and restore torch's random state."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()
