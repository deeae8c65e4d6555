"""How fast, and in how much memory, the bootstrap runs on sums, beside fairlearn's on rows.

Run from the root: ``python -m benchmarks.inference_speed`` (about half a minute)::

    2,000 resamples x 100 groups x 10 metrics, after reduction, two threads:
        1,000,000 independent rows (hits)            under 1 s
        67,000 clusters of 15 rows (hits, ICC 0.5)   under 3 s
    peak memory of the process that resamples        under 1 GiB
    a replicate beside fairlearn's                   at least 10,000 times as fast

Reduction makes sums of rows and finds the distinct clusters, once for a table; its time is printed and is not part of
the bar. The ten hits of a row are independent of each other: that makes the most distinct rows, hence the slowest
bootstrap. Times are medians of five runs after one that is not counted, on a machine that should do nothing else.

Each part is a process of its own, with one thread in BLAS. Sums are made in one process and read from disk by the next,
so that the peak (``ru_maxrss``) counts Python and its libraries, the sums, the search for distinct clusters and the
replicates, but not the rows.

fairlearn's time is that of ``MetricFrame`` with four bootstrap replicates, less that without, divided by four; for the
accuracy in ten groups of 20,000 rows in all. Ours is that of 2,000 replicates of the same table, with one thread,
divided by 2,000. Exits with 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from fairaudit.core.outcomes import Floats, Ints
from fairaudit.core.resampling import ClusterSums, resample

N_RESAMPLES, N_GROUPS, N_METRICS, N_ROWS, THREADS = 2000, 100, 10, 1_000_000, 2
N_CLUSTERS, ROWS_EACH, ICC = 67_000, 15, 0.5
LIMITS = {"independent": 1.0, "clusters": 3.0}
LIMIT_MIB, LIMIT_RATIO = 1024, 10_000
ROUNDS = 5
FAIRLEARN_REPLICATES = 4


def median_seconds(call: Callable[[], object], rounds: int = ROUNDS) -> tuple[float, float]:
    """Return the median and the shortest time of ``call``, after one that is not counted."""
    times = []
    for _ in range(rounds + 1):
        start = time.perf_counter()
        call()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:]), min(times[1:])


def rows_of(name: str) -> tuple[Floats, Ints, Ints]:
    """Return hits (N, 10), clusters and groups of a table; each group has rates of its own."""
    rng = np.random.default_rng(0)
    rates_GM = rng.uniform(0.2, 0.95, (N_GROUPS, N_METRICS))
    if name == "independent":
        groups = rng.integers(0, N_GROUPS, N_ROWS)
        return (rng.random((N_ROWS, N_METRICS)) < rates_GM[groups]).astype(float), np.arange(N_ROWS), groups
    groups = rng.integers(0, N_GROUPS, N_CLUSTERS).repeat(ROWS_EACH)
    clusters = np.arange(N_CLUSTERS).repeat(ROWS_EACH)
    common = (rng.random((N_CLUSTERS, N_METRICS)).repeat(ROWS_EACH, axis=0) < rates_GM[groups]).astype(float)
    own = (rng.random(common.shape) < rates_GM[groups]).astype(float)
    # Two rows that both show their cluster's outcome, with chance ICC, have correlation 1; others have none.
    return np.where(rng.random(common.shape) < np.sqrt(ICC), common, own), clusters, groups


def reduce(name: str, path: Path) -> dict[str, Any]:
    """Write the sums of a table; return how long the reduction took."""
    values, clusters, groups = rows_of(name)
    start = time.perf_counter()
    sums = ClusterSums.reduce(values, clusters, groups, groups=[f"group {g}" for g in range(N_GROUPS)])
    seconds = time.perf_counter() - start
    np.savez(path, cluster=sums.cluster, group=sums.group, total=sums.total, count=sums.count)
    return {"rows": len(values), "clusters": sums.n_clusters, "seconds": seconds}


def bootstrap(path: Path) -> dict[str, Any]:
    """Read sums and resample them; return times and the peak memory of this process."""
    with np.load(path) as parts:
        sums = ClusterSums(tuple(f"group {g}" for g in range(N_GROUPS)), **parts)
    start = time.perf_counter()
    strata = sums.strata("micro")
    merging = time.perf_counter() - start
    before = time.process_time()
    median, fastest = median_seconds(lambda: resample(sums, n_resamples=N_RESAMPLES, seed=0, threads=THREADS))
    processor = (time.process_time() - before) / (ROUNDS + 1)
    units = sum(len(stratum.urn.multiplicity) for stratum in strata)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # KiB on Linux
    return {
        "merging": merging,
        "units": units,
        "median": median,
        "fastest": fastest,
        "processor": processor,
        "peak": peak,
    }


def beside_fairlearn() -> dict[str, Any]:
    """Return the time of a replicate of the same table in fairlearn and here."""
    from fairlearn.metrics import MetricFrame
    from sklearn.metrics import accuracy_score

    rng = np.random.default_rng(0)
    truth, groups = rng.integers(0, 2, 20_000), rng.integers(0, 10, 20_000)
    predicted = np.where(rng.random(20_000) < rng.uniform(0.6, 0.95, 10)[groups], truth, 1 - truth)

    def frame(**options: Any) -> None:
        MetricFrame(metrics=accuracy_score, y_true=truth, y_pred=predicted, sensitive_features=groups, **options)

    plain, _ = median_seconds(frame, 3)
    drawn, _ = median_seconds(lambda: frame(n_boot=FAIRLEARN_REPLICATES, ci_quantiles=[0.025, 0.975]), 3)
    hits = (truth == predicted).astype(float)[:, None]
    sums = ClusterSums.reduce(hits, np.arange(20_000), groups, groups=[str(g) for g in range(10)])
    sums.strata("micro")
    ours, _ = median_seconds(lambda: resample(sums, n_resamples=N_RESAMPLES, seed=0))
    return {"fairlearn": (drawn - plain) / FAIRLEARN_REPLICATES, "ours": ours / N_RESAMPLES}


def child(part: str, *arguments: str) -> dict[str, Any]:
    """Run a part in a process of its own; return what it printed."""
    one_thread = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.inference_speed", "--part", part, *arguments],
        cwd=Path(__file__).resolve().parents[1], env={**os.environ, **one_thread}, check=True, stdout=subprocess.PIPE,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> int:
    """Print times, memory and the ratio; return the exit status."""
    load = os.getloadavg()[0]
    print(f"machine: {platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}")
    print(f"load when it began: {load:.1f} (times hold for a machine that does nothing else)")
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("numpy", "scipy", "fairlearn")]
    print(f"versions: Python {platform.python_version()}, {', '.join(versions)}")
    print(f"{N_RESAMPLES} resamples x {N_GROUPS} groups x {N_METRICS} metrics, {THREADS} threads")
    summary, peaks, met = [], [], True
    with tempfile.TemporaryDirectory() as folder:
        for name, limit in LIMITS.items():
            path = Path(folder) / f"{name}.npz"
            sums, run = child("reduce", name, str(path)), child("bootstrap", str(path))
            print(
                f"{name}: {sums['rows']} rows in {sums['clusters']} clusters; rows to sums {sums['seconds']:.2f} s, "
                f"sums to {run['units']} distinct clusters {run['merging']:.2f} s; resampling: median "
                f"{run['median']:.2f} s, fastest {run['fastest']:.2f} s, n {ROUNDS}, processor time "
                f"{run['processor']:.2f} s; peak {run['peak']:.0f} MiB"
            )
            summary.append(f"{name} {run['median']:.2f} s (limit {limit:g})")
            peaks.append(run["peak"])
            met = met and run["median"] < limit
    both = child("fairlearn")
    ratio = both["fairlearn"] / both["ours"]
    print(
        f"20,000 rows x 10 groups: fairlearn {both['fairlearn']:.3f} s a replicate (from {FAIRLEARN_REPLICATES}), "
        f"ours {both['ours'] * 1e6:.1f} us (from {N_RESAMPLES})"
    )
    met = met and max(peaks) < LIMIT_MIB and ratio >= LIMIT_RATIO
    summary.append(f"peak {max(peaks):.0f} MiB (limit {LIMIT_MIB})")
    summary.append(f"{ratio:,.0f} times as fast as fairlearn (limit {LIMIT_RATIO:,})")
    print(f"{'; '.join(summary)}: {'met' if met else 'missed'}")
    return 0 if met else 1


def run_part(part: str, arguments: list[str]) -> dict[str, Any]:
    """Return what a child has to print."""
    if part == "reduce":
        return reduce(arguments[0], Path(arguments[1]))
    return bootstrap(Path(arguments[0])) if part == "bootstrap" else beside_fairlearn()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=("reduce", "bootstrap", "fairlearn"), help="what a child process does")
    parser.add_argument("arguments", nargs="*")
    given = parser.parse_args()
    if given.part is None:
        sys.exit(main())
    print(json.dumps(run_part(given.part, given.arguments)))
