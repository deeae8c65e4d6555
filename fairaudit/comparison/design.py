"""``Design``: training data and model size of each checkpoint, with every data set at every size."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

from fairaudit.core.errors import ConfigError, unknown_name

#: Data and size.
Cell = tuple[str, str]


@dataclass(frozen=True)
class Design:
    """A crossed design of two data sets and two or more sizes.

    Parameters
    ----------
    cells : mapping of str to (str, str)
        Data and size of each checkpoint, by its name. Levels are ordered as they first appear: the first and the last
        size are compared. Several checkpoints of one cell are trainings with different seeds.

    Raises
    ------
    ConfigError
        If there are not two data sets, fewer than two sizes, or a cell without a checkpoint.
    """

    cells: Mapping[str, Cell]

    def __post_init__(self) -> None:
        data, sizes = self._levels(0), self._levels(1)
        if len(data) != 2:
            raise ConfigError(
                f"a design must have two data sets; got {len(data)}: {', '.join(data) or 'none'}. "
                "Give each checkpoint's data and size."
            )
        if len(sizes) < 2:
            raise ConfigError(
                f"a design must have at least two sizes; got {len(sizes)}: {', '.join(sizes)}. Add checkpoints of "
                "another size."
            )
        for cell in self.grid:
            if not self.checkpoints(cell):
                raise ConfigError(
                    f"a design must have a checkpoint of every size on either data; got none of size '{cell[1]}' on "
                    f"'{cell[0]}'. Add one, or leave that size out."
                )

    @property
    def data(self) -> tuple[str, ...]:
        """The two data sets; the second is compared with the first."""
        return self._levels(0)

    @property
    def sizes(self) -> tuple[str, ...]:
        """All sizes, in their order."""
        return self._levels(1)

    @property
    def grid(self) -> tuple[Cell, ...]:
        """Every combination of data and size."""
        return tuple((a, s) for a in self.data for s in self.sizes)

    @property
    def trainings(self) -> int:
        """Least number of checkpoints in a cell."""
        return min(len(self.checkpoints(cell)) for cell in self.grid)

    @property
    def repeats(self) -> tuple[str, ...]:
        """Checkpoints that are not the first of their cell."""
        firsts = {self.checkpoints(cell)[0] for cell in self.grid}
        return tuple(name for name in self.cells if name not in firsts)

    def checkpoints(self, cell: Cell) -> tuple[str, ...]:
        """Return the names of the checkpoints of one cell."""
        return tuple(name for name, own in self.cells.items() if tuple(own) == cell)

    def check(self, names: Collection[str]) -> None:
        """Check that every checkpoint is among ``names``; raise ConfigError otherwise."""
        for name in self.cells:
            if name not in names:
                raise unknown_name("checkpoint of the design", name, names)

    def _levels(self, i: int) -> tuple[str, ...]:
        return tuple(dict.fromkeys(cell[i] for cell in self.cells.values()))
