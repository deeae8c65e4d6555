"""``AuditConfig``: everything an audit was asked for, checked before anything slow begins."""

from __future__ import annotations

import dataclasses
import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fairaudit.auditing.plugins import list_indicators, load_indicator
from fairaudit.core.errors import ConfigError, unknown_name
from fairaudit.core.indicator import Indicator
from fairaudit.core.plan import Plan
from fairaudit.core.samples import Samples
from fairaudit.core.typed_values import build
from fairaudit.datasets import list_readers
from fairaudit.stats.controls import check_controls

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True)
class DataSource:
    """One ``--data [NAME:]READER=DIR``.

    Parameters
    ----------
    name : str
        Name of the data set in the audit; the reader's name unless another is given.
    reader : str
        One of ``fairaudit.datasets.list_readers()``.
    path : Path
        Folder or file that the reader reads.
    classes : tuple of str
        The only labels that may be said of its images; empty for all.
    """

    name: str
    reader: str
    path: Path
    classes: tuple[str, ...] = ()

    @classmethod
    def parse(cls, key: str, path: str | Path) -> DataSource:
        """Return the source of ``"READER"`` or ``"NAME:READER"`` and a path.

        Raises
        ------
        ConfigError
            If there is no such reader, or the name cannot be the name of a folder.
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
class AuditConfig:
    """What to audit, on what, and how.

    Parameters
    ----------
    checkpoint : str
        Folder, file, hub id or ``module:function``.
    data : tuple of DataSource
        At least one; names are unique.
    probe : Path or None
        CSV with ``file``, ``label`` and perhaps ``cluster``: a linear probe on it gives the labels; or the folder of a
        probe that was saved.
    text_encoder : str or None
        Folder or hub id of a BERT, for memes.
    preprocessing : Path or None
        JSON for a checkpoint that does not say how it wants its images.
    layer : {"trunk", "projection"}
        Where its embeddings are read.
    prompts : Path or None
        TOML with classes and templates: texts that a CLIP-like checkpoint compares with images give the labels.
    trust_checkpoint : bool
        Whether a file that executes code when it is loaded may do so.
    indicators : tuple of Indicator
        Which to run; all unless some are named.
    asked : frozenset of str
        Indicators that were named, or of which an option was given.
    options : mapping of str to dataclass
        Resolved ``Config`` of each indicator.
    seed : int
        Of everything that is fitted.
    batch_size : int
        Images at once.
    allow_unreadable : bool
        Go on when more than 1 % of the images cannot be read.
    cache : Path or None
        Folder that keeps what the checkpoint made of each image (``fairaudit.extraction.cache``); None for no cache.
        It changes nothing but the time.
    plan : Plan or None
        Which comparisons count; None for the shipped default.
    alpha : float
        Chance of any false ``disparity`` in an audit without a plan, in (0, 1). Audits that are read together share it.
    preset : str
        Published protocol whose options the indicators have, e.g. ``"goyal2022_paper"``; empty for the defaults.
    """

    checkpoint: str
    data: tuple[DataSource, ...]
    probe: Path | None = None
    text_encoder: str | None = None
    preprocessing: Path | None = None
    layer: str = "trunk"
    prompts: Path | None = None
    trust_checkpoint: bool = False
    indicators: tuple[Indicator, ...] = ()
    asked: frozenset[str] = frozenset()
    options: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    batch_size: int = 64
    allow_unreadable: bool = False
    cache: Path | None = None
    plan: Plan | None = None
    alpha: float = 0.05
    preset: str = ""

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
        """Return the indicators that the plan names, run or not."""
        chosen = {i.name: i for i in self.indicators}
        names = dict.fromkeys(row.indicator for row in self.plan.primary) if self.plan else {}
        return [chosen.get(name) or load_indicator(name) for name in names]

    def check_plan(self, samples: Mapping[str, Samples]) -> None:
        """Refuse a plan row that names a data set on which its indicator measures nothing.

        Raises
        ------
        ConfigError
            If the data set shows something else than the indicator is about.
        """
        subject = {i.name: i.subject for i in self.planned_indicators()}
        for number, row in enumerate(self.plan.primary if self.plan else (), 1):
            if row.dataset and samples[row.dataset].subject != subject[row.indicator]:
                raise ConfigError(
                    f"dataset of plan row {number} must show {subject[row.indicator]}, which {row.indicator} is about; "
                    f"got '{row.dataset}', which shows {samples[row.dataset].subject}. Name another or leave it out."
                )

    def check_controls(self, samples: Mapping[str, Samples]) -> None:
        """Refuse a control feature that a data set of its indicator does not record.

        Raises
        ------
        ConfigError
            If there is none of this name.
        """
        for indicator in self.indicators:
            for option, (name, one) in itertools.product(("control_features", "standardise"), samples.items()):
                if one.subject == indicator.subject:
                    names = getattr(self.options.get(indicator.name), option, ())
                    known = {*(f.name for f in one.features), *indicator.controls}
                    check_controls(f"{option} of {indicator.name} on '{name}'", names, known)

    def resolved(self) -> dict[str, Any]:
        """Return everything that decides the result, as JSON values: no path of this machine, only file names."""
        return {
            "checkpoint": Path(self.checkpoint).name if Path(self.checkpoint).exists() else self.checkpoint,
            "data": [
                {"name": s.name, "reader": s.reader, "folder": s.path.name}
                | ({"classes": list(s.classes)} if s.classes else {})
                for s in self.data
            ],
            "probe": self.probe.name if self.probe else None,
            "text_encoder": Path(self.text_encoder).name if self.text_encoder else None,
            "preprocessing": self.preprocessing.name if self.preprocessing else None,
            "layer": self.layer,
            "prompts": self.prompts.name if self.prompts else None,
            "indicators": {
                name: {field: _without_folders(value) for field, value in dataclasses.asdict(options).items()}
                for name, options in self.options.items()
            },
            "seed": self.seed,
            "allow_unreadable": self.allow_unreadable,
            "alpha": self.alpha,
            **({"preset": self.preset} if self.preset else {}),
        }


def make_config(
    checkpoint: str,
    data: Mapping[str, str | Path] | Sequence[DataSource],
    *,
    indicators: Sequence[str] | None = None,
    options: Mapping[str, Mapping[str, Any]] | None = None,
    preset: str = "",
    **rest: Any,
) -> AuditConfig:
    """Return the checked configuration of plain values, as the command line and a notebook give them.

    Parameters
    ----------
    checkpoint : str
    data : mapping
        ``{"utkface": DIR}`` or ``{"name:utkface": DIR}``.
    indicators : sequence of str, optional
        Default: all.
    options : mapping of str to mapping, optional
        Fields of an indicator's ``Config``; text is converted to the field's type.
    preset : str
        Options of a published protocol, for every indicator that has it; ``options`` win over it.
    **rest
        Further fields of ``AuditConfig``.

    Raises
    ------
    ConfigError
        If a name does not exist or a value does not fit its field.
    """
    sources = [DataSource.parse(k, v) for k, v in data.items()] if isinstance(data, Mapping) else list(data)
    names = list(indicators) if indicators else list_indicators()
    chosen = tuple(load_indicator(name) for name in dict.fromkeys(names))
    given = dict(options or {})
    for name in given:
        if name not in [i.name for i in chosen]:
            raise unknown_name("indicator of an option", name, [i.name for i in chosen])
    presets = _presets(chosen, preset)
    configs = {i.name: _indicator_config(i, {**presets.get(i.name, {}), **given.get(i.name, {})}) for i in chosen}
    asked = frozenset({*(indicators or ()), *given})
    return AuditConfig(
        str(checkpoint), tuple(sources), indicators=chosen, asked=asked, options=configs, preset=preset, **rest
    )


def parse_data(texts: Sequence[str], *, option: str = "--data") -> dict[str, Path]:
    """Return ``{"[NAME:]READER": DIR}`` of ``["[NAME:]READER=DIR", ...]``, as ``option`` gave them.

    Raises
    ------
    ConfigError
        If one has another form or two are named alike.
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
        If one has another form.
    """
    options: dict[str, dict[str, str]] = {}
    for text in texts:
        left, equals, value = text.partition("=")
        indicator, dot, name = left.partition(".")
        if not (equals and dot and indicator and name):
            raise ConfigError(
                f"--set must be INDICATOR.FIELD=VALUE; got '{text}'. For example: --set label_association.tau=0.3."
            )
        options.setdefault(indicator, {})[name] = value
    return options


def _presets(chosen: Sequence[Indicator], preset: str) -> dict[str, Mapping[str, Any]]:
    """Return the options of ``preset`` by indicator, of those that have it."""
    known = {i.name: i.protocol.presets for i in chosen if i.protocol is not None}
    found = {name: presets[preset] for name, presets in known.items() if preset in presets}
    if preset and not found:
        names = {name for presets in known.values() for name in presets}
        if not names:
            listed = ", ".join(i.name for i in chosen)
            raise ConfigError(
                f"preset must be one that an indicator has; got '{preset}', and {listed} has none. Leave it out."
            )
        raise unknown_name("preset", preset, names)
    return found


def _indicator_config(indicator: Indicator, given: Mapping[str, Any]) -> Any:
    return build(indicator.config, given, at=indicator.name, text=True)


def _without_folders(value: Any) -> Any:
    """Return an option as it is, and the name alone of one that is a file."""
    return Path(value).name if isinstance(value, str) and value and Path(value).is_file() else value
