"""What the demo and the experiments share: the settings of a drawn world, and who is audited in it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fairaudit.core.errors import ConfigError
from fairaudit.core.progress import Advance
from fairaudit.datasets.synthetic import DEMO, QUICK, Size, write_population
from fairaudit.studies.stages import drawn

if TYPE_CHECKING:
    from fairaudit.pretrain.loop import OnStep
    from fairaudit.pretrain.recipe import Recipe


@dataclass(frozen=True)
class WorldSettings:
    """What decides a drawn world.

    Parameters
    ----------
    quick : bool
        The small world and the short recipe.
    bias : float
        Strength of the planted disparities, from 0 (none) to 1.
    seed : int
        Of the world and of training.
    """

    quick: bool = False
    bias: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.bias <= 1:
            raise ConfigError(f"bias must be from 0 (nothing planted) to 1; got {self.bias:g}. Choose a value between.")
        if self.seed < 0:
            raise ConfigError(f"seed must be at least 0; got {self.seed}. Choose another.")

    @property
    def size(self) -> Size:
        """How much is drawn."""
        return QUICK if self.quick else DEMO


def draw_population(folder: Path, settings: WorldSettings, *, progress: Advance | None = None) -> None:
    """Draw the audited population of the world."""
    with drawn(folder) as new:
        write_population(new, bias=settings.bias, seed=settings.seed, size=settings.size, progress=progress)


def steps_of(recipe: Recipe, progress: Advance | None) -> OnStep:
    """Return what tells ``progress`` how many steps of the recipe are done."""

    def advance(row: Mapping[str, Any]) -> None:
        if progress is not None:
            progress(int(row["step"]), recipe.schedule.steps)

    return advance
