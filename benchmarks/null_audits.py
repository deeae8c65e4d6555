"""Nothing is found where there is nothing: permuted labels on real embeddings, and whole audits.

Counts the audits in which any primary row is a ``disparity`` although no group differs from another::

    python -m benchmarks.null_audits                         # both parts
    python -m benchmarks.null_audits --quick
    python -m benchmarks.null_audits --part retrieval --checkpoint CHECKPOINT

Retrieval: pixels of the UTKFace sample in the folder that ``FAIRAUDIT_SAMPLE_DATA`` names (16 x 16, standardised), or
the embeddings of a checkpoint; without that variable simulated vectors with hubs, which is said. Gender, age and race
as recorded are permuted over all images; and 2 to 14 groups of 50 to 1,000 images, as far as there are so many, are
drawn at random. Neighbours must share the group itself, or another random label of two values; with mirror images, each
image has a second one of the same person, and labels are permuted over persons. The headline is at 5, 10 or 50
neighbours (at 1 class-balanced precision is refused, which is counted). Beside it stands, from a quarter of the draws
and without a bar, how often the same audit is wrong when the gallery's role is dropped.

Whole audits: all four indicators on simulated people, homes and memes in clusters, with features of two to five unequal
groups, an ordered one, and incomes; verdicts over the whole family of the shipped plan.

Bar: at most 5 % of the audits of each design. A design fails when its 99 % Monte Carlo interval lies above. Exits 1
when one fails.
"""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
import time
from pathlib import Path

import numpy as np
import scipy

from benchmarks.face_vectors import faces
from benchmarks.monte_carlo import bounds, in_processes, outside
from benchmarks.permuted_labels import Design, designs, verdicts_only
from benchmarks.permuted_labels import measure as permute
from benchmarks.simulated_audits import WORLDS, World, audit
from fairaudit.stats.verdicts import decide

HIGH = 0.05
RETRIEVAL_DRAWS, WHOLE_DRAWS = {False: 400, True: 45}, {False: 1000, True: 45}  # by --quick


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


def share(count: int, n: int) -> str:
    """Return a share with its Monte Carlo interval."""
    low, high = bounds(count, n)
    return f"{count} of {n} = {count / n:.3f} ({low:.3f} to {high:.3f})"


def retrieval(checkpoint: str | None, draws: int, *, quick: bool, workers: int | None) -> tuple[str, bool]:
    """Permute labels in every design; return a summary and whether the bar is met."""
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


def whole(draws: int, *, workers: int | None) -> tuple[str, bool]:
    """Audit every world many times; return a summary and whether the bar is met."""
    failed, worst = 0, 0.0
    for world, counts in in_processes(audits, WORLDS, draws, workers=workers):
        missed = outside(counts["any"], draws, high=HIGH)
        by = ", ".join(f"{name} {count}" for name, count in counts.items() if name != "any")
        print(f"{world.name}: {share(counts['any'], draws)}; {by}{'; MISSED' * missed}", flush=True)
        failed, worst = failed + missed, max(worst, counts["any"] / draws)
    return f"whole audits: {failed} of {len(WORLDS)} designs above, worst {worst:.3f} of {draws}", not failed


def main() -> int:
    """Run both parts, or one, and return 1 if a design fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="fewer designs and draws, some three minutes")
    parser.add_argument("--part", choices=("retrieval", "whole"), help="only this part")
    parser.add_argument("--draws", type=int, help="audits of each design")
    parser.add_argument("--checkpoint", help="whose embeddings are looked up, instead of pixels")
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    quick, workers, started = arguments.quick, arguments.workers, time.perf_counter()
    print(f"numpy {np.__version__}, scipy {scipy.__version__}, {platform.machine()}, {workers} processes")
    done = []
    if arguments.part != "whole":
        draws = arguments.draws or RETRIEVAL_DRAWS[quick]
        done.append(retrieval(arguments.checkpoint, draws, quick=quick, workers=workers))
    if arguments.part != "retrieval":
        done.append(whole(arguments.draws or WHOLE_DRAWS[quick], workers=workers))
    passed = all(met for _, met in done)
    print(f"{time.perf_counter() - started:.0f} s in all")
    print(f"false alarms, at most {HIGH:.0%}: {'; '.join(text for text, _ in done)}: {'pass' if passed else 'MISSED'}")
    return 0 if passed else 1


if __name__ == "__main__":
    raise SystemExit(main())
