"""What an audit prints as the least difference that it could have seen is found with power .8.

For each design a pilot without any difference is simulated and audited, which prints a minimum detectable difference
for the first group against the rest. Then new data of the same design are drawn in which that group is moved towards
one half by exactly as much, and audited in turn::

    python -m benchmarks.power                # 4,000 draws a cell, the whole grid
    python -m benchmarks.power --quick        # a coarser grid

Counted is how often the first group's row is a ``disparity``: its p-value, adjusted by Holm's method over its family,
is below .05, and its counts are large enough for a verdict. The tolerance has no part in it. The family is each group
against the rest, or that and 20 rows of other features and indicators without any difference, as in a whole audit. The
minimum is that of a test at Bonferroni's level, .05 over the number of rows: Holm tests the smallest p-value of the
family at this level and others at a milder one, so that his decision finds slightly more.

Bar: .75 to .85; a cell fails when its 99 % Monte Carlo interval lies outside. Each draw has a pilot of its own, as each
audit has, and the shares of a group's clusters are beta distributed. Pilots that print no minimum, since the range ends
first or too few events give no verdict, are left out; designs in which these are more than half are listed and have no
bar. The power at the minimum printed for the largest gap, as a plan with this single row, is shown beside it without a
bar. Exits 1 when a cell fails.
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
from fairaudit.core.plan import ALPHA
from fairaudit.stats.contrasts import ContrastInference, GapInference
from fairaudit.stats.estimates import Estimate, average, difference
from fairaudit.stats.gap import Gap
from fairaudit.stats.intervals import p_value
from fairaudit.stats.outcomes import Floats, Ints, Outcomes
from fairaudit.stats.verdicts import holm

LOW, HIGH, DRAWS, QUICK_DRAWS = 0.75, 0.85, 4000, 2000
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
    for start in range(0, draws, step):
        none = np.full((cell.k, min(step, draws - start)), cell.p)
        minimum_D = printed(*compared(cell, cell.dependence.draw(none, rng), rows=1)[0], ALPHA / rows_of(cell))
        shown = minimum_D[np.isfinite(minimum_D)]
        if len(shown):
            minima.append(shown)
            data = cell.dependence.draw(moved(cell, shown), rng)
            found.append(_found(cell, compared(cell, data, rows=rows_of(cell) - cell.others), rng))
    gap, gap_power = _gap(cell, min(draws, step), rng)
    if not minima:
        return Found(0, float("nan"), 0, gap, gap_power)
    minima_S, found_S = np.concatenate(minima), np.concatenate(found)
    return Found(len(minima_S), float(minima_S.mean()), int(found_S.sum()), gap, gap_power)


def moved(cell: Cell, by_D: Floats) -> Floats:
    """Return the shares (K, D) of the groups where the first is moved towards one half (from one half, down)."""
    shares = np.full((cell.k, len(by_D)), cell.p)
    shares[0] += by_D if cell.p < 0.5 else -by_D
    return shares


def compared(cell: Cell, data: tuple[Floats, Ints], *, rows: int) -> list[tuple[Estimate, Estimate]]:
    """Return the first groups, one for each row of the feature, and the rest of each."""
    one = Outcomes("hit", *data)
    groups = np.arange(len(one.values)) // (len(one.values) // cell.k)
    return [(average(one, groups == g), average(one, groups != g)) for g in range(rows)]


def printed(first: Estimate, rest: Estimate, level: float) -> Floats:
    """Return the minimum detectable difference (D,) of a row tested at ``level``; NaN where none is printed."""
    contrast = difference(first, rest, unit_interval=True)
    minimum_D = np.full(len(contrast.value), np.nan)
    for d, reason in enumerate(withheld(contrast, np.minimum(first.n_clusters, rest.n_clusters))):
        if not reason:
            row = ContrastInference(one_draw(first, d), one_draw(rest, d), one_draw(contrast, d), unit_interval=True)
            minimum_D[d] = row.min_detectable(level)
    return minimum_D


def _found(cell: Cell, rows: list[tuple[Estimate, Estimate]], rng: np.random.Generator) -> Floats:
    """Return in which draws (D,) Holm's method over the family rejects "no difference" of the first group."""
    contrasts = [difference(first, rest, unit_interval=True) for first, rest in rows]
    tested = [
        np.array(withheld(contrast, np.minimum(first.n_clusters, rest.n_clusters))) == ""
        for contrast, (first, rest) in zip(contrasts, rows, strict=True)
    ]
    p_DR = np.array([p_value(contrast) for contrast in contrasts]).T
    others = rng.random((len(p_DR), cell.others))
    found = [
        bool(own[0]) and bool(holm(np.concatenate([p[own], more]))[0] < ALPHA)
        for p, own, more in zip(p_DR, np.array(tested).T, others, strict=True)
    ]
    return np.array(found, dtype=np.float64)


def _gap(cell: Cell, draws: int, rng: np.random.Generator) -> tuple[float, float]:
    """Return the mean minimum that pilots print for the gap, and the power at it, as the only row of a plan."""
    pilots = _groups(cell, np.full((cell.k, min(GAPS, draws)), cell.p), rng)
    minima = [
        GapInference(Gap([one_draw(e, d) for e in pilots.estimates], pilots.kind)).min_detectable(ALPHA)
        for d in range(min(GAPS, draws))
    ]
    shares = moved(cell, np.full(draws, np.mean(minima)))
    if shares.min() <= 0:
        return float(np.mean(minima)), float("nan")
    low, _ = _groups(cell, shares, rng).interval(1 - ALPHA)
    return float(np.mean(minima)), float((low > 0).mean())


def _groups(cell: Cell, shares_KD: Floats, rng: np.random.Generator) -> Gap:
    values, clusters = cell.dependence.draw(shares_KD, rng)
    parts = zip(np.split(values, cell.k), np.split(clusters, cell.k), strict=True)
    estimates = [average(Outcomes("hit", v, c - c[0]), np.ones(len(v), dtype=bool)) for v, c in parts]
    return Gap(estimates, "binary" if cell.dependence.per_cluster == 1 else "share")


def line(cell: Cell, found: Found, draws: int) -> str:
    """Return what was found in a cell, and whether it meets the bar."""
    gap = f"gap, for information: {found.gap_power:.3f} at {found.gap:.3f}"
    if 2 * found.n < draws:
        return f"{cell.name}: no minimum is printed in {draws - found.n} of {draws} pilots; {gap}"
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
    print(f"{len(grid) - len(powers)} of {len(grid)} designs have no bar, since most pilots print no minimum")
    print(f"{time.perf_counter() - started:.0f} s in all")
    verdict = "MISSED" if failed else "pass"
    print(
        f"power at the printed minimum: {min(powers):.3f} to {max(powers):.3f}, {failed} of {len(powers)} cells "
        f"outside {LOW:g} to {HIGH:g}, {draws} draws each: {verdict}"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
