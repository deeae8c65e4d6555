"""What is drawn together in a bootstrap: strata of clusters, equal clusters merged into units.

Shape suffixes: P cells (cluster x group), U clusters, K units.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fairaudit.core.multinomial import Urn
from fairaudit.core.outcomes import Ints

_BLOCK = 512  # replicates that are drawn at once; fewer where there are many cells
_BLOCK_WEIGHTS = 2**22  # weights of cells that a thread holds at once: 16 MiB in float32


@dataclass(frozen=True)
class Member:
    """A group's cells in a stratum: which they are, and the unit of the urn that carries each."""

    group: int
    cells: Ints
    units: Ints | slice


@dataclass(frozen=True)
class Stratum:
    """Clusters that are drawn together, and the groups that they carry."""

    urn: Urn
    members: tuple[Member, ...]

    @property
    def block(self) -> int:
        """Replicates that are drawn at once; of the data alone, so that neither threads nor requests change a draw."""
        return max(1, min(_BLOCK, _BLOCK_WEIGHTS // sum(len(member.cells) for member in self.members)))


def strata_of(cluster: Ints, group: Ints, *, kind: Ints | None = None) -> tuple[Stratum, ...]:
    """Return what is drawn together: the clusters of a group where each lies in one, else all.

    Parameters
    ----------
    cluster, group : ndarray of int, shape (P,)
        Of each cell; clusters ascending.
    kind : ndarray of int, shape (P,), optional
        A code that cells share which are equal, group included; clusters with equal cells are merged. Default: all
        cells differ.
    """
    first = np.flatnonzero(np.diff(cluster, prepend=-1))
    sizes = np.diff(first, append=len(cluster))
    unit = np.arange(len(first)) if kind is None else distinct(_profiles(kind, first, sizes))
    _, example, multiplicity = np.unique(unit, return_index=True, return_counts=True)
    nested = bool((group == np.repeat(group[first], sizes)).all())
    # Strata and units are numbered by their first cluster, which does not depend on the names of groups.
    stratum = distinct([group[first[example]]]) if nested else np.zeros(len(example), dtype=np.int64)
    order = np.lexsort((multiplicity, stratum))
    borders = np.flatnonzero(np.diff(stratum[order], prepend=-1))
    found = []
    for units in np.split(order, borders[1:]):
        clusters = example[units]
        unit_of_cell = np.repeat(np.arange(len(units)), sizes[clusters])
        offset = np.arange(len(unit_of_cell)) - np.repeat(np.cumsum(sizes[clusters]) - sizes[clusters], sizes[clusters])
        cells = first[clusters][unit_of_cell] + offset
        by_group = [(g, np.flatnonzero(group[cells] == g)) for g in np.unique(group[cells]).tolist()]
        one_each = len(cells) == len(units) and len(by_group) == 1
        members = [Member(g, cells[at], slice(None) if one_each else unit_of_cell[at]) for g, at in by_group]
        found.append(Stratum(Urn(multiplicity[units]), tuple(members)))
    return tuple(found)


def _profiles(kind: Ints, first: Ints, sizes: Ints) -> Iterator[Ints]:
    """Yield the kind of each cluster's first cell, then of its second, ...; -1 where it has fewer."""
    for j in range(int(sizes.max(initial=0))):
        yield np.where(sizes > j, kind[np.minimum(first + j, len(kind) - 1)], -1)


def distinct(columns: Iterable[Any]) -> Ints:
    """Return a code per row that is shared by rows equal in all columns, numbered by first appearance."""
    code: Ints | None = None
    for column in columns:
        of_column, values = pd.factorize(column)
        code = of_column if code is None else pd.factorize(code * len(values) + of_column)[0]
    return np.asarray([] if code is None else code, dtype=np.int64)
