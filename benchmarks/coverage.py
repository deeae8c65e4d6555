"""Intervals hold the truth as often as they say: group values, contrasts, the largest gap and the least ratio.

Simulates tables of hits and misses over a grid of groups, sizes, shares, differences and dependence, and sends them
through the functions that an audit uses::

    python -m benchmarks.coverage                # 4,000 draws a cell, the whole grid
    python -m benchmarks.coverage --quick        # a coarser grid, as many draws

Bars: a group's interval and that of a contrast against the rest hold the truth in .93 to .99 of draws; the simultaneous
intervals of gap and ratio in at least .93 (above zero they are conservative by construction), at no more than 1.25
times the mean width of Newcombe's intervals with Bonferroni's correction. A cell fails when its 99 % Monte Carlo
interval lies outside the bar. Cells in which a group has fewer than 20 clusters or is expected to have fewer than 5
events or non-events are left out, since an audit refuses a verdict there. In all others every draw counts, whether or
not its own counts are too small for a verdict: the interval is printed all the same. The share of draws without a
verdict is printed for each cell, of the group and of the contrast. Only counts may be the reason, below 20 clusters or
events or non-events in fewer than 5 clusters (of a contrast: expected in the smaller side), which is counted here anew
from the draws; a verdict withheld elsewhere is a miss. Exits 1 when a cell fails.
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import numpy.typing as npt
import scipy
from scipy import stats

from benchmarks.clustered_hits import DEPENDENCE, Dependence, withheld
from benchmarks.monte_carlo import in_processes, outside
from fairaudit.stats.estimates import average, difference
from fairaudit.stats.gap import Gap
from fairaudit.stats.intervals import group_interval, t_interval
from fairaudit.stats.outcomes import Floats, Outcomes
from fairaudit.stats.status import MIN_CLUSTERS, MIN_EVENTS

LOW, HIGH, WIDTH, DRAWS = 0.93, 0.99, 1.25, 4000
LAYOUTS = ("one away", "one towards", "even")
_AT_ONCE = 1_500_000  # numbers in memory
_SHARES = ("group", "contrast", "gap", "ratio")  # of draws whose interval holds the truth


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
    def dependence(self) -> Dependence:
        """How the images of a group depend on each other."""
        return Dependence(self.n, self.per_cluster, self.icc)

    @property
    def name(self) -> str:
        """The design in a few words."""
        gap = f"{self.layout} {self.gap:g}" if self.gap else "no gap"
        return f"{self.k} x {self.n}, p {self.p:g}, {gap}, {self.per_cluster} a cluster, ICC {self.icc:g}"


def cells(quick: bool) -> Iterator[Cell]:
    """Yield the designs of the grid that are judged."""
    ks, ns, ps = ((2, 5, 14), (50, 200), (0.05, 0.5, 0.95)) if quick else ((2, 3, 5, 10, 14), (50, 100, 200, 1000),
                                                                        (0.05, 0.5, 0.8, 0.95))  # fmt: skip
    for k, n, p, (per_cluster, icc) in product(ks, ns, ps, DEPENDENCE):
        for gap, layout in [(0.0, "even"), *product((0.15,) if quick else (0.05, 0.15), LAYOUTS)]:
            size = 1000 if quick and per_cluster == 15 else n  # fifteen to a cluster need more images
            cell = Cell(k, size, p, gap, layout, per_cluster, icc)
            if (
                cell.dependence.judged(cell.shares)
                and not (p == 0.5 and layout == "one towards")
                and not (size != n and n == 50)
            ):
                yield cell


def measure(cell: Cell, draws: int, seed: int) -> dict[str, float]:
    """Return the share of draws in which each interval holds the truth or has no verdict, and the gap's width."""
    rng, sums, done = np.random.default_rng(seed), defaultdict[str, float](float), 0
    step = max(_AT_ONCE // (cell.n * cell.k), 20)
    while done < draws:
        size = min(step, draws - done)
        values, clusters = cell.dependence.draw(np.repeat(cell.shares[:, None], size, axis=1), rng)
        for name, value in _one_batch(cell, values, clusters).items():
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
    first, rest = average(one, groups == 0), average(one, groups != 0)
    contrast = difference(first, rest, unit_interval=True)
    refused = {
        "group": np.array(withheld(first, first.n_clusters)) != "",
        "contrast": np.array(withheld(contrast, np.minimum(first.n_clusters, rest.n_clusters))) != "",
    }
    beyond = {name: refused[name] & ~few for name, few in _too_few(cell, values).items()}
    low, high, _ = group_interval(estimates[0], kind=kind)
    found = {"group": _held(low, shares[0], high, beyond["group"])}
    low, high = t_interval(contrast.value, contrast.std_error, contrast.df)
    found["contrast"] = _held(low, shares[0] - shares[1:].mean(), high, beyond["contrast"])
    low, high = Gap(estimates, kind).interval(0.95)
    found["gap"] = _held(low, np.ptp(shares), high)
    if cell.per_cluster == 1:
        found["width"] = float((high - low).sum())
        found["bonferroni"] = _bonferroni_newcombe(np.array([e.value for e in estimates]), per_group)
    low, high = Gap(estimates, kind, "ratio").interval(0.95)
    found["ratio"] = _held(low, shares.min() / shares.max(), high)
    return {**found, **{f"no verdict, {name}": float(some.sum()) for name, some in refused.items()}}


def _too_few(cell: Cell, values: Floats) -> dict[str, npt.NDArray[np.bool_]]:
    """Return in which draws (D,) the counts are too small for a verdict, counted without the core."""
    by_cluster = values.reshape(cell.k, -1, cell.per_cluster, values.shape[1])
    hit_KD, miss_KD = by_cluster.any(axis=2).sum(axis=1), (by_cluster == 0).any(axis=2).sum(axis=1)
    group = np.minimum(hit_KD[0], miss_KD[0])
    contrast = np.minimum(hit_KD.sum(axis=0), miss_KD.sum(axis=0))
    few = cell.dependence.n_clusters < MIN_CLUSTERS
    return {"group": few | (group < MIN_EVENTS), "contrast": few | (contrast < MIN_EVENTS * cell.k)}


def _held(low: Floats, truth: float, high: Floats, refused: npt.NDArray[np.bool_] | None = None) -> float:
    held = (low <= truth + 1e-12) & (truth <= high + 1e-12)
    return float((held if refused is None else held & ~refused).sum())


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
    missed = [f"width {found['width']:.3f}"] if found.get("width", 0) > WIDTH else []
    for name in _SHARES:
        high = HIGH if name in ("group", "contrast") else 1.0
        if outside(round(found[name] * draws), draws, low=LOW, high=high):
            missed.append(f"{name} {found[name]:.4f}")
    return missed


def main() -> int:
    """Run the grid and return 1 if a cell fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a coarser grid, some three minutes")
    parser.add_argument("--draws", type=int, default=DRAWS, help="per cell")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    grid, draws = list(cells(arguments.quick)), arguments.draws
    print(f"numpy {np.__version__}, scipy {scipy.__version__}, {platform.machine()}, {arguments.workers} processes")
    started, failed = time.perf_counter(), 0
    summary: dict[str, list[float]] = defaultdict(list)
    for cell, found in in_processes(measure, grid, draws, workers=arguments.workers):
        for name, value in found.items():
            summary[name].append(value)
        missed = failures(found, draws)
        failed += bool(missed)
        figures = ", ".join(f"{name} {value:.3f}" for name, value in found.items())
        print(f"{cell.name}: {figures}{'; MISSED: ' * bool(missed)}{', '.join(missed)}", flush=True)
    for name, values in summary.items():
        print(f"{name:>20}: {min(values):.3f} to {max(values):.3f}, mean {np.mean(values):.3f}, {len(values)} cells")
    print(f"{time.perf_counter() - started:.0f} s in all")
    verdict = "MISSED" if failed else "pass"
    print(f"coverage: {failed} of {len(grid)} cells outside their bar, {draws} draws each: {verdict}")
    return 1 if failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
