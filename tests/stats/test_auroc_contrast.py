"""Differences of AUROCs: by hand, against DeLong's test where groups are large, and false alarms where one is small."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import integrate, stats

from fairaudit.stats.contrasts import auroc_difference, hanley_mcneil
from fairaudit.stats.estimates import Estimate, average, difference
from fairaudit.stats.intervals import p_value
from fairaudit.stats.outcomes import Outcomes

Floats = npt.NDArray[np.float64]


def two_groups(scores: Floats, labels: npt.NDArray[np.int64], small: int, per_cluster: int = 1) -> tuple[Estimate, ...]:
    one = Outcomes("auroc", stats.norm.cdf(scores), np.arange(len(scores)) // per_cluster, labels=labels)
    first = np.arange(len(scores)) < small
    return average(one, first), average(one, ~first)


def memes(rng: np.random.Generator, n: int, *, hate: float = 0.45) -> tuple[Floats, npt.NDArray[np.int64]]:
    labels = (rng.random(n) < hate).astype(np.int64)
    return rng.normal(1.2 * labels), labels


@pytest.mark.parametrize("auroc", [0.55, 0.8, 0.95])
def test_hanley_and_mcneils_variance_is_that_of_exponential_scores(auroc: float) -> None:
    rate = 1 / auroc - 1  # of scores of label 1; those of label 0 have rate 1, so P(1 above 0) = 1 / (1 + rate)
    both = integrate.quad(lambda y: np.exp(-2 * rate * y) * np.exp(-y), 0, np.inf)[0]
    above_both = integrate.quad(lambda x: (1 - np.exp(-x)) ** 2 * rate * np.exp(-rate * x), 0, np.inf)[0]
    m, n = 12, 30
    expected = auroc * (1 - auroc) + (m - 1) * (both - auroc**2) + (n - 1) * (above_both - auroc**2)
    found = hanley_mcneil(auroc, np.array([12.0]), np.array([30.0]))
    assert found == pytest.approx([expected / (m * n)], rel=1e-9)


def test_the_variance_by_hand(rng: np.random.Generator) -> None:
    scores, labels = memes(rng, 200)
    first, second = two_groups(scores, labels, 30)
    counts, own, df, aurocs = [], [], [], []
    for rows in (slice(0, 30), slice(30, 200)):
        ones, zeros = scores[rows][labels[rows] == 1], scores[rows][labels[rows] == 0]
        wins = ones[:, None] > zeros[None]
        own.append(wins.mean(axis=1).var(ddof=1) / len(ones) + wins.mean(axis=0).var(ddof=1) / len(zeros))
        counts.append((len(ones), len(zeros)))
        df.append(min(counts[-1]) - 1)
        aurocs.append(wins.mean())
    a = (30 * aurocs[0] + 170 * aurocs[1]) / 200
    u = [
        (a * (1 - a) + (m - 1) * (a / (2 - a) - a * a) + (n - 1) * (2 * a * a / (1 + a) - a * a)) / (m * n)
        for m, n in counts
    ]
    r = sum(d * v / x for d, v, x in zip(df, own, u, strict=True)) / sum(df)
    moderated = [(d * v + 20 * r * x) / (d + 20) for d, v, x in zip(df, own, u, strict=True)]
    found = auroc_difference(first, second)
    assert float(found.value) == pytest.approx(aurocs[0] - aurocs[1])
    assert float(found.std_error) == pytest.approx(np.sqrt(sum(moderated)))
    parts = sum(v**2 / (d + 20) for v, d in zip(moderated, df, strict=True))
    assert float(found.df) == pytest.approx(sum(moderated) ** 2 / parts)
    assert (float(found.events), float(found.non_events)) == tuple(np.min(counts, axis=0))


@pytest.mark.parametrize("per_cluster", [1, 4])
def test_large_groups_keep_delongs_variance(rng: np.random.Generator, per_cluster: int) -> None:
    """Half of each cluster of four is in either group, so that their errors go together."""
    source = np.arange(8000) // 4
    labels = (rng.random(2000) < 0.45).astype(np.int64)[source]
    scores = stats.norm.cdf(rng.normal(1.2 * labels) + rng.normal(size=2000)[source])
    one = Outcomes("auroc", scores, np.arange(8000) // per_cluster, labels=labels)
    first = np.arange(8000) % 2 == 0
    both = average(one, first), average(one, ~first)
    ours, plain = auroc_difference(*both), difference(*both, unit_interval=False)
    assert float(ours.std_error) == pytest.approx(float(plain.std_error), rel=0.01)
    independent = float(np.sqrt(sum(e.std_error**2 for e in both)))
    assert (float(ours.std_error) < 0.9 * independent) == (per_cluster == 4)


@pytest.mark.slow
def test_a_small_group_raises_no_more_alarms_than_it_should(rng: np.random.Generator) -> None:
    """24 of 300 memes, the audit's own level: .0025, a twentieth of .05. DeLong's own test is wrong at .01 and more."""
    ours, delong = [], []
    for _ in range(4000):
        scores, labels = memes(rng, 300)
        labels[:11], labels[11:24] = 1, 0
        scores[:24] = rng.normal(1.2 * labels[:24])
        both = two_groups(scores, labels, 24)
        ours.append(float(p_value(auroc_difference(*both))))
        delong.append(float(p_value(difference(*both, unit_interval=False))))
    for level in (0.05, 0.01, 0.0025):
        count = int((np.array(ours) < level).sum())
        assert stats.binomtest(count, 4000, level, alternative="greater").pvalue > 0.001, level
    assert (np.array(delong) < 0.0025).mean() > 0.01


def test_a_group_in_the_right_order_throughout_is_not_certain(rng: np.random.Generator) -> None:
    scores, labels = memes(rng, 300)
    labels[:24] = np.arange(24) % 2
    scores[:24] = 3.0 * labels[:24]
    found = auroc_difference(*two_groups(scores, labels, 24))
    assert float(found.std_error) > 0.02


def test_a_group_without_one_of_the_labels_has_no_difference(rng: np.random.Generator) -> None:
    scores, labels = memes(rng, 100)
    labels[:20] = 0
    assert np.isnan(auroc_difference(*two_groups(scores, labels, 20)).value)
