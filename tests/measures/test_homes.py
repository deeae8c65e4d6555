"""Photos: rows of one image within a household are one, whatever says so, and right under any of their topics."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fairaudit.core.samples import Samples
from fairaudit.core.tables import Predictions
from fairaudit.measures.homes import IMAGE_KEY, LABELS, Photos, image_codes
from fairaudit.measures.labels import LabelMap


def homes(topics: list[str], home: npt.ArrayLike, **more: object) -> Samples:
    n = len(topics)
    table = pd.DataFrame({
        "sample_id": [f"s{i}" for i in range(n)], "path": "", "cluster_id": np.asarray(home), "split": "",
        "label": topics, "text": "", **more,
    })  # fmt: skip
    return Samples("homes", "x", "objects", Path(), table, (), "household", "CC BY")


def say(samples: Samples, labels: list[list[str]], known: tuple[str, ...]) -> Predictions:
    names = np.asarray(labels)
    return Predictions(samples.sample_ids, names, np.full(names.shape, 0.1, dtype=np.float32), known, "head")


rows_of_homes = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(["", "d1", "d2", "d3"]), st.sampled_from(["", "k1", "k2", "k3"])),
    min_size=1,
    max_size=8,
)


@given(rows=rows_of_homes)
@settings(max_examples=40)
def test_rows_are_joined_by_contents_or_key_within_a_home(rows: list[tuple[int, str, str]]) -> None:
    """Against a closure that is written out: join until nothing changes."""
    home, digest, key = (list(column) for column in zip(*rows, strict=True))
    expected = list(range(len(rows)))
    for _ in rows:
        for i, j in np.ndindex(len(rows), len(rows)):
            same = (digest[i] and digest[i] == digest[j]) or (key[i] and key[i] == key[j])
            if home[i] == home[j] and same:
                expected = [min(expected[i], expected[j]) if e in (expected[i], expected[j]) else e for e in expected]
    found = image_codes(homes(["bed"] * len(rows), home, **{IMAGE_KEY: key}), digest)
    assert found.tolist() == pd.factorize(np.array(expected))[0].tolist()


def test_without_contents_and_keys_every_row_is_a_photo() -> None:
    assert image_codes(homes(["bed", "bed"], ["A", "A"])).tolist() == [0, 1]


def test_the_same_photo_of_two_homes_counts_for_both() -> None:
    assert image_codes(homes(["bed"] * 3, ["A", "B", "A"]), ["d", "d", "d"]).tolist() == [0, 1, 0]


def test_a_photo_is_right_under_any_of_its_topics() -> None:
    samples = homes(["bed", "loom", "stove", "loom"], ["A", "A", "A", "A"])
    predictions = say(samples, [["stove"], ["stove"], ["bed"], ["bed"]], ("bed", "stove"))
    found = Photos.of(samples, predictions, content_digests=["x", "y", "x", "z"])
    assert found.samples.sample_ids == ("s0", "s1", "s3")
    assert found.right == (frozenset({"bed", "stove"}), frozenset(), frozenset())
    np.testing.assert_array_equal(found.hits(5), [1, np.nan, np.nan])
    assert (found.topics.tolist(), found.first.tolist(), found.n_copies) == (["bed", "loom", "loom"], [0, 1, 3], 1)
    assert (found.unknown, found.strange) == (("loom",), ("loom",))
    each = Photos.of(samples, predictions, content_digests=["x", "y", "x", "z"], once=False)
    np.testing.assert_array_equal(each.hits(5), [0, np.nan, 0, np.nan])
    assert each.n_copies == 1


def test_labels_of_the_data_set_and_of_a_map() -> None:
    samples = homes(["beds", "beds", "pans"], list("ABC"), **{LABELS: [["cot", "day bed"], [], ["wok"]]})
    known = ("studio couch, day bed", "crib, cot", "wok", "frying pan, skillet")
    predictions = say(samples, [["crib, cot"], ["crib, cot"], ["frying pan, skillet"]], known)
    by_data = Photos.of(samples, predictions)
    np.testing.assert_array_equal(by_data.hits(1), [1, np.nan, 0])
    assert by_data.unknown == ("beds",)
    topics = {"beds": ("crib",), "pans": ("skillet", "wok", "pot")}
    by_map = Photos.of(samples, predictions, label_map=LabelMap("m", "1", "by hand", topics))
    np.testing.assert_array_equal(by_map.hits(1), [1, 1, 1])
    assert (by_map.unknown, by_map.strange) == ((), ("pot",))
    none = Photos.of(samples, None)
    assert np.isnan(none.hits(1)).all()
    assert none.unknown == ("beds", "pans")


@pytest.mark.parametrize("k", [1, 2, 5])
def test_hits_against_a_loop(k: int, rng: np.random.Generator) -> None:
    names = np.array(["bed", "stove", "loom", "pan", "cat"])
    topics = rng.choice(names[:4], 60).tolist()
    samples = homes(topics, rng.integers(0, 9, 60))
    labels = [rng.permutation(names).tolist() for _ in topics]
    found = Photos.of(samples, say(samples, labels, tuple(names.tolist()))).hits(k)
    np.testing.assert_array_equal(found, [float(t in said[:k]) for t, said in zip(topics, labels, strict=True)])
