"""One quick demo for all end-to-end tests: they look at it from different sides."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def quick_demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of ``fairaudit demo --quick``, run as a user runs it.

    Where FAIRAUDIT_QUICK_DEMO names one that the same code has made already, a copy of that is looked at.
    """
    where = tmp_path_factory.mktemp("demo")
    if made := os.environ.get("FAIRAUDIT_QUICK_DEMO"):
        return shutil.copytree(made, where / "fairaudit-demo")
    done = subprocess.run(
        [sys.executable, "-m", "fairaudit", "demo", "--quick"], cwd=where, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip().splitlines()[-1] == "fairaudit-demo/report.html"
    return where / "fairaudit-demo"
