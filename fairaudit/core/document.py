"""``AuditResult`` as JSON, both ways, validated against the published schema on writing and on reading."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

import pandas as pd

from fairaudit.core.audit import SCHEMA_VERSION, AuditResult, DataCard, ModelCard
from fairaudit.core.errors import DataError
from fairaudit.core.files import atomic_write, write_parquet
from fairaudit.core.influences import influence_table, influences_of
from fairaudit.core.open_file import DOCUMENT, check_file, is_there, read_bytes
from fairaudit.core.result import (
    CURVE_COLUMNS,
    DISPARITY_COLUMNS,
    GROUP_COLUMNS,
    INFLUENCE_COLUMNS,
    STATISTIC_COLUMNS,
    Failure,
    IndicatorResult,
    table,
)

_TABLES = {"groups": GROUP_COLUMNS, "disparities": DISPARITY_COLUMNS, "curves": CURVE_COLUMNS}


@cache
def schema() -> dict[str, Any]:
    """Return the JSON Schema (draft 2020-12) of ``audit.json``."""
    text = (resources.files("fairaudit.core") / "audit.schema.json").read_text(encoding="utf-8")
    loaded: dict[str, Any] = json.loads(text)
    return loaded


def to_document(audit: AuditResult) -> dict[str, Any]:
    """Return the audit as JSON values: NaN becomes null; statistics and influences of clusters stay outside (Parquet).

    Raises
    ------
    DataError
        If the document does not fit the schema.
    """
    model = dataclasses.asdict(audit.model)
    for key in ("training", "layer"):
        # An audit of a checkpoint that does not say stays the same, byte for byte, as before there was such a key.
        if not model[key]:
            del model[key]
    document = {
        "schema_version": audit.schema_version,
        "model": model,
        "data": [dataclasses.asdict(card) for card in audit.data],
        "results": [_result_document(result) for result in audit.results],
        "failures": [dataclasses.asdict(failure) for failure in audit.failures],
        "config": dict(audit.config),
        "plan": dict(audit.plan),
        "provenance": dict(audit.provenance),
    }
    plain: dict[str, Any] = json.loads(json.dumps(_plain(document)))
    validate(plain, "the audit")
    return plain


def from_document(
    document: Mapping[str, Any], statistics: pd.DataFrame | None = None, influences: pd.DataFrame | None = None
) -> AuditResult:
    """Return the audit of a JSON document and its Parquet tables; the inverse of ``to_document``.

    Raises
    ------
    DataError
        If the document does not fit the schema, or its version is another.
    """
    version = document.get("schema_version")
    if version != SCHEMA_VERSION:
        raise DataError(
            f"audit.json must have schema_version {SCHEMA_VERSION}; got {version!r}. "
            "Open it with the version of fairaudit that wrote it, or run the audit again."
        )
    validate(document, "audit.json")
    return AuditResult(
        model=ModelCard(**_tuples(document["model"])),
        data=tuple(DataCard(**_tuples(card)) for card in document["data"]),
        results=tuple(_result(one, statistics, influences) for one in document["results"]),
        failures=tuple(Failure(**one) for one in document["failures"]),
        config=document["config"],
        plan=document["plan"],
        provenance=document["provenance"],
    )


def save_audit(audit: AuditResult, folder: Path) -> None:
    """Write ``audit.json``, ``statistics.parquet`` and ``influences.parquet`` to ``folder``."""
    influences = [influence_table(r) for r in audit.results]
    write_parquet(folder / "statistics.parquet", _together([r.statistics for r in audit.results], STATISTIC_COLUMNS))
    write_parquet(folder / "influences.parquet", _together(influences, INFLUENCE_COLUMNS))
    text = json.dumps(to_document(audit), indent=1, ensure_ascii=False, allow_nan=False)
    atomic_write(folder / "audit.json", text + "\n")


def load_audit(folder: Path) -> AuditResult:
    """Read the audit in ``folder`` (or the file ``audit.json`` itself).

    Raises
    ------
    DataError
        If there is none, or it does not fit the schema.
    """
    path = folder / "audit.json" if folder.is_dir() else folder
    if not is_there(path):
        raise DataError(
            f"audit {folder} must be a folder with audit.json; got none there. Run `fairaudit audit ... -o {folder}`."
        )
    content = read_bytes(path, "audit", limit=DOCUMENT)
    try:
        document = json.loads(content)
    except ValueError as error:
        raise DataError(f"{path} must be JSON; got: {error}. Run the audit again.") from error
    if not isinstance(document, dict):
        raise DataError(f"{path} must hold an audit; got a JSON {type(document).__name__}. Run the audit again.")
    files = [path.with_name(f"{name}.parquet") for name in ("statistics", "influences")]
    return from_document(document, *map(_parquet, files))


def _parquet(path: Path) -> pd.DataFrame | None:
    """Return a table beside ``audit.json``; None where there is none."""
    if not is_there(path):
        return None
    check_file(path, "table")
    return pd.read_parquet(path)


def digest(audit: AuditResult) -> str:
    """Return the SHA-256 of everything in the audit but what differs from run to run."""
    document = to_document(audit)
    document["provenance"] = {k: v for k, v in document["provenance"].items() if k not in ("digest", "run")}
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def validate(document: Mapping[str, Any], what: str) -> None:
    """Raise DataError, naming the first place that does not fit the schema."""
    import jsonschema

    validator = jsonschema.Draft202012Validator(schema())
    error = jsonschema.exceptions.best_match(validator.iter_errors(document))
    if error is not None:
        where = "/".join(str(part) for part in error.absolute_path) or "the top level"
        raise DataError(f"{what} must fit the schema of version {SCHEMA_VERSION}; at {where}: {error.message[:300]}.")


def _result_document(result: IndicatorResult) -> dict[str, Any]:
    document: dict[str, Any] = {
        field.name: getattr(result, field.name)
        for field in dataclasses.fields(result)
        if field.name not in (*_TABLES, "statistics", "inference", "influences", "chosen_p")
    }
    for name in _TABLES:
        document[name] = getattr(result, name).to_dict("records")
    if not result.protocol:
        del document["protocol"]  # as before there was such a key
    return document


def _result(
    document: Mapping[str, Any], statistics: pd.DataFrame | None, influences: pd.DataFrame | None
) -> IndicatorResult:
    fields = dict(document)
    for name, columns in _TABLES.items():
        fields[name] = table(document[name], columns)
    fields["statistics"] = table([], STATISTIC_COLUMNS) if statistics is None else _own(statistics, document)
    fields["statistics"] = fields["statistics"][list(STATISTIC_COLUMNS)]
    if influences is not None:
        fields["influences"] = influences_of(_own(influences, document), fields["disparities"])
    return IndicatorResult(**{**fields, "warnings": tuple(document["warnings"])})


def _own(rows: pd.DataFrame, document: Mapping[str, Any]) -> pd.DataFrame:
    """Return the rows of one result."""
    mine = (rows["indicator"] == document["indicator"]) & (rows["dataset"] == document["dataset"])
    own: pd.DataFrame = rows.loc[mine].reset_index(drop=True)
    return own


def _together(tables: list[pd.DataFrame], columns: Sequence[str]) -> pd.DataFrame:
    filled = [one for one in tables if len(one)]  # pandas takes a column without a row for one of another type
    return pd.concat(filled, ignore_index=True) if filled else table([], columns)


def _tuples(document: Mapping[str, Any]) -> dict[str, Any]:
    return {k: tuple(v) if isinstance(v, list) else v for k, v in document.items()}


def _plain(value: Any) -> Any:
    """Return JSON values: NaN and infinity as null, empty text in tables stays text."""
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(v) for v in value]
    if hasattr(value, "item") and not isinstance(value, str):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return str(value) if isinstance(value, Path) else value
