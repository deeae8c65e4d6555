"""What clusters do as part of a gallery, and what pairs of them add, against sums over all entries of lists."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
import pytest

from fairaudit.stats.gallery import BLOCK_ROWS, Floats, GalleryRole, Ints, Moves, class_parts


def lists(rng: np.random.Generator, n: int, n_clusters: int) -> tuple[Ints, Moves, Floats, GalleryRole]:
    """Rows of some clusters, with lists of items of these and of others; items of one cluster may share a list."""
    own, classes, owners = rng.integers(0, n_clusters, n), rng.permutation(np.arange(90) % 3), np.arange(90) % 40
    items = np.stack([rng.choice(90, 7, replace=False) for _ in range(n)])
    moves = Moves(owners[items], rng.normal(size=(n, 7)), rng.normal(size=(n, 3)))
    parts = class_parts(classes, owners)
    return own, moves, parts, GalleryRole.of(moves, own, parts)


@pytest.mark.parametrize("n", [60, 2 * BLOCK_ROWS + 5])
def test_sums_of_groups_are_sums_over_entries(rng: np.random.Generator, n: int) -> None:
    """In one block and in several, with rows that belong to no group."""
    _, moves, parts, role = lists(rng, n, n // 3)
    codes, weights = rng.integers(-1, 3, n), rng.normal(size=n)
    expected = np.zeros((45, 3))
    for g in range(3):
        for q in np.flatnonzero(codes == g):
            for cluster, influence in zip(moves.clusters[q], moves.influence[q], strict=True):
                expected[cluster, g] += weights[q] * influence
            assert moves.by_class is not None
            expected[:40, g] += weights[q] * (parts @ moves.by_class[q])
    assert role.n_codes == 40
    assert role.cluster_sums(codes, 3, weights, 45) == pytest.approx(expected, abs=1e-10)
    assert role.cluster_sums(codes, 3, weights).shape == (40, 3)


@pytest.mark.parametrize(("n", "n_clusters"), [(60, 12), (50, 1000), (3 * BLOCK_ROWS, 5)])
def test_pairs_add_the_squares_of_their_entries(rng: np.random.Generator, n: int, n_clusters: int) -> None:
    """Each pair of query cluster and another item cluster once, its entries added before squaring."""
    own, moves, _, role = lists(rng, n, n_clusters)
    b = rng.normal(size=(n, 2))
    cells: dict[tuple[int, int], Floats] = defaultdict(lambda: np.zeros(2))
    for q in range(n):
        for cluster, influence in zip(moves.clusters[q], moves.influence[q], strict=True):
            cells[int(own[q]), int(cluster)] += b[q] * influence
    expected = sum(cell**2 for (query, item), cell in cells.items() if query != item)
    assert role.pair_noise(b) == pytest.approx(expected)


def test_the_mixed_difference_of_leaving_out_two(rng: np.random.Generator) -> None:
    """What a query adds to a sum by an item's weight: a difference quotient in both of their weights."""
    n, step, hit = 12, 1e-4, rng.random((12, 5))
    items = np.stack([rng.choice(np.delete(np.arange(n), q), 5, replace=False) for q in range(n)])
    b, moves = rng.normal(size=n), Moves(items, (hit - hit.mean(axis=1, keepdims=True)) / 5)

    def total(w: Floats) -> float:
        return float((b * w) @ ((w[items] * hit).sum(axis=1) / w[items].sum(axis=1)))

    def bumped(*clusters: int) -> float:
        return total(np.where(np.isin(np.arange(n), clusters), 1 + step, 1.0))

    noise = 0.0
    for q in range(n):
        for j in items[q]:
            mixed = (bumped(q, j) - bumped(q) - bumped(j) + bumped()) / step**2
            # Both may be in the list of a third, and find each other.
            others = [i for i in range(n) if {q, j} <= set(items[i].tolist())]
            mixed -= sum(b[i] * second(hit[i], items[i], q, int(j)) for i in others)
            mixed -= sum(b[j] * moves.influence[j][items[j] == q])
            noise += mixed**2
    role = GalleryRole.of(moves, np.arange(n))
    assert role.pair_noise(b[:, None])[0] == pytest.approx(noise, rel=1e-3)


def second(hit: Floats, items: Ints, first: int, other: int) -> float:
    """The second derivative of a mean by the weights of two of its items."""
    h, g, mean, k = hit[items == first][0], hit[items == other][0], hit.mean(), len(hit)
    return float((2 * mean - h - g) / k**2)


def test_a_fit_over_the_complete_table_takes_away_next_to_nothing(rng: np.random.Generator) -> None:
    """Least squares on an explicit design of all queries and items, with zeros where an item is not in a list."""
    n, table = 60, np.zeros((60, 60))
    items = np.stack([rng.choice(np.delete(np.arange(n), q), 6, replace=False) for q in range(n)])
    b, moves = np.repeat([1, -1], n // 2) / 30, Moves(items, rng.normal(size=(n, 6)) / 6)
    table[np.arange(n)[:, None], items] = b[:, None] * moves.influence
    rows, columns = np.divmod(np.arange(n * n), n)
    design = np.concatenate([rows[:, None] == np.arange(n), columns[:, None] == np.arange(n)], axis=1).astype(float)
    fitted = design @ np.linalg.lstsq(design, table.ravel(), rcond=None)[0]
    noise = float(GalleryRole.of(moves, np.arange(n)).pair_noise(b[:, None])[0])
    taken = noise - float(((table.ravel() - fitted) ** 2).sum())
    variance = float((table.sum(axis=0) ** 2).sum() + (table.sum(axis=1) ** 2).sum())
    assert 0 <= taken <= variance / n


def test_class_parts_are_derivatives_of_log_shares(rng: np.random.Generator) -> None:
    classes, clusters = rng.permutation(np.arange(40) % 3), rng.integers(0, 6, 40)
    parts = class_parts(classes, clusters)
    step = 1e-6
    for cluster in range(6):
        weights = np.where(clusters == cluster, 1 + step, 1.0)
        for c in range(3):
            share, before = weights[classes == c].sum() / weights.sum(), (classes == c).mean()
            assert parts[cluster, c] == pytest.approx((np.log(share) - np.log(before)) / step, abs=1e-5)
