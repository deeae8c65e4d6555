"""Further rows of the disparity table: gap, ratio, omnibus, reference group, concentration, and what could be seen."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from fairaudit.core.errors import DataError
from fairaudit.core.samples import Feature
from fairaudit.stats.contrasts import ContrastInference, contrasts_of, slope_rows
from fairaudit.stats.estimates import average, difference
from fairaudit.stats.omnibus import omnibus
from fairaudit.stats.outcomes import Outcomes

PLACE = Feature("place", ("Africa", "Asia", "Europe"), "annotated", "by hand")


def rows_of(
    one: Outcomes, groups: npt.NDArray[np.str_], feature: Feature = PLACE
) -> dict[tuple[str, str], list[dict[str, Any]]]:  # fmt: skip
    masks = {g: groups == g for g in feature.groups}
    found: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for row in contrasts_of(one, feature, masks, primary=True, whole=True):
        found.setdefault((row["kind"], row["measure"]), []).append(row)
    return found


def hits(shares: list[float], n: int) -> tuple[Outcomes, npt.NDArray[np.str_]]:
    """Exactly ``share * n`` hits in each group of ``n`` independent images."""
    values = np.concatenate([np.repeat([1.0, 0.0], [round(s * n), n - round(s * n)]) for s in shares])
    return Outcomes("hit", values, np.arange(len(values))), np.repeat(PLACE.groups[: len(shares)], n)


def test_gap_and_ratio_of_three_groups() -> None:
    found = rows_of(*hits([0.5, 0.7, 0.6], 100))
    (gap,), (ratio,) = found["gap", "difference"], found["gap", "ratio"]
    assert float(gap["value"]) == pytest.approx(0.2)
    assert float(ratio["value"]) == pytest.approx(5 / 7)
    assert 0 < float(gap["ci_low"]) < 0.2 < float(gap["ci_high"])
    assert (gap["status"], gap["n"], int(gap["n_clusters"]), gap["family"]) == ("ok", 300, 300, "exploratory")
    # Range of three normals, times the standard error (Tippett 1925: 1.6926).
    assert gap["expected_by_chance"] == pytest.approx(1.6926 * np.sqrt(0.24 / 100), rel=0.03)


def test_a_small_group_is_left_out_of_the_gap_and_named() -> None:
    one, groups = hits([0.5, 0.7, 0.6], 100)
    keep = (groups != "Europe") | (np.arange(300) % 10 == 0)
    one = Outcomes("hit", one.values[keep], np.arange(keep.sum()))
    found = rows_of(one, groups[keep])
    (gap,), (omnibus,) = found["gap", "difference"], found["omnibus", ""]
    assert (gap["note"], gap["n"]) == ("without Europe: too few", 200)
    assert omnibus["note"] == "without Europe: too few"


def test_one_large_group_alone_has_no_gap() -> None:
    one, groups = hits([0.5, 0.7], 100)
    keep = (groups == "Africa") | (np.arange(200) % 10 == 0)
    found = rows_of(Outcomes("hit", one.values[keep], np.arange(keep.sum())), groups[keep])
    for kind in (("gap", "difference"), ("gap", "ratio"), ("omnibus", "")):
        (row,) = found[kind]
        assert (row["status"], row["note"]) == (
            "not_estimable", "fewer than two groups are large enough to be compared",
        )  # fmt: skip


def test_omnibus_agrees_with_pearson_on_large_tables() -> None:
    """At n = 400 per group and a clear difference of spread free shares, W and the chi-square differ little."""
    found = rows_of(*hits([0.50, 0.52, 0.58], 400))
    (row,) = found["omnibus", ""]
    table = np.array([[200, 208, 232], [200, 192, 168]])
    expected = stats.chi2_contingency(table)
    assert float(row["value"]) == pytest.approx(expected.statistic, rel=0.02)
    assert float(row["p_value"]) == pytest.approx(expected.pvalue, abs=0.012)
    assert row["ci_method"] == "1999 permutations"


def test_omnibus_where_labels_cannot_move_is_a_wald_test(rng: np.random.Generator) -> None:
    """Two groups that share all persons: the paired t test, squared."""
    level = rng.normal(size=60)
    a, b = level + rng.normal(size=60), level + 0.5 + rng.normal(size=60)
    one = Outcomes("x", np.concatenate([a, b]), np.tile(np.arange(60), 2), unit_interval=False)
    two = Feature("time", ("before", "after"), "annotated", "by hand")
    (row,) = rows_of(one, np.repeat(two.groups, 60), two)["omnibus", ""]
    paired = stats.ttest_rel(a, b)
    assert float(row["value"]) == pytest.approx(paired.statistic**2, rel=1e-6)
    assert float(row["p_value"]) == pytest.approx(paired.pvalue, rel=1e-6)
    assert row["ci_method"] == "Wald, F"


def test_omnibus_p_values_are_those_of_all_labellings(rng: np.random.Generator) -> None:
    """Seven persons, groups of 3, 2 and 2: each of the 210 labellings gets the share of those at least as extreme."""
    images = [3, 1, 2, 4, 1, 2, 3]  # of each person
    persons = np.repeat(np.arange(7), images)
    values = np.array(
        [h for n, hits in zip(images, [2, 1, 0, 1, 0, 1, 3], strict=True) for h in [1] * hits + [0] * (n - hits)]
    )
    values = values + rng.normal(0, 0.1, len(values))
    labellings = sorted(set(itertools.permutations((0, 0, 0, 1, 1, 2, 2))))
    assert len(labellings) == 210
    statistics = []
    for codes in labellings:
        theta, variance = [], []
        for g in range(3):
            mine = [values[persons == u] for u in range(7) if codes[u] == g]
            n = sum(len(one) for one in mine)
            theta.append(sum(one.sum() for one in mine) / n)
            residuals = [(one - theta[-1]).sum() for one in mine]
            variance.append(len(mine) / (len(mine) - 1) * sum(r * r for r in residuals) / n**2)
        middle = np.average(theta, weights=1 / np.array(variance))
        statistics.append(sum((t - middle) ** 2 / v for t, v in zip(theta, variance, strict=True)))
    exact = (np.array(statistics) >= np.array(statistics)[:, None] - 1e-9).mean(axis=1)
    found = []
    one = Outcomes("x", values, persons, unit_interval=False)
    for codes in labellings:
        masks = [np.array(codes)[persons] == g for g in range(3)]
        test = omnibus(one, masks, [average(one, m) for m in masks])
        assert test.method == "1999 permutations"
        found.append(test.p_value)
    error = np.sqrt(exact * (1 - exact) / 1999)
    assert (np.abs(found - (1 + 1999 * exact) / 2000) <= 4 * error + 1e-12).all()


def test_against_a_reference_group() -> None:
    feature = Feature("place", PLACE.groups, "annotated", "by hand", reference="Europe")
    rows = rows_of(*hits([0.5, 0.7, 0.6], 100), feature)["reference", "difference"]
    assert [(r["group"], r["reference"], r["family"]) for r in rows] == [
        ("Africa", "Europe", "exploratory"), ("Asia", "Europe", "exploratory"),
    ]  # fmt: skip
    assert [float(r["value"]) for r in rows] == pytest.approx([-0.1, 0.1])


def test_a_reference_must_be_a_group() -> None:
    with pytest.raises(DataError, match=r"reference group of 'place' must be one of its groups \(Africa, Asia\); got "
                                        r"'Asiaa'. Did you mean 'Asia'\?"):  # fmt: skip
        Feature("place", ("Africa", "Asia"), "annotated", "by hand", reference="Asiaa")


def test_concentration_index_by_hand() -> None:
    """Four homes, poorest first, with .2, .4, .6, .8: C = 2 / (4 * .5) * (.2 * .125 + ... + .8 * .875) - 1 = .25."""
    one = Outcomes("hit", np.array([0.8, 0.2, 0.6, 0.4]), np.arange(4), average="macro")
    _, row = slope_rows(one, "income", np.array([9.0, 1.0, 5.0, 2.0]), "per_doubling", primary=True)
    assert (row["kind"], row["measure"], row["family"]) == ("concentration", "index", "exploratory")
    assert float(row["value"]) == pytest.approx(0.25)


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
    row = slope_rows(one, "income", x, "per_doubling", primary=True)[1]
    assert float(row["value"]) == pytest.approx(index(np.arange(n)))
    assert float(row["std_error"]) == pytest.approx(jackknife, rel=0.02)


@pytest.mark.parametrize(("p", "n"), [(0.1, 200), (0.5, 400), (0.85, 150), (0.95, 100)])
def test_the_detectable_difference_is_found_four_times_in_five(rng: np.random.Generator, p: float, n: int) -> None:
    exact = np.concatenate([np.repeat([1.0, 0.0], [round(p * n), n - round(p * n)])] * 2)
    one = Outcomes("hit", exact, np.arange(2 * n))
    first = np.arange(2 * n) < n
    a, b = average(one, first), average(one, ~first)
    contrast = difference(a, b, unit_interval=True)
    shift = ContrastInference(a, b, contrast, True).min_detectable(0.05)
    moved = p + shift if p < 0.5 else p - shift
    draws = (rng.random((2 * n, 4000)) < np.repeat([moved, p], n)[:, None]).astype(float)
    many = Outcomes("hit", draws, np.arange(2 * n))
    found = difference(average(many, first), average(many, ~first), unit_interval=True)
    power = (np.abs(found.value) > stats.t.ppf(0.975, found.df) * found.std_error).mean()
    assert 0.75 <= power <= 0.85


def test_nothing_can_be_seen_where_the_range_ends() -> None:
    one = Outcomes("hit", np.array([1.0] * 2 + [0.0] * 3 + [1.0] * 40 + [0.0] * 60), np.arange(105))
    first = np.arange(105) < 5
    a, b = average(one, first), average(one, ~first)
    assert np.isnan(ContrastInference(a, b, difference(a, b, unit_interval=True), True).min_detectable(1e-6))
