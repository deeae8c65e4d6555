"""``Symptoms``: known failures of SwAV runs, warned of during the run, each with a remedy.

Users of the published code report these failures: a loss that stays at ln K, prototypes that are nearest to no vector,
a queue that starts before vectors are useful, and vectors that all become equal.
"""

from __future__ import annotations

import math
import warnings
from collections import deque
from collections.abc import Iterator, Mapping

from fairaudit.pretrain.recipe import Recipe

WINDOW = 20  # steps over which numbers are averaged
STUCK = 0.98  # a final loss above this share of ln K is that of a blind guess
STILL = 0.99  # the same before the end, while a loss may still fall
PATIENCE = 0.25  # share of the run after which, with prototypes free, the loss should have left ln K
EMPTY = 0.75  # share of prototypes that are nearest to no vector
RISE = 0.05  # share of ln K by which the loss may rise when the queue starts
COLLAPSED = 0.02  # spread of unit vectors below which they are all alike


class TrainingWarning(UserWarning):
    """A run that is possible but unlikely to train the network well."""


class Symptoms:
    """Check each step's metrics and warn of each symptom once.

    Attributes
    ----------
    warned : set of str
        Symptoms with a warning: ``"stuck"``, ``"queue"``, ``"empty"``, ``"collapse"``.
    """

    def __init__(self, recipe: Recipe) -> None:
        self._recipe, self._chance = recipe, math.log(recipe.swav.prototypes)
        self._rows: deque[Mapping[str, float]] = deque(maxlen=WINDOW)
        self._before_queue: float | None = None
        self.warned: set[str] = set()

    def see(self, row: Mapping[str, float]) -> None:
        """Add one step's metrics and warn of new symptoms."""
        if len(self._rows) == WINDOW and row["queue"] and not self._rows[-1]["queue"]:
            self._before_queue = self._mean("loss")
        self._rows.append(row)
        for name, sentence in self._symptoms() if len(self._rows) == WINDOW else ():
            if name not in self.warned:
                self.warned.add(name)
                warnings.warn(f"step {int(row['step'])}: {sentence}", TrainingWarning, stacklevel=3)

    @property
    def stuck(self) -> bool:
        """Whether the latest loss is that of a blind guess."""
        return bool(self._rows) and self._mean("loss") > STUCK * self._chance

    def conclude(self) -> None:
        """Warn after the run if it is stuck and no warning said so before."""
        if self.stuck and "stuck" not in self.warned:
            warnings.warn(
                f"training loss must fall below that of a blind guess, ln K = {self._chance:.3f}; got "
                f"{self._mean('loss'):.3f}. Train longer, freeze prototypes for longer, use a queue, more prototypes "
                "or milder crops and colours.",
                TrainingWarning,
                stacklevel=3,
            )

    def _symptoms(self) -> Iterator[tuple[str, str]]:
        """Yield the name and the warning of each present symptom."""
        swav, loss, spread = self._recipe.swav, self._mean("loss"), self._mean("spread")
        empty = self._mean("empty_prototypes")
        late = self._rows[-1]["step"] / self._recipe.schedule.steps > swav.freeze_prototypes + PATIENCE
        if late and loss > STILL * self._chance:
            yield (
                "stuck",
                f"the loss must fall below that of a blind guess, ln K = {self._chance:.3f}; got {loss:.3f}. "
                "Lower swav.epsilon to 0.03, freeze prototypes for longer, use a queue or milder crops.",
            )
        if self._before_queue is not None and loss > self._before_queue + RISE * self._chance:
            yield (
                "queue",
                f"the loss must not rise when the queue starts; got {loss:.3f} after {self._before_queue:.3f}. "
                "Raise swav.queue_from or use a shorter queue: its vectors are older than the network.",
            )
        if late and empty > EMPTY:
            yield (
                "empty",
                f"prototypes must be nearest to some vector; got {empty:.0%} that are not. "
                "Use fewer prototypes, a queue or a larger batch.",
            )
        if late and spread < COLLAPSED:
            yield (
                "collapse",
                f"vectors of different images must differ; got a spread of {spread:.3f} (1 is best, 0 all alike). "
                "Lower optimiser.learning_rate, raise schedule.warm_up or freeze prototypes for longer.",
            )

    def _mean(self, key: str) -> float:
        return sum(row[key] for row in self._rows) / len(self._rows)
