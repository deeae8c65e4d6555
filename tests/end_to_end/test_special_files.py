"""Named pipes, devices, sockets, folders and endless files in place of every input: one sentence, and never a wait.

The readers run in a process of their own, whose memory is limited by the system (``special_inputs``).
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.end_to_end import special_inputs

KINDS = {"pipe": "a named pipe", "zero": "a device", "socket": "a socket", "link": "a named pipe", "folder": "a folder"}
#: What a folder of that name in place of a file means is another matter: no such file lies there.
NO_FILE = (
    "datasheet.toml", "datasheet.json", "images.csv", "metadata.parquet", "checkpoint.pt",
)  # fmt: skip
SPARSE = 2**36
Answers = dict[tuple[str, str], tuple[str, str]]


def lay(path: Path, kind: str, size: int) -> None:
    path.parent.mkdir(parents=True)
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "zero":
        path.symlink_to("/dev/zero")
    elif kind == "link":
        os.mkfifo(path.parent / "elsewhere")
        path.symlink_to("elsewhere")
    elif kind == "folder":
        path.mkdir()
    elif kind == "socket":
        here = Path.cwd()
        os.chdir(path.parent)  # a name of a socket may have some hundred letters
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
        os.chdir(here)
    else:
        path.touch()
        os.truncate(path, size)  # it takes no room on the disk


@pytest.fixture(scope="module")
def names() -> dict[str, int]:
    return {name: limit for name, (_, limit) in special_inputs.inputs().items()}


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory, names: dict[str, int]) -> Answers:
    root = tmp_path_factory.mktemp("special")
    for kind in (*KINDS, "large"):
        for name, limit in names.items():
            if kind == "large" and limit == special_inputs.UNLIMITED:
                continue
            lay(root / kind / name / name, kind, limit + 1 if limit > 0 else SPARSE)
    ran = subprocess.run(
        [sys.executable, special_inputs.__file__, str(root)], capture_output=True, text=True, timeout=280, check=False
    )
    assert ran.returncode == 0, ran.stderr[-2000:]
    rows = [json.loads(line) for line in ran.stdout.splitlines()]
    return {(kind, name): (error, words) for kind, name, error, words in rows}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_no_file_is_named_in_one_sentence(answers: Answers, names: dict[str, int], kind: str) -> None:
    wrong = []
    for name in names:
        error, words = answers[kind, name]
        if kind == "folder":
            fits = name in NO_FILE or "InputError" in error
        else:
            fits = "InputError" in error and KINDS[kind] in words and name in words
        wrong += [] if fits and "\n" not in words else [(name, error, words)]
    assert not wrong


def test_what_is_too_large_is_refused_before_it_is_read(answers: Answers, names: dict[str, int]) -> None:
    wrong = []
    for name, limit in names.items():
        if limit == special_inputs.UNLIMITED:
            continue
        error, words = answers["large", name]
        told = not limit or f"{limit:,} bytes; got {limit + 1:,}." in words or "MB as CSV; got" in words
        wrong += [] if "InputError" in error and told else [(name, error, words)]
    assert not wrong
