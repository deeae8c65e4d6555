r"""Ranking metrics of neighbour lists: shares of classes, and the divergence of their mix from the gallery's.

Each measure comes with its derivatives by the gallery, for its standard error (``stats.gallery``).

Shape suffixes: Q queries, K neighbours, C classes; a list of K items has K prefixes.

References
----------
.. [1] Goyal et al. (2022), arXiv:2202.07603, section 3.3, for precision at k.
.. [2] Geyik, Ambler and Kenthapadi (2019), "Fairness-Aware Ranking in Search & Recommendation Systems",
   arXiv:1905.01989, for Skew@k, MaxSkew@k and NDKL.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from fairaudit.stats.outcomes import Floats, Ints

Hits = npt.NDArray[np.bool_] | Floats

#: Neighbours behind a list that would replace a lost item; longer lists take more.
BEHIND = 10
_DRAWS = 500


class Measure(NamedTuple):
    """A number for each list, with its derivatives.

    Parameters
    ----------
    value : ndarray of float, shape (Q,)
    influence : ndarray of float, shape (Q, K)
        Derivative by the weight of each neighbour that a list may hold, which displaces others.
    by_class : ndarray of float, shape (Q, C), or None
        Derivative by the logarithm of each class's share of the gallery, where the number is adjusted for the shares.
    """

    value: Floats
    influence: Floats
    by_class: Floats | None


def share(hit_QK: Hits, weight_QK: Floats | None, k: int) -> tuple[Floats, Floats]:
    """Return the weighted share (Q,) of hits in a list, and its derivative by the weight of each neighbour.

    Neighbours are taken until their weights reach ``k``, the last one whole: were it cut at ``k``, rare values, which
    weigh more, would lose more at the cut, and chance would be below 1 / C for them. An item that leaves the list
    makes room for those behind it, so its influence is its hit less the share of hits among these. Without weights,
    each weighs one. Derivatives are those of the neighbours up to the last that any query takes.
    """
    if weight_QK is None:
        behind_QK = hit_QK[:, k : k + max(k, BEHIND)]
        mean = hit_QK[:, :k].mean(axis=1)
        others_Q = behind_QK.mean(axis=1) if behind_QK.shape[1] else mean
        return mean, np.asarray((hit_QK[:, :k] - others_Q[:, None]) / k, dtype=np.float64)
    before = np.cumsum(weight_QK, axis=1) - weight_QK
    reach = k * (1 - 1e-9)  # the sum of k ones must be k, however it is rounded
    used = np.where(before < reach, weight_QK, 0.0)
    behind = np.where((before >= reach) & (before < k + max(k, BEHIND)), weight_QK, 0.0)
    total = used.sum(axis=1, keepdims=True)
    value = (used * hit_QK).sum(axis=1, keepdims=True) / total
    room = behind.sum(axis=1, keepdims=True)
    others = np.where(room > 0, (behind * hit_QK).sum(axis=1, keepdims=True) / np.where(room > 0, room, 1), value)
    end = int(np.flatnonzero(used.any(axis=0)).max(initial=0)) + 1
    return np.clip(value[:, 0], 0, 1), np.asarray((used * (hit_QK - others) / total)[:, :end], dtype=np.float64)


def max_skew(class_QK: Ints, share_QC: Floats, k: int) -> Measure:
    r"""Return MaxSkew@k [2]_: the log ratio of the shares in list and gallery, of the most overrepresented class.

    .. math:: \max_c \ln (p_c / s_c)

    with :math:`p_c` the share of class c among the first k and :math:`s_c` its share in the gallery. It is 0 if the
    list has the gallery's mix, which is best, and at most the logarithm of one over the rarest class's share. Lists of
    finite length that are drawn at random are above 0, too (``by_chance``).

    Parameters
    ----------
    class_QK : ndarray of int, shape (Q, K)
        Class of each neighbour, nearest first.
    share_QC : ndarray of float, shape (Q, C)
        Shares of the classes in the gallery of each query.
    k : int
    """
    counts_QC = sums_by_class(class_QK[:, :k], None, share_QC.shape[1])
    skew_QC = np.full(share_QC.shape, -np.inf)
    np.log(counts_QC / k / np.where(share_QC > 0, share_QC, 1), out=skew_QC, where=counts_QC > 0)
    most_Q = skew_QC.argmax(axis=1)
    p_Q, influence_QK = share(class_QK == most_Q[:, None], None, k)
    by_class = -(most_Q[:, None] == np.arange(share_QC.shape[1])).astype(float)
    return Measure(skew_QC.max(axis=1), influence_QK / p_Q[:, None], by_class)


def ndkl(class_QK: Ints, share_QC: Floats, k: int) -> Measure:
    r"""Return NDKL [2]_: the divergence of the first neighbours from the gallery's mix, with more weight on near ones.

    .. math:: \frac{1}{Z} \sum_{i=1}^{k} \frac{1}{\log_2(i + 1)} \sum_c p_{ic} \ln \frac{p_{ic}}{s_c}

    with :math:`p_{ic}` the share of class c among the first i, and Z the sum of the weights. It is at least 0, which is
    best and out of reach: the first neighbour alone is never of the gallery's mix (``by_chance``). Parameters as in
    ``max_skew``.
    """
    n, length = class_QK.shape
    place_K = np.arange(1, k + 1)
    weight_K = 1 / np.log2(place_K + 1)
    weight_K /= weight_K.sum()
    last_K = np.minimum(place_K + np.maximum(place_K, BEHIND), length)
    value, others_QK = np.zeros(n), np.zeros((n, k))
    influence, by_class = np.zeros((n, k)), np.zeros(share_QC.shape)
    for c in range(share_QC.shape[1]):
        seen_QK = np.cumsum(class_QK == c, axis=1)
        p_QK = seen_QK[:, :k] / place_K
        whole = np.where(share_QC[:, c : c + 1] > 0, share_QC[:, c : c + 1], 1)
        value += np.where(p_QK > 0, p_QK * np.log(np.where(p_QK > 0, p_QK, 1) / whole), 0) @ weight_K
        by_class[:, c] = -(p_QK @ weight_K)
        # A class that is not among the first i enters as one of i: half of that keeps its slope finite.
        slope_QK = np.log(np.maximum(p_QK, 0.5 / place_K) / whole)
        behind_QK = (seen_QK[:, last_K - 1] - seen_QK[:, :k]) / np.maximum(last_K - place_K, 1)
        others_QK += np.where(last_K > place_K, behind_QK, p_QK) * slope_QK
        influence += np.where(class_QK[:, :k] == c, _from_here(slope_QK * weight_K / place_K), 0)
    influence -= _from_here(others_QK * weight_K / place_K)
    return Measure(value, influence, by_class)


def by_chance(classes: Ints, ks: tuple[int, ...]) -> dict[str, float]:
    """Return the expected ``max_skew`` at each k, and ``ndkl`` at the largest, of lists drawn at random.

    Parameters
    ----------
    classes : ndarray of int, shape (G,)
        Of the gallery items; each list is drawn from them without replacement, always by the same seed.
    ks : tuple of int
        At most G.
    """
    rng = np.random.default_rng(0)
    drawn = np.stack([rng.choice(classes, size=max(ks), replace=False) for _ in range(_DRAWS)])
    shares = np.broadcast_to(np.bincount(classes) / len(classes), (_DRAWS, int(classes.max()) + 1))
    expected = {f"max_skew@{k}": float(max_skew(drawn, shares, k).value.mean()) for k in ks}
    return expected | {f"ndkl@{max(ks)}": float(ndkl(drawn, shares, max(ks)).value.mean())}


def sums_by_class(class_QK: npt.NDArray[np.integer], values_QK: Floats | None, n_classes: int) -> Floats:
    """Return the sums of values, or the number of neighbours, by query and class (Q, C)."""
    at = class_QK + np.arange(0, len(class_QK) * n_classes, n_classes)[:, None]
    weights = None if values_QK is None else values_QK.ravel()
    return np.bincount(at.ravel(), weights, len(class_QK) * n_classes).astype(np.float64).reshape(-1, n_classes)


def _from_here(values_QK: npt.NDArray[np.float64]) -> Floats:
    """Return the sums from each place to the end."""
    return np.asarray(np.cumsum(values_QK[:, ::-1], axis=1)[:, ::-1])
