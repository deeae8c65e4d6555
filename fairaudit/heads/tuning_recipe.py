"""``TuningRecipe``: parameters of fine-tuning a whole network, with the published recipe as a preset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from fairaudit.core.errors import ConfigError, unknown_name
from fairaudit.core.typed_values import build

#: Batch to which the learning rate of a recipe refers; the rate grows in proportion to the batch.
REFERENCE_BATCH = 256


@dataclass(frozen=True)
class TuningRecipe:
    """SGD with momentum on the cross-entropy of labels, with a learning rate that falls in steps.

    Parameters
    ----------
    name : str
        Of its preset.
    epochs, batch : int
        Passes over the images (at least 1), and images a step (at least 2).
    rate : float
        Learning rate at a batch of 256, above 0.
    momentum, weight_decay : float
        In [0, 1), and at least 0; the decay is on all weights, normalisation too. Momentum is not Nesterov's.
    milestones : tuple of int
        Epochs from which the rate is multiplied by ``factor``, rising.
    factor : float
        In (0, 1].
    size, resize : int
        Side of the network's input in pixels, and short side to which images are resized before the middle square is
        cut, after training. 0 and 0: as in the preprocessing of the checkpoint.
    least_area : float
        Least share of an image's area that a random view in training covers, in (0, 1].
    flip : float
        Probability of a left-right flip.
    seed : int
        Of the head's first weights, of the split, the order and the views.
    """

    name: str
    epochs: int
    batch: int
    rate: float
    momentum: float
    weight_decay: float
    milestones: tuple[int, ...]
    factor: float = 0.1
    size: int = 0
    resize: int = 0
    least_area: float = 0.08
    flip: float = 0.5
    seed: int = 1

    def __post_init__(self) -> None:
        for key, holds, must in (
            ("epochs", self.epochs >= 1, "at least 1"),
            ("batch", self.batch >= 2, "at least 2"),
            ("rate", self.rate > 0, "above 0"),
            ("momentum", 0 <= self.momentum < 1, "in [0, 1)"),
            ("weight_decay", self.weight_decay >= 0, "at least 0"),
            ("milestones", list(self.milestones) == sorted({*self.milestones}), "rising epochs"),
            ("factor", 0 < self.factor <= 1, "in (0, 1]"),
            ("size", self.size == 0 or self.size >= 16, "0 or at least 16 pixels"),
            ("resize", self.resize == 0 or self.resize >= self.size > 0, "0, or at least a size that is given"),
            ("least_area", 0 < self.least_area <= 1, "in (0, 1]"),
            ("flip", 0 <= self.flip <= 1, "in [0, 1]"),
            ("seed", self.seed >= 0, "at least 0"),
        ):
            if not holds:
                shown = ",".join(map(str, self.milestones)) if key == "milestones" else f"{getattr(self, key):g}"
                option = f"--{key.replace('_', '-')}"
                raise ConfigError(f"{key} of fine-tuning must be {must}; got {shown}. Correct {option}.")

    @property
    def learning_rate(self) -> float:
        """The rate of the first epochs, at the batch of this recipe."""
        return self.rate * self.batch / REFERENCE_BATCH

    def rate_at(self, epoch: int) -> float:
        """Return the learning rate of an epoch, counted from 0."""
        return self.learning_rate * self.factor ** sum(epoch >= milestone for milestone in self.milestones)


PRESETS: Mapping[str, TuningRecipe] = {
    # Goyal et al. (2022), arXiv:2202.07603: the command that its authors document for indicator 1, on 32 GPUs.
    "goyal2022": TuningRecipe(
        "goyal2022", epochs=105, batch=1024, rate=0.0125, momentum=0.9, weight_decay=1e-4,
        milestones=(30, 60, 90, 100), size=224, resize=256,
    ),
    # For a network and a table that a processor can handle; the images as large as the checkpoint takes them.
    "small": TuningRecipe(
        "small", epochs=20, batch=32, rate=0.16, momentum=0.9, weight_decay=1e-4, milestones=(12, 17), least_area=0.3,
    ),
}  # fmt: skip


def make_tuning_recipe(preset: str, changes: Mapping[str, Any] | None = None) -> TuningRecipe:
    """Return the preset with ``changes`` of its fields; text is read as the field's type, None is left out.

    Raises
    ------
    ConfigError
        If a preset or field is unknown, or a value is not of its type or out of its range.
    """
    if preset not in PRESETS:
        raise unknown_name("preset of fine-tuning", preset, PRESETS)
    changed = {key: value for key, value in (changes or {}).items() if value is not None}
    return build(TuningRecipe, asdict(PRESETS[preset]) | changed, at="fine-tuning", text=True)
