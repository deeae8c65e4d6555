"""Standard errors of outcomes that share a gallery, against draws of new people: queries and gallery anew each time.

::

    python -m benchmarks.gallery_variance
    python -m benchmarks.gallery_variance --quick       # within a minute, for a look

The contrast is between the first two groups, with the variance max(S - noise, S / 2): S is the sum of squared
influences of clusters in both roles, noise what pairs of them add to it (``stats.gallery``). Designs have 200 to 1,000
images in 5 to 40 dimensions, alone or two of a person, with hubs (everything points one way, some more than others) or
without, groups that lie apart or not, alike in size or 1:4, and neighbours that must share the group itself or a second
label of two values. Class-balanced precision is taken with groups of fixed size, raw precision with groups drawn anew.
At k = 1 the indicator refuses class-balanced precision; the measure is taken directly.

Printed for each cell: the root of the mean variance over the standard deviation of the contrast, the same for S alone,
and how often a t test of the contrast's own mean (degrees of freedom: effective clusters less one) has p < .05 and
p < .0025. Bar: .9 to 1.25. A cell fails when the 99 % Monte Carlo interval of the ratio lies outside. Exits 1 when one
fails.
"""

from __future__ import annotations

import argparse
import platform
from typing import NamedTuple

import numpy as np
import scipy
from scipy import stats

from benchmarks.monte_carlo import LEVEL, in_processes
from fairaudit.measures.neighbours import nearest
from fairaudit.measures.retrieval import Gallery, Retrieval
from fairaudit.stats.gallery import Floats, Ints

LOW, HIGH, LENGTHS = 0.9, 1.25, (1, 5, 10)
DRAWS = {False: 2000, True: 60}  # by --quick
EVEN, UNEVEN, THREE = (0.5, 0.5), (0.2, 0.8), (1 / 3, 1 / 3, 1 / 3)


class Design(NamedTuple):
    """People that are drawn.

    Parameters
    ----------
    images, dimensions : int
    shares : tuple of float
        Of the groups.
    per_person : int
    hubs : bool
    apart : float
        Distance of the first group from the others.
    balanced : bool
        Whether class-balanced precision is taken, with groups of fixed size; else raw precision.
    other : bool
        Whether neighbours must share a second label instead of the group.
    """

    images: int
    dimensions: int
    shares: tuple[float, ...] = EVEN
    per_person: int = 1
    hubs: bool = False
    apart: float = 0.0
    balanced: bool = True
    other: bool = False

    def __str__(self) -> str:
        shares = ":".join(f"{share / min(self.shares):.0f}" for share in self.shares)
        words = [
            f"{self.images} images, D {self.dimensions}, groups {shares}",
            *["two of a person"] * (self.per_person > 1),
            *["hubs"] * self.hubs,
            *["apart"] * (self.apart > 0),
            *["raw precision"] * (not self.balanced),
            *["another label"] * self.other,
        ]
        return ", ".join(words)


DESIGNS = (
    Design(200, 20),
    Design(200, 5),
    Design(1000, 40),
    Design(200, 40, UNEVEN, 2),
    Design(1000, 20, UNEVEN),
    Design(400, 20, THREE),
    Design(400, 20, (1 / 6, 1 / 6, 2 / 3), 2),
    Design(200, 20, hubs=True),
    Design(200, 5, UNEVEN, hubs=True),
    Design(400, 20, UNEVEN, 2, hubs=True),
    Design(400, 20, THREE, hubs=True),
    Design(1000, 40, UNEVEN, 2, hubs=True),
    Design(400, 10, UNEVEN, 2, apart=2.0),
    Design(400, 10, apart=2.0, other=True),
    Design(200, 5, balanced=False),
    Design(400, 40, UNEVEN, balanced=False),
    Design(400, 20, THREE, 2, hubs=True, balanced=False),
    Design(400, 5, EVEN, 2, apart=2.0, balanced=False, other=True),
)


def people(design: Design, rng: np.random.Generator) -> tuple[Floats, Ints, Ints]:
    """Return vectors (N, D), the group of each image and its person."""
    persons = design.images // design.per_person
    if design.balanced:
        ends = np.round(np.cumsum(design.shares) * persons).astype(int)
        groups = rng.permutation(np.searchsorted(ends, np.arange(persons), side="right"))
    else:
        groups = rng.choice(len(design.shares), persons, p=design.shares)
    vectors = rng.standard_normal((persons, design.dimensions))
    vectors[:, 0] += design.apart * (groups == 0)
    if design.hubs:
        vectors += rng.uniform(0.2, 3, (persons, 1))
    person = np.repeat(np.arange(persons), design.per_person)
    vectors = vectors[person]
    if design.per_person > 1:
        vectors = vectors + 0.5 * rng.standard_normal(vectors.shape)
    return vectors, groups[person].astype(np.int64), person


def contrast(retrieval: Retrieval, groups: Ints, k: int, *, balanced: bool) -> tuple[float, float, float, float]:
    """Return the contrast of the first two groups, S, the noise of pairs, and the effective number of clusters."""
    outcomes = retrieval.balanced_precision(k) if balanced else retrieval.precision(k)
    first, second = groups == 0, groups == 1
    weights = first / first.sum() - second / second.sum()
    means = np.where(first, outcomes.values[first].mean(), outcomes.values[second].mean())
    psi = outcomes.cluster_sums(weights * (outcomes.values - means))
    assert outcomes.gallery is not None
    everyone = np.zeros(len(weights), dtype=np.int64)
    psi = psi + outcomes.gallery.cluster_sums(everyone, 1, weights, outcomes.n_codes)[:, 0]
    noise = float(outcomes.gallery.pair_noise(weights[:, None])[0])
    total = float(psi @ psi)
    return float(weights @ outcomes.values), total, noise, total**2 / float((psi**4).sum())


def simulate(design: Design, draws: int, seed: int) -> Floats:
    """Return what ``contrast`` gives in each draw at each k (draws, lengths, 4)."""
    rng, found = np.random.default_rng(seed), np.empty((draws, len(LENGTHS), 4))
    for draw in range(draws):
        vectors, groups, person = people(design, rng)
        classes = rng.integers(0, 2, len(vectors) // design.per_person)[person] if design.other else groups
        gallery = Gallery(person, person, classes)
        length = min(gallery.length(max(LENGTHS)), len(vectors) - design.per_person)
        lists = nearest(vectors, vectors, k=length, query_clusters=person, gallery_clusters=person)
        retrieval = Retrieval(gallery, lists.astype(np.int32), classes)
        found[draw] = [contrast(retrieval, groups, k, balanced=design.balanced) for k in LENGTHS]
    return found


def line(design: Design, k: int, found: Floats) -> tuple[str, float, bool]:
    """Return the line of a cell, its ratio, and whether it missed the bar."""
    value, total, noise, units = found.T
    variance = np.maximum(total - noise, total / 2)
    n, spread = len(value), float(value.std(ddof=1))
    ratio = float(np.sqrt(variance.mean())) / spread
    # A standard deviation's own interval, from that of a variance with the kurtosis of the draws.
    error = float(np.sqrt(max(stats.kurtosis(value, fisher=False) - 1, 1) / n)) / 2
    least, most = (ratio * np.exp(sign * stats.norm.isf((1 - LEVEL) / 2) * error) for sign in (-1, 1))
    p = 2 * stats.t.sf(np.abs(value - value.mean()) / np.sqrt(variance), np.maximum(units - 1, 1))
    missed = bool(most < LOW or least > HIGH)
    text = (
        f"{design}, k {k}: s.e./SD {ratio:.2f} ({least:.2f} to {most:.2f}; without the noise of pairs "
        f"{np.sqrt(total.mean()) / spread:.2f}); p < .05: {np.mean(p < 0.05):.3f}, p < .0025: {np.mean(p < 0.0025):.4f}"
    )
    return text + "; MISSED" * missed, ratio, missed


def main() -> int:
    """Simulate all designs, print each cell, and return 1 if one missed the bar."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--draws", type=int)
    parser.add_argument("--workers", type=int)
    arguments = parser.parse_args()
    draws = arguments.draws or DRAWS[arguments.quick]
    print(f"numpy {np.__version__}, scipy {scipy.__version__}, {platform.machine()}; {draws} draws a cell", flush=True)
    ratios, misses = [], 0
    for design, found in in_processes(simulate, DESIGNS, draws, workers=arguments.workers):
        for at, k in enumerate(LENGTHS):
            text, ratio, missed = line(design, k, found[:, at])
            print(text, flush=True)
            ratios.append(ratio)
            misses += missed
    print(
        f"s.e./SD over {len(ratios)} cells: {min(ratios):.2f} to {max(ratios):.2f} (bar {LOW:g} to {HIGH:g}); "
        f"{misses} missed"
    )
    return int(misses > 0)


if __name__ == "__main__":
    raise SystemExit(main())
