"""The largest |t| over all pairs, against scipy's studentised range and the t distribution."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from fairaudit.stats.studentized_range import critical_value, tail_probability


@pytest.mark.parametrize(("k", "df", "level"), [(2, 20, 0.95), (3, 6, 0.95), (5, 37, 0.99), (14, 200, 0.95)])
def test_critical_values_are_those_of_scipy(k: int, df: float, level: float) -> None:
    expected = stats.studentized_range.ppf(level, k, df) / np.sqrt(2)
    assert float(critical_value(level, k, np.array(float(df)))) == pytest.approx(expected, rel=5e-4)


def test_tukey_1953() -> None:
    """Textbook tables: q(.05; 3, 10) = 3.88, q(.05; 5, infinite) = 3.86."""
    assert float(critical_value(0.95, 3, np.array(10.0))) * np.sqrt(2) == pytest.approx(3.88, abs=0.005)
    assert float(critical_value(0.95, 5, np.array(np.inf))) * np.sqrt(2) == pytest.approx(3.86, abs=0.005)


@pytest.mark.parametrize("df", [8.0, 50.0, np.inf])
def test_two_groups_are_the_t_distribution(df: float) -> None:
    assert float(critical_value(0.95, 2, np.array(df))) == pytest.approx(stats.t.ppf(0.975, df), rel=5e-4)
    for t in (0.5, 2.0, 6.0):
        assert tail_probability(t, 2, df) == pytest.approx(2 * stats.t.sf(t, df), rel=2e-3)


@pytest.mark.parametrize(("t", "k", "df"), [(2.0, 5, 12.0), (3.5, 5, 50.0), (3.0, 14, 30.0), (2.5, 3, np.inf)])
def test_tail_probabilities_are_those_of_scipy(t: float, k: int, df: float) -> None:
    expected = stats.studentized_range.sf(t * np.sqrt(2), k, min(df, 1e6))
    assert tail_probability(t, k, df) == pytest.approx(expected, rel=2e-3)


def test_the_far_tail_is_never_zero() -> None:
    assert 0 < tail_probability(12.0, 4, 60.0) < 1e-15
    assert tail_probability(0.0, 4, 60.0) == pytest.approx(1.0)
