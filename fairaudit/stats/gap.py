r"""The largest difference between any two groups, and the least ratio, with simultaneous intervals.

A bootstrap interval of max - min never covers a true zero, since the observed gap is positive. Instead, all pairs get
simultaneous bounds. Each pair gets the interval of Zou and Donner [1]_ from the two groups' own bounds (for a ratio,
theirs of 2012 [2]_), at the quantile of the studentised range for :math:`K` groups [3]_: the distribution of the
largest :math:`|t|` over all pairs, exact for equal standard errors and conservative otherwise. If all pairs are within
their bounds :math:`[l_{ij}, u_{ij}]`, the true gap is within

.. math:: L = \max_{ij} \max(0, l_{ij}, -u_{ij}), \qquad U = \max_{ij} \max(|l_{ij}|, |u_{ij}|).

If images are clustered, the standard error of a group with few hits is too small, since few clusters have one, and the
largest of many differences selects such groups. So all groups together give a floor: the variance of :math:`\hat p_g`
over :math:`U_g` clusters is at least :math:`r\,\hat p_g(1 - \hat p_g) / U_g`, with one :math:`r` that makes the two
sides, weighted by the square of :math:`U_g`, equal in sum.

Shape suffixes: K groups, P pairs of them, S simulated tables, M outcomes at once (none for a single outcome).

References
----------
.. [1] Zou and Donner (2008), "Construction of confidence limits about effect measures", Statistics in Medicine 27.
.. [2] Donner and Zou (2012), "Closed-form confidence intervals for functions of the normal mean and standard
   deviation", Statistical Methods in Medical Research 21(4), for the ratio.
.. [3] Hayter (1984), "A proof of the conjecture that the Tukey-Kramer multiple comparisons procedure is
   conservative", Annals of Statistics 12(1).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations

import numpy as np
from scipy.optimize import brentq

from fairaudit.stats.estimates import Estimate
from fairaudit.stats.intervals import bounds_at
from fairaudit.stats.outcomes import Floats
from fairaudit.stats.studentized_range import critical_value, tail_probability

_SIMULATED = 4000


@dataclass(frozen=True)
class Gap:
    """Differences between all pairs of groups.

    Parameters
    ----------
    estimates : sequence of Estimate
        One per group, at least two; all for the same outcome.
    kind : {"binary", "share", "auroc", "unbounded"}
        As in ``intervals.group_interval``.
    measure : {"difference", "ratio"}
        ``"difference"``: largest value less smallest, 0 is best. ``"ratio"``: smallest over largest, in [0, 1],
        1 is best; for outcomes that cannot be negative.
    shared : bool
        Whether a cluster may be in several groups, so that their errors are correlated.
    """

    estimates: Sequence[Estimate]
    kind: str
    measure: str = "difference"
    shared: bool = False

    @cached_property
    def value(self) -> Floats:
        """The observed gap or ratio."""
        values_K = np.array([e.value for e in self.estimates])
        low, high = values_K.min(axis=0), values_K.max(axis=0)
        if self.measure == "ratio":
            return np.where(high > 0, low / np.where(high > 0, high, 1), np.nan)
        return np.asarray(high - low)

    def interval(self, level: float) -> tuple[Floats, Floats]:
        """Return the interval of the gap (or ratio) with coverage of at least ``level``."""
        if self.measure == "ratio":
            bounds_P = np.array([self._ratio(i, j, level) for i, j in self._ordered])
            return bounds_P[:, 0].min(axis=0), np.minimum(bounds_P[:, 1].min(axis=0), 1.0)
        bounds_P = np.array([self.pair(i, j, level) for i, j in self._pairs])
        low_P, high_P = bounds_P[:, 0], bounds_P[:, 1]
        low = np.maximum(np.maximum(low_P, -high_P), 0.0).max(axis=0)
        return low, np.maximum(np.abs(low_P), np.abs(high_P)).max(axis=0)

    def p_value(self) -> float:
        """Return the p-value of "all groups are equal": the least level at which the interval leaves zero (or one)."""
        smallest = 1.0
        for i, j in self._pairs:
            critical = self._critical_that_touches(i, j)
            if np.isfinite(critical):
                tail = tail_probability(critical, len(self.estimates), float(self._df(i, j)))
                smallest = min(smallest, tail)
        return smallest

    def min_detectable(self, alpha: float, *, power: float = 0.8) -> float:
        """Return the minimum detectable distance of one group from all others, at ``power``.

        Simulated with normal errors at the observed standard errors. The group with the median standard error is moved;
        a share is moved towards one half, where its standard error grows. NaN for a ratio, and if a share would have to
        leave the range.
        """
        if self.measure == "ratio":
            return float("nan")
        errors_SK, std_K = self._errors_SK, self._std_K
        pairs = np.array(self._pairs)
        critical_P = np.array([critical_value(1 - alpha, len(std_K), self._df(i, j)) for i, j in self._pairs])
        moved = int(np.argsort(std_K)[len(std_K) // 2])
        start = float(np.mean([e.value for e in self.estimates]))
        share = self.kind in ("binary", "share") and 0 < start < 1
        sign = -1.0 if share and start >= 0.5 else 1.0

        def found(shift: float) -> float:
            grown_K = np.ones(len(std_K))
            if share:
                there = start + sign * shift
                grown_K[moved] = np.sqrt(max(there * (1 - there), 0.0) / (start * (1 - start)))
            values_SK = errors_SK * grown_K + sign * shift * (np.arange(len(std_K)) == moved)
            root_P = np.sqrt(((std_K * grown_K)[pairs] ** 2).sum(axis=1))
            t_SP = np.abs(values_SK[:, pairs[:, 0]] - values_SK[:, pairs[:, 1]]) / root_P
            return float((t_SP > critical_P).any(axis=1).mean()) - power

        widest = max(start, 1 - start) if share else 20 * float(np.sqrt(2) * std_K.max())
        return float(brentq(found, 0.0, widest, xtol=1e-4)) if found(widest) > 0 else float("nan")

    def expected_by_chance(self) -> float:
        """Return the expected gap under equal groups; NaN for a ratio."""
        if self.measure == "ratio":
            return float("nan")
        return float(np.ptp(self._errors_SK, axis=1).mean())

    @cached_property
    def _cautious(self) -> tuple[Estimate, ...]:
        """The estimates with the floor of the variance from all groups together."""
        if self.kind != "share":
            return tuple(self.estimates)
        shape = np.shape(self.estimates[0].value)
        clusters_K = np.array([np.broadcast_to(e.n_clusters, shape) for e in self.estimates], dtype=np.float64)
        binomial_K = np.array([np.nan_to_num(e.value * (1 - e.value)) for e in self.estimates])
        variance_K = np.array([np.nan_to_num(e.std_error) ** 2 for e in self.estimates]) * clusters_K
        total = (clusters_K * binomial_K).sum(axis=0)
        r = (clusters_K * variance_K).sum(axis=0) / np.where(total > 0, total, 1.0)
        least_K = np.sqrt(r * binomial_K / np.maximum(clusters_K, 1))
        return tuple(
            dataclasses.replace(e, std_error=np.where(e.std_error > 0, np.maximum(e.std_error, least), e.std_error))
            for e, least in zip(self.estimates, least_K, strict=True)
        )

    @property
    def _pairs(self) -> list[tuple[int, int]]:
        return list(combinations(range(len(self.estimates)), 2))

    @property
    def _ordered(self) -> list[tuple[int, int]]:
        return [pair for i, j in self._pairs for pair in ((i, j), (j, i))]

    @property
    def _std_K(self) -> Floats:
        floor = [_floor(e) for e in self._cautious]
        return np.maximum([float(e.std_error) for e in self._cautious], floor)

    @cached_property
    def _errors_SK(self) -> Floats:
        """Simulated errors of the group values under equal groups, from a fixed seed."""
        normal_SK = np.random.default_rng(0).standard_normal((_SIMULATED, len(self.estimates)))
        if self.shared:
            psi_UK = np.stack([e.psi for e in self.estimates], axis=1)
            covariance = psi_UK.T @ psi_UK + np.diag(self._std_K**2 - (psi_UK**2).sum(axis=0))
            values, vectors = np.linalg.eigh(covariance)
            return np.asarray(normal_SK @ (vectors * np.sqrt(np.maximum(values, 0))).T)
        return np.asarray(normal_SK * self._std_K)

    def _df(self, i: int, j: int) -> Floats:
        """Return Satterthwaite's degrees of freedom of a pair; infinite for independent hits and misses."""
        if self.kind == "binary":
            return np.asarray(np.inf)
        first, second = self._cautious[i], self._cautious[j]
        v, w = first.std_error**2, second.std_error**2
        parts = v**2 / np.maximum(first.df, 1) + w**2 / np.maximum(second.df, 1)
        return np.where(parts > 0, (v + w) ** 2 / np.where(parts > 0, parts, 1), np.minimum(first.df, second.df))

    def _correlation(self, i: int, j: int) -> Floats:
        if not self.shared:
            return np.asarray(0.0)
        first, second = self.estimates[i].psi, self.estimates[j].psi
        norm = np.sqrt((first**2).sum(axis=0) * (second**2).sum(axis=0))
        return np.where(norm > 0, (first * second).sum(axis=0) / np.where(norm > 0, norm, 1), 0.0)

    def pair(self, i: int, j: int, level: float) -> tuple[Floats, Floats]:
        """Return the bounds of value i minus value j, simultaneous over all pairs with coverage ``level``."""
        return self._pair_at(i, j, critical_value(level, len(self.estimates), self._df(i, j)))

    def _pair_at(self, i: int, j: int, critical: Floats) -> tuple[Floats, Floats]:
        """Return the bounds of value i minus value j [1]_."""
        first, second, r = self.estimates[i].value, self.estimates[j].value, self._correlation(i, j)
        low_i, high_i, _ = bounds_at(self._cautious[i], critical, kind=self.kind)
        low_j, high_j, _ = bounds_at(self._cautious[j], critical, kind=self.kind)
        down = _distance(first - low_i, high_j - second, r)
        up = _distance(high_i - first, second - low_j, r)
        return first - second - down, first - second + up

    def _ratio(self, i: int, j: int, level: float) -> tuple[Floats, Floats]:
        """Return the bounds of value i over value j [2]_; from 0 to infinity if value j may be zero."""
        critical = critical_value(level, len(self.estimates), self._df(i, j))
        first, second, r = self.estimates[i].value, self.estimates[j].value, self._correlation(i, j)
        low_i, high_i, _ = bounds_at(self._cautious[i], critical, kind=self.kind)
        low_j, high_j, _ = bounds_at(self._cautious[j], critical, kind=self.kind)
        a = first * second - r * (first - low_i) * (high_j - second)
        b = first * second - r * (high_i - first) * (second - low_j)
        below, above = high_j * (2 * second - high_j), low_j * (2 * second - low_j)
        with np.errstate(divide="ignore", invalid="ignore"):
            low = (a - np.sqrt(np.maximum(a**2 - low_i * (2 * first - low_i) * below, 0))) / below
            high = (b + np.sqrt(np.maximum(b**2 - high_i * (2 * first - high_i) * above, 0))) / above
        low = np.where(below > 0, np.maximum(low, 0.0), 0.0)
        return low, np.where(above > 0, high, np.inf)

    def _critical_that_touches(self, i: int, j: int) -> float:
        """Return the quantile at which the bounds of a pair reach zero; at most 60."""
        sign = 1.0 if self.estimates[i].value >= self.estimates[j].value else -1.0

        def bound(critical: float) -> float:
            low, high = self._pair_at(i, j, np.asarray(critical))
            return float(low if sign > 0 else -high)

        if bound(1e-6) <= 0:
            return 0.0
        return float(brentq(bound, 1e-6, 60.0)) if bound(60.0) < 0 else 60.0


def _distance(first: Floats, second: Floats, r: Floats) -> Floats:
    return np.sqrt(np.maximum(first**2 + second**2 - 2 * r * first * second, 0.0))


def _floor(estimate: Estimate) -> float:
    """Return a standard error for a group whose outcomes do not vary: as if one of its clusters had missed."""
    return 0.0 if float(estimate.std_error) > 0 else 1.0 / max(float(estimate.n_clusters), 1.0)
