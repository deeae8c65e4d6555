"""JSON Schema from types: dataclasses, containers, and ``Annotated`` for limits that a type cannot express."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Container, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, get_args, get_origin, get_type_hints

#: Metadata of a dataclass field that no document holds, and of one that a document holds unless it is empty.
ELSEWHERE, IF_ANY = {"json": "never"}, {"json": "if any"}

Count = Annotated[int, {"minimum": 0}]
HexDigits = Annotated[str, {"pattern": "^[0-9a-f]*$"}]

_NAMES = {str: "string", int: "integer", float: "number", bool: "boolean", NoneType: "null"}


def json_fields(kind: Any) -> list[dataclasses.Field[Any]]:
    """Return the fields of a dataclass, or of an object of it, that a document may hold."""
    return [field for field in dataclasses.fields(kind) if field.metadata.get("json") != ELSEWHERE["json"]]


def schema_of(kind: Any) -> dict[str, Any]:
    """Return the schema of the JSON values of a type; a dict is a schema already.

    In ``Annotated[kind, limits]``, ``limits`` extends the schema of ``kind``, or replaces it if it has a type.
    """
    origin, inner = get_origin(kind), get_args(kind)
    if isinstance(kind, dict):
        return kind
    if origin is Annotated:
        return inner[1] if "type" in inner[1] else {**schema_of(inner[0]), **inner[1]}
    if dataclasses.is_dataclass(kind):
        hints, fields = get_type_hints(kind, include_extras=True), json_fields(kind)
        return closed({f.name: hints[f.name] for f in fields}, optional={f.name for f in fields if f.metadata})
    if origin is UnionType:
        return {"type": [schema_of(member)["type"] for member in inner]}
    if origin is tuple:
        return {"type": "array", "items": schema_of(inner[0])}
    if origin is Mapping:
        return {"type": "object"} | ({} if inner[1] is Any else {"additionalProperties": schema_of(inner[1])})
    return {"type": _NAMES[kind]}


def closed(kinds: Mapping[str, Any], *, optional: Container[str] = ()) -> dict[str, Any]:
    """Return the schema of an object with exactly these keys."""
    return {
        "type": "object",
        "additionalProperties": False,
        "required": [key for key in kinds if key not in optional],
        "properties": {key: schema_of(kind) for key, kind in kinds.items()},
    }


def rows_of(kinds: Mapping[str, Any], *, optional: Container[str] = ()) -> dict[str, Any]:
    """Return the schema of an array of objects as in ``closed``."""
    return {"type": "array", "items": closed(kinds, optional=optional)}


def schema_text(value: object, indent: str = "") -> str:
    """Return a schema as JSON, with short objects on one line."""
    flat = json.dumps(value)
    if not isinstance(value, dict) or len(indent + flat) < 100:
        return flat
    inner = ",\n".join(f"{indent} {json.dumps(k)}: {schema_text(v, indent + ' ')}" for k, v in value.items())
    return f"{{\n{inner}\n{indent}}}"
