"""``fairaudit power``: exact power by enumeration, clusters by simulation, what an audit prints, and bad input."""

from __future__ import annotations

import json
from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from typer.testing import CliRunner

from fairaudit import OutcomeFrame
from fairaudit.cli.main import app
from fairaudit.core.errors import ConfigError
from fairaudit.stats.contrast import contrasts
from fairaudit.stats.group_sums import GroupSums, Members
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.power import group_power
from fairaudit.stats.score import ScoreContrast


def printed(*words: str) -> str:
    result = CliRunner().invoke(app, ["power", *words])
    if isinstance(result.exception, ConfigError):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def document(*words: str) -> dict[str, object]:
    return dict(json.loads(printed(*words, "--json")))


@pytest.mark.parametrize(
    ("group", "rest", "share", "rows"),
    [(150, 4850, 0.05, 1), (150, 4850, 0.05, 20), (400, 1200, 0.3, 5), (60, 3000, 0.9, 1), (900, 900, 0.02, 1)],
)
def test_the_exact_power_at_the_printed_difference(group: int, rest: int, share: float, rows: int) -> None:
    """Over all pairs of binomial counts that matter."""
    (end,) = group_power(group, rest, share, rows=rows)
    moved = share + (end.difference if end.direction == "higher" else -end.difference)
    hits = [
        np.arange(*stats.binom.interval(1 - 1e-9, n, p) + np.array([0, 1])) for n, p in ((group, moved), (rest, share))
    ]
    first, second = (grid.ravel() for grid in np.meshgrid(*hits, indexing="ij"))
    chance = stats.binom.pmf(first, group, moved) * stats.binom.pmf(second, rest, share)
    p_value = ScoreContrast.of(first / group, group, second / rest, rest).p_value()
    assert 0.75 < chance[p_value < 0.05 / rows].sum() < 0.85


def test_the_power_of_unequal_clusters_at_the_printed_difference() -> None:
    """Beta-binomial rows, 60 and 180 clusters of lognormal sizes, through the audit's own inference."""
    group, rest, k, share, icc = 600, 1800, (60, 180), 0.2, 0.2
    (end,) = group_power(group, rest, share, clusters=k, icc=icc, size_cv=0.8)
    moved, rng, found, draws = share + end.difference, np.random.default_rng(2), 0, 400
    for _ in range(draws):
        sizes = [
            1 + rng.poisson((n / c - 1) * rng.gamma(1.1, 1 / 1.1, c)) for n, c in zip((group, rest), k, strict=True)
        ]
        shares = [
            rng.beta(p * (1 / icc - 1), (1 - p) * (1 / icc - 1), c) for p, c in zip((moved, share), k, strict=True)
        ]
        clusters = np.repeat(np.arange(sum(k)), np.concatenate(sizes))
        hits = (rng.random(len(clusters)) < np.concatenate(shares)[clusters]).astype(float)
        sums = GroupSums(Outcomes("hit", hits, clusters), (clusters >= k[0]).astype(np.int64), 2)
        found += contrasts(sums, [(Members((0,)), Members((1,)))])[0].p_value() < 0.05
    assert 0.73 < found / draws < 0.87


def test_an_audit_of_such_data_prints_the_same_number() -> None:
    group, rest = 200, 1800
    hit = np.r_[np.zeros(group), np.zeros(rest)]
    hit[:20], hit[group : group + 180] = 1, 1  # a share of .1 in both
    people = pd.DataFrame({"skin": ["dark"] * group + ["light"] * rest})
    row = OutcomeFrame({"hit": hit}, sensitive_features=people).disparities().iloc[0]
    (end,) = group_power(group, rest, 0.1)
    assert end.difference == pytest.approx(row["min_detectable"], abs=1e-9)


def test_clusters_lie_between_independent_and_identical_rows() -> None:
    alone, same = group_power(150, 4850, 0.05, clusters=(30, 970))
    (between,) = group_power(150, 4850, 0.05, clusters=(30, 970), icc=0.2)
    (unequal,) = group_power(150, 4850, 0.05, clusters=(30, 970), icc=0.2, size_cv=1.0)
    for small, large in pairwise((alone, between, unequal, same)):
        assert small.difference < large.difference
    assert [alone.effective_group, same.effective_group] == pytest.approx([150, 30])
    assert between.effective_group == pytest.approx(150 / (1 + 4 * 0.2)), "Kish's design effect"
    assert unequal.effective_group == pytest.approx(150 / (0.8 + 0.2 * 5 * (1 + 1.0**2)), rel=1e-6)


def test_the_size_for_a_difference_is_the_least_that_finds_it() -> None:
    (end,) = group_power(150, 4850, 0.05, difference=0.03)
    assert end.needed is not None
    assert (
        group_power(end.needed, 4850, 0.05)[0].difference
        <= 0.03
        < group_power(end.needed - 1, 4850, 0.05)[0].difference
    )
    assert "needs a group of" in printed("--group", "150", "--rest", "4850", "--share", ".05", "--difference", ".03")
    lost = ["--group", "150", "--rest", "300", "--share", ".5", "--difference", ".001"]
    assert "not reachable" in printed(*lost)
    found = document(*lost)["found"]
    assert isinstance(found, list)
    assert found[0]["needed"] is None


def test_the_sentences() -> None:
    text = printed("--group", "150", "--rest", "4850", "--share", ".05")
    assert "A group of 150 rows against 4,850 others with a share of 0.05; one planned comparison, power .8." in text
    assert "The least difference found is 0.0607 higher: 0.111 against 0.05, a ratio of 2.21." in text
    text = printed("--group", "150", "--rest", "4850", "--share", ".05", "--per-cluster", "5", "--rows", "3")
    assert text.count("Correlation") == 2
    assert "each of 3 planned comparisons" in text
    assert "like 30 and 970 independent rows" in text
    assert "Not even the largest" in printed("--group", "25", "--rest", "25", "--share", ".5", "--rows", "100000")


@pytest.mark.parametrize("words", [["--group", "19"], ["--group", "150", "--clusters", "19,970"]])
def test_below_twenty_units_no_verdict_is_possible(words: list[str]) -> None:
    assert "o verdict is possible: 19 independent units; at least 20 are needed" in printed(
        *words, "--rest", "4850", "--share", ".05"
    )


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--share", "1"], "--share must be between 0 and 1; got 1"),
        (["--share", "0"], "--share must be between 0 and 1; got 0"),
        (["--share", "nan"], "--share must be between 0 and 1; got nan"),
        (["--group", "0"], "--group must be at least 1; got 0"),
        (["--rest", "-5"], "--rest must be at least 1; got -5"),
        (["--rows", "0"], "--rows must be at least 1; got 0"),
        (["--clusters", "30"], "--clusters must be two whole numbers, of the group and of the rest; got '30'"),
        (["--clusters", "200,970"], "--clusters must be from 1 to 150, the rows of --group; got 200"),
        (["--clusters", "30,0"], "--clusters must be from 1 to 4,850, the rows of --rest; got 0"),
        (["--clusters", "30,970", "--per-cluster", "5"], "must not be given together; got both"),
        (["--per-cluster", "0.5"], "--per-cluster must be from 1 to 150"),
        (["--icc", ".2"], "--icc and --size-cv must have clusters; got none"),
        (["--clusters", "30,970", "--icc", "1.2"], "--icc must be from 0 (independent rows) to 1"),
        (["--clusters", "30,970", "--size-cv", "-1"], "--size-cv must be 0 (equal clusters) or more; got -1"),
        (["--clusters", "30,970", "--size-cv", "9"], "--size-cv must be smaller for 30 clusters"),
        (["--difference", ".96"], "--difference must be above 0 and below 0.95"),
        (["--difference", "0"], "--difference must be above 0 and below 0.95"),
    ],
)
def test_bad_input_is_refused_by_name(words: list[str], said: str) -> None:
    given = {"--group": "150", "--rest": "4850", "--share": ".05"} | dict(zip(words[::2], words[1::2], strict=True))
    with pytest.raises(ConfigError) as error:
        printed(*(word for pair in given.items() for word in pair))
    assert said in str(error.value)
