"""Intervals hold the truth as often as they say: group values, contrasts, the largest gap and the least ratio.

Simulates tables of hits and misses over a grid of groups, sizes, shares, differences and dependence, and sends them
through the functions that an audit uses::

    python -m benchmarks.coverage                # 4,000 draws a cell, the whole grid
    python -m benchmarks.coverage --quick        # a coarser grid, 1,000 draws a cell

Bars: a group's interval and that of a contrast against the rest hold the truth in .93 to .99 of draws; the simultaneous
intervals of gap and ratio in at least .93 (above zero they are conservative by construction), at no more than 1.25
times the mean width of Newcombe's intervals with Bonferroni's correction. A cell fails when its 99 % Monte Carlo
interval lies outside the bar. Cells in which a group has fewer than 20 clusters or is expected to have fewer than 5
events or non-events are left out, since an audit refuses a verdict there; in all others every draw counts, whether or
not its own counts happen to be too small for a verdict. Exits 1 when a cell fails.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import combinations, product
from multiprocessing import get_context

import numpy as np
import numpy.typing as npt
import scipy
from scipy import stats

from fairaudit.core.estimates import average, difference
from fairaudit.core.gap import Gap
from fairaudit.core.intervals import group_interval, t_interval
from fairaudit.core.outcomes import Outcomes
from fairaudit.core.sufficiency import MIN_CLUSTERS, MIN_EVENTS

Floats = npt.NDArray[np.float64]

LOW, HIGH, WIDTH = 0.93, 0.99, 1.25
DEPENDENCE = ((1, 0.0), (2, 0.0), (2, 0.2), (2, 0.5), (15, 0.0), (15, 0.2), (15, 0.5))
LAYOUTS = ("one away", "one towards", "even")
_AT_ONCE = 1_500_000  # numbers in memory


@dataclass(frozen=True)
class Cell:
    """One design: groups of ``n`` images, ``per_cluster`` in a cluster with intraclass correlation ``icc``."""

    k: int
    n: int
    p: float
    gap: float
    layout: str
    per_cluster: int
    icc: float

    @property
    def shares(self) -> Floats:
        """True share of each group: one group off (further from one half, or towards it), or evenly spread."""
        shares = np.full(self.k, self.p)
        outwards = -1.0 if self.p <= 0.5 else 1.0
        if self.layout == "even":
            return np.asarray(shares + np.linspace(-0.5, 0.5, self.k) * self.gap)
        shares[0] += outwards * self.gap * (1 if self.layout == "one away" else -1)
        return shares

    @property
    def judged(self) -> bool:
        """Whether the shares exist and an audit is expected to give verdicts."""
        shares = self.shares
        if shares.min() <= 0 or shares.max() >= 1:
            return False
        events = self.n * np.minimum(shares, 1 - shares).min()
        return self.n // self.per_cluster >= MIN_CLUSTERS and events >= MIN_EVENTS - 1e-9


def cells(quick: bool) -> Iterator[Cell]:
    """Yield the designs of the grid that are judged."""
    ks, ns, ps = ((2, 5), (50, 200), (0.05, 0.5, 0.95)) if quick else ((2, 3, 5, 10, 14), (50, 100, 200, 1000),
                                                                        (0.05, 0.5, 0.8, 0.95))  # fmt: skip
    for k, n, p, (per_cluster, icc) in product(ks, ns, ps, DEPENDENCE):
        for gap, layout in [(0.0, "even"), *product((0.15,) if quick else (0.05, 0.15), LAYOUTS)]:
            size = 1000 if quick and per_cluster == 15 else n  # fifteen to a cluster need more images
            cell = Cell(k, size, p, gap, layout, per_cluster, icc)
            if cell.judged and not (p == 0.5 and layout == "one towards") and not (size != n and n == 50):
                yield cell


def draw(cell: Cell, draws: int, rng: np.random.Generator) -> tuple[Floats, npt.NDArray[np.int64]]:
    """Return hits and misses (N, draws) of all groups and their clusters (N,); shares of clusters are beta."""
    n_clusters = cell.n // cell.per_cluster
    parts = []
    for p in cell.shares:
        rate = np.full((n_clusters, 1, draws), p)
        if cell.icc > 0:
            ab = (1 - cell.icc) / cell.icc
            rate = rng.beta(p * ab, (1 - p) * ab, (n_clusters, 1, draws))
        hits = rng.random((n_clusters, cell.per_cluster, draws)) < rate
        parts.append(hits.reshape(-1, draws))
    clusters = np.repeat(np.arange(n_clusters * cell.k), cell.per_cluster)
    return np.concatenate(parts).astype(np.float64), clusters


def measure(cell: Cell, draws: int, seed: int) -> dict[str, float]:
    """Return the share of draws in which each interval holds the truth, and the gap's relative width."""
    rng, sums, done = np.random.default_rng(seed), defaultdict[str, float](float), 0
    step = max(_AT_ONCE // (cell.n * cell.k), 20)
    while done < draws:
        size = min(step, draws - done)
        for name, value in _one_batch(cell, *draw(cell, size, rng)).items():
            sums[name] += value
        done += size
    found = {name: value / draws for name, value in sums.items() if name not in ("width", "bonferroni")}
    if "bonferroni" in sums:
        found["width"] = sums["width"] / sums["bonferroni"]
    return found


def _one_batch(cell: Cell, values: Floats, clusters: npt.NDArray[np.int64]) -> dict[str, float]:
    one = Outcomes("hit", values, clusters)
    per_group = len(values) // cell.k
    groups, everyone = np.arange(len(values)) // per_group, np.ones(per_group, dtype=bool)
    # No cluster is in two groups, so each group can be estimated from its own rows: less to go through.
    parts = [Outcomes("hit", values[groups == g], np.arange(per_group) // cell.per_cluster) for g in range(cell.k)]
    estimates = [average(part, everyone) for part in parts]
    kind, shares = "binary" if cell.per_cluster == 1 else "share", cell.shares
    low, high, _ = group_interval(estimates[0], kind=kind)
    contrast = difference(average(one, groups == 0), average(one, groups != 0), unit_interval=True)
    found = {"group": _held(low, shares[0], high)}
    low, high = t_interval(contrast.value, contrast.std_error, contrast.df)
    found["contrast"] = _held(low, shares[0] - shares[1:].mean(), high)
    low, high = Gap(estimates, kind).interval(0.95)
    found["gap"] = _held(low, np.ptp(shares), high)
    if cell.per_cluster == 1:
        found["width"] = float((high - low).sum())
        found["bonferroni"] = _bonferroni_newcombe(np.array([e.value for e in estimates]), per_group)
    low, high = Gap(estimates, kind, "ratio").interval(0.95)
    found["ratio"] = _held(low, shares.min() / shares.max(), high)
    return found


def _held(low: Floats, truth: float, high: Floats) -> float:
    return float(((low <= truth + 1e-12) & (truth <= high + 1e-12)).sum())


def _bonferroni_newcombe(p_KD: Floats, n: int) -> float:
    """Return the summed width of the gap's interval from Newcombe's intervals of all pairs, Bonferroni corrected."""
    k = len(p_KD)
    z = stats.norm.ppf(1 - 0.05 / (k * (k - 1)))
    middle, half = (p_KD + z * z / (2 * n)) / (1 + z * z / n), np.sqrt(p_KD * (1 - p_KD) / n + (z / (2 * n)) ** 2)
    half = half * z / (1 + z * z / n)
    low, high = np.zeros(p_KD.shape[1]), np.zeros(p_KD.shape[1])
    for i, j in combinations(range(k), 2):
        d = p_KD[i] - p_KD[j]
        down = d - np.hypot(p_KD[i] - middle[i] + half[i], middle[j] + half[j] - p_KD[j])
        up = d + np.hypot(middle[i] + half[i] - p_KD[i], p_KD[j] - middle[j] + half[j])
        low = np.maximum(low, np.maximum(down, -up))
        high = np.maximum(high, np.maximum(np.abs(down), np.abs(up)))
    return float((high - low).sum())


def failures(found: dict[str, float], draws: int) -> list[str]:
    """Return which bars a cell misses, each with its figure."""
    missed = []
    for name, value in found.items():
        if name == "width":
            if value > WIDTH:
                missed.append(f"{name} {value:.3f}")
            continue
        interval = stats.binomtest(round(value * draws), draws).proportion_ci(0.99)
        if interval.high < LOW or (name in ("group", "contrast") and interval.low > HIGH):
            missed.append(f"{name} {value:.4f}")
    return missed


def main() -> int:
    """Run the grid and return 1 if a cell fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a coarser grid, some three minutes")
    parser.add_argument("--draws", type=int, help="per cell; 4,000, or 1,000 with --quick")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    grid, draws = list(cells(arguments.quick)), arguments.draws or (1000 if arguments.quick else 4000)
    print(f"numpy {np.__version__}, scipy {scipy.__version__}, {platform.machine()}, {arguments.workers} processes")
    started, failed = time.perf_counter(), 0
    summary: dict[str, list[float]] = defaultdict(list)
    with ProcessPoolExecutor(arguments.workers, mp_context=get_context("spawn")) as pool:
        jobs = pool.map(measure, grid, [draws] * len(grid), range(len(grid)), chunksize=4)
        for i, (cell, found) in enumerate(zip(grid, jobs, strict=True), 1):
            for name, value in found.items():
                summary[name].append(value)
            missed = failures(found, draws)
            failed += bool(missed)
            if missed:
                print(f"{cell}: {', '.join(missed)}", flush=True)
            elif i % 100 == 0:
                print(f"{i} of {len(grid)} cells, {time.perf_counter() - started:.0f} s", flush=True)
    for name, values in summary.items():
        print(f"{name:>9}: {min(values):.3f} to {max(values):.3f}, mean {np.mean(values):.3f}, {len(values)} cells")
    print(f"{time.perf_counter() - started:.0f} s in all")
    verdict = "MISSED" if failed else "pass"
    print(f"coverage: {failed} of {len(grid)} cells outside their bar, {draws} draws each: {verdict}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
