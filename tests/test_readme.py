"""What the README shows of outcomes computed elsewhere runs as it stands there."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fairaudit import OutcomeFrame
from fairaudit.cli import main as cli

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def section(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rng: np.random.Generator) -> str:
    """The section's text; in the working folder lies the file that it speaks of."""
    monkeypatch.chdir(tmp_path)
    pd.DataFrame(
        {
            "sample_id": range(600),
            "cluster_id": np.arange(600) // 2,
            "gender": rng.choice(["feminine", "masculine"], 600),
            "income": rng.choice(["low", "middle", "high"], 600),
            "hit": (rng.random(600) < 0.6).astype(int),
        }
    ).to_parquet("outcomes.parquet")
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"^## Outcomes computed elsewhere\n(.*?)^## ", readme, flags=re.DOTALL | re.MULTILINE)
    assert found
    return found[1]


def test_the_command_runs(section: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = re.search(r"```\n(fairaudit .*?)\n```", section, flags=re.DOTALL)
    assert found
    monkeypatch.setattr(sys, "argv", shlex.split(found[1]))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    assert (tmp_path / "out" / "report.html").is_file()


def test_the_profile_of_the_readme_is_what_the_command_prints(
    sample_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"```\n(income group of country .*?)\n```", readme, flags=re.DOTALL)
    assert found
    command = ["fairaudit", "data", "profile", str(sample_data / "dollar-street-sample"), "--cluster", "household"]
    monkeypatch.setattr(sys, "argv", command)
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert all(line in printed for line in found[1].splitlines())


def test_the_example_runs_line_by_line(section: str) -> None:
    found = re.search(r"```python\n(.*?)\n```", section, flags=re.DOTALL)
    assert found
    names: dict[str, object] = {}
    exec(compile(found[1], "README.md", "exec"), names)
    frame = names["frame"]
    assert isinstance(frame, OutcomeFrame)
    assert frame.by_group.index.names == ["income", "gender"]


def test_the_check_of_the_readme_is_what_the_command_prints(
    sample_data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    found = re.search(r"```\n(gender \(perceived\)\n.*?)\n```", readme, flags=re.DOTALL)
    assert found
    monkeypatch.setattr(sys, "argv", ["fairaudit", "data", "check", "utkface", str(sample_data / "utkface-sample")])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    printed = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert all(line in printed for line in found[1].splitlines())
