"""The short self-test of an audit on disk, so that audits by the same code on the same machine share one run."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import os
import platform
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import scipy
from threadpoolctl import threadpool_info  # type: ignore[import-untyped]

from fairaudit._version import LOADED, __version__
from fairaudit.auditing.plugins import INDICATORS
from fairaudit.auditing.selftest import short_selftest
from fairaudit.core.errors import DataError, InputError
from fairaudit.core.files import atomic_write, visible_files
from fairaudit.core.open_file import open_file, read_json
from fairaudit.core.plugins import list_plugins

#: Rooms of the package whose code a self-test runs.
ROOMS = ("auditing", "core", "indicators", "measures", "stats")
#: Endings of the files that decide what code does.
SOURCES = {".py", ".toml", ".json", ".csv", ".so", ".pyd"}

_FILE = "selftest.json"
_MOST_BYTES = 2**16
_MOST_RECORDS = 8  # other numbers of threads, machines with the same home folder, checkouts
_PACKAGE = Path(__file__).parents[1]


def recorded_selftest(folder: Path | None) -> dict[str, Any]:
    """Return what an audit records of the short self-test; run the self-test if ``folder`` has no result of it.

    Parameters
    ----------
    folder : Path or None
        Cache folder, made if it is missing. A result that passed is kept there in ``selftest.json``. A file there that
        is damaged or foreign counts as missing, and a folder that cannot be written costs only the next run. None to
        neither read nor keep a result.

    Returns
    -------
    dict
        ``SelfTest.record``, and ``cached``: whether the result was read from ``folder``.
    """
    key = None if folder is None else selftest_key()
    if folder is None or key is None:
        return {**short_selftest().record, "cached": False}
    kept = _read(folder / _FILE)
    entry = kept.pop(key, None)
    if isinstance(entry, dict) and entry == _entry(key, entry.get("record")):
        return {**entry["record"], "cached": True}
    result = short_selftest(key)
    if result.passed:
        others = list(kept.items())[: _MOST_RECORDS - 1]
        with suppress(OSError, InputError):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)  # it may hold embeddings of people's faces
            atomic_write(folder / _FILE, json.dumps({key: _entry(key, result.record), **dict(others)}))
    return {**result.record, "cached": False}


def selftest_key() -> str | None:
    """Return the SHA-256 of what decides the numbers of a self-test: sources, versions, BLAS threads, CPU features.

    None if a source has changed since this process loaded the package, or cannot be read.
    """
    try:
        sources = sources_digest([*(_PACKAGE / room for room in ROOMS), *_plugins()], unchanged_since=LOADED)
    except (OSError, InputError, ValueError):  # ValueError: a module without a specification
        return None
    blas = ("internal_api", "version", "architecture", "threading_layer", "num_threads")
    decides = {
        "sources": sources,
        "python": [platform.python_implementation(), platform.python_version()],
        "system": platform.platform(),  # with the C library, which computes logarithms
        "versions": [__version__, np.__version__, pd.__version__, scipy.__version__],
        "cpu": np.show_config(mode="dicts").get("SIMD Extensions"),
        "blas": sorted(str([lib.get(name) for name in blas]) for lib in threadpool_info() if lib["user_api"] == "blas"),
    }
    return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()


def sources_digest(roots: Iterable[Path], *, unchanged_since: float) -> str:
    """Return the SHA-256 of names and bytes of all source files in ``roots``, folders or files.

    Raises
    ------
    DataError
        If a source cannot be read, or has changed after ``unchanged_since`` (seconds since 1970).
    """
    digest = hashlib.sha256()
    for root in roots:
        for path in [root] if root.is_file() else visible_files(root):
            if path.suffix not in SOURCES:
                continue
            with open_file(path, "source") as file:
                status = os.fstat(file.fileno())
                if max(status.st_mtime, status.st_ctime) > unchanged_since:
                    raise DataError(f"source {path} must be the code that runs; got a later one. Start a new process.")
                content = hashlib.sha256(file.read()).hexdigest()
            digest.update(
                f"{root.name}/{path.relative_to(root).as_posix()}\0{content}\n".encode(errors="surrogateescape")
            )
    return digest.hexdigest()


def _plugins() -> Iterator[Path]:
    """Yield the folder or file of each other package that adds indicators; import none of them."""
    modules = {target.partition(":")[0].partition(".")[0] for target in list_plugins(INDICATORS).values()}
    for name in sorted(modules - {"fairaudit"}):
        if spec := importlib.util.find_spec(name):
            yield from map(Path, spec.submodule_search_locations or filter(None, [spec.origin]))


def _read(path: Path) -> dict[str, Any]:
    """Return the kept results by key, with what else the file holds; nothing if it is no JSON object."""
    try:
        kept = read_json(path, "cache file", limit=_MOST_BYTES)
    except DataError:
        return {}
    return kept if isinstance(kept, dict) else {}


def _entry(key: str, record: Any) -> dict[str, Any]:
    """Return a record with its check sum."""
    check = hashlib.sha256(f"{key} {json.dumps(record, sort_keys=True)}".encode()).hexdigest()
    return {"record": record, "check": check}
