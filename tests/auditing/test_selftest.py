"""The self-test passes on the instrument as it is, and fails on one that is broken on purpose."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from fairaudit.auditing.selftest import _DESIGNS, Check, selftest, short_selftest
from fairaudit.core.errors import ConfigError
from fairaudit.stats.intervals import t_interval
from fairaudit.stats.outcomes import Outcomes

DRAWS = 25


@pytest.mark.slow
def test_the_instrument_passes() -> None:
    found = selftest(draws=DRAWS)
    assert found.passed, [check.line for check in found.checks]
    assert found.sentence.startswith("passed; planted disparities found ")
    assert len(found.checks) == 7
    assert {check.n for check in found.checks} == {DRAWS, 2 * DRAWS * 3}


def only(monkeypatch: pytest.MonkeyPatch, design: str) -> None:
    """One design is enough where one part of the core is broken."""
    monkeypatch.setattr("fairaudit.auditing.selftest._DESIGNS", {design: _DESIGNS[design]})


def test_the_run_of_every_report_passes_and_is_always_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    short = short_selftest()
    assert short.passed, [check.line for check in short.checks]
    assert {check.n for check in short.checks} == {10, 2 * 10 * 3}
    only(monkeypatch, "outcomes of persons")
    assert selftest(draws=10).checks == short.checks[:3]


@pytest.mark.slow
def test_intervals_of_half_the_width_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def half(value: Any, std_error: Any, df: Any, *, level: float = 0.95) -> Any:
        return t_interval(value, std_error / 2, df, level=level)

    monkeypatch.setattr("fairaudit.stats.contrasts.t_interval", half)
    only(monkeypatch, "outcomes of persons")
    failed = [check.name for check in selftest(draws=DRAWS).checks if not check.passed]
    assert failed == ["outcomes of persons, an interval holds the truth"]


@pytest.mark.slow
def test_ignored_clusters_are_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    checked = Outcomes.__post_init__

    def alone(self: Outcomes) -> None:
        object.__setattr__(self, "clusters", np.arange(len(self.values)))
        checked(self)

    monkeypatch.setattr(Outcomes, "__post_init__", alone)
    only(monkeypatch, "outcomes of persons")
    failed = [check.name for check in selftest(draws=DRAWS).checks if not check.passed]
    assert "outcomes of persons, a disparity where there is nothing" in failed


@pytest.mark.slow
def test_a_dropped_gallery_role_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Outcomes, "gallery_sums", lambda self, weights: np.zeros((self.n_codes, *weights.shape[1:])))
    only(monkeypatch, "retrieval")
    failed = [check.name for check in selftest(draws=DRAWS).checks if not check.passed]
    assert failed == ["retrieval, a disparity where there is nothing"]


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
