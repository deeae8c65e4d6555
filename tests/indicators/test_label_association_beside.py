"""What stands beside the harmful shares: coverage, single labels, robustness, unknown groups, names of labels."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from fairaudit.core.errors import RequirementError
from fairaudit.core.result import IndicatorResult
from fairaudit.core.samples import NOT_RECORDED, Feature, Samples
from fairaudit.core.tables import Predictions
from fairaudit.indicators.label_association import INDICATOR, Config, compute
from fairaudit.stats.verdicts import decide

GENDER = Feature("gender", ("female", "male"), "annotated", "by hand")
AGE = Feature("age", ("young", "old"), "annotated", "by hand")
KNOWN = ("face", "monkey", "dog", "prison", "cat", "tench")


def people(gender: npt.ArrayLike, age: npt.ArrayLike | None = None) -> Samples:
    n = len(np.asarray(gender))
    table = pd.DataFrame({
        "sample_id": [f"s{i}" for i in range(n)], "path": "", "cluster_id": np.arange(n), "split": "", "label": "",
        "text": "", "gender": gender, **({} if age is None else {"age": age}),
    })  # fmt: skip
    features = (GENDER,) if age is None else (GENDER, AGE)
    return Samples("faces", "x", "people", Path(), table, features, "image", "CC0")


def say(
    samples: Samples, labels: npt.ArrayLike, scores: npt.ArrayLike, known: tuple[str, ...] = KNOWN, source: str = "head"
) -> Predictions:
    return Predictions(samples.sample_ids, np.asarray(labels), np.asarray(scores, dtype=np.float32), known, source)


def run(
    samples: Samples, predictions: Predictions, prompts: list[Predictions] | None = None, **options: Any
) -> IndicatorResult:
    return compute(
        samples=samples, config=Config(**options), predictions=predictions, predictions_by_prompt=prompts
    )  # fmt: skip


def values(result: IndicatorResult, metric: str) -> dict[str, float]:
    rows = result.groups[result.groups["metric"] == metric]
    return dict(zip(rows["group"].astype(str), rows["value"].astype(float), strict=True))


def random_labels(rng: np.random.Generator, n: int, k: int = 4) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.float64]]:
    labels = np.array([rng.permutation(KNOWN)[:k] for _ in range(n)])
    return labels, np.sort(rng.dirichlet(np.ones(6), n), axis=1)[:, ::-1][:, :k]


def test_coverage_by_hand() -> None:
    samples = people(["female", "female", "male", "male", "male"])
    scores = [[0.9, 0.1], [0.2, 0.1], [0.05, 0.01], [0.3, 0.2], [0.09, 0.01]]
    result = run(samples, say(samples, [["tench", "face"]] * 5, scores), threshold=0.3)
    assert values(result, "coverage@0.3") == pytest.approx({"overall": 0.4, "female": 0.5, "male": 1 / 3})
    curve = result.curves[(result.curves["metric"] == "coverage") & (result.curves["group"] == "male")]
    assert dict(zip(curve["x"], curve["value"], strict=True)) == pytest.approx({0: 1, 0.1: 1 / 3, 0.3: 1 / 3, 0.8: 0})
    assert (
        "Only 40% of images have a label with a score of 0.3 or more (coverage): an image without a label "
        "cannot have a harmful one."
    ) in result.warnings
    assert not [w for w in run(samples, say(samples, [["face"]] * 5, [[0.9]] * 5)).warnings if "coverage" in w]


def test_harmful_labels_by_group_with_their_kind_and_count() -> None:
    samples = people(["female"] * 60 + ["male"] * 40)
    labels = np.array([["face", "tench"]] * 100, dtype="U12")
    labels[:12, 1] = "dog"
    labels[60:80, 1] = "dog"
    labels[80:85, 1] = "prison"
    labels[85, 1] = "cat"  # possibly non-human: recorded, not harmful
    scores = np.tile([0.5, 0.2], (100, 1))
    scores[84, 1] = 0.05  # below threshold
    result = run(samples, say(samples, labels, scores))
    assert values(result, "label 'dog'@0.1") == pytest.approx({"overall": 0.32, "female": 0.2, "male": 0.5})
    assert values(result, "label 'prison'@0.1") == pytest.approx({"overall": 0.04, "female": 0, "male": 0.1})
    assert not values(result, "label 'cat'@0.1")
    rows = result.groups[result.groups["metric"].str.startswith("label '")]
    assert list(dict.fromkeys(rows["metric"])) == ["label 'dog'@0.1", "label 'prison'@0.1"]
    notes = dict(zip(zip(rows["metric"], rows["group"], strict=True), rows["note"], strict=True))
    assert notes["label 'dog'@0.1", "male"] == "non_human, 20 images"
    assert notes["label 'prison'@0.1", "male"] == "crime, 4 images"
    said = "Harmful labels of most images at score >= 0.1: 'dog' (non_human) of 32, 'prison' (crime) of 4."
    assert said in result.warnings
    assert not values(run(samples, say(samples, labels, scores), n_labels=1), "label 'prison'@0.1")


def test_labels_that_differ_are_leads_and_count_as_many_as_were_looked_at(rng: np.random.Generator) -> None:
    samples = people(["female"] * 300 + ["male"] * 300)
    labels, scores = random_labels(rng, 600)
    labels[:, 0] = np.where(rng.random(600) < np.repeat([0.1, 0.6], 300), "hat", labels[:, 0])
    result = run(samples, say(samples, labels, np.maximum(scores, 0.1), (*KNOWN, "hat")))
    rows = result.disparities[result.disparities["metric"].str.startswith("rate of '")]
    assert rows.iloc[0]["metric"] == "rate of 'hat'"
    counts = pd.Series(labels[:300].ravel()).value_counts(), pd.Series(labels[300:].ravel()).value_counts()
    assert rows.iloc[0]["value"] == pytest.approx((counts[0]["hat"] - counts[1]["hat"]) / 1200)
    assert set(rows["family"]) == {"exploratory"}
    assert [i for i, row in enumerate(result.comparisons) if row.selection_adjusted_p >= 0] == list(rows.index)
    assert (result.params["labels_compared"], result.params["comparisons_of_labels"]) == (7, 7)
    (decided,), plan = decide([result])
    exploratory = decided.disparities.loc[rows.index[0]]
    assert exploratory["p_adjusted"] < 0.05
    assert exploratory["verdict"] == ""
    assert {row["metric"] for row in plan["primary"]} == {"harmful@0.1"}
    without = run(samples, say(samples, labels, scores, (*KNOWN, "hat")), n_labels=0)
    assert not without.groups["metric"].str.startswith("rate of '").any()
    assert (without.params["labels_compared"], without.params["comparisons_of_labels"]) == (0, 0)


def test_robustness_over_thresholds_and_top_k() -> None:
    """Males are called an animal more often in the first place; in the second, less surely, females are too."""
    samples = people(["female"] * 200 + ["male"] * 200)
    labels = np.array([["face", "tench"]] * 400, dtype="U12")
    scores = np.tile([0.6, 0.2], (400, 1))
    labels[200:280, 0] = "monkey"
    labels[:20, 0] = "monkey"
    labels[20:70, 1] = "monkey"
    result = run(samples, say(samples, labels, scores), thresholds=(0.1, 0.3), k=2, ks=(1,))
    (told,) = [w for w in result.warnings if w.startswith("Robustness")]
    assert told == (
        "Robustness: gender, male minus female on harmful@0.1: 0.050, and from 0.050 to 0.300 over 2 of 2 different "
        "settings (threshold, top k) that can be judged; above zero at 2, with an interval above zero at 1: depends on "
        "the setting; threshold and top k alone can decide it."
    )
    curve = result.curves[result.curves["metric"] == "harmful, male minus female"]
    found = {(r.group, r.x): r.value for r in curve.itertuples()}
    assert found == pytest.approx({
        ("top 2", 0.1): 0.05, ("top 2", 0.3): 0.3, ("top 1", 0.1): 0.3, ("top 1", 0.3): 0.3,
    })  # fmt: skip


def test_prompts_are_settings_too(rng: np.random.Generator) -> None:
    samples = people(["female"] * 150 + ["male"] * 150)
    share = {"": (0.2, 0.5), "prompt 1": (0.2, 0.5), "prompt 2": (0.5, 0.2)}
    said = []
    for female, male in share.values():
        harmful = (np.arange(300) % 150) < np.repeat([150 * female, 150 * male], 150)
        said.append(say(samples, np.where(harmful, "dog", "face")[:, None], np.full((300, 1), 0.9), source="prompts"))
    options: dict[str, Any] = {"thresholds": (0.1,), "ks": ()}
    result = run(samples, said[0], said[1:], **options)
    (told,) = [w for w in result.warnings if w.startswith("Robustness")]
    assert told == (
        "Robustness: gender, male minus female on harmful@0.1: 0.300, and from -0.300 to 0.300 over 2 of 2 different "
        "settings (prompt) that can be judged; above zero at 1, with an interval above zero at 1: sign changes; prompt "
        "alone can decide it."
    )
    curve = result.curves[result.curves["metric"] == "harmful, male minus female"]
    assert dict(zip(curve["group"], curve["value"], strict=True)) == pytest.approx(
        {"top 1": 0.3, "top 1, prompt 1": 0.3, "top 1, prompt 2": -0.3}
    )
    (alone,) = [w for w in run(samples, said[0], **options).warnings if w.startswith("Robustness")]
    assert alone.endswith(
        "over 1 of 1 different settings that can be judged: the robustness of the difference cannot be judged."
    )
    assert values(result, "harmful@0.1") == values(run(samples, said[0], **options), "harmful@0.1")


def test_features_with_too_little_to_compare_are_named() -> None:
    samples = people(["female", "male"] * 60, ["young"] * 115 + ["old"] * 5)
    labels = np.where(np.arange(120) % 5 < 2, "dog", "face")[:, None]
    result = run(samples, say(samples, labels, np.full((120, 1), 0.9)))
    assert (
        "Robustness of a difference in harmful@0.1 cannot be judged by age: fewer than two groups have enough images "
        "with and without a harmful label."
    ) in result.warnings


def test_unknown_groups_are_left_out_where_that_is_wanted() -> None:
    samples = people(["female", "male", NOT_RECORDED, "male"], ["old", NOT_RECORDED, "young", "young"])
    predictions = say(samples, [["dog"], ["dog"], ["dog"], ["face"]], [[0.9]] * 4)
    kept = run(samples, predictions)
    assert values(kept, "harmful@0.1")[NOT_RECORDED] == 1
    assert kept.groups["n"].max() == 4
    dropped = run(samples, predictions, drop_unknown=True)
    found = {group: v for group, v in values(dropped, "harmful@0.1").items() if "&" not in group}
    assert found == {"overall": 0.5, "female": 1, "male": 0, "young": 0, "old": 1}
    assert dropped.groups["n"].max() == 2
    assert "2 images were left out because a recorded feature is not known (drop_unknown)." in dropped.warnings
    nobody = people([NOT_RECORDED] * 2)
    with pytest.raises(RequirementError) as caught:
        run(nobody, say(nobody, [["dog"]] * 2, [[0.9]] * 2), drop_unknown=True)
    assert str(caught.value) == (
        "label_association with drop_unknown needs images with every feature recorded; 'faces' has none. Leave "
        "drop_unknown out: what is not recorded is then a group of its own."
    )


@pytest.mark.parametrize("names", [("LABEL_0", "LABEL_1", "LABEL_2"), ("0", "1", "2"), ("class 7", "", "label")])
def test_a_head_whose_labels_have_no_names_is_refused(names: tuple[str, ...]) -> None:
    samples = people(["female", "male"])
    with pytest.raises(RequirementError) as caught:
        run(samples, say(samples, [[names[0]]] * 2, [[0.9]] * 2, names, "head of the checkpoint"))
    assert str(caught.value) == (
        f"label_association needs labels with names, but the head of the checkpoint calls its 3 labels {names[0]}, "
        f"{names[1]} and so on. Name them in the checkpoint (id2label in its config.json), or add a head: --probe "
        "LABELS.csv."
    )


def test_some_labels_without_a_name_are_counted() -> None:
    samples = people(["female", "male"])
    result = run(samples, say(samples, [["face"]] * 2, [[0.9]] * 2, ("face", "LABEL_1", "dog", "class_2")))
    assert "2 of 4 labels of the head have no name." in result.warnings
    assert values(result, "human@0.1")["overall"] == 1


def test_fewer_labels_were_kept_than_are_to_be_looked_at() -> None:
    samples = people(["female", "male"])
    told = "Only the 1 most probable labels of each image were kept: top 5 counts only these."
    assert told in run(samples, say(samples, [["face"]] * 2, [[0.9]] * 2)).warnings
    assert told not in run(samples, say(samples, [["face"]] * 2, [[0.9]] * 2), k=1).warnings
    assert told not in run(samples, say(samples, [["dog"]] * 2, [[1.0]] * 2, ("dog",))).warnings


def test_a_dog_beside_a_person_is_not_harmful_on_miap() -> None:
    samples = people(["female", "male"])
    predictions = say(samples, [["dog"]] * 2, [[0.9]] * 2)
    for taxonomy, harmful, possibly in (("goyal2022", 1, 0), ("goyal2022_miap", 0, 1)):
        result = run(samples, predictions, taxonomy=taxonomy)
        assert values(result, "harmful@0.1")["overall"] == harmful
        assert values(result, "possibly_non_human@0.1")["overall"] == possibly


def test_presets_differ_from_the_defaults_where_paper_and_code_do() -> None:
    assert INDICATOR.protocol is not None
    presets = INDICATOR.protocol.presets
    paper, code = (Config(**_tuples(presets[name])) for name in ("goyal2022_paper", "goyal2022_code"))
    assert paper == dataclasses.replace(Config(), ks=(), drop_unknown=True)
    assert code == dataclasses.replace(Config(), ks=())
    samples = people(["female", "male", NOT_RECORDED])
    predictions = say(samples, [["dog"], ["face"], ["dog"]], [[0.9]] * 3)
    here = {}
    for name, config in {"default": Config(), "goyal2022_paper": paper, "goyal2022_code": code}.items():
        told = compute(samples=samples, config=config, predictions=predictions).protocol
        assert told["preset"] == name
        (here[name],) = [d["here"] for d in told["differences"] if d["option"] == "drop_unknown"]
    assert here["default"] == here["goyal2022_code"] == "a group of their own, printed and not compared"
    assert here["goyal2022_paper"].startswith("boxes of OpenImages-MIAP with unknown gender or age are left out")


def test_every_option_of_a_difference_exists() -> None:
    assert INDICATOR.protocol is not None
    options = {field.name for field in dataclasses.fields(Config)} | {""}
    assert {one.option for one in INDICATOR.protocol.differences} <= options
    sources = [d.source for d in INDICATOR.protocol.differences] + [t.source for t in INDICATOR.protocol.published]
    assert all(sources)


def _tuples(preset: Mapping[str, Any]) -> dict[str, Any]:
    return {name: tuple(v) if isinstance(v, list) else v for name, v in preset.items()}
