"""Retrieval where labels mean nothing: real embeddings whose labels are permuted over persons.

Every audit is ``representation_disparity``'s own and ``decide``'s. Neighbour lists do not depend on labels: they are
found once for each choice of images. Rows and sums on which no verdict depends are left out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
import pandas as pd

from benchmarks.face_vectors import RECORDED, Floats32, Vectors
from fairaudit.core.errors import RequirementError
from fairaudit.core.samples import Feature, Samples
from fairaudit.core.tables import Embeddings
from fairaudit.indicators import representation_disparity as retrieval
from fairaudit.measures import neighbours
from fairaudit.stats.gallery import GalleryRole
from fairaudit.stats.outcomes import Floats, Ints
from fairaudit.stats.sufficient_statistics import Statistics
from fairaudit.stats.verdicts import decide

GROUPS, SIZES, LENGTHS = (2, 3, 5, 10, 14), (50, 100, 200, 1000), (1, 5, 10, 50)
_LISTS_EVERY = 10  # draws with the same images, and so with the same neighbour lists
_DROPPED_EVERY = 4  # draws that are also audited without the gallery's role


@dataclass(frozen=True)
class Design:
    """Which images are audited, and by which labels.

    Parameters
    ----------
    source : Path
        Where the vectors were saved.
    groups, n : int
        Groups and images in each; 0: all images, with the labels as recorded (permuted).
    length : int
        Length of the neighbour list of the headline.
    attribute : str
        What a neighbour must share: ``"group"``, or ``"half"``, another label of two values. For all images, the
        recorded feature.
    per_person : int
        Two: each image is joined by its mirror image, as another of the same person.
    """

    source: Path
    groups: int
    n: int
    length: int
    attribute: str = "group"
    per_person: int = 1

    @property
    def name(self) -> str:
        """The design in a few words."""
        what = f"{self.groups} x {self.n}" if self.groups else "all images"
        mirrored = ", with mirror images" if self.per_person == 2 else ""
        return f"{what}, neighbours with the same {self.attribute} among {self.length}{mirrored}"


@dataclass(frozen=True)
class Alarms:
    """Audits with any ``disparity`` among ``n``, and among ``n_dropped`` without the gallery's role.

    ``refused`` of the ``n`` gave no verdict at all: the list is too short to hold the values in equal parts.
    """

    n: int
    count: int
    refused: int
    n_dropped: int
    dropped: int


def designs(source: Path, vectors: Vectors, *, quick: bool) -> Iterator[Design]:
    """Yield the designs for which there are enough images."""
    features = [f.name for f in RECORDED]
    yield from (Design(source, 0, 0, 10, name) for name in (features[:1] if quick else features))
    for k, n in product((2, 5, 14) if quick else GROUPS, (50, 200, 1000) if quick else SIZES):
        if k * n > len(vectors.vectors):
            continue
        yield from (Design(source, k, n, length) for length in ((10,) if quick and n > 50 else LENGTHS))
        yield Design(source, k, n, 10, "half")
        if vectors.mirrored is not None:
            yield Design(source, k, n, 10, per_person=2)


def measure(design: Design, draws: int, seed: int) -> Alarms:
    """Permute labels ``draws`` times and count audits with any ``disparity``."""
    stored = _stored(design.source)
    rng, count, refused, dropped, n_dropped = np.random.default_rng(seed), 0, 0, 0, 0
    config = retrieval.Config(attribute=design.attribute, k=(design.length,) if design.groups else (10, 50))
    for draw in range(draws):
        if draw % _LISTS_EVERY == 0:
            rows, persons = _chosen(design, len(stored["vectors"]), rng)
            vectors = stored["vectors"][rows]
            if design.per_person == 2:
                vectors = np.where((np.arange(len(rows)) % 2 == 1)[:, None], stored["mirrored"][rows], vectors)
            lists = Lists()
        samples = labelled(design, persons, stored, rng)
        embeddings = Embeddings(samples.sample_ids, vectors)
        try:
            count += alarm(samples, embeddings, config, lists)
        except RequirementError:
            refused += 1
            continue
        if draw % _DROPPED_EVERY == 0:
            with _without_gallery():
                dropped += alarm(samples, embeddings, config, lists)
            n_dropped += 1
    return Alarms(draws, count, refused, n_dropped, dropped)


class Lists:
    """``nearest`` for images that stay the same: the lists of the first call, or longer ones where they are wanted."""

    def __init__(self) -> None:
        self.found: Ints | None = None

    def __call__(self, *vectors: Floats32, k: int, query_clusters: Ints, gallery_clusters: Ints) -> Ints:
        """Return the nearest ``k``."""
        if self.found is None or k > self.found.shape[1]:
            self.found = neighbours.nearest(
                *vectors, k=k, query_clusters=query_clusters, gallery_clusters=gallery_clusters
            )
        return self.found[:, :k]


@contextmanager
def verdicts_only() -> Iterator[None]:
    """Leave out what takes most of the time and has no part in a verdict of the shipped plan.

    These are intersections, controls, the gap, the ratio and the omnibus test, which are exploratory, and the sums that
    are saved.
    """
    with (
        patch("fairaudit.stats.contrasts.overall_rows", return_value=[]),
        patch("fairaudit.stats.disparity._Walk.intersections"),
        patch("fairaudit.stats.disparity._Walk.controls"),
        patch.object(Statistics, "add"),
    ):
        yield


def alarm(samples: Samples, embeddings: Embeddings, config: retrieval.Config, lists: Lists) -> bool:
    """Whether an audit of ``samples`` finds any ``disparity``."""
    with patch.object(retrieval, "nearest", lists), verdicts_only():
        result = retrieval.compute(samples=samples, config=config, embeddings=embeddings)
    (decided,), _ = decide([result])
    return bool((decided.disparities["verdict"] == "disparity").any())


def labelled(
    design: Design, persons: Ints, recorded: Mapping[str, npt.NDArray[np.str_]], rng: np.random.Generator
) -> Samples:
    """Return the images of ``persons`` (N,) with labels that were drawn for persons, whatever the images show."""
    n_persons = int(persons.max()) + 1
    order = rng.permutation(n_persons)
    rows = pd.DataFrame({"sample_id": [str(i) for i in range(len(persons))], "cluster_id": persons.astype(str)})
    features: tuple[Feature, ...] = RECORDED
    if not design.groups:
        columns = {f.name: recorded[f.name][order][persons] for f in features}
    else:
        names = {"group": tuple(f"group {g + 1}" for g in range(design.groups)), "half": ("one", "other")}
        codes = {"group": order % design.groups, "half": rng.permutation(n_persons) % 2}
        features = tuple(
            Feature(name, names[name], "synthetic", "drawn") for name in dict.fromkeys(("group", design.attribute))
        )
        columns = {f.name: np.array(f.groups)[codes[f.name]][persons] for f in features}
    rows = rows.assign(path="", split="", label="", text="", **columns)
    return Samples("permuted", "permuted", "people", Path(), rows, features, "person", "none")


def _chosen(design: Design, n_images: int, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return the image of each row and its person, from 0."""
    wanted = design.groups * design.n // design.per_person if design.groups else n_images
    rows = rng.permutation(n_images)[:wanted]
    return np.repeat(rows, design.per_person), np.repeat(np.arange(wanted), design.per_person)


@contextmanager
def _without_gallery() -> Iterator[None]:
    """Count clusters as queries only."""

    def no_influence(
        role: GalleryRole, partitions: Sequence[tuple[Ints, int, Floats]], n_codes: int = 0
    ) -> list[Floats]:
        return [np.zeros((max(n_codes, role.n_codes), n_groups)) for _, n_groups, _ in partitions]

    def no_noise(_: GalleryRole, coefficients: Floats) -> Floats:
        return np.zeros(coefficients.shape[1])

    with patch.object(GalleryRole, "partition_sums", no_influence), patch.object(GalleryRole, "pair_noise", no_noise):
        yield


@cache
def _stored(path: Path) -> dict[str, npt.NDArray[Any]]:
    with np.load(path) as parts:
        return dict(parts)
