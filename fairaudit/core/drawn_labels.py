"""``DrawnLabels``: the groups of rows whose labels are not certain, drawn several times by their probabilities.

Shape suffixes: N rows, G groups of one feature, M draws.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from fairaudit.core.outcomes import Floats
from fairaudit.core.samples import NOT_RECORDED, Samples

#: So many labellings give the spread between them with a standard error of 16 % (1 / sqrt(2 * 19)).
DRAWS = 20


@dataclass(frozen=True)
class DrawnLabels:
    """One feature's groups, drawn M times.

    Parameters
    ----------
    groups : tuple of str
    codes : ndarray of int, shape (M, N)
        Position in ``groups`` of each row's group in each draw; -1 where it is not recorded.
    uncertain : float
        Share of the recorded rows that could be of more than one group, in (0, 1].
    """

    groups: tuple[str, ...]
    codes: npt.NDArray[np.int16]
    uncertain: float

    def __len__(self) -> int:
        return len(self.codes)

    def column(self, draw: int) -> npt.NDArray[Any]:
        """Return the group of each row in one draw, as text."""
        column: npt.NDArray[Any] = np.array([*self.groups, NOT_RECORDED], dtype=str)[self.codes[draw]]
        return column


def draw_labels(samples: Samples, *, draws: int = DRAWS, seed: int = 0) -> dict[str, DrawnLabels]:
    """Return the drawn labels of each feature that has a row which could be of more than one group.

    The rows of a cluster share one draw where their probabilities are the same: the group is the person's, and to draw
    it for each image would treat one doubt as many. In other clusters each row is drawn by itself. Draws depend on the
    seed, the feature's name and the ids, not on the order of the rows or on other features.
    """
    clusters = samples.table["cluster_id"].to_numpy(str)
    ids = samples.table["sample_id"].to_numpy(str)
    found = {}
    for name, shares in samples.uncertain.items():
        shares_NG = shares.to_numpy(np.float64, na_value=np.nan)
        known = ~np.isnan(shares_NG).any(axis=1)
        doubtful = (shares_NG[known] < 1).all(axis=1)
        if doubtful.any():
            codes = np.full((draws, len(shares_NG)), -1, dtype=np.int16)
            rng = np.random.default_rng([seed, *name.encode()])
            codes[:, known] = _codes(shares_NG[known], clusters[known], ids[known], draws, rng)
            found[name] = DrawnLabels(samples.feature(name).groups, codes, float(doubtful.mean()))
    return found


def _codes(
    shares_NG: Floats, clusters: npt.NDArray[Any], ids: npt.NDArray[Any], draws: int, rng: np.random.Generator
) -> npt.NDArray[np.int16]:
    names, cluster = np.unique(clusters, return_inverse=True)
    _, kind = np.unique(shares_NG, axis=0, return_inverse=True)
    lowest, highest = np.full(len(names), len(shares_NG)), np.full(len(names), -1)
    np.minimum.at(lowest, cluster, kind.ravel())
    np.maximum.at(highest, cluster, kind.ravel())
    place = np.argsort(np.argsort(ids, kind="stable"), kind="stable")
    unit = np.where((lowest == highest)[cluster], cluster, len(names) + place)
    ends_NG = np.cumsum(shares_NG, axis=1)
    ends_NG /= ends_NG[:, -1:]  # exactly 1, so that no draw lies behind the last group
    codes = np.empty((draws, len(shares_NG)), dtype=np.int16)
    for draw in range(draws):
        uniform = rng.random(len(names) + len(shares_NG))[unit]
        codes[draw] = (uniform[:, None] >= ends_NG).sum(axis=1)
    return codes


def doubts(drawn: Mapping[str, DrawnLabels]) -> tuple[str, ...]:
    """Return what a report must say of features whose labels were drawn; nothing where there are none."""
    return tuple(
        f"{note_of(drawn, [name])}: they were drawn {len(labels)} times by their probabilities, and intervals count "
        "that. Some drawn labels are wrong, which brings groups closer together than they are, and this is not "
        "corrected: a true difference may be larger than its interval says, also where it is called within tolerance."
        for name, labels in drawn.items()
    )


def note_of(drawn: Mapping[str, DrawnLabels], features: Collection[str]) -> str:
    """Return the note of a row of ``features``; empty where none of them was drawn."""
    known = [(name, 100 * drawn[name].uncertain) for name in features if name in drawn]
    return "; ".join(f"{percent:.1f} % of the labels of {name} are uncertain" for name, percent in known)
