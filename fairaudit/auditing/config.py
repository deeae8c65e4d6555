"""``AuditConfig``: the request for an audit, checked before anything slow begins."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Unpack

from fairaudit.auditing.options import OPTIONS, AuditKeywords, AuditOptions
from fairaudit.auditing.plugins import list_indicators, load_indicator
from fairaudit.core.earlier_version import OPTIONS as OPTIONS_BEFORE
from fairaudit.core.errors import ConfigError, unknown_name
from fairaudit.core.indicator import Indicator
from fairaudit.core.plan import Plan, read_plan
from fairaudit.core.samples import Samples
from fairaudit.core.typed_values import build
from fairaudit.datasets import list_readers
from fairaudit.stats.controls import check_controls

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class DataSource:
    """A data set to audit on, as in ``--data [NAME:]READER=DIR``.

    Parameters
    ----------
    name : str
        Name of the data set in the audit.
    reader : str
        One of ``fairaudit.datasets.list_readers()``.
    path : Path
        Folder or file that the reader reads.
    classes : tuple of str
        The only labels that may be predicted for its images; empty for all.
    """

    name: str
    reader: str
    path: Path
    classes: tuple[str, ...] = ()

    @classmethod
    def parse(cls, key: str, path: str | Path) -> DataSource:
        """Return the data source of ``"READER"`` or ``"NAME:READER"`` and a path; the name defaults to the reader.

        Raises
        ------
        ConfigError
            If there is no such reader, or the name cannot name a folder.
        """
        name, _, reader = key.rpartition(":")
        if reader not in list_readers():
            raise unknown_name("reader", reader, list_readers())
        if name and not _NAME.fullmatch(name):
            raise ConfigError(
                f"name of a data set must be letters, digits, '_', '-' and '.'; got '{name}'. Choose a simpler name."
            )
        return cls(name or reader, reader, Path(path))


@dataclass(frozen=True)
class AuditConfig(AuditOptions):
    """Checkpoint, data sets and options of an audit; the options are fields of ``AuditOptions``.

    Parameters
    ----------
    checkpoint : str
        Folder, file, hub id or ``module:function``.
    data : tuple of DataSource
        At least one; names are unique.
    asked : frozenset of str
        Indicators that the request names, itself or in an option.
    """

    checkpoint: str
    data: tuple[DataSource, ...]
    asked: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        if not self.data:
            raise ConfigError(
                "an audit must have at least one data set; got none. "
                f"Give --data READER=DIR with one of: {', '.join(list_readers())}."
            )
        names = [source.name for source in self.data]
        twice = next((n for n in names if names.count(n) > 1), None)
        if twice is not None:
            raise ConfigError(
                f"data sets must have different names; got '{twice}' twice. Name one of them: --data other:{twice}=DIR."
            )
        for name, options in self.options.items():
            for role in ("gallery", "reference"):
                chosen = getattr(options, role, "")
                if chosen and chosen not in names:
                    raise ConfigError(
                        f"{role} of {name} must be one of the data sets: {', '.join(names)}; got '{chosen}'. "
                        "Name it with --data NAME:READER=DIR."
                    )
        if self.probe is not None and self.prompts is not None:
            raise ConfigError("labels must come from one source; got --probe and --prompts. Leave one of them out.")
        if self.batch_size < 1:
            raise ConfigError(f"batch size must be at least 1; got {self.batch_size}. A usual choice is 64.")
        if not 0 < self.alpha < 1:
            raise ConfigError(f"alpha must be between 0 and 1; got {self.alpha:g}. A usual choice is 0.05.")
        known = {*list_indicators(), *(i.name for i in self.indicators)}
        for number, row in enumerate(self.plan.primary if self.plan else (), 1):
            if row.indicator not in known:
                raise unknown_name(f"indicator of plan row {number}", row.indicator, known)
            if row.dataset and row.dataset not in names:
                raise unknown_name(f"dataset of plan row {number}", row.dataset, names)

    def planned_indicators(self) -> list[Indicator]:
        """Return the indicators that the plan names, whether or not the audit runs them."""
        chosen = {i.name: i for i in self.indicators}
        names = dict.fromkeys(row.indicator for row in self.plan.primary) if self.plan else {}
        return [chosen.get(name) or load_indicator(name) for name in names]

    def check_plan(self, samples: Mapping[str, Samples]) -> None:
        """Raise ConfigError if a plan row names a data set of another subject than its indicator's."""
        subject = {i.name: i.subject for i in self.planned_indicators()}
        for number, row in enumerate(self.plan.primary if self.plan else (), 1):
            if row.dataset and samples[row.dataset].subject != subject[row.indicator]:
                raise ConfigError(
                    f"dataset of plan row {number} must show {subject[row.indicator]}, which {row.indicator} is about; "
                    f"got '{row.dataset}', which shows {samples[row.dataset].subject}. Name another or leave it out."
                )

    def check_controls(self, samples: Mapping[str, Samples]) -> None:
        """Raise ConfigError if a data set of an indicator does not record one of its control features."""
        for indicator in self.indicators:
            for option, (name, dataset) in itertools.product(("control_features", "standardise"), samples.items()):
                if dataset.subject == indicator.subject:
                    names = getattr(self.options.get(indicator.name), option, ())
                    known = {*(f.name for f in dataset.features), *indicator.controls}
                    check_controls(f"{option} of {indicator.name} on '{name}'", names, known)

    def resolved(self) -> dict[str, Any]:
        """Return the settings that decide the result as JSON values, with file names in place of paths."""
        return {
            "checkpoint": Path(self.checkpoint).name if Path(self.checkpoint).exists() else self.checkpoint,
            "data": [
                {"name": s.name, "reader": s.reader, "folder": s.path.name}
                | ({"classes": list(s.classes)} if s.classes else {})
                for s in self.data
            ],
            **{
                "indicators" if name == "options" else name: value
                for name, about in OPTIONS.items()
                if (record := about.metadata["record"]) and (value := record(getattr(self, name))) != ""
            },
        }


def make_config(
    checkpoint: str, data: Mapping[str, str | Path] | Sequence[DataSource], **keywords: Unpack[AuditKeywords]
) -> AuditConfig:
    """Return the checked configuration of plain values from the command line or a notebook.

    Parameters
    ----------
    checkpoint : str
    data : mapping
        ``{"utkface": DIR}`` or ``{"name:utkface": DIR}``.
    **keywords
        Fields of ``AuditOptions``; a path may be text, and text is converted to the type of an indicator's option.
        ``options`` take precedence over a ``preset``, which applies to every indicator that defines it.

    Raises
    ------
    ConfigError
        If a name does not exist, or a value does not fit its field.
    """
    sources = [DataSource.parse(k, v) for k, v in data.items()] if isinstance(data, Mapping) else list(data)
    named, options = keywords.get("indicators") or (), keywords.get("options") or {}
    chosen = tuple(load_indicator(name) for name in dict.fromkeys(named or list_indicators()))
    for name in options:
        if name not in [i.name for i in chosen]:
            raise unknown_name("indicator of an option", name, [i.name for i in chosen])
    presets = _presets(chosen, keywords.get("preset", ""))
    values: dict[str, Any] = dict(keywords)
    for name, value in keywords.items():
        kind = OPTIONS[name].metadata["kind"]
        if value is not None and kind in (Path, str):
            values[name] = value if isinstance(value, Plan) else kind(value)
    if isinstance(values.get("plan"), Path):
        values["plan"] = read_plan(values["plan"])
    values["indicators"] = chosen
    values["options"] = {
        i.name: _indicator_config(i, {**presets.get(i.name, {}), **options.get(i.name, {})}) for i in chosen
    }
    return AuditConfig(str(checkpoint), tuple(sources), asked=frozenset({*named, *options}), **values)


def parse_data(texts: Sequence[str], *, option: str = "--data") -> dict[str, Path]:
    """Return ``{"[NAME:]READER": DIR}`` of the values ``["[NAME:]READER=DIR", ...]`` of ``option``.

    Raises
    ------
    ConfigError
        If a value has another form, or two have one name.
    """
    sources: dict[str, Path] = {}
    for text in texts:
        key, equals, path = text.partition("=")
        if not (equals and key and path):
            raise ConfigError(
                f"{option} must be [NAME:]READER=DIR; got '{text}'. For example: {option} utkface=photos/UTKFace."
            )
        if key in sources:
            raise ConfigError(
                f"data sets must have different names; got '{key}' twice. "
                f"Name one of them: {option} other:{key.rpartition(':')[2]}=DIR."
            )
        sources[key] = Path(path)
    return sources


def parse_options(texts: Sequence[str]) -> dict[str, dict[str, str]]:
    """Return ``{indicator: {field: value}}`` of ``["INDICATOR.FIELD=VALUE", ...]``.

    Raises
    ------
    ConfigError
        If a text has another form.
    """
    options: dict[str, dict[str, str]] = {}
    for text in texts:
        left, equals, value = text.partition("=")
        indicator, dot, name = left.partition(".")
        if not (equals and dot and indicator and name):
            raise ConfigError(
                f"--set must be INDICATOR.FIELD=VALUE; got '{text}'. "
                "For example: --set label_association.threshold=0.3."
            )
        options.setdefault(indicator, {})[name] = value
    return options


def _presets(chosen: Sequence[Indicator], preset: str) -> dict[str, Mapping[str, Any]]:
    """Return the options of ``preset``, by the indicators that define it."""
    known = {i.name: i.protocol.presets for i in chosen if i.protocol is not None}
    options = {name: presets[preset] for name, presets in known.items() if preset in presets}
    if preset and not options:
        names = {name for presets in known.values() for name in presets}
        if not names:
            listed = ", ".join(i.name for i in chosen)
            raise ConfigError(
                f"preset '{preset}' must be defined by a chosen indicator; {listed} defines none. Leave --preset out."
            )
        raise unknown_name("preset", preset, names)
    return options


def _indicator_config(indicator: Indicator, values: Mapping[str, Any]) -> Any:
    for name, now in OPTIONS_BEFORE.get(indicator.name, {}).items():
        if name in values:
            raise ConfigError(f"option {indicator.name}.{name} was renamed; got '{name}'. Write {now} instead.")
    return build(indicator.config, values, at=indicator.name, text=True)
