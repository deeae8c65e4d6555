r"""Score test and interval for changes of shares in matched pairs, from one side or between two.

On each side :math:`i`, :math:`n_i` independent rows were measured twice: :math:`b_i` became hits, :math:`c_i` became
misses. With true changes :math:`\delta_i` and the difference :math:`D = \delta_1 - \delta_2`, the likelihood of the
trinomials is maximal under a given :math:`D` at

.. math:: p^b_i = \frac{b_i/n_i}{\mu_i + \lambda_i}, \quad p^c_i = \frac{c_i/n_i}{\mu_i - \lambda_i}, \quad
   p^e_i = \frac{e_i/n_i}{\mu_i}, \qquad \lambda_1 = \lambda/n_1,\ \lambda_2 = -\lambda/n_2 ,

where :math:`e_i` rows did not change and :math:`\mu_i \ge |\lambda_i|` makes the three sum to 1: the largest root of
:math:`\mu^3 - \mu^2 - (\lambda_i^2 - \hat\delta_i\lambda_i)\mu + (e_i/n_i)\lambda_i^2`. A cell without rows gets a
share where this root is :math:`|\lambda_i|`. With :math:`V_i = (p^b_i + p^c_i - \delta_i^2)/n_i` the score statistic is

.. math:: z = (\hat D - D)/\sqrt{V_1 + V_2} = \lambda\sqrt{V_1 + V_2} ,

and :math:`D` falls as :math:`\lambda` rises, so one bisection over :math:`\lambda` gives a bound (where :math:`z` is a
quantile) or a p-value (where :math:`D = 0`). With one side it is the test of Tango [1]_, at :math:`D = 0` McNemar's.

Two corrections follow. :math:`V_i` is divided by :math:`1 - (1 - V_i/V)/n_i`, since the restricted changes were
estimated (:math:`N/(N-1)` for two like sides, nothing for one side). And :math:`z` becomes the root :math:`z_s` of
:math:`g z_s^2 + z_s - (z + g) = 0`, with a sixth of the skewness
:math:`g = (\kappa_1/n_1^2 - \kappa_2/n_2^2)/(6 V^{3/2})`, as Gart and Nam [2]_ do for two independent shares;
:math:`\kappa = \delta - 3(p^b + p^c)\delta + 2\delta^3` is the third central moment of the change of a row.

References
----------
.. [1] Tango (1998), Statistics in Medicine 17, "Equivalence test and confidence interval for the difference in
   proportions for the paired-sample design".
.. [2] Gart and Nam (1990), Biometrics 46, "Approximate interval estimation of the difference in binomial parameters:
   correction for skewness and extension to multiple tables".
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import stats

from fairaudit.stats.outcomes import Floats

_STEPS = 48  # halvings of the asinh of the multiplier: to 1e-13
_MOST = 20.0  # asinh of the largest multiplier, 2.4e8
_CERTAIN = 1e-12  # a variance below it is rounding


class MatchedShares(NamedTuple):
    """Rows that changed, of one side or of two; the second side is subtracted.

    Attributes
    ----------
    gained, lost, n : ndarray of float, shape (S, ...)
        Rows that became hits, rows that became misses, and all rows of each of S sides.
    """

    gained: Floats
    lost: Floats
    n: Floats

    @property
    def value(self) -> Floats:
        """Change of the share, or the difference of the two sides' changes."""
        return _contrast((self.gained - self.lost) / self.n)

    @property
    def std_error(self) -> Floats:
        """Standard error at the estimate."""
        return np.asarray(np.sqrt(_at(self, np.zeros(np.shape(self.n)[1:]))[1]))

    def p_value(self) -> Floats:
        """Return the two-sided p-value of no change, or of equal changes on both sides."""
        sign = np.sign(self.value)
        multiplier = _first(sign, lambda at: _at(self, at)[0] * sign <= 0)
        return np.asarray(2 * stats.norm.sf(np.abs(_score(self, multiplier))))

    def interval(self, level: float = 0.95) -> tuple[Floats, Floats]:
        """Return the bounds that the test at ``1 - level`` does not reject."""
        quantile = stats.norm.ppf(0.5 + level / 2)
        both = MatchedShares(*(np.stack([counts, counts], axis=-1) for counts in self))
        sign = np.broadcast_to([1.0, -1.0], np.shape(both.n)[1:])
        multiplier = _first(sign, lambda at: sign * _score(both, at) >= quantile)
        bounds = _at(both, multiplier)[0]
        return bounds[..., 0], bounds[..., 1]


def _first(sign: Floats, met: Callable[[Floats], npt.NDArray[np.bool_]]) -> Floats:
    """Return the multiplier of this sign nearest to 0 at which ``met`` holds, or the largest."""
    low, high = np.zeros(np.shape(sign)), np.full(np.shape(sign), _MOST)
    for _ in range(_STEPS):
        middle = (low + high) / 2
        beyond = met(sign * np.sinh(middle))
        low, high = np.where(beyond, low, middle), np.where(beyond, middle, high)
    return np.asarray(sign * np.sinh(high))


def _score(pairs: MatchedShares, multiplier: Floats) -> Floats:
    """Return the corrected score statistic of the difference to which a multiplier belongs."""
    _, variance, corrected, third = _at(pairs, multiplier)
    known = variance > _CERTAIN
    safe = np.where(known, corrected, 1.0)
    z, g = multiplier * variance / np.sqrt(safe), third / (6 * safe**1.5)
    z = 2 * (z + g) / (1 + np.sqrt(np.maximum(1 + 4 * g * (z + g), 0.0)))
    return np.where(known, z, 0.0)


def _at(pairs: MatchedShares, multiplier: Floats) -> tuple[Floats, Floats, Floats, Floats]:
    """Return the restricted difference, its variance without and with the correction, and its third moment."""
    signed = np.stack([multiplier, -multiplier][: len(pairs.n)])
    change, variance, third = _restricted(pairs, signed / pairs.n)
    parts = variance / pairs.n
    whole = parts.sum(axis=0)
    others = 1 - parts / np.where(whole > 0, whole, 1.0)
    corrected = (parts / (1 - others / pairs.n)).sum(axis=0)
    return _contrast(change), whole, corrected, _contrast(third / pairs.n**2)


def _contrast(sides: Floats) -> Floats:
    return np.asarray(sides[0] - sides[1:].sum(axis=0))


def _restricted(pairs: MatchedShares, multiplier: Floats) -> tuple[Floats, Floats, Floats]:
    """Return mean, variance and third central moment of the change of a row at each side's multiplier."""
    gained, lost = pairs.gained / pairs.n, pairs.lost / pairs.n
    same = (pairs.n - pairs.gained - pairs.lost) / pairs.n
    size = np.abs(multiplier)
    linear = size**2 - (gained - lost) * multiplier
    # Viete's trigonometric form of the largest of three real roots.
    third_of = (1 + 3 * linear) / 9
    cosine = (2 + 9 * linear - 27 * same * size**2) / (54 * third_of**1.5)
    root = 1 / 3 + 2 * np.sqrt(third_of) * np.cos(np.arccos(np.clip(cosine, -1, 1)) / 3)
    root = np.maximum(root, size)
    unchanged = same / root
    # The share that is pushed up divides by a difference that may be 0, so it is what the other two leave.
    down = np.where(multiplier >= 0, gained, lost) / (root + size)
    up = np.maximum(1 - unchanged - down, 0.0)
    change, moved = np.where(multiplier >= 0, down - up, up - down), down + up
    return change, moved - change**2, change - 3 * moved * change + 2 * change**3
