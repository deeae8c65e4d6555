"""``Protocol``: differences between a published protocol, its released code and our default, and published numbers."""

from __future__ import annotations

import dataclasses
import math
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib.resources.abc import Traversable
from typing import Any, get_type_hints

import pandas as pd

from fairaudit.core.errors import ConfigError
from fairaudit.core.schema import closed, rows_of
from fairaudit.core.typed_values import build

PAPER, CODE = "goyal2022_paper", "goyal2022_code"
PUBLISHED_COLUMNS = ("title", "model", "group", "value", "unit", "source", "note")


@dataclass(frozen=True)
class Difference:
    """A point on which the paper, its released code and our default differ.

    Parameters
    ----------
    point : str
        The step of the protocol.
    default, paper, code : str
        The choice of each, in words.
    source : str
        Section of the paper, file and lines of the code.
    option : str
        Field of the indicator's ``Config`` that decides the point; empty if there is none.
    """

    point: str
    default: str
    paper: str
    code: str
    source: str
    option: str = ""


@dataclass(frozen=True)
class PublishedTable:
    """Numbers that others have published: cited, never recomputed, never mixed with ours.

    Parameters
    ----------
    title, source, unit, note : str
        The note explains why an audit is not comparable with the numbers.
    groups : tuple of str
        Columns.
    rows : mapping of str to tuple of float
        Values by model, as many as groups; NaN if none was published.
    """

    title: str
    source: str
    unit: str
    note: str
    groups: tuple[str, ...]
    rows: Mapping[str, tuple[float, ...]]

    def __post_init__(self) -> None:
        for model, values in self.rows.items():
            if len(values) != len(self.groups):
                raise ConfigError(
                    f"'{model}' of '{self.title}' must have {len(self.groups)} values; got {len(values)}. Correct it."
                )


#: JSON Schema of ``Protocol.describe``.
PROTOCOL_SCHEMA = {
    "description": "What is published about the measure; none of these numbers is of this audit.",
    **closed({
        "preset": str,
        "differences": rows_of({**get_type_hints(Difference), "here": str}),
        "published": rows_of({
            **get_type_hints(PublishedTable), "rows": rows_of({"model": str, "values": tuple[float | None, ...]})
        }),
    }),
}  # fmt: skip


@dataclass(frozen=True)
class Protocol:
    """The published protocol of an indicator.

    Parameters
    ----------
    presets : mapping of str to mapping
        Options of the indicator by name of the preset; other options keep their defaults.
    differences : tuple of Difference
    published : tuple of PublishedTable
    """

    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    differences: tuple[Difference, ...] = ()
    published: tuple[PublishedTable, ...] = ()

    def describe(self, defaults: Mapping[str, Any], used: Mapping[str, Any]) -> dict[str, Any]:
        """Return the protocol as JSON values for a result, from the default and the used options of the indicator."""
        return {
            "preset": self.preset_of(defaults, used),
            "differences": [
                {**dataclasses.asdict(d), "here": self._here(d, defaults, used)} for d in self.differences
            ],
            "published": [
                {**dataclasses.asdict(numbers), "groups": list(numbers.groups),
                 "rows": [{"model": model, "values": [None if math.isnan(v) else v for v in values]}
                          for model, values in numbers.rows.items()]}
                for numbers in self.published
            ],
        }  # fmt: skip

    def published_rows(self) -> pd.DataFrame:
        """Return the published numbers one by one; columns ``PUBLISHED_COLUMNS``."""
        rows = [
            (numbers.title, model, group, value, numbers.unit, numbers.source, numbers.note)
            for numbers in self.published
            for model, values in numbers.rows.items()
            for group, value in zip(numbers.groups, values, strict=True)
        ]
        return pd.DataFrame(rows, columns=list(PUBLISHED_COLUMNS)).astype({"value": float})

    def preset_of(self, defaults: Mapping[str, Any], used: Mapping[str, Any]) -> str:
        """Return the preset whose options were all used, ``"default"``, or an empty string for a mixture."""
        options = {name for preset in self.presets.values() for name in preset}
        for name, preset in {"default": {}, **self.presets}.items():
            if all(_same({**defaults, **preset}.get(option), used.get(option)) for option in options):
                return name
        return ""

    def _here(self, difference: Difference, defaults: Mapping[str, Any], used: Mapping[str, Any]) -> str:
        """Return, in words, the choice of this audit."""
        option = difference.option
        if not option or _same(used.get(option), defaults.get(option)):
            return difference.default
        for preset, words in ((PAPER, difference.paper), (CODE, difference.code)):
            if _same(used.get(option), {**defaults, **self.presets.get(preset, {})}.get(option)):
                return words
        return f"{option} = {used.get(option)}"


def read_protocol(file: Traversable) -> Protocol:
    """Read the TOML file of an indicator's protocol; ConfigError if a key is misspelled."""
    return build(Protocol, tomllib.loads(file.read_text(encoding="utf-8")), where=file.name)


def _same(option: Any, other: Any) -> bool:
    """Return whether two options are equal; a tuple may have become a list in TOML or JSON."""
    first, second = (list(v) if isinstance(v, Sequence) and not isinstance(v, str) else v for v in (option, other))
    return bool(first == second)
