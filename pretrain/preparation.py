"""What comes before the loop: recipe, images, threads, device and first weights."""

from __future__ import annotations

import dataclasses
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from fairaudit.core.errors import ConfigError
from fairaudit.core.files import write_json
from fairaudit.core.open_file import SETTINGS, read_bytes
from fairaudit.images.image_files import ImageFiles
from fairaudit.pretrain.images import ImageStore
from fairaudit.pretrain.precision import computes_in
from fairaudit.pretrain.progress import progress_bar
from fairaudit.pretrain.recipe import Recipe, load_recipe
from fairaudit.pretrain.run import Run
from fairaudit.pretrain.symptoms import TrainingWarning


@contextmanager
def torch_threads(threads: int | None) -> Iterator[None]:
    """Let torch use ``threads`` processor cores inside the block; None leaves it as it is."""
    before = torch.get_num_threads()
    if threads is not None:
        if threads < 1:
            raise ConfigError(f"threads must be 1 or more; got {threads}. Leave it out to use all cores.")
        torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def same_machine(run: Run, threads: int | None) -> int | None:
    """Return how many threads to use: what is asked for, else as many as the run began with.

    Warns where a run goes on with other threads, another torch or another device than it began with.
    """
    device = training_device()
    now: dict[str, Any] = {
        "threads": threads or torch.get_num_threads(), "torch": torch.__version__, "device": device.type,
        "precision": str(computes_in(run.recipe.precision, device)).removeprefix("torch."),
    }  # fmt: skip
    if not run.machine.is_file():
        write_json(run.machine, now)
        return threads
    try:
        before = dict(json.loads(read_bytes(run.machine, "file", limit=SETTINGS)))
    except ValueError:
        before = {}
    if threads is None and isinstance(before.get("threads"), int):
        now["threads"] = before["threads"]
    other = [name for name in now if name in before and before[name] != now[name]]
    if other:
        began, goes_on = (", ".join(f"{name} {row[name]}" for name in other) for row in (before, now))
        warnings.warn(
            f"run folder '{run.folder}' began with {began} and goes on with {goes_on}: its numbers will differ in "
            "their last digits from those of a run that was never stopped.",
            TrainingWarning,
            stacklevel=3,
        )
    return int(now["threads"])


def training_device() -> torch.device:
    """Return the first GPU where torch can use one, else the processor."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def resolve_recipe(recipe: Recipe | str | Path, *, seed: int | None, samples: int | None) -> Recipe:
    """Return the recipe with ``seed`` and ``samples`` put in where they are given."""
    made = recipe if isinstance(recipe, Recipe) else load_recipe(recipe)
    if seed is not None:
        made = dataclasses.replace(made, seed=seed)
    if samples is not None:
        made = dataclasses.replace(made, schedule=dataclasses.replace(made.schedule, samples=samples))
    return made


def read_store(run: Run, *, progress: bool) -> ImageStore:
    """Decode the run's images if the recipe keeps them, write ``data.json`` and check that there is a batch of them."""
    with progress_bar("reading images", len(run.files), shown=progress and run.recipe.crops.store > 0) as advance:
        store = ImageStore(run.files, short_side=run.recipe.crops.store, advance=advance)
    run.record_data(store)
    if len(store) < run.recipe.schedule.batch:
        raise ConfigError(
            "schedule.batch must not be larger than the number of images; got a batch of "
            f"{run.recipe.schedule.batch} for {len(store)} readable images. Use a smaller batch or more images."
        )
    _check_sizes(run.recipe, store)
    return store


def _check_sizes(recipe: Recipe, store: ImageStore) -> None:
    """Refuse views that are larger than every image, and warn where they are larger than most: they show no more."""
    size, smaller = recipe.crops.sizes[0], sum(side < recipe.crops.sizes[0] for side in store.short_sides)
    if smaller and smaller == len(store):
        raise ConfigError(
            f"crops.sizes must not begin with more pixels than any image has; got {size}, and a short side of "
            f"{max(store.short_sides)} in the largest. Use smaller crops.sizes or larger images."
        )
    if smaller > len(store) / 2:
        warnings.warn(
            f"crops.sizes begins with {size} pixels, and {smaller} of {len(store)} images have a shorter side: their "
            "views are made larger and show no more. Use smaller crops.sizes or larger images.",
            TrainingWarning,
            stacklevel=4,
        )


def check_batch(recipe: Recipe, files: ImageFiles) -> None:
    """Raise before anything is decoded or written if there are fewer images than a batch holds."""
    if len(files) < recipe.schedule.batch:
        raise ConfigError(
            f"schedule.batch must not be larger than the number of images; got a batch of {recipe.schedule.batch} for "
            f"{len(files)} images. Use a smaller batch or more images."
        )


def seeded(make: Callable[[], Any], seed: int) -> Any:
    """Return ``make()`` under the seed, leaving torch's own random state as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return make()
