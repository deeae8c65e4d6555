r"""``Side``: the rows of one side of a comparison, reduced to what its value and variance need.

With weights :math:`a_i` that sum to one, :math:`A_c = \sum_{i \in c} a_i` and the correlation :math:`\rho` of rows of
one cluster (``correlation``), the value :math:`\hat p = \sum_i a_i y_i` of a share varies as that of

.. math:: n^* = \Big\{ \varphi \Big[ (1 - \rho) \sum_i a_i^2 + \rho \sum_c A_c^2 \Big] \Big\}^{-1}

independent hits and misses: Kish's effective size for unequal weights [1]_, divided by the design effect of clusters.
:math:`\varphi \le 1` is the variance of outcomes between 0 and 1 over that of hits and misses with the same mean. The
third central moment is :math:`t\, p q (1 - 2 p)` with

.. math:: t = \sum_i a_i^3 + 3 \rho \sum_c (A_{2c} A_c - A_{3c})
   + \frac{2 \rho^2}{1 + \rho} \sum_c (A_c^3 - 3 A_c A_{2c} + 2 A_{3c}), \qquad A_{rc} = \sum_{i \in c} a_i^r ,

that of clusters with beta distributed shares. The degrees of freedom are :math:`2 / \mathrm{CV}^2` of the variance,
which is uncertain as :math:`\rho` is.

References
----------
.. [1] Kish (1965), "Survey Sampling", sections 8.2 and 11.7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fairaudit.stats.correlation import Correlation, Pairs
from fairaudit.stats.outcomes import Floats, Ints


class Cells(NamedTuple):
    """Sums over rows of a cell; every field has shape (C,).

    Fields: number of rows; sums of w, w^2, w^3; of w y; of y, y^2; of w^2 y, w^2 y^2.
    """

    n: Floats
    w: Floats
    ww: Floats
    www: Floats
    wy: Floats
    y: Floats
    yy: Floats
    wwy: Floats
    wwyy: Floats

    @classmethod
    def of(cls, values: Floats, weights: Floats | None, at: Ints, size: int) -> Cells:
        """Return the sums of rows in the cells ``at``; without weights, each row weighs one."""

        def added(x: Floats | None) -> Floats:
            return np.bincount(at, weights=x, minlength=size).astype(np.float64)

        n, y, yy = added(None), added(values), added(values * values)
        if weights is None:
            return cls(n, n, n, n, y, y, yy, y, yy)
        w2 = weights * weights
        return cls(
            n, added(weights), added(w2), added(w2 * weights), added(weights * values), y, yy,
            added(w2 * values), added(w2 * values * values),
        )  # fmt: skip

    def take(self, which: npt.NDArray[np.generic] | Sequence[int]) -> Cells:
        """Return some of the cells."""
        return Cells(*(field[which] for field in self))

    def scaled(self, scale: Floats) -> Cells:
        """Return the sums with each cell's weights multiplied by ``scale`` (C,)."""
        s2 = scale * scale
        return self._replace(
            w=self.w * scale, ww=self.ww * s2, www=self.www * s2 * scale, wy=self.wy * scale, wwy=self.wwy * s2,
            wwyy=self.wwyy * s2,
        )  # fmt: skip

    def shifted(self, by: Floats) -> Cells:
        """Return the sums with ``by`` (C,) added to each cell's outcomes, in those of w y only."""
        return self._replace(
            wy=self.wy + by * self.w, wwy=self.wwy + by * self.ww,
            wwyy=self.wwyy + 2 * by * self.wwy + by**2 * self.ww,
        )  # fmt: skip

    def added(self, at: Ints, size: int) -> Cells:
        """Return the sums of cells that fall together."""
        return Cells(*(np.bincount(at, weights=field, minlength=size).astype(np.float64) for field in self))


@dataclass(frozen=True, eq=False)
class Side:
    """One side of a comparison.

    Parameters
    ----------
    value : float
        Weighted mean; NaN without a row.
    n, n_clusters : int
        Rows that count, and their clusters.
    squares, cluster_squares : float
        Sum over rows of a^2, and over clusters of A^2.
    cubes : tuple of float
        The three sums of the third moment.
    pairs : Pairs
        Clusters of more than one row.
    clusters : ndarray of int, shape (C,)
        Codes of these clusters, ascending.
    weight, psi : ndarray of float, shape (C,)
        Their weight A in the value, and their influence on it, the sum of a (y - value).
    singles : tuple of float
        Of the clusters of one row: sum of a^2, and of a^2 (y - value)^2.
    events, non_events : float
        Clusters with an event, and with a non-event: however many rows a cluster has, it counts once in either (a
        share of an event counts as that share).
    """

    value: float
    n: int
    n_clusters: int
    squares: float
    cluster_squares: float
    cubes: tuple[float, float, float]
    pairs: Pairs
    clusters: Ints
    weight: Floats
    psi: Floats
    singles: tuple[float, float]
    events: float
    non_events: float

    @classmethod
    def of(cls, singles: Cells, cells: Cells, clusters: Ints) -> Side:
        """Return the side of ``singles`` (sums over clusters of one row) and ``cells``, one for each other cluster."""
        one = Cells(*(np.asarray(field.sum()) for field in singles))
        n, n_clusters = int(one.n + cells.n.sum()), int(one.n) + len(cells.n)
        total = float(one.w + cells.w.sum())
        if n == 0 or total <= 0:
            return _empty()
        value = float((one.wy + cells.wy.sum()) / total)
        a1, a2, a3 = cells.w / total, cells.ww / total**2, cells.www / total**3
        squares, single = float(one.ww / total**2 + a2.sum()), float(one.ww) / total**2
        third = (one.www / total**3 + a3.sum(), (a2 * a1 - a3).sum(), (a1**3 - 3 * a1 * a2 + 2 * a3).sum())
        raw = one.wwyy + value**2 * one.ww
        within = float(raw - 2 * value * one.wwy) / total**2
        # Of outcomes that are all alike, the subtraction leaves a rounding that depends on the order of the rows.
        within = within if within > 1e-13 * float(raw) / total**2 else 0.0
        mean = float(one.y + cells.y.sum()) / n
        pairs = Pairs(
            cells.n, cells.y, cells.yy, np.asarray(float(n)), np.asarray(one.n + (cells.n**2).sum()), np.asarray(mean),
            np.asarray(max(float(one.yy + cells.yy.sum()) / n - mean**2, 0.0)),
        )  # fmt: skip
        return cls(
            value=value, n=n, n_clusters=n_clusters, squares=squares, cluster_squares=single + float((a1**2).sum()),
            cubes=(float(third[0]), float(third[1]), float(third[2])), pairs=pairs,
            clusters=clusters, weight=a1, psi=cells.wy / total - value * a1, singles=(single, max(within, 0.0)),
            events=float(one.y + np.clip(cells.y, 0, 1).sum()),
            non_events=float(one.n - one.y + np.clip(cells.n - cells.y, 0, 1).sum()),
        )  # fmt: skip

    @property
    def kish(self) -> float:
        """Kish's effective number of rows: fewer than ``n`` where weights differ."""
        return 1 / self.squares if self.squares > 0 else 0.0

    def design(self, rho: Floats) -> Floats:
        """Return (1 - rho) sum a^2 + rho sum A^2: one over the effective size of hits and misses."""
        return np.asarray(self.squares + rho * (self.cluster_squares - self.squares))

    def third(self, rho: Floats) -> Floats:
        """Return the third central moment of the value over p q (1 - 2p)."""
        return np.asarray(self.cubes[0] + 3 * rho * self.cubes[1] + 2 * rho**2 / (1 + rho) * self.cubes[2])

    @property
    def units(self) -> float:
        """Independent units: clusters or, where rows have weights, Kish's number of rows if that is less."""
        return min(float(self.n_clusters), self.kish)

    @cached_property
    def influence_squares(self) -> float:
        """Sum of the squared influences of all clusters."""
        return float(self.psi @ self.psi) + self.singles[1]

    def design_noise(self, correlation: Correlation) -> Floats:
        """Return the variance of ``design`` from that of the correlation."""
        return np.asarray((self.cluster_squares - self.squares) ** 2 * correlation.variance)


def dispersion(sides: Sequence[Side]) -> float:
    """Return the variance of the outcomes of all sides over that of hits and misses with the same means; 1 for hits.

    Rows count alike: with weights, a heavy row that is a miss would make all rows seem to vary little.
    """
    binomial = sum(side.squares * float(side.pairs.mean * (1 - side.pairs.mean)) for side in sides if side.n)
    spread = sum(side.squares * float(side.pairs.variance) for side in sides if side.n)
    # Of outcomes that are all alike, sums leave a rounding that depends on the order of the rows.
    return spread / binomial if binomial > 1e-15 and spread > 1e-12 * binomial else 1.0


def _empty() -> Side:
    none, zero = np.zeros(0), np.asarray(0.0)
    pairs = Pairs(none, none, none, np.asarray(1.0), zero, zero, zero)
    return Side(float("nan"), 0, 0, 0.0, 0.0, (0.0, 0.0, 0.0), pairs, np.zeros(0, dtype=np.int64), none, none,
                (0.0, 0.0), 0.0, 0.0)  # fmt: skip
