"""The simulations of ``coverage``, ``power`` and ``null_audits`` draw what they say and count what an audit does."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from benchmarks import (
    contrast_designs,
    coverage,
    enumerated,
    face_vectors,
    null_audits,
    permuted_labels,
    power,
    simulated_audits,
    table_designs,
)
from benchmarks.clustered_hits import Clusters, Crossed, Nested, Table
from benchmarks.monte_carlo import bounds, outside
from benchmarks.slope_designs import Homes
from fairaudit.auditing.plugins import load_indicator
from fairaudit.core.result import IndicatorResult
from fairaudit.core.samples import Feature, Samples
from fairaudit.core.tables import Embeddings
from fairaudit.indicators import representation_disparity
from fairaudit.measures.neighbours import nearest
from fairaudit.stats.cohort import Cohort
from fairaudit.stats.disparity import measure
from fairaudit.stats.estimates import estimates
from fairaudit.stats.intervals import group_interval
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.score import ScoreContrast
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
    table = Nested((Clusters(4000, 4, 0, icc),) * 2, 0.3, gap=0.5).draw(rng)
    assert np.array_equal(table.clusters, np.repeat(np.arange(8000), 4))
    assert np.array_equal(table.codes, np.repeat([0, 1], 16_000))
    for group, share in ((0, 0.8), (1, 0.3)):
        rows = table.values[table.codes == group]
        assert rows.mean() == pytest.approx(share, abs=0.03)
        four = rows.reshape(4000, 4) - share
        together = np.mean([(four[:, i] * four[:, j]).mean() for i in range(4) for j in range(i)])
        assert together / (share * (1 - share)) == pytest.approx(icc, abs=0.05)


def test_probit_clusters_have_the_share_and_informative_sizes_lower_it(rng: np.random.Generator) -> None:
    groups = (Clusters(20_000, 3, 1.0, 0.3),) * 2
    sizes = [np.full(20_000, 3)] * 2
    assert Nested(groups, 0.3, mixing="probit").draw(rng, sizes).values.mean() == pytest.approx(0.3, abs=0.01)
    table = Nested(groups, 0.3, mixing="probit", informative=0.3).draw(rng)
    rows = np.bincount(table.clusters)[table.clusters]
    assert table.values[rows >= 10].mean() < 0.25 < table.values[rows <= 2].mean()


def test_sizes_are_lognormal_and_weights_too(rng: np.random.Generator) -> None:
    sizes = Clusters(100_000, 50, 1.5, 0.3).sizes(rng)
    assert np.median(sizes) == pytest.approx(50, rel=0.03)
    assert np.log(sizes).std() == pytest.approx(1.5, rel=0.03)
    table = Nested((Clusters(50_000, 1, 0, 0),) * 2, 0.05, weight_sigma=0.7).draw(rng)
    assert table.weights is not None
    assert np.log(table.weights).std() == pytest.approx(0.7, rel=0.02)


def test_persons_are_in_both_groups_as_often_as_said(rng: np.random.Generator) -> None:
    table = Crossed(persons=4000, images=10, both=0.4, gap=0.1).draw(rng)
    groups_of_person = pd.Series(table.codes).groupby(table.clusters).nunique()
    assert (groups_of_person == 2).mean() == pytest.approx(0.4, abs=0.03)
    means = [table.values[table.codes == group].mean() for group in (0, 1)]
    assert means == pytest.approx([0.4, 0.3], abs=0.02)


def test_homes_rise_as_said_and_three_are_rich(rng: np.random.Generator) -> None:
    outcomes, x = Homes(Clusters(20_000, 2, 0, 0.0), "three rich", 0.5, 0.05).draw(rng)
    assert np.polyfit(x, outcomes.values, 1)[0] == pytest.approx(0.05, abs=0.01)
    assert x[:6].min() > 1


def test_every_enumerated_count_is_what_an_audit_makes_of_its_rows() -> None:
    """One table, row by row, has the p-value and the intervals of its counts."""
    n, m, hits, others = 30, 70, 4, 25
    values = np.concatenate([np.arange(n) < hits, np.arange(m) < others]).astype(float)
    table = Table(values, np.arange(n + m), np.repeat([0, 1], [n, m]))
    contrast = contrast_designs.contrast_of(table)
    score = ScoreContrast.of(hits / n, n, others / m, m)
    assert contrast.p_value() == pytest.approx(float(score.p_value()[0]), rel=1e-12)
    assert contrast.interval(0.95) == pytest.approx([float(b[0]) for b in score.interval(0.95)], abs=1e-10)
    estimate = estimates(contrast_designs.sums_of(table))[0]
    assert group_interval(estimate) == pytest.approx(group_interval(enumerated.binary(hits / n, n)))


def test_enumeration_adds_up_and_finds_the_alarms_of_fisher_like_tables() -> None:
    """p below 1 - epsilon at nearly all counts; alarms by hand over all tables of two rows each."""
    cell = enumerated.TwoShares(12, 9, 0.4, 0.4)
    p = np.array([[float(ScoreContrast.of(x / 12, 12, y / 9, 9).p_value()[0]) for y in range(10)] for x in range(13)])
    weight = np.outer(stats.binom.pmf(np.arange(13), 12, 0.4), stats.binom.pmf(np.arange(10), 9, 0.4))
    shares, higher = cell.alarms()
    assert shares == pytest.approx([weight[p < level].sum() for level in enumerated.LEVELS], abs=1e-6)
    above = np.arange(13)[:, None] / 12 > np.arange(10) / 9
    assert higher == pytest.approx(weight[(p < 0.0025) & above].sum() / weight[p < 0.0025].sum(), abs=1e-4)
    held = cell.coverage()
    assert held["contrast"] == pytest.approx(1 - shares[0], abs=1e-6)
    assert held["ratio to the rest"] == pytest.approx(1 - shares[0], abs=1e-6)


def test_alarms_are_counted_among_the_judged() -> None:
    p = np.array([0.001, 0.03, 0.001, 0.5, np.nan])
    ok = np.array([True, True, False, True, False])
    value = np.array([-0.2, 0.1, 0.3, 0.0, 0.1])
    held = np.array([[False, False, True, True, True], [True, True, True, True, True]])
    found = contrast_designs.found_of(value, np.full(5, 0.1), p, ok, held)
    assert (found.draws, found.judged, found.alarms, found.higher, found.held) == (5, 3, (2, 1), 0, (1, 3))
    assert found.error_ratio == pytest.approx(0.1 / np.std([-0.2, 0.1, 0.0]))


def found(alarms: tuple[int, int] = (500, 25), *, judged: int = 10_000, held: int = 9500) -> contrast_designs.Found:
    return contrast_designs.Found(10_000, judged, alarms, 10, (held, judged), 1.0)


def test_a_design_fails_at_its_bars() -> None:
    few = contrast_designs.demanded()[1]
    assert null_audits.missed_levels(few, found()) == []
    assert null_audits.missed_levels(few, found((500, 70))) == ["p<0.0025 0.0070"]
    assert null_audits.missed_levels(few, found((700, 25))) == ["p<0.05 0.0700"]
    assert null_audits.missed_levels(few, found((0, 0), judged=4000, held=4000)) == ["judged 0.400"]
    assert null_audits.missed_levels(contrast_designs.demanded()[2], found((0, 0), judged=4000)) == []
    assert null_audits.missed_levels(few, found((0, 0), judged=0, held=0)) == ["never judged"]
    assert coverage.missed_difference(few, found(held=9000)) == ["covers 0.9000"]
    apart = contrast_designs.Found(10_000, 10_000, (500, 25), 10, (9500, 9975), 1.2)
    assert coverage.missed_difference(Crossed(), apart) == ["s.e./SD 1.200"]
    assert coverage.missed_difference(few, apart) == []
    assert coverage.missed_groups({"group": (3600, 4000), "gap": (1000, 1000)}, 1.3) == ["width 1.300", "group 0.9000"]
    cell = enumerated.TwoShares(100, 100, 0.05, 0.05)
    assert coverage.missed_enumerated(cell, {"group": 0.92, "contrast": 0.995}) == ["group 0.9200", "contrast 0.9950"]
    assert coverage.missed_enumerated(enumerated.TwoShares(50, 50, 0.05, 0.05), {"contrast": 0.995}) == []


def audited(table: Table) -> pd.DataFrame:
    """The rows against the rest of one table of outcomes, through the functions of an audit."""
    names = tuple(f"group {g}" for g in range(int(table.codes.max()) + 1))
    feature = Feature("group", names, "synthetic", "drawn")
    columns = {"group": np.array(names)[table.codes]}
    cohort = Cohort("x", "x", (feature,), columns, table.clusters.astype(str), primary=("group",))
    measured = measure(cohort, [Outcomes("hit", table.values, table.clusters)], headline="hit", tolerance=1e-9)
    indicator = load_indicator("representation_disparity")
    result: IndicatorResult = indicator.result(dataset="x", headline="hit", measured=measured, params={}, metrics={})
    (decided,), _ = decide([result])
    return decided.disparities[decided.disparities["family"] == "primary"]


@pytest.mark.parametrize("k", [2, 3])
def test_power_prints_and_finds_what_an_audit_does(k: int, rng: np.random.Generator) -> None:
    cell = power.Cell(Nested((Clusters(60, 2, 0, 0.2),) * k, 0.9), 0)
    decisions = []
    for gap in [0.0] * 4 + [-0.25] * 4:
        table = cell.moved(gap).draw(rng)
        row = audited(table).iloc[0]
        rows = power.compared(table, cell.rows)
        least, direction = power.printed(rows[0], 0.05 / cell.family)
        assert least == pytest.approx(row["min_detectable"], nan_ok=True)
        assert direction == row["detectable_direction"]
        decisions.append(power.detected(rows, np.zeros(0)))
        assert decisions[-1] == (row["verdict"] == "disparity")
    assert set(decisions) == {False, True}


def test_other_rows_of_the_family_raise_the_bar(rng: np.random.Generator) -> None:
    rows = power.compared(Nested((Clusters(200, 1, 0, 0),) * 2, 0.3, 0.11).draw(rng), 1)
    p = rows[0].p_value()
    assert power.detected(rows, np.zeros(0)) == (p < 0.05)
    assert power.detected(rows, np.ones(9)) == (10 * p < 0.05)


def test_a_power_cell_is_judged_by_the_pilots_that_print_a_minimum() -> None:
    cell = power.Cell(Nested((Clusters(100, 1, 0, 0),) * 2, 0.95), 20)
    assert power.fails(power.Found(1000, 1000, 0.2, 950, 0, 0.1, 0.5))
    assert not power.fails(power.Found(1000, 1000, 0.2, 800, 0, 0.1, 0.5))
    few = power.Found(1000, 400, 0.2, 390, 0, 0.1, 0.5)
    assert not power.fails(few)
    assert "0.400 of pilots print a minimum" in power.line(cell, few)


def test_people_are_dealt_out_as_said_and_tables_are_decided(rng: np.random.Generator) -> None:
    design = table_designs.Features(Clusters(1000, 2, 0, 0.2), 0.3, ((0.1, 0.2, 0.7), (0.5, 0.5)))
    outcomes, (first, second) = design.draw(rng)
    assert np.bincount(first).tolist() == [200, 400, 1400]
    assert np.bincount(second).tolist() == [1000, 1000]
    assert all(len(set(first[outcomes.clusters == c])) == 1 for c in range(20))
    rows = table_designs.rows_of(design, rng)
    assert [row.feature for row in rows] == ["feature 1"] * 3 + ["feature 2"]
    table = table_designs.decided(rows).disparities
    p = np.sort(table["p_value"])
    assert table["p_adjusted"].min() == pytest.approx(min(1.0, 4 * p[0]))
    assert ((table["verdict"] == "disparity") == (table["p_adjusted"] < 0.05)).all()


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
    assert len(whole) == 10


def test_a_simulated_audit_has_all_indicators_and_no_group_within_a_cluster(rng: np.random.Generator) -> None:
    results = simulated_audits.audit(SMALL, rng)
    primary = [r.disparities[r.disparities["family"] == "primary"] for r in results]
    assert [len(rows) for rows in primary] == [10, 10, 5, 5]
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
