"""``Taxonomy``: kinds of labels that are harmful, or correct, for a person."""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable

from fairaudit.core.errors import ConfigError, did_you_mean
from fairaudit.core.open_file import is_there, read_toml
from fairaudit.core.typed_values import build


@dataclass(frozen=True)
class Taxonomy:
    """Kinds of association and the labels that belong to each.

    Parameters
    ----------
    name, version, source : str
        For the report.
    kinds : mapping of str to tuple of str
        Labels by kind, as ``normalise`` writes them; a label belongs to one kind only.
    harmful : tuple of str
        Kinds that are harmful labels of a person.
    """

    name: str
    version: str
    source: str
    kinds: Mapping[str, tuple[str, ...]]
    harmful: tuple[str, ...]

    def __post_init__(self) -> None:
        kinds = {kind: tuple(normalise(label) for label in labels) for kind, labels in self.kinds.items()}
        object.__setattr__(self, "kinds", kinds)
        seen: dict[str, str] = {}
        for kind, labels in self.kinds.items():
            for label in labels:
                if label in seen:
                    raise ConfigError(
                        f"taxonomy '{self.name}' must list each label once; got '{label}' under '{seen[label]}' and "
                        f"'{kind}'. Remove one of them."
                    )
                seen[label] = kind
        for kind in self.harmful:
            if kind not in self.kinds:
                raise ConfigError(
                    f"'harmful' of taxonomy '{self.name}' must name kinds that it defines "
                    f"({', '.join(self.kinds)}); got '{kind}'. {did_you_mean(kind, self.kinds)}".rstrip()
                )

    def kind_of(self, label: str) -> str | None:
        """Return the kind of a label, or None; only the first synonym of ``"dog, domestic dog"`` counts."""
        first = normalise(label)
        return next((kind for kind, labels in self.kinds.items() if first in labels), None)

    def known(self, labels: Iterable[str]) -> dict[str, tuple[str, ...]]:
        """Return the ``labels`` of each kind."""
        known: dict[str, list[str]] = {kind: [] for kind in self.kinds}
        for label in labels:
            kind = self.kind_of(label)
            if kind is not None:
                known[kind].append(label)
        return {kind: tuple(names) for kind, names in known.items()}


def normalise(label: str) -> str:
    """Return the first synonym in lower case, with spaces for underscores."""
    return label.split(",")[0].strip().lower().replace("_", " ")


def load_taxonomy(source: str, *, shipped_in: Traversable) -> Taxonomy:
    """Read a taxonomy: the name of one in the folder ``shipped_in``, or a TOML file of the same form.

    Raises
    ------
    ConfigError
        If there is no such name or file, a key is unknown or missing, or a label stands under two kinds.
    """
    shipped = {p.name.removesuffix(".toml"): p for p in shipped_in.iterdir() if p.name.endswith(".toml")}
    if source in shipped:
        data = tomllib.loads(shipped[source].read_text(encoding="utf-8"))
    elif is_there(source):
        data = read_toml(source, "taxonomy", error=ConfigError)
    else:
        raise ConfigError(
            f"taxonomy must be a TOML file or one of: {', '.join(sorted(shipped))}; got '{source}'. "
            f"{did_you_mean(source, shipped)}".rstrip()
        )
    return build(Taxonomy, data, where=f"taxonomy '{source}'")
