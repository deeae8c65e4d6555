"""Names of labels: of a topic (``LabelMap``) and of the outputs of a head (``LabelIndex``); a mask of valid labels."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from fairaudit.core.errors import ConfigError, DataError, did_you_mean
from fairaudit.core.open_file import read_toml
from fairaudit.core.typed_values import build
from fairaudit.measures.taxonomy import normalise

_SYNSET = re.compile(r"n\d{8}")


@dataclass(frozen=True)
class LabelMap:
    """Topics of a data set, and the labels that name the same object; many to many.

    Parameters
    ----------
    name, version, source : str
        For the report.
    topics : mapping of str to tuple of str
        Names of labels by topic (as ``normalise`` writes it); empty if no label names the object.
    synsets : mapping of str to str
        Label of each WordNet id that ``topics`` is made with.
    """

    name: str
    version: str
    source: str
    topics: Mapping[str, tuple[str, ...]]
    synsets: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for synset in self.synsets:
            if not _SYNSET.fullmatch(synset):
                raise ConfigError(
                    f"keys of synsets must be WordNet ids of nouns, an n and 8 digits; got '{synset}'. Correct it."
                )
        topics: dict[str, tuple[str, ...]] = {}
        for topic, labels in self.topics.items():
            unknown = [one for one in labels if _SYNSET.fullmatch(one) and one not in self.synsets]
            if unknown:
                raise ConfigError(
                    f"topics.{topic} must name synsets that stand below [synsets]; got '{unknown[0]}'. "
                    f"{did_you_mean(unknown[0], self.synsets)}Add it there with its label, or correct it."
                )
            if normalise(topic) in ("", *topics):
                raise ConfigError(
                    f"topics must have a name each, no two alike; got '{topic}'. Rename it, or join the two lists."
                )
            topics[normalise(topic)] = tuple(self.synsets.get(one, one) for one in labels)
        object.__setattr__(self, "topics", topics)


@dataclass(frozen=True)
class HeadLabels:
    """All labels of a head, found by name.

    Parameters
    ----------
    known : sequence of str
        The labels as the head writes them, such as ``"studio couch, day bed"``.
    """

    known: Sequence[str]

    def find(self, name: str) -> frozenset[str]:
        """Return the labels with that name, as ``spelled`` writes them; empty if the head has none.

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
    return build(LabelMap, data, where=f"label map '{file.name}'")


class LabelIndex:
    """The labels of a head by name.

    Parameters
    ----------
    known : sequence of str
        Name of each output.
    """

    def __init__(self, known: Sequence[str]) -> None:
        self._known = tuple(known)
        self._exact: dict[str, list[int]] = {}
        self._first: dict[str, list[int]] = {}
        for column, name in enumerate(self._known):
            self._exact.setdefault(name, []).append(column)
            self._first.setdefault(normalise(name), []).append(column)

    def columns(self, label: str) -> list[int]:
        """Return the outputs of ``label``: those of exactly this name, else those of the same first synonym.

        Both classes *crane* of ImageNet are written so; ``crane, bird`` and ``crane`` are not the same.
        """
        return self._exact.get(label) or self._first.get(normalise(label), [])

    def mask(self, classes: Sequence[str], *, data: str) -> list[int]:
        """Return the outputs of ``classes``, in order; all outputs if ``classes`` is empty.

        Parameters
        ----------
        classes : sequence of str
            Labels that occur in the data. An unknown label is an error, since a misspelled class would change the mask.
        data : str
            Name of the data set, for messages.

        Raises
        ------
        DataError
            If the head does not know a class.
        """
        if not classes or not self._known:
            return list(range(len(self._known)))
        outputs: set[int] = set()
        for label in classes:
            columns = self.columns(label)
            if not columns:
                hint = did_you_mean(label, self._known) or "Correct or leave it out."
                raise DataError(
                    f"classes of data set '{data}' must be labels of the head; got '{label}', which is none of its "
                    f"{len(self._known):,}. {hint}".rstrip()
                )
            outputs.update(columns)
        return sorted(outputs)
