"""``Cohort``: the measured rows and their groups."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fairaudit.core.errors import DataError
from fairaudit.core.samples import NOT_RECORDED, Feature, Samples
from fairaudit.stats.controls import MAX_GROUPS, check_controls
from fairaudit.stats.group_sums import NOBODY, GroupSums
from fairaudit.stats.outcomes import Floats, Ints, Mask, Outcomes
from fairaudit.stats.uncertain_labels import ImputedLabels, impute_labels


@dataclass(frozen=True)
class Cohort:
    """The measured rows and their groups.

    Parameters
    ----------
    dataset, indicator : str
        For the statistics table.
    features : tuple of Feature
        Features to disaggregate by, one at a time.
    columns : mapping of str to ndarray of str, shape (N,)
        Group of each row, by feature.
    cluster_names : ndarray of str, shape (N,)
        Salted hash of each row's cluster, for the statistics table.
    numeric : mapping of str to (ndarray of float (N,), str)
        Features along which a slope is taken, with its measure: ``{"income": (log2_income, "per_doubling")}``.
    primary : tuple of str
        Features whose headline contrasts belong to the primary family.
    drawn : mapping of str to ImputedLabels
        Imputed labels of features whose labels are uncertain; ``columns`` holds the recorded group.
    controls : mapping of str to ndarray of str, shape (N,)
        Level of each row, by control; ``"not recorded"`` if unknown. The headline is also given within levels, and
        standardised over them. A control is skipped for the feature of the same name.
    only_standardised : frozenset of str
        Controls without rows within levels, and without rows for ``exploratory`` features.
    exploratory : frozenset of str
        Features of minor interest, such as countries beside regions.
    weights : ndarray of float or None, shape (N,)
        Weight of each row, for outcomes that have none of their own (``weighted``).

    Raises
    ------
    DataError
        If controls and features form too many groups.
    """

    dataset: str
    indicator: str
    features: tuple[Feature, ...]
    columns: dict[str, Any]
    cluster_names: Any
    numeric: dict[str, tuple[Floats, str]] = field(default_factory=dict)
    primary: tuple[str, ...] = ()
    drawn: Mapping[str, ImputedLabels] = field(default_factory=dict)
    controls: dict[str, Any] = field(default_factory=dict)
    only_standardised: frozenset[str] = frozenset()
    exploratory: frozenset[str] = frozenset()
    weights: Floats | None = None

    def __post_init__(self) -> None:
        n = sum(
            len(feature.groups) * len(self.levels(control))
            for control, feature in itertools.product(self.controls, self.features)
            if control != feature.name and control not in self.only_standardised
        )
        if n > MAX_GROUPS:
            raise DataError(
                f"control features of {self.indicator} on '{self.dataset}' must form at most {MAX_GROUPS:,} groups "
                f"with the features; got {n:,}. Merge levels, or leave a control out."
            )

    @classmethod
    def of(
        cls,
        samples: Samples,
        indicator: str,
        *,
        extra: Sequence[tuple[Feature, Any]] = (),
        numeric: dict[str, tuple[Floats, str]] | None = None,
        exploratory: Sequence[str] = (),
        control_features: Sequence[str] = (),
        standardise: Sequence[str] = (),
        extra_controls: Mapping[str, Any] | None = None,
    ) -> Cohort:
        """Return the cohort of ``samples``, with derived features (``extra``) after the recorded ones.

        ``control_features`` and ``standardise`` name features or keys of ``extra_controls`` (controls that are no
        features). Names in ``standardise`` alone have no rows within levels.

        Raises
        ------
        ConfigError
            If a control is neither a feature nor in ``extra_controls``.
        DataError
            If controls and features form too many groups.
        """
        features = (*samples.features, *(f for f, _ in extra))
        columns = {f.name: samples.table[f.name].to_numpy(str) for f in samples.features}
        columns |= {f.name: np.asarray(values, dtype=str) for f, values in extra}
        numeric = numeric or {}
        exploratory = (*exploratory, *samples.exploratory_features)
        primary = [f.name for f in samples.features if f.name not in exploratory] + list(numeric)
        names = samples.cluster_hashes().to_numpy(str)
        known = columns | {name: np.asarray(values, dtype=str) for name, values in (extra_controls or {}).items()}
        check_controls(f"control_features of {indicator} on '{samples.name}'", control_features, known)
        check_controls(f"standardise of {indicator} on '{samples.name}'", standardise, known)
        controls = {name: known[name] for name in (*control_features, *standardise)}
        only = frozenset(standardise) - frozenset(control_features)
        drawn = impute_labels(samples)
        return cls(
            samples.name, indicator, features, columns, names, numeric, tuple(primary), drawn, controls, only,
            frozenset(exploratory), samples.weights,
        )  # fmt: skip

    def weighted(self, outcomes: Outcomes) -> Outcomes:
        """Return the outcomes with the weights of the rows, if rows are weighted and the outcomes are not yet."""
        if self.weights is None or outcomes.weights is not None:
            return outcomes
        return dataclasses.replace(outcomes, weights=self.weights)

    def groups_of(self, feature: Feature) -> tuple[str, ...]:
        """Return the feature's groups, and ``not recorded`` if it occurs."""
        extra = (NOT_RECORDED,) if (self.columns[feature.name] == NOT_RECORDED).any() else ()
        return (*feature.groups, *extra)

    def codes(self, feature: str, groups: Sequence[str]) -> Ints:
        """Return the position in ``groups`` of each row's group (N,); -1 for others."""
        values = self.columns[feature]
        names = np.array(groups, dtype=str)
        order = np.argsort(names)
        at = np.searchsorted(names[order], values).clip(max=len(names) - 1)
        return np.where(names[order][at] == values, order[at], NOBODY).astype(np.int64)

    def sums(self, outcomes: Outcomes, feature: str, groups: Sequence[str]) -> GroupSums:
        """Return the outcomes by group of one feature."""
        return GroupSums(outcomes, self.codes(feature, groups), len(groups))

    def crossed(self, outcomes: Outcomes, first: Feature, second: Feature) -> GroupSums:
        """Return the outcomes by intersection of two features, in the order of ``crossed_names``."""
        one, two = self.codes(first.name, first.groups), self.codes(second.name, second.groups)
        codes = np.where((one < 0) | (two < 0), NOBODY, one * len(second.groups) + two)
        return GroupSums(outcomes, codes, len(first.groups) * len(second.groups))

    def mask(self, feature: str, group: str) -> Mask:
        """Return the rows of one group, (N,)."""
        rows: Mask = self.columns[feature] == group
        return rows

    def draws(self, *features: str) -> Iterator[Cohort]:
        """Yield the cohort with each imputed labelling of ``features``; itself once if none of them was imputed."""
        drawn = {name: self.drawn[name] for name in features if name in self.drawn}
        if not drawn:
            yield self
        for draw in range(min(map(len, drawn.values()), default=0)):
            columns = {name: labels.column(draw) for name, labels in drawn.items()}
            yield dataclasses.replace(self, columns={**self.columns, **columns})

    def levels(self, control: str) -> dict[str, Mask]:
        """Return the rows of each level of a control, in the order of its feature or else sorted; unknown last."""
        values = self.controls[control]
        order = next((f.groups for f in self.features if f.name == control), ())
        place = {group: i for i, group in enumerate(order)}
        named = sorted(set(values.tolist()), key=lambda v: (v == NOT_RECORDED, place.get(v, len(place)), v))
        return {level: values == level for level in named}


def crossed_names(first: Feature, second: Feature) -> tuple[str, ...]:
    """Return the names of all intersections of two features."""
    pairs = itertools.product(first.groups, second.groups)
    return tuple(f"{a.replace('&', '&&')} & {b.replace('&', '&&')}" for a, b in pairs)
