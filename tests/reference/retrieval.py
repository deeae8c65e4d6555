"""Same-attribute retrieval in float64, one query at a time: sort the whole gallery, walk down the list.

Source: Goyal et al. (2022), arXiv:2202.07603, section 3.3, for precision at k. It shares nothing with the code that
it checks.
"""

from __future__ import annotations

from collections.abc import Sequence

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
