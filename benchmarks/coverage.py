"""Intervals hold the truth as often as they say: group values, contrasts, slopes, the largest gap and the least ratio.

Every table goes through the functions that an audit uses::

    python -m benchmarks.coverage
    python -m benchmarks.coverage --quick        # fewer cells

Independent rows: all pairs of counts are enumerated (``enumerated``), so there is no Monte Carlo error, for 2 to 14
groups of 50 to 1,000. Clusters of one size, 2 to 14 groups: 4,000 draws of group value and contrast, every fourth of
which also gives gap and ratio, and so for gap and ratio of independent rows. Few and unequal clusters, clusters in both
groups, weighted rows, and slopes over homes of which three are very rich: 4,000 draws (``contrast_designs``,
``slope_designs``).

Bars: the intervals of a group, a contrast and a slope hold the truth in .93 to .99 of the draws that an audit judges
(enumerated: where at least 5 events and non-events are expected in the group, else at least .93); those of gap and
ratio in at least .93 (above zero they are conservative by construction), the gap's at no more than 1.25 times the mean
width of Newcombe's intervals with Bonferroni's correction, for independent rows. Of clusters in both groups, the
standard error is .9 to 1.15 times the standard deviation. At least half of the draws of 2 x 40 clusters of lognormal
sizes are judged; the share is printed for every cell. A cell fails when its 99 % Monte Carlo interval lies outside a
bar. Exits 1 when one fails.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import platform
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import scipy
from scipy import stats

from benchmarks import contrast_designs, slope_designs
from benchmarks.clustered_hits import Clusters, Crossed, Nested
from benchmarks.contrast_designs import Design, Found, demanded, few_judged, sums_of
from benchmarks.enumerated import TwoShares
from benchmarks.monte_carlo import in_processes, outside
from benchmarks.slope_designs import Homes, slope_cells
from fairaudit.stats.estimates import estimates
from fairaudit.stats.gap import gap_of
from fairaudit.stats.intervals import group_interval
from fairaudit.stats.outcomes import Floats

LOW, HIGH, WIDTH, DRAWS = 0.93, 0.99, 1.25, 4000
ERRORS = (0.9, 1.15)
_GAP_EVERY = 4


@dataclass(frozen=True)
class Groups:
    """``k`` groups of clusters of one size, of which the first differs by ``gap``."""

    k: int
    clusters: Clusters
    p: float
    gap: float

    @property
    def name(self) -> str:
        """The design in a few words."""
        return self.nested.name

    @property
    def nested(self) -> Nested:
        """How it is drawn."""
        return Nested((self.clusters,) * self.k, self.p, self.gap)


Held = dict[str, tuple[int, int]]  # by interval: draws in which it holds the truth, and draws that count


def enumerated_cells(*, quick: bool) -> Iterator[TwoShares]:
    """Yield the designs of a group against the rest."""
    ks, ns = ((2, 14), (50, 200)) if quick else ((2, 3, 5, 10, 14), (50, 100, 200, 1000))
    for k, n, p, gap in product(ks, ns, (0.05, 0.5, 0.8, 0.95), (0.0, 0.05, 0.15, -0.05, -0.15)):
        first = p + gap
        if 0 < first < 1:
            yield TwoShares(n, (k - 1) * n, first, p)


def group_cells(*, quick: bool) -> Iterator[Groups]:
    """Yield the designs of several groups."""
    few = ((2, 1000, 15, 0.5, 0.8),)
    grid = (
        (2, 200, 1, 0.0, 0.05), (5, 50, 1, 0.0, 0.5), (14, 200, 1, 0.0, 0.95), (3, 1000, 1, 0.0, 0.8),
        *few, (2, 100, 2, 0.5, 0.5), (5, 1000, 15, 0.2, 0.95), (10, 200, 2, 0.2, 0.8), (14, 1000, 15, 0.5, 0.5),
    )  # fmt: skip
    for k, n, size, icc, p in few if quick else grid:
        for gap in (0.15 if p < 0.5 else -0.15,) if quick else (0.0, 0.15 if p < 0.5 else -0.15):
            yield Groups(k, Clusters(n // size, size, 0, icc), p, gap)


def difference_cells(*, quick: bool) -> list[Design | Homes]:
    """Return the designs of few and unequal clusters, with a true difference."""
    some: list[Design | Homes] = [*demanded(gap=0.1)]
    weighted = Nested((Clusters(150, 1, 0, 0), Clusters(4850, 1, 0, 0)), 0.05, 0.05, weight_sigma=0.7)
    return some[1:2] + some[4:5] if quick else [*some, weighted, *slope_cells(rise=0.03)]


def of_groups(cell: Groups, draws: int, seed: int) -> tuple[Held, float]:
    """Return how often each interval holds the truth, and the gap's width over Bonferroni and Newcombe's."""
    rng, shares = np.random.default_rng(seed), np.full(cell.k, cell.p)
    shares[0] += cell.gap
    found: dict[str, list[bool]] = {"group": [], "gap": [], "ratio": []}
    widths = np.zeros(2)
    for draw in range(draws):
        sums = sums_of(cell.nested.draw(rng))
        low, high, _ = group_interval(estimates(sums)[0])
        found["group"].append(low <= shares[0] <= high)
        if draw % _GAP_EVERY:
            continue
        gap = gap_of(sums)
        for name, truth, (low, high) in (
            ("gap", np.ptp(shares), gap.interval(0.95)),
            ("ratio", shares.min() / shares.max(), dataclasses.replace(gap, measure="ratio").interval(0.95)),
        ):
            found[name].append(low <= truth + 1e-9 and truth - 1e-9 <= high)
            if name == "gap" and cell.clusters.size == 1:
                values = np.array([e.value for e in gap.estimates])
                widths += (high - low, bonferroni_newcombe(values, cell.clusters.n))
    width = widths[0] / widths[1] if widths[1] else float("nan")
    return {name: (sum(held), len(held)) for name, held in found.items()}, float(width)


def bonferroni_newcombe(p_K: Floats, n: int) -> float:
    """Return the width of the gap's interval from Newcombe's intervals of all pairs, Bonferroni corrected."""
    k = len(p_K)
    z = stats.norm.ppf(1 - 0.05 / (k * (k - 1)))
    middle, half = (p_K + z * z / (2 * n)) / (1 + z * z / n), np.sqrt(p_K * (1 - p_K) / n + (z / (2 * n)) ** 2)
    half = half * z / (1 + z * z / n)
    least = most = 0.0
    for i, j in combinations(range(k), 2):
        d = p_K[i] - p_K[j]
        down = d - np.hypot(p_K[i] - middle[i] + half[i], middle[j] + half[j] - p_K[j])
        up = d + np.hypot(middle[i] + half[i] - p_K[i], p_K[j] - middle[j] + half[j])
        least, most = max(least, down, -up), max(most, abs(down), abs(up))
    return float(most - least)


def missed_enumerated(cell: TwoShares, found: dict[str, float]) -> list[str]:
    """Return which bars an enumerated cell misses."""
    sure = cell.n * min(cell.p, 1 - cell.p) >= 5
    return [f"{name} {held:.4f}" for name, held in found.items() if held < LOW or (sure and held > HIGH)]


def missed_groups(held: Held, width: float) -> list[str]:
    """Return which bars a cell of several groups misses."""
    missed = [f"width {width:.3f}"] if width > WIDTH else []
    for name, (count, n) in held.items():
        if outside(count, n, low=LOW, high=HIGH if name == "group" else 1.0):
            missed.append(f"{name} {count / n:.4f}")
    return missed


def missed_difference(cell: Design | Homes, found: Found) -> list[str]:
    """Return which bars a cell of few or unequal clusters misses."""
    missed = []
    if found.judged and outside(found.held[0], found.judged, low=LOW, high=HIGH):
        missed.append(f"covers {found.held[0] / found.judged:.4f}")
    if isinstance(cell, Crossed) and not ERRORS[0] <= found.error_ratio <= ERRORS[1]:
        missed.append(f"s.e./SD {found.error_ratio:.3f}")
    return missed + few_judged(cell, found)


def of_difference(cell: Design | Homes, draws: int, seed: int) -> Found:
    """Return what is seen in a cell of few or unequal clusters."""
    if isinstance(cell, Homes):
        return slope_designs.measure(cell, draws, seed)
    return contrast_designs.measure(cell, draws, seed)


def main() -> int:
    """Run all cells and return 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer cells")
    parser.add_argument("--part", choices=("rows", "groups", "unequal"), help="only independent rows, and so on")
    parser.add_argument("--draws", type=int, default=DRAWS, help="per cell")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    quick, draws, workers = arguments.quick, arguments.draws, arguments.workers
    print(f"numpy {np.__version__}, scipy {scipy.__version__}, {platform.machine()}, {workers} processes")
    started, failed, n_cells, covers = time.perf_counter(), 0, 0, list[float]()

    def tell(name: str, figures: str, missed: list[str]) -> None:
        nonlocal failed, n_cells
        failed, n_cells = failed + bool(missed), n_cells + 1
        print(f"{name}: {figures}{f'; MISSED: {chr(44).join(missed)}' if missed else ''}", flush=True)

    part = arguments.part
    for cell in enumerated_cells(quick=quick) if part in (None, "rows") else ():
        exact = cell.coverage()
        covers += exact.values() if cell.n * min(cell.p, 1 - cell.p) >= 5 else []
        tell(cell.name, ", ".join(f"{n} {v:.4f}" for n, v in exact.items()), missed_enumerated(cell, exact))
    several = list(group_cells(quick=quick)) if part in (None, "groups") else []
    for groups, (held, width) in in_processes(of_groups, several, draws, workers=workers):
        covers.append(held["group"][0] / held["group"][1])
        figures = ", ".join(f"{n} {a / b:.4f}" for n, (a, b) in held.items())
        tell(groups.name, figures + f", width {width:.3f}" * (width == width), missed_groups(held, width))
    unequal = difference_cells(quick=quick) if part in (None, "unequal") else []
    for design, found in in_processes(of_difference, unequal, draws, workers=workers):
        covers += [found.held[0] / found.judged] if found.judged else []
        tell(design.name, found.text, missed_difference(design, found))
    print(f"{time.perf_counter() - started:.0f} s in all")
    print(
        f"coverage of 95 % intervals: {min(covers):.3f} to {max(covers):.3f}, {failed} of {n_cells} cells miss a bar: "
        f"{'MISSED' if failed else 'pass'}"
    )
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
