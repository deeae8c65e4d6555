"""Decoding and augmentation against the usual pipeline of PIL, one image at a time; and the loader against the step.

::

    FAIRAUDIT_SAMPLE_DATA=DIR python -m benchmarks.augment     # photographs of imagenet-sample and dollar-street-sample
    python -m benchmarks.augment                               # drawn pictures of the same sizes

First, per core: both sides go from the bytes of JPEGs to normalised float32 views, on one thread, without a cache, and
are timed in turn by the processor time they take. The other side is written with PIL as the published training scripts
read, in its fastest usual form: RandomResizedCrop as one ``resize(box=...)``, flip, ColorJitter in random order,
greyscale, Gaussian blur, to tensor, normalise. Bar: at least 2 times as fast with the views of ``swav_imagenet`` and
of ``small_real``.

Then, on all cores: images a second that the loader makes alone, over those that the training step takes alone, by the
clock. Bar: at least 1.5 for ``demo``, ``small_real`` and the views of ``swav_imagenet`` on a RegNetY-400MF. Exits 1
when a bar is missed.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from benchmarks.pil_views import encoded, pil_views
from fairaudit.images.image_files import ImageFiles
from fairaudit.images.listing import list_images
from fairaudit.pretrain import images, load_recipe
from fairaudit.pretrain.images import ImageStore
from fairaudit.pretrain.optimiser import LarcSGD
from fairaudit.pretrain.recipe import Recipe
from fairaudit.pretrain.settings import Network
from fairaudit.pretrain.swav import SwavObjective
from fairaudit.pretrain.views import Views

FASTER, AHEAD = 2.0, 1.5
ROUNDS = 5
CPU = torch.device("cpu")


def per_core(recipe: Recipe, files: ImageFiles) -> float:
    """Print and return the time of the PIL pipeline over ours, for the views of ``recipe``."""
    contents = [encoded(files, at) for at in range(len(files))]
    views, batch = _views(recipe, files, cache=0), 32
    rng = np.random.default_rng(0)

    def ours() -> None:
        for start in range(0, len(files), batch):
            views.finish(views.cut(range(start, min(start + batch, len(files))), 0))

    def theirs() -> None:
        for content in contents:
            pil_views(content, recipe.crops, rng)

    times = [[_seconds(side) / len(files) for side in (ours, theirs)] for _ in range(ROUNDS)]
    fast, slow = (median(column) for column in zip(*times, strict=True))
    ratio = median(b / a for a, b in times)
    shape = " + ".join(f"{n}x{size}" for n, size in zip(recipe.crops.counts, recipe.crops.sizes, strict=True))
    print(
        f"{recipe.name} ({shape}, store {recipe.crops.store}): ours {fast * 1e3:.2f} ms an image, PIL {slow * 1e3:.2f} "
        f"ms, {ratio:.2f} times as fast; {1 / fast:.0f} images/s per core"
    )
    return ratio


def _seconds(work: Callable[[], None]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def _views(recipe: Recipe, files: ImageFiles, *, cache: int) -> Views:
    before, images.CACHE_BYTES = images.CACHE_BYTES, cache
    try:
        return Views(ImageStore(files, short_side=recipe.crops.store), recipe, CPU)
    finally:
        images.CACHE_BYTES = before


def loader_over_step(recipe: Recipe, files: ImageFiles, *, title: str) -> float:
    """Print and return images a second of the loader alone over those of the training step alone."""
    views, batch = _views(recipe, files, cache=images.CACHE_BYTES), recipe.schedule.batch
    rng = np.random.default_rng(0)
    torch.manual_seed(0)
    objective = SwavObjective(recipe, device=CPU)
    optimiser = LarcSGD(objective.module.parameters(), recipe.optimiser)

    def load() -> list[Tensor]:
        return views.finish(views.cut(rng.integers(len(files), size=batch).tolist(), 0))

    def step(made: Sequence[Tensor]) -> None:
        loss, _ = objective.loss(made, torch.empty(0), share=0.5)
        optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.scaled_step(0.01)

    made = load()
    step(made)
    times = []
    for _ in range(ROUNDS):
        clock = [time.perf_counter()]
        for work in (load, lambda: step(made)):
            work()
            clock.append(time.perf_counter())
        times.append((clock[1] - clock[0], clock[2] - clock[1]))
    loading, stepping = (median(column) for column in zip(*times, strict=True))
    ratio = median(b / a for a, b in times)
    print(
        f"{title}: loader {batch / loading:.0f} images/s, step {batch / stepping:.0f} images/s, {ratio:.1f} times what "
        "it takes"
    )
    return ratio


def photographs(count: int, drawn: Path) -> ImageFiles:
    """Return JPEGs of the real samples, or drawn ones where there are none."""
    samples = os.environ.get("FAIRAUDIT_SAMPLE_DATA")
    if samples:
        found = list_images([Path(samples, "imagenet-sample"), Path(samples, "dollar-street-sample")])
        print(f"{count} of {len(found)} photographs")
        paths = [found.source(int(at)) for at in np.linspace(0, len(found) - 1, count)]
        return ImageFiles.of([Path(str(path)) for path in paths], [str(at) for at in range(count)])
    print(f"{count} drawn pictures; FAIRAUDIT_SAMPLE_DATA names no photographs")
    rng = np.random.default_rng(0)
    for at in range(count):
        width, height = [(256, 192), (288, 192), (192, 240), (512, 384)][at % 4]
        small = Image.fromarray(rng.integers(0, 256, (height // 16, width // 16, 3), dtype=np.uint8))
        noise = rng.normal(0, 6, (height, width, 3))
        pixels = np.clip(np.asarray(small.resize((width, height), Image.Resampling.BICUBIC)) + noise, 0, 255)
        Image.fromarray(pixels.astype(np.uint8)).save(drawn / f"{at:04d}.jpg", quality=90)
    return list_images([drawn])


def main() -> int:
    """Measure both and return 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=64)
    count = parser.parse_args().images
    cores = torch.get_num_threads()
    print(f"torch {torch.__version__}, PIL {Image.__version__}, {platform.machine()}, {cores} threads")  # type: ignore[attr-defined]
    imagenet, small = load_recipe("swav_imagenet"), load_recipe("small_real")
    with tempfile.TemporaryDirectory() as folder:
        files = photographs(count, Path(folder))
        torch.set_num_threads(1)
        faster = [per_core(recipe, files) for recipe in (imagenet, small)]
        torch.set_num_threads(cores)
        mid = dataclasses.replace(
            imagenet,
            network=Network(preset="y_400mf"),
            schedule=dataclasses.replace(imagenet.schedule, batch=16),
        )
        ahead = [
            loader_over_step(load_recipe("demo"), files, title="demo"),
            loader_over_step(small, files, title="small_real"),
            loader_over_step(mid, files, title="RegNetY-400MF with the views of swav_imagenet"),
        ]
    met = min(faster) >= FASTER and min(ahead) >= AHEAD
    print(
        f"decoding and augmentation: {min(faster):.2f} times PIL's per core (bar {FASTER:g}); loader: {min(ahead):.1f} "
        f"times what the step takes (bar {AHEAD:g}): {'pass' if met else 'MISSED'}"
    )
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
