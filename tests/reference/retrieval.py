"""Same-attribute retrieval in float64, one query at a time: sort the whole gallery, walk down the list.

Sources: Goyal et al. (2022), arXiv:2202.07603, section 3.3, for precision at k; Geyik, Ambler and Kenthapadi (2019),
arXiv:1905.01989, for MaxSkew@k and NDKL. It shares nothing with the code that it checks.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt


def ranking(
    query: npt.ArrayLike, gallery: npt.ArrayLike, own: object, clusters: Sequence[object], *, decimals: int = 12
) -> list[int]:
    """Gallery rows by falling cosine similarity, equal ones by index, without the query's own cluster."""
    q = np.asarray(query, dtype=np.float64)
    g = np.asarray(gallery, dtype=np.float64)
    similarity = [round(float(row @ q / (np.linalg.norm(row) * np.linalg.norm(q))), decimals) for row in g]
    others = [i for i in range(len(g)) if clusters[i] != own]
    return sorted(others, key=lambda i: (-similarity[i], i))


def precision(order: Sequence[int], classes: Sequence[object], wanted: object, k: int) -> float:
    """Share of the first k that show what is wanted."""
    return sum(classes[i] == wanted for i in order[:k]) / k


def balanced_precision(order: Sequence[int], classes: Sequence[object], wanted: object, k: int) -> float:
    """The same where each class weighs as much as any other among all that can be found.

    ``order`` ranks everything that the query can find. An item weighs n / (C * n_class); the list is the shortest
    prefix whose weights reach k, the last one whole.
    """
    found = [classes[i] for i in order]
    kinds = set(found)
    weight = {c: len(found) / (len(kinds) * found.count(c)) for c in kinds}
    total = hits = 0.0
    for c in found:
        if total >= k - 1e-9:
            break
        total += weight[c]
        hits += weight[c] * (c == wanted)
    return hits / total


def mix(order: Sequence[int], classes: Sequence[object]) -> dict[object, float]:
    """Share of each class in everything that a query can find."""
    found = [classes[i] for i in order]
    return {c: found.count(c) / len(found) for c in set(found)}


def max_skew(found: Sequence[object], desired: Mapping[object, float], k: int) -> float:
    """Largest logarithm of a class's share among the first k over its desired share."""
    return max(math.log(found[:k].count(c) / k / share) for c, share in desired.items() if c in found[:k])


def ndkl(found: Sequence[object], desired: Mapping[object, float], k: int) -> float:
    """Divergence of each prefix from the desired shares; the weight of i items is one over the binary log of i + 1."""
    total = norm = 0.0
    for i in range(1, k + 1):
        seen = {c: found[:i].count(c) / i for c in set(found[:i])}
        total += sum(p * math.log(p / desired[c]) for c, p in seen.items()) / math.log2(i + 1)
        norm += 1 / math.log2(i + 1)
    return total / norm
