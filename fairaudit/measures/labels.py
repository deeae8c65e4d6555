"""Names of labels: of a topic (``LabelMap``) and of the outputs of a head (``LabelIndex``); a mask of valid labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from fairaudit.core.errors import ConfigError, DataError, did_you_mean
from fairaudit.core.open_file import read_toml
from fairaudit.measures.taxonomy import normalise

_KEYS = ("name", "version", "source", "topics", "synsets")
_SYNSET = re.compile(r"n\d{8}")


@dataclass(frozen=True)
class LabelMap:
    """Topics of a data set, and the labels that name the same object; many to many.

    Parameters
    ----------
    name, version, source : str
        For the report.
    topics : mapping of str to tuple of str
        Names of labels by topic (as ``normalise`` writes it); none where no label names the object.
    """

    name: str
    version: str
    source: str
    topics: Mapping[str, tuple[str, ...]]


@dataclass(frozen=True)
class HeadLabels:
    """Every label that a head can say, found by name.

    Parameters
    ----------
    known : sequence of str
        The labels as the head writes them, such as ``"studio couch, day bed"``.
    """

    known: Sequence[str]

    def find(self, name: str) -> frozenset[str]:
        """Return the labels with that name, as ``spelled`` writes them; none where the head knows none.

        A whole label counts first, then a first synonym, then any synonym: *crane* is not every crane, and *cardigan*
        is not *Cardigan, Cardigan Welsh corgi*.
        """
        for names in self._by_name:
            for wanted in (spelled(name), normalise(name)):
                if wanted in names:
                    return names[wanted]
        return frozenset()

    def nearest(self, name: str) -> str:
        """Return ``"Did you mean 'x'? "`` for the closest synonym of a label, or an empty string."""
        return did_you_mean(spelled(name), self._by_name[-1])

    @cached_property
    def _by_name(self) -> tuple[Mapping[str, frozenset[str]], ...]:
        whole, first, each = ({}, {}, {})  # type: tuple[dict[str, set[str]], dict[str, set[str]], dict[str, set[str]]]
        for label in map(spelled, self.known):
            synonyms = [part.strip() for part in label.split(",")]
            whole.setdefault(label, set()).add(label)
            first.setdefault(synonyms[0], set()).add(label)
            for synonym in synonyms:
                each.setdefault(synonym, set()).add(label)
        return tuple({name: frozenset(labels) for name, labels in names.items()} for names in (whole, first, each))


def spelled(label: str) -> str:
    """Return a label in lower case with single spaces, also for underscores."""
    return " ".join(label.lower().replace("_", " ").split())


def load_label_map(source: str) -> LabelMap:
    """Read a label map from a TOML file.

    It has ``name``, ``version`` and ``source``, below ``[topics]`` a list of labels for each topic, and perhaps below
    ``[synsets]`` the label of each WordNet id, so that lists may name synsets.

    Raises
    ------
    ConfigError
        If there is no such file, a key is unknown or missing, a list is none, a synset has no label, or a topic stands
        there twice.
    """
    file = Path(source)
    data = read_toml(file, "label map", error=ConfigError)
    what = f"label map '{file.name}'"
    for key in data:
        if key not in _KEYS:
            raise ConfigError(
                f"{what} must have the keys {', '.join(_KEYS)}; got '{key}'. {did_you_mean(key, _KEYS)}".rstrip()
            )
    missing = [key for key in _KEYS[:4] if key not in data]
    if missing:
        raise ConfigError(f"{what} must have the key '{missing[0]}'; it is missing. Add it.")
    topics = _topics(what, data["topics"], _synsets(what, data.get("synsets", {})))
    return LabelMap(str(data["name"]), str(data["version"]), str(data["source"]), topics)


def _synsets(what: str, given: Any) -> dict[str, str]:
    if not isinstance(given, Mapping) or not all(isinstance(name, str) for name in given.values()):
        raise ConfigError(
            f"[synsets] of {what} must give one label for each id; got {given!r}. "
            'Write n04344873 = "studio couch, day bed".'
        )
    for synset in given:
        if not _SYNSET.fullmatch(synset):
            raise ConfigError(
                f"[synsets] of {what} must have WordNet ids of nouns as keys, an n and 8 digits; got '{synset}'. "
                "Correct it."
            )
    return dict(given)


def _topics(what: str, given: Any, synsets: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    topics: dict[str, tuple[str, ...]] = {}
    for topic, labels in given.items() if isinstance(given, Mapping) else [("", given)]:
        if not topic or not isinstance(labels, list) or not all(isinstance(one, str) for one in labels):
            raise ConfigError(
                f"[topics] of {what} must give a list of labels for each topic; got {labels!r}. "
                'Write beds = ["studio couch, day bed"], and beds = [] where no label fits.'
            )
        unknown = [one for one in labels if _SYNSET.fullmatch(one) and one not in synsets]
        if unknown:
            raise ConfigError(
                f"topic '{topic}' of {what} must name synsets that stand below [synsets]; got '{unknown[0]}'. "
                f"{did_you_mean(unknown[0], synsets)}Add it there with its label, or correct it."
            )
        if normalise(topic) in topics:
            raise ConfigError(f"{what} must list each topic once; got '{topic}' twice. Join the two lists.")
        topics[normalise(topic)] = tuple(synsets.get(one, one) for one in labels)
    return topics


class LabelIndex:
    """The labels of a head by name.

    Parameters
    ----------
    known : sequence of str
        By output.
    """

    def __init__(self, known: Sequence[str]) -> None:
        self._known = tuple(known)
        self._exact: dict[str, list[int]] = {}
        self._first: dict[str, list[int]] = {}
        for column, name in enumerate(self._known):
            self._exact.setdefault(name, []).append(column)
            self._first.setdefault(normalise(name), []).append(column)

    def columns(self, label: str) -> list[int]:
        """Return the outputs that say ``label``: those of exactly this name, else those of the same first synonym.

        Both classes *crane* of ImageNet are written so; ``crane, bird`` and ``crane`` are not the same.
        """
        return self._exact.get(label) or self._first.get(normalise(label), [])

    def mask(self, classes: Sequence[str], *, data: str) -> list[int]:
        """Return the outputs that may be said where only ``classes`` occur, in order; all where ``classes`` is empty.

        Parameters
        ----------
        classes : sequence of str
            A label that the head does not know is refused: with a misspelled class the mask would be another one.
        data : str
            Name of the data set, for messages.

        Raises
        ------
        DataError
            If the head does not know a class.
        """
        if not classes or not self._known:
            return list(range(len(self._known)))
        found: set[int] = set()
        for label in classes:
            columns = self.columns(label)
            if not columns:
                hint = did_you_mean(label, self._known) or "Correct or leave it out."
                raise DataError(
                    f"classes of data set '{data}' must be labels of the head; got '{label}', which is none of its "
                    f"{len(self._known):,}. {hint}".rstrip()
                )
            found.update(columns)
        return sorted(found)
