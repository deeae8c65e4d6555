"""The score test of matched shares against published tables, a likelihood maximised by scipy, and exact enumeration."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from scipy import optimize, special, stats

from fairaudit.comparison.matched_shares import MatchedShares

Numbers = npt.NDArray[np.float64]
Side = tuple[int, int, int]


def pairs(*sides: Side) -> MatchedShares:
    """Return the matched shares of sides of (gained, lost, n)."""
    return MatchedShares(*np.array(sides, dtype=np.float64).T)


def moved(side: Side, change: float) -> float:
    """Return the share of rows that changed, of highest likelihood under a change: Tango (1998), equation 4."""
    gained, lost, n = side
    b = -gained - lost + (2 * n - gained + lost) * change
    q = (np.sqrt(max(b**2 + 8 * n * lost * change * (1 - change), 0.0)) - b) / (4 * n)
    return float(2 * q + change)


def tango(side: Side, change: float) -> float:
    gained, lost, n = side
    return float((gained - lost - n * change) / np.sqrt(n * (moved(side, change) - change**2)))


def corrected(z: float, third: float, variance: float) -> float:
    """Return the smaller root of Gart and Nam's quadratic equation."""
    g = third / (6 * variance**1.5)
    roots = np.roots([g, 1.0, -(z + g)]) if abs(g) > 1e-9 else np.array([z])
    return float(np.real(roots[np.argmin(np.abs(roots))]))


def third_moment(share: float, change: float) -> float:
    """Third central moment of a row that is 1, -1 or 0."""
    gain, loss = (share + change) / 2, (share - change) / 2
    return gain * (1 - change) ** 3 + loss * (-1 - change) ** 3 + (1 - share) * (-change) ** 3


PUBLISHED: list[tuple[Side, float, tuple[float, float], int]] = [
    # Bentur et al. (2009) in Fagerland, Lydersen and Laake (2014), Statistics in Medicine 33, table 9.
    ((1, 7, 21), 0.95, (-0.517, -0.026), 3),
    # scoreci.mp(25, 28, 618, .90) of the R package PropCIs 0.3-0.
    ((28, 25, 618), 0.90, (-0.0148, 0.0247), 4),
]


@pytest.mark.parametrize(("side", "level", "bounds", "digits"), PUBLISHED)
def test_the_interval_is_tangos_with_the_correction_for_skewness(
    side: Side, level: float, bounds: tuple[float, float], digits: int
) -> None:
    z, n, estimate = stats.norm.ppf(0.5 + level / 2), side[2], (side[0] - side[1]) / side[2]

    def with_skewness(change: float) -> float:
        share = moved(side, change)
        return corrected(tango(side, change), third_moment(share, change) / n**2, (share - change**2) / n)

    for bound, published, sign, end in zip(pairs(side).interval(level), bounds, (1, -1), (-0.9, 0.9), strict=True):
        plain = optimize.brentq(lambda d, sign=sign: tango(side, d) - sign * z, end, estimate)
        assert round(plain, digits) == published
        assert bound == pytest.approx(optimize.brentq(lambda d, s=sign: with_skewness(d) - s * z, end, estimate))
        assert bound == pytest.approx(published, abs=0.03)


@pytest.mark.parametrize("side", [(1, 7, 21), (28, 25, 618), (6, 16, 161), (0, 9, 300), (3, 3, 50)])
def test_the_p_value_of_one_side_is_mcnemars(side: Side) -> None:
    gained, lost, _ = side
    assert pairs(side).p_value() == pytest.approx(stats.chi2.sf((gained - lost) ** 2 / (gained + lost), 1))


def by_scipy(sides: tuple[Side, Side], difference: float) -> float:
    """Return the corrected score of a difference from a likelihood that scipy maximises over the second change."""

    def log_likelihood(side: Side, change: float) -> float:
        share = moved(side, change)
        cells = np.array([(share + change) / 2, (share - change) / 2, 1 - share])
        return float(special.xlogy([side[0], side[1], side[2] - side[0] - side[1]], np.maximum(cells, 0.0)).sum())

    found = optimize.minimize_scalar(
        lambda c: -log_likelihood(sides[0], c + difference) - log_likelihood(sides[1], c),
        bounds=(max(-1, -1 - difference), min(1, 1 - difference)), method="bounded", options={"xatol": 1e-13},
    )  # fmt: skip
    changes = (found.x + difference, found.x)
    shares = [moved(side, change) for side, change in zip(sides, changes, strict=True)]
    v = [(share - change**2) / side[2] for side, share, change in zip(sides, shares, changes, strict=True)]
    third = [third_moment(s, c) / side[2] ** 2 for side, s, c in zip(sides, shares, changes, strict=True)]
    variance = v[0] / (1 - v[1] / sum(v) / sides[0][2]) + v[1] / (1 - v[0] / sum(v) / sides[1][2])
    estimate = (sides[0][0] - sides[0][1]) / sides[0][2] - (sides[1][0] - sides[1][1]) / sides[1][2]
    return corrected((estimate - difference) / np.sqrt(variance), third[0] - third[1], variance)


@pytest.mark.parametrize(
    "sides",
    [((12, 3, 150), (240, 90, 4850)), ((0, 4, 150), (200, 150, 4850)), ((3, 0, 30), (100, 50, 3000)),
     ((25, 2, 40), (12, 6, 35)), ((30, 1, 40), (33, 0, 40))],
)  # fmt: skip
def test_two_sides_agree_with_a_likelihood_that_scipy_maximises(sides: tuple[Side, Side]) -> None:
    mine = pairs(*sides)
    assert mine.p_value() == pytest.approx(2 * stats.norm.sf(abs(by_scipy(sides, 0.0))), rel=1e-4)
    for level in (0.95, 0.9975):
        for bound, sign in zip(mine.interval(level), (1, -1), strict=True):
            assert by_scipy(sides, float(bound)) == pytest.approx(sign * stats.norm.ppf(0.5 + level / 2), rel=1e-4)


def trinomial(n: int, share: float, change: float) -> tuple[Numbers, Numbers, Numbers]:
    """Return every gained, lost and its probability."""
    gained, lost = (counts.ravel() for counts in np.meshgrid(np.arange(n + 1.0), np.arange(n + 1.0)))
    inside = gained + lost <= n
    gained, lost = gained[inside], lost[inside]
    cells = [(share + change) / 2, (share - change) / 2, 1 - share]
    mass = stats.multinomial.pmf(np.stack([gained, lost, n - gained - lost], axis=1), n, cells)
    likely = mass > 1e-9
    return gained[likely], lost[likely], mass[likely]


@pytest.mark.parametrize(
    ("n", "shares", "change"),
    [((40, 400), (0.1, 0.1), 0.1), ((40, 400), (0.06, 0.2), 0.05), ((40, 400), (0.2, 0.06), 0.05),
     ((30, 30), (0.3, 0.3), 0.2), ((20, 20), (0.4, 0.4), 0.0), ((20, 200), (0.9, 0.9), 0.8)],
)  # fmt: skip
def test_false_alarms_by_exact_enumeration(n: tuple[int, int], shares: tuple[float, float], change: float) -> None:
    """Both sides changed alike, and less often or more often in the smaller one."""
    small, large = (trinomial(*design, change) for design in zip(n, shares, strict=True))
    order = np.argsort(-large[2])  # the likeliest tables of the larger side, to all but one in 10,000
    order = order[: np.searchsorted(np.cumsum(large[2][order]), 1 - 1e-4) + 1]
    grid = [np.broadcast_arrays(a[:, None], b[order][None]) for a, b in zip(small, large, strict=True)]
    mass = (small[2][:, None] * large[2][order]).ravel()
    keep = mass > 1e-8
    gained, lost = (np.stack([part.ravel()[keep] for part in grid[i]]) for i in (0, 1))
    p = MatchedShares(gained, lost, np.broadcast_to(np.array(n, dtype=float)[:, None], gained.shape)).p_value()
    assert mass[keep].sum() > 0.995
    assert mass[keep][p < 0.05].sum() <= 0.054
    assert mass[keep][p < 0.0025].sum() <= 0.003
    assert mass[keep][p < 0.0005].sum() <= 0.001


@st.composite
def side(draw: st.DrawFn) -> Side:
    n = draw(st.integers(2, 400))
    gained = draw(st.integers(0, n))
    return gained, draw(st.integers(0, n - gained)), n


@given(side(), side(), st.sampled_from([0.8, 0.95, 0.9975, 0.9995]))
@example((0, 0, 20), (0, 0, 300), 0.95)
@example((20, 0, 20), (0, 300, 300), 0.95)
@example((20, 0, 20), (300, 0, 300), 0.9995)
@example((0, 3, 5), (2, 0, 2), 0.95)
def test_laws(first: Side, second: Side, level: float) -> None:
    both = pairs(first, second)
    p, (low, high) = float(both.p_value()), both.interval(level)
    assert 0 <= p <= 1
    assert -2 <= low <= high <= 2
    assert np.isfinite(both.std_error)
    if abs(p - (1 - level)) > 1e-9:
        assert (p < 1 - level) == (low > 0 or high < 0)
    wider = both.interval(1 - (1 - level) / 2)
    assert wider[0] <= low + 1e-9
    assert wider[1] >= high - 1e-9
    turned = MatchedShares(both.lost, both.gained, both.n)  # models swapped
    swapped = pairs(second, first)  # sides swapped
    for other in (turned, swapped):
        assert other.p_value() == pytest.approx(p, abs=1e-9)
        assert other.interval(level) == pytest.approx((-high, -low), abs=1e-9)


@given(side(), side())
def test_ten_times_the_rows_narrow_the_interval(first: Side, second: Side) -> None:
    low, high = pairs(first, second).interval()
    both = pairs(tuple(10 * i for i in first), tuple(10 * i for i in second)).interval()  # type: ignore[arg-type]
    assert both[1] - both[0] <= high - low + 1e-9


@given(side())
def test_a_second_side_without_end_leaves_the_first_alone(first: Side) -> None:
    alone, known = pairs(first), pairs(first, (10**9, 10**9, 10**12))
    assert known.p_value() == pytest.approx(float(alone.p_value()), abs=1e-3)
    assert np.array(known.interval()) == pytest.approx(np.array(alone.interval()), abs=1e-3)


def test_many_at_once_are_the_same_as_each(rng: np.random.Generator) -> None:
    counts: Any = rng.integers(0, 30, (2, 2, 12)).astype(float)
    many = MatchedShares(counts[0], counts[1], counts.sum(axis=0) + 40)
    low, high = many.interval(0.99)
    for i in range(12):
        single = MatchedShares(*(part[:, i] for part in many))
        assert (low[i], high[i]) == pytest.approx(tuple(map(float, single.interval(0.99))))
        assert many.p_value()[i] == pytest.approx(float(single.p_value()))
