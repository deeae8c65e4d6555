"""What holds for any data: weights, averages, intervals, and groups under other names."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from fairlearn.metrics import MetricFrame
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from fairaudit.core.samples import Feature
from fairaudit.stats.cohort import Cohort
from fairaudit.stats.disparity import measure
from fairaudit.stats.estimates import average
from fairaudit.stats.group_sums import GroupSums, Members
from fairaudit.stats.intervals import group_interval, wilson
from fairaudit.stats.outcomes import Outcomes

SEEDS = st.integers(0, 2**32 - 1)
GROUPS = ("a", "b", "c")


@st.composite
def outcomes(draw: st.DrawFn) -> Outcomes:
    rng = np.random.default_rng(draw(SEEDS))
    n = draw(st.integers(1, 60))
    values = rng.random(n) if draw(st.booleans()) else (rng.random(n) < draw(st.floats(0, 1))).astype(float)
    values[rng.random(n) < draw(st.sampled_from([0.0, 0.3]))] = np.nan
    clusters = rng.integers(0, draw(st.integers(1, 60)), n)
    return Outcomes("hit", values, clusters, average=draw(st.sampled_from(["micro", "macro"])))


@given(outcomes(), SEEDS)
def test_weights_sum_to_one_and_values_stay_in_range(one: Outcomes, seed: int) -> None:
    mask = np.random.default_rng(seed).random(len(one.values)) < 0.7
    sums = GroupSums.of(one, [mask])
    weights = sums.row_weights(Members((0,)))
    estimate = average(one, mask)
    assert (weights >= 0).all()
    if not (mask & one.measured).any():
        assert weights.sum() == 0
        assert np.isnan(estimate.value)
        return
    assert weights.sum() == pytest.approx(1)
    assert weights[weights > 0] @ one.values[weights > 0] == pytest.approx(estimate.value)
    assert 0 <= estimate.value <= 1
    assert estimate.std_error >= 0
    low, high, _ = group_interval(estimate)
    assert 0 <= low <= estimate.value + 1e-9
    assert estimate.value - 1e-9 <= high <= 1


@given(st.floats(0, 1), st.floats(1, 1e6), st.floats(0.1, 10))
def test_wilson_holds_its_value_and_mirrors(p: float, n: float, z: float) -> None:
    low, high = wilson(p, n, z)
    assert 0 <= low <= p + 1e-9
    assert p - 1e-9 <= high <= 1
    assert wilson(1 - p, n, z) == pytest.approx((1 - high, 1 - low), abs=1e-9)
    wider = wilson(p, n, z * 1.5)
    assert wider[0] <= low + 1e-12
    assert wider[1] >= high - 1e-12


def cohort(group: npt.NDArray[np.str_], order: tuple[str, ...]) -> Cohort:
    feature = Feature("group", order, "annotated", "by hand")
    names = np.array([f"h{i}" for i in range(len(group))])
    return Cohort("data", "x", (feature,), {"group": group}, names, primary=("group",))


@settings(max_examples=25)
@given(SEEDS, st.permutations(GROUPS))
def test_other_names_and_another_order_give_the_same_rows(seed: int, order: list[str]) -> None:
    rng = np.random.default_rng(seed)
    one = Outcomes("hit", (rng.random(90) < 0.5).astype(float), rng.integers(0, 70, 90))
    group = rng.choice(GROUPS, 90)
    names = dict(zip(GROUPS, ("x", "y", "z"), strict=True))
    renamed = np.array([names[g] for g in group])
    options = {"headline": "hit", "tolerance": 0.05, "slope_tolerance": 0.02}
    first = measure(cohort(group, GROUPS), [one], **options)  # type: ignore[arg-type]
    second = measure(cohort(renamed, tuple(names[g] for g in order)), [one], **options)  # type: ignore[arg-type]
    for table in ("groups", "disparities"):
        keys = ["group", "measure", "reference"] if table == "disparities" else ["group"]
        a, b = (getattr(each, table).set_index(keys).sort_index() for each in (first, second))
        for old, new in names.items():
            for (_, left), (_, right) in zip(a.loc[[old]].iterrows(), b.loc[[new]].iterrows(), strict=True):
                for one_, two in zip(left.to_list(), right.to_list(), strict=True):
                    assert one_ == two or one_ == pytest.approx(two, nan_ok=True, abs=1e-9)


@settings(max_examples=25)
@given(SEEDS, st.integers(20, 200))
def test_group_values_and_difference_equal_fairlearn(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    group = np.concatenate([["a", "b"], rng.choice(["a", "b"], n - 2)])
    values = (rng.random(n) < 0.5).astype(float)
    found = measure(
        cohort(group, ("a", "b")), [Outcomes("hit", values, np.arange(n))], headline="hit", tolerance=0.05,
        slope_tolerance=0.02,
    )  # fmt: skip
    oracle = MetricFrame(
        metrics=lambda y_true, y_pred: float(np.mean(y_pred)), y_true=values, y_pred=values, sensitive_features=group
    )
    by_group = found.groups.set_index("group")["value"]
    assert by_group["overall"] == pytest.approx(oracle.overall)
    for name in ("a", "b"):
        assert by_group[name] == pytest.approx(oracle.by_group[name])
    rows = found.disparities[found.disparities["kind"] == "one_vs_rest"].set_index("measure")["value"]
    assert abs(rows["difference"]) == pytest.approx(oracle.difference())
    if oracle.by_group.min() > 0:
        assert min(rows["ratio"], 1 / rows["ratio"]) == pytest.approx(oracle.ratio())


@settings(max_examples=50)
@given(SEEDS, st.integers(4, 80), st.integers(1, 20))
def test_auroc_equals_scikit_learn_with_any_ties(seed: int, n: int, levels: int) -> None:
    rng = np.random.default_rng(seed)
    labels = np.concatenate([[0, 1], rng.integers(0, 2, n - 2)])
    scores = rng.integers(0, levels, n) / levels
    one = Outcomes("auroc", scores, np.arange(n), labels=labels)
    everyone = np.ones(n, dtype=bool)
    assert average(one, everyone).value == pytest.approx(roc_auc_score(labels, scores))
    # Turned scores turn the AUROC, and are as sure.
    turned = average(Outcomes("auroc", 1 - scores, np.arange(n), labels=labels), everyone)
    assert turned.value == pytest.approx(1 - average(one, everyone).value)
    assert turned.std_error == pytest.approx(average(one, everyone).std_error, abs=1e-12)
