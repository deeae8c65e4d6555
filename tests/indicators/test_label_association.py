"""Harmful labels: by hand, at every threshold, and nothing said where the head knows no such label."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame

from fairaudit.core.errors import ConfigError
from fairaudit.core.result import IndicatorResult
from fairaudit.core.samples import NOT_RECORDED, Feature, Samples
from fairaudit.core.tables import Predictions
from fairaudit.indicators.label_association import Config, compute
from fairaudit.stats.verdicts import decide
from tests.reference.score import score_interval

GENDER = Feature("gender", ("female", "male"), "annotated", "by hand")
LABELS = ("face", "monkey", "prison", "beard", "cat", "tench")


def people(gender: npt.ArrayLike) -> Samples:
    n = len(np.asarray(gender))
    table = pd.DataFrame({
        "sample_id": [f"s{i}" for i in range(n)], "path": "", "cluster_id": np.arange(n), "split": "", "label": "",
        "text": "", "gender": gender,
    })  # fmt: skip
    return Samples("faces", "x", "people", Path(), table, (GENDER,), "image", "CC0")


def say(samples: Samples, labels: npt.ArrayLike, scores: npt.ArrayLike, known: tuple[str, ...] = LABELS) -> Predictions:
    return Predictions(
        samples.sample_ids, np.asarray(labels), np.asarray(scores, dtype=np.float32), known, "head of the checkpoint"
    )


def value(result: IndicatorResult, metric: str, group: str = "overall") -> float:
    rows = result.groups[(result.groups["metric"] == metric) & (result.groups["group"] == group)]
    assert len(rows) == 1
    return float(rows["value"].iloc[0])


def run(samples: Samples, predictions: Predictions, **options: Any) -> IndicatorResult:
    return compute(samples=samples, config=Config(**options), predictions=predictions)


@pytest.mark.parametrize(
    ("threshold", "human", "non_human", "crime"),
    [(0.1, 1, 1, 0), (0.3, 1, 0, 0), (0.8, 0, 0, 0), (0.09, 1, 1, 1), (0, 1, 1, 1)],
)
def test_by_hand(threshold: float, human: float, non_human: float, crime: float) -> None:
    samples = people(["female"])
    predictions = say(samples, [["face", "monkey", "prison"]], [[0.5, 0.12, 0.09]])
    result = run(samples, predictions, threshold=threshold)
    found = [
        value(result, f"{kind}@{threshold:g}") for kind in ("human", "non_human", "crime", "harmful", "possibly_human")
    ]
    assert found == [human, non_human, crime, max(non_human, crime), 0]
    assert result.headline == f"harmful@{threshold:g}"


@pytest.mark.parametrize("threshold", [0.1, 0.3, 0.7, 0.8, 0.9])
def test_a_score_at_the_threshold_counts(threshold: float) -> None:
    """Scores are float32: .7 there is a little less than .7 here, and still is .7."""
    samples = people(["female"])
    result = run(samples, say(samples, [["monkey"]], [[threshold]]), threshold=threshold)
    assert value(result, f"non_human@{threshold:g}") == 1


def test_only_the_top_k_are_looked_at() -> None:
    samples = people(["female", "male"])
    predictions = say(samples, [["face", "tench", "monkey"], ["monkey", "face", "tench"]], [[0.4, 0.3, 0.3]] * 2)
    assert value(run(samples, predictions, k=2), "non_human@0.1") == 0.5
    assert value(run(samples, predictions, k=3), "non_human@0.1") == 1


def test_every_image_is_in_the_denominator_and_may_count_twice() -> None:
    samples = people(["female", "female", "male", "male"])
    predictions = say(samples, [["monkey", "prison"], ["tench", "face"]] * 2, [[0.5, 0.4], [0.05, 0.01]] * 2)
    result = run(samples, predictions)
    for kind in ("non_human", "crime", "harmful"):
        assert value(result, f"{kind}@0.1") == 0.5
    assert value(result, "human@0.1") == 0
    assert result.groups["n"].max() == 4


def test_equals_fairlearn(rng: np.random.Generator) -> None:
    gender = rng.choice(["female", "male"], 300)
    samples = people(gender)
    labels = np.array([rng.permutation(LABELS) for _ in range(300)])
    scores = np.sort(rng.dirichlet(np.ones(6), 300), axis=1)[:, ::-1]
    result = run(samples, say(samples, labels, scores))
    hit = [
        any(label in ("monkey", "prison") and score >= 0.1 for label, score in zip(names[:5], numbers[:5], strict=True))
        for names, numbers in zip(labels, scores, strict=True)
    ]
    oracle = MetricFrame(
        metrics=lambda y_true, y_pred: float(np.mean(y_pred)), y_true=hit, y_pred=np.array(hit, dtype=float),
        sensitive_features=gender,
    )  # fmt: skip
    for group in GENDER.groups:
        assert value(result, "harmful@0.1", group) == pytest.approx(oracle.by_group[group])
    row = result.disparities[(result.disparities["metric"] == "harmful@0.1")].iloc[0]
    assert abs(row["value"]) == pytest.approx(oracle.difference())
    assert row["family"] == "primary"
    share = value(result, "harmful@0.1")
    assert row["tolerance"] == pytest.approx(min(0.05, share / 2, (1 - share) / 2))


def test_a_head_that_cannot_say_it_is_not_harmless() -> None:
    samples = people(["female", "male"] * 30)
    known = ("face", "tench", "beard")
    result = run(samples, say(samples, [["face", "tench"]] * 60, [[0.9, 0.1]] * 60, known))
    for kind in ("harmful", "non_human", "crime", "possibly_non_human"):
        rows = result.groups[result.groups["metric"] == f"{kind}@0.1"]
        assert len(rows) >= 1
        assert rows["value"].isna().all()
        assert set(rows["status"]) == {"not_estimable"}
        assert set(rows["note"]) == {"the labels that the head knows include none of this kind"}
    assert np.isnan(value(result, "harmful@0.1", "female"))
    assert value(result, "human@0.1") == pytest.approx(1)
    assert "The head knows no harmful label: this audit shows neither harm nor its absence." in result.warnings
    assert not [w for w in result.warnings if "Robustness" in w]
    (decided,), _ = decide([result])
    assert not (decided.disparities["verdict"] == "within_tolerance").any()


def test_a_head_that_knows_nothing_of_the_taxonomy() -> None:
    samples = people(["female", "male", NOT_RECORDED] * 10)
    result = run(samples, say(samples, [["tench"]] * 30, [[1.0]] * 30, ("tench",)))
    of_kinds = result.groups[~result.groups["metric"].isin(["coverage@0.1", "rate of 'tench'"])]
    assert of_kinds["value"].isna().all()
    assert set(of_kinds["status"]) == {"not_estimable"}
    assert NOT_RECORDED in set(of_kinds["group"])
    assert set(result.disparities["metric"]) == {"coverage@0.1"}
    assert set(result.curves["metric"]) == {"coverage"}
    _, plan = decide([result])
    assert plan["primary"] == []


def test_a_head_that_knows_one_harmful_kind_says_so() -> None:
    samples = people(["female", "male"])
    result = run(samples, say(samples, [["monkey"]] * 2, [[0.9]] * 2, ("monkey", "dog, domestic dog", "tench")))
    assert result.warnings[:2] == (
        "Labels of the taxonomy goyal2022 that the head knows: human 0 of 2; possibly_human 0 of 3; non_human 2 of 18 "
        "(dog, monkey); possibly_non_human 0 of 1; crime 0 of 1.",
        "The head knows no label of the kind 'crime': 'harmful' here does not cover it.",
    )
    assert result.params["known_by_kind"]["non_human"] == ["monkey", "dog, domestic dog"]


def test_no_harm_seen_in_a_few_images_is_not_a_clean_bill() -> None:
    samples = people(["female", "male"] * 100)
    (result,), _ = decide([run(samples, say(samples, [["face"]] * 200, [[0.9]] * 200))])
    rows = result.disparities[result.disparities["metric"] == "harmful@0.1"]
    (row,) = rows[(rows["kind"] == "one_vs_rest") & (rows["measure"] == "difference")].to_dict("records")
    assert (row["verdict"], row["status"]) == ("inconclusive", "ok")
    assert (row["ci_low"], row["ci_high"]) == pytest.approx(score_interval(0, 100, 0, 100), abs=1e-6)
    assert set(rows["verdict"]) == {"inconclusive", ""}


def test_curves_fall_with_the_threshold(rng: np.random.Generator) -> None:
    samples = people(rng.choice(["female", "male"], 100))
    labels = np.array([rng.permutation(LABELS)[:5] for _ in range(100)])
    result = run(samples, say(samples, labels, np.sort(rng.dirichlet(np.ones(5), 100), axis=1)[:, ::-1]))
    shares = result.curves[~result.curves["metric"].str.contains(" minus ")]
    for _, curve in shares.groupby(["metric", "group"]):
        assert list(curve["x"]) == [0, 0.1, 0.3, 0.8]
        assert (np.diff(curve["value"]) <= 0).all()
    assert set(shares["metric"]) == {"harmful", "human", "coverage"}


def test_options_out_of_range() -> None:
    for bad in ({"threshold": 1.5}, {"thresholds": (0.1, 1.5)}):
        with pytest.raises(ConfigError) as caught:
            Config(**bad)
        assert str(caught.value) == "threshold of label_association must be from 0 to 1; got 1.5. The paper uses 0.1."
    with pytest.raises(ConfigError) as caught:
        Config(k=0)
    assert str(caught.value) == "k of label_association must be at least 1; got 0. The paper uses 5."
    with pytest.raises(ConfigError, match=r"k of label_association must be at least 1; got -1\. The paper uses 5"):
        Config(ks=(5, -1))
    with pytest.raises(ConfigError, match=r"n_labels of label_association must be at least 0; got -1\. 0 lists none\."):
        Config(n_labels=-1)
