"""``fairaudit selftest``: whether audits find planted disparities, and no others.

Outcomes, embeddings and predictions are simulated, with a disparity and without, and pass through the functions of an
audit. The self-test counts planted disparities that are found, false alarms, and intervals that cover the true value.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from fairaudit.auditing.plugins import load_indicator
from fairaudit.core.errors import ConfigError
from fairaudit.core.progress import Advance
from fairaudit.core.result import GROUP_COLUMNS, STATISTIC_COLUMNS, IndicatorResult, Measured, table
from fairaudit.core.samples import SAMPLE_WEIGHT, Feature, Samples
from fairaudit.core.tables import Embeddings, Predictions
from fairaudit.stats.cohort import Cohort
from fairaudit.stats.contrasts import Compared, rest_rows
from fairaudit.stats.disparity import measure
from fairaudit.stats.group_sums import GroupSums
from fairaudit.stats.outcomes import Floats, Ints, Mask, Outcomes
from fairaudit.stats.verdicts import decide

#: Draws of the short run in every report.
SHORT = 10
_SURE = 0.001  # least p-value of a passed check; below it, chance does not explain the share
_GROUPS = ("first", "second", "third")


@dataclass(frozen=True)
class Check:
    """An observed share and its bound.

    Parameters
    ----------
    name : str
        Simulated design and counted event.
    count, n : int
        Number of events, and of trials.
    bar : float
        Share that must be reached (``at_least``) or must not be exceeded.
    at_least : bool
    """

    name: str
    count: int
    n: int
    bar: float
    at_least: bool

    @property
    def passed(self) -> bool:
        """Whether the share respects its bound, up to chance."""
        side = "less" if self.at_least else "greater"
        return bool(stats.binomtest(self.count, self.n, self.bar, alternative=side).pvalue >= _SURE)

    @property
    def line(self) -> str:
        """The check in one line."""
        sign = "at least" if self.at_least else "at most"
        return f"{'ok' if self.passed else 'FAILED'}  {self.name}: {self.count} of {self.n} ({sign} {self.bar:.0%})"


@dataclass(frozen=True)
class SelfTest:
    """All checks of one run."""

    checks: tuple[Check, ...]
    draws: int
    seed: int
    seconds: float
    date: str

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def record(self) -> dict[str, Any]:
        """The part of the run that an audit keeps; equal from run to run but for its date."""
        return {
            "passed": self.passed, "sentence": self.sentence, "draws": self.draws, "seed": self.seed, "date": self.date,
        }  # fmt: skip

    @property
    def sentence(self) -> str:
        """The run in one sentence, for the report."""
        detected, alarms, covered = (
            [c for c in self.checks if word in c.name] for word in ("planted", "nothing", "interval")
        )
        parts = [f"{sum(c.count for c in part)} of {sum(c.n for c in part)}" for part in (detected, alarms, covered)]
        verdict = "passed" if self.passed else "FAILED: the numbers of this report must not be relied on"
        return (
            f"{verdict}; planted disparities found {parts[0]}, false alarms {parts[1]}, intervals that hold the truth "
            f"{parts[2]} (simulated, {self.draws} draws a design)"
        )


def selftest(*, draws: int = 100, seed: int = 0, progress: Advance | None = None) -> SelfTest:
    """Simulate data, audit them, and count what the audits find.

    Parameters
    ----------
    draws : int, default 100
        Simulated tables of each design, with a disparity and again without; at least 10.
    seed : int
        Seed of the simulation.
    progress : callable, optional
        Called as ``progress(n_done, n_total)``.

    Raises
    ------
    ConfigError
        If ``draws`` is below 10.
    """
    if draws < 10:
        raise ConfigError(f"draws of the self-test must be at least 10; got {draws}. A usual choice is 100.")
    date, started, checks = datetime.now(UTC).date().isoformat(), time.perf_counter(), list[Check]()
    for i, (name, design) in enumerate(_DESIGNS.items()):
        rng = np.random.default_rng([seed, i])
        detected, alarms, covered, intervals = 0, 0, 0, 0
        for k in range(draws):
            for planted in (True, False):
                result, truth = design(rng, planted)
                rows = _decided(result)
                verdicts = rows["verdict"] == "disparity"
                detected += bool(planted and verdicts[rows["group"] == _GROUPS[0]].any())
                alarms += bool(not planted and verdicts.any())
                if truth is not None:
                    covered += int(((rows["ci_low"] <= truth) & (rows["ci_high"] >= truth)).sum())
                    intervals += len(rows)
            if progress is not None:
                progress(i * draws + k + 1, draws * len(_DESIGNS))
        checks.append(Check(f"{name}, a planted disparity is found", detected, draws, 0.8, at_least=True))
        checks.append(Check(f"{name}, a disparity where there is nothing", alarms, draws, 0.05, at_least=False))
        if intervals:
            checks.append(Check(f"{name}, an interval holds the truth", covered, intervals, 0.93, at_least=True))
    return SelfTest(tuple(checks), draws, seed, round(time.perf_counter() - started, 1), date)


@cache
def short_selftest(key: str | None = None) -> SelfTest:
    """Return the short run, made once per process and ``key`` (``selftest_cache.selftest_key``).

    Its draws are always the same.
    """
    return selftest(draws=SHORT)


_indicator = cache(load_indicator)  # each load searches the installed packages


def _decided(result: IndicatorResult) -> pd.DataFrame:
    (decided,), _ = decide([result])
    rows = decided.disparities
    return rows[rows["family"] == "primary"]


def _samples(groups: Sequence[str], codes: Ints, persons: Ints, weights: Floats | None = None) -> Samples:
    """Return samples from the group and the person of each image, and its weight."""
    feature = Feature("group", tuple(groups), "synthetic", "simulated")
    columns: dict[str, Any] = {
        "sample_id": [f"image-{i}" for i in range(len(persons))], "path": "", "cluster_id": persons.astype(str),
        "split": "", "label": "", "text": "", "group": np.asarray(groups)[codes],
    }  # fmt: skip
    if weights is not None:
        columns[SAMPLE_WEIGHT] = weights
    rows = pd.DataFrame(columns)
    return Samples("selftest", "simulation", "people", Path(), rows, (feature,), "person", "none")


def _people(groups: Sequence[str], n_persons: int, images: int) -> tuple[Samples, Ints]:
    """Return samples with ``images`` images per person, groups in turn, and the person of each image."""
    persons = np.repeat(np.arange(n_persons), images)
    return _samples(groups, persons % len(groups), persons), persons


def _measured(samples: Samples, hits: Mask, persons: Ints) -> IndicatorResult:
    """Return all tables of hits and misses."""
    cohort = Cohort.of(samples, "selftest")
    return _result(measure(cohort, [Outcomes("hit", hits.astype(float), persons)], headline="hit"))


def _against_rest(groups: tuple[str, ...], codes: Ints, hits: Mask, persons: Ints) -> IndicatorResult:
    """Return each group against the rest, alone: that takes a third of the time."""
    sums = GroupSums(Outcomes("hit", hits.astype(float), persons), codes, len(groups))
    rows = rest_rows(Compared(sums, "group", groups, np.zeros(0, dtype=str)), primary=True)
    return _result(Measured(table([], GROUP_COLUMNS), tuple(rows), table([], STATISTIC_COLUMNS)))


def _result(measured: Measured) -> IndicatorResult:
    indicator = _indicator("representation_disparity")
    return indicator.result(dataset="selftest", headline="hit", measured=measured, params={}, metrics={})


def _outcomes(rng: np.random.Generator, planted: bool) -> tuple[IndicatorResult, Floats | None]:
    """Simulate hits and misses of 120 persons with 10 images each, intraclass correlation one half."""
    samples, persons = _people(_GROUPS, 120, 10)
    shares = np.array([0.35 if planted else 0.65, 0.65, 0.65])
    rate = rng.beta(shares, 1 - shares, (40, 3)).ravel()  # a + b = 1: correlation 1 / (1 + a + b)
    truth = shares - (shares.sum() - shares) / 2
    return _measured(samples, rng.random(len(persons)) < rate[persons], persons), truth


def _rare(rng: np.random.Generator, planted: bool) -> tuple[IndicatorResult, Floats | None]:
    """Simulate a rare outcome of ten groups of 100 independent images and one of 4,000.

    A small group has too few events by chance more often than a normal error says: a method that estimates the error
    of each share from its own events reports such a group as a disparity.
    """
    sizes = np.array([100] * 10 + [4000])
    groups = (_GROUPS[0], *(f"group {k}" for k in range(2, 12)))
    shares = np.where((np.arange(11) == 0) & planted, 0.2, 0.05)
    codes, rows = np.repeat(np.arange(11), sizes), np.arange(sizes.sum())
    of_rest = ((sizes * shares).sum() - sizes * shares) / (sizes.sum() - sizes)
    return _against_rest(groups, codes, rng.random(len(rows)) < shares[codes], rows), shares - of_rest


def _paired(rng: np.random.Generator, planted: bool) -> tuple[IndicatorResult, Floats | None]:
    """Simulate 60 persons with 10 images in each of two lights, the groups; four of five images depend on the person.

    A method that takes the lights for independent does not find the planted disparity.
    """
    persons, light = np.repeat(np.arange(60), 20), np.tile([0, 1], 600)
    of_person = (rng.random(60) < 0.5)[persons]
    shares = np.array([0.275, 0.725]) if planted else np.array([0.5, 0.5])
    hits = np.where(rng.random(1200) < 0.8, of_person, rng.random(1200) < shares[light])
    truth = np.array([0.2 * (shares[0] - shares[1])])
    return _against_rest(_GROUPS[:2], light, hits, persons), truth


def _weighted(rng: np.random.Generator, planted: bool) -> tuple[IndicatorResult, Floats | None]:
    """Simulate 400 images of each of two groups, weighted by one over their chance to be drawn.

    Half of either group is hard to recognise, and is drawn four times as often in the first group and a quarter as
    often in the second: without weights, the first group seems to be recognised less often where it is not.
    """
    group = np.repeat([0, 1], 400)
    hard = rng.random(800) < np.where(group == 0, 0.8, 0.2)
    weights = 0.5 / np.where(hard == (group == 0), 0.8, 0.2)
    shares = np.where(hard, 0.4, 0.8) - 0.2 * (planted & (group == 0))
    samples = _samples(_GROUPS[:2], group, np.arange(800), weights)
    return _measured(samples, rng.random(800) < shares, np.arange(800)), np.array([-0.2 * planted])


def _retrieval(rng: np.random.Generator, planted: bool) -> tuple[IndicatorResult, Floats | None]:
    """Simulate vectors of 150 persons.

    Planted, the second group forms loose clusters and nobody is near the middle: a method that counts the noise of a
    pair of persons at both ends does not find them. With nothing planted, every fifth person is near the middle and so
    in most neighbour lists: a method that ignores the gallery's role reports their group as a disparity.
    """
    if planted:
        samples, persons = _people(_GROUPS[:2], 150, 1)
        vectors = _directions(rng, 150)
        vectors[1::2] = _directions(rng, 10)[np.arange(75) % 10] + 0.41 * vectors[1::2]
    else:
        samples, persons = _people(_GROUPS[:2], 150, 2)
        spread = np.where(rng.permutation(150) < 30, 0.3, 1.5)[persons, None]
        vectors = np.eye(40)[0] + spread * rng.standard_normal((len(persons), 40)) / np.sqrt(40)
    embeddings = Embeddings(samples.sample_ids, vectors.astype(np.float32))
    indicator = _indicator("representation_disparity")
    config = indicator.config(attribute="group", k=(10,))
    return indicator.compute(samples=samples, config=config, embeddings=embeddings), None


def _directions(rng: np.random.Generator, n: int) -> Floats:
    """Return random points on a sphere, (n, 3)."""
    points = rng.standard_normal((n, 3))
    return np.asarray(points / np.linalg.norm(points, axis=1, keepdims=True))


def _labels(rng: np.random.Generator, planted: bool) -> tuple[IndicatorResult, Floats | None]:
    """Simulate labels of 120 persons with 4 images each; planted: harmful three times as often in the first group."""
    samples, persons = _people(_GROUPS[:2], 120, 4)
    share = np.where((persons % 2 == 0) & planted, 0.5, 0.15)
    harmful = rng.random(len(persons)) < share
    labels = np.where(harmful[:, None], ["rat", "face"], ["face", "rat"])
    scores = np.tile(np.array([0.9, 0.05], dtype=np.float32), (len(persons), 1))
    predictions = Predictions(samples.sample_ids, labels, scores, ("face", "rat"), "simulation")
    indicator = _indicator("label_association")
    config = indicator.config(thresholds=(), ks=(), n_labels=0)  # only verdicts are counted here
    return indicator.compute(samples=samples, config=config, predictions=predictions), None


_DESIGNS: dict[str, Callable[[np.random.Generator, bool], tuple[IndicatorResult, Floats | None]]] = {
    "outcomes of persons": _outcomes,
    "rare outcomes": _rare,
    "persons in two groups": _paired,
    "weights": _weighted,
    "retrieval": _retrieval,
    "labels": _labels,
}
