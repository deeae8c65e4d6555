r"""``Contrast``: one side of a comparison less the other, with p-value, interval and power at any level.

Shares have the skewness-corrected score (``score``), all other outcomes a t test: the difference of the two influences
of each cluster, so that clusters on both sides are accounted for. Of shares of clusters on both sides, the variance is
that of ``score`` times

.. math:: \kappa = 1 - \frac{2 \sum_c \psi_{1c} \psi_{2c}}{\sum_c \psi_{1c}^2 + \sum_c \psi_{2c}^2},

and the degrees of freedom are fewer by those of the covariance: with weights :math:`A_{1c}, A_{2c}` of the shared
clusters, :math:`(\sum A_{1c} A_{2c})^2 / \sum (A_{1c} A_{2c})^2 - 1`, in proportion to its part of the variance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fairaudit.core.comparison import RowInference
from fairaudit.stats import auroc
from fairaudit.stats.correlation import Correlation, correlations
from fairaudit.stats.estimates import Estimate, average, gallery_variance, kind_of, mean_of, of_gallery, share_of
from fairaudit.stats.group_sums import GroupSums, Members
from fairaudit.stats.outcomes import Floats
from fairaudit.stats.score import ScoreContrast
from fairaudit.stats.side import Side, dispersion
from fairaudit.stats.t_inference import TInference

_ROUNDING = 1e-12


@dataclass(frozen=True)
class Contrast:
    """A difference.

    Parameters
    ----------
    first, second : Estimate
        The two sides, as they enter the comparison.
    value, std_error, df : float
    n, n_clusters : int
        Rows, and clusters, of both sides; a cluster on both counts once.
    score : ScoreContrast or None
        Of shares.
    limits : tuple of float
        Range of the difference.
    """

    first: Estimate
    second: Estimate
    value: float
    std_error: float
    df: float
    n: int
    n_clusters: int
    score: ScoreContrast | None = None
    limits: tuple[float, float] = (-np.inf, np.inf)

    @property
    def method(self) -> str:
        """Name of the interval's method."""
        return "cluster t" if self.score is None else "score, skewness-corrected"

    def p_value(self) -> float:
        """Return the two-sided p-value of "no difference"."""
        return float(self.score.p_value()[0]) if self.score is not None else self._t.p_value()

    def interval(self, level: float) -> tuple[float, float]:
        """Return the bounds of the difference with coverage ``level``."""
        if self.score is not None:
            low, high = self.score.interval(level)
            return float(low[0]), float(high[0])
        return self._t.interval(level)

    @property
    def _t(self) -> TInference:
        return TInference(self.value, self.std_error, self.df, self.limits)

    def min_detectable(self, alpha: float, *, power: float = 0.8) -> tuple[float, str]:
        """Return the least difference that a test at ``alpha`` detects with ``power``, and its direction."""
        if self.score is not None:
            return self.score.min_detectable(alpha, power=power)
        if self.first.kind != "share":
            return self._t.min_detectable(alpha, power=power)
        kappa = self.std_error**2 / max(self.first.std_error**2 + self.second.std_error**2, _ROUNDING**2)
        moved = ScoreContrast.of(
            self.second.value, self.first.n_effective, self.second.value, self.second.n_effective, kappa=kappa,
            df=max(self.df, 1.0), t_first=0.0, t_second=0.0,
        )  # fmt: skip
        return moved.min_detectable(alpha, power=power)


@dataclass(frozen=True)
class RatioInference:
    """Interval of a ratio of two shares."""

    score: ScoreContrast

    def p_value(self) -> float:
        """Return the two-sided p-value of "a ratio of one"."""
        return float(self.score.p_value()[0])

    def interval(self, level: float) -> tuple[float, float]:
        """Return the bounds of the ratio with coverage ``level``."""
        low, high = self.score.ratio_interval(level)
        return float(low[0]), float(high[0])

    def min_detectable(self, alpha: float) -> tuple[float, str]:
        """Return NaN: the least detectable difference is that of the row of the difference."""
        return float("nan"), ""


def intervals_of(inferences: Sequence[RowInference | None], level: float) -> list[tuple[float, float]]:
    """Return the interval of each row with coverage ``level``; NaN without inference. Those of shares are one batch."""
    nothing = (float("nan"), float("nan"))
    found = [nothing] * len(inferences)
    batches: dict[tuple[type, int], list[int]] = {}
    for i, each in enumerate(inferences):
        score = getattr(each, "score", None)
        if isinstance(score, ScoreContrast):
            batches.setdefault((type(each), len(score.first)), []).append(i)
        elif each is not None:
            found[i] = each.interval(level)
    for (kind, _), rows in batches.items():
        together = ScoreContrast.stacked([inferences[i].score for i in rows])  # type: ignore[union-attr]
        low, high = together.ratio_interval(level) if kind is RatioInference else together.interval(level)
        for at, i in enumerate(rows):
            found[i] = (float(low[at]), float(high[at]))
    return found


def contrasts(sums: GroupSums, pairs: Sequence[tuple[Members, Members]]) -> list[Contrast]:
    """Return the difference of each pair of sides."""
    if sums.outcomes.labels is not None:
        return [_of_aurocs(sums, *pair) for pair in pairs]
    sides = [(_side(sums, first), _side(sums, second)) for first, second in pairs]
    if sums.outcomes.gallery is not None:
        return [_of_gallery(sums, pair, two) for pair, two in zip(pairs, sides, strict=True)]
    return [of_sides(sums, *two) for two in sides]


def _side(sums: GroupSums, members: Members) -> Side:
    return sums.groups[members.groups[0]] if len(members.groups) == 1 else sums.side(members)


def of_sides(sums: GroupSums, first: Side, second: Side) -> Contrast:
    """Return the difference of two sides whose outcomes do not share a gallery."""
    both = clusters_of_both(sums, first, second)
    if min(first.n, second.n) == 0:
        return _empty(sums, first, second, both)
    rhos = correlations([first.pairs, second.pairs])
    if not sums.outcomes.unit_interval:
        return _of_means(mean_of(first, rhos[0]), mean_of(second, rhos[1]), first, second, both)
    phi, kind = dispersion([first, second]), kind_of(sums.outcomes)
    estimates = [share_of(side, rho, phi, kind) for side, rho in zip((first, second), rhos, strict=True)]
    kappa, df = crossed(first, second, design_df((first, second), rhos))
    one, two = estimates
    score = ScoreContrast.of(
        one.value, one.n_effective, two.value, two.n_effective, t_first=one.third, t_second=two.third, kappa=kappa,
        df=max(df, 1.0),
    )  # fmt: skip
    return Contrast(one, two, float(score.value[0]), float(score.std_error[0]), df, first.n + second.n, both, score,
                    (-1.0, 1.0))  # fmt: skip


def design_df(sides: Sequence[Side], rhos: Sequence[Correlation]) -> float:
    """Return the degrees of freedom of the variance of a difference, from how well its correlations are known."""
    noise = sum(float(side.design_noise(rho)) for side, rho in zip(sides, rhos, strict=True))
    design = sum(float(side.design(rho.value)) for side, rho in zip(sides, rhos, strict=True))
    return 2 * design**2 / noise if noise > 0 else float("inf")


def crossed(first: Side, second: Side, df: float, *, rho: float | None = None) -> tuple[float, float]:
    """Return the factor of the variance from clusters on both sides, and the degrees of freedom with it.

    With ``rho``, the covariance is that which is expected under this correlation, whatever the outcomes.
    """
    _, at_first, at_second = np.intersect1d(first.clusters, second.clusters, assume_unique=True, return_indices=True)
    shared = first.weight[at_first] * second.weight[at_second]
    if rho is None:
        covariance = float(first.psi[at_first] @ second.psi[at_second])
        total = first.influence_squares + second.influence_squares
    else:
        covariance = rho * float(shared.sum())
        total = float(first.design(np.asarray(rho)) + second.design(np.asarray(rho)))
    if not len(at_first) or total <= 0:
        return 1.0, df
    # Where nothing differs within any shared cluster: as if one of them did.
    kappa = max(1 - 2 * covariance / total, 1 / (len(at_first) + 1))
    return kappa, crossed_df(df, 2 * covariance / total, shared)


def crossed_df(df: float, part: float, shared: Floats) -> float:
    """Return the degrees of freedom if ``part`` of a variance is a covariance from clusters of weights ``shared``."""
    squares, part = float((shared**2).sum()), min(abs(part), 1.0)
    units = float(shared.sum()) ** 2 / squares if squares > 0 else 0.0
    inverse = (1 - part) / df + part / max(units - 1, 1e-9)
    return 1 / inverse if inverse > 0 else df


def clusters_of_both(sums: GroupSums, first: Side, second: Side) -> int:
    """Return the number of clusters on either side."""
    shared = 0 if sums.nested else len(np.intersect1d(first.clusters, second.clusters, assume_unique=True))
    return first.n_clusters + second.n_clusters - shared


def _of_means(one: Estimate, two: Estimate, first: Side, second: Side, both: int) -> Contrast:
    v, w = one.std_error**2, two.std_error**2
    kappa, _ = crossed(first, second, float("inf"))
    parts = v**2 / max(one.df, 1e-9) + w**2 / max(two.df, 1e-9)
    df = (v + w) ** 2 / parts if parts > 0 else min(one.df, two.df)
    if kappa != 1:
        _, df = crossed(first, second, df)
    error = float(np.sqrt(kappa * (v + w)))
    return Contrast(one, two, one.value - two.value, error if error > _ROUNDING else 0.0, df, first.n + second.n, both)


def _of_aurocs(sums: GroupSums, one: Members, two: Members) -> Contrast:
    masks = [np.isin(sums.codes, members.groups) for members in (one, two)]
    first, second = (auroc.auroc(sums.outcomes, mask) for mask in masks)
    estimates = [average(sums.outcomes, mask) for mask in masks]
    variance, df = auroc.difference_variance(first, second)
    return Contrast(
        estimates[0], estimates[1], first.value - second.value, float(np.sqrt(variance)), df, first.n + second.n,
        sums.outcomes.n_clusters(masks[0] | masks[1]), limits=(-1.0, 1.0),
    )  # fmt: skip


def _of_gallery(sums: GroupSums, pair: tuple[Members, Members], sides: tuple[Side, Side]) -> Contrast:
    first, second = sides
    both = clusters_of_both(sums, first, second)
    if min(first.n, second.n) == 0:
        return _empty(sums, first, second, both)
    psi = [sums.influence(members, side.value) for members, side in zip(pair, sides, strict=True)]
    one, two = (of_gallery(sums, *each) for each in zip(pair, sides, psi, strict=True))
    noise = sums.pair_noise((1.0, pair[0]), (-1.0, pair[1]))
    variance, df = gallery_variance(psi[0] - psi[1], noise, min(first.n_clusters, second.n_clusters))
    return Contrast(
        one, two, first.value - second.value, float(np.sqrt(variance)), df, first.n + second.n, both,
        limits=(-1.0, 1.0) if sums.outcomes.unit_interval else (-np.inf, np.inf),
    )  # fmt: skip


def _empty(sums: GroupSums, first: Side, second: Side, both: int) -> Contrast:
    nan, kind = float("nan"), kind_of(sums.outcomes)
    parts = [
        Estimate(s.value, nan, 0.0, s.n, s.n_clusters, s.units, s.events, s.non_events, kind) for s in (first, second)
    ]
    return Contrast(parts[0], parts[1], nan, nan, 0.0, first.n + second.n, both)
