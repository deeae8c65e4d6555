"""Nothing is found where there is nothing: single comparisons, whole tables, permuted labels, and whole audits.

Counts what is found although no group differs from another::

    python -m benchmarks.null_audits                         # all parts
    python -m benchmarks.null_audits --quick
    python -m benchmarks.null_audits --part contrasts        # or slopes, tables, retrieval, whole
    python -m benchmarks.null_audits --part retrieval --checkpoint CHECKPOINT

``contrasts``: the first group against the rest. Of independent rows all pairs of counts are enumerated, for sizes of
1:1 to 1:100: p < .05 in at most .0525, p < .0025 (one row in a family of 20) in at most .003, p < .0005 in at most
.0006; the share of alarms in which the small group is the higher is printed. Of clusters (2 x 40 of lognormal sizes, 30
against 570, clusters in both groups, weighted rows ...) 10,000 tables; a design fails when the 99 % Monte Carlo
interval lies above .05, or .0045 for p < .0025, among the judged, or if fewer than half of 2 x 40 lognormal clusters
are judged. ``slopes``: the same of homes with skewed incomes.

``tables``: 2,000 tables of 5 to 40 rows, any ``disparity`` under Holm's method, at most 5 %.

``retrieval``: pixels of the UTKFace sample in the folder that ``FAIRAUDIT_SAMPLE_DATA`` names (16 x 16, standardised),
or the embeddings of a checkpoint; without that variable simulated vectors with hubs, which is said. Gender, age and
race as recorded are permuted over all images; and 2 to 14 groups of 50 to 1,000 images, as far as there are so many,
are drawn at random. Neighbours must share the group itself, or another random label of two values; with mirror images,
each image has a second one of the same person, and labels are permuted over persons. The headline is at 5, 10 or 50
neighbours (at 1 class-balanced precision is refused, which is counted). Beside it stands, from a quarter of the draws
and without a bar, how often the same audit is wrong when the gallery's role is dropped. At most 5 % of audits.

``whole``: all four indicators on simulated people, homes and memes in clusters, with features of two to five unequal
groups, an ordered one, and incomes; verdicts over the whole family of the shipped plan. At most 5 % of audits.

A design fails when its 99 % Monte Carlo interval lies above. Exits 1 when one fails.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import numpy as np
import scipy

from benchmarks import contrast_designs, enumerated, slope_designs, table_designs
from benchmarks.contrast_designs import LEVELS, Found, few_judged
from benchmarks.face_vectors import faces
from benchmarks.monte_carlo import bounds, in_processes, outside
from benchmarks.permuted_labels import Design, designs, verdicts_only
from benchmarks.permuted_labels import measure as permute
from benchmarks.simulated_audits import WORLDS, World, audit
from fairaudit.stats.verdicts import decide

HIGH = 0.05
ALARMS = (0.05, 0.0045)  # of clusters, at the levels of LEVELS
EXACT = (0.0525, 0.003, 0.0006)  # of independent rows, at the levels of enumerated.LEVELS: counts are discrete
PARTS = ("contrasts", "slopes", "tables", "retrieval", "whole")
DRAWS = {
    "contrasts": {False: 10_000, True: 2000}, "slopes": {False: 10_000, True: 2000},
    "tables": {False: 2000, True: 150}, "retrieval": {False: 400, True: 30}, "whole": {False: 400, True: 15},
}  # fmt: skip

Told = tuple[str, bool]  # a summary, and whether the bar is met


def share(count: int, n: int) -> str:
    """Return a share with its Monte Carlo interval."""
    low, high = bounds(count, n)
    return f"{count} of {n} = {count / n:.3f} ({low:.3f} to {high:.3f})"


def contrasts(draws: int, *, quick: bool, workers: int | None) -> Told:
    """Compare the first group with the rest in every design."""
    failed, worst = 0, 0.0
    for exact in enumerated.null_designs():
        shares, higher = exact.alarms()
        missed = any(share > bar for share, bar in zip(shares, EXACT, strict=True))
        levels = ", ".join(f"p<{level:g} {s:.5f}" for level, s in zip(enumerated.LEVELS, shares, strict=True))
        print(f"{exact.name}: {levels}; of p<.0025 the first higher in {higher:.2f}{'; MISSED' * missed}", flush=True)
        failed, worst = failed + missed, max(worst, shares[1])
    print(f"enumerated: worst p<.0025 {worst:.5f}")
    found = in_processes(contrast_designs.measure, contrast_designs.null_designs(quick=quick), draws, workers=workers)
    text, met = _counted("contrasts", ((design.name, design, found) for design, found in found), draws)
    return f"{text}, enumerated {failed} above, worst {worst:.4f}", met and not failed


def slopes(draws: int, *, quick: bool, workers: int | None) -> Told:
    """Fit a line in every design."""
    found = in_processes(slope_designs.measure, slope_designs.null_designs(quick=quick), draws, workers=workers)
    return _counted("slopes", ((design.name, design, found) for design, found in found), draws)


def missed_levels(design: object, found: Found) -> list[str]:
    """Return which bars a design of clusters misses."""
    above = [
        f"p<{level:g} {count / found.judged:.4f}"
        for level, count, bar in zip(LEVELS, found.alarms, ALARMS, strict=True)
        if found.judged and outside(count, found.judged, high=bar)
    ]
    return above + few_judged(design, found)


def _counted(what: str, cells: Iterable[tuple[str, object, Found]], draws: int) -> Told:
    failed, worst = 0, 0.0
    for name, design, found in cells:
        missed = missed_levels(design, found)
        print(f"{name}: {found.text}{f'; MISSED: {chr(44).join(missed)}' if missed else ''}", flush=True)
        failed, worst = failed + bool(missed), max(worst, found.alarms[-1] / max(found.judged, 1))
    return f"{what}: {failed} designs missed, worst p<.0025 {worst:.4f} of {draws}", not failed


def tables(draws: int, *, quick: bool, workers: int | None) -> Told:
    """Decide whole tables in every design."""
    failed, worst = 0, 0.0
    for design, found in in_processes(table_designs.measure, table_designs.tables(quick=quick), draws, workers=workers):
        missed = outside(found.count, found.draws, high=HIGH)
        print(
            f"{design.name}: {share(found.count, found.draws)}, judged {found.judged:.3f}{'; MISSED' * missed}",
            flush=True,
        )
        failed, worst = failed + missed, max(worst, found.count / found.draws)
    return f"tables: {failed} designs above, worst {worst:.3f} of {draws}", not failed


def retrieval(draws: int, *, quick: bool, workers: int | None, checkpoint: str | None = None) -> Told:
    """Permute labels in every design."""
    worst, failed, n, count, dropped, n_dropped = ("", 0.0), 0, 0, 0, 0, 0
    with tempfile.TemporaryDirectory(prefix="null-audits-") as folder:
        path, vectors = Path(folder) / "vectors.npz", faces(checkpoint)
        vectors.save(path)
        print(f"retrieval: {vectors.what}")
        grid: list[Design] = list(designs(path, vectors, quick=quick))
        for design, found in in_processes(permute, grid, draws, workers=workers):
            if found.refused == found.n:
                print(f"{design.name}: no verdict in any of {found.n} audits", flush=True)
                continue
            missed = outside(found.count, found.n, high=HIGH)
            without = f"without the gallery's role {found.dropped} of {found.n_dropped}"
            print(f"{design.name}: {share(found.count, found.n)}; {without}{'; MISSED' * missed}", flush=True)
            worst, failed = max(worst, (design.name, found.count / found.n), key=lambda w: w[1]), failed + missed
            n, count = n + found.n, count + found.count
            n_dropped, dropped = n_dropped + found.n_dropped, dropped + found.dropped
    print(f"retrieval, all designs: {share(count, n)}; without the gallery's role {share(dropped, n_dropped)}")
    what = "" if vectors.real else " (simulated vectors)"
    return f"retrieval{what}: {failed} designs above, worst {worst[1]:.3f} of {draws}", not failed


def audits(world: World, draws: int, seed: int) -> dict[str, int]:
    """Audit ``draws`` worlds; return in how many each indicator, and any, raises a ``disparity``."""
    rng, counts = np.random.default_rng(seed), {"any": 0}
    with verdicts_only():
        for _ in range(draws):
            decided, _ = decide(audit(world, rng))
            raised = {r.indicator: bool((r.disparities["verdict"] == "disparity").any()) for r in decided}
            for name, one in {**raised, "any": any(raised.values())}.items():
                counts[name] = counts.get(name, 0) + one
    return counts


def whole(draws: int, *, quick: bool, workers: int | None) -> Told:
    """Audit every world many times; ``quick`` has fewer draws only."""
    failed, worst = 0, 0.0
    for world, counts in in_processes(audits, WORLDS, draws, workers=workers):
        missed = outside(counts["any"], draws, high=HIGH)
        by = ", ".join(f"{name} {count}" for name, count in counts.items() if name != "any")
        print(f"{world.name}: {share(counts['any'], draws)}; {by}{'; MISSED' * missed}", flush=True)
        failed, worst = failed + missed, max(worst, counts["any"] / draws)
    return f"whole audits: {failed} of {len(WORLDS)} designs above, worst {worst:.3f} of {draws}", not failed


def main() -> int:
    """Run all parts, or one, and return 1 if a design fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer designs and draws")
    parser.add_argument("--part", choices=PARTS, help="only this part")
    parser.add_argument("--draws", type=int, help="tables, or audits, of each design")
    parser.add_argument("--checkpoint", help="whose embeddings are looked up, instead of pixels")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    quick, workers, started = arguments.quick, arguments.workers, time.perf_counter()
    print(f"numpy {np.__version__}, scipy {scipy.__version__}, {platform.machine()}, {workers} processes")
    run: dict[str, Callable[..., Told]] = {"contrasts": contrasts, "slopes": slopes, "tables": tables, "whole": whole,
           "retrieval": partial(retrieval, checkpoint=arguments.checkpoint)}  # fmt: skip
    done = []
    for part in PARTS if arguments.part is None else [arguments.part]:
        done.append(run[part](arguments.draws or DRAWS[part][quick], quick=quick, workers=workers))
        print(f"{time.perf_counter() - started:.0f} s so far", flush=True)
    passed = all(met for _, met in done)
    print(f"false alarms: {'; '.join(text for text, _ in done)}: {'pass' if passed else 'MISSED'}")
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
