"""``Protocol``: how a published protocol, the code released with it and our default differ, and what was published."""

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
    """A point on which the paper, its released code and our default do not all do the same.

    Parameters
    ----------
    point : str
        What it is about.
    default, paper, code : str
        What each of them does, in words.
    source : str
        Section of the paper, file and lines of the code.
    option : str
        Field of the indicator's ``Config`` that decides it; empty where nobody can choose.
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
        What they are, where they stand, and why they are to be read beside an audit and not compared with it.
    groups : tuple of str
        Columns.
    rows : mapping of str to tuple of float
        Values by model, as many as groups; NaN where none was published.
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


#: What ``Protocol.describe`` returns.
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
    """What is published about the measure of an indicator.

    Parameters
    ----------
    presets : mapping of str to mapping
        Options of the indicator by name of the preset; what it does not set keeps its default.
    differences : tuple of Difference
    published : tuple of PublishedTable
    """

    presets: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    differences: tuple[Difference, ...] = ()
    published: tuple[PublishedTable, ...] = ()

    def describe(self, defaults: Mapping[str, Any], used: Mapping[str, Any]) -> dict[str, Any]:
        """Return what a result says of it, as JSON values.

        Parameters
        ----------
        defaults, used : mapping
            Options of the indicator: as they are unless somebody chooses, and as they were.
        """
        return {
            "preset": self.preset_of(defaults, used),
            "differences": [
                {**dataclasses.asdict(one), "here": self._here(one, defaults, used)} for one in self.differences
            ],
            "published": [
                {**dataclasses.asdict(one), "groups": list(one.groups),
                 "rows": [{"model": model, "values": [None if math.isnan(v) else v for v in values]}
                          for model, values in one.rows.items()]}
                for one in self.published
            ],
        }  # fmt: skip

    def published_rows(self) -> pd.DataFrame:
        """Return the published numbers one by one; columns ``PUBLISHED_COLUMNS``."""
        rows = [
            (one.title, model, group, value, one.unit, one.source, one.note)
            for one in self.published
            for model, values in one.rows.items()
            for group, value in zip(one.groups, values, strict=True)
        ]
        return pd.DataFrame(rows, columns=list(PUBLISHED_COLUMNS)).astype({"value": float})

    def preset_of(self, defaults: Mapping[str, Any], used: Mapping[str, Any]) -> str:
        """Return the preset whose options were all used, ``"default"``, or an empty string where they were mixed."""
        options = {name for preset in self.presets.values() for name in preset}
        for name, preset in {"default": {}, **self.presets}.items():
            if all(_same({**defaults, **preset}.get(option), used.get(option)) for option in options):
                return name
        return ""

    def _here(self, one: Difference, defaults: Mapping[str, Any], used: Mapping[str, Any]) -> str:
        """Return, in words, what this audit did on that point."""
        if not one.option or _same(used.get(one.option), defaults.get(one.option)):
            return one.default
        for preset, words in ((PAPER, one.paper), (CODE, one.code)):
            options = {**defaults, **self.presets.get(preset, {})}
            if _same(used.get(one.option), options.get(one.option)):
                return words
        return f"{one.option} = {used.get(one.option)}"


def read_protocol(file: Traversable) -> Protocol:
    """Read the TOML file that stands beside an indicator; what is misspelled in it is a ``ConfigError``."""
    return build(Protocol, tomllib.loads(file.read_text(encoding="utf-8")), where=file.name)


def _same(one: Any, other: Any) -> bool:
    """Whether two options are equal, one of which may have been a list in TOML or JSON."""
    plain = [list(v) if isinstance(v, Sequence) and not isinstance(v, str) else v for v in (one, other)]
    return bool(plain[0] == plain[1])
