"""The self-test is read from disk for the same code and machine only, and a bad disk or file costs only the time."""

from __future__ import annotations

import json
import math
import os
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

import fairaudit
from fairaudit._version import LOADED
from fairaudit.auditing.selftest import _DESIGNS, short_selftest
from fairaudit.auditing.selftest_cache import ROOMS, _plugins, recorded_selftest, selftest_key, sources_digest
from fairaudit.core.errors import DataError
from fairaudit.stats.score import ScoreContrast

ROOT = Path(__file__).resolve().parents[2]
Changed = Callable[[str], str]


def digest(folder: Path) -> str:
    return sources_digest([folder], unchanged_since=math.inf)


def in_new_process(code: str, cwd: Path = ROOT, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, env={**os.environ, "PYTHONPATH": str(cwd), **environment},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def sources(tmp_path: Path) -> Path:
    folder = tmp_path / "room"
    (folder / "part").mkdir(parents=True)
    for name, text in {"a.py": "x = 1\n", "part/b.toml": "x = 1\n", "README.md": "x = 1\n"}.items():
        (folder / name).write_text(text)
    return folder


@pytest.mark.parametrize(("name", "other"), [("a.py", True), ("part/b.toml", True), ("README.md", False)])
def test_one_changed_byte_of_a_source_gives_another_digest(sources: Path, name: str, other: bool) -> None:
    before = digest(sources)
    (sources / name).write_text("x = 2\n")
    assert (digest(sources) != before) is other


def test_a_digest_is_of_names_and_bytes_alone(sources: Path, tmp_path: Path) -> None:
    before = digest(sources)
    copy = shutil.copytree(sources, tmp_path / "elsewhere" / "room")
    (copy / "__pycache__").mkdir()
    (copy / "__pycache__" / "a.cpython-311.pyc").write_bytes(b"x")
    assert digest(copy) == before
    (copy / "a.py").rename(copy / "c.py")
    assert digest(copy) != before
    # The same text, split elsewhere between two files.
    for folder, texts in (("one", ("xy", "")), ("two", ("x", "y"))):
        (tmp_path / folder / "room").mkdir(parents=True)
        for name, text in zip("ab", texts, strict=True):
            (tmp_path / folder / "room" / f"{name}.py").write_text(text)
    assert digest(tmp_path / "one" / "room") != digest(tmp_path / "two" / "room")


def test_sources_that_are_later_than_the_process_are_not_its_code(sources: Path) -> None:
    with pytest.raises(DataError, match=r"^source .*a\.py must be the code that runs; got a later one\."):
        sources_digest([sources], unchanged_since=LOADED)
    os.utime(sources / "a.py", (0, 0))  # as tools that copy files with their times
    with pytest.raises(DataError, match=r"^source .*a\.py must be the code that runs"):
        sources_digest([sources], unchanged_since=LOADED)


def test_plugins_of_other_packages_are_sources(
    other_package: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert list(_plugins()) == []
    other_package("[fairaudit.indicators]\nsmiles = other_package\n")
    (file,) = _plugins()
    assert file == tmp_path / "other_package.py"
    before = digest(file)
    file.write_text(file.read_text().replace("thing = 3", "thing = 4"))
    assert digest(file) != before
    assert selftest_key() is None  # the file is later than this process
    folder = tmp_path / "parent" / "other_package"
    folder.mkdir(parents=True)
    (folder / "__init__.py").touch()
    monkeypatch.syspath_prepend(folder.parent)
    assert list(_plugins()) == [folder]


def test_the_key_is_that_of_versions_threads_and_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    key = selftest_key()
    assert key is not None
    assert key == selftest_key()
    keys = [key]
    with threadpool_limits(3, "blas"):
        keys.append(str(selftest_key()))
    monkeypatch.setattr(pd, "__version__", "0.0")
    keys.append(str(selftest_key()))
    monkeypatch.undo()
    assert selftest_key() == key
    code = "from fairaudit.auditing.selftest_cache import selftest_key; print(selftest_key())"
    assert in_new_process(code).strip() == key
    if found := np.show_config(mode="dicts")["SIMD Extensions"].get("found"):
        keys.append(in_new_process(code, NPY_DISABLE_CPU_FEATURES=" ".join(found)).strip())
    assert len({*keys, "None"}) == len(keys) + 1


AUDIT = """
import fairaudit
import pandas as pd
rows = {"sample_id": range(80), "skin": ["dark", "light"] * 40, "hit": [1, 1, 0, 1] * 20}
checked = fairaudit.audit_outcomes(pd.DataFrame(rows), outcomes=["hit"], features=["skin"]).provenance["selftest"]
print(fairaudit.__file__, checked["cached"], checked["passed"], sep="\\n")
"""


@pytest.mark.slow
def test_one_changed_byte_of_the_package_runs_it_anew(tmp_path: Path) -> None:
    package = tmp_path / "checkout" / "fairaudit"
    shutil.copytree(ROOT / "fairaudit", package, ignore=shutil.ignore_patterns("__pycache__"))

    def audited() -> list[str]:
        return in_new_process(AUDIT, package.parent, FAIRAUDIT_CACHE=str(tmp_path / "cache")).split()

    file = str(package / "__init__.py")
    assert [audited() for _ in range(2)] == [[file, "False", "True"], [file, "True", "True"]]
    source = package / "stats" / "intervals.py"
    source.write_text(source.read_text().replace("Return", "return", 1))  # in a docstring
    assert audited() == [file, "False", "True"]


def test_a_selftest_runs_no_code_outside_the_rooms_of_its_key() -> None:
    code = (
        "import sys\nimport numpy as np\nfrom fairaudit.auditing.selftest import _DESIGNS, _decided\n"
        "for design in _DESIGNS.values():\n"
        "    for planted in (True, False):\n"
        "        _decided(design(np.random.default_rng(0), planted)[0])\n"
        "print(*{name.split('.')[1] for name in sys.modules if name.startswith('fairaudit.')})"
    )
    assert set(in_new_process(code).split()) == {*ROOMS, "_version"}


def test_a_second_audit_reads_the_result_and_has_the_same_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAIRAUDIT_CACHE", str(tmp_path / "cache"))
    rows = pd.DataFrame({"sample_id": range(80), "skin": ["dark", "light"] * 40, "hit": [1, 1, 0, 1] * 20})
    first, second = (fairaudit.audit_outcomes(rows, outcomes=["hit"], features=["skin"]) for _ in range(2))
    made, read = (audit.provenance["selftest"] for audit in (first, second))
    assert (made.pop("cached"), read.pop("cached")) == (False, True)
    assert made == read == short_selftest(selftest_key()).record
    assert first.provenance["digest"] == second.provenance["digest"]
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0


def test_without_a_folder_nothing_is_kept(cache_folder: Path) -> None:
    before = sorted(cache_folder.rglob("*"))
    assert [recorded_selftest(None)["cached"] for _ in range(2)] == [False, False]
    assert sorted(cache_folder.rglob("*")) == before


def other_sentence(text: str) -> str:
    assert "passed;" in text
    return text.replace("passed;", "PASSED;")


def other_key(text: str) -> str:
    return text.replace(str(selftest_key()), "0" * 64)


def keyed(value: Any) -> Changed:
    return lambda _: json.dumps({str(selftest_key()): value})


@pytest.mark.parametrize(
    "changed",
    [
        other_sentence, other_key, lambda _: "", lambda text: text[:-9], lambda _: "[]", lambda _: "3",
        lambda _: "[" * 10_000, keyed(None), keyed(3), keyed([]), keyed({}), keyed({"record": {}, "check": ""}),
        keyed({"record": {"passed": True}}), lambda text: text + " " * 2**16,
    ],
)  # fmt: skip
def test_a_file_that_is_not_as_it_was_written_is_written_anew(tmp_path: Path, changed: Changed) -> None:
    expected = recorded_selftest(tmp_path)
    file = tmp_path / "selftest.json"
    file.write_text(changed(file.read_text()))
    assert recorded_selftest(tmp_path) == expected
    assert recorded_selftest(tmp_path) == {**expected, "cached": True}


def test_bytes_pipes_and_folders_in_place_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "selftest.json"
    file.write_bytes(b"\xff\xfe\x00")
    assert [recorded_selftest(tmp_path)["cached"] for _ in range(2)] == [False, True]
    file.unlink()
    os.mkfifo(file)
    assert [recorded_selftest(tmp_path)["cached"] for _ in range(2)] == [False, True]
    file.unlink()
    file.mkdir()
    assert [recorded_selftest(tmp_path)["cached"] for _ in range(2)] == [False, False]


@contextmanager
def full_disk() -> Iterator[None]:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_disk_that_cannot_be_written_costs_only_the_cache(tmp_path: Path) -> None:
    with full_disk():
        assert [recorded_selftest(tmp_path)["cached"] for _ in range(2)] == [False, False]
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    assert recorded_selftest(tmp_path / "file")["cached"] is False
    assert recorded_selftest(tmp_path / "file" / "cache")["cached"] is False


def test_a_folder_that_is_read_only_still_gives_what_it_holds(tmp_path: Path) -> None:
    mounted = subprocess.run(["mount", "-t", "tmpfs", "tmpfs", str(tmp_path)], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("this process may not mount a disk")
    try:
        recorded_selftest(tmp_path / "full")
        subprocess.run(["mount", "-o", "remount,ro", str(tmp_path)], check=True)
        assert recorded_selftest(tmp_path / "full")["cached"] is True
        assert recorded_selftest(tmp_path)["cached"] is False
        assert recorded_selftest(tmp_path / "new")["cached"] is False
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)


def test_a_failed_selftest_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ScoreContrast.at_quantile
    monkeypatch.setattr(ScoreContrast, "at_quantile", lambda self, quantile: whole(self, quantile / 2))
    design = "outcomes of persons"
    monkeypatch.setattr("fairaudit.auditing.selftest._DESIGNS", {design: _DESIGNS[design]})
    short_selftest.cache_clear()
    try:
        found = recorded_selftest(tmp_path)
    finally:
        short_selftest.cache_clear()
    assert (found["passed"], found["cached"]) == (False, False)
    assert list(tmp_path.iterdir()) == []


def test_results_of_eight_settings_are_kept(tmp_path: Path) -> None:
    recorded_selftest(tmp_path)
    file = tmp_path / "selftest.json"
    ((key, entry),) = json.loads(file.read_text()).items()
    file.write_text(json.dumps({f"{i:064}": entry for i in range(9)}))
    assert recorded_selftest(tmp_path)["cached"] is False
    kept = json.loads(file.read_text())
    assert list(kept) == [key, *(f"{i:064}" for i in range(7))]
    assert recorded_selftest(tmp_path)["cached"] is True
