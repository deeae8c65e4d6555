"""``Prompts``: the classes of zero-shot labels, their names, and the templates of their sentences."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from fairaudit.core.errors import ConfigError
from fairaudit.core.open_file import SETTINGS, read_bytes, toml_of
from fairaudit.core.typed_values import build

_EXAMPLE = 'templates = ["a photo of a {}."] and, below [classes], dog = ["dog", "puppy"]'


@dataclass(frozen=True)
class Prompts:
    """Labels with their names, and templates for sentences.

    Parameters
    ----------
    path : Path
        The TOML file.
    names : mapping of str to tuple of str
        The names of each label, at least one, in the order of the file; at least two labels.
    templates : tuple of str
        Sentences with ``{}`` for a name.
    digest : str
        SHA-256 of the bytes of the file, 64 hex digits.
    """

    path: Path
    names: Mapping[str, tuple[str, ...]]
    templates: tuple[str, ...]
    digest: str

    @property
    def classes(self) -> tuple[str, ...]:
        """The labels in the order of the file."""
        return tuple(self.names)

    def texts(self, template: str) -> list[str]:
        """Return the sentences of ``template`` with all names, label by label."""
        return [template.replace("{}", name) for names in self.names.values() for name in names]


def read_prompts(path: Path) -> Prompts:
    """Read a TOML file with ``templates`` and ``classes``.

    ``classes`` is a list of labels, or a table of labels and their names; an empty list of names means the label.

    Raises
    ------
    ConfigError
        If the file is missing or no TOML, a key is unknown or missing, a template does not have ``{}`` once, a label,
        name or template is blank or occurs twice, or there are fewer than two labels.
    """
    path = Path(path)
    content = read_bytes(path, "prompts", limit=SETTINGS, error=ConfigError)
    values = toml_of(content, f"prompts {path}", error=ConfigError)
    keys = build(_Keys, values, where=f"prompts '{path.name}'", advice=f"Write for example {_EXAMPLE}.")
    return Prompts(path, keys.names, _stripped("templates", keys.templates), hashlib.sha256(content).hexdigest())


@dataclass(frozen=True)
class _Keys:
    """The keys of the file."""

    templates: tuple[str, ...]
    classes: tuple[str, ...] | Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        for key, least in (("templates", 1), ("classes", 2)):
            if len(getattr(self, key)) < least:
                raise ConfigError(f"{key} must be {least} or more; got {list(getattr(self, key))}. Write {_EXAMPLE}.")
        for template in _stripped("templates", self.templates):
            if template.count("{}") != 1:
                raise ConfigError(
                    f"templates must have {{}} once, where the name goes; got '{template}'. "
                    "Write for example 'a photo of a {}.'."
                )
        _stripped("names of the classes", [name for names in self.names.values() for name in names])

    @property
    def names(self) -> dict[str, tuple[str, ...]]:
        """The names of each label; the label itself if it has no names."""
        labels = _stripped("classes", self.classes)
        names = self.classes.values() if isinstance(self.classes, Mapping) else [()] * len(labels)
        return {label: _stripped(f"classes.{label}", own) or (label,) for label, own in zip(labels, names, strict=True)}


def _stripped(key: str, texts: Iterable[str]) -> tuple[str, ...]:
    """Return the texts without surrounding spaces; raise ConfigError if a text is blank or occurs twice."""
    seen = {"": ""}
    for text in map(str.strip, texts):
        if text.casefold() in seen:
            raise ConfigError(
                f"{key} must be different from each other and not blank; got '{text}'. Remove or name it."
            )
        seen[text.casefold()] = text
    return tuple(seen.values())[1:]
