r"""Direct standardisation: the value of a group, and its difference from others, with one mix of levels for all.

Group :math:`g` has the value :math:`\hat\theta_{gk}` within level :math:`k`; its standardised value is
:math:`\sum_k \pi_k \hat\theta_{gk}`. The mix :math:`\pi` is the standard, chosen and not estimated: intervals take it
as fixed [1]_. Shares have the stratified score [2]_. Clusters may lie in several levels, and in each other's neighbour
lists: influences are weighted and added, then squared, and the variance of independent levels is multiplied by what
this changes.

References
----------
.. [1] Fleiss, Levin and Paik (2003), "Statistical Methods for Rates and Proportions", 3rd ed., ch. 19.
.. [2] Gart and Nam (1990), Biometrics 46; see ``score``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from fairaudit.stats.contrast import Contrast, crossed_df
from fairaudit.stats.correlation import correlations
from fairaudit.stats.estimates import Estimate, gallery_variance, kind_of, mean_of, share_of
from fairaudit.stats.group_sums import GroupSums, Members
from fairaudit.stats.outcomes import Floats
from fairaudit.stats.score import ScoreContrast
from fairaudit.stats.side import Side, dispersion


@dataclass(frozen=True, eq=False)
class Standardised:
    """The same levels of some groups or their rests, each with its weight in the mix.

    Parameters
    ----------
    sums : GroupSums
        One code for each group within each level.
    mix : ndarray of float, shape (S,)
        Weight of each level; they sum to one.
    """

    sums: GroupSums
    mix: Floats

    def value(self, levels: Sequence[Members]) -> Estimate:
        """Return the standardised value of one side, given by its members in each level."""
        return self._combined(levels, [self.sums.side(members) for members in levels])

    def contrast(self, first: Sequence[Members], second: Sequence[Members]) -> Contrast:
        """Return the standardised difference of two sides."""
        sides = [[self.sums.side(members) for members in levels] for levels in (first, second)]
        ends = [self._combined(levels, own) for levels, own in zip((first, second), sides, strict=True)]
        value, n = ends[0].value - ends[1].value, ends[0].n + ends[1].n
        used = np.isin(self.sums.codes, [k for members in (*first, *second) for k in members.groups])
        both = self.sums.outcomes.n_clusters(used)
        signed = np.concatenate([self.mix, -self.mix])
        if self.sums.outcomes.gallery is not None:
            weighted = list(zip(signed, (*first, *second), strict=True))
            variance, df = self._of_gallery(weighted, min(end.n_clusters for end in ends))
            limits = (-1.0, 1.0) if self.sums.outcomes.unit_interval else (-np.inf, np.inf)
            return Contrast(ends[0], ends[1], value, float(np.sqrt(variance)), df, n, both, limits=limits)
        if not self.sums.outcomes.unit_interval:
            return Contrast(ends[0], ends[1], value, *self._of_means([*sides[0], *sides[1]], signed), n, both)
        parts = self._shares([*sides[0], *sides[1]])
        half = len(first)

        def column(name: str, own: list[Estimate]) -> Floats:
            return np.array([[getattr(part, name)] for part in own])

        df = _design_df([*sides[0], *sides[1]], signed)
        kappa, df = self._crossed([*sides[0], *sides[1]], signed, df)
        one, two = parts[:half], parts[half:]
        score = ScoreContrast(
            column("value", one), column("value", two), column("n_effective", one), column("n_effective", two),
            column("third", one), column("third", two), self.mix[:, None], np.array([kappa]), np.array([max(df, 1.0)]),
        )  # fmt: skip
        return Contrast(ends[0], ends[1], value, float(score.std_error[0]), df, n, both, score, (-1.0, 1.0))

    def _of_means(self, sides: Sequence[Side], weights: Floats) -> tuple[float, float]:
        """Return standard error and degrees of freedom of a weighted sum of means."""
        rhos = correlations([side.pairs for side in sides])
        parts = [mean_of(side, rho) for side, rho in zip(sides, rhos, strict=True)]
        v = weights**2 * [part.std_error**2 for part in parts]
        below = float((v**2 / np.maximum([part.df for part in parts], 1e-9)).sum())
        df = float(v.sum()) ** 2 / below if below > 0 else min(part.df for part in parts)
        kappa, df = self._crossed(sides, weights, df)
        return float(np.sqrt(kappa * v.sum())), df

    def _combined(self, levels: Sequence[Members], sides: Sequence[Side]) -> Estimate:
        """Return the weighted sum of the values of levels, with the effective number of its clusters."""
        value = float(self.mix @ [side.value for side in sides])
        weights = [w**2 * side.cluster_squares for w, side in zip(self.mix, sides, strict=True)]
        n, clusters = sum(side.n for side in sides), self._clusters(levels)
        units = min(1 / sum(weights), float(clusters))
        shares = [(w * side.events / side.n_clusters, w * side.non_events / side.n_clusters)
                  for w, side in zip(self.mix, sides, strict=True)]  # fmt: skip
        events = [units * sum(share[i] for share in shares) for i in (0, 1)]
        if self.sums.outcomes.gallery is not None:
            variance, df = self._of_gallery(list(zip(self.mix, levels, strict=True)), clusters)
            n_effective = value * (1 - value) / variance if variance > 0 and 0 < value < 1 else float(clusters)
            return Estimate(value, float(np.sqrt(variance)), df, n, clusters, units, events[0], events[1],
                            kind_of(self.sums.outcomes), n_effective)  # fmt: skip
        if not self.sums.outcomes.unit_interval:
            error, df = self._of_means(sides, self.mix)
            infinite = float("inf")
            return Estimate(value, error, df, n, clusters, units, infinite, infinite, "unbounded")
        kappa, df = self._crossed(sides, self.mix, _design_df(sides, self.mix))
        parts = self._shares(sides)
        design = kappa * float((self.mix**2 / [part.n_effective for part in parts]).sum())
        third = float((self.mix**3 * [part.third for part in parts]).sum())
        return Estimate(
            value, float(np.sqrt(max(value * (1 - value), 0.0) * design)), df, n, clusters, units, events[0], events[1],
            "share", 1 / design, third,
        )  # fmt: skip

    def _shares(self, sides: Sequence[Side]) -> list[Estimate]:
        rhos, phi = correlations([side.pairs for side in sides]), dispersion(sides)
        return [share_of(side, rho, phi, "share") for side, rho in zip(sides, rhos, strict=True)]

    def _clusters(self, levels: Sequence[Members]) -> int:
        return self.sums.outcomes.n_clusters(np.isin(self.sums.codes, [k for m in levels for k in m.groups]))

    def _crossed(self, sides: Sequence[Side], weights: Floats, df: float) -> tuple[float, float]:
        """Return the factor of the variance from clusters in more than one of the sides, and its degrees of freedom."""
        apart = sum(w**2 * side.influence_squares for w, side in zip(weights, sides, strict=True))
        if self.sums.nested or apart <= 0:
            return 1.0, df
        at = np.unique(np.concatenate([side.clusters for side in sides]), return_inverse=True)[1]
        psi = np.concatenate([w * side.psi for w, side in zip(weights, sides, strict=True)])
        share = np.concatenate([abs(w) * side.weight for w, side in zip(weights, sides, strict=True)])
        together = np.bincount(at, weights=psi)
        singles = sum(w**2 * side.singles[1] for w, side in zip(weights, sides, strict=True))
        kappa = float((together @ together + singles) / apart)
        shared = np.asarray(np.bincount(at, weights=share) ** 2 - np.bincount(at, weights=share**2), dtype=np.float64)
        return max(kappa, 1 / (len(together) + 1)), crossed_df(df, 1 - kappa, shared)

    def _of_gallery(self, parts: Sequence[tuple[float, Members]], n_clusters: int) -> tuple[float, float]:
        psi = sum(w * self.sums.influence(members, self.sums.side(members).value) for w, members in parts)
        return gallery_variance(np.asarray(psi), self.sums.pair_noise(*parts), n_clusters)


def _design_df(sides: Sequence[Side], weights: Floats) -> float:
    """Return the degrees of freedom that the uncertainty of the correlations leaves a sum of shares."""
    rhos = correlations([side.pairs for side in sides])
    total = sum(w**2 * float(side.design(rho.value)) for w, side, rho in zip(weights, sides, rhos, strict=True))
    noise = sum(w**4 * float(side.design_noise(rho)) for w, side, rho in zip(weights, sides, rhos, strict=True))
    return float(2 * total**2 / noise) if noise > 0 else float("inf")
