"""``Tuner``: fine-tune a whole network on labels, with a fresh linear head."""

from __future__ import annotations

import copy
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from fairaudit.core.errors import CheckpointError, ConfigError
from fairaudit.core.model import Model
from fairaudit.core.progress import Advance
from fairaudit.heads.text_encoder import quiet_transformers
from fairaudit.heads.tuning_recipe import TuningRecipe
from fairaudit.images.image_files import ImageFiles
from fairaudit.models._preprocessing import Preprocessing
from fairaudit.models._torch_model import choose_device, first_line
from fairaudit.pretrain.ahead import ahead
from fairaudit.pretrain.augment import view_numbers
from fairaudit.pretrain.images import ImageStore, Picture
from fairaudit.pretrain.loop import batch_at
from fairaudit.pretrain.views import cut_views

# Legend of shape suffixes: B images of a batch, C labels, S side of a view.

Batch = tuple[int, list[int], Tensor]
#: Architectures of ``transformers`` with a classifier on the audited trunk.
TUNED = ("regnet", "resnet", "convnext", "convnextv2", "vit", "dinov2")


def classifier_on(model: Model, classes: Sequence[str], *, seed: int) -> Any:
    """Return a network of ``transformers`` with the trunk of ``model`` and a fresh linear head for ``classes``.

    Raises
    ------
    CheckpointError
        If the model is no vision network of ``transformers``.
    """
    import transformers

    source = getattr(model, "network", None)
    if not isinstance(source, transformers.PreTrainedModel) or source.config.model_type not in TUNED:
        raise CheckpointError(
            f"checkpoint '{model.card.name}' must be a network of transformers ({', '.join(TUNED)}) to be "
            f"fine-tuned as a whole; got {model.card.architecture} by {model.card.kind}. Fit a probe on it: "
            "fairaudit probe."
        )
    config = copy.deepcopy(source.config)
    config.id2label = dict(enumerate(classes))
    config.label2id = {label: i for i, label in enumerate(classes)}
    with torch.random.fork_rng(devices=[]), quiet_transformers():
        torch.default_generator.manual_seed(seed)  # not torch.manual_seed: it would set those of GPUs too
        loader: Any = transformers.AutoModelForImageClassification
        network = loader.from_config(config)
    trunk = getattr(source, source.base_model_prefix, source)
    getattr(network, network.base_model_prefix).load_state_dict(trunk.state_dict())
    return network


def preprocessing_of(model: Model, recipe: TuningRecipe) -> Preprocessing:
    """Return the preprocessing of the fine-tuned network: that of the recipe, else that of the checkpoint.

    Raises
    ------
    CheckpointError
        If the checkpoint prepares its images in other steps, or not as squares.
    """
    own = getattr(model, "preprocessing", None)
    if isinstance(own, Preprocessing) and own.channels == "RGB":
        if recipe.size:
            return Preprocessing(recipe.resize or recipe.size, (recipe.size,) * 2, "bilinear", own.mean, own.std)
        if len({*_sides(own)}) == 1:
            return own
    raise CheckpointError(
        f"checkpoint '{model.card.name}' must take RGB images that are resized, cut to a square and normalised; "
        "got other steps. Describe the preprocessing in a file: --preprocessing FILE."
    )


def _sides(preprocessing: Preprocessing) -> tuple[int, int]:
    """Return height and width of the network's input."""
    if preprocessing.crop is not None:
        return preprocessing.crop
    return preprocessing.resize if isinstance(preprocessing.resize, tuple) else (preprocessing.resize, -1)


class Tuner:
    """The training of a classifier, in which the recipe and the number of a step determine the step.

    Parameters
    ----------
    network : PreTrainedModel
        From ``classifier_on``; it is trained in place.
    recipe : TuningRecipe
    preprocessing : Preprocessing
        From ``preprocessing_of``; training uses its side, mean and standard deviation.
    device : str
        As in ``open_model``.

    Attributes
    ----------
    n_learned : int
        Readable images, once ``fit`` has run.
    """

    def __init__(
        self, network: Any, recipe: TuningRecipe, preprocessing: Preprocessing, *, device: str = "auto"
    ) -> None:
        self._device = choose_device(device)
        self._network: nn.Module = network.to(self._device)
        self.n_learned = 0
        self._recipe, self._side = recipe, _sides(preprocessing)[0]
        mean, std = (torch.tensor(values, device=self._device) for values in (preprocessing.mean, preprocessing.std))
        self._mean, self._std = mean[:, None, None], std[:, None, None]
        self._try_out()

    def fit(
        self, files: Sequence[Path], names: Sequence[str], targets: Sequence[int],
        *, progress: Advance | None = None,
    ) -> float:  # fmt: skip
        """Train to the end of the recipe and return the mean loss of the last epoch, in nats.

        Unreadable images are skipped, as in pretraining.

        Parameters
        ----------
        files, names : sequence of Path, sequence of str
            Images, and their names in errors.
        targets : sequence of int
            Label of each image, as the network numbers them.
        progress : Advance, optional
            Called with the number of steps done and of all steps.

        Raises
        ------
        ConfigError
            If there are fewer images than a batch holds, or the loss is not finite.
        DataError
            If more than 1 % of the images cannot be read.
        """
        recipe = self._recipe
        if len(files) < recipe.batch:
            raise ConfigError(
                f"batch of fine-tuning must not be larger than the number of images that are learned; got "
                f"{recipe.batch} for {len(files)}. Use a smaller batch: --batch."
            )
        store = ImageStore(ImageFiles.of(list(files), list(names)), short_side=0)
        truth = torch.tensor(list(targets), device=self._device)
        steps_per_epoch = len(files) // recipe.batch
        steps = recipe.epochs * steps_per_epoch
        optimiser = torch.optim.SGD(
            self._network.parameters(), lr=recipe.learning_rate, momentum=recipe.momentum,
            weight_decay=recipe.weight_decay,
        )  # fmt: skip
        losses: list[float] = []
        # Some networks drop parts at random; the caller's random state is restored.
        with torch.random.fork_rng(), ahead(lambda step: self._cut(store, step), range(steps)) as batches:
            torch.manual_seed(recipe.seed)
            self._network.train()
            for step, (epoch, used, views) in enumerate(batches, 1):
                for group in optimiser.param_groups:
                    group["lr"] = recipe.rate_at(epoch)
                loss = functional.cross_entropy(self._logits(views), truth[used])
                optimiser.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                losses.append(float(loss.detach()))
                if not math.isfinite(losses[-1]):
                    raise ConfigError(
                        f"loss of fine-tuning must be finite; got {losses[-1]} at step {step}. Lower the rate: --rate."
                    )
                if progress is not None:
                    progress(step, steps)
        self._network.eval()
        self.n_learned = store.readable
        return float(np.mean(losses[-steps_per_epoch:]))

    def _cut(self, store: ImageStore, step: int) -> Batch:
        """Return the epoch of a step, its images (with replacements of unreadable images), and their views."""
        recipe = self._recipe
        epoch, indices = batch_at(step, images=len(store), batch=recipe.batch, seed=recipe.seed)

        def cut(index: int, picture: Picture) -> Tensor:
            drawn = view_numbers(np.array([index]), seed=recipe.seed, epoch=epoch, view=0)
            return cut_views(picture, drawn, [(self._side, (recipe.least_area, 1.0))], flip=recipe.flip)[0]

        used, views = store.each(indices, cut)
        return epoch, used, torch.stack(views)

    def _logits(self, views: Tensor) -> Tensor:
        """Return (B, C) of uint8 views (B, 3, S, S)."""
        pixels = (views.to(self._device) / 255 - self._mean) / self._std
        logits: Tensor = self._network(pixel_values=pixels).logits.float()
        return logits

    def _try_out(self) -> None:
        """Run two grey images, so that a network that cannot take this size fails here."""
        try:
            with torch.inference_mode():
                self._network.eval()
                self._logits(torch.full((2, 3, self._side, self._side), 128, dtype=torch.uint8))
        except Exception as error:  # whatever the network raises on a size it cannot take
            raise CheckpointError(
                f"network {type(self._network).__name__} must take images of {self._side} x {self._side} pixels; got "
                f"{type(error).__name__}: {first_line(error)}. Give the size of the "
                "network: --size."
            ) from error
