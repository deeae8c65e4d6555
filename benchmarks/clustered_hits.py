"""Simulated hits and misses of groups whose rows come in clusters, within one group or across two.

Shape suffixes: N rows, C clusters, G two groups.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import stats

from fairaudit.stats.outcomes import Floats, Ints


@dataclass(frozen=True, eq=False)
class Table:
    """Rows (N,): outcomes, clusters, groups from 0, and weights."""

    values: Floats
    clusters: Ints
    codes: Ints
    weights: Floats | None = None


@dataclass(frozen=True)
class Clusters:
    """Clusters of one group: how many, their median size, the sigma of its logarithm, and how alike their rows are."""

    n: int
    size: float = 10.0
    sigma: float = 0.0
    icc: float = 0.3

    def sizes(self, rng: np.random.Generator) -> Ints:
        """Return the size of each."""
        drawn = self.size * np.exp(self.sigma * rng.standard_normal(self.n))
        return np.maximum(np.rint(drawn), 1).astype(np.int64)

    def rates(self, p_C: Floats, rng: np.random.Generator) -> Floats:
        """Return the share of each cluster, beta distributed around ``p_C``."""
        if self.icc == 0:
            return p_C
        ab = (1 - self.icc) / self.icc
        return rng.beta(p_C * ab, (1 - p_C) * ab)

    def __str__(self) -> str:
        spread = f", sigma {self.sigma:g}" if self.sigma else ""
        return f"{self.n} of {self.size:g}{spread}, ICC {self.icc:g}"


@dataclass(frozen=True)
class Nested:
    """Groups of clusters of their own, all with one share but for the first.

    Parameters
    ----------
    groups : tuple of Clusters
    p : float
    gap : float
        Share of the first less ``p``.
    mixing : {"beta", "probit"}
        Distribution of the shares of clusters; of ``"probit"`` the correlation is that of the latent normal.
    informative : float
        What the share (as a probit) falls with the logarithm of the size of a cluster.
    weight_sigma : float
        Sigma of the logarithm of the row weights; 0: none.
    """

    groups: tuple[Clusters, ...]
    p: float
    gap: float = 0.0
    mixing: Literal["beta", "probit"] = "beta"
    informative: float = 0.0
    weight_sigma: float = 0.0

    @property
    def name(self) -> str:
        """The design in a few words."""
        kinds = {str(g): self.groups.count(g) for g in self.groups}
        what = " v ".join(f"{f'{k} x ' if k > 1 else ''}({name})" for name, k in kinds.items())
        extra = [f"gap {self.gap:g}"] * bool(self.gap) + ["probit"] * (self.mixing == "probit")
        extra += [f"informative sizes {self.informative:g}"] * bool(self.informative)
        extra += [f"row weights, sigma {self.weight_sigma:g}"] * bool(self.weight_sigma)
        return ", ".join([what, f"p {self.p:g}", *extra])

    @property
    def truth(self) -> float:
        """True difference."""
        return self.gap

    def sizes(self, rng: np.random.Generator) -> list[Ints]:
        """Return the sizes of the clusters of each group."""
        return [group.sizes(rng) for group in self.groups]

    def draw(self, rng: np.random.Generator, sizes: list[Ints] | None = None) -> Table:
        """Return one table, of clusters of these ``sizes``."""
        sizes = self.sizes(rng) if sizes is None else sizes
        n_C = np.concatenate(sizes)
        group_C = np.repeat(np.arange(len(sizes)), [len(s) for s in sizes])
        p_C = np.where(group_C == 0, self.p + self.gap, self.p)
        icc_C = np.array([g.icc for g in self.groups])[group_C]
        rate_C = self._rates(p_C, icc_C, n_C, rng)
        clusters = np.repeat(np.arange(len(n_C)), n_C)
        values = (rng.random(len(clusters)) < rate_C[clusters]).astype(np.float64)
        weights = np.exp(self.weight_sigma * rng.standard_normal(len(values))) if self.weight_sigma else None
        return Table(values, clusters, group_C[clusters], weights)

    def _rates(self, p_C: Floats, icc_C: Floats, n_C: Ints, rng: np.random.Generator) -> Floats:
        if self.mixing == "probit":
            latent = stats.norm.ppf(p_C) - self.informative * np.log(n_C / np.median(n_C))
            return np.asarray(
                stats.norm.cdf((latent + np.sqrt(icc_C) * rng.standard_normal(len(p_C))) / np.sqrt(1 - icc_C))
            )
        ab = (1 - icc_C) / np.maximum(icc_C, 1e-9)
        return np.where(icc_C > 0, rng.beta(p_C * ab, (1 - p_C) * ab), p_C)


@dataclass(frozen=True)
class Crossed:
    """Persons of whom some are in both groups.

    Parameters
    ----------
    persons, images : int
        Persons, and images of each in each of its groups.
    p, gap : float
    both : float
        Share of persons in both groups; of the others, one half is in each.
    person, interaction : float
        Standard deviations of a person, and of a person in one group, on the probit scale.
    sigma : float
        Of the logarithm of the number of images, drawn for each person and group.
    """

    persons: int = 100
    images: int = 10
    p: float = 0.3
    gap: float = 0.0
    both: float = 1.0
    person: float = 0.8
    interaction: float = 0.0
    sigma: float = 0.0

    @property
    def name(self) -> str:
        """The design in a few words."""
        return (
            f"{self.persons} persons, {self.images} images, {self.both:.0%} in both, p {self.p:g}, gap {self.gap:g}, "
            f"person {self.person:g}, in one group {self.interaction:g}, sigma {self.sigma:g}"
        )

    @property
    def truth(self) -> float:
        """True difference."""
        return self.gap

    def draw(self, rng: np.random.Generator) -> Table:
        """Return one table."""
        role = rng.random(self.persons)
        inside_CG = np.stack([role < (1 + self.both) / 2, (role < self.both) | (role >= (1 + self.both) / 2)], axis=1)
        drawn = self.images * np.exp(self.sigma * rng.standard_normal((self.persons, 2)))
        n_CG = np.where(inside_CG, np.maximum(np.rint(drawn), 1), 0).astype(np.int64)
        total = np.sqrt(1 + self.person**2 + self.interaction**2)
        latent_CG = stats.norm.ppf([self.p + self.gap, self.p]) * total + (
            self.person * rng.standard_normal((self.persons, 1))
            + self.interaction * rng.standard_normal((self.persons, 2))
        )
        rate = np.repeat(stats.norm.cdf(latent_CG).ravel(), n_CG.ravel())
        cluster = np.repeat(np.repeat(np.arange(self.persons), 2), n_CG.ravel())
        code = np.repeat(np.tile([0, 1], self.persons), n_CG.ravel())
        return Table((rng.random(len(rate)) < rate).astype(np.float64), cluster, code)
