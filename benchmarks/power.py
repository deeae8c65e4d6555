"""What an audit prints as the least difference that it could have seen is found with power .8.

For each design a pilot without any difference is simulated and audited, which prints a minimum detectable difference
for the first group against the rest. Then new data of the same design are drawn in which that group is moved towards one
half by exactly as much, and audited in turn::

    python -m benchmarks.power                # 4,000 draws a cell, the whole grid
    python -m benchmarks.power --quick        # a coarser grid

Counted is how often the first group's row is a ``disparity``: its p-value, adjusted by Holm's method over its family,
is below .05, and its counts are large enough for a verdict. The tolerance has no part in it. The family is each group
against the rest, or that and 20 rows of other features and indicators without any difference, as in a whole audit. The
minimum is that of a test at Bonferroni's level, .05 over the number of rows: Holm tests the smallest p-value of the
family at this level and others at a milder one, so that his decision finds slightly more.

Bar: .75 to .85; a cell fails when its 99 % Monte Carlo interval lies outside. Each draw has a pilot of its own, as each
audit has, and the shares of a group's clusters are beta distributed. Pilots in which the range ends before the minimum
print none and are left out; designs in which these are more than half are listed and have no bar. The power at the
minimum printed for the largest gap, as a plan with this single row, is shown beside it without a bar. Exits 1 when a
cell fails.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import scipy

from benchmarks.clustered_hits import DEPENDENCE, Dependence, one_draw, withheld
from benchmarks.monte_carlo import bounds, in_processes, outside
from fairaudit.core.contrasts import ContrastInference, GapInference
from fairaudit.core.estimates import Estimate, average, difference
from fairaudit.core.gap import Gap
from fairaudit.core.intervals import p_value
from fairaudit.core.outcomes import Floats, Outcomes
from fairaudit.core.plan import ALPHA
from fairaudit.core.verdicts import holm

LOW, HIGH, DRAWS, QUICK_DRAWS = 0.75, 0.85, 4000, 1000
OTHERS = (0, 20)
GAPS = 20  # pilots whose gap is looked at: its minimum is simulated
_AT_ONCE = 1_500_000  # numbers in memory


@dataclass(frozen=True)
class Cell:
    """One design: ``k`` groups with share ``p``, and ``others`` more rows in the family."""

    k: int
    p: float
    dependence: Dependence
    others: int

    @property
    def name(self) -> str:
        """The design in a few words."""
        d = self.dependence
        return (
            f"{self.k} x {d.n}, p {self.p:g}, {d.per_cluster} a cluster, ICC {d.icc:g}, {rows_of(self)} rows in the "
            "family"
        )


@dataclass(frozen=True)
class Found:
    """What was counted in a cell.

    Parameters
    ----------
    n : int
        Draws whose pilot printed a minimum.
    minimum : float
        Its mean; NaN without any.
    count : int
        How often it was found.
    gap, gap_power : float
        Mean minimum of the gap, and how often a gap as large is found; NaN where the range ends before.
    """

    n: int
    minimum: float
    count: int
    gap: float
    gap_power: float


def rows_of(cell: Cell) -> int:
    """Return how many rows the family has; of two groups only one is compared with the rest."""
    return (1 if cell.k == 2 else cell.k) + cell.others


def cells(quick: bool) -> Iterator[Cell]:
    """Yield the designs in which an audit is expected to give verdicts."""
    ks, ns, ps = ((2, 5), (100, 1000), (0.5, 0.8, 0.95)) if quick else ((2, 3, 5), (100, 200, 1000), (0.5, 0.8, 0.95))
    for k, n, p, (per_cluster, icc), others in product(ks, ns, ps, DEPENDENCE, OTHERS):
        dependence = Dependence(n, per_cluster, icc)
        if dependence.judged(np.array([p])) and not (quick and (per_cluster, icc) in ((2, 0.0), (2, 0.5), (15, 0.2))):
            yield Cell(k, p, dependence, others)


def measure(cell: Cell, draws: int, seed: int) -> Found:
    """Simulate pilots and data with what they print, and count what is found."""
    rng, minima, found = np.random.default_rng(seed), list[Floats](), list[Floats]()
    step = max(_AT_ONCE // (cell.k * cell.dependence.n), 20)
    gap = gap_power = float("nan")
    for start in range(0, draws, step):
        size = min(step, draws - start)
        none = np.full((cell.k, size), cell.p)
        first, rest, groups = estimates(cell, none, rng)
        level = ALPHA / rows_of(cell)
        minimum_D = np.array([_printed(first[0], rest[0], d, level) for d in range(size)])
        if start == 0:
            gap, gap_power = _gap(cell, groups, rng, size)
        shown = np.isfinite(minimum_D)
        if shown.any():
            minima.append(minimum_D[shown])
            found.append(_found(cell, *estimates(cell, moved(cell, minimum_D[shown]), rng)[:2], rng))
    if not minima:
        return Found(0, float("nan"), 0, gap, gap_power)
    minima_S, found_S = np.concatenate(minima), np.concatenate(found)
    return Found(len(minima_S), float(minima_S.mean()), int(found_S.sum()), gap, gap_power)


def moved(cell: Cell, by_D: Floats) -> Floats:
    """Return the shares (K, D) of the groups where the first is moved towards one half (from one half, down)."""
    shares = np.full((cell.k, len(by_D)), cell.p)
    shares[0] += by_D if cell.p < 0.5 else -by_D
    return shares


def estimates(cell: Cell, shares_KD: Floats, rng: np.random.Generator) -> tuple[list[Estimate], list[Estimate], Gap]:
    """Draw data; return each group that has a row, the rest of it, and the gap of all groups."""
    values, clusters = cell.dependence.draw(shares_KD, rng)
    one = Outcomes("hit", values, clusters)
    groups = np.arange(len(values)) // (len(values) // cell.k)
    all_groups = [average(one, groups == g) for g in range(cell.k)]
    compared = range(1 if cell.k == 2 else cell.k)
    rest = [average(one, groups != g) for g in compared]
    kind = "binary" if cell.dependence.per_cluster == 1 else "share"
    return [all_groups[g] for g in compared], rest, Gap(all_groups, kind)


def _printed(first: Estimate, rest: Estimate, d: int, level: float) -> float:
    """Return the minimum detectable difference of draw ``d``, as a row of a family with that level has it."""
    one, other = one_draw(first, d), one_draw(rest, d)
    contrast = one_draw(difference(first, rest, unit_interval=True), d)
    return ContrastInference(one, other, contrast, unit_interval=True).min_detectable(level)


def _found(cell: Cell, first: list[Estimate], rest: list[Estimate], rng: np.random.Generator) -> Floats:
    """Return in which draws (D,) Holm's method over the family rejects "no difference" of the first group."""
    contrasts = [difference(one, other, unit_interval=True) for one, other in zip(first, rest, strict=True)]
    judged = [
        np.array(withheld(c, np.minimum(one.n_clusters, other.n_clusters))) == ""
        for c, one, other in zip(contrasts, first, rest, strict=True)
    ]
    p_RD = np.array([p_value(c) for c in contrasts])
    p_RD = np.concatenate([p_RD, rng.random((cell.others, p_RD.shape[1]))])
    in_family = np.concatenate([judged, np.ones((cell.others, p_RD.shape[1]), dtype=bool)])
    found = [
        bool(tested[0]) and bool(holm(p[tested])[0] < ALPHA) for p, tested in zip(p_RD.T, in_family.T, strict=True)
    ]
    return np.array(found, dtype=np.float64)


def _gap(cell: Cell, pilots: Gap, rng: np.random.Generator, draws: int) -> tuple[float, float]:
    """Return the mean minimum that pilots print for the gap, and the power at it, as the only row of a plan."""
    minima = []
    for d in range(GAPS):
        gap = Gap([one_draw(e, d) for e in pilots.estimates], pilots.kind)
        minima.append(GapInference(gap).min_detectable(ALPHA))
    minimum = float(np.mean(minima))
    shares = moved(cell, np.full(draws, minimum))
    if shares.min() <= 0:
        return minimum, float("nan")
    low, _ = estimates(cell, shares, rng)[2].interval(1 - ALPHA)
    return minimum, float((low > 0).mean())


def line(cell: Cell, found: Found, draws: int) -> str:
    """Return what was found in a cell, and whether it meets the bar."""
    gap = f"gap, for information: {found.gap_power:.3f} at {found.gap:.3f}"
    if 2 * found.n < draws:
        return f"{cell.name}: the range ends first in {draws - found.n} of {draws} pilots; {gap}"
    low, high = bounds(found.count, found.n)
    missed = "; MISSED" if fails(found, draws) else ""
    without = f", {draws - found.n} pilots without it" if found.n < draws else ""
    return (
        f"{cell.name}: power {found.count / found.n:.3f} ({low:.3f} to {high:.3f}) at {found.minimum:.3f} on average"
        f"{without}; {gap}{missed}"
    )


def fails(found: Found, draws: int) -> bool:
    """Whether the power is outside its bar beyond what chance explains."""
    return 2 * found.n >= draws and outside(found.count, found.n, low=LOW, high=HIGH)


def main() -> int:
    """Run the grid and return 1 if a cell fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a coarser grid, some three minutes")
    parser.add_argument("--draws", type=int, help=f"per cell; {DRAWS:,}, or {QUICK_DRAWS:,} with --quick")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    grid, draws = list(cells(arguments.quick)), arguments.draws or (QUICK_DRAWS if arguments.quick else DRAWS)
    print(f"numpy {np.__version__}, scipy {scipy.__version__}, {platform.machine()}, {arguments.workers} processes")
    started, failed, powers = time.perf_counter(), 0, []
    for cell, found in in_processes(measure, grid, draws, workers=arguments.workers):
        print(line(cell, found, draws), flush=True)
        failed += fails(found, draws)
        if 2 * found.n >= draws:
            powers.append(found.count / found.n)
    print(f"{len(grid) - len(powers)} of {len(grid)} designs have no bar, since the range ends first")
    print(f"{time.perf_counter() - started:.0f} s in all")
    verdict = "MISSED" if failed else "pass"
    print(
        f"power at the printed minimum: {min(powers):.3f} to {max(powers):.3f}, {failed} of {len(powers)} cells outside "
        f"{LOW:g} to {HIGH:g}, {draws} draws each: {verdict}"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
