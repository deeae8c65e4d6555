"""The change of a disparity on the same clusters, against paired tests that were written out by hand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fairaudit.comparison.change import adjusted, changes_of
from fairaudit.comparison.matched_shares import MatchedShares
from fairaudit.core.plan import Plan, PlanRow
from fairaudit.core.result import CHANGE_COLUMNS
from fairaudit.core.samples import Feature
from fairaudit.stats.gallery import GalleryRole, Moves
from fairaudit.stats.outcomes import Outcomes
from tests.comparison.audits_of_rows import audit_of, groups_of, row

AB = Feature("g", ("a", "b"), "annotated", "by hand")
STEPS = Feature("s", ("low", "mid", "high"), "annotated", "by hand", ordered=True)

Numbers = npt.NDArray[np.float64]


def change(
    before: Outcomes, after: Outcomes, group: Any, feature: Feature = AB, kind: str = "one_vs_rest"
) -> dict[str, Any]:
    audits = {n: audit_of(o, {feature.name: group}, [feature]) for n, o in (("old", before), ("new", after))}
    return row(changes_of(audits, baseline="old"), kind=kind)


def pair(rng: np.random.Generator, n: int, clusters: Any = None, shift: Any = 0.0, **fields: Any) -> list[Outcomes]:
    """Return hits of two models that agree in most rows; the second has more hits by ``shift``."""
    clusters = np.arange(n) if clusters is None else clusters
    hard = rng.random(n)
    values = [(0.7 * hard + 0.3 * rng.random(n) < 0.5 + add).astype(float) for add in (0.0, shift)]
    return [Outcomes("hit", v, clusters, **fields) for v in values]


def test_one_row_of_each_cluster_on_each_side_is_the_paired_t_test(rng: np.random.Generator) -> None:
    n = 60
    clusters, group = np.tile(np.arange(n), 2), np.repeat(["a", "b"], n)
    of_cluster = rng.normal(size=n)
    old, new = (np.tile(of_cluster, 2) + rng.normal(size=2 * n) for _ in range(2))
    new[:n] += 0.4
    models = [Outcomes("loss", v, clusters, unit_interval=False) for v in (old, new)]
    found = change(models[0], models[1], group)
    expected = stats.ttest_rel(new[:n] - new[n:], old[:n] - old[n:])
    assert found["p_value"] == pytest.approx(expected.pvalue, rel=1e-9)
    assert found["df"] == n - 1
    low, high = expected.confidence_interval(0.95)
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((low, high))
    assert found["change"] == found["value"] - found["value_before"]


def counts(old: Numbers, new: Numbers, group: Any) -> MatchedShares:
    """Return gains and losses in either group, from McNemar's tables."""
    sides = [(old[group == g], new[group == g]) for g in ("a", "b")]
    return MatchedShares(*np.array([[((y > x).sum(), (y < x).sum(), len(x)) for x, y in sides]], dtype=float)[0].T)


def test_independent_hits_have_the_score_test_of_matched_shares(rng: np.random.Generator) -> None:
    group = groups_of(rng, 400)
    old, new = pair(rng, 400, shift=np.where(group == "a", 0.2, 0.0))
    found, expected = change(old, new, group), counts(old.values, new.values, group)
    low, high = expected.interval()
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((float(low), float(high)))
    assert found["p_value"] == pytest.approx(float(expected.p_value()))
    parts = [(new.values - old.values)[group == g] for g in ("a", "b")]
    assert found["std_error"] == pytest.approx(np.sqrt(sum(part.var() / len(part) for part in parts)))
    assert np.isnan(found["df"])
    assert found["ci_low"] <= found["change"] <= found["ci_high"]


def test_the_size_of_independent_hits_is_tested_by_the_sum_of_two_outcomes(rng: np.random.Generator) -> None:
    """The disparities of A and B add up to the change from A turned into its opposite to B."""
    group = groups_of(rng, 400)
    old, new = pair(rng, 400, shift=np.where(group == "a", 0.2, 0.0))
    found = change(old, new, group)
    total = counts(1 - old.values, new.values, group)
    assert total.value == pytest.approx(found["value"] + found["value_before"])
    assert found["p_size"] == pytest.approx(max(found["p_value"], float(total.p_value())))


def test_a_few_rows_that_changed_are_enough_for_the_score_test() -> None:
    group, values = np.repeat(["a", "b"], [30, 970]), (np.arange(1000) % 2).astype(float)
    for flipped in (0, 2):
        after = values.copy()
        after[: 2 * flipped : 2] = 1.0
        found = change(Outcomes("hit", values, np.arange(1000)), Outcomes("hit", after, np.arange(1000)), group)
        assert found["status"] == "ok"
        assert found["p_value"] == pytest.approx(float(counts(values, after, group).p_value()))
        assert found["change"] == pytest.approx(flipped / 30)
        assert -0.2 < found["ci_low"] <= found["change"] < found["ci_high"] < 0.4


def test_a_cluster_in_both_groups_is_not_independent(rng: np.random.Generator) -> None:
    clusters, group = np.tile(np.arange(100), 2), np.repeat(["a", "b"], 100)
    old, new = pair(rng, 200, clusters)
    moved = new.values - old.values
    found = change(old, new, group)
    assert found["std_error"] == pytest.approx(stats.sem(moved[:100] - moved[100:]), rel=0.02)
    assert found["df"] == 99


def twice(values: Numbers) -> Numbers:
    """Return outcomes of two rows for each cluster, of which the second is always a miss."""
    return np.stack([values, np.zeros(len(values))], axis=1).ravel()


def test_clusters_that_did_not_change_on_a_small_side_are_not_certain(rng: np.random.Generator) -> None:
    """Smyth's moderated variances and Hall's cubic by hand."""
    group, clusters = np.repeat(["a", "b"], [40, 300]), np.repeat(np.arange(340), 2)
    values = (rng.random(340) < 0.5).astype(float)
    flipped = values.copy()
    flipped[40:140] = 1.0
    old, new = (Outcomes("hit", twice(v), clusters) for v in (values, flipped))
    found = change(old, new, np.repeat(group, 2))
    moved = (flipped - values) / 2
    sides, n = [moved[:40], moved[40:]], np.array([40, 300])
    errors = [(side - side.mean()) * np.sqrt(len(side) / (len(side) - 1)) for side in sides]
    square, cube = (sum((e**power).sum() for e in errors) / 340 for power in (2, 3))
    own = np.array([side.var(ddof=1) / len(side) for side in sides])
    variance = float((((n - 1) * own + 20 * square / n) / (n + 19)).sum())
    assert found["std_error"] == pytest.approx(np.sqrt(variance))
    t, skewness = found["change"] / np.sqrt(variance), cube * (40**-2.0 - 300**-2.0) / variance**1.5
    t = max(t, -3 / skewness)  # beyond it Hall's cubic turns
    hall = t + skewness * t**2 / 3 + skewness**2 * t**3 / 27 + skewness / 6
    assert found["p_value"] == pytest.approx(2 * stats.t.sf(abs(hall), found["df"]))


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_clusters_of_many_rows_agree_with_the_jackknife_and_the_bootstrap(
    rng: np.random.Generator, average: Any
) -> None:
    clusters = np.repeat(np.arange(120), rng.integers(1, 8, 120))
    group = np.array(["a", "b"])[clusters % 2]
    old, new = pair(rng, len(clusters), clusters, np.where(group == "a", 0.2, 0.0), average=average)
    found = change(old, new, group)

    def disparity(values: Numbers, weights: Numbers) -> Numbers:
        """Return the difference of groups for cluster weights (B, U)."""
        size: Any = np.bincount(clusters)
        above, below = np.bincount(clusters, weights=values), size.astype(float)
        if average == "macro":
            above, below = above / size, np.ones(len(size))
        sides = [np.arange(120) % 2 == side for side in (0, 1)]
        parts = [(weights[:, s] @ above[s]) / (weights[:, s] @ below[s]) for s in sides]
        return parts[0] - parts[1]  # type: ignore[no-any-return]

    def changed(weights: Numbers) -> Numbers:
        return disparity(new.values, weights) - disparity(old.values, weights)

    left_out = changed(1 - np.eye(120))
    jackknife = np.sqrt(119 / 120 * ((left_out - left_out.mean()) ** 2).sum())
    assert found["change"] == pytest.approx(changed(np.ones((1, 120)))[0])
    assert found["std_error"] == pytest.approx(jackknife, rel=0.04)
    drawn = changed(rng.multinomial(120, np.full(120, 1 / 120), size=4000).astype(float))
    assert found["std_error"] == pytest.approx(drawn.std(), rel=0.08)


def delong(scores: Sequence[Numbers], labels: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
    """Covariance (2, 2) of two AUROCs of the same rows: DeLong et al. (1988), equations 4 to 8."""
    v10, v01 = [], []
    for score in scores:
        x, y = score[labels == 1], score[labels == 0]
        psi = (x[:, None] > y).astype(float) + 0.5 * (x[:, None] == y)
        v10.append(psi.mean(axis=1))
        v01.append(psi.mean(axis=0))
    covariance: npt.NDArray[np.float64] = np.cov(v10) / len(v10[0]) + np.cov(v01) / len(v01[0])
    return covariance


def test_aurocs_have_delongs_paired_test(rng: np.random.Generator) -> None:
    n = 300
    labels, group = rng.integers(0, 2, n), groups_of(rng, n)
    common = rng.normal(size=n) + labels
    scores = [np.round(common + 0.5 * rng.normal(size=n) * (k + 1), 1) for k in range(2)]
    old, new = (Outcomes("auroc", s, np.arange(n), labels=labels, unit_interval=False) for s in scores)
    found = change(old, new, group)
    contrast = np.array([-1.0, 1.0])
    covariances = [delong([s[group == g] for s in scores], labels[group == g]) for g in ("a", "b")]
    assert found["std_error"] == pytest.approx(np.sqrt(sum(contrast @ c @ contrast for c in covariances)))
    assert found["std_error"] < np.sqrt(sum(np.trace(c) for c in covariances))  # pairing must help here


def test_a_slope_is_the_slope_of_the_differences(rng: np.random.Generator) -> None:
    n, x = 150, rng.integers(0, 3, 150)
    old, new = pair(rng, n, shift=0.1 * x)
    found = change(old, new, np.array(STEPS.groups)[x], STEPS, "slope")
    design = np.stack([np.ones(n), x], axis=1)
    moved = new.values - old.values
    inverse = np.linalg.inv(design.T @ design)
    # HC2, and Satterthwaite's degrees of freedom (Bell and McCaffrey 2002).
    left = np.eye(n) - design @ inverse @ design.T
    terms = (design @ inverse[1] / np.sqrt(np.diag(left)))[:, None] * left
    covariance = terms @ terms.T
    assert found["kind"] == "slope"
    assert found["change"] == pytest.approx((inverse @ design.T @ moved)[1])
    assert found["std_error"] == pytest.approx(np.linalg.norm(terms @ moved))
    assert found["df"] == pytest.approx(np.trace(covariance) ** 2 / (covariance**2).sum())


def test_hubs_of_a_gallery_count_in_both_roles(rng: np.random.Generator) -> None:
    n, group = 120, groups_of(rng, 120)
    moved, models = np.zeros((2, n)), []
    for i in range(2):
        values, items = (rng.random(n) < 0.5).astype(float), rng.integers(0, 6, (n, 3))
        influence = rng.normal(size=(n, 3)) / 3
        role = GalleryRole.of(Moves(items, influence), np.arange(n))
        models.append(Outcomes("hit", values, np.arange(n), gallery=role))
        for g, sign in (("a", 1), ("b", -1)):
            k = (group == g).sum()
            own = np.where(group == g, values - values[group == g].mean(), 0) / k
            np.add.at(own, items[group == g].ravel(), influence[group == g].ravel() / k)
            moved[i] += sign * own * np.sqrt(k / (k - 1))
    found, psi = change(models[0], models[1], group), moved[1] - moved[0]
    assert found["std_error"] == pytest.approx(np.sqrt((psi**2).sum()))
    assert found["df"] <= (psi**2).sum() ** 2 / (psi**4).sum() + 1e-9


def flips(rng: np.random.Generator, shares: tuple[float, float], n: int = 600) -> Outcomes:
    """Return hits with these shares in ``a`` (first half) and ``b``, the easiest rows first."""
    return Outcomes("hit", np.concatenate([np.arange(n) < s * n for s in shares]).astype(float), np.arange(2 * n))


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [((0.4, 0.6), (0.55, 0.6), "smaller"), ((0.6, 0.4), (0.45, 0.4), "smaller"), ((0.55, 0.6), (0.4, 0.6), "larger"),
     ((0.4, 0.6), (0.6, 0.4), "changed"), ((0.4, 0.6), (0.41, 0.62), "not_shown"),
     ((0.4, 0.6), (0.62, 0.6), "smaller")],
)  # fmt: skip
def test_what_became_of_the_size(rng: np.random.Generator, before: Any, after: Any, verdict: str) -> None:
    found = change(flips(rng, before), flips(rng, after), np.repeat(["a", "b"], 600))
    assert found["verdict"] == verdict
    assert found["change"] == pytest.approx((after[0] - after[1]) - (before[0] - before[1]))
    covers = found["ci_low_adjusted"] <= 0 <= found["ci_high_adjusted"]
    assert covers == (verdict == "not_shown")


def test_two_models_that_do_not_differ(rng: np.random.Generator) -> None:
    """Two hundred comparisons without a change; the bound is the binomial's at 1 in 1,000."""
    n, draws = 120, 200
    group, hard = groups_of(rng, n), rng.random((n, draws))
    audits = {}
    plan = Plan(tuple(PlanRow("x", f"m{i}", "g", "one_vs_rest") for i in range(draws)))
    for name in ("old", "new"):
        hits = (0.6 * hard + 0.4 * rng.random((n, draws)) < np.where(group == "a", 0.45, 0.55)[:, None]).astype(float)
        outcomes = [Outcomes(f"m{i}", hits[:, i], np.arange(n)) for i in range(draws)]
        audits[name] = audit_of(outcomes, {"g": group}, [AB], plan=plan)
    found = changes_of(audits, baseline="old")
    low, high = stats.binom.interval(0.998, draws, 0.05)
    assert found["status"].eq("ok").all()
    assert low <= (found["p_value"] < 0.05).sum() <= high
    assert set(found["verdict"]) == {"not_shown"}


P_VALUES = st.lists(st.tuples(st.floats(1e-6, 1), st.floats(1e-6, 1)), min_size=1, max_size=7)


@given(P_VALUES)
def test_adjusted_p_values_are_the_levels_at_which_the_procedure_claims(pairs: list[tuple[float, float]]) -> None:
    p_change = np.array([min(p) for p in pairs])
    p_size = np.array([max(p) for p in pairs])
    change_, size = adjusted(p_change, p_size)
    for alpha in (0.0013, 0.0107, 0.0503, 0.2009, 0.5001):
        claimed: set[int] = set()  # Holm by hand: the smallest first, each at alpha over what is left
        for i in np.argsort(p_size, kind="stable"):
            if p_size[i] * (len(pairs) - len(claimed)) > alpha:
                break
            claimed.add(int(i))
        level = alpha / max(len(pairs) - len(claimed), 1)
        shown = claimed | {i for i in range(len(pairs)) if p_change[i] <= level}
        assert {i for i, p in enumerate(size) if p <= alpha} == claimed
        assert {i for i, p in enumerate(change_) if p <= alpha} == shown


@pytest.mark.parametrize("truth", ["no change", "mirrored", "both"])
def test_claims_of_change_and_of_size_share_one_error_level(rng: np.random.Generator, truth: str) -> None:
    """Rows without a change, or with one that mirrors the disparity so that its size stays: any claim is false."""
    draws, m = 4000, 6
    p_d = 2 * stats.norm.sf(np.abs(rng.normal(size=(draws, m))))
    p_s = 2 * stats.norm.sf(np.abs(rng.normal(size=(draws, m))))
    mirrored = np.full(m, truth == "mirrored") if truth != "both" else np.arange(m) < 3
    p_d, p_s = np.where(mirrored, 1e-9, p_d), np.where(mirrored, p_s, 1e-9)
    false = 0
    for d, s in zip(p_d, p_s, strict=True):
        change_, size = adjusted(d, np.maximum(d, s))
        false += bool(((size < 0.05) & mirrored).any() or ((change_ < 0.05) & ~mirrored).any())
    assert false <= stats.binom.ppf(0.999, draws, 0.05)


def test_the_table_has_a_row_for_every_checkpoint_and_planned_row(rng: np.random.Generator) -> None:
    group = groups_of(rng, 200)
    old, new = pair(rng, 200)
    audits = {n: audit_of(o, {"g": group}, [AB]) for n, o in (("one", old), ("two", new), ("three", old))}
    found = changes_of(audits, baseline="two")
    assert tuple(found.columns) == CHANGE_COLUMNS
    assert list(found["checkpoint"]) == ["one", "three"]
    assert set(found["verdict"]) <= {"smaller", "larger", "changed", "not_shown", "not_estimable"}
    turned = changes_of(audits, baseline="one")
    assert found["change"].iloc[0] == pytest.approx(-turned["change"].iloc[0])
    assert turned["std_error"].iloc[0] == pytest.approx(found["std_error"].iloc[0])


def test_no_audit_with_a_row_is_an_empty_table(rng: np.random.Generator) -> None:
    audits = {n: audit_of(pair(rng, 60)[0], {}, []) for n in ("old", "new")}
    found = changes_of(audits, baseline="old")
    assert found.empty
    assert isinstance(found, pd.DataFrame)
