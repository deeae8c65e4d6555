"""Homes with skewed incomes, and how often the slope of a share along the income is wrong.

Every draw goes through ``slope_row``, which an audit calls for each ordered feature.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.clustered_hits import Clusters
from benchmarks.contrast_designs import LEVELS, Found, found_of
from fairaudit.stats.contrasts import slope_row
from fairaudit.stats.outcomes import Floats, Outcomes


@dataclass(frozen=True)
class Homes:
    """Homes along an income, in doublings.

    Parameters
    ----------
    homes : Clusters
        Their number, photos in each, and how alike these are.
    income : {"three rich", "lognormal", "exponential", "steps"}
        ``"three rich"``: three homes are five doublings above the others; ``"exponential"``: doublings are skewed
        themselves; ``"steps"``: five unequally common steps of an ordered feature.
    p : float
        Share in the middle.
    rise : float
        True slope.
    """

    homes: Clusters
    income: Literal["three rich", "lognormal", "exponential", "steps"]
    p: float = 0.5
    rise: float = 0.0

    @property
    def name(self) -> str:
        """The design in a few words."""
        return f"slope over {self.homes}, {self.income}, p {self.p:g}, slope {self.rise:g}"

    @property
    def truth(self) -> float:
        """True slope."""
        return self.rise

    def draw(self, rng: np.random.Generator) -> tuple[Outcomes, Floats]:
        """Return hits and misses, and the doublings of each row."""
        n = self.homes.n
        if self.income == "exponential":
            x_C = rng.exponential(1.5, n)
        elif self.income == "steps":
            x_C = rng.choice(5, n, p=(0.45, 0.3, 0.15, 0.07, 0.03)).astype(np.float64)
        else:
            x_C = rng.standard_normal(n)
        if self.income == "three rich":
            x_C[:3] += 5.0
        sizes = self.homes.sizes(rng)
        p_C = np.clip(self.p + self.rise * x_C, 0.001, 0.999)
        rate_C = self.homes.rates(p_C, rng)
        clusters = np.repeat(np.arange(n), sizes)
        values = (rng.random(len(clusters)) < rate_C[clusters]).astype(np.float64)
        return Outcomes("hit", values, clusters), x_C[clusters]


def slope_cells(*, rise: float = 0.0) -> list[Homes]:
    """Return homes with three very rich among 40, with other skewed incomes, and with a rare outcome."""
    return [
        Homes(Clusters(40, 8, 0, 0.3), "three rich", 0.5, rise),
        Homes(Clusters(40, 8, 1.0, 0.3), "three rich", 0.5, rise),
        Homes(Clusters(100, 5, 1.5, 0.3), "exponential", 0.3, rise),
    ]


def null_designs(*, quick: bool) -> list[Homes]:
    """Return designs without a slope."""
    if quick:
        return slope_cells()[:1]
    return [
        *slope_cells(),
        Homes(Clusters(40, 8, 0, 0), "three rich", 0.5),
        Homes(Clusters(400, 2, 0, 0.3), "exponential", 0.02),
        Homes(Clusters(2000, 1, 0, 0), "steps", 0.02),
        Homes(Clusters(150, 4, 0.8, 0.2), "steps", 0.05),
    ]


def measure(design: Homes, draws: int, seed: int) -> Found:
    """Draw homes and count what the slope says."""
    rng, names = np.random.default_rng(seed), np.array([str(c) for c in range(design.homes.n)])
    rows = []
    for _ in range(draws):
        outcomes, x = design.draw(rng)
        rows.append(slope_row(outcomes, "income", x, "per_doubling", names, primary=True))
    held = []
    for level in LEVELS:
        bounds = [(np.nan, np.nan) if r.inference is None else r.inference.interval(1 - level) for r in rows]
        low, high = np.array(bounds).T
        held.append((low <= design.truth + 1e-9) & (design.truth - 1e-9 <= high))
    return found_of(
        np.array([r.value for r in rows]), np.array([r.std_error for r in rows]), np.array([r.p_value for r in rows]),
        np.array([r.status == "ok" for r in rows]), np.array(held),
    )  # fmt: skip
