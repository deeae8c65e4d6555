"""Lines of JSON: NaN as null, and half a line is left out."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from fairaudit.core.files import json_line, read_json_lines


def test_lines_come_back_with_null_for_nan(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    rows = [{"b": math.nan, "a": [np.float64("nan"), np.int64(3)]}, {"a": "é"}]
    path.write_text("".join(map(json_line, rows)), encoding="utf-8")
    assert path.read_text(encoding="utf-8").startswith('{"b": null, "a": [null, 3]}\n')
    assert read_json_lines(path) == [{"b": None, "a": [None, 3]}, {"a": "é"}]


def test_half_a_line_and_what_is_no_object_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a": 1}\n[2]\n\xff\n{"a": 3}\n{"a": 4, "b"')
    assert read_json_lines(path) == [{"a": 1}, {"a": 3}]
    assert read_json_lines(tmp_path / "absent") == []


def test_infinity_is_refused() -> None:
    with pytest.raises(ValueError, match="a number in JSON must be finite; got infinity"):
        json_line({"a": math.inf})
