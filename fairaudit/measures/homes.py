"""``Photos``: the distinct photographs of homes, and their correct labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from fairaudit.core.samples import Samples
from fairaudit.core.tables import Predictions
from fairaudit.measures.labels import HeadLabels, LabelMap, spelled
from fairaudit.measures.taxonomy import normalise
from fairaudit.stats.outcomes import Floats, Ints

#: Optional column of the samples: identifier of the image at its source, such as its address; may be empty.
IMAGE_KEY = "image_key"
#: Optional column of the samples: lists of the labels that name the object of a photo.
LABELS = "labels"


@dataclass(frozen=True)
class Photos:
    """N distinct photos of R rows of samples, or N = R rows if every row counts.

    Parameters
    ----------
    samples : Samples
        The first row of each photo.
    topics : ndarray of str, shape (N,)
        Topic of each photo.
    right : tuple of frozenset of str
        Correct labels of the head under any topic of the photo, as ``spelled``; empty if the head has none.
    predictions : Predictions or None
    first : ndarray of int, shape (N,)
        Row of each photo in the input samples.
    n_copies : int
        Rows that repeat the photo of an earlier row, whether they count or not.
    unknown : tuple of str
        Topics of photos without a correct label.
    strange : tuple of str
        Names that are correct by label map or data set, and are no label of the head.
    """

    samples: Samples
    topics: npt.NDArray[np.str_]
    right: tuple[frozenset[str], ...]
    predictions: Predictions | None
    first: Ints
    n_copies: int
    unknown: tuple[str, ...]
    strange: tuple[str, ...]

    @classmethod
    def of(
        cls,
        samples: Samples,
        predictions: Predictions | None,
        *,
        content_digests: Sequence[str] | None = None,
        label_map: LabelMap | None = None,
        once: bool = True,
    ) -> Photos:
        """Return the photos of the rows.

        Parameters
        ----------
        samples : Samples
        predictions : Predictions or None
            Rows aligned with ``samples``.
        content_digests : sequence of str, optional
            SHA-256 of each row's file.
        label_map : LabelMap, optional
            Correct labels of each topic; default: the column ``LABELS`` or, without it, the topic itself.
        once : bool
            Whether a photo counts once; otherwise every row counts.
        """
        head = HeadLabels(() if predictions is None else predictions.known_labels)
        names = _names(samples, label_map)
        labels_of = {name: head.find(name) for of_row in names for name in of_row}
        topics = np.array([normalise(t) for t in samples.table["label"].astype(str)])
        images = image_codes(samples, content_digests)
        counted = images if once else np.arange(len(samples), dtype=np.int64)
        first = np.unique(counted, return_index=True)[1].astype(np.int64)
        right: list[set[str]] = [set() for _ in first]
        for photo, of_row in zip(counted, names, strict=True):
            right[photo].update(*(labels_of[name] for name in of_row))
        unknown = {str(topic) for topic, photo in zip(topics, counted, strict=True) if not right[photo]}
        if len(first) < len(samples):
            samples = samples.select(np.isin(np.arange(len(samples)), first).tolist())
            if predictions is not None:
                predictions = dataclasses.replace(
                    predictions, sample_ids=samples.sample_ids, labels=predictions.labels[first],
                    scores=predictions.scores[first],
                )  # fmt: skip
        return cls(
            samples=samples,
            topics=topics[first],
            right=tuple(frozenset(labels) for labels in right),
            predictions=predictions,
            first=first,
            n_copies=len(images) - len(np.unique(images)),
            unknown=tuple(sorted(unknown)),
            strange=tuple(sorted(name for name, labels in labels_of.items() if not labels)),
        )

    def hits(self, k: int) -> Floats:
        """Return 1 if a correct label is among the k most probable ones, else 0, (N,); NaN without a correct label."""
        hit = np.full(len(self.right), np.nan)
        if self.predictions is None:
            return hit
        labels_NK = self.predictions.labels[:, :k]
        names, code = np.unique(labels_NK, return_inverse=True)
        spellings, code_NK = np.array([spelled(str(name)) for name in names]), code.reshape(labels_NK.shape)
        rows_of: dict[frozenset[str], list[int]] = {}
        for row, labels in enumerate(self.right):
            rows_of.setdefault(labels, []).append(row)
        for labels, rows in rows_of.items():
            if labels:
                hit[rows] = np.isin(spellings, sorted(labels))[code_NK[rows]].any(axis=1)
        return hit


def image_codes(samples: Samples, content_digests: Sequence[str] | None = None) -> Ints:
    """Return the code (R,) of the photo that each row shows, from 0 in the order of first rows.

    Rows of one cluster show one photo if their files have the same contents, or the same ``IMAGE_KEY``. Equal photos of
    different clusters remain different photos, of different households.

    Parameters
    ----------
    samples : Samples
    content_digests : sequence of str, optional
        SHA-256 of each row's file. Without them, and without keys, every row is a photo of its own.
    """
    n = len(samples)
    clusters = pd.factorize(samples.table["cluster_id"])[0]
    named = [] if content_digests is None else [np.asarray(content_digests, dtype=str)]
    if IMAGE_KEY in samples.table:
        named.append(samples.table[IMAGE_KEY].to_numpy(str))
    rows, nodes, n_nodes = [], [], n
    for names in named:
        there = np.flatnonzero(names != "")
        same = pd.DataFrame({"cluster": clusters[there], "name": names[there]}).groupby(["cluster", "name"], sort=False)
        rows.append(there)
        nodes.append(n_nodes + same.ngroup().to_numpy())
        n_nodes += same.ngroups
    if not rows:
        return np.arange(n, dtype=np.int64)
    # Graph of rows and of the names that identify their photo: its components are photos.
    at, to = np.concatenate(rows), np.concatenate(nodes)
    graph = coo_array((np.ones(len(at), dtype=np.int8), (at, to)), shape=(n_nodes, n_nodes))
    _, component = connected_components(graph, directed=False)
    return np.asarray(pd.factorize(component[:n])[0], dtype=np.int64)


def _names(samples: Samples, label_map: LabelMap | None) -> list[tuple[str, ...]]:
    """Return the names of the correct labels of each row."""
    topics = samples.table["label"].astype(str)
    if label_map is not None:
        return [label_map.topics.get(normalise(topic), ()) for topic in topics]
    if LABELS in samples.table:
        return [tuple(labels) for labels in samples.table[LABELS]]
    return [(topic,) for topic in topics]
