"""Control features in ``measure``: which rows there are under a control, against fairlearn, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame
from sklearn.metrics import roc_auc_score

from fairaudit.core.errors import ConfigError, DataError
from fairaudit.core.plan import MEAN_OF_OTHERS
from fairaudit.core.result import Measured
from fairaudit.core.samples import NOT_RECORDED, Feature, Samples
from fairaudit.stats.cohort import Cohort
from fairaudit.stats.controls import check_controls
from fairaudit.stats.disparity import measure
from fairaudit.stats.outcomes import Outcomes

RACE = Feature("race", ("A", "B", "C"), "annotated", "by hand")
AGE = Feature("age", ("young", "middle", "old"), "annotated", "by hand", ordered=True)


def cohort(columns: dict[str, Any], *features: Feature, controls: dict[str, Any], **fields: Any) -> Cohort:
    n = len(next(iter(columns.values())))
    named = {k: np.asarray(v, dtype=str) for k, v in columns.items()}
    levels = {k: np.asarray(v, dtype=str) for k, v in controls.items()}
    names = np.array([f"h{i}" for i in range(n)])
    primary = tuple(f.name for f in features)
    return Cohort("data", "x", features, named, names, controls=levels, **{"primary": primary, **fields})


def run(group: Cohort, *outcomes: Outcomes) -> Measured:
    return measure(group, outcomes, headline="hit", tolerance=0.05, slope_tolerance=0.02)


def drawn(rng: np.random.Generator, n: int = 600) -> tuple[npt.NDArray[np.str_], npt.NDArray[np.str_], Outcomes]:
    race, topic = rng.choice(RACE.groups, n), rng.choice(["bed", "stove"], n)
    return race, topic, Outcomes("hit", (rng.random(n) < 0.6).astype(float), np.arange(n))


def under(frame: pd.DataFrame, control: str) -> pd.DataFrame:
    return frame[frame["control"] == control]


def rest(frame: pd.DataFrame) -> pd.DataFrame:
    """Each group against the rest: the differences that are tested."""
    return frame[
        (frame["kind"] == "one_vs_rest") & (frame["measure"] == "difference") & (frame["reference"] != MEAN_OF_OTHERS)
    ]


def test_values_within_levels_are_those_of_fairlearn(rng: np.random.Generator) -> None:
    race, topic, one = drawn(rng)
    found = run(cohort({"race": race}, RACE, controls={"topic": topic}), one)
    theirs = MetricFrame(
        metrics=lambda y_true, y_pred: float(np.mean(y_pred)), y_true=one.values, y_pred=one.values,
        sensitive_features={"race": race}, control_features={"topic": topic},
    )  # fmt: skip
    for level in ("bed", "stove"):
        ours = under(found.groups, f"topic={level}").set_index("group")["value"]
        assert ours.to_dict() == pytest.approx(theirs.by_group.loc[level].to_dict())
        rows = rest(under(found.disparities, f"topic={level}"))
        assert list(rows["group"]) == list(RACE.groups)
        for row in rows.to_dict("records"):
            inside = topic == level
            others = one.values[inside & (race != row["group"])].mean()
            assert row["value"] == pytest.approx(ours[row["group"]] - others)
            assert row["n"] == inside.sum()


def test_nothing_under_a_control_is_primary_and_nothing_else_changes(rng: np.random.Generator) -> None:
    race, topic, one = drawn(rng)
    other = Outcomes("other", rng.random(600), np.arange(600))
    found = run(cohort({"race": race}, RACE, controls={"topic": topic}), one, other)
    plain = run(cohort({"race": race}, RACE, controls={}), one, other)
    assert set(found.disparities.loc[found.disparities["control"] != "", "family"]) == {"exploratory"}
    assert set(found.groups.loc[found.groups["control"] != "", "metric"]) == {"hit"}
    assert sorted(set(found.groups["control"])) == ["", "standardised by topic", "topic=bed", "topic=stove"]
    for name in ("groups", "disparities"):
        ours = under(getattr(found, name), "").reset_index(drop=True)
        pd.testing.assert_frame_equal(ours, getattr(plain, name))
    pd.testing.assert_frame_equal(found.statistics, plain.statistics)


def test_a_control_is_skipped_for_the_feature_of_its_name(rng: np.random.Generator) -> None:
    race, _, one = drawn(rng)
    age = rng.choice(AGE.groups, 600)
    found = run(cohort({"race": race, "age": age}, RACE, AGE, controls={"race": race, "age": age}), one)
    pairs = found.groups[found.groups["control"] != ""][["feature", "control"]].drop_duplicates()
    assert sorted(map(tuple, pairs.to_numpy().tolist())) == [
        ("age", "race=A"), ("age", "race=B"), ("age", "race=C"), ("age", "standardised by race"),
        ("race", "age=middle"), ("race", "age=old"), ("race", "age=young"), ("race", "standardised by age"),
    ]  # fmt: skip
    # Levels stand in the order of their feature, which the alphabet does not know.
    assert list(dict.fromkeys(under_feature(found, "race")))[1:] == ["age=young", "age=middle", "age=old"]


def under_feature(found: Measured, feature: str) -> list[str]:
    rows = found.groups[(found.groups["feature"] == feature) & (found.groups["control"] != "")]
    return rows["control"].tolist()


def test_slopes_are_taken_within_levels(rng: np.random.Generator) -> None:
    age, topic = rng.choice(AGE.groups, 500), rng.choice(["bed", "stove"], 500)
    income = rng.normal(8, 2, 500)
    one = Outcomes("hit", (rng.random(500) < 0.5).astype(float), np.arange(500))
    numeric = {"income": (income, "per_doubling")}
    found = run(cohort({"age": age}, AGE, controls={"topic": topic}, numeric=numeric), one).disparities
    inside = topic == "bed"
    steps = np.array([AGE.groups.index(a) for a in age])
    for feature, x in (("age", steps), ("income", income)):
        rows = found[(found["feature"] == feature) & (found["control"] == "topic=bed") & (found["kind"] == "slope")]
        assert rows["value"].item() == pytest.approx(np.polyfit(x[inside], one.values[inside], 1)[0])
        assert (rows["family"].item(), rows["n"].item()) == ("exploratory", inside.sum())


def test_unknown_groups_and_levels_have_values_and_are_not_compared(rng: np.random.Generator) -> None:
    race, topic, one = drawn(rng)
    row = np.arange(600)
    race = np.where(row < 60, NOT_RECORDED, race)
    topic = np.where((row >= 30) & (row < 100), NOT_RECORDED, topic)
    found = run(cohort({"race": race}, RACE, controls={"topic": topic}), one)
    inside = topic == NOT_RECORDED
    within = under(found.groups, f"topic={NOT_RECORDED}").set_index("group")
    assert within.loc["A", "n"] == (inside & (race == "A")).sum()
    assert within.loc[NOT_RECORDED, "n"] == 30
    assert under(found.disparities, f"topic={NOT_RECORDED}").empty
    assert set(under(found.groups, "standardised by topic")["group"]) == set(RACE.groups)
    # The mix is that of the rows that are compared: of known race and topic.
    table = pd.DataFrame({"race": race, "topic": topic, "hit": one.values})
    table = table[(table["race"] != NOT_RECORDED) & (table["topic"] != NOT_RECORDED)]
    mix, means = table["topic"].value_counts(normalize=True), table.groupby(["race", "topic"])["hit"].mean()
    ours = under(found.groups, "standardised by topic").set_index("group")["value"]
    assert ours["A"] == pytest.approx(sum(mix[k] * means["A", k] for k in mix.index))
    notes = set(under(found.disparities, "standardised by topic")["note"])
    assert notes == {"without 40 images of which topic is not recorded"}


def test_an_auroc_is_given_within_levels_and_not_standardised(rng: np.random.Generator) -> None:
    race, topic, _ = drawn(rng)
    labels, scores = rng.integers(0, 2, 600), rng.random(600)
    one = Outcomes("hit", scores, np.arange(600), labels=labels)
    found = run(cohort({"race": race}, RACE, controls={"topic": topic}), one)
    values = under(found.groups, "topic=bed").set_index("group")["value"]
    inside = (topic == "bed") & (race == "B")
    assert values["B"] == pytest.approx(roc_auc_score(labels[inside], scores[inside]))
    for frame in (found.groups, found.disparities):
        rows = under(frame, "standardised by topic")
        assert len(rows) == 3
        assert set(rows["status"]) == {"not_estimable"}
        assert rows["note"].str.startswith("an AUROC is no mean over images").all()


def test_an_empty_cell_is_a_row_with_its_reason(rng: np.random.Generator) -> None:
    race, topic, one = drawn(rng)
    topic[race == "C"] = "bed"
    found = run(cohort({"race": race}, RACE, controls={"topic": topic}), one)
    row = rest(under(found.disparities, "topic=stove")).set_index("group").loc["C"]
    assert (row["status"], row["note"]) == ("not_estimable", "no image was measured in this group")


def samples() -> Samples:
    table = pd.DataFrame({
        "sample_id": [f"s{i}" for i in range(6)], "path": "", "cluster_id": range(6), "split": "", "label": "",
        "text": "", "race": list("AABBCC"), "age": ["young", "old"] * 3,
    })  # fmt: skip
    return Samples("faces", "x", "people", Path(), table, (RACE, AGE), "image", "CC0")


def test_controls_are_features_or_what_the_indicator_adds() -> None:
    group = Cohort.of(samples(), "x", control_features=("age", "topic"), extra_controls={"topic": ["bed"] * 6})
    assert list(group.levels("age")) == ["young", "old"]
    assert group.levels("topic")["bed"].all()
    with pytest.raises(ConfigError) as error:
        Cohort.of(samples(), "x", control_features=("agee",), extra_controls={"topic": ["bed"] * 6})
    assert str(error.value) == (
        "control_features of x on 'faces' must be one of: age, race, topic; got 'agee'. Did you mean 'age'?"
    )


def test_where_nothing_is_recorded_nothing_can_be_a_control() -> None:
    with pytest.raises(ConfigError) as error:
        check_controls("control_features of x", ("age",), ())
    assert str(error.value) == (
        "control_features of x must be recorded features; got 'age', and none is recorded. Leave it out."
    )


def test_a_control_with_too_many_levels_is_refused() -> None:
    n = 6667
    with pytest.raises(DataError) as error:
        cohort({"race": ["A"] * n}, RACE, controls={"name": [f"n{i}" for i in range(n)]})
    assert str(error.value) == (
        "control features of x on 'data' must form at most 20,000 groups with the features; got 20,001. Merge levels, "
        "or leave a control out."
    )
