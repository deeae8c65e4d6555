"""What an audit prints as the least difference that it could have seen is found with power .8.

For each design a pilot without any difference is simulated, of which an audit prints a minimum detectable difference
for the first group against the rest, and its direction. Then new data of the same design are drawn in which that group
is moved by exactly as much in that direction, and compared in turn::

    python -m benchmarks.power                # 4,000 draws a cell, the whole grid
    python -m benchmarks.power --quick        # a coarser grid, 1,000 draws

Pilot and data go through ``GroupSums``, ``contrasts`` and ``contrast_fields``, and ``holm``, as an audit's do. Counted
is how often the first group's row is a ``disparity``: its p-value, adjusted by Holm's method over its family, is below
.05, and there are enough units for a verdict. The tolerance has no part in it. The family is each group against the
rest, or that and 20 rows of other features and indicators without any difference, as in a whole audit. The minimum is
that of a test at Bonferroni's level, .05 over the number of rows: Holm tests the smallest p-value of the family at this
level and others at a milder one, so that his decision finds slightly more.

Bar: .75 to .85; a cell fails when its 99 % Monte Carlo interval lies outside. Each draw has a pilot of its own, as each
audit has, whose cluster sizes the data keep. Pilots that print no minimum, since the range ends first or there is no
verdict, are left out and counted; designs in which these are more than half are listed and have no bar. A share that
would leave its range in the printed direction is a miss. The power at the minimum printed for the largest gap, as a
plan with this single row, is shown for designs of more than two groups, without a bar. Exits 1 when a cell fails.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

import numpy as np
import scipy

from benchmarks.clustered_hits import Clusters, Nested, Table
from benchmarks.contrast_designs import skewed, sums_of
from benchmarks.monte_carlo import bounds, in_processes, outside
from fairaudit.core.plan import ALPHA
from fairaudit.stats.contrast import Contrast, contrasts
from fairaudit.stats.contrasts import contrast_fields
from fairaudit.stats.gap import gap_of
from fairaudit.stats.group_sums import Members
from fairaudit.stats.verdicts import holm

LOW, HIGH, DRAWS, QUICK_DRAWS = 0.75, 0.85, 4000, 1000
OTHERS = (0, 20)
GAPS, GAP_DRAWS = 10, 200  # pilots whose gap is looked at, and data at their mean minimum


@dataclass(frozen=True)
class Cell:
    """One design without a difference, and ``others`` more rows in the family."""

    design: Nested
    others: int

    @property
    def k(self) -> int:
        """Number of groups."""
        return len(self.design.groups)

    @property
    def rows(self) -> int:
        """Rows of the feature; of two groups only one is compared with the rest."""
        return 1 if self.k == 2 else self.k

    @property
    def family(self) -> int:
        """Rows that share the error level."""
        return self.rows + self.others

    @property
    def name(self) -> str:
        """The design in a few words."""
        return f"{self.design.name}, {self.family} rows in the family"

    def moved(self, by: float) -> Nested:
        """Return the design with the first group's share moved."""
        return dataclasses.replace(self.design, gap=by)


@dataclass(frozen=True)
class Found:
    """What was counted in a cell.

    Parameters
    ----------
    draws, n : int
        Pilots, and those that printed a minimum.
    minimum : float
        Its mean; NaN without any.
    count : int
        How often it was found.
    astray : int
        How often the share would leave its range.
    gap, gap_power : float
        Mean minimum of the gap, and how often a gap as large is found; NaN where the range ends before.
    """

    draws: int
    n: int
    minimum: float
    count: int
    astray: int
    gap: float
    gap_power: float


def cells(*, quick: bool) -> Iterator[Cell]:
    """Yield the designs."""
    one, few, rest = Clusters(150, 1, 0, 0), (skewed(30, 0.3), skewed(60, 0.3)), (skewed(570, 0.3), skewed(180, 0.3))
    unequal = [
        Nested((one, Clusters(4850, 1, 0, 0)), 0.05),
        *(Nested(pair, 0.3) for pair in zip(few, rest, strict=True)),
    ]
    for design, others in product(unequal[:2] if quick else unequal, (0,) if quick else OTHERS):
        yield Cell(design, others)
    grid = (
        (2, 100, 1, 0.0, 0.5), (5, 1000, 15, 0.2, 0.8), (3, 200, 1, 0.0, 0.8), (2, 1000, 15, 0.5, 0.5),
        (5, 200, 2, 0.5, 0.95), (2, 1000, 2, 0.2, 0.95), (3, 1000, 15, 0.0, 0.95), (2, 200, 1, 0.0, 0.95),
    )  # fmt: skip
    for number, (k, n, size, icc, p) in enumerate(grid[:2] if quick else grid):
        yield Cell(Nested((Clusters(n // size, size, 0, icc),) * k, p), OTHERS[number % 2])


def measure(cell: Cell, draws: int, seed: int) -> Found:
    """Simulate pilots and data with what they print, and count what is found."""
    rng, minima, count, astray = np.random.default_rng(seed), list[float](), 0, 0
    for _ in range(draws):
        sizes = cell.design.sizes(rng)
        least, direction = printed(compared(cell.design.draw(rng, sizes), 1)[0], ALPHA / cell.family)
        if not np.isfinite(least):
            continue
        minima.append(least)
        by = least if direction == "higher" else -least
        if not 0 < cell.design.p + by < 1:
            astray += 1
            continue
        data = cell.moved(by).draw(rng, sizes)
        count += detected(compared(data, cell.rows), rng.random(cell.others))
    gap, gap_power = _gap(cell, min(GAP_DRAWS, draws), rng) if cell.k > 2 else (float("nan"), float("nan"))
    return Found(draws, len(minima), float(np.mean(minima)) if minima else float("nan"), count, astray, gap, gap_power)


def compared(table: Table, rows: int) -> list[Contrast]:
    """Return the first ``rows`` groups, each against the rest."""
    sums = sums_of(table)
    return contrasts(sums, [(Members((k,)), sums.rest(k)) for k in range(rows)])


def printed(contrast: Contrast, level: float) -> tuple[float, str]:
    """Return minimum and direction of a row tested at ``level``; NaN without a verdict."""
    if contrast_fields(contrast, (0.0, 0.0))["status"] != "ok":
        return float("nan"), ""
    return contrast.min_detectable(level)


def detected(rows: list[Contrast], others: np.ndarray) -> bool:
    """Return whether Holm's method over the rows and ``others`` rejects "no difference" of the first."""
    p = np.array([contrast_fields(row, (0.0, 0.0))["p_value"] for row in rows])
    return bool(np.isfinite(p[0]) and holm(np.concatenate([p[np.isfinite(p)], others]))[0] < ALPHA)


def _gap(cell: Cell, draws: int, rng: np.random.Generator) -> tuple[float, float]:
    """Return the mean minimum that pilots print for the gap, and the power at it, as the only row of a plan."""
    minima = [gap_of(sums_of(cell.design.draw(rng))).min_detectable(ALPHA) for _ in range(GAPS)]
    by = float(np.mean([least for least, _ in minima]))
    sign = -1.0 if cell.design.p >= 0.5 else 1.0
    if not 0 < cell.design.p + sign * by < 1:
        return by, float("nan")
    return by, float(
        np.mean([gap_of(sums_of(cell.moved(sign * by).draw(rng))).p_value() < ALPHA for _ in range(draws)])
    )


def line(cell: Cell, found: Found) -> str:
    """Return what was found in a cell, and whether it meets the bar."""
    gap = f"; gap, for information: {found.gap_power:.3f} at {found.gap:.3f}" if cell.k > 2 else ""
    judged = f"{found.n / found.draws:.3f} of pilots print a minimum"
    if 2 * found.n < found.draws:
        return f"{cell.name}: {judged}{gap}"
    low, high = bounds(found.count, found.n)
    missed = "; MISSED" if fails(found) else ""
    astray = f", {found.astray} beyond the range" if found.astray else ""
    return (
        f"{cell.name}: power {found.count / found.n:.3f} ({low:.3f} to {high:.3f}) at {found.minimum:.3f} on average, "
        f"{judged}{astray}{gap}{missed}"
    )


def fails(found: Found) -> bool:
    """Whether the power is outside its bar beyond what chance explains."""
    return 2 * found.n >= found.draws and outside(found.count, found.n, low=LOW, high=HIGH)


def main() -> int:
    """Run the grid and return 1 if a cell fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a coarser grid")
    parser.add_argument("--draws", type=int, help=f"per cell; {DRAWS:,}, or {QUICK_DRAWS:,} with --quick")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    grid, draws = list(cells(quick=arguments.quick)), arguments.draws or (QUICK_DRAWS if arguments.quick else DRAWS)
    print(f"numpy {np.__version__}, scipy {scipy.__version__}, {platform.machine()}, {arguments.workers} processes")
    started, failed, powers = time.perf_counter(), 0, []
    for cell, found in in_processes(measure, grid, draws, workers=arguments.workers):
        print(line(cell, found), flush=True)
        failed += fails(found)
        if 2 * found.n >= draws:
            powers.append(found.count / found.n)
    print(f"{len(grid) - len(powers)} of {len(grid)} designs have no bar, since most pilots print no minimum")
    print(f"{time.perf_counter() - started:.0f} s in all")
    print(
        f"power at the printed minimum: {min(powers):.3f} to {max(powers):.3f}, {failed} of {len(powers)} cells "
        f"outside {LOW:g} to {HIGH:g}, {draws} draws each: {'MISSED' if failed else 'pass'}"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
