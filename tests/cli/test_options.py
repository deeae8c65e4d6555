"""Paths of results on standard output: exact in a pipe, harmless on a terminal; and arguments that are no text."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

COLOURED = "x\x1b[31my"


def datasheet(folder: Path, **options: object) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "fairaudit", "data", "datasheet", str(folder)]
    return subprocess.Popen(command, **options)  # type: ignore[call-overload, no-any-return]


def test_the_path_of_a_result_is_exact_in_a_pipe(tmp_path: Path) -> None:
    folder = tmp_path / COLOURED
    folder.mkdir()
    out, _ = datasheet(folder, stdout=subprocess.PIPE).communicate()
    assert out == os.fsencode(folder / "datasheet.toml") + b"\n"


def test_the_path_of_a_result_does_not_steer_a_terminal(tmp_path: Path) -> None:
    folder = tmp_path / COLOURED
    folder.mkdir()
    ours, its = pty.openpty()
    process = datasheet(folder, stdout=its)
    os.close(its)
    with os.fdopen(ours, "rb", buffering=0) as terminal:
        shown = terminal.read(10_000)
    assert process.wait() == 0
    assert b"\x1b[31m" not in shown
    assert shown.endswith(rb"x\x1b[31my/datasheet.toml" + b"\r\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["audit-table", b"t.csv", "-o", b"o\xffx"],
        ["report", b"in\xff"],
        ["audit-table", b"t\xff.csv", "-o", b"o"],
        ["audit-table", b"t.csv", "-o", b"o", "--feature", b"gender=f,m,\xff"],
    ],
)
def test_an_argument_that_is_no_text_is_refused_before_the_work(tmp_path: Path, arguments: list[str]) -> None:
    (tmp_path / "t.csv").write_text("sample_id,gender,hit\n" + "".join(f"{i},{'fm'[i % 2]},1\n" for i in range(40)))
    ran = subprocess.run(
        [sys.executable, "-m", "fairaudit", *arguments], cwd=tmp_path, capture_output=True, check=False
    )
    assert (ran.returncode, ran.stdout) == (2, b"")
    assert ran.stderr.startswith(b"fairaudit: arguments must be text in UTF-8; got b")
    assert rb"\xff" in ran.stderr
    assert ran.stderr.count(b"\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]
