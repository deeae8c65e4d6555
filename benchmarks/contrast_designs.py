"""Designs of one group against others, and how often the contrast of the first group is wrong.

Every draw goes through what an audit calls: ``GroupSums``, ``contrasts`` and ``contrast_fields``, which withholds a
verdict where there are too few independent units.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from benchmarks.clustered_hits import Clusters, Crossed, Nested, Table
from benchmarks.monte_carlo import bounds
from fairaudit.stats.contrast import Contrast, contrasts, intervals_of
from fairaudit.stats.contrasts import contrast_fields
from fairaudit.stats.group_sums import GroupSums, Members
from fairaudit.stats.outcomes import Floats, Mask, Outcomes

LEVELS = (0.05, 0.0025)
_AT_ONCE = 500


class Design(Protocol):
    """What is drawn."""

    @property
    def name(self) -> str:
        """The design in a few words."""

    @property
    def truth(self) -> float:
        """True value of the first group less that of the rest."""

    def draw(self, rng: np.random.Generator) -> Table:
        """Return one table."""


def skewed(n: int, icc: float, size: float = 5.0) -> Clusters:
    """Return ``n`` clusters of lognormal sizes, sigma 1.5."""
    return Clusters(n, size, 1.5, icc)


def demanded(p: float = 0.3, gap: float = 0.0) -> list[Design]:
    """Return the designs of few or unequal clusters, and of clusters in both groups."""
    return [
        Nested((skewed(40, 0.0), skewed(40, 0.0)), p, gap),
        Nested((skewed(40, 0.3), skewed(40, 0.3)), p, gap),
        Nested((skewed(30, 0.3), skewed(570, 0.3)), p, gap),
        Nested((skewed(60, 0.3), skewed(180, 0.3)), p, gap),
        Crossed(p=p, gap=gap),
        Crossed(p=p, gap=gap, both=0.4, interaction=0.4, sigma=1.0),
    ]


def null_designs(*, quick: bool) -> list[Design]:
    """Return designs without a difference."""
    if quick:
        few = demanded()
        return [few[1], few[2], few[4]]
    return [
        *demanded(),
        Nested((skewed(40, 0.3), skewed(40, 0.3)), 0.3, mixing="probit"),
        Nested((skewed(60, 0.1), skewed(180, 0.5)), 0.1),
        Nested((Clusters(40, 2, 0, 0.5), Clusters(1600, 2, 0, 0.5)), 0.1),
        Nested((Clusters(30, 15, 0, 0.5), Clusters(570, 15, 0, 0.5)), 0.05),
        Nested((Clusters(25, 10, 0, 0.3), Clusters(75, 10, 0, 0.3)), 0.9),
        Nested((Clusters(20, 5, 0.8, 0.2),) * 30, 0.1),
        Nested((Clusters(150, 1, 0, 0), Clusters(4850, 1, 0, 0)), 0.05, weight_sigma=0.7),
        Nested((skewed(40, 0.3), skewed(40, 0.3)), 0.3, weight_sigma=1.0),
    ]


@dataclass(frozen=True)
class Found:
    """What was seen in ``draws`` tables.

    Parameters
    ----------
    judged : int
        Of which an audit says something.
    alarms : tuple of int
        p below each level, among these.
    higher : int
        The first group is the higher, among those below the last level.
    held : tuple of int
        The interval of each level holds the truth.
    error_ratio : float
        Mean standard error over the standard deviation of the values.
    """

    draws: int
    judged: int
    alarms: tuple[int, ...]
    higher: int
    held: tuple[int, ...]
    error_ratio: float

    @property
    def text(self) -> str:
        """The figures."""
        n = max(self.judged, 1)
        alarms = ", ".join(
            f"p<{level:g} {count / n:.4f} ({bounds(count, n)[0]:.4f} to {bounds(count, n)[1]:.4f})"
            for level, count in zip(LEVELS, self.alarms, strict=True)
        )
        return (
            f"judged {self.judged / self.draws:.3f}; {alarms}, the first higher in {self.higher} of {self.alarms[-1]}; "
            f"covers {self.held[0] / n:.4f}, s.e./SD {self.error_ratio:.3f}"
        )


def few_judged(design: object, found: Found) -> list[str]:
    """Return what is wrong with the judged share: of 2 x 40 clusters of lognormal sizes at least half are judged."""
    groups = design.groups if isinstance(design, Nested) else ()
    bar = len(groups) == 2 and all(g.n == 40 and g.sigma == 1.5 for g in groups)
    if not found.judged:
        return ["never judged"]
    return [f"judged {found.judged / found.draws:.3f}"] if bar and 2 * found.judged < found.draws else []


def sums_of(table: Table) -> GroupSums:
    """Return a table as the core works on it."""
    outcomes = Outcomes("hit", table.values, table.clusters, weights=table.weights)
    return GroupSums(outcomes, table.codes, int(table.codes.max()) + 1)


def contrast_of(table: Table) -> Contrast:
    """Return the first group against the rest."""
    sums = sums_of(table)
    return contrasts(sums, [(Members((0,)), sums.rest(0))])[0]


def measure(design: Design, draws: int, seed: int) -> Found:
    """Draw tables and count what the contrast says."""
    rng, truth = np.random.default_rng(seed), design.truth
    held, fields, numbers = [], list[dict[str, Any]](), list[tuple[float, float]]()
    for start in range(0, draws, _AT_ONCE):
        found = [contrast_of(design.draw(rng)) for _ in range(min(_AT_ONCE, draws - start))]
        bounds = [np.array(intervals_of(found, 1 - level)).T for level in LEVELS]
        held.append([(low <= truth + 1e-9) & (truth - 1e-9 <= high) for low, high in bounds])
        fields += [contrast_fields(each, (0.0, 0.0)) for each in found]
        numbers += [(each.value, each.std_error) for each in found]
    value_D, error_D = np.array(numbers).T
    p_D, ok_D = np.array([f["p_value"] for f in fields]), np.array([f["status"] == "ok" for f in fields])
    return found_of(value_D, error_D, p_D, ok_D, np.concatenate(held, axis=1))


def found_of(value_D: Floats, error_D: Floats, p_D: Floats, ok_D: Mask, held_LD: Mask) -> Found:
    """Return what was seen in D draws: value, standard error, p-value, verdict or none, intervals that hold."""
    alarms = [ok_D & (p_D < level) for level in LEVELS]
    ratio = float(error_D[ok_D].mean() / value_D[ok_D].std()) if ok_D.sum() > 1 else float("nan")
    return Found(
        len(ok_D), int(ok_D.sum()), tuple(int(a.sum()) for a in alarms), int((value_D[alarms[-1]] > 0).sum()),
        tuple(int((held & ok_D).sum()) for held in held_LD), ratio,
    )  # fmt: skip
