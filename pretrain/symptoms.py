"""``Symptoms``: what goes wrong in SwAV runs, seen while there is still time to stop, each with what to do.

What to watch for is what users of the published code report: a loss that stays at ln K, prototypes that nothing is
near, a queue that starts before vectors mean anything, and vectors that all become one.
"""

from __future__ import annotations

import warnings
from collections import deque
from collections.abc import Mapping

from fairaudit.pretrain.recipe import Recipe

WINDOW = 20  # steps over which numbers are averaged
STUCK = 0.98  # a loss above this share of ln K is that of a blind guess
STILL = 0.99  # the same before the end, where a loss may yet fall
PATIENCE = 0.25  # share of the run after which, with prototypes free, the loss should have left ln K
EMPTY = 0.75  # share of prototypes that are nearest to no vector
RISE = 0.05  # of ln K, by which the loss may rise when the queue starts
COLLAPSED = 0.02  # spread of unit vectors below which they are all alike


class TrainingWarning(UserWarning):
    """A run that is possible but will not, or did not, teach the network much."""


class Symptoms:
    """Reads each step's metrics and warns of each symptom once.

    Parameters
    ----------
    recipe : Recipe
    chance : float
        ln K, the loss of a blind guess.

    Attributes
    ----------
    said : set of str
        Symptoms that were warned of: ``"stuck"``, ``"queue"``, ``"empty"``, ``"collapse"``.
    """

    def __init__(self, recipe: Recipe, *, chance: float) -> None:
        self._recipe, self._chance = recipe, chance
        self._rows: deque[Mapping[str, float]] = deque(maxlen=WINDOW)
        self._before_queue: float | None = None
        self.said: set[str] = set()

    def see(self, row: Mapping[str, float]) -> None:
        """Take in one step's metrics; warn where a symptom shows."""
        if len(self._rows) == WINDOW and row["queue"] and not self._rows[-1]["queue"]:
            self._before_queue = self._mean("loss")
        self._rows.append(row)
        for name, sentence in self._found() if len(self._rows) == WINDOW else ():
            if name not in self.said:
                self.said.add(name)
                warnings.warn(f"step {int(row['step'])}: {sentence}", TrainingWarning, stacklevel=3)

    def _found(self) -> list[tuple[str, str]]:
        swav, found = self._recipe.swav, []
        share = self._rows[-1]["step"] / self._recipe.schedule.steps
        loss = self._mean("loss")
        late = share > swav.freeze_prototypes + PATIENCE
        if late and loss > STILL * self._chance:
            found.append(
                (
                    "stuck",
                    f"the loss must fall below that of a blind guess, ln K = {self._chance:.3f}; got {loss:.3f}. "
                    "Lower swav.epsilon to 0.03, freeze prototypes for longer, use a queue or milder crops.",
                )
            )
        if self._before_queue is not None and loss > self._before_queue + RISE * self._chance:
            found.append(
                (
                    "queue",
                    f"the loss must not rise when the queue starts; got {loss:.3f} after {self._before_queue:.3f}. "
                    "Raise swav.queue_from or use a shorter queue: its vectors are older than the network.",
                )
            )
        empty = self._mean("empty_prototypes")
        if late and empty > EMPTY:
            found.append(
                (
                    "empty",
                    f"prototypes must be nearest to some vector; got {empty:.0%} that are not. "
                    "Use fewer prototypes, a queue or a larger batch.",
                )
            )
        spread = self._mean("spread")
        if late and spread < COLLAPSED:
            found.append(
                (
                    "collapse",
                    f"vectors of different images must differ; got a spread of {spread:.3f} (1 is best, 0 all alike). "
                    "Lower optimiser.learning_rate, raise schedule.warm_up or freeze prototypes for longer.",
                )
            )
        return found

    def _mean(self, key: str) -> float:
        return sum(row[key] for row in self._rows) / len(self._rows)
