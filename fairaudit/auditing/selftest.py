"""``fairaudit selftest``: whether audits find planted disparities, and no others.

Outcomes, embeddings and predictions are simulated, with a disparity and without, and pass through the functions of an
audit. The self-test counts planted disparities that are found, false alarms, and intervals that cover the true value.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy import stats

from fairaudit.auditing.plugins import load_indicator
from fairaudit.core.errors import ConfigError
from fairaudit.core.progress import Advance
from fairaudit.core.result import IndicatorResult
from fairaudit.core.samples import Feature, Samples
from fairaudit.core.tables import Embeddings, Predictions
from fairaudit.stats.disparity import Cohort, measure
from fairaudit.stats.outcomes import Floats, Outcomes
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

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(check.passed for check in self.checks)

    @property
    def record(self) -> dict[str, Any]:
        """The part of the run that an audit keeps; equal from run to run."""
        return {"passed": self.passed, "sentence": self.sentence, "draws": self.draws, "seed": self.seed}

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
    started, checks = time.perf_counter(), list[Check]()
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
    return SelfTest(tuple(checks), draws, seed, round(time.perf_counter() - started, 1))


@cache
def short_selftest() -> SelfTest:
    """Return the short run, made once per process: its draws are always the same."""
    return selftest(draws=SHORT)


_indicator = cache(load_indicator)  # each load searches the installed packages


def _decided(result: IndicatorResult) -> pd.DataFrame:
    (decided,), _ = decide([result])
    rows = decided.disparities
    return rows[rows["family"] == "primary"]


def _people(groups: Sequence[str], n_persons: int, images: int) -> tuple[Samples, npt.NDArray[np.int64]]:
    """Return samples with ``images`` images per person, groups in turn, and the person of each image."""
    persons = np.repeat(np.arange(n_persons), images)
    feature = Feature("group", tuple(groups), "synthetic", "simulated")
    table = pd.DataFrame({
        "sample_id": [f"image-{i}" for i in range(len(persons))], "path": "", "cluster_id": persons.astype(str),
        "split": "", "label": "", "text": "", "group": np.asarray(groups)[persons % len(groups)],
    })  # fmt: skip
    return Samples("selftest", "simulation", "people", Path(), table, (feature,), "person", "none"), persons


def _outcomes(rng: np.random.Generator, planted: bool) -> tuple[IndicatorResult, Floats | None]:
    """Simulate hits and misses of 120 persons with 10 images each, intraclass correlation one half."""
    samples, persons = _people(_GROUPS, 120, 10)
    shares = np.array([0.35 if planted else 0.65, 0.65, 0.65])
    rate = rng.beta(shares, 1 - shares, (40, 3)).ravel()  # a + b = 1: correlation 1 / (1 + a + b)
    outcomes = Outcomes("hit", (rng.random(len(persons)) < rate[persons]).astype(float), persons)
    cohort = Cohort.of(samples, "selftest")
    measured = measure(cohort, [outcomes], headline="hit", tolerance=0.05, slope_tolerance=0.02)
    truth = shares - (shares.sum() - shares) / 2
    indicator = _indicator("representation_disparity")
    return indicator.result(dataset="selftest", headline="hit", measured=measured, params={}, metrics={}), truth


def _retrieval(rng: np.random.Generator, planted: bool) -> tuple[IndicatorResult, Floats | None]:
    """Simulate vectors of 150 persons with 2 images each.

    Planted, the second group forms five dense clusters. With nothing planted, every fifth person is near the middle and
    so in most neighbour lists: a method that ignores the gallery's role reports their group as a disparity.
    """
    samples, persons = _people(_GROUPS[:2], 150, 2)
    if planted:
        vectors = rng.standard_normal((150, 3))
        second = np.arange(150) % 2 == 1
        vectors[second] = rng.standard_normal((5, 3))[np.arange(75) % 5] + 0.05 * rng.standard_normal((75, 3))
        vectors = vectors[persons] + 0.02 * rng.standard_normal((len(persons), 3))
    else:
        spread = np.where(rng.permutation(150) < 30, 0.3, 1.5)[persons, None]
        vectors = np.eye(40)[0] + spread * rng.standard_normal((len(persons), 40)) / np.sqrt(40)
    embeddings = Embeddings(samples.sample_ids, vectors.astype(np.float32))
    indicator = _indicator("representation_disparity")
    config = indicator.config(attribute="group", k=(10,))
    return indicator.compute(samples=samples, config=config, embeddings=embeddings), None


def _labels(rng: np.random.Generator, planted: bool) -> tuple[IndicatorResult, Floats | None]:
    """Simulate labels of 120 persons with 4 images each; planted: harmful three times as often in the first group."""
    samples, persons = _people(_GROUPS, 120, 4)
    share = np.where((persons % 3 == 0) & planted, 0.5, 0.15)
    harmful = rng.random(len(persons)) < share
    labels = np.where(harmful[:, None], ["rat", "face"], ["face", "rat"])
    scores = np.tile(np.array([0.9, 0.05], dtype=np.float32), (len(persons), 1))
    predictions = Predictions(samples.sample_ids, labels, scores, ("face", "rat"), "simulation")
    indicator = _indicator("label_association")
    config = indicator.config(thresholds=(), ks=(), n_labels=0)  # only verdicts are counted here
    return indicator.compute(samples=samples, config=config, predictions=predictions), None


_DESIGNS: dict[str, Callable[[np.random.Generator, bool], tuple[IndicatorResult, Floats | None]]] = {
    "outcomes of persons": _outcomes,
    "retrieval": _retrieval,
    "labels": _labels,
}
