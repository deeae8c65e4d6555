"""Files with one JSON object a line, as a training run writes them while it goes on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from fairaudit.core.files import json_value


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of ``path`` in order, or nothing where there is no such file.

    What is no JSON object is left out: half a line, where a process ended or is writing at this moment.
    """
    if not path.is_file():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict):
            rows.append(row)
    return rows


def json_line(row: object) -> str:
    """Return ``row`` as a line: NaN as ``null``, numpy numbers as JSON numbers, keys in their order.

    Raises
    ------
    ValueError
        If a number is infinite.
    """
    return json.dumps(json_value(row), allow_nan=False) + "\n"
