"""``fairaudit experiment data-or-size --quick``, run as a user runs it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import fairaudit
from fairaudit.studies.data_or_size import SIZES, cells_of, run_experiment

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    where = tmp_path_factory.mktemp("experiment")
    command = [sys.executable, "-m", "fairaudit", "experiment", "data-or-size", "--quick", "--seeds", "1"]
    done = subprocess.run(command, cwd=where, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.strip().splitlines()[-1] == "data-or-size/report.html"
    return where / "data-or-size"


def test_the_page_has_an_answer_and_says_what_it_rests_on(folder: Path) -> None:
    page = (folder / "report.html").read_text(encoding="utf-8")
    assert "Each network was trained once." in page
    assert 'id="effects"' in page
    for name in (*cells_of(1), *(f"random-{size}" for size in SIZES)):
        assert f'href="{name}/report.html"' in page
        assert (folder / name / "report.html").is_file()


def test_every_planned_disparity_is_estimated_in_pairs(folder: Path) -> None:
    cells = cells_of(1)
    found = fairaudit.compare(*(folder / name for name in cells), design=cells)
    assert not found.effects["note"].str.contains("paired|planned|influence").any()
    assert set(found.effects["indicator"]) == {
        "geographic_disparity",
        "label_association",
        "representation_disparity",
    }
    assert found.effects["change"].notna().all()
    assert found.summary in (folder / "report.html").read_text(encoding="utf-8")


def test_a_second_run_does_nothing_again(folder: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in folder.rglob("*") if p.is_file() and p.name != "report.html"}
    run_experiment(folder, quick=True, seeds=1, progress=False)
    assert before == {p: p.stat().st_mtime_ns for p in before}
