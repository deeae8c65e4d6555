"""JSON Schema from types, judged by the values that it accepts and refuses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import jsonschema
import pytest

from fairaudit.core.schema import ELSEWHERE, IF_ANY, Count, HexDigits, closed, rows_of, schema_of, schema_text


@dataclass(frozen=True)
class Part:
    name: str
    size: Annotated[float | None, {"maximum": 1}]
    hidden: object = field(default=None, metadata=ELSEWHERE)
    note: str = field(default="", metadata=IF_ANY)


@dataclass(frozen=True)
class Whole:
    parts: tuple[Part, ...]
    n: Count
    digest: HexDigits
    anything: Mapping[str, Any]
    texts: Mapping[str, str]
    yes: bool
    shaped: Annotated[Mapping[str, Any], closed({"a": int})]


GOOD: dict[str, Any] = {
    "parts": [{"name": "x", "size": None}, {"name": "y", "size": 0.5, "note": "z"}], "n": 0, "digest": "0f",
    "anything": {"k": [1, None]}, "texts": {"a": "b"}, "yes": True, "shaped": {"a": 1},
}  # fmt: skip


def valid(value: object) -> bool:
    # Python's tuples are arrays in JSON.
    schema = json.loads(json.dumps(schema_of(Whole)))
    return bool(jsonschema.Draft202012Validator(schema).is_valid(value))


def test_values_of_the_type_are_accepted() -> None:
    assert valid(GOOD)


@pytest.mark.parametrize(
    "change",
    [
        {"parts": [{"name": "x"}]}, {"parts": [{"name": 1, "size": None}]}, {"parts": [{"name": "x", "size": 2}]},
        {"parts": [{"name": "x", "size": None, "hidden": None}]}, {"parts": [{"name": "x", "size": None, "note": 1}]},
        {"parts": {}}, {"n": -1}, {"n": 0.5}, {"digest": "xyz"}, {"anything": []}, {"texts": {"a": 1}}, {"yes": "yes"},
        {"shaped": {"a": 1, "b": 2}}, {"shaped": {}}, {"extra": 1},
    ],
)  # fmt: skip
def test_other_values_are_refused(change: dict[str, Any]) -> None:
    assert not valid({**GOOD, **change})


def test_a_missing_key_is_refused() -> None:
    for key in GOOD:
        assert not valid({k: v for k, v in GOOD.items() if k != key}), key


def test_the_text_is_the_schema_with_short_objects_on_one_line() -> None:
    schema = rows_of({"a long name of a key": str, "rows": tuple[float | None, ...]}, optional=("rows",))
    text = schema_text(schema)
    assert json.loads(text) == schema
    assert '\n   "rows": {"type": "array", "items": {"type": ["number", "null"]}}\n' in text
