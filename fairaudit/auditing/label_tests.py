"""``read_tests``: a table of test sets, in the domain of the training data and shifted from it, as data of an audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fairaudit.auditing.config import DataSource
from fairaudit.core.errors import ConfigError, unknown_name
from fairaudit.core.open_file import read_toml
from fairaudit.datasets.parts.csv_table import read_csv

READER, INDICATOR = "labelled_images", "recognition_accuracy"
#: ``classes = "labels"``: the labels that occur in the test set itself.
OWN = "labels"
_KEYS = ("classes", "labels", "name")


def read_tests(path: Path) -> tuple[DataSource, ...]:
    """Return the test sets that a TOML file lists, in its order.

    .. code-block:: toml

        [[test]]
        name = "validation"
        labels = "validation.csv"     # file, label, perhaps cluster, and columns of groups; relative to this file

        [[test]]
        name = "renditions"
        labels = "renditions.csv"
        classes = "labels"            # only the labels that occur there may be said; or a list of them

    Raises
    ------
    ConfigError
        If the file is not there or is no TOML, or a test set lacks a name or labels or has another key.
    DataError
        If a table whose labels are the mask cannot be read.
    """
    path = Path(path)
    content = read_toml(path, "table of tests", error=ConfigError)
    tests = content.get("test")
    if set(content) != {"test"} or not isinstance(tests, list) or not all(isinstance(row, dict) for row in tests):
        raise ConfigError(
            f"table of tests {path.name} must hold a [[test]] for each test set and nothing else; got "
            f"{', '.join(sorted(content)) or 'nothing'}. Add [[test]] with name and labels."
        )
    return tuple(_source(path, number, row) for number, row in enumerate(tests, 1))


def drops_from(
    name: str, *, indicators: Sequence[str] | None, options: Mapping[str, Mapping[str, Any]] | None
) -> dict[str, Mapping[str, Any]]:
    """Return the options of an audit with ``name`` as the test set from which drops are measured, if none is named."""
    given = dict(options or {})
    if not indicators or INDICATOR in indicators:
        given[INDICATOR] = {"reference": name, **given.get(INDICATOR, {})}
    return given


def _source(path: Path, number: int, row: dict[str, Any]) -> DataSource:
    for key in row:
        if key not in _KEYS:
            raise unknown_name(f"key of test {number} in {path.name}", key, _KEYS)
    for key in ("name", "labels"):
        if not isinstance(row.get(key), str) or not row[key]:
            raise ConfigError(
                f"test {number} in {path.name} must have a {key} in quotation marks; got {row.get(key, 'none')!r}. "
                "Add it."
            )
    source = DataSource.parse(f"{row['name']}:{READER}", path.parent / row["labels"])
    return DataSource(source.name, source.reader, source.path, _classes(path, row, source.path))


def _classes(path: Path, row: dict[str, Any], table: Path) -> tuple[str, ...]:
    given = row.get("classes", [])
    if given == OWN:
        file = table if table.suffix.lower() == ".csv" else table / "labels.csv"
        return tuple(sorted(set(read_csv(file, required=("file", "label"))["label"]) - {""}))
    if not isinstance(given, list) or not all(isinstance(label, str) for label in given):
        raise ConfigError(
            f"classes of test '{row['name']}' in {path.name} must be a list of labels, or \"{OWN}\" for those that "
            f"occur in it; got {given!r}. Correct it."
        )
    return tuple(given)
