"""Shares of independent rows, whose every outcome is enumerated: no draws, and no Monte Carlo error.

The counts of two sides are binomial. ``ScoreContrast`` of all pairs of counts at once is what ``contrasts`` makes of
each such table.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import stats

from fairaudit.stats.estimates import Estimate
from fairaudit.stats.intervals import group_interval
from fairaudit.stats.outcomes import Floats
from fairaudit.stats.score import ScoreContrast

LEVELS = (0.05, 0.0025, 0.0005)
_LEFT_OUT = 1e-8  # of the probability, on each end of a count


@dataclass(frozen=True)
class TwoShares:
    """A group of ``n`` rows with share ``p``, and ``m`` others with share ``q``."""

    n: int
    m: int
    p: float
    q: float

    @property
    def name(self) -> str:
        """The design in a few words."""
        return f"{self.n} v {self.m:,}, p {self.p:g}" + (f" and {self.q:g}" if self.q != self.p else "")

    @property
    def _counts(self) -> tuple[Floats, Floats, Floats]:
        """Every pair of counts that occurs, and its probability."""
        x, y = _support(self.n, self.p), _support(self.m, self.q)
        both = np.outer(stats.binom.pmf(x, self.n, self.p), stats.binom.pmf(y, self.m, self.q))
        first, second = np.meshgrid(x, y, indexing="ij")
        return first.ravel(), second.ravel(), both.ravel()

    def alarms(self) -> tuple[list[float], float]:
        """Return the probability of p below each level; and of those below the second, the share with n the higher."""
        x, y, weight = self._counts
        p_value = ScoreContrast.of(x / self.n, self.n, y / self.m, self.m).p_value()
        below = p_value < LEVELS[1]
        higher = weight[below & (x / self.n > y / self.m)].sum() / max(weight[below].sum(), 1e-300)
        return [float(weight[p_value < level].sum()) for level in LEVELS], float(higher)

    def coverage(self) -> dict[str, float]:
        """Return how often the intervals of the group, the difference and the ratio hold the truth."""
        x, y, weight = self._counts
        score = ScoreContrast.of(x / self.n, self.n, y / self.m, self.m)
        found = {}
        for name, truth, (low, high) in (
            ("contrast", self.p - self.q, score.interval(0.95)),
            ("ratio to the rest", self.p / self.q, score.ratio_interval(0.95)),
        ):
            found[name] = float(weight[(low <= truth + 1e-9) & (truth - 1e-9 <= high)].sum())
        held = 0.0
        for count in _support(self.n, self.p):
            low_, high_, _ = group_interval(binary(count / self.n, self.n))
            held += stats.binom.pmf(count, self.n, self.p) * (low_ <= self.p <= high_)
        return {"group": float(held), **found}


def binary(share: float, n: int) -> Estimate:
    """Return the estimate of a share of independent rows."""
    error = float(np.sqrt(share * (1 - share) / n))
    return Estimate(share, error, float("inf"), n, n, float(n), share * n, n - share * n, "binary", float(n), n**-2.0)


def _support(n: int, p: float) -> Floats:
    low, high = stats.binom.ppf([_LEFT_OUT, 1 - _LEFT_OUT], n, p)
    return np.arange(low, high + 1)


def null_designs() -> list[TwoShares]:
    """Return sizes and shares without a difference, from 1:1 to 1:100."""
    sizes = [
        (150, 4850, 0.05), (120, 3880, 0.06), (90, 2900, 0.93), (400, 12_000, 0.012), (30, 3000, 0.05),
        (50, 450, 0.2), (20, 20, 0.5), (20, 800, 0.1), (40, 40, 0.3), (60, 60, 0.05), (25, 1000, 0.5),
        (500, 500, 0.02), (100, 400, 0.9), (1000, 20_000, 0.002), (200, 8000, 0.98), (35, 965, 0.35),
    ]  # fmt: skip
    return [TwoShares(n, m, p, p) for n, m, p in sizes]
