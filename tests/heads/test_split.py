"""Which rows are fitted, choose and are held out: no cluster in two parts, every label learned."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from fairaudit.heads.split import split_parts

ROWS = st.lists(st.tuples(st.sampled_from("abcd"), st.integers(0, 12)), min_size=2, max_size=60)


@given(ROWS, st.integers(0, 5))
def test_a_cluster_is_never_in_two_parts_and_every_label_is_fitted(rows: list[tuple[str, int]], seed: int) -> None:
    y, clusters = np.array([label for label, _ in rows]), [f"person {c}" for _, c in rows]
    part = split_parts(y, seed, clusters=clusters)
    parts_of: dict[str, set[str]] = {}
    for cluster, name in zip(clusters, part.tolist(), strict=True):
        parts_of.setdefault(cluster, set()).add(name)
    assert all(len(names) == 1 for names in parts_of.values())
    assert set(y[part == "fit"]) == set(y)
    assert set(part) <= {"fit", "choose", "held out"}
    assert (split_parts(y, seed, clusters=clusters) == part).all()


def test_shares_are_those_of_the_labels_as_far_as_clusters_allow(rng: np.random.Generator) -> None:
    y = rng.choice(["many", "some"], 2_000, p=[0.8, 0.2])
    clusters = [str(c) for c in rng.integers(0, 400, 2_000)]
    for seed in range(3):
        part = split_parts(y, seed, clusters=clusters)
        for label in ("many", "some"):
            for name, share in (("fit", 0.6), ("choose", 0.2), ("held out", 0.2)):
                assert abs((part[y == label] == name).mean() - share) < 0.03


def test_the_largest_cluster_is_not_always_held_out() -> None:
    y = np.array(["a", "b"] * 30)
    clusters = ["large"] * 20 + [str(i // 2) for i in range(40)]
    assert {split_parts(y, seed, clusters=clusters)[0] for seed in range(12)} == {"fit", "choose", "held out"}


def test_seeds_differ() -> None:
    y, clusters = np.array(["a", "b"] * 50), [str(i // 4) for i in range(100)]
    assert (split_parts(y, 0, clusters=clusters) != split_parts(y, 1, clusters=clusters)).any()


def test_one_cluster_is_only_fitted() -> None:
    assert set(split_parts(np.array(["a", "b"] * 5), 0, clusters=["x"] * 10)) == {"fit"}


def test_a_label_of_one_cluster_is_only_fitted() -> None:
    y = np.array(["a", "b"] * 20 + ["c"] * 4)
    part = split_parts(y, 0, clusters=[str(i // 2) for i in range(40)] + ["lone"] * 4)
    assert set(part[40:]) == {"fit"}
    assert set(part[:40]) == {"fit", "choose", "held out"}


def test_rows_are_split_by_label_without_clusters() -> None:
    y = np.array(["a"] * 50 + ["b"] * 10 + ["c"] * 3 + ["d"] * 2 + ["e"])
    part = split_parts(y, 0)
    count = {
        label: [int((part[y == label] == p).sum()) for p in ("fit", "choose", "held out")] for label in sorted(set(y))
    }
    assert count == {"a": [30, 10, 10], "b": [6, 2, 2], "c": [1, 1, 1], "d": [1, 0, 1], "e": [1, 0, 0]}
    assert (split_parts(y, 0) == part).all()
    assert (split_parts(y, 1) != part).any()
