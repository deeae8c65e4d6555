"""Whole tables of groups without any difference, and how often one of them is a ``disparity`` under Holm's method.

Every table goes through ``rest_rows`` of each feature and ``decide``, as an audit's does. The least detectable
difference has no part in a verdict and is left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from unittest.mock import patch

import numpy as np

from benchmarks.clustered_hits import Clusters
from fairaudit.core.comparison import Comparison
from fairaudit.core.result import (
    CURVE_COLUMNS,
    DISPARITY_COLUMNS,
    GROUP_COLUMNS,
    STATISTIC_COLUMNS,
    IndicatorResult,
    table,
)
from fairaudit.stats.contrast import Contrast
from fairaudit.stats.contrasts import Compared, rest_rows
from fairaudit.stats.group_sums import GroupSums
from fairaudit.stats.outcomes import Ints, Outcomes
from fairaudit.stats.verdicts import decide

_SKEWED = tuple(float(x) for x in np.geomspace(1, 0.005, 30) / np.geomspace(1, 0.005, 30).sum())
_TONES = (0.02, 0.09, 0.2, 0.24, 0.19, 0.12, 0.07, 0.04, 0.02, 0.01)


@dataclass(frozen=True)
class Features:
    """People with some features, who all have one hit rate.

    Parameters
    ----------
    people : Clusters
        How many, the images of each, and how alike these are.
    p : float
    features : tuple of tuple of float
        Shares of the groups of each feature; people are dealt out to the groups at random.
    """

    people: Clusters
    p: float
    features: tuple[tuple[float, ...], ...]

    @property
    def name(self) -> str:
        """The design in a few words."""
        groups = " and ".join(f"{len(f)} groups of {self.people.n * min(f):.0f} to {self.people.n * max(f):.0f}"
                              for f in self.features)  # fmt: skip
        return f"table of {groups}, {self.people}, p {self.p:g}"

    def draw(self, rng: np.random.Generator) -> tuple[Outcomes, list[Ints]]:
        """Return hits and misses, and the groups of each row by every feature."""
        sizes = self.people.sizes(rng)
        rate = self.people.rates(np.full(self.people.n, self.p), rng)
        clusters = np.repeat(np.arange(self.people.n), sizes)
        values = (rng.random(len(clusters)) < rate[clusters]).astype(np.float64)
        return Outcomes("hit", values, clusters), [rng.permutation(self.dealt(f))[clusters] for f in self.features]

    def dealt(self, shares: tuple[float, ...]) -> Ints:
        """Return a group for each person, as many of each as its share says."""
        ends = np.rint(np.cumsum(shares) * self.people.n).astype(np.int64)
        return np.searchsorted(ends, np.arange(self.people.n), side="right")


@dataclass(frozen=True)
class Alarms:
    """Tables with any ``disparity`` among ``draws``, and the share of their rows that are judged."""

    draws: int
    count: int
    judged: float


def tables(*, quick: bool) -> list[Features]:
    """Return the designs."""
    independent, p150 = Clusters(10_000, 1, 0, 0), (0.015,) * 24 + (0.64,)
    some = [Features(independent, 0.05, (p150,)), Features(Clusters(600, 5, 1.0, 0.3), 0.2, ((0.05,) * 4 + (0.8,),))]
    if quick:
        return some
    facet = Clusters(20_000, 1, 0, 0)
    return [
        *some,
        Features(independent, 0.05, ((0.04,) * 25,)),
        Features(facet, 0.03, (_SKEWED, _TONES)),
        Features(facet, 0.95, (_SKEWED, _TONES)),
        Features(Clusters(900, 5, 1.0, 0.3), 0.1, ((1 / 30,) * 30,)),
        Features(Clusters(2_000, 3, 0.5, 0.5), 0.05, ((0.02,) * 10 + (0.8,), (0.5, 0.5))),
    ]


def rows_of(design: Features, rng: np.random.Generator) -> list[Comparison]:
    """Return the primary rows of one table."""
    outcomes, codes = design.draw(rng)
    rows = []
    for number, (shares, code) in enumerate(zip(design.features, codes, strict=True)):
        names = tuple(f"group {g + 1}" for g in range(len(shares)))
        compared = Compared(GroupSums(outcomes, code, len(shares)), f"feature {number + 1}", names, np.zeros(0, str))
        rows += rest_rows(compared, primary=True)
    return rows


def decided(rows: list[Comparison]) -> IndicatorResult:
    """Return a table of ``rows`` with verdicts."""
    result = IndicatorResult(
        "simulated", "1", "Simulated", "", "simulated", "hit", table([], GROUP_COLUMNS),
        table([row.row for row in rows], DISPARITY_COLUMNS), table([], CURVE_COLUMNS), table([], STATISTIC_COLUMNS),
        comparisons=tuple(rows),
    )  # fmt: skip
    return decide([result])[0][0]


def measure(design: Features, draws: int, seed: int) -> Alarms:
    """Draw tables and count those in which anything is found."""
    rng, count, judged = np.random.default_rng(seed), 0, 0.0
    with patch.object(Contrast, "min_detectable", return_value=(float("nan"), "")):
        for _ in range(draws):
            rows = rows_of(design, rng)
            count += bool((decided(rows).disparities["verdict"] == "disparity").any())
            judged += float(np.mean([row.status == "ok" for row in rows])) / draws
    return Alarms(draws, count, judged)
