"""``split_parts``: split rows for fitting, choosing the strength and measuring accuracy, by whole clusters."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from sklearn.model_selection import StratifiedGroupKFold

# Legend of shape suffixes: N rows.

Labels = npt.NDArray[np.str_]

#: Share of each label's images that chooses the strength, and share that measures the accuracy.
HELD_OUT = 0.2

FIT, CHOOSE, OUT = "fit", "choose", "held out"
_FOLDS = round(1 / HELD_OUT)


def split_parts(y_N: Labels, seed: int, *, clusters: Sequence[str] = ()) -> Labels:
    """Return ``"fit"``, ``"choose"`` or ``"held out"`` for each row; every label is in ``"fit"``.

    Some 20 % of each label's rows are held out and 20 % choose, as far as clusters allow it: a label of one or two
    clusters is missing in one or both of these parts, and always in ``"fit"``.

    Parameters
    ----------
    y_N : ndarray of str, shape (N,)
        Labels.
    seed : int
    clusters : sequence of str
        Person, household or source image of each row; rows of one cluster stay together. Empty: each row is its own.
    """
    if not len(clusters):
        return _by_row(y_N, seed)
    return _by_cluster(y_N, np.unique(np.asarray(clusters, dtype=np.str_), return_inverse=True)[1], seed)


def _by_row(y_N: Labels, seed: int) -> Labels:
    rng = np.random.default_rng(seed)
    part_N = np.full(len(y_N), FIT, dtype="<U8")
    for label in np.unique(y_N):
        rows = rng.permutation(np.flatnonzero(y_N == label))
        share = max(1, round(HELD_OUT * len(rows)))
        if len(rows) >= 2:
            part_N[rows[:share]] = OUT
        if len(rows) >= 3:
            part_N[rows[share : 2 * share]] = CHOOSE
    return part_N


def _by_cluster(y_N: Labels, cluster_N: npt.NDArray[np.int64], seed: int) -> Labels:
    part_N = np.full(len(y_N), FIT, dtype="<U8")
    folds = min(_FOLDS, int(cluster_N.max()) + 1, int(np.unique(y_N, return_counts=True)[1].max()))
    if folds < 2:
        return part_N
    dealer = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        # It names a label with fewer rows than folds; the notes of the accuracy cover that.
        warnings.filterwarnings("ignore", message="The least populated class", category=UserWarning)
        dealt = [rows for _, rows in dealer.split(y_N, y_N, cluster_N)]
    # The first fold gets the largest clusters: the held-out fold is drawn, so that it differs between seeds.
    first, second, *_ = np.random.default_rng(seed).permutation(folds)
    part_N[dealt[first]] = OUT
    if folds > 2:
        part_N[dealt[second]] = CHOOSE
    for label in np.unique(y_N):
        _keep_one(part_N, cluster_N, y_N == label)
    return part_N


def _keep_one(part_N: Labels, cluster_N: npt.NDArray[np.int64], own_N: npt.NDArray[np.bool_]) -> None:
    """Move one cluster to ``"fit"`` if no row of a label (``own_N``) is there: the label could not be learned."""
    if (part_N[own_N] == FIT).any():
        return
    spare = own_N & (part_N == CHOOSE)
    cluster = cluster_N[np.flatnonzero(spare if spare.any() else own_N)[0]]
    part_N[cluster_N == cluster] = FIT
