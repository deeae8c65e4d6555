"""Held-out accuracy: scikit-learn's shares, Wilson's interval for images, a wider one for clusters."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.metrics import accuracy_score, recall_score

from fairaudit.heads.held_out import HeldOut, lines

CLASSES = ("cat", "dog", "rat")


def measured(rng: np.random.Generator, n: int = 240) -> tuple[np.ndarray, np.ndarray]:
    y = rng.choice(CLASSES, n)
    return y, np.where(rng.random(n) < 0.7, y, rng.choice(CLASSES, n))


def test_values_are_those_of_scikit_learn_and_intervals_wilsons(rng: np.random.Generator) -> None:
    y, said = measured(rng)
    found = HeldOut.of(said == y, y, (), seed=3, classes=CLASSES)
    assert found.value == pytest.approx(accuracy_score(y, said))
    assert found.rows["value"].tolist()[1:] == pytest.approx(recall_score(y, said, labels=CLASSES, average=None))
    interval = binomtest(int((said == y).sum()), len(y)).proportion_ci(method="wilson")
    assert found.interval == pytest.approx((interval.low, interval.high))
    assert (found.n, found.seed, found.overall["ci_method"]) == (240, 3, "Wilson")


def test_images_of_one_person_count_as_one(rng: np.random.Generator) -> None:
    """Ten copies of a row say no more than the row: the interval is that of 60 images, not of 600."""
    y, said = measured(rng, 60)
    alone = HeldOut.of(said == y, y, (), seed=0, classes=CLASSES)
    y, said = np.repeat(y, 10), np.repeat(said, 10)
    copies = HeldOut.of(said == y, y, [str(i // 10) for i in range(600)], seed=0, classes=CLASSES)
    assert copies.value == pytest.approx(alone.value)
    assert int(copies.overall["n_clusters"]) == 60
    width, reference = np.diff(copies.interval)[0], np.diff(alone.interval)[0]
    assert reference * 0.98 < width < reference * 1.2


def test_a_label_of_which_nothing_was_held_out_says_so() -> None:
    found = HeldOut.of(np.array([True, False]), np.array(["cat", "dog"]), (), seed=0, classes=CLASSES)
    row = found.rows.iloc[-1]
    assert (row["group"], row["status"], row["note"]) == (
        "rat", "not_estimable", "no image with this label was held out"
    )  # fmt: skip
    nothing = HeldOut.of(np.empty(0, dtype=bool), np.empty(0, dtype="<U1"), (), seed=0, classes=CLASSES)
    assert nothing.n == 0
    assert np.isnan([nothing.value, *nothing.interval]).all()
    assert lines([nothing])[0] == "accuracy not estimable: nothing was held out"


def test_json_and_back(rng: np.random.Generator) -> None:
    y, said = measured(rng)
    found = HeldOut.of(said == y, y, (), seed=3, classes=(*CLASSES, "none"))
    again = HeldOut.from_json(json.loads(json.dumps(found.to_json(), allow_nan=False)))
    assert again.seed == 3
    assert again.rows.equals(found.rows)


def test_lines_say_what_is_too_few_and_how_splits_differ(rng: np.random.Generator) -> None:
    y = np.array(["cat"] * 60 + ["dog"] * 4)
    right = np.arange(64) % 4 != 0
    first = HeldOut.of(right, y, (), seed=0, classes=("cat", "dog"))
    second = HeldOut.of(~right, y, (), seed=1, classes=("cat", "dog"))
    said = lines([first, second])
    assert said[0].startswith("accuracy 0.750 (0.6")
    assert said[0].endswith("n 64, 64 clusters")
    assert said[1] == "over 2 splits: mean 0.500, standard deviation 0.354, from 0.250 to 0.750"
    assert said[3].startswith("  dog  0.750 (")
    assert said[3].endswith("; too few: 4 independent units; at least 20 are needed")
    assert len(lines([first])) == 3


def test_labels_cannot_steer_the_terminal() -> None:
    labels = ("\x1b[2J", "new\nline", "\u202ex")
    found = HeldOut.of(np.ones(3, dtype=bool), np.array(labels), (), seed=0, classes=labels)
    assert [line[:12].strip() for line in lines([found])[1:]] == ["\\x1b[2J", "new line", "\\u202ex"]
