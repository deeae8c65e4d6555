"""Whether two audits give the same findings: n, status, verdict and method equal, numbers within 1e-12 relative.

Run from the root: ``python -m benchmarks.same_audits BEFORE AFTER [--bits] [--allow METRIC ...]``, for audit folders
that two versions of the code wrote about the same checkpoint and data. ``--bits`` asks for equal bits of every number.
It exits 1 and lists the rows when they differ; rows of an allowed metric are listed and do not count.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fairaudit.core import earlier_version

RELATIVE = 1e-12
EXACT = ("n", "n_clusters", "status", "verdict", "ci_method")
TABLES = ("groups", "disparities", "curves")
KEYS = ("metric", "feature", "group", "reference", "control", "kind", "measure", "x_name", "x", "family")


def rows(folder: Path) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """Yield key and values of every row of every table, in the order of the document, with the names of now."""
    document = json.loads((folder / "audit.json").read_text(encoding="utf-8"))
    if document["schema_version"] == earlier_version.VERSION:
        document = earlier_version.upgraded(document)
    for result in document["results"]:
        for table in TABLES:
            for row in result[table]:
                yield (result["indicator"], result["dataset"], table, *(row.get(key) for key in KEYS)), row


def differences(before: dict[str, Any], after: dict[str, Any], *, bits: bool) -> list[str]:
    """Return what differs between two rows of one key, a text each."""
    found = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        if isinstance(old, float) and isinstance(new, float):
            same = math.isclose(old, new, rel_tol=0.0 if bits else RELATIVE, abs_tol=0.0)
        else:
            same = old == new or not (bits or name in EXACT or isinstance(old, int | float))
        if not same:
            found.append(f"{name}: {old!r} before, {new!r} now")
    return found


def main() -> None:
    """Print what differs, and as the last line how many rows agree."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("--bits", action="store_true")
    parser.add_argument("--allow", action="append", default=[], help="Metric whose rows may differ.")
    arguments = parser.parse_args()
    before, after = list(rows(arguments.before)), list(rows(arguments.after))
    failed = 0
    if [key for key, _ in before] != [key for key, _ in after]:
        only = {key for key, _ in before} ^ {key for key, _ in after}
        print(f"the rows are others, or in another order: {len(only)} are in one audit only")
        print(*sorted(map(str, only))[:10], sep="\n")
        failed = max(1, len(only))
    now = dict(after)
    for key, row in before:
        if key in now and (found := differences(row, now[key], bits=arguments.bits)):
            allowed = key[3] in arguments.allow
            failed += not allowed
            print(f"{'allowed' if allowed else 'DIFFERS'} {key}: {'; '.join(found)}")
    how = "to the bit" if arguments.bits else f"within {RELATIVE}"
    print(f"{len(before) - failed:,} of {len(before):,} rows agree {how}")
    sys.exit(failed > 0)


if __name__ == "__main__":
    main()
