"""A training step from files to new weights, against the published form of SwAV's script.

::

    python -m benchmarks.pretrain_step                   # one core, drawn pictures
    python -m benchmarks.pretrain_step --threads 2
    python -m benchmarks.pretrain_step --device cuda     # also images/s and the share of the GPU's peak

Two networks, fixed before anything was measured: the demo recipe as it is, and RegNetY-400MF with the views of the
recipe ``small_real``. Both sides train the same network on the same files in one process, in turn, in blocks of
steps. Theirs decodes and augments each image with Pillow each time it is needed, as its loader does; ours decodes once
and keeps small images, so the decoding of a whole set is charged to each image by the recipe's number of epochs. Both
sides are shown with weights and images laid out channels last, too, which the published script does not do. Beside the
ratio stands what the network's own forward and backward pass takes, which no trick removes.

Bars: 1.3 times the published form with the demo's network, 1.1 with RegNetY-400MF. Exits 1 when one is missed.
"""

from __future__ import annotations

import argparse
import dataclasses
import platform
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from statistics import median

import torch

from benchmarks.official_step import OfficialStep
from benchmarks.pil_views import encoded
from fairaudit.datasets.synthetic import Size, write_training
from fairaudit.images.image_files import ImageFiles
from fairaudit.images.listing import list_images
from fairaudit.pretrain.images import ImageStore
from fairaudit.pretrain.loop import batch_at
from fairaudit.pretrain.optimiser import LarcSGD
from fairaudit.pretrain.recipe import Recipe, load_recipe
from fairaudit.pretrain.settings import Network, Schedule
from fairaudit.pretrain.swav import SwavObjective
from fairaudit.pretrain.views import Views

BARS = {"demo": 1.3, "y_400mf": 1.1}
IMAGES = 384  # that are drawn; steps go through them again and again
TRAINING_SET = 3000  # images of the demo's training set, over which its decoding is spread
ROUNDS = 5


def recipes() -> list[Recipe]:
    """Return the two that are compared."""
    real = load_recipe("small_real")
    large = dataclasses.replace(
        real,
        name="y_400mf",
        network=Network(preset="y_400mf"),
        swav=dataclasses.replace(real.swav, queue=0),
        schedule=Schedule(samples=real.schedule.samples, batch=32),
    )
    return [load_recipe("demo"), large]


class Clock:
    """Seconds of a step: of the processor where one core does it all, which others on the machine do not change."""

    def __init__(self, device: torch.device) -> None:
        self._device = device
        alone = device.type == "cpu" and torch.get_num_threads() == 1
        self.now = time.process_time if alone else time.perf_counter

    def __call__(self, step: Callable[[int], object], numbers: Sequence[int]) -> float:
        """Return the seconds of a step, as the mean of those with ``numbers``."""
        self._wait()
        start = self.now()
        for number in numbers:
            step(number)
        self._wait()
        return (self.now() - start) / len(numbers)

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize()


class Ours:
    """Steps as ``fit`` takes them."""

    def __init__(self, recipe: Recipe, files: ImageFiles, *, clock: Clock, device: torch.device) -> None:
        self._recipe = recipe
        start = clock.now()
        self._store = ImageStore(files, short_side=recipe.crops.store)
        per_image = (clock.now() - start) / len(files)
        self.seconds_decoding = per_image * recipe.schedule.batch / (recipe.schedule.samples / TRAINING_SET)
        self._views = Views(self._store, recipe, device)
        self._objective = SwavObjective(recipe, device=device)
        self._optimiser = LarcSGD(self._objective.module.parameters(), recipe.optimiser)

    def step(self, number: int) -> None:
        """Take a step."""
        views = self.views(number)
        loss, _ = self._objective.loss(views, torch.empty(0), share=0.5)
        self._optimiser.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self._optimiser.scaled_step(0.01)
        float(loss.detach())

    def views(self, number: int) -> list[torch.Tensor]:
        """Return the views of a step."""
        batch, seed = self._recipe.schedule.batch, self._recipe.seed
        epoch, indices = batch_at(number, images=len(self._store), batch=batch, seed=seed)
        return self._views.finish(self._views.cut(indices, epoch))

    def network_alone(self, views: list[torch.Tensor]) -> None:
        """Forward and backward through the network, with no objective."""
        self._objective.module(views).sum().backward()


def compare(recipe: Recipe, files: ImageFiles, *, clock: Clock, device: torch.device, steps: int) -> float:
    """Print both sides' seconds a step and return theirs over ours, as the median of rounds taken in turn."""
    ours = Ours(recipe, files, clock=clock, device=device)
    plain, same_layout = (OfficialStep(recipe, channels_last=last, device=device) for last in (False, True))
    views = ours.views(0)

    def published(form: OfficialStep, number: int) -> None:
        _, indices = batch_at(number, images=len(files), batch=recipe.schedule.batch, seed=recipe.seed)
        form.train(form.views([encoded(files, i) for i in indices]))

    sides: list[Callable[[int], object]] = [
        ours.step, partial(published, plain), partial(published, same_layout), lambda _: ours.network_alone(views),
    ]  # fmt: skip
    rows = []
    for number in range(ROUNDS + 1):
        numbers = range(number * steps, (number + 1) * steps)
        rows.append([clock(side, numbers) for side in sides])
        rows[-1][0] += ours.seconds_decoding
    rows = rows[1:]  # the first round warms up
    mine, slow, last, alone = (median(column) for column in zip(*rows, strict=True))
    ratio, ratio_same = (median(row[i] / row[0] for row in rows) for i in (1, 2))
    batch = recipe.schedule.batch
    print(
        f"{recipe.name}: batch {batch}, views {recipe.crops.counts} of {recipe.crops.sizes} pixels\n"
        f"  ours                 {mine:.3f} s a step, {batch / mine:.0f} images/s; "
        f"decoding {ours.seconds_decoding:.3f} s, "
        f"the network's forward and backward pass {alone:.3f} s, {alone / mine:.0%}\n"
        f"  published form       {slow:.3f} s a step, {ratio:.2f} times ours\n"
        f"  it, channels last    {last:.3f} s a step, {ratio_same:.2f} times ours"
    )
    return ratio


def main() -> int:
    """Compare on both networks and return 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--threads", type=int, default=1, help="processor cores for torch")
    parser.add_argument("--steps", type=int, default=4, help="steps of a block")
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    print(f"torch {torch.__version__}, {platform.machine()}, {torch.get_num_threads()} threads, {device.type}")
    with tempfile.TemporaryDirectory() as folder:
        size = Size(1, 1, 1, 1, 6, 6, 6, n_training=IMAGES, n_labelled=20)
        write_training(Path(folder) / "world", size=size)
        files = list_images([Path(folder) / "world" / "images"])
        found = {
            recipe.name: compare(recipe, files, clock=Clock(device), device=device, steps=arguments.steps)
            for recipe in recipes()
        }
    met = all(ratio >= BARS[name] for name, ratio in found.items())
    told = ", ".join(f"{name} {ratio:.2f} (bar {BARS[name]:g})" for name, ratio in found.items())
    print(f"SwAV step against the published form: {told}: {'pass' if met else 'MISSED'}")
    return 0 if met else 1


if __name__ == "__main__":
    raise SystemExit(main())
