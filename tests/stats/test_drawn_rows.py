"""Rows of features whose labels were drawn: against plain rows of every labelling, combined by hand."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats

from fairaudit.core.plan import MEAN_OF_OTHERS, Plan, PlanRow
from fairaudit.core.result import IndicatorResult, Measured
from fairaudit.core.samples import NOT_RECORDED, Feature, Samples
from fairaudit.stats.cohort import Cohort
from fairaudit.stats.contrasts import Compared
from fairaudit.stats.disparity import measure
from fairaudit.stats.gallery import GalleryRole, Moves
from fairaudit.stats.group_sums import GroupSums
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.uncertain_labels import DRAWS, ImputedLabels, contrasts_over, strictest_status
from fairaudit.stats.verdicts import decide
from tests.stats.disparity_rows import result as result_of
from tests.stats.test_uncertain_labels import GROUPS, samples_of

SKIN = Feature("skin", GROUPS, "annotated", "three annotators", ordered=True, reference="a")
GENDER = Feature("gender", ("f", "m"), "annotated", "by hand")
TOLD = ", labels drawn 20 times"


def run(cohort: Cohort, *outcomes: Outcomes) -> Measured:
    return measure(cohort, outcomes, headline="hit", tolerance=0.05, slope_tolerance=0.02)


def votes(rng: np.random.Generator, n: int, k: int = 3) -> npt.NDArray[np.float64]:
    """Three votes each; half of the rows have one group only."""
    shares = rng.multinomial(3, np.full(k, 1 / k), n) / 3
    shares[::2] = np.eye(k)[rng.integers(0, k, len(shares[::2]))]
    return shares


def cohort_of(codes_MN: npt.ArrayLike, *features: Feature, **more: Any) -> Cohort:
    """A cohort in which the last feature was drawn; its column on record is the first drawing."""
    codes = np.asarray(codes_MN, dtype=np.int16)
    drawn = ImputedLabels(features[-1].groups, codes, 0.5)
    columns = {features[-1].name: drawn.column(0), **more}
    names = np.array([f"h{i}" for i in range(codes.shape[1])])
    primary = tuple(f.name for f in features)
    return Cohort("data", "x", features, columns, names, {}, primary, {features[-1].name: drawn})


def combined(rows: Sequence[dict[str, Any]]) -> tuple[float, float, float]:
    """Rubin (1987) and Barnard and Rubin (1999), written out."""
    q, v, nu = (np.array([float(r[name]) for r in rows]) for name in ("value", "std_error", "df"))
    m, b = len(q), float(((q - q.mean()) ** 2).sum() / (len(q) - 1))
    t = float((v**2).mean()) + (1 + 1 / m) * b
    gamma, com = (1 + 1 / m) * b / t, float(nu.mean())
    return float(q.mean()), t**0.5, 1 / (gamma**2 / (m - 1) + (com + 3) / ((com + 1) * com * (1 - gamma)))


def one_row(frame: pd.DataFrame, **where: str) -> dict[str, Any]:
    for column, value in where.items():
        frame = frame[frame[column] == value]
    assert len(frame) == 1
    return {str(key): value for key, value in frame.to_dict("records")[0].items()}


def rest_of(found: Measured) -> pd.DataFrame:
    """Each group against the rest: the differences that are tested."""
    rows = found.disparities
    rest = (rows["kind"] == "one_vs_rest") & (rows["measure"] == "difference")
    return rows[rest & (rows["reference"] != MEAN_OF_OTHERS)]


def outcome(rng: np.random.Generator, n: int, kind: str) -> Outcomes:
    clusters = np.arange(n) // 2
    if kind == "auroc":
        return Outcomes("hit", rng.random(n), clusters, labels=rng.integers(0, 2, n))
    if kind == "gallery":
        role = GalleryRole.of(Moves(rng.integers(0, n // 2, (n, 3)), rng.normal(0, 0.05, (n, 3))), clusters)
        return Outcomes("hit", rng.random(n), clusters, gallery=role)
    if kind == "unbounded":
        return Outcomes("hit", rng.normal(5, 2, n), clusters, unit_interval=False)
    return Outcomes(
        "hit", (rng.random(n) < 0.6).astype(float), clusters, average="macro" if kind == "macro" else "micro"
    )


@pytest.mark.parametrize("kind", ["hits", "macro", "unbounded", "gallery", "auroc"])
def test_every_row_is_that_of_all_labellings_combined(rng: np.random.Generator, kind: str) -> None:
    n = 300
    one, codes, gender = outcome(rng, n, kind), rng.integers(0, 3, (3, n)), rng.choice(["f", "m"], n)
    cohort = cohort_of(codes, GENDER, SKIN, gender=gender)
    found = run(cohort, one)
    plain = [
        run(Cohort("data", "x", (GENDER, SKIN), {"gender": gender, "skin": labels}, cohort.cluster_names, {}, ()), one)
        for labels in (cohort.drawn["skin"].column(m) for m in range(3))
    ]
    seen = 0
    for row in found.disparities.to_dict("records"):
        if row["feature"] == "gender" or row["kind"] in ("gap", "omnibus") or row["status"] == "not_estimable":
            continue
        where = {name: str(row[name]) for name in ("feature", "kind", "measure", "group", "reference")}
        parts = [one_row(each.disparities, **where) for each in plain]
        told = (f"{parts[0]['ci_method']}, labels drawn 3 times", "50.0 % of the labels of skin are uncertain")
        assert (row["ci_method"], row["note"]) == told
        if row["measure"] == "ratio":
            ratios = [part["value"] for part in parts]
            assert min(ratios) <= row["value"] <= max(ratios)
            assert row["ci_low"] < row["value"] < row["ci_high"]
            assert np.isnan(row["p_value"])
            continue
        value, std_error, df = combined(parts)
        assert (row["value"], row["std_error"], row["df"]) == pytest.approx((value, std_error, df))
        half = stats.t.ppf(0.975, df) * std_error
        p, exact = 2 * stats.t.sf(abs(value) / std_error, df), kind not in ("hits", "macro")
        # The score and the slope of shares have t intervals but for terms of a higher order.
        if row["reference"] != MEAN_OF_OTHERS:
            assert row["p_value"] == pytest.approx(p, abs=1e-9 if exact else 0.05)
        bounds = (value - half, value + half)
        assert (row["ci_low"], row["ci_high"]) == pytest.approx(bounds, abs=1e-9 if exact else 0.2 * half)
        seen += 1
    others = 3 if kind in ("hits", "macro", "unbounded") else 0
    assert seen == (0 if kind == "auroc" else 1) + 3 + others + 2 + 6  # slope, rest, reference, intersections
    for group in GROUPS:
        values = [one_row(each.groups, feature="skin", group=group)["value"] for each in plain]
        of_group = one_row(found.groups, feature="skin", group=group)
        assert of_group["value"] == pytest.approx(np.mean(values))
        assert of_group["ci_low"] < of_group["value"] < of_group["ci_high"]
    # What has nothing to do with the labels is as it was.
    for name in ("groups", "disparities"):
        ours, theirs = (getattr(each, name) for each in (found, plain[0]))
        keep = [list(frame["feature"]) for frame in (ours, theirs)]
        first, second = (
            frame[[f in ("overall", "gender") for f in names]].drop(columns=["family", "tolerance"], errors="ignore")
            for frame, names in zip((ours, theirs), keep, strict=True)
        )
        pd.testing.assert_frame_equal(first, second)


def test_certain_labels_change_nothing_at_all(rng: np.random.Generator) -> None:
    shares = np.eye(3)[rng.integers(0, 3, 200)]
    certain = samples_of(shares, np.arange(200) // 2)
    plain = Samples(**{**certain.__dict__, "uncertain": {}})
    one = outcome(rng, 200, "hits")
    ours, theirs = (run(Cohort.of(samples, "x"), one) for samples in (certain, plain))
    for name in ("groups", "disparities", "statistics"):
        pd.testing.assert_frame_equal(getattr(ours, name), getattr(theirs, name), check_exact=True)
    assert ours.warnings == theirs.warnings == ()


def test_the_mean_over_draws_is_the_mean_weighted_by_probability(rng: np.random.Generator) -> None:
    """Draws of 4,000 rows: the ratio's bias and the error of 20 draws are below .01."""
    shares = votes(rng, 4000)
    one = Outcomes("hit", (rng.random(4000) < 0.2 + 0.3 * shares[:, 0]).astype(float), np.arange(4000))
    found = run(Cohort.of(samples_of(shares), "x"), one)
    for group, p in zip(GROUPS, shares.T, strict=True):
        row = one_row(found.groups, feature="skin", group=group)
        assert row["value"] == pytest.approx((p * one.values).sum() / p.sum(), abs=0.01)
        assert row["n"] == pytest.approx(p.sum(), rel=0.03)
        assert (row["ci_method"], row["status"]) == (f"Wilson, effective n{TOLD}", "ok")
    # What is saved for later comparisons are the labels on record.
    on_record = samples_of(shares).table["skin"].value_counts()
    saved = found.statistics[found.statistics["feature"] == "skin"].groupby("group")["n"].sum()
    assert saved.to_dict() == on_record.to_dict()


@pytest.mark.slow
def test_intervals_hold_what_the_draws_average_to() -> None:
    """Nominal 95 %, 150 samples of 150: never below .93 less its Monte Carlo error, and wider than of one labelling."""
    rng, n, samples, held, errors = np.random.default_rng(11), 150, 150, 0, []
    # A population of votes: 3, 2, 1 or 0 of three for the first group; hits are likelier with more.
    first, rate, weight = np.array([1, 2 / 3, 1 / 3, 0]), np.array([0.8, 0.7, 0.5, 0.4]), np.array([3, 2, 2, 3]) / 10
    groups = [weight * first, weight * (1 - first)]
    truth = np.subtract(*((w * rate).sum() / w.sum() for w in groups))
    for _ in range(samples):
        kind = rng.choice(4, n, p=weight)
        one = Outcomes("hit", (rng.random(n) < rate[kind]).astype(float), np.arange(n))
        draws = [
            Compared(GroupSums.of(one, [drawn, ~drawn]), "gender", GENDER.groups, np.arange(n).astype(object))
            for drawn in rng.random((DRAWS, n)) < first[kind]
        ]
        row, _ = contrasts_over(draws, GENDER, primary=True, whole=False)
        assert (row.measure, row.family, row.status) == ("difference", "primary", "ok")
        held += bool(row.ci_low <= truth <= row.ci_high)
        errors.append(row.std_error)
    assert held / samples >= 0.93 - 2.6 * np.sqrt(0.93 * 0.07 / samples)
    plain = np.sqrt(2 * 0.24 / (n / 2))
    assert 1.05 * plain < np.mean(errors) < 1.6 * plain


@pytest.mark.parametrize("right", [0.9, 0.75])
def test_drawing_brings_groups_together_by_a_known_factor(rng: np.random.Generator, right: float) -> None:
    """Two groups of one size, each label right with probability a: the difference shrinks by (2a - 1)^2."""
    n = 40_000
    truth = rng.integers(0, 2, n)
    said = np.where(rng.random(n) < right, truth, 1 - truth)
    one = Outcomes("hit", (rng.random(n) < 0.3 + 0.4 * truth).astype(float), np.arange(n))
    shares = np.where(said[:, None] == np.arange(2), right, 1 - right)
    row = one_row(run(Cohort.of(samples_of(shares), "x"), one).disparities, kind="one_vs_rest", measure="difference")
    assert -row["value"] == pytest.approx(0.4 * (2 * right - 1) ** 2, abs=0.012)


def test_gap_and_ratio_are_of_the_combined_values(rng: np.random.Generator) -> None:
    n = 400
    codes = rng.integers(0, 2, (20, n))
    one = Outcomes("hit", rng.normal(5, 1, n) + (codes.mean(axis=0) > 0.5), np.arange(n), unit_interval=False)
    found = run(cohort_of(codes, GENDER), one).disparities
    rest, gap = one_row(found, kind="one_vs_rest", measure="difference"), one_row(found, kind="gap")
    assert gap["value"] == pytest.approx(abs(rest["value"]))
    # Of two groups, the pair's bounds: the standard error of the difference, labels' part included.
    assert (gap["ci_high"] - gap["value"]) / rest["std_error"] == pytest.approx(1.97, abs=0.03)
    assert gap["ci_method"] == f"simultaneous, all pairs{TOLD}"
    omnibus = one_row(found, kind="omnibus")
    assert (omnibus["status"], omnibus["note"], omnibus["ci_method"]) == (
        "not_estimable", "no test of all groups at once is made where labels are drawn", "",
    )  # fmt: skip
    hits = run(cohort_of(codes, GENDER), Outcomes("hit", (one.values > 5).astype(float), np.arange(n)))
    first, second = (one_row(hits.groups, group=g)["value"] for g in GENDER.groups)
    ratio = one_row(hits.disparities, kind="gap", measure="ratio")
    assert ratio["value"] == pytest.approx(min(first, second) / max(first, second))
    assert ratio["ci_low"] < ratio["value"] < ratio["ci_high"]


@pytest.mark.parametrize("kind", ["hits", "unbounded"])
def test_the_verdict_follows_the_combined_error(rng: np.random.Generator, kind: str) -> None:
    """Two rows share the level, so the adjusted interval is that of 97.5 %: a t interval, near which the score is."""
    n = 300
    one, place = outcome(rng, n, kind), Feature("place", ("x", "y"), "annotated", "by hand")
    found = run(cohort_of(rng.integers(0, 2, (20, n)), place, GENDER, place=rng.choice(["x", "y"], n)), one)
    (decided,), _ = decide([with_tables(result_of(), found)])
    row = one_row(decided.disparities, feature="gender", kind="one_vs_rest", measure="difference")
    half = stats.t.ppf(1 - 0.05 / 4, row["df"]) * row["std_error"]
    assert (row["ci_low_adjusted"], row["ci_high_adjusted"]) == pytest.approx(
        (row["value"] - half, row["value"] + half), abs=0.01 if kind == "hits" else 1e-9
    )
    assert row["verdict"] == "inconclusive"
    plain = run(Cohort("data", "x", (GENDER,), {"gender": np.repeat(["f", "m"], n // 2)}, np.arange(n)), one)
    certain = one_row(plain.disparities, kind="one_vs_rest", measure="difference")
    assert row["std_error"] > certain["std_error"]
    assert row["min_detectable"] > 2.5 * certain["std_error"]


@pytest.mark.parametrize("measure_", ["ratio", ""])
def test_alternatives_of_drawn_labels_can_be_planned(rng: np.random.Generator, measure_: str) -> None:
    n = 600
    codes = np.where(rng.random((20, n)) < 0.9, np.arange(n) % 3, rng.integers(0, 3, (20, n)))
    one = Outcomes("hit", (rng.random(n) < np.where(np.arange(n) % 3 == 0, 0.7, 0.3)).astype(float), np.arange(n))
    found = with_tables(result_of(), run(cohort_of(codes, SKIN), one))
    reference = "" if measure_ else MEAN_OF_OTHERS
    plan = Plan((PlanRow("x", "hit", "skin", "one_vs_rest", measure=measure_, reference=reference, group="a"),))
    (decided,), _ = decide([found], plan)
    (row,) = decided.disparities[decided.disparities["family"] == "primary"].to_dict("records")
    neutral = 1.0 if measure_ else 0.0
    assert (row["verdict"], row["p_value"] < 1e-6) == ("disparity", True)
    assert neutral < row["ci_low_adjusted"] < row["value"] < row["ci_high_adjusted"]


def with_tables(result: IndicatorResult, found: Measured) -> IndicatorResult:
    return dataclasses.replace(
        result, groups=found.groups, disparities=found.disparities, comparisons=found.comparisons
    )


def test_what_one_labelling_cannot_say_is_not_said(rng: np.random.Generator) -> None:
    codes = np.zeros((4, 100), dtype=int)
    codes[:, :50] = 1
    codes[:, :22] = 2
    codes[1, :3] = 1  # 19 people in one labelling
    place = Feature("gender", ("f", "m", "x"), "annotated", "by hand")
    found = run(cohort_of(codes, place), Outcomes("hit", rng.integers(0, 2, 100).astype(float), np.arange(100)))
    told = "in 1 of 4 draws of the labels: 19 independent units; at least 20 are needed"
    tail = "; 50.0 % of the labels of gender are uncertain"
    for frame in (found.groups, rest_of(found)):
        row = one_row(frame, group="x")
        assert (row["status"], row["note"]) == ("too_few", told + tail)
        assert np.isfinite(row["ci_low"])
    for alternative in ({"measure": "ratio"}, {"reference": MEAN_OF_OTHERS}):
        row = one_row(found.disparities, kind="one_vs_rest", group="x", **alternative)
        assert (row["status"], row["note"]) == ("too_few", told + tail)
    gap = one_row(found.disparities, kind="gap", measure="difference")
    assert gap["note"] == "without x: too few" + tail
    codes[2, :22] = 1  # and none in another
    found = run(cohort_of(codes, place), Outcomes("hit", rng.integers(0, 2, 100).astype(float), np.arange(100)))
    for frame in (found.groups, rest_of(found)):
        row = one_row(frame, group="x")
        nobody = "in 1 of 4 draws of the labels: no image was measured in this group"
        assert (row["status"], row["note"]) == ("not_estimable", nobody)
        assert np.isnan([row["value"], row["ci_low"], row["ci_high"]]).all()
    ratio = one_row(found.disparities, kind="one_vs_rest", group="x", measure="ratio")
    assert (ratio["status"], ratio["note"]) == ("not_estimable", nobody)


def test_too_few_for_a_gap(rng: np.random.Generator) -> None:
    found = run(cohort_of(rng.integers(0, 2, (5, 24)), GENDER), outcome(rng, 24, "hits")).disparities
    gaps = found[found["kind"] == "gap"]
    assert set(gaps["note"]) == {"fewer than two groups are large enough to be compared"}
    assert list(gaps["measure"]) == ["difference", "ratio"]


def test_the_worst_labelling_decides() -> None:
    assert strictest_status([("ok", "")] * 3) == ("ok", "")
    assert strictest_status([("too_few", "why")]) == ("too_few", "why")
    assert strictest_status([("ok", ""), ("too_few", "why"), ("ok", "")]) == (
        "too_few",
        "in 1 of 3 draws of the labels: why",
    )
    assert strictest_status([("too_few", "a"), ("not_estimable", "b")]) == (
        "not_estimable",
        "in 1 of 2 draws of the labels: b",
    )


def test_the_report_is_told(rng: np.random.Generator) -> None:
    found = run(Cohort.of(samples_of(votes(rng, 100)), "x"), outcome(rng, 100, "hits"))
    (said,) = found.warnings
    assert "of the labels of skin are uncertain: they were drawn 20 times" in said
    assert "this is not corrected" in said


def test_rows_without_a_vote_are_listed_and_not_compared(rng: np.random.Generator) -> None:
    shares = votes(rng, 200)
    shares[:30] = np.nan
    found = run(Cohort.of(samples_of(shares), "x"), outcome(rng, 200, "hits"))
    assert one_row(found.groups, feature="skin", group=NOT_RECORDED)["n"] == 30
    rest = rest_of(found)
    assert list(rest["group"]) == list(GROUPS)
    assert set(rest["n"]) == {170}
