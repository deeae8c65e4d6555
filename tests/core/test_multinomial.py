"""Counts of draws with replacement, against the binomial and multinomial distributions."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from fairaudit.core.multinomial import Urn

Ints = npt.NDArray[np.int64]

URNS: dict[str, Ints] = {
    "one": np.array([7]),
    "few": np.array([1, 30, 969]),
    "ones": np.ones(40, dtype=np.int64),
    "mixed": np.sort(np.arange(300) % 23 + 1),
    "with large ones": np.concatenate([np.arange(1, 250), [400, 1000, 5000]]),
    "large ones only": np.full(400, 200),
}


@pytest.fixture(params=list(URNS.values()), ids=list(URNS))
def multiplicity(request: pytest.FixtureRequest) -> Ints:
    found: Ints = request.param
    return found


def test_every_column_draws_as_many_as_there_are(multiplicity: Ints, rng: np.random.Generator) -> None:
    counts = Urn(multiplicity).draw(rng, 500)
    assert counts.shape == (len(multiplicity), 500)
    assert (counts.sum(axis=0, dtype=np.float64) == multiplicity.sum()).all()
    assert (counts >= 0).all()
    assert (counts == np.rint(counts)).all()


def chi_square(observed: npt.NDArray[np.float64], n: int, p: float) -> float:
    """Return the p-value of "these counts are binomial", with rare values joined."""
    at = np.arange(n + 1)
    expected = stats.binom.pmf(at, n, p) * len(observed)
    seen = np.bincount(observed.astype(np.int64), minlength=n + 1)
    common = expected >= 20
    joined = [np.append(part[common], part[~common].sum()) for part in (seen, expected)]
    if joined[1][-1] < 5:
        joined = [part[:-1] for part in joined]
        joined[1] *= joined[0].sum() / joined[1].sum()
    return float(stats.chisquare(*joined).pvalue)


def test_a_unit_and_a_part_of_the_urn_are_binomial(multiplicity: Ints, rng: np.random.Generator) -> None:
    """The parts would not be, if the units were right one by one but not together."""
    n, k = int(multiplicity.sum()), len(multiplicity)
    counts = Urn(multiplicity).draw(rng, 20_000)
    parts = [[0], [k - 1], range(k // 2), range(0, k, 3)]
    for part in (np.array(p) for p in parts if 0 < multiplicity[list(p)].sum() < n):
        assert chi_square(counts[part].sum(axis=0, dtype=np.float64), n, multiplicity[part].sum() / n) > 1e-4


def test_units_vary_together_as_a_multinomial(rng: np.random.Generator) -> None:
    multiplicity = URNS["mixed"]
    n, p = multiplicity.sum(), multiplicity / multiplicity.sum()
    covariance = np.cov(Urn(multiplicity).draw(rng, 20_000).astype(np.float64))
    z = (covariance - n * (np.diag(p) - np.outer(p, p))) * np.sqrt(20_000) / (n * np.sqrt(np.outer(p, p)))
    assert np.abs(z[np.triu_indices(300, 1)]).max() < 5.5
    assert z[np.triu_indices(300, 1)].mean() == pytest.approx(0, abs=0.03)
    assert z[np.triu_indices(300, 1)].std() == pytest.approx(1, abs=0.03)


def test_the_tail_is_finer_than_the_table(rng: np.random.Generator) -> None:
    """Thirteen bits know the tail in steps of 0.00012; a count of 7 and more is rarer than that."""
    counts = Urn(np.ones(2000, dtype=np.int64)).draw(rng, 2000)
    for least in (4, 6, 7, 8):
        expected = float(stats.binom.sf(least - 1, 2000, 1 / 2000)) * counts.size
        assert abs(int((counts >= least).sum()) - expected) < 4 * np.sqrt(expected)


def test_counts_are_exact_where_float32_is_not(rng: np.random.Generator) -> None:
    counts = Urn(np.array([3, 2**24])).draw(rng, 10)
    assert counts.dtype == np.float64
    assert (counts.sum(axis=0) == 2**24 + 3).all()
