"""Rows of the disparity table: against the rest, ratio, gap, omnibus, departure, reference group, concentration."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from fairaudit.core.comparison import Comparison
from fairaudit.core.errors import DataError
from fairaudit.core.plan import MEAN_OF_OTHERS
from fairaudit.core.samples import Feature
from fairaudit.stats.contrasts import Compared, contrasts_of, slope_rows
from fairaudit.stats.gallery import GalleryRole, Moves
from fairaudit.stats.group_sums import GroupSums
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.sufficient_statistics import Names
from fairaudit.stats.t_inference import TInference
from tests.reference.inference import jackknife

PLACE = Feature("place", ("Africa", "Asia", "Europe"), "annotated", "by hand")


def names_of(one: Outcomes) -> Names:
    return np.array([f"c{code}" for code in range(one.n_codes)], dtype=object)


def rows_of(
    one: Outcomes, groups: npt.NDArray[np.str_], feature: Feature = PLACE, *, primary: bool = True
) -> dict[tuple[str, str], list[Comparison]]:
    sums = GroupSums.of(one, {g: groups == g for g in feature.groups})
    found: dict[tuple[str, str], list[Comparison]] = {}
    compared = Compared(sums, feature.name, feature.groups, names_of(one))
    for row in contrasts_of(compared, feature, primary=primary, whole=True):
        found.setdefault((row.kind, row.measure), []).append(row)
    return found


def hits(shares: list[float], n: int) -> tuple[Outcomes, npt.NDArray[np.str_]]:
    """Exactly ``share * n`` hits in each group of ``n`` independent images."""
    values = np.concatenate([np.repeat([1.0, 0.0], [round(s * n), n - round(s * n)]) for s in shares])
    return Outcomes("hit", values, np.arange(len(values))), np.repeat(PLACE.groups[: len(shares)], n)


def test_gap_and_ratio_of_three_groups() -> None:
    found = rows_of(*hits([0.5, 0.7, 0.6], 100))
    (gap,), (ratio,) = found["gap", "difference"], found["gap", "ratio"]
    assert float(gap.value) == pytest.approx(0.2)
    assert float(ratio.value) == pytest.approx(5 / 7)
    assert 0 < float(gap.ci_low) < 0.2 < float(gap.ci_high)
    assert (gap.status, gap.n, int(gap.n_clusters), gap.family) == ("ok", 300, 300, "exploratory")
    # Range of three normals, times the standard error (Tippett 1925: 1.6926).
    assert gap.expected_by_chance == pytest.approx(1.6926 * np.sqrt(0.24 / 100), rel=0.03)


def test_a_small_group_is_left_out_of_the_gap_and_named() -> None:
    one, groups = hits([0.5, 0.7, 0.6], 100)
    keep = (groups != "Europe") | (np.arange(300) % 10 == 0)
    one = Outcomes("hit", one.values[keep], np.arange(keep.sum()))
    found = rows_of(one, groups[keep])
    (gap,), (omnibus,) = found["gap", "difference"], found["omnibus", ""]
    assert (gap.note, gap.n) == ("without Europe: too few", 200)
    assert omnibus.note == "without Europe: too few"


def test_one_large_group_alone_has_no_gap() -> None:
    one, groups = hits([0.5, 0.7], 100)
    keep = (groups == "Africa") | (np.arange(200) % 10 == 0)
    found = rows_of(Outcomes("hit", one.values[keep], np.arange(keep.sum())), groups[keep])
    for kind in (("gap", "difference"), ("gap", "ratio"), ("omnibus", "")):
        (row,) = found[kind]
        assert (row.status, row.note) == (
            "not_estimable", "fewer than two groups are large enough to be compared",
        )  # fmt: skip


def test_omnibus_is_pearsons() -> None:
    (row,) = rows_of(*hits([0.50, 0.52, 0.58], 400))["omnibus", ""]
    expected = stats.chi2_contingency([[200, 208, 232], [200, 192, 168]])
    assert row.value == pytest.approx(expected.statistic * 1199 / 1200)
    assert row.p_value == pytest.approx(expected.pvalue, rel=0.01)
    assert (row.status, row.ci_method) == ("ok", "chi-squared, mean and variance matched")


def test_omnibus_of_outcomes_that_do_not_vary_is_not_estimable() -> None:
    one = Outcomes("loss", np.full(300, 2.0), np.arange(300), unit_interval=False)
    (row,) = rows_of(one, np.repeat(PLACE.groups, 100))["omnibus", ""]
    assert row.note == "fewer than two groups are large enough to be compared"
    assert np.isnan(row.p_value)


def test_against_a_reference_group() -> None:
    feature = Feature("place", PLACE.groups, "annotated", "by hand", reference="Europe")
    rows = rows_of(*hits([0.5, 0.7, 0.6], 100), feature)["reference", "difference"]
    assert [(r.group, r.reference, r.family) for r in rows] == [
        ("Africa", "Europe", "exploratory"), ("Asia", "Europe", "exploratory"),
    ]  # fmt: skip
    assert [float(r.value) for r in rows] == pytest.approx([-0.1, 0.1])


def test_a_reference_must_be_a_group() -> None:
    with pytest.raises(DataError, match=r"reference group of 'place' must be one of its groups \(Africa, Asia\); got "
                                        r"'Asiaa'. Did you mean 'Asia'\?"):  # fmt: skip
        Feature("place", ("Africa", "Asia"), "annotated", "by hand", reference="Asiaa")


def test_concentration_index_by_hand() -> None:
    """Four homes, poorest first, with .2, .4, .6, .8: C = 2 / (4 * .5) * (.2 * .125 + ... + .8 * .875) - 1 = .25."""
    one = Outcomes("hit", np.array([0.8, 0.2, 0.6, 0.4]), np.arange(4), average="macro")
    _, row = slope_rows(one, "income", np.array([9.0, 1.0, 5.0, 2.0]), "per_doubling", names_of(one), primary=True)
    assert (row.kind, row.measure, row.family) == ("concentration", "index", "exploratory")
    assert float(row.value) == pytest.approx(0.25)


def test_standard_error_of_the_concentration_index_is_near_the_jackknife(rng: np.random.Generator) -> None:
    n = 300
    x = rng.lognormal(6, 1, n)
    y = np.clip(0.3 + 0.06 * np.log(x) + rng.normal(0, 0.1, n), 0, 1)

    def index(keep: npt.NDArray[np.int64]) -> float:
        rank = (stats.rankdata(x[keep]) - 0.5) / len(keep)
        return float(2 * np.cov(y[keep], rank, bias=True)[0, 1] / y[keep].mean())

    without = np.array([index(np.delete(np.arange(n), i)) for i in range(n)])
    jackknife = np.sqrt((n - 1) / n * ((without - without.mean()) ** 2).sum())
    one = Outcomes("hit", y, np.arange(n))
    row = slope_rows(one, "income", x, "per_doubling", names_of(one), primary=True)[1]
    assert float(row.value) == pytest.approx(index(np.arange(n)))
    assert float(row.std_error) == pytest.approx(jackknife, rel=0.02)


# Alternatives ask a question again in another way.


def test_ratio_and_mean_of_the_others_stand_beside_the_difference_from_the_rest() -> None:
    values = np.repeat([1.0, 0.0, 1.0, 0.0, 1.0, 0.0], [30, 70, 80, 120, 20, 30])
    one, groups = Outcomes("hit", values, np.arange(350)), np.repeat(PLACE.groups, [100, 200, 50])
    found = rows_of(one, groups)
    differences, ratios = found["one_vs_rest", "difference"], found["one_vs_rest", "ratio"]
    assert [(r.group, r.reference) for r in ratios] == [(g, "all others") for g in PLACE.groups]
    assert [r.value for r in ratios] == pytest.approx([0.3 / (100 / 250), 0.4 / (50 / 150), 0.4 / (110 / 300)])
    means = [r for r in differences if r.reference == MEAN_OF_OTHERS]
    assert [r.value for r in means] == pytest.approx([0.3 - 0.4, 0.4 - (0.3 + 0.4) / 2, 0.4 - (0.3 + 0.4) / 2])
    for row in (*ratios, *means):
        assert np.isnan(row.p_value)
        assert row.family == "exploratory"
        assert row.status == "ok"
        assert row.ci_low < row.value < row.ci_high
    primary = [r for r in differences if r.reference == "all others"]
    assert [r.family for r in primary] == ["primary"] * 3
    # The ratio asks what the difference asks: one p-value for both, and bounds on the same side.
    for difference, ratio in zip(primary, ratios, strict=True):
        assert difference.inference is not None
        assert ratio.inference is not None
        assert ratio.inference.p_value() == difference.p_value
        assert (difference.ci_high < 0) == (ratio.ci_high < 1)
        assert np.isnan(ratio.inference.min_detectable(0.05)[0])


def test_the_mean_of_the_others_has_its_own_variance() -> None:
    """By hand: p q / n of the group and a ninth of the sum of three others; weights within the others 1 / (3 n)."""
    feature = Feature("place", ("a", "b", "c", "d"), "annotated", "by hand")
    n, k = np.array([50, 100, 200, 400]), np.array([20, 30, 100, 280])
    values = np.concatenate([np.repeat([1.0, 0.0], [h, m - h]) for h, m in zip(k, n, strict=True)])
    found = rows_of(Outcomes("hit", values, np.arange(750)), np.repeat(feature.groups, n), feature)
    (row,) = [r for r in found["one_vs_rest", "difference"] if (r.group, r.reference) == ("a", MEAN_OF_OTHERS)]
    p = k / n
    others = p[1:].mean()
    assert row.value == pytest.approx(p[0] - others)
    expected = p[0] * (1 - p[0]) / 50 + others * (1 - others) * (1 / n[1:]).sum() / 9
    assert row.std_error == pytest.approx(np.sqrt(expected))


@pytest.mark.parametrize(("shares", "why"), [([0.3, 0.0], "no event in the reference, so no ratio")])
def test_without_an_event_in_the_reference_there_is_no_ratio(shares: list[float], why: str) -> None:
    two = Feature("place", PLACE.groups[:2], "annotated", "by hand")
    found = rows_of(*hits(shares, 100), two)
    (row,), (difference,) = found["one_vs_rest", "ratio"], found["one_vs_rest", "difference"]
    assert (row.status, row.note, difference.status) == ("not_estimable", why, "ok")
    assert np.isnan([row.value, row.ci_low, row.ci_high]).all()
    assert difference.p_value < 1e-6


def test_what_is_no_share_has_no_ratio(rng: np.random.Generator) -> None:
    n = 300
    groups, labels = rng.choice(PLACE.groups, n), rng.integers(0, 2, n)
    role = GalleryRole.of(Moves(rng.integers(0, n, (n, 2)), rng.normal(0, 0.1, (n, 2))), np.arange(n))
    for one in (
        Outcomes("loss", rng.normal(size=n), np.arange(n), unit_interval=False),
        Outcomes("auroc", rng.random(n), np.arange(n), labels=labels),
        Outcomes("precision", rng.random(n), np.arange(n), gallery=role),
    ):
        assert ("one_vs_rest", "ratio") not in rows_of(one, groups)


# Few events are judged by the score; few independent units, or degrees of freedom, are not.


def test_one_hit_of_a_small_group_is_no_disparity() -> None:
    """1 of 150 against 242 of 4,850: Fisher's exact test says .0103; a Wald variance with a floor said 1.6e-5."""
    two = Feature("place", PLACE.groups[:2], "annotated", "by hand")
    values = np.repeat([1.0, 0.0, 1.0, 0.0], [1, 149, 242, 4608])
    found = rows_of(Outcomes("hit", values, np.arange(5000)), np.repeat(two.groups, [150, 4850]), two)
    (row,) = found["one_vs_rest", "difference"]
    fisher = stats.fisher_exact([[1, 149], [242, 4608]]).pvalue
    assert (row.status, row.note) == ("ok", "")
    assert row.p_value == pytest.approx(fisher, abs=0.006)
    assert row.p_value > 0.0025


@pytest.mark.parametrize("sizes", [[60] * 3, [30, 60, 500]])
def test_a_p_value_is_below_five_percent_if_its_interval_excludes_no_difference(
    rng: np.random.Generator, sizes: list[int]
) -> None:
    for _ in range(10):
        groups = np.repeat(PLACE.groups, sizes)
        one = Outcomes(
            "hit", (rng.random(len(groups)) < 0.3 + 0.2 * (groups == "Asia")).astype(float), np.arange(len(groups))
        )
        for row in rows_of(one, groups)["one_vs_rest", "difference"]:
            assert row.inference is not None
            assert (row.inference.p_value() < 0.05) == (row.ci_low > 0 or row.ci_high < 0)


def test_persons_in_both_groups_of_which_one_has_no_hit() -> None:
    """Once a division by zero: 40 persons, before and after, with 0 and 20 hits; McNemar's exact p is 2e-6."""
    two = Feature("place", PLACE.groups[:2], "annotated", "by hand")
    values = np.concatenate([np.zeros(40), np.tile([0.0, 1.0], 20)])
    found = rows_of(Outcomes("hit", values, np.tile(np.arange(40), 2)), np.repeat(two.groups, 40), two)
    (row,), (gap,) = found["one_vs_rest", "difference"], found["gap", "difference"]
    assert (row.value, row.status) == (-0.5, "ok")
    assert row.p_value < 2 * stats.binom.sf(19, 20, 0.5) * 10
    assert gap.p_value == pytest.approx(row.p_value, rel=0.1)


def test_unequal_clusters_may_leave_too_few_degrees_of_freedom(rng: np.random.Generator) -> None:
    """30 homes in each group, of which one holds most images and differs from the others."""
    two = Feature("place", PLACE.groups[:2], "annotated", "by hand")
    sizes = np.tile([900, *[3] * 29], 2)
    rate = np.tile([0.95, *rng.choice([0.0, 1.0], 29)], 2)
    clusters = np.repeat(np.arange(60), sizes)
    one = Outcomes("loss", rng.normal(np.repeat(rate, sizes)), clusters, unit_interval=False)
    (row,) = rows_of(one, np.where(clusters < 30, *two.groups), two)["one_vs_rest", "difference"]
    assert row.status == "too_few"
    assert row.note.startswith("clusters of unequal size or influence leave ")
    assert row.note.endswith(" degrees of freedom; at least 3 are needed")
    assert np.isnan(row.p_value)
    assert np.isfinite([row.value, row.std_error, row.ci_low]).all()


# An order has a slope and its groups, and a test of what the slope does not show.

STEPS = Feature("age", ("a", "b", "c", "d"), "annotated", "by hand", ordered=True)


def of_order(shares: list[float], n: int = 300) -> dict[tuple[str, str], list[Comparison]]:
    values = np.concatenate([np.repeat([1.0, 0.0], [round(s * n), n - round(s * n)]) for s in shares])
    return rows_of(Outcomes("hit", values, np.arange(len(values))), np.repeat(STEPS.groups, n), STEPS)


def test_slope_and_groups_of_an_order_are_planned_and_the_departure_is_not() -> None:
    """0 to 70 nothing happens and beyond it does: the slope finds it, and the departure says that it is no line."""
    found = of_order([0.02, 0.02, 0.02, 0.12])
    (slope,), (bend,) = found["slope", "per_step"], found["departure", ""]
    rest = [r for r in found["one_vs_rest", "difference"] if r.reference == "all others"]
    assert [r.family for r in (slope, *rest)] == ["primary"] * 5
    assert (bend.family, bend.status, bend.ci_method, bend.group) == ("exploratory", "ok", "F", "")
    assert slope.p_value < 1e-4
    assert slope.width == 3
    assert bend.p_value < 0.01
    assert of_order([0.1, 0.2, 0.3, 0.4])["departure", ""][0].p_value == pytest.approx(1)


def test_there_is_no_departure_without_an_order_or_with_two_groups() -> None:
    assert ("departure", "") not in rows_of(*hits([0.5, 0.7, 0.6], 100))
    assert ("departure", "") not in of_order([0.1, 0.2, 0.3, 0.4], n=0)
    age = Feature("age", ("young", "old"), "annotated", "by hand", ordered=True)
    one = Outcomes("hit", np.tile([0.0, 1.0], 60), np.arange(120))
    assert set(rows_of(one, np.repeat(age.groups, 60), age)) == {
        ("one_vs_rest", "difference"), ("one_vs_rest", "ratio"), ("gap", "difference"), ("gap", "ratio"),
        ("omnibus", ""),
    }  # fmt: skip


# What a row keeps beyond its columns.


@pytest.mark.parametrize("kind", ["share", "unbounded", "auroc", "gallery", "macro"])
def test_the_influences_of_a_row_are_those_of_leaving_out_clusters(rng: np.random.Generator, kind: str) -> None:
    n = 200
    clusters, values, groups = np.arange(n) // 2, rng.random(n), np.repeat(PLACE.groups[:2], n // 2)
    two = Feature("place", PLACE.groups[:2], "annotated", "by hand")
    extra = {
        "share": {}, "unbounded": {"unit_interval": False}, "auroc": {"labels": rng.integers(0, 2, n)},
        "gallery": {"gallery": GalleryRole.of(Moves(np.full((n, 1), 120), np.zeros((n, 1))), clusters)},
        "macro": {"average": "macro"},
    }[kind]  # fmt: skip
    row = rows_of(Outcomes("hit", values, clusters, **extra), groups, two)["one_vs_rest", "difference"][0]  # type: ignore[arg-type]
    assert row.influence is not None
    found = row.influence()
    moved = dict(zip(found.clusters, found.values, strict=True))
    keep_all = np.ones(n, dtype=bool)

    def difference(keep: npt.NDArray[np.bool_]) -> float:
        parts = Outcomes("hit", np.where(keep, values, np.nan), clusters, **extra)  # type: ignore[arg-type]
        return rows_of(parts, groups, two)["one_vs_rest", "difference"][0].value

    whole = difference(keep_all)
    for code in (0, 17, 80):
        # To first order, leaving a cluster out takes its influence away.
        assert whole - difference(clusters != code) == pytest.approx(moved.get(f"c{code}", 0.0), rel=0.06, abs=1e-4)
    if kind != "share":
        assert np.sqrt((found.values**2).sum()) == pytest.approx(jackknife(difference, clusters), rel=0.03)


def test_overall_is_the_value_of_all_compared_rows() -> None:
    one, groups = hits([0.5, 0.7, 0.6], 100)
    for rows in rows_of(one, np.where(groups == "Asia", "nowhere", groups)).values():
        for row in rows:
            assert row.overall == pytest.approx(0.55)
            assert row.unit == "share"
    labels = np.tile([0, 1], 150)
    for rows in rows_of(dataclasses.replace(one, labels=labels), groups).values():
        assert {(row.unit, np.isnan(row.overall)) for row in rows} == {("auroc", True)}


def test_a_t_test_stays_within_the_range_of_its_number() -> None:
    one = TInference(0.9, 0.2, 10.0, (-1.0, 1.0))
    assert one.p_value() == pytest.approx(2 * stats.t.sf(4.5, 10))
    assert one.interval(0.95) == pytest.approx((0.9 - stats.t.ppf(0.975, 10) * 0.2, 1.0))
    least = 0.2 * (stats.t.ppf(0.975, 10) + stats.t.ppf(0.8, 10))
    assert one.min_detectable(0.05)[0] == pytest.approx(least)
    assert np.isnan(TInference(0.0, 0.5, 10.0, (-1.0, 1.0)).min_detectable(0.05)[0])
    assert TInference(0.0, 0.0, 10.0).p_value() == 1
    assert TInference(0.1, 0.0, 10.0).p_value() == 0
