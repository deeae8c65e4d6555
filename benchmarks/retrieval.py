"""Exact neighbours against faiss: as fast, and within bounded memory where the similarities would never fit.

::

    python -m benchmarks.retrieval                  # 3,000 x 24,000 x 1,024, the size of the published protocol
    python -m benchmarks.retrieval --threads 1
    python -m benchmarks.retrieval --large          # 100,000 x 1,000,000 x 256; nothing but our own side is run

It needs ``faiss-cpu``, which fairaudit itself does not. Both sides get the same raw vectors and give the 50 nearest by
cosine: faiss normalises, adds them to ``IndexFlatIP`` and searches all queries in one call with all threads, which its
documentation gives as the fastest way; of its block sizes the fastest tried is taken. The two take turns. What is
printed beside it is the share of the machine's own matrix product of this size, the best of all rounds. Bars: at most
1.1 times faiss; with ``--large`` a peak of 4 GiB. Where their lists differ, it is by less than faiss can tell apart.
Exits 1 when a bar is missed.
"""

from __future__ import annotations

import argparse
import importlib
import platform
import resource
import time
from collections.abc import Callable
from contextlib import ExitStack
from statistics import median
from typing import Any

import numpy as np
import numpy.typing as npt
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from fairaudit.measures.neighbours import nearest, unit_length

SLOWER, PEAK_GIB, LENGTH = 1.1, 4.0, 50
BLOCKS = ((4096, 1024), (1024, 1024), (4096, 4096))  # faiss: queries and database rows at once; its default first

Floats32 = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


def vectors(n: int, dimensions: int, seed: int) -> Floats32:
    """Return vectors as networks give them: all point one way, more or less."""
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, dimensions), dtype=np.float32) + np.float32(0.5)


def ours(queries: Floats32, gallery: Floats32) -> Ints:
    """Return the nearest rows of each query; queries and gallery are different people."""
    codes = np.arange(len(queries) + len(gallery))
    return nearest(
        queries,
        gallery,
        k=LENGTH,
        query_clusters=codes[: len(queries)],
        gallery_clusters=codes[len(queries) :],
    )


def by_faiss(faiss: Any, queries: Floats32, gallery: Floats32) -> Ints:
    """Return the same from ``IndexFlatIP``."""
    queries, gallery = queries.copy(), gallery.copy()
    faiss.normalize_L2(queries)
    faiss.normalize_L2(gallery)
    index = faiss.IndexFlatIP(gallery.shape[1])
    index.add(gallery)
    found: Ints = index.search(queries, LENGTH)[1]
    return found


def seconds(call: Callable[[], object]) -> float:
    """Return the time that a call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def set_blocks(faiss: Any, blocks: tuple[int, int]) -> None:
    """Set how many queries and database rows faiss multiplies at once."""
    faiss.cvar.distance_compute_blas_query_bs, faiss.cvar.distance_compute_blas_database_bs = blocks


def same(queries: Floats32, gallery: Floats32, first: Ints, second: Ints) -> bool:
    """Whether two lists of neighbours hold equally similar ones, place by place, to what float32 tells apart."""
    unit_Q, unit_G = unit_length(queries), unit_length(gallery)
    values = [np.einsum("qd,qkd->qk", unit_Q[:100], unit_G[found[:100]]) for found in (first, second)]
    return bool(np.abs(values[0] - values[1]).max() < 1e-5)


def compare(rounds: int, threads: int | None) -> bool:
    """Time both sides in turn, print the ratio and return whether it is within the bar."""
    try:
        faiss = importlib.import_module("faiss")
    except ImportError:
        raise SystemExit(
            "benchmarks.retrieval compares with faiss; it is not installed. pip install faiss-cpu"
        ) from None
    queries, gallery = vectors(3000, 1024, 1), vectors(24000, 1024, 2)
    with ExitStack() as stack:
        if threads:
            faiss.omp_set_num_threads(threads)
            stack.enter_context(threadpool_limits(threads))
        found = ours(queries, gallery)
        if not same(queries, gallery, found, by_faiss(faiss, queries, gallery)):
            raise SystemExit("both must find equally similar neighbours; the lists differ by more than rounding")
        tried = {}
        for blocks in BLOCKS:
            set_blocks(faiss, blocks)
            tried[blocks] = seconds(lambda: by_faiss(faiss, queries, gallery))
        set_blocks(faiss, min(tried, key=tried.__getitem__))
        unit_Q, unit_G = unit_length(queries), unit_length(gallery)
        product = np.empty((len(queries), len(gallery)), dtype=np.float32)
        times: list[tuple[float, float, float]] = []
        for _ in range(rounds):
            times.append(
                (
                    seconds(lambda: ours(queries, gallery)),
                    seconds(lambda: by_faiss(faiss, queries, gallery)),
                    seconds(lambda: np.matmul(unit_Q, unit_G.T, out=product)),
                )
            )
    mine, theirs, multiply = zip(*times, strict=True)
    work = 2e-9 * product.size * queries.shape[1]
    ratio = float(median(mine) / median(theirs))
    cores = threads or faiss.omp_get_max_threads()
    print(
        f"faiss {faiss.__version__}, {cores} threads: ours {median(mine):.2f} s, faiss {median(theirs):.2f} s; ours is"
        f" at {min(multiply) / median(mine):.0%} of the best matrix product's "
        f"{work / min(multiply):.0f} Gflop/s, faiss at {min(multiply) / median(theirs):.0%}"
    )
    print(f"neighbours: {ratio:.2f} times faiss (bar {SLOWER:g}): {'pass' if ratio <= SLOWER else 'MISSED'}")
    return ratio <= SLOWER


def large() -> bool:
    """Search a million rows for a hundred thousand queries, print time and peak memory, and hold the bar."""
    queries, gallery = vectors(100_000, 256, 1), vectors(1_000_000, 256, 2)
    taken = seconds(lambda: ours(queries, gallery))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    work = 2e-9 * len(queries) * len(gallery) * queries.shape[1]
    print(f"100,000 x 1,000,000 x 256: {taken / 60:.1f} minutes, {work / taken:.0f} Gflop/s")
    print(f"peak memory {peak:.2f} GiB (bar {PEAK_GIB:g}): {'pass' if peak <= PEAK_GIB else 'MISSED'}")
    return peak <= PEAK_GIB


def main() -> int:
    """Compare with faiss, or search a large gallery, and return 1 if the bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--large", action="store_true", help="100,000 queries in a gallery of a million; takes long")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, help="processor cores; all by default")
    arguments = parser.parse_args()
    print(f"numpy {np.__version__}, {platform.machine()}")
    return 0 if (large() if arguments.large else compare(arguments.rounds, arguments.threads)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
