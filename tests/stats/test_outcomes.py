"""What outcomes may be, which rows of them count, and which averages are shares."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from fairaudit.core.errors import DataError
from fairaudit.stats.gallery import GalleryRole, Moves
from fairaudit.stats.outcomes import Outcomes


def test_outcomes_have_one_cluster_each() -> None:
    with pytest.raises(DataError) as caught:
        Outcomes("hit@5", np.zeros(3), np.zeros(2, dtype=np.int64))
    assert str(caught.value) == (
        "outcomes of 'hit@5' must have one cluster per value; got (3,) values and (2,) clusters. "
        "Align both by sample_id."
    )


@pytest.mark.parametrize("value", [-0.01, 1.5])
def test_outcomes_lie_in_the_unit_interval(value: float) -> None:
    values = np.array([0.5, value, np.nan])
    with pytest.raises(DataError, match=r"outcomes of 'hit' must lie in \[0, 1\]; got .* Set unit_interval=False"):
        Outcomes("hit", values, np.arange(3))
    assert Outcomes("hit", values, np.arange(3), unit_interval=False).measured.tolist() == [True, True, False]


def weighted(weights: npt.NDArray[np.float64], **fields: Any) -> Outcomes:
    return Outcomes("hit", np.array([0.0, 1.0, 1.0]), np.arange(3), weights=weights, **fields)


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ([1, 2], r"got \(2,\) numbers, 0 of them negative or not finite"),
        ([1, -2, np.nan], r"got \(3,\) numbers, 2 of them negative or not finite"),
        ([1, 2, np.inf], r"got \(3,\) numbers, 1 of them negative or not finite"),
    ],
)
def test_weights_are_finite_and_one_for_each_row(weights: list[float], said: str) -> None:
    with pytest.raises(DataError, match=rf"^weights of 'hit' must be a finite .* its 3 rows; {said}\. Correct the"):
        weighted(np.array(weights, dtype=float))


def test_an_auroc_is_not_weighted() -> None:
    with pytest.raises(
        DataError, match=r"^outcomes of 'hit' must not be weighted: it is an AUROC, .* sample_weight\.$"
    ):
        weighted(np.ones(3), labels=np.array([0, 1, 1]))


def test_what_counts() -> None:
    one = Outcomes("hit", np.array([np.nan, 1.0, 0.0, 1.0]), np.array([0, 1, 1, 2]), weights=np.array([1.0, 2, 0, 1]))
    assert one.measured.tolist() == [False, True, False, True]
    assert one.one_row_each  # the other row of cluster 1 has no weight
    assert one.n_clusters(np.array([True, True, True, False])) == 1
    assert not one.independent_hits
    assert Outcomes("hit", np.array([1.0, 0.0]), np.arange(2)).independent_hits
    assert not Outcomes("hit", np.array([1.0, 0.5]), np.arange(2)).independent_hits
    assert not Outcomes("hit", np.array([1.0, 0.0]), np.zeros(2, dtype=np.int64)).independent_hits


def test_which_averages_are_shares() -> None:
    values, clusters = np.array([0.0, 1.0]), np.arange(2)
    role = GalleryRole.of(Moves(np.array([[0], [1]]), np.zeros((2, 1))), clusters)
    kinds = {
        "hits": Outcomes("p", values, clusters), "gallery": Outcomes("p", values, clusters, gallery=role),
        "auroc": Outcomes("p", values, clusters, labels=np.arange(2)),
        "loss": Outcomes("p", 9 * values, clusters, unit_interval=False),
    }  # fmt: skip
    assert {name for name, one in kinds.items() if one.is_share} == {"hits"}
    assert {name for name, one in kinds.items() if one.bounded} == {"hits", "gallery"}


def test_codes_cover_both_roles() -> None:
    one = Outcomes("p", np.zeros(2), np.array([0, 1]))
    assert one.n_codes == 2
    role = GalleryRole.of(Moves(np.array([[5], [7]]), np.array([[0.5], [0.25]])), np.arange(2))
    shared = Outcomes("p", np.zeros(2), np.array([0, 1]), gallery=role)
    assert shared.n_codes == 8
    assert shared.cluster_sums(np.array([2.0, 4.0])).tolist() == [2, 4, 0, 0, 0, 0, 0, 0]


def test_outcomes_of_nobody() -> None:
    none = Outcomes("p", np.zeros(0), np.zeros(0, dtype=np.int64))
    assert (none.n_codes, none.n_clusters(np.zeros(0, dtype=bool)), none.one_row_each) == (0, 0, True)
