"""The simulations of ``coverage``, ``power`` and ``null_audits`` draw what they say and count what an audit does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmarks import coverage, face_vectors, permuted_labels, power, simulated_audits
from benchmarks.clustered_hits import Dependence, withheld
from benchmarks.monte_carlo import bounds, outside
from fairaudit.auditing.plugins import load_indicator
from fairaudit.core.result import IndicatorResult
from fairaudit.core.samples import Feature, Samples
from fairaudit.core.tables import Embeddings
from fairaudit.indicators import representation_disparity
from fairaudit.measures.neighbours import nearest
from fairaudit.stats.disparity import Cohort, measure
from fairaudit.stats.estimates import average, difference
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.verdicts import decide

SMALL = simulated_audits.World("small", 60, 2, 0.15, 40, 4, True, 200, 2, 0.2)


def test_bounds_are_those_of_clopper_and_pearson() -> None:
    low, high = bounds(12, 200)
    assert low == pytest.approx(stats.beta.ppf(0.005, 12, 189))
    assert high == pytest.approx(stats.beta.ppf(0.995, 13, 188))
    assert bounds(0, 50) == pytest.approx((0.0, 1 - 0.005 ** (1 / 50)))


def test_a_bar_is_missed_beyond_chance_only() -> None:
    """Of 1,000 draws at 5 %, 70 or more come about less than once in 200 runs; 60 often."""
    assert stats.binom.sf(69, 1000, 0.05) < 0.005 < stats.binom.sf(59, 1000, 0.05)
    assert outside(70, 1000, high=0.05)
    assert not outside(60, 1000, high=0.05)
    assert outside(700, 1000, low=0.75, high=0.85)
    assert not outside(740, 1000, low=0.75, high=0.85)


@pytest.mark.parametrize("icc", [0.0, 0.2, 0.5])
def test_drawn_hits_have_their_share_and_correlation(icc: float, rng: np.random.Generator) -> None:
    values, clusters = Dependence(400, 4, icc).draw(np.array([[0.3] * 50, [0.8] * 50]), rng)
    assert values.shape == (800, 50)
    assert np.array_equal(clusters, np.repeat(np.arange(200), 4))
    for rows, share in ((values[:400], 0.3), (values[400:], 0.8)):
        assert rows.mean() == pytest.approx(share, abs=0.02)
        four = rows.reshape(100, 4, 50) - share
        together = np.mean([(four[:, i] * four[:, j]).mean() for i in range(4) for j in range(i)])
        assert together / (share * (1 - share)) == pytest.approx(icc, abs=0.05)


def test_every_cell_of_the_grids_is_one_that_an_audit_judges() -> None:
    for cell in [*coverage.cells(True), *coverage.cells(False)]:
        shares = cell.shares
        assert 0 < shares.min() <= shares.max() < 1
        assert cell.n // cell.per_cluster >= 20
        assert cell.n * min(shares.min(), 1 - shares.max()) >= 5 - 1e-9
    assert {c.k for c in coverage.cells(True)} == {2, 5, 14}
    assert {(c.k, c.dependence.n, c.p) for c in power.cells(False)} == {
        (k, n, p) for k in (2, 3, 5) for n in (100, 200, 1000) for p in (0.5, 0.8, 0.95)
    }


def test_counts_that_are_too_small_are_found_without_the_core(rng: np.random.Generator) -> None:
    cell = coverage.Cell(3, 100, 0.05, 0.0, "even", 2, 0.2)
    values, clusters = cell.dependence.draw(np.full((3, 200), 0.05), rng)
    few = coverage._too_few(cell, values)
    for d in range(200):
        with_events = [
            {int(c) for c, v in zip(clusters, values[:, d], strict=True) if v and c // 50 == g} for g in range(3)
        ]
        assert few["group"][d] == (len(with_events[0]) < 5)
        assert few["contrast"][d] == (sum(map(len, with_events)) < 15)
    assert 0.1 < few["group"].mean() < 0.9
    one, groups = Outcomes("hit", values, clusters), np.arange(300) // 100
    first, rest = average(one, groups == 0), average(one, groups != 0)
    contrast = difference(first, rest, unit_interval=True)
    for name, reasons in (
        ("group", withheld(first, first.n_clusters)),
        ("contrast", withheld(contrast, np.minimum(first.n_clusters, rest.n_clusters))),
    ):
        assert np.array_equal(np.array(reasons) != "", few[name])


def audited(values: np.ndarray, clusters: np.ndarray, k: int) -> pd.DataFrame:
    """The rows against the rest of one table of outcomes, through the functions of an audit."""
    names = tuple(f"group {g}" for g in range(k))
    feature = Feature("group", names, "synthetic", "drawn")
    columns = {"group": np.repeat(names, len(values) // k)}
    cohort = Cohort("x", "x", (feature,), columns, clusters.astype(str), primary=("group",))
    found = measure(cohort, [Outcomes("hit", values, clusters)], headline="hit", tolerance=1e-9, slope_tolerance=1e-9)
    indicator = load_indicator("representation_disparity")
    result: IndicatorResult = indicator.result(dataset="x", headline="hit", measured=found, params={}, metrics={})
    (decided,), _ = decide([result])
    return decided.disparities[decided.disparities["family"] == "primary"]


@pytest.mark.parametrize("k", [2, 3])
def test_power_prints_and_finds_what_an_audit_does(k: int, rng: np.random.Generator) -> None:
    cell = power.Cell(k, 0.95, Dependence(120, 2, 0.2), others=0)
    shares = np.full((k, 12), 0.95)
    shares[0, 6:] = 0.7
    data = cell.dependence.draw(shares, rng)
    rows = power.compared(cell, data, rows=power.rows_of(cell))
    minimum_D = power.printed(*rows[0], 0.05 / power.rows_of(cell))
    found_D = power._found(cell, rows, rng)
    tables = [audited(data[0][:, d], data[1], k) for d in range(12)]
    # A row without a verdict is not in the family, which makes the level of the others milder.
    complete = [d for d, t in enumerate(tables) if (t["status"] == "ok").all()]
    assert len(complete) >= 6
    assert minimum_D[complete] == pytest.approx([tables[d]["min_detectable"].iloc[0] for d in complete])
    assert found_D.tolist() == [float(t["verdict"].iloc[0] == "disparity") for t in tables]
    assert 0 < found_D.sum() < 12
    assert np.array_equal(np.isnan(minimum_D), [t["status"].iloc[0] != "ok" for t in tables])


def test_the_group_is_moved_towards_one_half() -> None:
    for p, expected in ((0.8, 0.7), (0.5, 0.4), (0.3, 0.4)):
        shares = power.moved(power.Cell(3, p, Dependence(100, 1, 0.0), 0), np.array([0.1]))
        assert shares[:, 0] == pytest.approx([expected, p, p])


def test_a_power_cell_is_judged_by_the_pilots_that_print_a_minimum() -> None:
    cell = power.Cell(2, 0.95, Dependence(100, 1, 0.0), 20)
    assert power.fails(power.Found(1000, 0.2, 950, 0.1, 0.5), 1000)
    assert not power.fails(power.Found(1000, 0.2, 800, 0.1, 0.5), 1000)
    few = power.Found(400, 0.2, 390, 0.1, 0.5)
    assert not power.fails(few, 1000)
    assert "no minimum is printed in 600 of 1000 pilots" in power.line(cell, few, 1000)


def test_known_lists_are_those_of_nearest(rng: np.random.Generator) -> None:
    vectors, clusters = rng.standard_normal((60, 8)).astype(np.float32), np.arange(60) // 2
    lists = permuted_labels.Lists()
    for k in (5, 12, 7):
        expected = nearest(vectors, vectors, k=k, query_clusters=clusters, gallery_clusters=clusters)
        assert np.array_equal(
            lists(vectors, vectors, k=k, query_clusters=clusters, gallery_clusters=clusters), expected
        )


def test_labels_are_drawn_for_persons_in_groups_of_one_size(rng: np.random.Generator) -> None:
    design = permuted_labels.Design(Path(), 5, 50, 10, "half", per_person=2)
    rows, persons = permuted_labels._chosen(design, 1000, rng)
    assert len(rows) == 250
    assert len(set(rows)) == 125
    table = permuted_labels.labelled(design, persons, {}, rng).table
    assert (table.groupby("cluster_id")[["group", "half"]].nunique() == 1).all(axis=None)
    assert table["group"].value_counts().tolist() == [50] * 5
    assert sorted(table["half"].value_counts()) == [124, 126]


def test_recorded_labels_are_permuted_together(rng: np.random.Generator) -> None:
    recorded = {f.name: np.array(f.groups)[np.arange(40) % len(f.groups)] for f in face_vectors.RECORDED}
    design = permuted_labels.Design(Path(), 0, 0, 10, "gender")
    table = permuted_labels.labelled(design, np.arange(40), recorded, rng).table
    names = list(recorded)
    before, after = pd.DataFrame(recorded).value_counts(names), table.value_counts(names)
    assert before.sort_index().equals(after.sort_index())
    assert table["gender"].tolist() != recorded["gender"].tolist()


def retrieval_rows(samples: Samples, embeddings: Embeddings) -> pd.DataFrame:
    config = representation_disparity.Config(k=(10,))
    result = representation_disparity.compute(samples=samples, config=config, embeddings=embeddings)
    (decided,), _ = decide([result])
    return decided.disparities[decided.disparities["family"] == "primary"].reset_index(drop=True)


def test_what_is_left_out_has_no_part_in_a_verdict(rng: np.random.Generator) -> None:
    samples, persons = simulated_audits._people(SMALL, rng)
    embeddings = simulated_audits._hubs(SMALL, samples, persons, rng)
    whole = retrieval_rows(samples, embeddings)
    with permuted_labels.verdicts_only():
        pd.testing.assert_frame_equal(retrieval_rows(samples, embeddings), whole)
    assert len(whole) == 7


def test_a_simulated_audit_has_all_indicators_and_no_group_within_a_cluster(rng: np.random.Generator) -> None:
    results = simulated_audits.audit(SMALL, rng)
    primary = [r.disparities[r.disparities["family"] == "primary"] for r in results]
    assert [len(rows) for rows in primary] == [7, 7, 5, 5]
    assert {row for rows in primary for row in rows["kind"]} == {"one_vs_rest", "slope"}
    samples, _ = simulated_audits._people(SMALL, rng)
    assert (samples.table.groupby("cluster_id")[["gender", "skin_tone", "origin"]].nunique() == 1).all(axis=None)
    photos, _ = simulated_audits._photos(SMALL, rng)
    assert (photos.table.groupby("cluster_id")[["region", "income_usd_per_month"]].nunique() == 1).all(axis=None)


def test_without_real_samples_hubs_are_simulated_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FAIRAUDIT_SAMPLE_DATA", raising=False)
    found = face_vectors.faces(None)
    assert not found.real
    assert "NOT real embeddings: FAIRAUDIT_SAMPLE_DATA is not set" in found.what
    vectors = found.vectors[:500]
    rows = np.arange(500)
    times = np.bincount(
        nearest(vectors, vectors, k=10, query_clusters=rows, gallery_clusters=rows).ravel(), minlength=500
    )
    assert np.sort(times)[-100:].sum() > 0.7 * times.sum()  # a fifth of the images, without hubs a fifth
    with pytest.raises(SystemExit, match="must name the folder of real samples for --checkpoint; it is not set"):
        face_vectors.faces("checkpoint")


def test_pixels_are_standardised_and_mirrored(tmp_path: Path, rng: np.random.Generator) -> None:
    from PIL import Image

    paths = []
    for i in range(4):
        paths.append(tmp_path / f"{i}.png")
        Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8)).save(paths[-1])
    table = pd.DataFrame({f.name: [f.groups[0]] * 4 for f in face_vectors.RECORDED})
    found = face_vectors.pixels(paths, table)
    assert found.mirrored is not None
    both = np.concatenate([found.vectors, found.mirrored])
    assert both.mean(axis=0) == pytest.approx(0, abs=1e-5)
    assert both.std(axis=0) == pytest.approx(1, abs=1e-5)
    path = tmp_path / "vectors.npz"
    found.save(path)
    with np.load(path) as stored:
        assert np.array_equal(stored["vectors"], found.vectors)
        assert set(stored) == {"vectors", "mirrored", "gender", "age_group", "race"}
