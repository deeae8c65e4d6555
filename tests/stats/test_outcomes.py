"""Weights of averages, sums over clusters, and how a cluster acts through the gallery."""

from __future__ import annotations

import numpy as np
import pytest

from fairaudit.core.errors import DataError
from fairaudit.stats.outcomes import GalleryRole, Outcomes, class_parts
from tests.reference.inference import macro, micro


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


def test_weights_give_the_averages(rng: np.random.Generator) -> None:
    values, clusters = rng.random(60), rng.integers(0, 9, 60)
    values[rng.random(60) < 0.2] = np.nan
    mask = rng.random(60) < 0.6
    use = mask & ~np.isnan(values)
    for average, reference in (("micro", micro), ("macro", macro)):
        one = Outcomes("hit", values, clusters, average=average)  # type: ignore[arg-type]
        weights = one.mean_weights(mask)
        assert weights.sum() == pytest.approx(1, abs=1e-12)
        assert (weights[~use] == 0).all()
        assert weights[use] @ values[use] == pytest.approx(reference(values[use], clusters[use]), abs=1e-12)
        assert one.n_clusters(mask) == len(set(clusters[use].tolist()))


def test_weights_of_nothing_are_zero() -> None:
    for average in ("micro", "macro"):
        one = Outcomes("hit", np.array([np.nan, 1.0]), np.arange(2), average=average)
        assert one.mean_weights(np.array([True, False])).tolist() == [0, 0]


def test_codes_cover_both_roles() -> None:
    one = Outcomes("p", np.zeros(2), np.array([0, 1]))
    assert one.n_codes == 2
    assert one.gallery_sums(np.ones(2)).tolist() == [0, 0]
    role = GalleryRole(np.array([[5], [7]]), np.array([[0.5], [0.25]]))
    shared = Outcomes("p", np.zeros(2), np.array([0, 1]), gallery=role)
    assert shared.n_codes == 8
    assert shared.gallery_sums(np.array([2.0, 4.0])).tolist() == [0, 0, 0, 0, 0, 1, 0, 1]
    assert shared.cluster_sums(np.array([2.0, 4.0])).tolist() == [2, 4, 0, 0, 0, 0, 0, 0]


def test_class_parts_are_derivatives_of_log_shares(rng: np.random.Generator) -> None:
    classes, clusters = rng.permutation(np.arange(40) % 3), rng.integers(0, 6, 40)
    parts = class_parts(classes, clusters)
    step = 1e-6
    for cluster in range(6):
        weights = np.where(clusters == cluster, 1 + step, 1.0)
        for c in range(3):
            share, before = weights[classes == c].sum() / weights.sum(), (classes == c).mean()
            assert parts[cluster, c] == pytest.approx((np.log(share) - np.log(before)) / step, abs=1e-5)
