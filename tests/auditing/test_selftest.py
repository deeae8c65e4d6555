"""The self-test passes on the instrument as it is, and fails on one that is broken on purpose."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from fairaudit.auditing.selftest import _DESIGNS, Check, selftest, short_selftest
from fairaudit.core.errors import ConfigError
from fairaudit.stats.cohort import Cohort
from fairaudit.stats.gallery import GalleryRole
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.score import ScoreContrast

DRAWS = 25


@pytest.mark.slow
def test_the_instrument_passes() -> None:
    found = selftest(draws=DRAWS)
    assert found.passed, [check.line for check in found.checks]
    assert found.sentence.startswith("passed; planted disparities found ")
    assert len(found.checks) == 2 * 6 + 4
    assert {check.n for check in found.checks} == {DRAWS, *(2 * DRAWS * rows for rows in (1, 3, 11))}


def only(monkeypatch: pytest.MonkeyPatch, design: str) -> None:
    """One design is enough where one part of the core is broken."""
    monkeypatch.setattr("fairaudit.auditing.selftest._DESIGNS", {design: _DESIGNS[design]})


def test_the_run_of_every_report_passes_and_is_always_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    short = short_selftest()
    assert short.passed, [check.line for check in short.checks]
    assert {check.n for check in short.checks} == {10, *(2 * 10 * rows for rows in (1, 3, 11))}
    found, alarms, covered = (
        [check for check in short.checks if word in check.name] for word in ("planted", "nothing", "interval")
    )
    assert (len(found), len(alarms), len(covered)) == (6, 6, 4)
    assert all(f"{sum(c.count for c in part)} of {sum(c.n for c in part)}" in short.sentence
               for part in (found, alarms, covered))  # fmt: skip
    only(monkeypatch, "outcomes of persons")
    assert selftest(draws=10).checks == short.checks[:3]


def failed(monkeypatch: pytest.MonkeyPatch, design: str, draws: int = DRAWS) -> list[str]:
    """The checks of one design that fail, without its name."""
    only(monkeypatch, design)
    return [check.name.removeprefix(f"{design}, ") for check in selftest(draws=draws).checks if not check.passed]


FOUND, ALARM, COVERED = (
    "a planted disparity is found",
    "a disparity where there is nothing",
    "an interval holds the truth",
)


@pytest.mark.slow
def test_intervals_of_half_the_width_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = ScoreContrast.at_quantile
    monkeypatch.setattr(ScoreContrast, "at_quantile", lambda self, quantile: whole(self, quantile / 2))
    assert failed(monkeypatch, "outcomes of persons") == [COVERED]


@pytest.mark.slow
def test_ignored_clusters_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = Outcomes.__post_init__

    def alone(self: Outcomes) -> None:
        object.__setattr__(self, "clusters", np.arange(len(self.values)))
        checked(self)

    monkeypatch.setattr(Outcomes, "__post_init__", alone)
    assert ALARM in failed(monkeypatch, "outcomes of persons")


@pytest.mark.slow
def test_a_dropped_gallery_role_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        GalleryRole,
        "partition_sums",
        lambda self, partitions, n_codes=0: [np.zeros((n_codes, k)) for _, k, _ in partitions],
    )
    without_pairs(monkeypatch)
    assert ALARM in failed(monkeypatch, "retrieval")


def without_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(GalleryRole, "pair_noise", lambda self, coefficients: np.zeros(coefficients.shape[1]))
    monkeypatch.setattr(GalleryRole, "group_noise", lambda self, codes, n_groups, weights: np.zeros(n_groups))


@pytest.mark.slow
def test_pairs_that_count_at_both_ends_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard errors of retrieval without hubs are then too large by nearly a half, so it takes more draws."""
    without_pairs(monkeypatch)
    assert FOUND in failed(monkeypatch, "retrieval", draws=200)


@pytest.mark.slow
def test_a_normal_error_of_rare_outcomes_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wald's, of each share by itself, with a hit and a miss added (Agresti and Caffo 2000)."""

    def wald(self: ScoreContrast, distance: Any, first: Any, second: Any, ratio: Any) -> Any:
        variance: Any = 0.0
        for p, n in ((self.first, self.n_first), (self.second, self.n_second)):
            p_of_more = (n * p + 1) / (n + 2)
            variance = variance + np.maximum(p * (1 - p) / n, p_of_more * (1 - p_of_more) / (n + 2))
        return distance / np.sqrt(variance[0])

    monkeypatch.setattr(ScoreContrast, "_corrected", wald)
    assert ALARM in failed(monkeypatch, "rare outcomes", draws=100)


@pytest.mark.slow
def test_a_dropped_covariance_of_groups_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fairaudit.stats.contrast.crossed", lambda first, second, df: (1.0, df))
    assert failed(monkeypatch, "persons in two groups") == [FOUND]


@pytest.mark.slow
def test_ignored_weights_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Cohort, "weighted", lambda self, outcomes: outcomes)
    assert failed(monkeypatch, "weights") == [ALARM, COVERED]


def test_a_check_allows_for_chance() -> None:
    """9 of 40 at a bar of 5 %: so many or more come about once in 5,000 times; 6 of 40 once in 71."""
    assert stats.binom.sf(8, 40, 0.05) < 0.001 < stats.binom.sf(5, 40, 0.05)
    assert not Check("x", 9, 40, 0.05, at_least=False).passed
    assert Check("x", 6, 40, 0.05, at_least=False).passed
    assert Check("x", 30, 40, 0.8, at_least=True).passed
    assert not Check("x", 20, 40, 0.8, at_least=True).passed
    assert Check("x, y", 20, 40, 0.8, at_least=True).line == "FAILED  x, y: 20 of 40 (at least 80%)"


def test_too_few_draws() -> None:
    with pytest.raises(ConfigError, match=r"draws of the self-test must be at least 10; got 3. A usual choice is 100."):
        selftest(draws=3)
