"""``AuditResult`` as JSON, both ways, validated against the published schema on writing and on reading."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd

from fairaudit.core import earlier_version
from fairaudit.core.audit import SCHEMA_VERSION, SELFTEST_RUN, AuditResult, DataCard, ModelCard
from fairaudit.core.errors import DataError
from fairaudit.core.files import atomic_write, read_parquet, write_parquet
from fairaudit.core.influences import influence_table, with_influences
from fairaudit.core.marker import is_ours, read_marker
from fairaudit.core.open_file import is_there
from fairaudit.core.result import (
    CURVE_COLUMNS,
    DISPARITY_COLUMNS,
    GROUP_COLUMNS,
    INFLUENCE_COLUMNS,
    NUMERIC,
    STATISTIC_COLUMNS,
    Failure,
    IndicatorResult,
    table,
)
from fairaudit.core.schema import json_fields, schema_of, schema_text
from fairaudit.core.typed_values import build

AUDIT_FILES = ("audit.json", "statistics.parquet", "influences.parquet")
#: Warning on an audit whose digest does not fit its content.
EDITED = "was edited since it was written: its digest does not fit its content. Run the audit again for its numbers."
_TABLES = {"groups": GROUP_COLUMNS, "disparities": DISPARITY_COLUMNS, "curves": CURVE_COLUMNS}


@cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of ``audit.json``; ``make schema`` writes it to a file."""
    document = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:fairaudit:audit:{SCHEMA_VERSION}",
        "title": "fairaudit audit",
        "description": "Everything one audit found, could not find, and was made from. Numbers that cannot be "
        "estimated are null, with a status and a note.",
        **schema_of(AuditResult),
    }
    without_tuples: dict[str, Any] = json.loads(json.dumps(document))  # which jsonschema needs
    return without_tuples


def to_document(audit: AuditResult) -> dict[str, Any]:
    """Return the audit as JSON values, with null for NaN and without the Parquet tables; DataError if it is invalid."""
    document: dict[str, Any] = _json(audit)
    validate(document, "the audit")
    return document


def from_document(
    document: Mapping[str, Any], statistics: pd.DataFrame | None = None, influences: pd.DataFrame | None = None
) -> AuditResult:
    """Return the audit of a JSON document and its Parquet tables; the inverse of ``to_document``.

    Raises
    ------
    DataError
        If the document does not fit the schema, or its version is another.
    """
    version, unchanged = document.get("schema_version"), False
    if version == earlier_version.VERSION:
        unchanged = _has_its_digest(document)
        document = {**earlier_version.upgraded(document), "schema_version": SCHEMA_VERSION}
        if influences is not None:
            influences = influences.astype({"kind": object}).replace({"kind": earlier_version.KINDS})
        earlier_version.say_upgraded("audit.json", "Run the audit again to write it in this version.")
    elif version != SCHEMA_VERSION:
        raise DataError(
            f"audit.json must have schema_version {SCHEMA_VERSION}; got {version!r}. "
            "Open it with the version of fairaudit that wrote it, or run the audit again."
        )
    validate(document, "audit.json")
    audit = AuditResult(
        model=build(ModelCard, document["model"], at="model", error=DataError),
        data=tuple(build(DataCard, card, at="data", error=DataError) for card in document["data"]),
        results=tuple(_result(result, statistics, influences) for result in document["results"]),
        failures=tuple(Failure(**failure) for failure in document["failures"]),
        config=document["config"],
        plan=document["plan"],
        provenance=document["provenance"],
    )
    if unchanged:  # the upgraded names have another digest, but nobody has edited the audit
        audit = dataclasses.replace(audit, provenance={**audit.provenance, "digest": _digest(_json(audit))})
    return audit


def _has_its_digest(document: Mapping[str, Any]) -> bool:
    try:
        return bool(document["provenance"]["digest"] == _digest(document))
    except (KeyError, TypeError, AttributeError):  # no audit at all: validation names the place
        return False


def save_audit(audit: AuditResult, folder: Path) -> None:
    """Write ``AUDIT_FILES`` to ``folder``."""
    write_parquet(folder / "statistics.parquet", _concat([r.statistics for r in audit.results], STATISTIC_COLUMNS))
    write_parquet(folder / "influences.parquet", influence_table(audit.results))
    document = {"schema_version": audit.schema_version, **_json(audit)}  # first in the file
    if _digest(document) != audit.provenance.get("digest"):  # else ``digest`` has validated it
        validate(document, "the audit")
    text = json.dumps(document, indent=1, ensure_ascii=False, allow_nan=False)
    atomic_write(folder / "audit.json", text + "\n")


def read_tables(folder: Path) -> list[pd.DataFrame | None]:
    """Return the Parquet tables in the folder of an audit, None for one that is missing; DataError for another file."""
    return [
        read_parquet(folder / name, "table", columns, numbers=NUMERIC, fix="Delete the file, or run the audit again.")
        if is_there(folder / name) else None
        for name, columns in zip(AUDIT_FILES[1:], (STATISTIC_COLUMNS, INFLUENCE_COLUMNS), strict=True)
    ]  # fmt: skip


def edited_files(folder: Path) -> set[str]:
    """Return which of ``AUDIT_FILES`` in a folder have another digest than in its marker; those missing are none."""
    marker = read_marker(folder)
    if marker is None:
        return set()
    listed = [name for name in AUDIT_FILES if marker.digests(name) and is_there(folder / name)]
    return {name for name in listed if not is_ours(folder / name, marker.digests(name))}


def digest(audit: AuditResult) -> str:
    """Validate the audit and return its SHA-256 without the metadata of the run."""
    return _digest(to_document(audit))


def _digest(document: Mapping[str, Any]) -> str:
    constant = {k: v for k, v in document["provenance"].items() if k not in ("digest", "run")}
    if "selftest" in constant:
        constant["selftest"] = {k: v for k, v in constant["selftest"].items() if k not in SELFTEST_RUN}
    return hashlib.sha256(json.dumps({**document, "provenance": constant}, sort_keys=True).encode()).hexdigest()


def is_edited(audit: AuditResult) -> bool:
    """Return whether the digest of the audit does not fit its content: its ``audit.json`` was edited.

    ``provenance.run`` (time, platform) and the date of the self-test have no part in the digest, so that equal audits
    have equal digests; nor have the Parquet tables. ``edited_files`` compares all bytes in a folder that has
    its marker.
    """
    return bool(audit.provenance.get("digest") != _digest(_json(audit)))


def validate(document: Mapping[str, Any], name: str) -> None:
    """Raise DataError, with the first place that does not fit the schema."""
    import jsonschema

    validator = jsonschema.Draft202012Validator(schema())
    error = jsonschema.exceptions.best_match(validator.iter_errors(document))
    if error is not None:
        place = "/".join(str(part) for part in error.absolute_path) or "the top level"
        raise DataError(f"{name} must fit the schema of version {SCHEMA_VERSION}; at {place}: {error.message[:300]}.")


def _result(
    document: Mapping[str, Any], statistics: pd.DataFrame | None, influences: pd.DataFrame | None
) -> IndicatorResult:
    fields = {**document, **{name: table(document[name], columns) for name, columns in _TABLES.items()}}
    rows = table([], STATISTIC_COLUMNS) if statistics is None else _rows_of(document, statistics)
    fields["statistics"] = rows[list(STATISTIC_COLUMNS)]
    if influences is not None:
        fields["comparisons"] = with_influences(fields["disparities"], _rows_of(document, influences))
    return IndicatorResult(**{**fields, "warnings": tuple(document["warnings"])})


def _rows_of(result: Mapping[str, Any], saved: pd.DataFrame) -> pd.DataFrame:
    keep = (saved["indicator"] == result["indicator"]) & (saved["dataset"] == result["dataset"])
    rows: pd.DataFrame = saved.loc[keep].reset_index(drop=True)
    return rows


def _concat(tables: list[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    filled = [rows for rows in tables if len(rows)]  # for pandas, a column without a row has another type
    return pd.concat(filled, ignore_index=True) if filled else table([], columns)


def _json(value: Any) -> Any:
    """Return JSON values: null for NaN and infinity."""
    if dataclasses.is_dataclass(value):
        fields = [field for field in json_fields(value) if not field.metadata or getattr(value, field.name)]
        return {field.name: _json(getattr(value, field.name)) for field in fields}
    if isinstance(value, pd.DataFrame):
        return _json(value.to_dict("records"))
    if isinstance(value, Mapping):
        return {str(k): _json(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_json(v) for v in value]
    if hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value


if __name__ == "__main__":
    print(schema_text(schema()))
