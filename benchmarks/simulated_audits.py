"""Inputs of all four indicators in which nothing depends on any group: what a whole audit must not take for a finding.

People, homes and memes come in clusters that are alike, groups are of unequal size, and some are ordered.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.result import IndicatorResult
from fairaudit.core.samples import Feature, Samples, Subject
from fairaudit.core.tables import Embeddings, Predictions
from fairaudit.indicators import geographic_disparity, hate_speech, label_association, representation_disparity
from fairaudit.stats.outcomes import Floats, Ints

_PEOPLE: dict[str, tuple[float, ...]] = {
    "gender": (0.6, 0.4),
    "skin_tone": (0.5, 0.3, 0.2),
    "origin": (0.4, 0.25, 0.15, 0.12, 0.08),
}
_REGIONS, _TARGETS = (0.4, 0.3, 0.2, 0.1), (0.35, 0.25, 0.2, 0.12, 0.08)
_TOPICS = tuple(f"topic {i + 1}" for i in range(8))


@dataclass(frozen=True)
class World:
    """How much there is of everything, and how alike the members of a cluster are.

    Parameters
    ----------
    name : str
    persons, images : int
        Persons, and images of each: from one to twice as many less one.
    harmful : float
        Share of images of people that get a harmful label.
    homes, photos : int
        Households, and photos of each: half to one and a half times as many.
    labels : bool
        Whether the checkpoint has labels for the photos; without, neighbours are compared.
    memes, per_source : int
        Memes, and how many have one source.
    icc : float
        Intraclass correlation in every kind of cluster.
    """

    name: str
    persons: int
    images: int
    harmful: float
    homes: int
    photos: int
    labels: bool
    memes: int
    per_source: int
    icc: float


WORLDS = (
    World("small, independent", 150, 1, 0.15, 80, 5, True, 300, 1, 0.0),
    World("middling, a little alike", 400, 2, 0.05, 150, 8, True, 800, 2, 0.2),
    World("few persons and homes, much alike", 120, 8, 0.15, 60, 12, False, 400, 4, 0.5),
    World("many persons, rare harm", 1200, 1, 0.03, 300, 4, False, 1500, 1, 0.2),
)


def audit(world: World, rng: np.random.Generator) -> list[IndicatorResult]:
    """Draw the inputs and return what the four indicators make of them."""
    people, persons = _people(world, rng)
    vectors = _hubs(world, people, persons, rng)
    photos, homes = _photos(world, rng)
    memes, scores = _memes(world, rng)
    known = _topics_said(world, photos, homes, rng) if world.labels else None
    return [
        representation_disparity.compute(
            samples=people, config=representation_disparity.Config(k=(1, 10)), embeddings=vectors
        ),
        label_association.compute(
            samples=people,
            config=label_association.Config(thresholds=(0.1,)),
            predictions=_harm(world, people, persons, rng),
        ),
        geographic_disparity.compute(
            samples=photos,
            config=geographic_disparity.Config(),
            embeddings=_by_topic(world, photos, homes, rng),
            predictions=known,
        ),
        hate_speech.compute(samples=memes, config=hate_speech.Config(), scores=scores),
    ]  # fmt: skip


def _samples(
    name: str, subject: Subject, clusters: Ints, features: tuple[Feature, ...], **columns: npt.NDArray[np.str_] | Floats
) -> Samples:
    table = pd.DataFrame({
        "sample_id": [f"{name}-{i}" for i in range(len(clusters))], "path": "", "cluster_id": clusters.astype(str),
        "split": "test", "label": "", "text": "",
    }).assign(**columns)  # fmt: skip
    return Samples(name, "simulation", subject, Path(), table, features, "cluster", "none")


def _feature(name: str, n: int, *, ordered: bool = False) -> Feature:
    return Feature(name, tuple(f"{name} {i + 1}" for i in range(n)), "synthetic", "drawn", ordered=ordered)


def _drawn(feature: Feature, shares: tuple[float, ...], n: int, rng: np.random.Generator) -> npt.NDArray[np.str_]:
    return np.array(feature.groups)[rng.choice(len(shares), n, p=shares)]


def _rates(share: float, icc: float, n: int, rng: np.random.Generator) -> Floats:
    """Return the share (n,) of each cluster, beta distributed around ``share``."""
    if icc == 0:
        return np.full(n, share)
    ab = (1 - icc) / icc
    return rng.beta(share * ab, (1 - share) * ab, n)


def _people(world: World, rng: np.random.Generator) -> tuple[Samples, Ints]:
    persons = np.repeat(np.arange(world.persons), rng.integers(1, 2 * world.images, world.persons))
    features = tuple(_feature(name, len(shares), ordered=name == "skin_tone") for name, shares in _PEOPLE.items())
    columns = {f.name: _drawn(f, _PEOPLE[f.name], world.persons, rng)[persons] for f in features}
    return _samples("people", "people", persons, features, **columns), persons


def _hubs(world: World, samples: Samples, persons: Ints, rng: np.random.Generator) -> Embeddings:
    """Return vectors of which those of every fifth person are near the middle, and so in most neighbour lists."""
    spread = np.where(rng.permutation(world.persons) % 5 == 0, 0.3, 1.5)[persons, None]
    own = rng.standard_normal((world.persons, 40))[persons]
    vectors = np.sqrt(world.icc) * own + np.sqrt(1 - world.icc) * rng.standard_normal((len(persons), 40))
    return Embeddings(samples.sample_ids, (np.eye(40)[0] + spread * vectors / np.sqrt(40)).astype(np.float32))


def _harm(world: World, samples: Samples, persons: Ints, rng: np.random.Generator) -> Predictions:
    harmful = rng.random(len(persons)) < _rates(world.harmful, world.icc, world.persons, rng)[persons]
    labels = np.where(harmful[:, None], ["rat", "face"], ["face", "rat"])
    scores = np.tile(np.array([0.9, 0.05], dtype=np.float32), (len(persons), 1))
    return Predictions(samples.sample_ids, labels, scores, ("face", "rat"), "simulation")


def _photos(world: World, rng: np.random.Generator) -> tuple[Samples, Ints]:
    least = max(world.photos // 2, 1)
    homes = np.repeat(np.arange(world.homes), rng.integers(least, 2 * world.photos - least + 1, world.homes))
    region = _feature("region", len(_REGIONS))
    return _samples(
        "photos", "objects", homes, (region,), region=_drawn(region, _REGIONS, world.homes, rng)[homes],
        label=np.array(_TOPICS)[rng.integers(0, len(_TOPICS), len(homes))],
        income_usd_per_month=np.exp(rng.normal(6.0, 1.3, world.homes))[homes],
    ), homes  # fmt: skip


def _topics_said(world: World, samples: Samples, homes: Ints, rng: np.random.Generator) -> Predictions:
    """Return labels that have the topic first, or not among the five."""
    hit = rng.random(len(homes)) < _rates(0.6, world.icc, world.homes, rng)[homes]
    codes = np.array([_TOPICS.index(t) for t in samples.table["label"]])
    labels = np.array(_TOPICS)[(codes[:, None] + np.where(hit, 0, 1)[:, None] + np.arange(5)) % len(_TOPICS)]
    scores = np.tile(np.linspace(0.3, 0.1, 5, dtype=np.float32), (len(homes), 1))
    return Predictions(samples.sample_ids, labels, scores, _TOPICS, "simulation")


def _by_topic(world: World, samples: Samples, homes: Ints, rng: np.random.Generator) -> Embeddings:
    """Return vectors in which photos of one topic are near each other, and so are photos of one home."""
    codes = np.array([_TOPICS.index(t) for t in samples.table["label"]])
    vectors = 2.0 * np.eye(len(_TOPICS), 20)[codes] + rng.standard_normal((len(homes), 20)) * np.sqrt(1 - world.icc)
    vectors += rng.standard_normal((world.homes, 20))[homes] * np.sqrt(world.icc)
    return Embeddings(samples.sample_ids, vectors.astype(np.float32))


def _memes(world: World, rng: np.random.Generator) -> tuple[Samples, pd.DataFrame]:
    sources = np.arange(world.memes) // world.per_source
    target, hateful = _feature("target", len(_TARGETS)), rng.random(world.memes) < 0.45
    noise = np.sqrt(world.icc) * rng.standard_normal(world.memes)[sources]
    noise += np.sqrt(1 - world.icc) * rng.standard_normal(world.memes)
    samples = _samples(
        "memes", "memes", sources, (target,), label=np.where(hateful, "1", "0"),
        target=_drawn(target, _TARGETS, world.memes, rng),
    )  # fmt: skip
    scores = pd.DataFrame({
        "sample_id": samples.sample_ids, "split": "test", "label": hateful.astype(int),
        "score": 1 / (1 + np.exp(-1.2 * (hateful - 0.5) - noise)),
    })  # fmt: skip
    return samples, scores
