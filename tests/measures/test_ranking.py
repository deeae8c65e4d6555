"""Measures of lists: by hand, against sums over all possible lists, and with errors that repeated draws confirm."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import hypergeom

from fairaudit.measures.neighbours import nearest
from fairaudit.measures.ranking import by_chance, max_skew, ndkl, share
from fairaudit.measures.retrieval import Gallery, Retrieval
from fairaudit.stats.estimates import average
from fairaudit.stats.outcomes import Outcomes

HALVES = np.array([[0.5, 0.5]])


def test_share_by_hand() -> None:
    """Of the first two one is a hit, and of the two behind them one: a hit gains half, a miss loses half."""
    for weights in (None, np.ones((1, 4))):
        value, influence = share(np.array([[1.0, 0, 0, 1]]), weights, 2)
        assert value == pytest.approx([0.5])
        assert influence == pytest.approx(np.array([[0.25, -0.25]]))


def test_max_skew_by_hand() -> None:
    found = max_skew(np.array([[0, 1, 1, 1]]), HALVES, 4)
    assert found.value == pytest.approx([np.log(1.5)])
    assert found.by_class == pytest.approx(np.array([[0.0, -1.0]]))
    assert max_skew(np.array([[0, 1, 0, 1]]), HALVES, 4).value == pytest.approx([0])
    # A rare class that fills the list: the logarithm of one over its share.
    assert max_skew(np.array([[1, 1]]), np.array([[0.9, 0.1]]), 2).value == pytest.approx([np.log(10)])


def test_ndkl_by_hand() -> None:
    """The first alone diverges by ln 2; the first two are of the gallery's mix; weights are 1 and 1 / log2(3)."""
    second = 1 / np.log2(3)
    assert ndkl(np.array([[0, 1]]), HALVES, 2).value == pytest.approx([np.log(2) / (1 + second)])
    assert ndkl(np.array([[0, 0]]), HALVES, 2).value == pytest.approx([np.log(2)])


def test_a_class_that_nobody_can_find_is_no_class() -> None:
    """The query's own person has all images of the third class."""
    with_it, without = np.array([[0.25, 0.75, 0.0]]), np.array([[0.25, 0.75]])
    lists = np.array([[0, 1, 0, 1, 1]])
    for measure in (max_skew, ndkl):
        assert measure(lists, with_it, 3).value == pytest.approx(measure(lists, without, 3).value)
        assert np.isfinite(measure(lists, with_it, 3).influence).all()


@pytest.mark.parametrize("measure", [max_skew, ndkl])
def test_moves_with_the_shares_of_the_gallery(rng: np.random.Generator, measure: object) -> None:
    """Against a difference quotient, share by share."""
    assert callable(measure)
    lists, mix = rng.integers(0, 3, (8, 30)), np.tile([0.23, 0.31, 0.46], (8, 1))
    found = measure(lists, mix, 10)
    for c in range(3):
        up, down = (np.where(np.arange(3) == c, mix * np.exp(step), mix) for step in (1e-6, -1e-6))
        quotient = (measure(lists, up, 10).value - measure(lists, down, 10).value) / 2e-6
        assert found.by_class[:, c] == pytest.approx(quotient, abs=1e-7)


def test_chance_against_all_possible_lists() -> None:
    """Two classes: the number of items of the first among k is hypergeometric."""
    classes = np.repeat([0, 1], [30, 70])
    found = by_chance(classes, (5, 10))
    for k in (5, 10):
        counts = np.arange(k + 1)
        skews = np.maximum(
            np.log(np.maximum(counts, 1e-300) / k / 0.3), np.log(np.maximum(k - counts, 1e-300) / k / 0.7)
        )
        assert found[f"max_skew@{k}"] == pytest.approx(hypergeom.pmf(counts, 100, 30, k) @ skews, rel=0.12)
    assert set(found) == {"max_skew@5", "max_skew@10", "ndkl@10"}
    assert found == by_chance(classes, (5, 10))


def draw(rng: np.random.Generator, n: int) -> tuple[Retrieval, npt.NDArray[np.int64]]:
    """People whose first class lies apart from the others, more or less; some stand in most lists."""
    classes = (rng.random(n) < 0.6).astype(np.int64)
    spread = np.where(rng.random(n) < 0.2, 0.4, 1.5)[:, None]
    vectors = np.where(classes[:, None] == 0, np.eye(12)[0], np.eye(12)[1]) * 0.7 + np.eye(12)[2]
    vectors = vectors + spread * rng.standard_normal((n, 12)) / np.sqrt(12)
    findable = Gallery(np.arange(n), np.arange(n), classes)
    found = nearest(vectors, vectors, k=42, query_clusters=np.arange(n), gallery_clusters=np.arange(n))
    return Retrieval(findable, found.astype(np.int32), classes), classes


@pytest.mark.parametrize("name", ["precision", "lift", "balanced_precision", "max_skew", "ndkl"])
def test_errors_are_those_of_repeated_draws(rng: np.random.Generator, name: str) -> None:
    """People drawn anew, as queries and gallery. Errors may be up to 2.1 times too large (METHOD.md), not too small."""
    values, errors = [], []
    for _ in range(150):
        retrieval, classes = draw(rng, 120)
        one: Outcomes = getattr(retrieval, name)(20)
        estimate = average(one, classes == 0)
        values.append(float(estimate.value))
        errors.append(float(estimate.std_error))
    ratio = np.mean(errors) / np.std(values)
    assert 0.85 < ratio < 2.2
