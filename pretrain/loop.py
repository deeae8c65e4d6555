"""The training loop. Read ``fit`` first: it is the whole of training.

An objective defines the loss; everything else in a step is a function of the recipe and the step's number, so that a
resumed run equals an unbroken one.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from fairaudit.core.errors import ConfigError
from fairaudit.core.output_folder import begun
from fairaudit.core.progress import step as progress_bar
from fairaudit.pretrain.ahead import ahead
from fairaudit.pretrain.checkpoint import load_checkpoint, previous, save_checkpoint
from fairaudit.pretrain.images import ImageStore
from fairaudit.pretrain.optimiser import LarcSGD, learning_rate
from fairaudit.pretrain.run import Run
from fairaudit.pretrain.views import Cut, Views
from fairaudit.pretrain.watch import Measurements, Watcher

OnStep = Callable[[Mapping[str, float]], None]
WINDOW = 20  # steps over which the last loss is averaged


class Objective(Protocol):
    """The trained module, its loss and its state.

    Attributes
    ----------
    module : Module
        Module with the trained weights.
    chance : float
        Loss of a blind guess.
    """

    module: nn.Module
    chance: float

    @property
    def trunk(self) -> nn.Module:
        """The part of ``module`` that embeds images."""

    def loss(self, views: Sequence[Tensor], targets: Tensor, *, share: float) -> tuple[Tensor, dict[str, float]]:
        """Return the loss of a batch and numbers to record; ``share`` is the completed part of the run, in [0, 1]."""

    def before_step(self, *, share: float) -> None:
        """Change gradients before the optimiser uses them."""

    def state_dict(self) -> dict[str, Any]:
        """Return the state for a checkpoint."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the state of a checkpoint."""


def fit(
    objective: Objective,
    *,
    run: Run,
    store: ImageStore,
    views: Views,
    targets: Tensor | None = None,
    watchers: Sequence[Watcher] = (),
    on_step: OnStep | None = None,
    progress: bool = True,
) -> dict[str, Any]:
    """Train ``objective`` to the end of the recipe's schedule and return a summary.

    Parameters
    ----------
    views : Views
        Views of the images; the next batches are cut while a step runs.
    targets : Tensor of int64, shape (N,), optional
        Class of each image of the store.
    watchers : sequence of Watcher
        Measure the trunk before the first step, at their intervals, and at the end.
    on_step : callable, optional
        Receives each step's metrics after they are written; an error that it raises ends the run, which can be resumed.
    """
    schedule, seed = run.recipe.schedule, run.recipe.seed
    optimiser = LarcSGD(objective.module.parameters(), run.recipe.optimiser)
    first = _resume(run, objective, optimiser)
    recent: list[float] = []
    started = time.perf_counter()
    objective.module.train()

    def cut_at(step: int) -> tuple[int, Cut]:
        epoch, indices = batch_at(step, images=len(store), batch=schedule.batch, seed=seed)
        return epoch, views.cut(indices, epoch)

    with (
        run.metrics(done=first) as metrics,
        run.watched(images=first * schedule.batch) as watched,
        progress_bar(
            f"training {run.recipe.name}", shown=progress, note=lambda: f": loss {row['loss']:.3f}"
        ) as advance,
        ahead(cut_at, range(first, schedule.steps)) as batches,
    ):
        measure = Measurements(watchers, watched, objective.trunk, store, run.recipe)
        measure(first)
        for step in range(first, schedule.steps):
            share = step / schedule.steps
            epoch, cut = next(batches)
            pixels = views.finish(cut)
            labels = torch.empty(0) if targets is None else targets[cut.indices].to(pixels[0].device)
            loss, numbers = objective.loss(pixels, labels, share=share)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            objective.before_step(share=share)
            rate = learning_rate(share, highest=run.recipe.optimiser.learning_rate, schedule=schedule)
            optimiser.scaled_step(rate)

            row = {"step": step + 1, "epoch": epoch, "loss": float(loss.detach()), "learning_rate": rate, **numbers}
            _require_finite(row["loss"], step + 1)
            recent = [*recent[-WINDOW + 1 :], row["loss"]]
            metrics.write(row)
            advance((step + 1) * schedule.batch, schedule.steps * schedule.batch)
            if (step + 1) % schedule.checkpoint_every == 0 or step + 1 == schedule.steps:
                state = {"step": step + 1, "objective": objective.state_dict(), "optimiser": optimiser.state_dict()}
                if run.checkpoint.is_file():
                    begun(run.folder, previous(run.checkpoint).name)
                save_checkpoint(begun(run.folder, run.checkpoint.name), state)
            measure(step + 1)
            if on_step:
                on_step(row)
    seconds = time.perf_counter() - started
    return {
        "steps": schedule.steps,
        "images_seen": schedule.steps * schedule.batch,
        "seconds": round(seconds, 2),
        "seconds_of_looks": round(measure.seconds, 2),
        "images_per_second": round((schedule.steps - first) * schedule.batch / max(seconds - measure.seconds, 1e-9), 1),
        "loss": float(np.mean(recent)) if recent else None,
        "loss_of_chance": objective.chance,
    }


def batch_at(step: int, *, images: int, batch: int, seed: int) -> tuple[int, list[int]]:
    """Return the epoch and the indices of a step's images; each epoch has a new order and whole batches only."""
    per_epoch = images // batch
    epoch, at = divmod(step, per_epoch)
    order: npt.NDArray[np.int64] = _order(images, seed, epoch)
    return epoch, order[at * batch : (at + 1) * batch].tolist()


@lru_cache(maxsize=2)
def _order(images: int, seed: int, epoch: int) -> npt.NDArray[np.int64]:
    return np.random.default_rng([seed, epoch]).permutation(images)


def _resume(run: Run, objective: Objective, optimiser: LarcSGD) -> int:
    """Load the checkpoint, if there is one, and return the number of completed steps."""
    state = load_checkpoint(run.checkpoint)
    if state is None:
        return 0
    objective.load_state_dict(state["objective"])
    optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


def _require_finite(loss: float, step: int) -> None:
    if not math.isfinite(loss):
        raise ConfigError(
            f"training loss must be finite; got {loss} at step {step}. "
            "Lower optimiser.learning_rate or raise schedule.warm_up, and start in a new folder."
        )
