"""Rubin's rules by hand, and what they must be where labels are certain or differ in nothing else."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairaudit.stats.estimates import average, difference
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.uncertain_labels import combine, pooled, pooled_groups


def test_by_hand() -> None:
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


def estimates_of(
    rng: np.random.Generator, draws: int
) -> tuple[Outcomes, np.ndarray[tuple[int, int], np.dtype[np.bool_]]]:
    one = Outcomes("hit", (rng.random(120) < 0.6).astype(float), np.arange(120) // 2)
    return one, rng.random((draws, 60)).repeat(2, axis=1) < 0.4


def test_one_labelling_is_left_as_it_is(rng: np.random.Generator) -> None:
    one, first_MN = estimates_of(rng, 1)
    estimate = average(one, first_MN[0])
    assert pooled(estimate) is estimate


def test_groups_keep_their_covariance(rng: np.random.Generator) -> None:
    """The difference of two pooled groups has the variance that Rubin's rules give the difference itself."""
    one, first_MN = estimates_of(rng, 8)
    one = Outcomes("score", one.values + rng.normal(0, 1, 120), one.clusters, unit_interval=False)
    firsts, seconds = ([average(one, m) for m in masks] for masks in (first_MN, ~first_MN))
    apart = [difference(a, b, unit_interval=False) for a, b in zip(firsts, seconds, strict=True)]
    expected = combine([e.value for e in apart], [e.std_error for e in apart], [e.df for e in apart])
    a, b = pooled_groups([firsts, seconds])
    assert float(a.value - b.value) == pytest.approx(expected[0])
    assert float(np.sqrt(((a.psi - b.psi) ** 2).sum())) == pytest.approx(expected[1])
    for each, drawn in ((a, firsts), (b, seconds)):
        assert float(each.std_error) == pytest.approx(np.sqrt((each.psi**2).sum()))
        assert int(each.n) == round(float(np.mean([e.n for e in drawn])))
        assert float(each.df) < min(float(e.df) for e in drawn)
