"""How long ``fairaudit --help`` takes, beside a bare typer program: at most 1.5 times as long.

Run from the root: ``python benchmarks/cli_startup.py``. Both are new processes of the same Python, in turns, so that
what else the machine does meets both; the median of 15 each after one that is not counted. Exits with 1 when missed.
"""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

LIMIT = 1.5
ROUNDS = 15
BARE = """
import typer

app = typer.Typer(rich_markup_mode=None, pretty_exceptions_enable=False)


@app.command()
def hello(name: str = "you") -> None:
    print(name)


app(["--help"])
"""


def seconds(command: list[str]) -> float:
    """Return how long a process takes from its start to its end."""
    root = Path(__file__).resolve().parents[1]
    start = time.perf_counter()
    subprocess.run(command, cwd=root, check=True, capture_output=True)
    return time.perf_counter() - start


def main() -> int:
    """Print the medians and their ratio; return the exit status."""
    commands = {"bare typer": [sys.executable, "-c", BARE], "fairaudit": [sys.executable, "-m", "fairaudit", "--help"]}
    times: dict[str, list[float]] = {name: [] for name in commands}
    for round_number in range(ROUNDS + 1):
        for name, command in commands.items():
            took = seconds(command)
            if round_number > 0:  # the first writes the byte code and fills the disk cache
                times[name].append(took)
    print(f"machine: {platform.machine()}, {os.cpu_count()} cores, {platform.system()} {platform.release()}")
    print(f"versions: Python {platform.python_version()}, typer {importlib.metadata.version('typer')}")
    for name, values in times.items():
        print(f"{name} --help: median {statistics.median(values):.3f} s, fastest {min(values):.3f} s, n {len(values)}")
    ratio = statistics.median(times["fairaudit"]) / statistics.median(times["bare typer"])
    met = ratio <= LIMIT
    print(f"fairaudit --help / bare typer --help = {ratio:.2f} (limit {LIMIT}): {'met' if met else 'missed'}")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
