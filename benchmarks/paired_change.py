"""How often a change is shown between two models whose disparity is the same: hits and misses of independent rows.

The same rows were measured with two models. A share of the rows of each side changed, by the same mean on both sides,
so that the disparity did not change; the share may differ. Counted are the p-values of ``comparison.matched_shares``
below .05, .0025 (a row among twenty) and .0005, and how often the 95 % interval holds a true difference of 0 and of .03
(half of it on either side)::

    python -m benchmarks.paired_change            # 200,000 draws where there are more tables than that
    python -m benchmarks.paired_change --quick    # 20,000 draws, fewer designs

Designs in which most rows "changed" are those of the test of size, which sets hits in both
audits against misses in both.

Bars: p<.0025 in at most .003 by exact enumeration; where it is simulated a design fails when the lower 99 % Monte Carlo
limit is above .0045. Coverage .93 to .99, of which the upper end holds where at least five changed rows are expected on
either side: below, few tables are possible and the interval covers more. Every table counts: none is refused for few
changes. Exits 1 when a design fails.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import scipy
from scipy import stats

from benchmarks.monte_carlo import bounds, in_processes
from fairaudit.comparison.matched_shares import MatchedShares
from fairaudit.stats.outcomes import Floats

LEVELS, EXACT_MOST, SIMULATED_MOST = (0.05, 0.0025, 0.0005), 0.003, 0.0045
COVERAGE, DIFFERENCE, FEW = (0.93, 0.99), 0.03, 5
DRAWS, QUICK_DRAWS, COVERAGE_DRAWS = 200_000, 20_000, 10_000
_LEFT_OUT, _AT_ONCE = 1e-6, 2_000  # tables in memory

SIZES = ((150, 4850), (30, 3000), (400, 12000), (20, 20), (60, 240))
#: Share of rows that changed on the small and the large side, and the mean change of both.
CHANGES = (
    (0.01, 0.01, 0.0), (0.05, 0.05, 0.0), (0.2, 0.2, 0.0), (0.02, 0.1, 0.0), (0.1, 0.02, 0.0), (0.02, 0.02, 0.02),
    (0.06, 0.06, 0.05), (0.06, 0.15, 0.05), (0.15, 0.06, 0.05), (0.2, 0.2, -0.15), (0.9, 0.9, 0.8), (0.9, 0.6, -0.4),
)  # fmt: skip


@dataclass(frozen=True)
class Cell:
    """Rows, share of them that changed, and mean change, of either side."""

    n: tuple[int, int]
    moved: tuple[float, float]
    change: float

    def probabilities(self, i: int, change: float) -> tuple[float, float, float]:
        """Return the probabilities that a row of side ``i`` becomes a hit, becomes a miss, and stays."""
        moved = max(self.moved[i], abs(change))
        return (moved + change) / 2, (moved - change) / 2, 1 - moved

    def draw(self, difference: float, draws: int, rng: np.random.Generator) -> MatchedShares:
        """Return simulated rows where the sides differ by ``difference``."""
        changes = (self.change + difference / 2, self.change - difference / 2)
        counts_SDK = np.array(
            [rng.multinomial(n, self.probabilities(i, changes[i]), draws) for i, n in enumerate(self.n)],
            dtype=np.float64,
        )
        n_SD = np.broadcast_to(np.array(self.n, dtype=np.float64)[:, None], counts_SDK.shape[:2])
        return MatchedShares(counts_SDK[..., 0], counts_SDK[..., 1], n_SD)


@dataclass(frozen=True)
class Found:
    """What was counted: share of alarms by level, and of the second level those upwards; coverage; whether exact."""

    alarms: tuple[float, ...]
    upwards: float
    coverage: tuple[float, float]
    exact: bool
    draws: int

    def missed(self, cell: Cell) -> bool:
        """Whether a bar is missed."""
        many = min(n * moved for n, moved in zip(cell.n, cell.moved, strict=True)) >= FEW
        low, high = COVERAGE[0], COVERAGE[1] if many else 1.0
        covers = [bounds(round(c * COVERAGE_DRAWS), COVERAGE_DRAWS) for c in self.coverage]
        if any(most < low or least > high for least, most in covers):
            return True
        if self.exact:
            return self.alarms[1] > EXACT_MOST
        return bounds(round(self.alarms[1] * self.draws), self.draws)[0] > SIMULATED_MOST


def cells(quick: bool) -> Iterator[Cell]:
    """Yield the designs."""
    for n, (small, large, change) in product(SIZES[:3] if quick else SIZES, CHANGES):
        yield Cell(n, (small, large), change)


def tables(cell: Cell, most: int) -> tuple[MatchedShares, Floats] | None:
    """Return the likeliest tables without a difference and their probabilities; None if they are above ``most``."""
    sides = []
    for i, n in enumerate(cell.n):
        gain, lose, stay = cell.probabilities(i, cell.change)
        ranges = [np.arange(stats.binom.ppf(1e-8, n, p), stats.binom.ppf(1 - 1e-8, n, p) + 1) for p in (gain, lose)]
        gained, lost = (counts.ravel() for counts in np.meshgrid(*ranges))
        mass = stats.multinomial.pmf(np.stack([gained, lost, n - gained - lost], axis=1), n, (gain, lose, stay))
        order = np.argsort(-mass)
        order = order[: int(np.searchsorted(mass[order].cumsum(), 1 - _LEFT_OUT)) + 1]
        sides.append((gained[order], lost[order], mass[order]))
    shape = (len(sides[0][2]), len(sides[1][2]))
    if np.prod(shape) > most:
        return None
    gained, lost, mass = (
        np.stack([np.repeat(first, shape[1]), np.tile(second, shape[0])]) for first, second in zip(*sides, strict=True)
    )
    rows = np.broadcast_to(np.array(cell.n, dtype=np.float64)[:, None], gained.shape)
    return MatchedShares(gained, lost, rows), mass.prod(axis=0)


def blocks(pairs: MatchedShares) -> Iterator[MatchedShares]:
    """Yield a few tables at a time, which stay in the processor's cache."""
    for start in range(0, pairs.n.shape[1], _AT_ONCE):
        yield MatchedShares(*(part[:, start : start + _AT_ONCE] for part in pairs))


def measure(cell: Cell, draws: int, seed: int) -> Found:
    """Enumerate or simulate one design."""
    rng = np.random.default_rng(seed)
    enumerated = tables(cell, draws)
    pairs, mass = enumerated or (cell.draw(0.0, draws, rng), np.full(draws, 1 / draws))
    p = np.concatenate([part.p_value() for part in blocks(pairs)])
    alarms = tuple(float(mass[p < level].sum()) for level in LEVELS)
    upwards = float(mass[(p < LEVELS[1]) & (pairs.value > 0)].sum()) / alarms[1] if alarms[1] else float("nan")
    coverage = []
    for difference in (0.0, DIFFERENCE):
        drawn = blocks(cell.draw(difference, COVERAGE_DRAWS, rng))
        low, high = np.concatenate([np.stack(part.interval()) for part in drawn], axis=1)
        coverage.append(float(((low <= difference) & (difference <= high)).mean()))
    return Found(alarms, upwards, (coverage[0], coverage[1]), enumerated is not None, draws)


def main() -> None:
    """Print every design, and as the last line the largest share of false alarms at p<.0025."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    draws = QUICK_DRAWS if arguments.quick else DRAWS
    print(f"{platform.platform()}, numpy {np.__version__}, scipy {scipy.__version__}, {draws:,} draws")
    print(f"{'rows':>11} {'changed':>9} {'by':>5}  p<.05 p<.0025 p<.0005 upwards  covers 0, {DIFFERENCE}")
    start, failed, most = time.perf_counter(), 0, 0.0
    for cell, found in in_processes(measure, list(cells(arguments.quick)), draws, workers=arguments.workers):
        missed = found.missed(cell)
        failed, most = failed + missed, max(most, found.alarms[1])
        alarms = " ".join(f"{share:.{digits}f}" for share, digits in zip(found.alarms, (3, 5, 5), strict=True))
        design = f"{cell.n[0]:>5} {cell.n[1]:>5} {cell.moved[0]:>4.2f} {cell.moved[1]:>4.2f} {cell.change:>5.2f}"
        covers = " ".join(f"{share:.3f}" for share in found.coverage)
        notes = f"{' exact' if found.exact else ''}{' MISSED' if missed else ''}"
        print(f"{design}  {alarms} {found.upwards:>7.2f}  {covers}{notes}", flush=True)
    print(f"{failed} designs missed a bar; {time.perf_counter() - start:.0f} s")
    print(
        f"false alarms at p<.0025, most of all designs: {most:.4f} (at most {EXACT_MOST}; simulated {SIMULATED_MOST})"
    )
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
