"""AUROC on the test split: against scikit-learn, overall and by target."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from fairaudit.core.errors import ConfigError, RequirementError
from fairaudit.core.result import IndicatorResult
from fairaudit.core.samples import NOT_RECORDED, Feature, Samples
from fairaudit.indicators.hate_speech import Config, compute

TARGET = Feature("target", ("religion", "sex"), "annotated", "by the authors")


def memes(labels: npt.ArrayLike, split: npt.ArrayLike, target: npt.ArrayLike | None = None) -> Samples:
    n = len(np.asarray(labels))
    table = pd.DataFrame({
        "sample_id": [f"m{i}" for i in range(n)], "path": "", "cluster_id": [f"m{i}" for i in range(n)], "split": split,
        "label": np.asarray(labels).astype(str), "text": "x", "target": "" if target is None else target,
    })  # fmt: skip
    return Samples("memes", "x", "memes", Path(), table, () if target is None else (TARGET,), "image", "CC0")


def scored(samples: Samples, score: npt.ArrayLike, order: npt.ArrayLike | None = None) -> pd.DataFrame:
    frame = pd.DataFrame({
        "sample_id": samples.sample_ids, "split": samples.table["split"], "label": samples.table["label"].astype(int),
        "score": np.asarray(score),
    })  # fmt: skip
    return frame if order is None else frame.iloc[np.asarray(order)]


def value(result: IndicatorResult, metric: str, group: str = "overall") -> float:
    rows = result.groups[(result.groups["metric"] == metric) & (result.groups["group"] == group)]
    assert len(rows) == 1
    return float(rows["value"].iloc[0])


def test_equals_scikit_learn(rng: np.random.Generator) -> None:
    """Scores come in any order, with other splits between them; only those of the test split count."""
    label = (rng.random(400) < 0.4).astype(int)
    split = rng.choice(["train", "test"], 400, p=[0.3, 0.7])
    target = rng.choice(["religion", "sex", NOT_RECORDED], 400)
    score = np.round(np.clip(0.4 + 0.2 * label + rng.normal(0, 0.2, 400), 0, 1), 2)
    samples = memes(label, split, target)
    result = compute(samples=samples, config=Config(), scores=scored(samples, score, rng.permutation(400)))
    test = split == "test"
    assert value(result, "auroc") == pytest.approx(roc_auc_score(label[test], score[test]))
    for group in (*TARGET.groups, NOT_RECORDED):
        inside = test & (target == group)
        assert value(result, "auroc", group) == pytest.approx(roc_auc_score(label[inside], score[inside]))
    harmless, hateful = test & (label == 0), test & (label == 1)
    assert value(result, "false_positive_rate") == pytest.approx((score[harmless] >= 0.5).mean())
    assert value(result, "false_negative_rate") == pytest.approx((score[hateful] < 0.5).mean())
    assert result.params["n_test"] == test.sum()
    contrast = result.disparities[
        (result.disparities["metric"] == "auroc") & (result.disparities["kind"] == "one_vs_rest")
    ]
    assert list(contrast["group"]) == ["religion"]
    assert contrast["value"].item() == pytest.approx(value(result, "auroc", "religion") - value(result, "auroc", "sex"))
    assert set(contrast["family"]) == {"primary"}
    assert result.headline == "auroc"


def test_without_targets_there_is_no_disparity(rng: np.random.Generator) -> None:
    samples = memes([0, 1] * 30, ["test"] * 60)
    result = compute(samples=samples, config=Config(), scores=scored(samples, rng.random(60)))
    assert result.disparities.empty
    (warning,) = result.warnings
    assert warning.startswith("This data set names no targeted groups, so only the overall value can be given")
    assert set(result.groups["feature"]) == {"overall"}


def test_a_target_of_which_nothing_is_hateful(rng: np.random.Generator) -> None:
    label = np.array([0, 1] * 30 + [0] * 40)
    samples = memes(label, ["test"] * 100, ["religion"] * 60 + ["sex"] * 40)
    result = compute(samples=samples, config=Config(), scores=scored(samples, rng.random(100)))
    row = result.groups[(result.groups["metric"] == "auroc") & (result.groups["group"] == "sex")].iloc[0]
    assert np.isnan(row["value"])
    assert row["status"] == "not_estimable"
    rate = result.groups[(result.groups["metric"] == "false_negative_rate") & (result.groups["group"] == "sex")].iloc[0]
    assert np.isnan(rate["value"])
    assert (rate["status"], rate["n"]) == ("not_estimable", 0)
    compared = result.disparities[result.disparities["metric"] == "auroc"]
    assert set(compared["kind"]) == {"one_vs_rest", "gap", "omnibus"}
    assert set(compared["status"]) == {"not_estimable"}


@pytest.mark.parametrize(
    ("labels", "split", "count"), [([0, 1] * 5, "train", 0), ([1] * 10, "test", 10), ([0] * 10, "test", 10)]
)
def test_a_test_split_of_both_labels_is_needed(
    labels: list[int], split: str, count: int, rng: np.random.Generator
) -> None:
    samples = memes(labels, [split] * 10)
    with pytest.raises(RequirementError) as caught:
        compute(samples=samples, config=Config(), scores=scored(samples, rng.random(10)))
    assert caught.value.reason == (
        f"the test split of 'memes' must hold hateful and harmless memes; got {count} memes of one label."
    )
    assert caught.value.what_to_do == "Add a labelled test file (test_seen.jsonl) with both labels."


def test_what_is_known_of_the_head_is_passed_on(rng: np.random.Generator) -> None:
    samples = memes([0, 1] * 30, ["test"] * 60)
    scores = scored(samples, rng.random(60))
    scores.attrs["params"] = {"penalty": 1.0, "notes": ["Words that BERT does not know: 3."]}
    result = compute(samples=samples, config=Config(), scores=scores)
    assert result.params["head"]["penalty"] == 1.0
    assert "Words that BERT does not know: 3." in result.warnings


@pytest.mark.parametrize("bad", [0.0, 1.0, 7.0])
def test_options_out_of_range(bad: float) -> None:
    with pytest.raises(ConfigError) as caught:
        Config(threshold=bad)
    assert str(caught.value) == (
        f"threshold of hate_speech must be between 0 and 1; got {bad:g}. A usual choice is 0.5."
    )
