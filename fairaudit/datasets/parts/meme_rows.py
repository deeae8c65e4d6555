"""Memes as JSON lines: ``id``, ``img``, ``text``, optionally ``label`` (0 or 1) and ``target`` (a text or a list)."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from fairaudit.core.samples import NOT_RECORDED
from fairaudit.datasets.parts.text_files import read_json_lines, wrong_line

LINE = "a JSON object with id, img, text and label"


def read_memes(file: Path) -> Iterator[dict[str, str]]:
    """Yield the memes of a file of JSON lines.

    Raises
    ------
    DataError
        If a line is malformed; the error has its number.
    """
    for number, value in read_json_lines(file, what=LINE):
        try:
            yield meme_row(value)
        except ValueError as error:
            raise wrong_line(file, number, LINE, str(error)) from error


def meme_row(value: Mapping[str, Any]) -> dict[str, str]:
    """Return ``sample_id``, ``path``, ``label``, ``text`` and ``target`` of a meme; raise ValueError if malformed."""
    for key in ("id", "img", "text"):
        if key not in value:
            raise ValueError(f"an object without '{key}'")
        if isinstance(value[key], bool) or not isinstance(value[key], (str, int) if key == "id" else str):
            raise ValueError(f"an object whose '{key}' is no text")
    label = value.get("label")
    if label not in (None, "", 0, 1, "0", "1") or isinstance(label, (bool, float)):
        raise ValueError(f"the label {json.dumps(label)} instead of 0 or 1")
    return {
        "sample_id": str(value["id"]),
        "path": value["img"],
        "label": "" if label is None else str(label),
        "text": value["text"],
        "target": _target(value.get("target")),
    }


def _target(value: Any) -> str:
    named = value if isinstance(value, list) else [value]
    if not all(isinstance(target, str) or target is None for target in named):
        raise ValueError("a 'target' that is neither a text nor a list of texts")
    texts = sorted({target.strip() for target in named if target and target.strip()})
    return " + ".join(texts) if texts else NOT_RECORDED
