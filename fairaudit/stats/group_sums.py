r"""``GroupSums``: rows reduced once to sums per group and cluster; everything else works on these.

With the weights :math:`a_i` of one side of a comparison, which sum to one, its value is :math:`\sum_i a_i y_i`, and its
variance needs :math:`\sum_i a_i^2` and :math:`\sum_c A_c^2`, with :math:`A_c` the weight of a cluster (``side``).
Clusters of one row enter sums only linearly, so all of a group are added up; other clusters keep their sums.

Shape suffixes: N rows, K groups, C cells (a cluster of two and more rows within a group), U clusters.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fairaudit.stats.outcomes import Floats, Ints, Mask, Outcomes
from fairaudit.stats.side import Cells, Side

NOBODY = -1


@dataclass(frozen=True)
class Members:
    """One side of a comparison: the rows of some groups or, if ``equal``, the unweighted mean of the groups' values."""

    groups: tuple[int, ...]
    equal: bool = False


@dataclass(frozen=True, eq=False)
class GroupSums:
    """Rows of disjoint groups.

    Parameters
    ----------
    outcomes : Outcomes
    codes : ndarray of int, shape (N,)
        Group of each row, from 0 to ``n_groups - 1``; -1 for rows of no group.
    n_groups : int
    """

    outcomes: Outcomes
    codes: Ints
    n_groups: int

    @classmethod
    def of(cls, outcomes: Outcomes, masks: Sequence[Mask] | Mapping[str, Mask]) -> GroupSums:
        """Return the sums of groups that are given by their rows; a row is in at most one of them."""
        parts = list(masks.values()) if isinstance(masks, Mapping) else list(masks)
        codes = np.full(len(outcomes.values), NOBODY, dtype=np.int64)
        for code, mask in enumerate(parts):
            codes[mask] = code
        return cls(outcomes, codes, len(parts))

    @cached_property
    def used(self) -> Ints:
        """Positions of the rows that are in a group and count."""
        return np.flatnonzero((self.codes >= 0) & self.outcomes.measured)

    @cached_property
    def _lonely(self) -> Mask:
        """Whether each used row is the only one of its cluster in any group."""
        if self.outcomes.one_row_each:
            return np.ones(len(self.used), dtype=bool)
        clusters = self.outcomes.clusters[self.used]
        return np.asarray(np.bincount(clusters, minlength=1)[clusters] == 1)

    @cached_property
    def singles(self) -> Cells:
        """Sums over all clusters of one row, by group; the weight of a row is 1 in a macro average."""
        rows = self.used[self._lonely]
        return self._cells(rows, self.codes[rows], self.n_groups, weighted=self.outcomes.average == "micro")

    @cached_property
    def cells(self) -> tuple[Cells, Ints, Ints]:
        """Sums of each cell, its group (C,) and its cluster (C,)."""
        rows = self.used[~self._lonely]
        keys = self.outcomes.clusters[rows] * self.n_groups + self.codes[rows]
        known, at = np.unique(keys, return_inverse=True)
        return self._cells(rows, at, len(known), weighted=True), known % self.n_groups, known // self.n_groups

    @cached_property
    def _centre(self) -> float:
        """What is taken from unbounded outcomes before they are squared, so that no digits are lost."""
        known = len(self.used) and not self.outcomes.unit_interval
        return float(self.outcomes.values[self.used].mean()) if known else 0.0

    def _cells(self, rows: Ints, at: Ints, size: int, *, weighted: bool) -> Cells:
        values = self.outcomes.values[rows] - self._centre
        weights = self.outcomes.weights[rows] if self.outcomes.weights is not None and weighted else None
        return Cells.of(values, weights, at, size)

    @cached_property
    def nested(self) -> bool:
        """Whether every cluster lies in one group."""
        clusters = self.cells[2]
        return bool((clusters[1:] != clusters[:-1]).all())  # cells are sorted by cluster

    def side(self, members: Members) -> Side:
        """Return the rows of one or more groups as one side of a comparison."""
        cells, group_C, cluster_C = self.cells
        singles = self.singles
        kept = np.isin(group_C, members.groups)
        cells, cluster_C, group_C = cells.take(kept), cluster_C[kept], group_C[kept]
        macro = self.outcomes.average == "macro"
        if members.equal:
            if macro:
                cells = cells.scaled(1 / cells.w)
            per_group = singles.w + np.bincount(group_C, weights=cells.w, minlength=self.n_groups)
            scale_K = 1 / np.where(per_group > 0, per_group, 1.0)
            singles, cells = singles.scaled(scale_K), cells.scaled(scale_K[group_C])
            # Influences are about the mean of a row's group; with every group moved to the mean of all, about that.
            mean_K = singles.wy + np.bincount(group_C, weights=cells.wy, minlength=self.n_groups)
            inside = [group for group in members.groups if per_group[group] > 0]
            moved_K = (mean_K[inside].mean() if inside else 0.0) - mean_K
            singles, cells = singles.shifted(moved_K), cells.shifted(moved_K[group_C])
        if not self.nested and len(members.groups) > 1:
            known, at = np.unique(cluster_C, return_inverse=True)
            cells, cluster_C = cells.added(at, len(known)), known
        if macro and not members.equal:
            cells = cells.scaled(1 / cells.w)
        side = Side.of(singles.take(list(members.groups)), cells, cluster_C)
        return dataclasses.replace(side, value=side.value + self._centre)

    @cached_property
    def groups(self) -> list[Side]:
        """Each group as a side."""
        return [self.side(Members((group,))) for group in range(self.n_groups)]

    def rest(self, group: int, *, equal: bool = False) -> Members:
        """Return all other groups: their rows, or with ``equal`` the unweighted mean of their values."""
        return Members(tuple(other for other in range(self.n_groups) if other != group), equal)

    def row_weights(self, members: Members) -> Floats:
        """Return the weight of each row (N,) in the value of a side; they sum to one."""
        inside = np.isin(self.codes, members.groups) & self.outcomes.measured
        weights = np.where(inside, 1.0 if self.outcomes.weights is None else self.outcomes.weights, 0.0)
        if self.outcomes.average == "macro":
            keys = self.outcomes.clusters
            if members.equal:
                keys = keys * (self.n_groups + 1) + self.codes + 1
            per_cluster = np.bincount(keys, weights=weights)
            weights = weights / np.where(per_cluster > 0, per_cluster, 1.0)[keys]
        if members.equal:
            per_group = np.bincount(self.codes + 1, weights=weights)
            weights = weights / np.where(per_group > 0, per_group, 1.0)[self.codes + 1]
        total = weights.sum()
        return np.asarray(weights / total if total > 0 else weights)

    @cached_property
    def raw_weights(self) -> Floats:
        """Weight of each row (N,) in its own group, before it is divided by the group's total."""
        weights = np.where(self.outcomes.measured & (self.codes >= 0), 1.0, 0.0)
        if self.outcomes.weights is not None:
            weights *= self.outcomes.weights
        if self.outcomes.average == "macro":
            keys = self.outcomes.clusters * (self.n_groups + 1) + self.codes + 1
            per_cell = np.bincount(keys, weights=weights)
            weights = weights / np.where(per_cell > 0, per_cell, 1.0)[keys]
        return np.asarray(weights)

    @cached_property
    def gallery_UK(self) -> Floats:
        """Influence of each cluster, as part of the gallery, on the sum of each group's outcomes (U, K)."""
        assert self.outcomes.gallery is not None
        return self.outcomes.gallery.cluster_sums(
            self.codes, self.n_groups, self.raw_weights, n_codes=self.outcomes.n_codes
        )

    def prepared(self, gallery_UK: Floats) -> GroupSums:
        """Return the sums with ``gallery_UK`` as it was computed together with other features."""
        self.__dict__["gallery_UK"] = gallery_UK  # where ``cached_property`` keeps it
        return self

    @cached_property
    def totals_K(self) -> Floats:
        """Sum of the weights of each group (K,)."""
        return np.bincount(self.codes[self.used], self.raw_weights[self.used], self.n_groups).astype(np.float64)

    @cached_property
    def pair_noise_K(self) -> Floats:
        """What pairs of clusters add to the squared influences on each group's sum (K,); see ``gallery``."""
        assert self.outcomes.gallery is not None
        return self.outcomes.gallery.group_noise(self.codes, self.n_groups, self.raw_weights)

    def scales(self, members: Members) -> Floats:
        """Return what the weights of each member are multiplied by, so that they sum to one."""
        totals = self.totals_K[list(members.groups)]
        totals = totals * len(totals) if members.equal else np.full(len(totals), totals.sum())
        return 1 / np.where(totals > 0, totals, 1.0)

    def influence(self, members: Members, value: float) -> Floats:
        """Return the influence of each cluster (U,) on the value of a side, without a small-sample factor."""
        groups = list(members.groups)
        if self.outcomes.average == "macro" and not members.equal and not self.nested and len(groups) > 1:
            codes = np.where(np.isin(self.codes, groups), 0, NOBODY)
            return GroupSums(self.outcomes, codes, 1).influence(Members((0,)), value)
        scales = self.scales(members)
        if members.equal:  # each group counts about its own mean
            return self._influence(groups, scales, [self.groups[group].value for group in groups])
        if 2 * len(groups) <= self.n_groups:
            return self._influence(groups, scales, [value] * len(groups))
        # Most of all groups: all of them less the others.
        others = [group for group in range(self.n_groups) if group not in groups]
        above, below = self._sums_U
        whole = scales[0] * (above - value * below)
        return np.asarray(
            whole - self._influence(others, np.full(len(others), scales[0]), [value] * len(others)) if others else whole
        )

    def _influence(self, groups: Sequence[int], scales: Floats, values: Sequence[float]) -> Floats:
        rows = np.concatenate([self._rows_of[group] for group in groups])
        sizes = [len(self._rows_of[group]) for group in groups]
        weights, value = self.raw_weights[rows] * np.repeat(scales, sizes), np.repeat(values, sizes)
        at, size = self.outcomes.clusters[rows], self.outcomes.n_codes
        psi = np.bincount(at, weights * (self.outcomes.values[rows] - value), size).astype(np.float64)
        for group, scale in zip(groups, scales, strict=True) if self.outcomes.gallery is not None else ():
            psi += scale * self.gallery_UK[:, group]
        return psi

    @cached_property
    def _rows_of(self) -> list[Ints]:
        """Positions of the rows of each group that count."""
        order = self.used[np.argsort(self.codes[self.used], kind="stable")]
        return np.split(order, np.searchsorted(self.codes[order], np.arange(1, self.n_groups)))

    @cached_property
    def _sums_U(self) -> tuple[Floats, Floats]:
        """Weighted outcomes, with the gallery's part, and weights of each cluster in all groups."""
        rows, size = self.used, self.outcomes.n_codes
        at, weights = self.outcomes.clusters[rows], self.raw_weights[rows]
        above = np.bincount(at, weights * self.outcomes.values[rows], size).astype(np.float64)
        if self.outcomes.gallery is not None:
            above += self.gallery_UK.sum(axis=1)
        return above, np.bincount(at, weights, size).astype(np.float64)

    def forget(self) -> None:
        """Drop what can be computed anew and needs as much memory as clusters times groups."""
        for name in ("gallery_UK", "_sums_U", "_rows_of"):
            self.__dict__.pop(name, None)

    def pair_noise(self, *signed: tuple[float, Members]) -> float:
        """Return what pairs of clusters add to the squared influences on a weighted sum of sides; see ``gallery``."""
        assert self.outcomes.gallery is not None
        if self.nested and self.outcomes.average == "micro":  # a pair has its query in one group
            factor = np.zeros(self.n_groups)
            for sign, members in signed:
                factor[list(members.groups)] += sign * self.scales(members)
            return float(factor**2 @ self.pair_noise_K)
        rows = sum(sign * self.row_weights(members) for sign, members in signed)
        return float(self.outcomes.gallery.pair_noise(np.asarray(rows)[:, None])[0])
