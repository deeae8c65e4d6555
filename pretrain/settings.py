"""The parts of a recipe: network, objective, views, optimiser and schedule, with checks of their values."""

from __future__ import annotations

from dataclasses import dataclass

from fairaudit.core.errors import ConfigError, unknown_name
from fairaudit.pretrain.regnet import PRESETS, RegNetShape, width_rule

CUSTOM = "custom"


def require(holds: bool, key: str, must: str, value: object, advice: str) -> None:
    """Raise the error of the recipe key ``key`` unless ``holds``."""
    if not holds:
        raise ConfigError(f"recipe key '{key}' must {must}; got {value}. {advice}")


@dataclass(frozen=True)
class Network:
    """The RegNet-Y: a preset, or the five numbers of the width rule.

    Parameters
    ----------
    preset : str
        A name of ``regnet.PRESETS``, or ``"custom"``, which reads the five keys below.
    depth, w_0, w_a, w_m, group_width
        As in Radosavovic et al. (2020), "Designing Network Design Spaces"; only with ``preset = "custom"``.
    """

    preset: str = "tiny"
    depth: int = 0
    w_0: int = 0
    w_a: float = 0.0
    w_m: float = 0.0
    group_width: int = 0

    def __post_init__(self) -> None:
        if self.preset != CUSTOM and self.preset not in PRESETS:
            raise unknown_name("recipe key 'network.preset'", self.preset, [*PRESETS, CUSTOM])
        numbers = (self.depth, self.w_0, self.w_a, self.w_m, self.group_width)
        require(
            self.preset == CUSTOM or not any(numbers),
            "network.preset",
            "be 'custom' where depth, w_0, w_a, w_m or group_width is given",
            f"'{self.preset}'",
            'Remove those keys, or write preset = "custom".',
        )
        self.shape()  # checks the numbers of a custom network

    def shape(self) -> RegNetShape:
        """Return the widths and depths of the four stages."""
        if self.preset == CUSTOM:
            return width_rule(self.depth, self.w_0, self.w_a, self.w_m, self.group_width)
        return PRESETS[self.preset]


@dataclass(frozen=True)
class Swav:
    """The SwAV objective (Caron et al. 2020, arXiv:2006.09882).

    Parameters
    ----------
    prototypes : int
        K, number of directions to which images are assigned; keep it well above ``dimension``.
    dimension : int
        D, length of a projected vector.
    hidden : tuple of int
        Widths of the hidden layers of the projection head; empty for one linear layer.
    batch_norm : bool
        Batch normalisation in the hidden layers of the head (the largest published models have none).
    temperature : float
        Temperature of the predictions' softmax, > 0.
    epsilon : float
        Smoothness of the codes, > 0; smaller values give harder assignments.
    iterations : int
        Sinkhorn iterations, >= 1.
    queue : int
        Earlier vectors per assigned crop that join the assignment; 0 for none, else a multiple of the batch.
    queue_from : float
        Share of the run, in [0, 1], after which the queue starts to fill.
    freeze_prototypes : float
        Share of the run, in [0, 1], during which prototypes keep their first values.
    """

    prototypes: int = 256
    dimension: int = 32
    hidden: tuple[int, ...] = (128,)
    batch_norm: bool = True
    temperature: float = 0.1
    epsilon: float = 0.05
    iterations: int = 3
    queue: int = 0
    queue_from: float = 0.0
    freeze_prototypes: float = 0.0

    def __post_init__(self) -> None:
        require(self.prototypes >= 2, "swav.prototypes", "be 2 or more", self.prototypes, "Use some hundreds.")
        require(self.dimension >= 2, "swav.dimension", "be 2 or more", self.dimension, "Use 32 to 256.")
        require(
            all(h >= 1 for h in self.hidden), "swav.hidden", "hold positive widths", list(self.hidden), "Correct it."
        )
        require(self.temperature > 0, "swav.temperature", "be above 0", self.temperature, "Use 0.1.")
        require(self.epsilon > 0, "swav.epsilon", "be above 0", self.epsilon, "Use 0.03 to 0.05.")
        require(self.iterations >= 1, "swav.iterations", "be 1 or more", self.iterations, "Use 3 to 10.")
        require(self.queue >= 0, "swav.queue", "be 0 or more", self.queue, "Use 0 for no queue.")
        for key in ("queue_from", "freeze_prototypes"):
            share = getattr(self, key)
            require(0 <= share <= 1, f"swav.{key}", "be a share of the run in [0, 1]", share, "Use 0.1 for a tenth.")


@dataclass(frozen=True)
class Crops:
    """The views of an image.

    Parameters
    ----------
    sizes : tuple of int
        Side of the square views in pixels, one per group, largest first. The first two views of the first group
        yield the codes; the first size is also the input size of the trained network.
    counts : tuple of int
        Views per group; the first at least 2.
    scales : tuple of (float, float)
        Area of the view as a share of the image, lowest and highest, one pair per group.
    store : int
        Short side in pixels at which images are decoded once and kept; at least the largest size. 0: every step reads
        its images from disk and cuts views from the whole image, as published, which is sharper for large photographs.
    flip, colour_probability, grayscale, blur : float
        Probabilities of a left-right flip, of a colour change, of a grey view, of a Gaussian blur.
    colour : float
        Strength of the colour change; 1.0 is that of SwAV on ImageNet, 0 no change.
    """

    sizes: tuple[int, ...] = (64,)
    counts: tuple[int, ...] = (2,)
    scales: tuple[tuple[float, float], ...] = ((0.3, 1.0),)
    store: int = 80
    flip: float = 0.5
    colour: float = 0.5
    colour_probability: float = 0.8
    grayscale: float = 0.2
    blur: float = 0.0

    def __post_init__(self) -> None:
        lengths = (len(self.sizes), len(self.counts), len(self.scales))
        require(
            len(set(lengths)) == 1 and lengths[0] > 0,
            "crops",
            "have as many sizes as counts and scales",
            f"{lengths[0]}, {lengths[1]} and {lengths[2]}",
            "Write one of each per group of views.",
        )
        require(
            all(s >= 16 for s in self.sizes),
            "crops.sizes",
            "be 16 pixels or more",
            list(self.sizes),
            "The network halves the side five times.",
        )
        require(
            list(self.sizes) == sorted(set(self.sizes), reverse=True),
            "crops.sizes",
            "fall from the first to the last",
            list(self.sizes),
            "Put the largest first and join groups of one size.",
        )
        require(self.store >= 0, "crops.store", "be 0 or more", self.store, "Use 0 to keep no images.")
        require(
            self.store == 0 or self.sizes[0] <= self.store,
            "crops.sizes",
            f"not be larger than crops.store = {self.store}",
            self.sizes[0],
            "Raise crops.store, crop smaller, or use store = 0 to cut views from the whole image.",
        )
        require(
            self.counts[0] >= 2 and min(self.counts) >= 1,
            "crops.counts",
            "be at least 2 in the first group and 1 in others",
            list(self.counts),
            "Two views of the first size give the codes.",
        )
        for low, high in self.scales:
            require(
                0 < low <= high <= 1,
                "crops.scales",
                "be pairs 0 < lowest <= highest <= 1",
                [low, high],
                "Write shares of the image's area, e.g. [0.3, 1.0].",
            )
        for key in ("flip", "colour_probability", "grayscale", "blur"):
            p = getattr(self, key)
            require(0 <= p <= 1, f"crops.{key}", "be a probability in [0, 1]", p, "Use 0 to switch it off.")
        require(0 <= self.colour <= 1.2, "crops.colour", "be in [0, 1.2]", self.colour, "1.0 is the strength of SwAV.")

    @property
    def views(self) -> int:
        """Number of views per image, over all groups."""
        return sum(self.counts)


@dataclass(frozen=True)
class Optimiser:
    """SGD with momentum, with LARC if ``larc`` is above 0.

    Parameters
    ----------
    learning_rate : float
        Highest rate, after the warm-up, > 0.
    momentum : float
        In [0, 1).
    weight_decay : float
        Decay of all weights, >= 0.
    larc : float
        Trust coefficient of layer-wise rates (You et al. 2017, arXiv:1708.03888); 0 switches LARC off.
    """

    learning_rate: float = 0.1
    momentum: float = 0.9
    weight_decay: float = 1e-6
    larc: float = 0.0

    def __post_init__(self) -> None:
        require(self.learning_rate > 0, "optimiser.learning_rate", "be above 0", self.learning_rate, "Use 0.1.")
        require(0 <= self.momentum < 1, "optimiser.momentum", "be in [0, 1)", self.momentum, "Use 0.9.")
        require(self.weight_decay >= 0, "optimiser.weight_decay", "be 0 or more", self.weight_decay, "Use 1e-6.")
        require(self.larc >= 0, "optimiser.larc", "be 0 or more", self.larc, "Use 0.001, or 0 for none.")


@dataclass(frozen=True)
class Schedule:
    """Length and steps of the run.

    Parameters
    ----------
    samples : int
        Total number of images seen, counted once per pass for any number of views.
    batch : int
        Images per step.
    warm_up : float
        Share of the run, in [0, 1), in which the rate rises linearly; then it falls as a cosine.
    final : float
        Last rate as a share of the highest rate.
    checkpoint_every : int
        Steps between checkpoints.
    """

    samples: int = 100_000
    batch: int = 128
    warm_up: float = 0.05
    final: float = 0.001
    checkpoint_every: int = 200

    def __post_init__(self) -> None:
        require(
            self.batch >= 2, "schedule.batch", "be 2 or more", self.batch, "Batch normalisation needs several images."
        )
        require(
            self.samples >= self.batch,
            "schedule.samples",
            f"be at least schedule.batch = {self.batch}",
            self.samples,
            "Train for at least one step.",
        )
        require(0 <= self.warm_up < 1, "schedule.warm_up", "be a share of the run in [0, 1)", self.warm_up, "Use 0.05.")
        require(0 <= self.final <= 1, "schedule.final", "be in [0, 1]", self.final, "Use 0.001.")
        require(
            self.checkpoint_every >= 1, "schedule.checkpoint_every", "be 1 or more", self.checkpoint_every, "Use 200."
        )

    @property
    def steps(self) -> int:
        """Number of whole steps in the run."""
        return self.samples // self.batch
