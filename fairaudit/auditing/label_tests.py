"""``read_tests``: test sets, in the domain of the training data and shifted from it, as data sets of an audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from fairaudit.auditing.config import DataSource
from fairaudit.core.errors import ConfigError
from fairaudit.core.open_file import read_toml
from fairaudit.core.typed_values import build
from fairaudit.datasets.parts.csv_table import read_csv

READER, INDICATOR = "labelled_images", "recognition_accuracy"


def read_tests(path: Path) -> tuple[DataSource, ...]:
    """Return the test sets that a TOML file lists, in its order.

    .. code-block:: toml

        [[test]]
        name = "validation"
        labels = "validation.csv"     # file, label, perhaps cluster, and columns of groups; relative to this file

        [[test]]
        name = "renditions"
        labels = "renditions.csv"
        classes = "labels"            # predict only labels that occur there; or a list

    Raises
    ------
    ConfigError
        If the file is missing or is not TOML, or a test set lacks a name or labels or has another key.
    DataError
        If the table of a test set with ``classes = "labels"`` cannot be read.
    """
    path = Path(path)
    table = build(_Tests, read_toml(path, "table of tests", error=ConfigError), where=f"table of tests {path.name}")
    return tuple(_source(path, test) for test in table.test)


def drops_from(
    name: str, *, indicators: Sequence[str] | None, options: Mapping[str, Mapping[str, Any]] | None
) -> dict[str, Mapping[str, Any]]:
    """Return the options of an audit, with ``name`` as the default reference of drops in accuracy."""
    completed = dict(options or {})
    if not indicators or INDICATOR in indicators:
        completed[INDICATOR] = {"reference": name, **completed.get(INDICATOR, {})}
    return completed


@dataclass(frozen=True)
class _Test:
    """One ``[[test]]``; only labels in ``classes`` may be predicted, with ``"labels"`` those of the test set."""

    name: str
    labels: str
    classes: tuple[str, ...] | Literal["labels"] = ()

    def __post_init__(self) -> None:
        if not (self.name and self.labels):
            raise ConfigError(f"a test must have a name and labels; got '{self.name}' and '{self.labels}'. Add both.")


@dataclass(frozen=True)
class _Tests:
    """The whole file."""

    test: tuple[_Test, ...]


def _source(path: Path, test: _Test) -> DataSource:
    source = DataSource.parse(f"{test.name}:{READER}", path.parent / test.labels)
    if test.classes != "labels":
        return replace(source, classes=test.classes)
    file = source.path if source.path.suffix.lower() == ".csv" else source.path / "labels.csv"
    return replace(source, classes=tuple(sorted(set(read_csv(file, required=("file", "label"))["label"]) - {""})))
