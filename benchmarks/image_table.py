"""Ten million rows of a table become ``Samples`` in less than ten gigabytes, and are checked in less than that.

Run ``python -m benchmarks.image_table``; ``--rows`` for another number, ``--parquet`` for another format. Rows name
four images by turns, or as many as ``--images`` says (copies of those four): each name costs memory of its own.
"""

from __future__ import annotations

import argparse
import io
import multiprocessing
import platform
import resource
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as arrow_csv
import pyarrow.parquet as pq
from PIL import Image

from fairaudit.datasets import image_table
from fairaudit.describe.checker import check_samples

LIMIT_GB = 10.0
PICTURES = 4
BLOCK = 500_000
TOML = """
table = "{name}"
subject = "people"
file = "file"
id = "id"
cluster = "person"
cluster_is = "person"
[features.gender]
[features.age_group]
column = "age"
bins = {{ "<18" = 0, "18-30" = 18, "30-45" = 30, "45-70" = 45, "70+" = 70 }}
ordered = true
"""


def write(root: Path, rows: int, *, parquet: bool, images: int) -> int:
    """Write the table and its pictures; return the bytes of the table."""
    (root / "images").mkdir()
    contents = []
    for i in range(PICTURES):
        made = io.BytesIO()
        Image.new("RGB", (8, 8), (60 * i, 0, 0)).save(made, format="PNG")
        contents.append(made.getvalue())
    for i in range(images):
        (root / f"images/{i}.png").write_bytes(contents[i % PICTURES])
    path = root / ("table.parquet" if parquet else "table.csv")
    rng = np.random.default_rng(0)
    writer = None
    for start in range(0, rows, BLOCK):
        at = range(start, min(rows, start + BLOCK))
        block = pa.table(
            {
                "id": [f"row-{i:08}" for i in at],
                "file": [f"images/{i % images}.png" for i in at],
                "person": [f"person-{i // 3}" for i in at],
                "gender": np.array(["woman", "man"])[rng.integers(0, 2, len(at))],
                "age": rng.integers(0, 95, len(at)).astype(str),
                "caption": [f"a picture with the number {i}" for i in at],
            }
        )
        if writer is None:
            writer = pq.ParquetWriter(path, block.schema) if parquet else arrow_csv.CSVWriter(path, block.schema)
        writer.write_table(block)
    if writer is not None:
        writer.close()
    (root / "image_table.toml").write_text(TOML.format(name=path.name), encoding="utf-8")
    return path.stat().st_size


def read(root: Path) -> None:
    """Read and check the table, in a process of its own, and print what it took."""
    started = time.perf_counter()
    samples = image_table.samples(root, name="table")
    seconds, peak = time.perf_counter() - started, _peak_gb()
    print(f"read      {len(samples):>12,} rows {seconds:7.1f} s  peak {peak:.2f} GB")
    started = time.perf_counter()
    found = check_samples(samples, indicators=("label_association", "representation_disparity"))
    print(f"checked   {found.n_rows:>12,} rows {time.perf_counter() - started:7.1f} s  peak {_peak_gb():.2f} GB")
    least = found.features[0].comparisons[0]
    print(f"detectable difference by gender: {least.least:.5f} to {least.most:.5f}")
    sys.exit(_peak_gb() >= LIMIT_GB)


def _peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def main() -> None:
    """Write the table, read it in another process, and exit 1 where the limit is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--parquet", action="store_true")
    parser.add_argument("--images", type=int, default=PICTURES)
    options = parser.parse_args()
    print(
        f"{platform.machine()}, Python {platform.python_version()}, pandas {pd.__version__}, pyarrow {pa.__version__}"
    )
    with tempfile.TemporaryDirectory() as folder:
        size = write(Path(folder), options.rows, parquet=options.parquet, images=options.images)
        print(f"table of {options.rows:,} rows that name {options.images:,} images, {size / 1e9:.2f} GB on disk")
        process = multiprocessing.get_context("spawn").Process(target=read, args=(Path(folder),))
        process.start()
        process.join()
    ends = "under" if not process.exitcode else "NOT under"
    print(f"{options.rows:,} rows were read and checked {ends} {LIMIT_GB:.0f} GB of memory")
    sys.exit(1 if process.exitcode else 0)


if __name__ == "__main__":
    main()
