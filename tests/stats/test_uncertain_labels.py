"""Labels drawn by their probabilities: how often, for whom together, what is said of them; Rubin's rules by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairaudit.core.samples import NOT_RECORDED, Feature, Samples
from fairaudit.stats.contrast import contrasts
from fairaudit.stats.contrasts import Compared, contrasts_of
from fairaudit.stats.estimates import estimates
from fairaudit.stats.gap import gap_of
from fairaudit.stats.group_sums import GroupSums, Members
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.uncertain_labels import (
    DRAWS,
    ImputedLabels,
    combine,
    impute_labels,
    label_warnings,
    note_of,
    pooled,
    pooled_gap,
    pooled_rows,
)

GROUPS = ("a", "b", "c")
TWO = Feature("g", ("a", "b"), "annotated", "by hand")


def samples_of(shares: npt.ArrayLike, clusters: npt.ArrayLike | None = None, **fields: Any) -> Samples:
    """People with the probabilities ``shares`` (N, G) of a feature ``skin``."""
    shares_NG = np.asarray(shares, dtype=float)
    n, groups = len(shares_NG), GROUPS[: shares_NG.shape[1]]
    known = ~np.isnan(shares_NG).any(axis=1)
    names = np.array([*groups, NOT_RECORDED], dtype=object)
    labels = names[np.where(known, np.nan_to_num(shares_NG).argmax(axis=1), len(groups))]
    table = pd.DataFrame({
        "sample_id": [f"s{i:05d}" for i in range(n)], "path": "", "split": "", "label": "", "text": "",
        "cluster_id": [f"p{c}" for c in (np.arange(n) if clusters is None else np.asarray(clusters))], "skin": labels,
    })  # fmt: skip
    uncertain = {"skin": pd.DataFrame(shares_NG, columns=list(groups))}
    feature = Feature("skin", groups, "annotated", "three annotators")
    return Samples("faces", "x", "people", Path(), table, (feature,), "person", "CC0", **{
        "uncertain": uncertain, **fields
    })  # fmt: skip


def test_labels_are_drawn_as_often_as_they_are_probable() -> None:
    shares = np.array([[0.2, 0.3, 0.5], [0, 1, 0], [1 / 3, 0, 2 / 3], [np.nan] * 3, [0.9, 0.1, 0]])
    drawn = impute_labels(samples_of(shares), draws=20_000)["skin"]
    assert len(drawn) == 20_000
    for code in range(3):
        known = [0, 1, 2, 4]
        seen = (drawn.codes[:, known] == code).mean(axis=0)
        np.testing.assert_allclose(seen, shares[known, code], atol=4 * 0.5 / np.sqrt(20_000))
    assert (drawn.codes[:, 1] == 1).all()
    assert (drawn.codes[:, 3] == -1).all()
    assert set(drawn.column(0)[[1, 3]]) == {"b", NOT_RECORDED}
    assert drawn.uncertain == 3 / 4
    together = np.corrcoef(drawn.codes[:, 0], drawn.codes[:, 4])[0, 1]
    assert abs(together) < 4 / np.sqrt(20_000)


def test_a_person_has_one_label_in_each_draw() -> None:
    same = impute_labels(samples_of([[0.5, 0.5]] * 60, np.arange(60) // 3))["skin"].codes.reshape(DRAWS, 20, 3)
    assert (same == same[:, :, :1]).all()
    assert len(np.unique(same[:, :, 0], axis=0)) == DRAWS
    # Where one image of a cluster has other votes, the group is the image's and not the cluster's.
    apart = impute_labels(samples_of([[0.5, 0.5], [0.5, 0.5], [0.6, 0.4]] * 20, np.arange(60) // 3))["skin"].codes
    apart = apart.reshape(DRAWS, 20, 3)
    assert 0.3 < (apart[:, :, 0] == apart[:, :, 1]).mean() < 0.7


def test_draws_do_not_depend_on_the_order_of_rows_or_on_other_features(rng: np.random.Generator) -> None:
    shares, clusters, order = rng.dirichlet([1, 1, 1], 90), rng.integers(0, 40, 90), rng.permutation(90)
    first = samples_of(shares, clusters)
    table, skin = first.table.iloc[order].reset_index(drop=True), first.uncertain["skin"].iloc[order]
    age = Feature("age", GROUPS, "annotated", "three annotators")
    second = Samples(**{
        **first.__dict__, "features": (age, *first.features), "table": table.assign(age=table["skin"]),
        "uncertain": {"age": skin.reset_index(drop=True), "skin": skin.reset_index(drop=True)},
    })  # fmt: skip
    one, two = impute_labels(first)["skin"], impute_labels(second)
    np.testing.assert_array_equal(one.codes[:, order], two["skin"].codes)
    assert (two["age"].codes != two["skin"].codes).any()  # features are drawn apart
    assert (impute_labels(first, seed=1)["skin"].codes != one.codes).any()


def test_certain_labels_are_not_drawn() -> None:
    assert impute_labels(samples_of([[1.0, 0.0], [0.0, 1.0], [np.nan, np.nan]])) == {}
    assert impute_labels(samples_of([[1, 0], [0, 1]], uncertain={})) == {}


def test_what_is_said() -> None:
    drawn = {"skin": ImputedLabels(GROUPS, np.zeros((20, 4), dtype=np.int16), 0.3125)}
    assert label_warnings(drawn) == (
        "31.2 % of the labels of skin are uncertain: they were drawn 20 times by their probabilities, and intervals "
        "include that. Some drawn labels are wrong, which brings groups closer together than they are, and this is not "
        "corrected: a true difference may exceed its interval, also if the verdict is within_tolerance.",
    )
    assert note_of(drawn, ["gender", "skin"]) == "31.2 % of the labels of skin are uncertain"
    assert note_of(drawn, ["gender"]) == ""
    assert label_warnings({}) == ()


def test_rubins_rules_by_hand() -> None:
    """Estimates 1, 2, 3 with variance 1 and 10 degrees of freedom.

    Mean 2; B = 1; T = 1 + 4/3 = 7/3; gamma = (4/3)/(7/3) = 4/7; nu_M = 2 / (16/49) = 6.125;
    nu_obs = 11/13 * 10 * 3/7 = 3.626374; together 1 / (1/6.125 + 1/3.626374) = 2.277778.
    """
    value, std_error, df = combine([1, 2, 3], [1, 1, 1], [10, 10, 10])
    assert value == pytest.approx(2)
    assert std_error == pytest.approx(np.sqrt(7 / 3))
    assert df == pytest.approx(1 / (1 / 6.125 + 91 / 330))


def test_unequal_parts_by_hand() -> None:
    """Variances .04 and .16, estimates .1 and .5, 20 and 40 degrees: T = .1 + 1.5 * .08 = .22, gamma = 6/11."""
    value, std_error, df = combine([0.1, 0.5], [0.2, 0.4], [20, 40])
    assert (value, std_error) == pytest.approx((0.3, np.sqrt(0.22)))
    assert df == pytest.approx(1 / (36 / 121 + 33 / (31 * 30 * 5 / 11)))


@given(st.lists(st.floats(-1, 1), min_size=2, max_size=20), st.floats(0.01, 1), st.integers(1, 500))
def test_drawing_never_makes_surer(values: list[float], std_error: float, df: int) -> None:
    n = len(values)
    _, total, degrees = combine(values, [std_error] * n, [df] * n)
    assert total >= std_error * (1 - 1e-12)
    assert 0 < degrees <= df * (1 + 1e-12)


def test_labellings_without_any_spread() -> None:
    """Barnard and Rubin's observed-data degrees, (nu + 1) / (nu + 3) * nu, remain."""
    assert combine([0.5, 0.5], [0.1, 0.1], [50, 50]) == pytest.approx((0.5, 0.1, 51 / 53 * 50))
    assert combine([0.5, 0.5], [0.0, 0.0], [0, 0]) == pytest.approx((0.5, 0.0, 0.5))
    assert combine([0.4, 0.6], [0.0, 0.0], [9, 9])[1:] == pytest.approx((np.sqrt(0.03), 0.0))


def test_draws_of_independent_rows_have_no_limit_of_degrees_but_their_own() -> None:
    """nu = infinity: the degrees of Rubin's nu_M = (M - 1) / gamma^2 alone."""
    _, _, df = combine([1, 2, 3], [1, 1, 1], [1e9] * 3)
    assert df == pytest.approx(6.125, rel=1e-6)


def sums_of(rng: np.random.Generator, draws: int, unit_interval: bool = True) -> list[GroupSums]:
    """60 persons of two images whose group is drawn."""
    values = (rng.random(120) < 0.6).astype(float) if unit_interval else rng.normal(0, 1, 120)
    one = Outcomes("hit", values, np.arange(120) // 2, unit_interval=unit_interval)
    firsts = rng.random((draws, 60)).repeat(2, axis=1) < 0.4
    return [GroupSums.of(one, [first, ~first]) for first in firsts]


def test_one_labelling_is_left_as_it_is(rng: np.random.Generator) -> None:
    (sums,) = sums_of(rng, 1)
    estimate = estimates(sums)[0]
    assert pooled(estimate) is estimate


@pytest.mark.parametrize("unit_interval", [True, False])
def test_groups_keep_their_covariance(rng: np.random.Generator, unit_interval: bool) -> None:
    """The difference of two pooled groups has the variance that Rubin's rules give the difference itself."""
    draws = sums_of(rng, 8, unit_interval)
    apart = [contrasts(sums, [(Members((0,)), Members((1,)))])[0] for sums in draws]
    expected = combine(
        [e.value for e in apart],
        [np.hypot(e.first.std_error, e.second.std_error) for e in apart],
        [e.df for e in apart],
    )
    gap = pooled_gap([gap_of(sums) for sums in draws])
    a, b = gap.estimates
    assert a.value - b.value == pytest.approx(expected[0])
    covariance = gap.correlation_KK[0, 1] * a.std_error * b.std_error
    # Correlations within clusters are shrunk to that of the two sides in either case.
    assert np.sqrt(a.std_error**2 + b.std_error**2 - 2 * covariance) == pytest.approx(expected[1], rel=1e-6)
    assert gap.correlation_KK[0, 1] < 0
    for k, each in enumerate((a, b)):
        drawn = [estimates(sums)[k] for sums in draws]
        assert each.std_error == pytest.approx(combine([e.value for e in drawn], [e.std_error for e in drawn], [9])[1])
        assert each.n == round(float(np.mean([e.n for e in drawn])))
        assert each.df < max(e.df for e in drawn)
        if unit_interval:
            # The effective size follows the variance, at the mean value.
            assert each.n_effective < min(e.n_effective for e in drawn) * 1.2
            assert each.kind == "share"


def test_the_gap_of_drawn_groups_is_that_of_their_difference(rng: np.random.Generator) -> None:
    draws = sums_of(rng, 8, False)
    rows = [
        contrasts_of(Compared(s, "g", ("a", "b"), np.arange(60).astype(object)), TWO, primary=True, whole=False)
        for s in draws
    ]
    (row,) = pooled_rows(rows)
    gap = pooled_gap([gap_of(sums) for sums in draws])
    low, high = gap.pair(0, 1, 0.95)
    assert (low + high) / 2 == pytest.approx(row.value)
    assert (high - low) / 2 == pytest.approx((row.ci_high - row.ci_low) / 2, rel=0.1)
    assert row.influence is None
