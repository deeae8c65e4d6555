"""AUROCs and their differences: every pair by itself, closed forms, and false alarms where a group is small."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import integrate, stats
from sklearn.metrics import roc_auc_score

from fairaudit.stats.auroc import Auroc, auroc, components, difference_variance, hanley_mcneil
from fairaudit.stats.contrast import Contrast, contrasts
from fairaudit.stats.estimates import average
from fairaudit.stats.group_sums import GroupSums, Members
from fairaudit.stats.outcomes import Outcomes
from tests.reference.inference import delong

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


def everyone(one: Outcomes) -> npt.NDArray[np.bool_]:
    return np.ones(len(one.values), dtype=bool)


def difference(one: Outcomes, first: npt.NDArray[np.bool_]) -> Contrast:
    sums = GroupSums.of(one, [first, ~first])
    return contrasts(sums, [(Members((0,)), Members((1,)))])[0]


def two_groups(scores: Floats, labels: Ints, small: int) -> Contrast:
    one = Outcomes("auroc", stats.norm.cdf(scores), np.arange(len(scores)), labels=labels)
    return difference(one, np.arange(len(scores)) < small)


def memes(rng: np.random.Generator, n: int, *, hate: float = 0.45) -> tuple[Floats, Ints]:
    labels = (rng.random(n) < hate).astype(np.int64)
    return rng.normal(1.2 * labels), labels


def tied(rng: np.random.Generator, n: int) -> tuple[Floats, Ints]:
    labels = (rng.random(n) < 0.3).astype(np.int64)
    return np.round(rng.random(n) * 0.6 + 0.3 * labels, 1).astype(np.float64), labels


def test_value_and_error_are_delongs(rng: np.random.Generator) -> None:
    scores, labels = tied(rng, 90)
    one = Outcomes("auroc", scores, np.arange(90), labels=labels)
    found, (value, std_error) = auroc(one, everyone(one)), delong(scores, labels)
    assert found.value == pytest.approx(value, abs=1e-12)
    assert found.value == pytest.approx(roc_auc_score(labels, scores), abs=1e-12)
    assert found.std_error == pytest.approx(std_error, rel=1e-9)
    assert (found.positives, found.negatives) == (labels.sum(), 90 - labels.sum())
    assert (found.n, found.n_clusters, found.df) == (90, 90, labels.sum() - 1)
    assert found.share == pytest.approx(labels.mean())
    estimate = average(one, everyone(one))
    assert (estimate.value, estimate.std_error, estimate.kind) == (found.value, found.std_error, "auroc")
    assert (estimate.events, estimate.non_events) == (found.positives, found.negatives)


def test_components_are_shares_of_pairs(rng: np.random.Generator) -> None:
    scores, labels = tied(rng, 60)
    values = scores.copy()
    values[3] = np.nan
    mask = rng.random(60) < 0.8
    result = components(Outcomes("auroc", values, np.arange(60), labels=labels), mask)
    assert result is not None
    use = mask & (np.arange(60) != 3)
    for r in range(60):
        others = scores[use & (labels != labels[r])]
        sign = 1 if labels[r] == 1 else -1
        wins = (np.sign(sign * (scores[r] - others)) + 1) / 2
        assert result[1][r] == pytest.approx(wins.mean() if use[r] else 0)
    assert result[0] == pytest.approx(roc_auc_score(labels[use], scores[use]))


def test_influence_is_the_derivative_by_the_weight_of_a_cluster(rng: np.random.Generator) -> None:
    """But for the small-sample factors of both labels, which differ."""
    scores, labels = tied(rng, 80)
    clusters = rng.integers(0, 25, 80)
    found = auroc(Outcomes("auroc", scores, clusters, labels=labels), np.ones(80, dtype=bool))
    p, n = np.flatnonzero(labels == 1), np.flatnonzero(labels == 0)
    wins = (np.sign(scores[p][:, None] - scores[n]) + 1) / 2

    def weighted(w: Floats) -> float:
        of = w[clusters[p]][:, None] * w[clusters[n]]
        return float((of * wins).sum() / of.sum())

    counts = [len(set(clusters[rows].tolist())) for rows in (p, n)]
    for c in range(25):
        bump = np.where(np.arange(25) == c, 1e-5, 0)
        exact = (weighted(1 + bump) - weighted(1 - bump)) / 2e-5
        parts = [(wins.mean(axis=1 - k)[clusters[rows] == c] - found.value).sum() / len(rows)
                 for k, rows in enumerate((p, n))]  # fmt: skip
        assert sum(parts) == pytest.approx(exact, abs=1e-8)
        factors = [np.sqrt(k / (k - 1)) for k in counts]
        assert found.psi[c] == pytest.approx(parts[0] * factors[0] + parts[1] * factors[1], abs=1e-12)


def test_copies_of_two_memes_are_two_events(rng: np.random.Generator) -> None:
    labels = np.repeat([1, 0], 30)
    clusters = np.concatenate([np.arange(30) % 2, 2 + np.arange(30)])
    found = auroc(Outcomes("auroc", rng.random(60), clusters, labels=labels), np.ones(60, dtype=bool))
    assert (found.positives, found.df) == (2, 1)


@pytest.mark.parametrize("label", [0, 1])
def test_one_label_has_no_auroc(rng: np.random.Generator, label: int) -> None:
    one = Outcomes("auroc", rng.random(30), np.arange(30), labels=np.full(30, label))
    found = auroc(one, everyone(one))
    assert np.isnan([found.value, found.std_error, found.share]).all()
    assert (found.n, found.df, found.positives) == (30, 0, 0)
    assert components(one, everyone(one)) is None
    scores, labels = memes(rng, 100)
    labels[:20] = label
    assert np.isnan(two_groups(scores, labels, 20).value)


@pytest.mark.parametrize("value", [0.55, 0.8, 0.95])
def test_hanley_and_mcneils_variance_is_that_of_exponential_scores(value: float) -> None:
    rate = 1 / value - 1  # of scores of label 1; those of label 0 have rate 1, so P(1 above 0) = 1 / (1 + rate)
    both = integrate.quad(lambda y: np.exp(-2 * rate * y) * np.exp(-y), 0, np.inf)[0]
    above_both = integrate.quad(lambda x: (1 - np.exp(-x)) ** 2 * rate * np.exp(-rate * x), 0, np.inf)[0]
    m, n = 12, 30
    expected = value * (1 - value) + (m - 1) * (both - value**2) + (n - 1) * (above_both - value**2)
    found = hanley_mcneil(value, np.array([12.0]), np.array([30.0]))
    assert found == pytest.approx([expected / (m * n)], rel=1e-9)


def test_the_variance_of_a_difference_by_hand(rng: np.random.Generator) -> None:
    scores, labels = memes(rng, 200)
    found = two_groups(scores, labels, 30)
    counts, own, df, values = [], [], [], []
    for rows in (slice(0, 30), slice(30, 200)):
        ones, zeros = scores[rows][labels[rows] == 1], scores[rows][labels[rows] == 0]
        wins = ones[:, None] > zeros[None]
        own.append(wins.mean(axis=1).var(ddof=1) / len(ones) + wins.mean(axis=0).var(ddof=1) / len(zeros))
        counts.append((len(ones), len(zeros)))
        df.append(min(counts[-1]) - 1)
        values.append(wins.mean())
    a = (30 * values[0] + 170 * values[1]) / 200
    u = [
        (a * (1 - a) + (m - 1) * (a / (2 - a) - a * a) + (n - 1) * (2 * a * a / (1 + a) - a * a)) / (m * n)
        for m, n in counts
    ]
    r = sum(d * v / x for d, v, x in zip(df, own, u, strict=True)) / sum(df)
    moderated = [(d * v + 20 * r * x) / (d + 20) for d, v, x in zip(df, own, u, strict=True)]
    assert found.value == pytest.approx(values[0] - values[1])
    assert found.std_error == pytest.approx(np.sqrt(sum(moderated)))
    parts = sum(v**2 / (d + 20) for v, d in zip(moderated, df, strict=True))
    assert found.df == pytest.approx(sum(moderated) ** 2 / parts)
    assert (found.first.events, found.first.non_events) == counts[0]
    assert found.limits == (-1, 1)


def of_four(rng: np.random.Generator, per_cluster: int) -> tuple[Auroc, Auroc]:
    """Half of each source of four is in either group, so that their errors go together."""
    source = np.arange(8000) // 4
    labels = (rng.random(2000) < 0.45).astype(np.int64)[source]
    scores = stats.norm.cdf(rng.normal(1.2 * labels) + rng.normal(size=2000)[source])
    one = Outcomes("auroc", scores, np.arange(8000) // per_cluster, labels=labels)
    first = np.arange(8000) % 2 == 0
    return auroc(one, first), auroc(one, ~first)


@pytest.mark.parametrize("per_cluster", [1, 4])
def test_large_groups_keep_delongs_variance(rng: np.random.Generator, per_cluster: int) -> None:
    first, second = of_four(rng, per_cluster)
    variance, _ = difference_variance(first, second)
    moved = first.psi - second.psi
    assert np.sqrt(variance) == pytest.approx(np.sqrt(moved @ moved), rel=0.01)
    independent = np.hypot(first.std_error, second.std_error)
    assert (np.sqrt(variance) < 0.9 * independent) == (per_cluster == 4)


def test_a_group_in_the_right_order_throughout_is_not_certain(rng: np.random.Generator) -> None:
    scores, labels = memes(rng, 300)
    labels[:24] = np.arange(24) % 2
    scores[:24] = 3.0 * labels[:24]
    assert two_groups(scores, labels, 24).std_error > 0.02


@pytest.mark.slow
def test_a_small_group_raises_no_more_alarms_than_it_should(rng: np.random.Generator) -> None:
    """24 of 300 memes, the audit's own level: .0025, a twentieth of .05. DeLong's own test is wrong at .01 and more."""
    ours, plain = [], []
    for _ in range(4000):
        scores, labels = memes(rng, 300)
        labels[:11], labels[11:24] = 1, 0
        scores[:24] = rng.normal(1.2 * labels[:24])
        found = two_groups(scores, labels, 24)
        ours.append(found.p_value())
        error = np.hypot(found.first.std_error, found.second.std_error)
        plain.append(2 * stats.norm.sf(abs(found.value) / error))
    for level in (0.05, 0.01, 0.0025):
        count = int((np.array(ours) < level).sum())
        assert stats.binomtest(count, 4000, level, alternative="greater").pvalue > 0.001, level
    assert (np.array(plain) < 0.0025).mean() > 0.01
