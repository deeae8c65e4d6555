"""``Prompts``: the classes that zero-shot labels come from, their names, and the sentences they are put into."""

from __future__ import annotations

import hashlib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fairaudit.core.errors import ConfigError, did_you_mean
from fairaudit.core.open_file import SETTINGS, read_bytes

KEYS = ("templates", "classes")
_EXAMPLE = 'templates = ["a photo of a {}."] and, below [classes], dog = ["dog", "puppy"]'


@dataclass(frozen=True)
class Prompts:
    """Which labels there are, and how each is said.

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
        """Return the sentences that ``template`` makes of all names, label by label."""
        return [template.replace("{}", name) for names in self.names.values() for name in names]


def read_prompts(path: Path) -> Prompts:
    """Read a TOML file with ``templates`` and ``classes``.

    ``classes`` is a list of labels, or a table of labels and their names; an empty list of names means the label.

    Raises
    ------
    ConfigError
        If there is no such file, it is no TOML, a key is unknown or missing, a template has no ``{}``, a label, name
        or template stands twice, or there are fewer than two labels.
    """
    path = Path(path)
    content = read_bytes(path, "prompts", limit=SETTINGS, error=ConfigError)
    try:
        values = tomllib.loads(content.decode("utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"prompts '{path.name}' must be valid TOML; got: {error}. Correct that line.") from error
    where = f"prompts '{path.name}'"
    for key in values:
        if key not in KEYS:
            hint = did_you_mean(key, KEYS) or f"Write {_EXAMPLE}."
            raise ConfigError(f"keys of {where} must be among: {', '.join(KEYS)}; got '{key}'. {hint}".rstrip())
    for key in KEYS:
        if not values.get(key):
            raise ConfigError(f"{where} must have {key}; got none. Write {_EXAMPLE}.")
    return Prompts(
        path=path,
        names=_names(where, values["classes"]),
        templates=_templates(where, values["templates"]),
        digest=hashlib.sha256(content).hexdigest(),
    )


def _templates(where: str, value: Any) -> tuple[str, ...]:
    templates = _texts(f"templates of {where}", value)
    for template in templates:
        if template.count("{}") != 1:
            raise ConfigError(
                f"templates of {where} must have {{}} once, where the name goes; got '{template}'. "
                "Write for example 'a photo of a {}.'."
            )
    _refuse_twice(f"templates of {where}", templates)
    return templates


def _names(where: str, value: Any) -> dict[str, tuple[str, ...]]:
    if isinstance(value, Mapping):
        given = {label.strip(): _texts(f"names of '{label}' in {where}", names) for label, names in value.items()}
        labels = [label.strip() for label in value]
    else:
        labels = list(_texts(f"classes of {where}", value))
        given = {}
    _refuse_twice(f"classes of {where}", labels)
    if len(labels) < 2:
        raise ConfigError(
            f"{where} must have at least two classes; got only '{labels[0]}'. Add what an image could show instead."
        )
    names = {label: given.get(label) or (label,) for label in labels}
    _refuse_twice(f"names of the classes of {where}", [name for of_label in names.values() for name in of_label])
    return names


def _texts(what: str, value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) and text.strip() for text in value):
        raise ConfigError(f"{what} must be a list of texts; got {value!r:.80}. Write for example {_EXAMPLE}.")
    return tuple(text.strip() for text in value)


def _refuse_twice(what: str, texts: Iterable[str]) -> None:
    seen: set[str] = set()
    for text in texts:
        if text.casefold() in seen:
            raise ConfigError(f"{what} must be different from each other; got '{text}' twice. Remove one of them.")
        seen.add(text.casefold())
