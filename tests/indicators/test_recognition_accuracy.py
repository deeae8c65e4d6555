"""Recognition accuracy: scikit-learn's numbers, drops by hand and against a bootstrap, and heads that cannot say it."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, top_k_accuracy_score

from fairaudit.core.errors import ConfigError, RequirementError
from fairaudit.core.result import IndicatorResult
from fairaudit.core.samples import Feature, Samples
from fairaudit.core.tables import Predictions
from fairaudit.indicators.recognition_accuracy import Config, compute
from fairaudit.stats.verdicts import decide

CLASSES = ("bird", "cat", "cow", "dog", "fish", "horse", "sheep")
RACE = Feature("race", ("A", "B"), "annotated", "by hand")


def labelled(
    labels: npt.ArrayLike, race: npt.ArrayLike, *, name: str = "val", clusters: npt.ArrayLike | None = None, **more: Any
) -> Samples:
    n = len(np.asarray(labels))
    ids = [f"{name}{i}" for i in range(n)]
    table = pd.DataFrame({
        "sample_id": ids, "path": "", "cluster_id": ids if clusters is None else clusters, "split": "", "label": labels,
        "text": "", "race": race,
    })  # fmt: skip
    return Samples(name, "labelled_images", "labelled", Path(), table, (RACE,), "image", "CC0", **more)


def say(samples: Samples, scores_NC: npt.NDArray[np.float64], known: tuple[str, ...] = CLASSES) -> Predictions:
    order = np.argsort(-scores_NC, axis=1, kind="stable")
    scores = np.take_along_axis(scores_NC, order, axis=1).astype(np.float32)
    return Predictions(samples.sample_ids, np.asarray(known)[order], scores, known, "head of the checkpoint")


def drawn(
    rng: np.random.Generator, n: int, skill: dict[str, float], name: str = "val"
) -> tuple[Samples, npt.NDArray[np.float64]]:
    labels, race = rng.choice(CLASSES, n), rng.choice(["A", "B"], n)
    scores = rng.dirichlet(np.ones(len(CLASSES)), n)
    right = rng.random(n) < np.array([skill[r] for r in race])
    scores[np.flatnonzero(right), np.searchsorted(CLASSES, labels[right])] += 1
    return labelled(labels, race, name=name), scores / scores.sum(axis=1, keepdims=True)


def value(result: IndicatorResult, metric: str, group: str = "overall") -> float:
    rows = result.groups[(result.groups["metric"] == metric) & (result.groups["group"] == group)]
    assert len(rows) == 1
    return float(rows["value"].iloc[0])


def test_equals_scikit_learn(rng: np.random.Generator) -> None:
    samples, scores = drawn(rng, 400, {"A": 0.8, "B": 0.4})
    result = compute(samples=samples, config=Config(k=3), predictions=say(samples, scores))
    truth, race = samples.table["label"].to_numpy(str), samples.table["race"].to_numpy(str)
    said = np.asarray(CLASSES)[scores.argmax(axis=1)]
    for group, rows in (("overall", race != ""), ("A", race == "A"), ("B", race == "B")):
        assert value(result, "accuracy@1", group) == pytest.approx(accuracy_score(truth[rows], said[rows]))
        top = top_k_accuracy_score(truth[rows], scores[rows], k=3, labels=CLASSES)
        assert value(result, "accuracy@3", group) == pytest.approx(top)
    (decided,), _ = decide([result])
    rest = decided.disparities[decided.disparities["kind"] == "one_vs_rest"].iloc[0]
    assert (rest["metric"], rest["verdict"], rest["family"]) == ("accuracy@1", "disparity", "primary")


def test_a_list_of_all_labels_is_no_measure(rng: np.random.Generator) -> None:
    samples, scores = drawn(rng, 60, {"A": 0.5, "B": 0.5})
    result = compute(samples=samples, config=Config(k=7), predictions=say(samples, scores))
    assert set(result.groups["metric"]) == {"accuracy@1"}


def test_the_drop_is_the_difference_of_both_with_the_error_of_both(rng: np.random.Generator) -> None:
    """Independent test sets: the error is the root of the sum of two binomial variances."""
    there, first = drawn(rng, 3000, {"A": 0.9, "B": 0.9}, "val")
    here, second = drawn(rng, 2000, {"A": 0.7, "B": 0.4}, "shift")
    result = compute(
        samples=here, config=Config(reference="val"), predictions=say(here, second), reference_samples=there,
        reference_predictions=say(there, first),
    )  # fmt: skip
    drops = result.groups[result.groups["metric"] == "drop_from_val"].set_index("group")
    for group in ("overall", "A", "B"):
        shares = []
        for samples, scores in ((there, first), (here, second)):
            rows = np.ones(len(samples), dtype=bool) if group == "overall" else samples.table["race"] == group
            right = np.asarray(CLASSES)[scores.argmax(axis=1)] == samples.table["label"].to_numpy(str)
            shares.append((right[rows].mean(), rows.sum()))
        (p, n), (q, m) = shares
        row = drops.loc[group]
        assert row["value"] == pytest.approx(p - q)
        half = 1.96 * np.sqrt(p * (1 - p) / n + q * (1 - q) / m)
        assert (row["ci_high"] - row["ci_low"]) / 2 == pytest.approx(half, rel=0.02)
        assert (row["n"], row["status"]) == (n + m, "ok")
    values = drops["value"].to_dict()
    assert values["B"] > values["A"]
    assert "drop_from_val" in result.metrics


def test_a_group_that_one_of_both_lacks_says_so(rng: np.random.Generator) -> None:
    there, here = labelled(["cat"] * 30, ["A"] * 30), labelled(["cat"] * 30, ["A", "B"] * 15, name="shift")
    scores = rng.dirichlet(np.ones(len(CLASSES)), 30)
    result = compute(
        samples=here, config=Config(reference="val"), predictions=say(here, scores), reference_samples=there,
        reference_predictions=say(there, scores),
    )  # fmt: skip
    row = result.groups[(result.groups["metric"] == "drop_from_val") & (result.groups["group"] == "B")].iloc[0]
    assert np.isnan(row["value"])
    assert (row["status"], row["note"]) == (
        "not_estimable", "no image of this group was measured in one of the two data sets"
    )  # fmt: skip


def test_the_reference_has_no_drop_from_itself(rng: np.random.Generator) -> None:
    samples, scores = drawn(rng, 60, {"A": 0.5, "B": 0.5})
    said = say(samples, scores)
    result = compute(
        samples=samples, config=Config(reference="val"), predictions=said, reference_samples=samples,
        reference_predictions=said,
    )  # fmt: skip
    assert not any(metric.startswith("drop") for metric in result.groups["metric"])


def test_labels_that_the_head_does_not_know_are_left_out_and_counted(rng: np.random.Generator) -> None:
    samples = labelled(["cat", "Cat, tabby", "zebra", "okapi"] * 10, ["A", "B"] * 20)
    scores = np.tile(np.array([0.0, 1.0, 0, 0, 0, 0, 0]), (40, 1))
    result = compute(samples=samples, config=Config(), predictions=say(samples, scores))
    assert value(result, "accuracy@1") == 1
    assert result.groups[result.groups["metric"] == "accuracy@1"]["n"].iloc[0] == 20
    assert result.warnings[0] == (
        "20 of 40 images have a label that the head does not know and were left out: okapi, zebra."
    )


@pytest.mark.parametrize(
    ("known", "more", "text"),
    [
        (
            ("LABEL_0", "LABEL_1"),
            {},
            "the labels of the head have no names, only LABEL_0 and so on, so none of 'val' is among them. Give them "
            "names in id2label of config.json, or add a label head: --probe LABELS.csv.",
        ),
        (
            ("tench", "shark"),
            {},
            "the head knows none of the 2 labels of 'val', such as 'cat'; it knows 2, such as 'tench'. Write the "
            "labels as the head does, or add a label head: --probe LABELS.csv.",
        ),
        (
            ("cat", "dog", "fish"),
            {"classes": ("cat", "dog")},
            "the labels predicted for 'val' must be limited to its 2 classes, and they are not (head of the "
            "checkpoint). Use the checkpoint's own head or a linear probe, or leave the classes out.",
        ),
    ],
    ids=["placeholders", "other labels", "not masked"],
)
def test_a_head_that_cannot_say_it(known: tuple[str, ...], more: dict[str, Any], text: str) -> None:
    samples = labelled(["cat", "dog"] * 5, ["A", "B"] * 5, **more)
    scores = np.tile(np.linspace(1, 0.1, len(known)), (10, 1))
    with pytest.raises(RequirementError) as caught:
        compute(samples=samples, config=Config(), predictions=say(samples, scores, known))
    assert str(caught.value) == text


def test_what_is_compared_with_must_be_labelled(rng: np.random.Generator) -> None:
    samples, scores = drawn(rng, 20, {"A": 0.5, "B": 0.5})
    with pytest.raises(RequirementError, match="recognition_accuracy compares 'val' with 'faces', which has no labels"):
        compute(samples=samples, config=Config(reference="faces"), predictions=say(samples, scores))


def test_options_out_of_range() -> None:
    with pytest.raises(
        ConfigError, match=r"^k of recognition_accuracy must be at least 1; got 0\. A usual choice is 5"
    ):
        Config(k=0)


def test_the_weights_of_the_samples_reach_every_value(rng: np.random.Generator) -> None:
    """A whole weight is that many rows, here and in the data set that the drop is from."""
    sides, repeated = [], []
    for name, skill in (("val", {"A": 0.9, "B": 0.8}), ("sketch", {"A": 0.6, "B": 0.3})):
        samples, scores = drawn(rng, 300, skill, name)
        weights = rng.integers(0, 4, 300)
        many = np.arange(300).repeat(weights)
        weighed = dataclasses.replace(samples, table=samples.table.assign(sample_weight=weights))
        table = samples.table.iloc[many].reset_index(drop=True)
        copies = dataclasses.replace(samples, table=table.assign(sample_id=[f"{name}{i}" for i in range(len(many))]))
        sides.append((weighed, say(weighed, scores)))
        repeated.append((copies, say(copies, scores[many])))
    ours, theirs = (
        compute(
            samples=here[0],
            config=Config(reference="val"),
            predictions=here[1],
            reference_samples=val[0],
            reference_predictions=val[1],
        )
        for val, here in (sides, repeated)
    )
    for result in (ours, theirs):
        assert {"accuracy@1", "drop_from_val"} <= set(result.groups["metric"])
    np.testing.assert_allclose(ours.groups["value"], theirs.groups["value"], rtol=1e-12)
    assert [w for w in ours.warnings if w.startswith("Rows are weighted: for accuracy@1, ")]
