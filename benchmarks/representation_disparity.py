"""``representation_disparity`` against the bare search of its neighbours: processor time, and memory.

::

    python -m benchmarks.representation_disparity                   # 100,000 images; minutes on two cores
    python -m benchmarks.representation_disparity --queries 20000

Images of 128 dimensions and three features of 2, 5 and 9 groups; neighbours share the feature of two groups, at the
published k up to 50. The call and ``measures.neighbours.nearest`` of the same length of lists run in one process of
their own, the call first. Memory is read every 20 ms; what counts is the most above that before the call. Bars: 1.3
times the search's processor time, and 1 GiB. Exits 1 when one is missed.
"""

from __future__ import annotations

import argparse
import platform
import threading
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd
import scipy

from fairaudit.core.samples import Feature, Samples
from fairaudit.core.tables import Embeddings
from fairaudit.indicators.representation_disparity import Config, compute
from fairaudit.measures.neighbours import nearest
from fairaudit.measures.retrieval import Gallery

SLOWER, PEAK_GIB, DIMENSIONS = 1.3, 1.0, 128
GROUPS = {"gender": 2, "race": 5, "age": 9}
_STATM, _PAGE = Path("/proc/self/statm"), 4096


class Found(NamedTuple):
    """Processor seconds of the call and of the search, the call's memory in GiB, and the length of lists."""

    call: float
    search: float
    gib: float
    length: int


def resident() -> float:
    """Return the memory of this process in GiB."""
    return int(_STATM.read_text().split()[1]) * _PAGE / 2**30


def watched(call: Callable[[], object]) -> tuple[float, float]:
    """Return the processor time of a call and the most memory above that before it, in GiB."""
    before, most, done = resident(), 0.0, threading.Event()

    def watch() -> None:
        nonlocal most
        while not done.wait(0.02):
            most = max(most, resident() - before)

    watcher = threading.Thread(target=watch)
    watcher.start()
    start = time.process_time()
    call()
    taken = time.process_time() - start
    done.set()
    watcher.join()
    return taken, most


def people(n: int) -> tuple[Samples, Embeddings]:
    """Return images of ``n`` people, whose vectors tell a little of their gender."""
    rng = np.random.default_rng(0)
    codes = {name: rng.integers(0, groups, n) for name, groups in GROUPS.items()}
    table = pd.DataFrame({
        "sample_id": np.char.add("s", np.arange(n).astype(str)), "path": "", "split": "", "cluster_id": np.arange(n),
        "label": "", "text": "", **{name: np.char.add("g", code.astype(str)) for name, code in codes.items()},
    })  # fmt: skip
    features = tuple(
        Feature(name, tuple(f"g{i}" for i in range(groups)), "annotated", "drawn") for name, groups in GROUPS.items()
    )
    vectors = rng.standard_normal((n, DIMENSIONS), dtype=np.float32)
    vectors[:, 0] += codes["gender"]
    samples = Samples("people", "drawn", "people", Path(), table, features, "image", "CC0")
    return samples, Embeddings(samples.sample_ids, vectors)


def measure(n: int) -> Found:
    """Measure the call and the search of ``n`` images."""
    samples, embeddings = people(n)
    codes = np.arange(n)
    _, genders = np.unique(samples.table["gender"].to_numpy(str), return_inverse=True)
    length = Gallery(codes, codes, genders).length(max(Config().k))
    taken, gib = watched(lambda: compute(samples=samples, config=Config(), embeddings=embeddings))
    start = time.process_time()
    nearest(embeddings.vectors, embeddings.vectors, k=length, query_clusters=codes, gallery_clusters=codes)
    return Found(taken, time.process_time() - start, gib, length)


def main() -> int:
    """Measure in a new process, print the figures, and return 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queries", type=int, default=100_000)
    arguments = parser.parse_args()
    print(
        f"numpy {np.__version__}, scipy {scipy.__version__}, pandas {pd.__version__}, {platform.machine()}", flush=True
    )
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        found = pool.submit(measure, arguments.queries).result()
    ratio = found.call / found.search
    print(
        f"{arguments.queries:,} images, lists of {found.length}: the call {found.call:.1f} s of processor time, the "
        f"search {found.search:.1f} s"
    )
    missed = ratio > SLOWER or found.gib > PEAK_GIB
    print(
        f"representation_disparity: {ratio:.2f} times the search (bar {SLOWER:g}), {found.gib:.2f} GiB (bar "
        f"{PEAK_GIB:g}): {'MISSED' if missed else 'pass'}"
    )
    return int(missed)


if __name__ == "__main__":
    raise SystemExit(main())
