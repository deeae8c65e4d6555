"""Settings of a synthetic world and its audited population, for the demo and the experiments."""

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
    """Settings that determine a synthetic world.

    Parameters
    ----------
    quick : bool
        Whether to use the small world and the short recipe.
    bias : float
        Strength of the planted disparities, from 0 (none) to 1.
    seed : int
        Seed of the world and of training.
    """

    quick: bool = False
    bias: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.bias <= 1:
            raise ConfigError(f"bias must be from 0 (nothing planted) to 1; got {self.bias:g}. Choose a value between.")
        if self.seed < 0:
            raise ConfigError(f"seed must be at least 0; got {self.seed}. The default is 0.")

    @property
    def size(self) -> Size:
        """Size of the world."""
        return QUICK if self.quick else DEMO


def draw_population(folder: Path, settings: WorldSettings, *, progress: Advance | None = None) -> None:
    """Draw the audited population of the world."""
    with drawn(folder) as new:
        write_population(new, bias=settings.bias, seed=settings.seed, size=settings.size, progress=progress)


def steps_of(recipe: Recipe, progress: Advance | None) -> OnStep:
    """Return a callback that reports the finished steps of the recipe to ``progress``."""

    def advance(row: Mapping[str, Any]) -> None:
        if progress is not None:
            progress(int(row["step"]), recipe.schedule.steps)

    return advance
