r"""The largest difference between any two groups, and the least ratio, with simultaneous intervals.

A bootstrap interval of max - min never covers a true zero, since the observed gap is positive. Instead, all pairs get
simultaneous bounds: those of the pair's own test (the score of shares, else t) at the quantile of the studentised range
for :math:`K` groups [1]_, which is that of the largest :math:`|t|` over all pairs, exact for equal standard errors and
conservative otherwise. If all pairs are within their bounds :math:`[l_{ij}, u_{ij}]`, the true gap is within

.. math:: L = \max_{ij} \max(0, l_{ij}, -u_{ij}), \qquad U = \max_{ij} \max(|l_{ij}|, |u_{ij}|).

Shape suffixes: K groups, P pairs of them, S simulated tables.

References
----------
.. [1] Hayter (1984), "A proof of the conjecture that the Tukey-Kramer multiple comparisons procedure is
   conservative", Annals of Statistics 12(1).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import combinations
from typing import Literal

import numpy as np

from fairaudit.stats.contrast import crossed
from fairaudit.stats.estimates import Estimate, estimates
from fairaudit.stats.group_sums import GroupSums, Members
from fairaudit.stats.outcomes import Floats
from fairaudit.stats.score import ScoreContrast, root
from fairaudit.stats.studentized_range import critical_value, tail_probability

_SIMULATED = 4000
_NEVER = 60.0  # quantile beyond which a pair always differs


@dataclass(frozen=True, eq=False)
class Gap:
    """Differences between all pairs of groups.

    Parameters
    ----------
    estimates : sequence of Estimate
        One per group, at least two; all for the same outcome.
    correlation_KK : ndarray of float
        Correlation of the groups' errors: 0 between groups that have no cluster in common.
    df_P : ndarray of float
        Degrees of freedom of each pair.
    measure : {"difference", "ratio"}
        ``"difference"``: largest value less smallest, 0 is best. ``"ratio"``: smallest over largest, in [0, 1],
        1 is best; for outcomes that cannot be negative.
    """

    estimates: Sequence[Estimate]
    correlation_KK: Floats
    df_P: Floats
    measure: Literal["difference", "ratio"] = "difference"

    @property
    def value(self) -> float:
        """The observed gap or ratio."""
        low, high = self._value_K.min(), self._value_K.max()
        if self.measure == "ratio":
            return float(low / high) if high > 0 else float("nan")
        return float(high - low)

    def interval(self, level: float) -> tuple[float, float]:
        """Return the interval of the gap (or ratio) with coverage of at least ``level``."""
        critical_P = critical_value(level, len(self.estimates), self.df_P)
        if self.measure == "ratio":
            low_P, high_P = self._ratios(critical_P)
            with np.errstate(divide="ignore"):
                return float(min(low_P.min(), (1 / high_P).min())), float(min(high_P.min(), (1 / low_P).min(), 1.0))
        low_P, high_P = self._differences(critical_P)
        least = np.maximum(np.maximum(low_P, -high_P), 0.0).max()
        return float(least), float(np.maximum(np.abs(low_P), np.abs(high_P)).max())

    def pair(self, i: int, j: int, level: float) -> tuple[float, float]:
        """Return the bounds of value i minus value j, simultaneous over all pairs with coverage ``level``."""
        low_P, high_P = self._differences(critical_value(level, len(self.estimates), self.df_P))
        at = self._pairs.index((min(i, j), max(i, j)))
        return (float(low_P[at]), float(high_P[at])) if i < j else (-float(high_P[at]), -float(low_P[at]))

    def p_value(self) -> float:
        """Return the p-value of "all groups are equal": the least level at which the interval leaves zero (or one)."""
        k = len(self.estimates)
        if self._score is not None:
            z_P = self._score.statistic()
        else:
            error_P = np.sqrt(self._variance_P)
            z_P = np.abs(self._difference_P) / np.where(error_P > 0, error_P, 1.0)
            z_P = np.where(error_P > 0, z_P, np.where(self._difference_P == 0, 0.0, _NEVER))
        return min(
            tail_probability(min(float(abs(z)), _NEVER), k, float(df)) for z, df in zip(z_P, self.df_P, strict=True)
        )

    def min_detectable(self, alpha: float, *, power: float = 0.8) -> tuple[float, str]:
        """Return the minimum detectable distance of one group from all others, at ``power``, and its direction.

        Simulated with normal errors at the observed standard errors. The group with the median standard error is moved;
        a share is moved towards one half, where its standard error grows. NaN for a ratio, and if a share would have to
        leave the range.
        """
        if self.measure == "ratio":
            return float("nan"), ""
        errors_SK, std_K = self._errors_SK, self._std_K
        pairs = np.array(self._pairs)
        critical_P = critical_value(1 - alpha, len(std_K), self.df_P)
        moved = int(np.argsort(std_K)[len(std_K) // 2])
        start = float(self._value_K.mean())
        share = self.estimates[0].kind in ("binary", "share") and 0 < start < 1
        sign = -1.0 if share and start >= 0.5 else 1.0

        def lacking(shift: float) -> float:
            grown_K = np.ones(len(std_K))
            if share:
                there = start + sign * shift
                grown_K[moved] = np.sqrt(max(there * (1 - there), 0.0) / (start * (1 - start)))
            values_SK = errors_SK * grown_K + sign * shift * (np.arange(len(std_K)) == moved)
            root_P = np.sqrt(((std_K * grown_K)[pairs] ** 2).sum(axis=1))
            t_SP = np.abs(values_SK[:, pairs[:, 0]] - values_SK[:, pairs[:, 1]]) / root_P
            return power - float((t_SP > critical_P).any(axis=1).mean())

        shift = root(lacking, max(start, 1 - start) if share else 20 * float(np.sqrt(2) * std_K.max()))
        return shift, "" if np.isnan(shift) or not share else "lower" if sign < 0 else "higher"

    def expected_by_chance(self) -> float:
        """Return the expected gap under equal groups; NaN for a ratio."""
        if self.measure == "ratio":
            return float("nan")
        return float(np.ptp(self._errors_SK, axis=1).mean())

    @cached_property
    def _value_K(self) -> Floats:
        return np.array([e.value for e in self.estimates])

    @cached_property
    def _pairs(self) -> list[tuple[int, int]]:
        return list(combinations(range(len(self.estimates)), 2))

    @cached_property
    def _score(self) -> ScoreContrast | None:
        """All pairs of shares at once."""
        if not all(e.is_share for e in self.estimates):
            return None
        i, j = np.array(self._pairs).T
        n_K, t_K = (np.array([getattr(e, name) for e in self.estimates]) for name in ("n_effective", "third"))
        p_K = self._value_K
        variance_K = np.array([e.std_error**2 for e in self.estimates])
        total = variance_K[i] + variance_K[j]
        covariance = self.correlation_KK[i, j] * np.sqrt(variance_K[i] * variance_K[j])
        kappa = np.where(total > 0, 1 - 2 * covariance / np.where(total > 0, total, 1), 1.0)
        return ScoreContrast.of(
            p_K[i], n_K[i], p_K[j], n_K[j], t_first=t_K[i], t_second=t_K[j], kappa=kappa, df=np.maximum(self.df_P, 1)
        )

    @property
    def _difference_P(self) -> Floats:
        i, j = np.array(self._pairs).T
        return np.asarray(self._value_K[i] - self._value_K[j])

    @cached_property
    def _variance_P(self) -> Floats:
        i, j = np.array(self._pairs).T
        covariance_KK = self._std_K[:, None] * self._std_K * self.correlation_KK
        return np.asarray(np.maximum(self._std_K[i] ** 2 + self._std_K[j] ** 2 - 2 * covariance_KK[i, j], 0.0))

    def _differences(self, critical_P: Floats) -> tuple[Floats, Floats]:
        if self._score is not None:
            return self._score.at_quantile(critical_P)
        half_P, limit = critical_P * np.sqrt(self._variance_P), np.inf if self.estimates[0].kind == "unbounded" else 1.0
        return np.maximum(self._difference_P - half_P, -limit), np.minimum(self._difference_P + half_P, limit)

    def _ratios(self, critical_P: Floats) -> tuple[Floats, Floats]:
        """Return the bounds of the ratio of the first to the second of each pair."""
        if self._score is not None:
            return self._score.ratio_at_quantile(critical_P)
        low_P, high_P = self._differences(critical_P)
        j = np.array(self._pairs).T[1]
        second_P = np.maximum(self._value_K[j], 1e-12)
        # The bounds of a difference, taken at the second value: the variance of the ratio to first order.
        return np.maximum(1 + low_P / second_P, 0.0), np.maximum(1 + high_P / second_P, 0.0)

    @property
    def _std_K(self) -> Floats:
        """Standard errors; of a group whose outcomes do not vary, as if one of its clusters had missed."""
        return np.array([e.std_error if e.std_error > 0 else 1.0 / max(e.n_clusters, 1) for e in self.estimates])

    @cached_property
    def _errors_SK(self) -> Floats:
        """Simulated errors of the group values under equal groups, from a fixed seed."""
        normal_SK = np.random.default_rng(0).standard_normal((_SIMULATED, len(self.estimates)))
        values, vectors = np.linalg.eigh(self.correlation_KK)
        return np.asarray(normal_SK @ (vectors * np.sqrt(np.maximum(values, 0))).T * self._std_K)


def gap_of(sums: GroupSums, *, measure: Literal["difference", "ratio"] = "difference") -> Gap:
    """Return the gap over all groups, each of which has rows."""
    parts = estimates(sums)
    correlation, k = np.eye(len(parts)), len(parts)
    shared = np.full((k, k), np.inf)
    if sums.outcomes.gallery is not None or sums.outcomes.labels is not None:
        correlation = _of_influences(sums)
    elif not sums.nested:
        for i, j in combinations(range(k), 2):
            first, second = sums.groups[i], sums.groups[j]
            kappa, shared[i, j] = crossed(first, second, float("inf"))
            squares = first.influence_squares * second.influence_squares
            total = first.influence_squares + second.influence_squares
            correlation[i, j] = correlation[j, i] = (1 - kappa) * total / (2 * np.sqrt(squares)) if squares > 0 else 0.0
    df_P = [min(_satterthwaite(parts[i], parts[j]), float(shared[i, j])) for i, j in combinations(range(k), 2)]
    return Gap(parts, np.clip(correlation, -1, 1), np.array(df_P), measure)


def _satterthwaite(first: Estimate, second: Estimate) -> float:
    """Return the degrees of freedom of a difference of two groups."""
    v, w = (
        (1 / first.n_effective, 1 / second.n_effective) if first.is_share else (first.std_error**2, second.std_error**2)
    )
    parts = v**2 / max(first.df, 1.0) + w**2 / max(second.df, 1.0)
    return (v + w) ** 2 / parts if parts > 0 else min(max(first.df, 1.0), max(second.df, 1.0))


def _of_influences(sums: GroupSums) -> Floats:
    from fairaudit.stats.auroc import auroc

    psi = [
        auroc(sums.outcomes, sums.codes == k).psi if sums.outcomes.labels is not None
        else sums.influence(Members((k,)), sums.groups[k].value)
        for k in range(sums.n_groups)
    ]  # fmt: skip
    psi_UK = np.stack(psi, axis=1)
    norm_K = np.sqrt((psi_UK**2).sum(axis=0))
    norm_K = np.where(norm_K > 0, norm_K, 1.0)
    correlation = psi_UK.T @ psi_UK / norm_K[:, None] / norm_K
    np.fill_diagonal(correlation, 1.0)
    return np.asarray(correlation)
