r"""Differences and ratios of shares by the skewness-corrected score: p-value and interval from one inversion.

With observed shares :math:`\hat p_1, \hat p_2` of effectively :math:`n_1, n_2` independent rows, a difference
:math:`\delta` is tested with the shares :math:`\tilde p_1 - \tilde p_2 = \delta` that fit best [1]_:

.. math:: z = \frac{\hat p_1 - \hat p_2 - \delta}{\sqrt V}, \qquad
   V = \kappa \Big(\frac{\tilde p_1 \tilde q_1}{n_1} + \frac{\tilde p_2 \tilde q_2}{n_2}\Big) \frac{N}{N - 1}, \qquad
   \mu_3 = t_1\, \tilde p_1 \tilde q_1 (1 - 2 \tilde p_1) - t_2\, \tilde p_2 \tilde q_2 (1 - 2 \tilde p_2)

and :math:`z_s` solves :math:`g z_s^2 + z_s - (z + g) = 0` with :math:`g = \mu_3 / 6 V^{3/2}` [2]_ [3]_. A small group
with a rare outcome has a skewed share; without the correction the test errs in one direction. The interval holds all
:math:`\delta` that are not rejected, so it stays within [-1, 1] and excludes zero exactly when p is below its level.
The quantiles are those of t where the effective sizes rest on an estimated correlation (``side``). A ratio
:math:`\varphi` is tested by :math:`\hat p_1 - \varphi\, \hat p_2`, and strata by the sum of their differences with
fixed weights, each under one common :math:`\delta` [1]_.

Shape suffixes: R comparisons at once, S strata.

References
----------
.. [1] Miettinen and Nurminen (1985), "Comparative analysis of two rates", Statistics in Medicine 4; the closed form
   of the shares is in Farrington and Manning (1990), Statistics in Medicine 9.
.. [2] Gart and Nam (1990), "Approximate interval estimation of the difference in binomial parameters: correction for
   skewness and extension to multiple tables", Biometrics 46.
.. [3] Laud (2017), "Equal-tailed confidence intervals for comparison of rates", Pharmaceutical Statistics 16.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy import stats

Floats = npt.NDArray[np.float64]

_STEPS = 40  # bisections, to 1e-12; the shares of a difference are right to 1e-8 at worst
_LARGEST_LOG_RATIO = 30.0
_ROUNDING = 1e-12  # of a share


@dataclass(frozen=True, eq=False)
class ScoreContrast:
    """Two shares (or R pairs of them) that are compared.

    Parameters
    ----------
    first, second : ndarray of float, shape (S, R)
        Observed shares of both sides, by stratum.
    n_first, n_second : ndarray of float, shape (S, R)
        Effective numbers of independent rows.
    t_first, t_second : ndarray of float, shape (S, R)
        Third central moment of a share, over p q (1 - 2p); 1 / n^2 for independent rows.
    weights : ndarray of float, shape (S, R)
        Weight of each stratum; they sum to one.
    kappa : ndarray of float, shape (R,)
        Factor of the variance from clusters that lie on both sides or in several strata.
    df : ndarray of float, shape (R,)
        Degrees of freedom; infinite for independent rows.
    """

    first: Floats
    second: Floats
    n_first: Floats
    n_second: Floats
    t_first: Floats
    t_second: Floats
    weights: Floats
    kappa: Floats
    df: Floats

    @classmethod
    def of(
        cls,
        first: npt.ArrayLike,
        n_first: npt.ArrayLike,
        second: npt.ArrayLike,
        n_second: npt.ArrayLike,
        *,
        t_first: npt.ArrayLike | None = None,
        t_second: npt.ArrayLike | None = None,
        kappa: npt.ArrayLike = 1.0,
        df: npt.ArrayLike = np.inf,
    ) -> ScoreContrast:
        """Return the contrast of R pairs of shares without strata; scalars make one pair."""
        p1, n1, p2, n2 = (np.atleast_1d(np.asarray(x, dtype=np.float64)) for x in (first, n_first, second, n_second))
        t1 = n1**-2.0 if t_first is None else np.atleast_1d(np.asarray(t_first, dtype=np.float64))
        t2 = n2**-2.0 if t_second is None else np.atleast_1d(np.asarray(t_second, dtype=np.float64))
        p1, n1, p2, n2, t1, t2, k, d = np.broadcast_arrays(p1, n1, p2, n2, t1, t2, kappa, df)
        one = np.ones_like(p1)
        return cls(p1[None], p2[None], n1[None], n2[None], t1[None], t2[None], one[None], k, d)

    @classmethod
    def stacked(cls, parts: Sequence[ScoreContrast]) -> ScoreContrast:
        """Return the comparisons of all parts, which have the same number of strata, as one."""
        return cls(**{f.name: np.concatenate([getattr(part, f.name) for part in parts], axis=-1) for f in fields(cls)})

    def row(self, r: int) -> ScoreContrast:
        """Return one of the R comparisons."""
        return ScoreContrast(**{f.name: getattr(self, f.name)[..., r : r + 1] for f in fields(self)})

    @cached_property
    def value(self) -> Floats:
        """Difference of the shares (R,), standardised over strata; in [-1, 1]."""
        return np.asarray((self.weights * (self.first - self.second)).sum(axis=0))

    @cached_property
    def std_error(self) -> Floats:
        """Standard error (R,) at the observed shares."""
        first, second = self.first * (1 - self.first), self.second * (1 - self.second)
        variance = (self.weights**2 * (first / self.n_first + second / self.n_second)).sum(axis=0)
        return np.asarray(np.sqrt(self.kappa * variance))

    def p_value(self) -> Floats:
        """Return the two-sided p-value (R,) of "no difference", which is also that of "a ratio of one"."""
        p = 2 * stats.t.sf(np.abs(self.statistic()), self.df)
        return np.asarray(np.minimum(p, 1.0))

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """Return the bounds (R,) of the difference with coverage ``level``, at least .7.

        Below, the observed difference itself may be outside: the corrected statistic there is up to one.
        """
        return self.at_quantile(stats.t.ppf(0.5 + level / 2, self.df))

    def statistic(self) -> Floats:
        """Return the skewness-corrected statistic (R,) of "no difference"."""
        return self._z(np.zeros(len(self.df)))

    def at_quantile(self, quantile: Floats) -> tuple[Floats, Floats]:
        """Return the bounds (R,) of the difference at which the statistic is ``quantile``."""
        ends = np.ones_like(self.value)
        return _inverted(ScoreContrast.stacked([self, self])._z, self.value, -ends, ends, quantile)

    @property
    def ratio(self) -> Floats:
        """First share over the second (R,); infinite over 0, and NaN if both are 0. Without strata."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(self.first[0] / self.second[0])

    def ratio_interval(self, level: float) -> tuple[Floats, Floats]:
        """Return the bounds (R,) of the ratio with coverage ``level``, from 0 to infinity. Without strata."""
        return self.ratio_at_quantile(stats.t.ppf(0.5 + level / 2, self.df))

    def ratio_at_quantile(self, quantile: Floats) -> tuple[Floats, Floats]:
        """Return the bounds (R,) of the ratio at which the statistic is ``quantile``. Without strata."""
        with np.errstate(divide="ignore"):
            start = np.clip(np.log(np.nan_to_num(self.ratio, nan=1.0)), -_LARGEST_LOG_RATIO, _LARGEST_LOG_RATIO)
        edge = np.full_like(start, _LARGEST_LOG_RATIO)
        both = ScoreContrast.stacked([self, self])
        low, high = _inverted(lambda log: both._z_ratio(np.exp(log)), start, -edge, edge, quantile)
        return np.where(low <= -edge, 0.0, np.exp(low)), np.where(high >= edge, np.inf, np.exp(high))

    def min_detectable(self, alpha: float, *, power: float = 0.8) -> tuple[float, str]:
        """Return the least difference that a test at ``alpha`` detects with ``power``, and its direction.

        The first share moves from the second towards one half, where it varies more. One comparison only; strata count
        as one. NaN and "" if even a share at the end of the range would not be detected.

        Returns
        -------
        tuple of float and {"higher", "lower", ""}
        """
        p = float((self.weights * self.second).sum())
        variances = [float(1 / (self.weights**2 / n).sum()) for n in (self.n_first, self.n_second)]
        thirds = [float((self.weights**3 * t).sum()) for t in (self.t_first, self.t_second)]
        sign, widest = (1.0, 1 - p) if p < 0.5 else (-1.0, p)
        critical, kappa = float(stats.t.ppf(1 - alpha / 2, self.df[0])), float(self.kappa[0])
        found = float(stats.t.ppf(power, self.df[0]))

        def lacking(shift: float) -> float:
            moved = p + sign * shift
            pooled = (variances[0] * moved + variances[1] * p) / sum(variances)
            null, null_skew = _moments(pooled, pooled, variances, thirds, kappa)
            true, true_skew = _moments(moved, p, variances, thirds, kappa)
            threshold = (critical + sign * null_skew * (critical**2 - 1)) * np.sqrt(null)
            return float(threshold + (found - sign * true_skew * (found**2 - 1)) * np.sqrt(true) - shift)

        shift = root(lacking, widest)
        return shift, "" if np.isnan(shift) else "higher" if sign > 0 else "lower"

    def _z(self, delta: Floats) -> Floats:
        """Return the skewness-corrected statistic (R,) at a common difference (R,)."""
        first, second = restricted_shares(self.first, self.n_first, self.second, self.n_second, delta)
        return self._corrected(self.value - delta, first, second, np.ones(len(delta)))

    def _z_ratio(self, ratio: Floats) -> Floats:
        n1, n2 = self.n_first, self.n_second
        x1, x2, n = n1 * self.first, n2 * self.second, self.n_first + self.n_second
        a, b = n * ratio, -(n1 * ratio + x1 + n2 + x2 * ratio)
        root_ = np.sqrt(np.maximum(b**2 - 4 * a * (x1 + x2), 0.0))
        # Of the two forms of the smaller root, the one without cancellation.
        second = 2 * (x1 + x2) / (root_ - b)
        # Under a tiny or huge ratio, a share near 0 is no rounding; one near 1 is.
        first, second = (np.where(share > 1 - _ROUNDING, 1.0, share) for share in (ratio * second, second))
        return self._corrected(self.first[0] - ratio * self.second[0], first, second, ratio)

    def _corrected(self, distance: Floats, first: Floats, second: Floats, ratio: Floats) -> Floats:
        n = self.n_first + self.n_second
        v1, v2 = first * (1 - first), ratio**2 * second * (1 - second)
        variance = (self.weights**2 * (v1 / self.n_first + v2 / self.n_second) * n / np.maximum(n - 1, 1)).sum(axis=0)
        third = self.weights**3 * (v1 * (1 - 2 * first) * self.t_first - ratio * v2 * (1 - 2 * second) * self.t_second)
        varies = variance > 0
        plain = np.where(varies, variance, 1.0)
        alone = self.weights**3 * (
            v1 * (1 - 2 * first) / self.n_first**2 - ratio * v2 * (1 - 2 * second) / self.n_second**2
        )
        g, g_alone = (np.where(varies, moment.sum(axis=0) / (6 * plain**1.5), 0.0) for moment in (third, alone))
        with np.errstate(divide="ignore", invalid="ignore"):
            certain = np.where(np.abs(distance) < 1e-12, 0.0, distance / 0.0)
        z = np.where(varies, distance / np.sqrt(plain * self.kappa), 0.0)
        return np.where(varies, without_skew(z, g, g_alone), certain)


def without_skew(z: Floats, g: Floats, g_alone: Floats) -> Floats:
    """Return the root of g z_s^2 + z_s - (z + g) = 0 near z.

    Where g and z have different signs, the root ends beyond the least z of independent rows, which have ``g_alone``.
    Weights and clusters make g larger; what they add is taken to first order, z_s = z - g (z^2 - 1), which has no end.
    """
    # Within z of 1 the root is there, and stays below 1; to first order it would not.
    more = np.where((g * z < 0) & (np.abs(g) > np.abs(g_alone)) & (np.abs(z) > 1), g - g_alone, 0.0)
    kept = g - more
    root_ = 2 * (z + kept) / (1 + np.sqrt(np.maximum(1 + 4 * kept * (z + kept), 0.0)))
    return np.asarray(root_ - more * (z**2 - 1))


def restricted_shares(
    first: Floats, n_first: Floats, second: Floats, n_second: Floats, delta: Floats
) -> tuple[Floats, Floats]:
    """Return the two shares that are most likely if their difference is ``delta``."""
    theta = n_second / n_first
    a, b = 1 + theta, -(1 + theta + first + theta * second + delta * (theta + 2))
    c = delta**2 + delta * (2 * first + theta + 1) + first + theta * second
    d = -first * delta * (1 + delta)
    v = b**3 / (27 * a**3) - b * c / (6 * a**2) + d / (2 * a)
    u = np.where(v < 0, -1.0, 1.0) * np.sqrt(np.maximum(b**2 / (9 * a**2) - c / (3 * a), 0.0))
    cube = np.where(u == 0, 1.0, u**3)
    w = (np.pi + np.arccos(np.clip(np.where(u == 0, 0.0, v / cube), -1, 1))) / 3
    moved = np.clip(2 * u * np.cos(w) - b / (3 * a), np.maximum(0.0, delta), np.minimum(1.0, 1 + delta))
    # The pooled share; the cubic may have a double root there, which is only right to 1e-8.
    moved = np.where(delta == 0, (first + theta * second) / (1 + theta), moved)
    return _snapped(moved), _snapped(moved - delta)


def _snapped(share: Floats) -> Floats:
    """Return shares without rounding at 0 and 1, where it would pass for a variance."""
    return np.asarray(np.where(share < _ROUNDING, 0.0, np.where(share > 1 - _ROUNDING, 1.0, share)))


def root(lacking: Callable[[float], float], widest: float) -> float:
    """Return the least positive root of a function that is positive at 0; NaN if it is still positive at the end."""
    if not lacking(widest) <= 0:
        return float("nan")
    low, high = 0.0, widest
    for _ in range(_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if lacking(middle) > 0 else (low, middle)
    return high


def _moments(first: float, second: float, sizes: list[float], thirds: list[float], kappa: float) -> tuple[float, float]:
    """Return variance and a sixth of the skewness of a difference of shares."""
    v1, v2, n = first * (1 - first), second * (1 - second), sum(sizes)
    variance = (v1 / sizes[0] + v2 / sizes[1]) * n / max(n - 1, 1)
    third = v1 * (1 - 2 * first) * thirds[0] - v2 * (1 - 2 * second) * thirds[1]
    return kappa * variance, third / (6 * variance**1.5) if variance > 0 else 0.0


def _inverted(
    z: Callable[[Floats], Floats], value: Floats, least: Floats, most: Floats, quantile: Floats
) -> tuple[Floats, Floats]:
    """Return the points below and above ``value`` at which a falling statistic is plus and minus ``quantile``.

    ``z`` takes the points (2 R,) of the search below and of that above at once.
    """
    sign, edge = np.repeat([1.0, -1.0], len(value)), np.concatenate([least, most])
    needed = np.tile(np.broadcast_to(quantile, value.shape), 2)
    inside, outside = np.tile(value, 2), edge
    for _ in range(_STEPS):
        middle = (inside + outside) / 2
        rejected = sign * z(middle) > needed
        inside, outside = np.where(rejected, inside, middle), np.where(rejected, middle, outside)
    # Where even the edge of the range is not rejected, it is the bound.
    low, high = np.split(np.where(sign * z(edge) > needed, inside, edge), 2)
    return low, high
