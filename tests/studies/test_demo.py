"""What the demo refuses before it begins; the demo itself is looked at in ``tests/end_to_end``."""

from __future__ import annotations

from pathlib import Path

import pytest

from fairaudit.core.errors import ConfigError
from fairaudit.studies.demo import run_demo


def test_a_folder_with_other_things_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(ConfigError, match="got a folder with other files"):
        run_demo(tmp_path, quick=True, progress=False)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.tex"]


def test_a_knob_out_of_range_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"bias must be from 0 \(nothing planted\) to 1; got 2"):
        run_demo(tmp_path / "new", bias=2.0, progress=False)
    assert not (tmp_path / "new").exists()
