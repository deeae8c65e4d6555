"""``Robustness``: stability of a difference between two groups over the settings of its measure.

The two groups are those with the highest and the lowest value at the headline's own setting, and they stay the same at
every other one: the sign holds by construction at the headline's setting, and not at others. Intervals are those of the
largest gap, which hold for all pairs of groups together (``gap``), not adjusted over features or settings. The word is
about settings alone, not about the size of a difference, and no verdict rests on it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fairaudit.core.samples import Feature
from fairaudit.stats.cohort import Cohort
from fairaudit.stats.estimates import estimates
from fairaudit.stats.gap import gap_of
from fairaudit.stats.group_sums import GroupSums
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.status import status_of

Setting = tuple[float | str, ...]


@dataclass(frozen=True)
class SettingDifference:
    """The difference between the two groups at one setting.

    Parameters
    ----------
    setting : tuple
        A value for each dimension.
    value, low, high : float
        Group minus reference, in [-1, 1], and its simultaneous 95 % interval.
    n, n_clusters : int
        Images and clusters of both groups.
    judged : bool
        Whether both groups have enough clusters, events and non-events for the interval to be relied on.
    repeats : bool
        Whether every image has the same outcome as at an earlier setting, so that this one adds no evidence.
    """

    setting: Setting
    value: float
    low: float
    high: float
    n: int
    n_clusters: int
    judged: bool
    repeats: bool = False


@dataclass(frozen=True)
class Robustness:
    """The largest difference of one feature, over all settings.

    Parameters
    ----------
    feature, group, reference : str
        ``group`` has the highest and ``reference`` the lowest value at the headline's setting.
    dimensions : tuple of str
        Names of the settings that are varied.
    differences : tuple of SettingDifference
        The headline's setting first.
    """

    feature: str
    group: str
    reference: str
    dimensions: tuple[str, ...]
    differences: tuple[SettingDifference, ...]

    @property
    def different(self) -> tuple[SettingDifference, ...]:
        """The differences at settings that do not repeat an earlier one."""
        return tuple(difference for difference in self.differences if not difference.repeats)

    @property
    def judged(self) -> tuple[SettingDifference, ...]:
        """The differences that can be judged, without repetitions."""
        return tuple(difference for difference in self.different if difference.judged)

    @property
    def n_clear(self) -> int:
        """Number of judged settings at which the interval is above zero."""
        return sum(difference.low > 0 for difference in self.judged)

    @property
    def word(self) -> str:
        """What the settings that can be judged show together: the first of these that fits.

        ``cannot be told``: fewer than two of them differ, or the headline's own cannot be judged. ``sign changes``: at
        one or more the group that is highest at the headline's setting is the lower one. ``robust``: every interval is
        above zero. ``nowhere clear``: none is. ``depends on the setting``: some are.
        """
        judged = self.judged
        if len(judged) < 2 or not self.differences[0].judged:
            return "cannot be told"
        if any(difference.value < 0 for difference in judged):
            return "sign changes"
        if self.n_clear == len(judged):
            return "robust"
        return "depends on the setting" if self.n_clear else "nowhere clear"

    @property
    def decided_by(self) -> tuple[str, ...]:
        """The dimensions that alone change the sign, or whether the interval is above zero."""
        start = self.differences[0].setting
        deciding = []
        for i, name in enumerate(self.dimensions):
            of_dimension = [
                difference
                for difference in self.differences
                if difference.judged and _without(difference.setting, i) == _without(start, i)
            ]
            if len({(difference.value < 0, difference.low > 0) for difference in of_dimension}) > 1:
                deciding.append(name)
        return tuple(deciding)

    def sentence(self, metric: str) -> str:
        """Return the sentence for a report; ``metric`` is the name of the headline's value."""
        judged, start = self.judged, self.differences[0]
        pair = f"{self.feature.replace('_', ' ')}, {self.group} minus {self.reference} on {metric}"
        varied = [name for i, name in enumerate(self.dimensions) if len({d.setting[i] for d in self.differences}) > 1]
        over = f"{len(judged)} of {len(self.different)} different settings" + (
            f" ({', '.join(varied)})" if varied else ""
        )
        if self.word == "cannot be told":
            return f"{pair}, over {over} that can be judged: the robustness of the difference cannot be judged."
        low, high = min(difference.value for difference in judged), max(difference.value for difference in judged)
        same = sum(difference.value > 0 for difference in judged)
        why = f"; {' and '.join(self.decided_by)} alone can decide it" if self.decided_by else ""
        return (
            f"{pair}: {start.value:.3f}, and from {low:.3f} to {high:.3f} over {over} that can be judged; above zero "
            f"at {same}, with an interval above zero at {self.n_clear}: {self.word}{why}."
        )


def robustness(
    cohort: Cohort, feature: Feature, outcomes: Mapping[Setting, Outcomes], *, dimensions: Sequence[str]
) -> Robustness | None:
    """Return the robustness of the largest difference of ``feature``; None if fewer than two groups can be compared.

    Parameters
    ----------
    cohort : Cohort
    feature : Feature
        Groups that are not recorded, or have too few clusters or events at the headline's setting, are left out.
    outcomes : mapping of tuple to Outcomes
        The measure at each setting, the headline's first; rows aligned with the cohort.
    dimensions : sequence of str
        Names of the dimensions of a setting.
    """
    outcomes = {setting: cohort.weighted(at_setting) for setting, at_setting in outcomes.items()}
    first = next(iter(outcomes.values()))
    values = estimates(cohort.sums(first, feature.name, feature.groups))
    sure = [k for k, estimate in enumerate(values) if status_of(estimate)[0] == "ok"]
    if len(sure) < 2:
        return None
    groups = [feature.groups[k] for k in sure]
    by_value = sorted(range(len(sure)), key=lambda at: values[sure[at]].value)
    highest, lowest = by_value[-1], by_value[0]
    differences, seen = [], set()
    for setting, at_setting in outcomes.items():
        difference = _difference(setting, cohort.sums(at_setting, feature.name, groups), highest, lowest)
        outcome = at_setting.values.tobytes()
        differences.append(dataclasses.replace(difference, repeats=outcome in seen))
        seen.add(outcome)
    return Robustness(feature.name, groups[highest], groups[lowest], tuple(dimensions), tuple(differences))


def _difference(setting: Setting, sums: GroupSums, i: int, j: int) -> SettingDifference:
    gap = gap_of(sums)
    pair = (gap.estimates[i], gap.estimates[j])
    low, high = gap.pair(i, j, 0.95)
    return SettingDifference(
        setting, pair[0].value - pair[1].value, low, high, pair[0].n + pair[1].n,
        sums.outcomes.n_clusters((sums.codes == i) | (sums.codes == j)),
        all(status_of(estimate)[0] == "ok" for estimate in pair),
    )  # fmt: skip


def _without(setting: Setting, i: int) -> Setting:
    return (*setting[:i], *setting[i + 1 :])
