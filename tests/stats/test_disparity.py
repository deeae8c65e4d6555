"""From outcomes to rows: which groups are listed, which are compared, and what is said where nothing can be."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from scipy import stats

from fairaudit.core.errors import ConfigError
from fairaudit.core.indicator import Indicator
from fairaudit.core.plan import MEAN_OF_OTHERS, Plan, PlanRow
from fairaudit.core.result import DISPARITY_COLUMNS, GROUP_COLUMNS, STATISTIC_COLUMNS, Measured
from fairaudit.core.samples import NOT_RECORDED, Feature, Samples
from fairaudit.stats.cohort import Cohort
from fairaudit.stats.contrasts import ALL_OTHERS
from fairaudit.stats.disparity import measure
from fairaudit.stats.gallery import GalleryRole, Moves
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.status import MIN_CLUSTERS
from fairaudit.stats.verdicts import decide

GENDER = Feature("gender", ("female", "male"), "annotated", "by hand")
SKIN = Feature("skin", ("light", "medium", "dark"), "annotated", "by hand", ordered=True)
PLACE = Feature("place", ("Africa", "Asia", "Europe"), "annotated", "by hand")


def cohort(columns: dict[str, Any], *features: Feature, clusters: npt.ArrayLike | None = None, **fields: Any) -> Cohort:
    n = len(next(iter(columns.values())))
    names = np.arange(n) if clusters is None else np.asarray(clusters)
    return Cohort(
        "data", "x", features, {k: np.asarray(v, dtype=str) for k, v in columns.items()},
        np.array([f"hash{c}" for c in names]), **{"primary": tuple(f.name for f in features), **fields},
    )  # fmt: skip


def run(group: Cohort, *outcomes: Outcomes, headline: str = "hit", **options: Any) -> Measured:
    return measure(group, outcomes, headline=headline, tolerance=0.05, slope_tolerance=0.02, **options)


def hits(rng: np.random.Generator, n: int, p: float = 0.5, metric: str = "hit") -> Outcomes:
    return Outcomes(metric, (rng.random(n) < p).astype(float), np.arange(n))


def only(frame: pd.DataFrame, **where: str) -> dict[str, Any]:
    for column, value in where.items():
        frame = frame[frame[column] == value]
    assert len(frame) == 1
    return {str(key): value for key, value in frame.to_dict("records")[0].items()}


def rest(frame: pd.DataFrame) -> pd.DataFrame:
    """Each group against the rest: the differences that are tested."""
    return frame[
        (frame["kind"] == "one_vs_rest") & (frame["measure"] == "difference") & (frame["reference"] != MEAN_OF_OTHERS)
    ]


def test_two_groups_give_one_comparison(rng: np.random.Generator) -> None:
    gender = np.repeat(["female", "male"], [70, 90])
    one = hits(rng, 160)
    found = run(cohort({"gender": gender}, GENDER), one)
    row = only(rest(found.disparities))
    female, male = one.values[:70], one.values[70:]
    assert (row["group"], row["reference"], row["kind"], row["measure"]) == (
        "female",
        "male",
        "one_vs_rest",
        "difference",
    )
    assert row["value"] == pytest.approx(female.mean() - male.mean())
    assert row["std_error"] == pytest.approx(np.sqrt(female.var() / 70 + male.var() / 90))
    assert (row["family"], row["status"], row["tolerance"], row["n"]) == ("primary", "ok", 0.05, 160)
    assert row["verdict"] == ""  # the whole audit decides, not the indicator
    assert tuple(found.disparities.columns) == DISPARITY_COLUMNS
    assert tuple(found.groups.columns) == GROUP_COLUMNS


def test_three_groups_each_meet_the_rest(rng: np.random.Generator) -> None:
    place = rng.choice(PLACE.groups, 300)
    one = hits(rng, 300)
    rows = rest(run(cohort({"place": place}, PLACE), one).disparities)
    assert list(rows["group"]) == list(PLACE.groups)
    assert set(rows["reference"]) == {ALL_OTHERS}
    for row in rows.to_dict("records"):
        inside = place == row["group"]
        assert row["value"] == pytest.approx(one.values[inside].mean() - one.values[~inside].mean())


def test_an_order_is_judged_by_its_slope_and_its_groups(rng: np.random.Generator) -> None:
    skin = rng.choice(SKIN.groups, 300)
    one = hits(rng, 300)
    rows = run(cohort({"skin": skin}, SKIN), one).disparities
    slope = only(rows, kind="slope")
    steps = np.array([SKIN.groups.index(s) for s in skin])
    assert slope["value"] == pytest.approx(np.polyfit(steps, one.values, 1)[0])
    assert (slope["measure"], slope["family"], slope["tolerance"], slope["group"]) == ("per_step", "primary", 0.02, "")
    groups = rest(rows)
    assert list(groups["group"]) == list(SKIN.groups)
    assert set(groups["family"]) == {"primary"}
    assert set(groups["tolerance"]) == {0.05}
    departure = only(rows, kind="departure")
    assert (departure["family"], departure["measure"], departure["status"]) == ("exploratory", "", "ok")
    assert np.isnan(departure["tolerance"])


def test_an_order_of_two_is_a_difference(rng: np.random.Generator) -> None:
    age = Feature("age", ("young", "old"), "annotated", "by hand", ordered=True)
    row = only(run(cohort({"age": rng.choice(age.groups, 90)}, age), hits(rng, 90)).disparities, family="primary")
    assert row["kind"] == "one_vs_rest"


def test_not_recorded_is_listed_and_not_compared(rng: np.random.Generator) -> None:
    gender = np.repeat(["female", "male", NOT_RECORDED], [40, 40, 50])
    one = hits(rng, 130)
    found = run(cohort({"gender": gender}, GENDER), one)
    row = only(found.groups, feature="gender", group=NOT_RECORDED)
    assert row["value"] == pytest.approx(one.values[80:].mean())
    assert row["n"] == 50
    contrast = only(rest(found.disparities))
    assert contrast["value"] == pytest.approx(one.values[:40].mean() - one.values[40:80].mean())
    assert contrast["n"] == 80
    assert only(found.groups, feature="overall")["n"] == 130


def test_intersections_are_named_and_escaped(rng: np.random.Generator) -> None:
    origin = Feature("origin", ("R&D", "sales & more"), "annotated", "by hand")
    gender, where = rng.choice(GENDER.groups, 400), rng.choice(origin.groups, 400)
    one = hits(rng, 400)
    found = run(cohort({"gender": gender, "origin": where}, GENDER, origin), one, hits(rng, 400, metric="other"))
    names = found.groups[(found.groups["feature"] == "gender & origin") & (found.groups["metric"] == "hit")]
    assert list(names["group"]) == [
        "female & R&&D", "female & sales && more", "male & R&&D", "male & sales && more",
    ]  # fmt: skip
    both = (gender == "male") & (where == "R&D")
    row = only(names, group="male & R&&D")
    assert row["value"] == pytest.approx(one.values[both].mean())
    exploratory = found.disparities[found.disparities["feature"] == "gender & origin"]
    assert set(exploratory["metric"]) == {"hit"}
    assert set(exploratory["family"]) == {"exploratory"}
    assert only(exploratory, group="male & R&&D")["value"] == pytest.approx(
        one.values[both].mean() - one.values[~both].mean()
    )


def test_only_the_headline_is_primary(rng: np.random.Generator) -> None:
    found = run(cohort({"gender": rng.choice(GENDER.groups, 90)}, GENDER), hits(rng, 90), hits(rng, 90, metric="b"))
    rows = rest(found.disparities)
    assert dict(zip(rows["metric"], rows["family"], strict=True)) == {"hit": "primary", "b": "exploratory"}
    assert set(found.disparities.drop(rows.index)["family"]) == {"exploratory"}


def test_metrics_may_be_printed_without_a_comparison(rng: np.random.Generator) -> None:
    found = run(cohort({"gender": rng.choice(GENDER.groups, 90)}, GENDER), hits(rng, 90), hits(rng, 90, metric="raw"),
                contrasts=["hit"])  # fmt: skip
    assert set(found.groups["metric"]) == {"hit", "raw"}
    assert set(found.disparities["metric"]) == {"hit"}


@pytest.mark.parametrize("n", [MIN_CLUSTERS - 1, MIN_CLUSTERS])
def test_too_few_units(rng: np.random.Generator, n: int) -> None:
    """Counted in clusters: each home has three photos."""
    clusters = np.repeat(np.arange(n + 40), 3)
    gender = np.where(clusters < n, "female", "male")
    one = Outcomes("hit", (rng.random(len(clusters)) < 0.5).astype(float), clusters)
    found = run(cohort({"gender": gender}, GENDER, clusters=clusters), one)
    contrast, group = only(rest(found.disparities)), only(found.groups, group="female")
    if n < MIN_CLUSTERS:
        for row in (contrast, group):
            assert (row["status"], row["note"]) == ("too_few", "19 independent units; at least 20 are needed")
        assert np.isnan(contrast["p_value"])
    else:
        assert (contrast["status"], group["status"]) == ("ok", "ok")
        assert 0 <= contrast["p_value"] <= 1
    assert not np.isnan(contrast["value"])
    assert only(found.groups, group="male")["status"] == "ok"


@pytest.mark.parametrize("events", [0, 1, 4])
def test_few_events_of_independent_shares_are_judged(events: int) -> None:
    """The score needs no rule of five events: Fisher's exact test says nearly the same."""
    one = Outcomes("hit", np.array([1.0] * 2 * events + [0.0] * (400 - 2 * events)), np.arange(400))
    found = run(cohort({"gender": ["female", "male", "male", "male"] * 100}, GENDER), one)
    assert set(found.groups["status"]) == {"ok"}
    row = only(rest(found.disparities))
    assert row["status"] == "ok"
    split = [[int(one.values[::4].sum()), 100], [2 * events - int(one.values[::4].sum()), 300]]
    if events:
        table = [[split[0][0], 100 - split[0][0]], [split[1][0], 300 - split[1][0]]]
        assert row["p_value"] == pytest.approx(stats.fisher_exact(table).pvalue, abs=0.35)
    else:
        assert row["p_value"] == 1
    assert -0.1 < row["ci_low"] <= row["value"] <= row["ci_high"] < 0.1


@pytest.mark.parametrize(
    ("events", "of_all", "by_gender"),
    [
        (4, "4.0 expected events or non-events; at least 5 are needed",
         "2.0 expected events or non-events; at least 5 are needed"),
        (6, "", "3.0 expected events or non-events; at least 5 are needed"),
        (12, "", ""),
    ],
)  # fmt: skip
def test_few_events_where_outcomes_share_a_gallery(events: int, of_all: str, by_gender: str) -> None:
    n = 100
    role = GalleryRole.of(Moves(np.arange(n)[:, None], np.full((n, 1), 0.0)), np.arange(n))
    one = Outcomes("hit", np.array([1.0] * events + [0.0] * (n - events)), np.arange(n), gallery=role)
    found = run(cohort({"gender": ["female", "male"] * 50}, GENDER), one)
    for row, note in (
        (only(found.groups, feature="overall"), of_all), (only(rest(found.disparities)), by_gender)
    ):  # fmt: skip
        assert (row["status"], row["note"]) == ("too_few" if note else "ok", note)


def test_an_empty_group_is_a_row_with_a_reason(rng: np.random.Generator) -> None:
    place = rng.choice(PLACE.groups[:2], 100)
    found = run(cohort({"place": place}, PLACE), hits(rng, 100))
    for row in (only(found.groups, group="Europe"), only(rest(found.disparities), group="Europe")):
        assert np.isnan(row["value"])
        assert (row["status"], row["note"]) == ("not_estimable", "no image was measured in this group")
    assert np.isnan(only(rest(found.disparities), group="Europe")["p_value"])
    assert len(found.groups) == 1 + 3


@pytest.mark.parametrize("feature", [GENDER, SKIN, PLACE])
def test_a_feature_of_which_one_group_occurs(rng: np.random.Generator, feature: Feature) -> None:
    found = run(cohort({feature.name: [feature.groups[-1]] * 77}, feature), hits(rng, 77))
    assert len(found.groups) == 1 + len(feature.groups)
    assert (found.disparities["status"] == "not_estimable").all()
    assert found.disparities["value"].isna().all()
    assert found.disparities["p_value"].isna().all()


def test_a_feature_that_lists_one_group(rng: np.random.Generator) -> None:
    species = Feature("species", ("person",), "annotated", "by hand")
    found = run(cohort({"species": ["person"] * 30}, species), hits(rng, 30))
    assert found.disparities.empty
    assert len(found.groups) == 2


def test_nothing_measured_at_all() -> None:
    one = Outcomes("hit", np.full(40, np.nan), np.arange(40))
    found = run(cohort({"gender": ["female", "male"] * 20}, GENDER), one)
    assert set(found.groups["status"]) == {"not_estimable"}
    assert found.groups["value"].isna().all()
    assert (found.groups["n"] == 0).all()
    assert found.disparities["value"].isna().all()


def test_outcomes_that_never_vary_are_not_a_certainty() -> None:
    """All right, or all equal: without variation nothing says how sure a number without bounds is."""
    one = Outcomes("adjusted", np.full(60, 0.3), np.arange(60), unit_interval=False)
    found = run(cohort({"gender": ["female", "male"] * 30}, GENDER), one, headline="adjusted")
    row = only(rest(found.disparities))
    assert row["status"] == "too_few"
    assert row["note"] == "the outcomes do not vary, so this number has no standard error"
    assert np.isnan(row["p_value"])
    bounded = Outcomes("share", np.full(60, 0.3), np.arange(60))
    skin = np.tile(SKIN.groups, 20)
    slope = only(run(cohort({"skin": skin}, SKIN), bounded, headline="share").disparities, kind="slope")
    assert (slope["status"], slope["note"]) == (row["status"], row["note"])


def test_slope_along_a_number(rng: np.random.Generator) -> None:
    income = rng.normal(8, 2, 120)
    income[:10] = np.nan
    one = hits(rng, 120)
    group = cohort(
        {"gender": rng.choice(GENDER.groups, 120)}, GENDER, numeric={"income": (income, "per_doubling")},
        primary=("income",),
    )  # fmt: skip
    rows = run(group, one, hits(rng, 120, metric="b")).disparities
    slope = only(rows, feature="income", metric="hit", kind="slope")
    assert slope["value"] == pytest.approx(np.polyfit(income[10:], one.values[10:], 1)[0])
    assert (slope["measure"], slope["family"], slope["n"], slope["tolerance"]) == ("per_doubling", "primary", 110, 0.02)
    assert only(rows, feature="income", metric="b", kind="slope")["family"] == "exploratory"
    assert only(rest(rows), feature="gender", metric="hit")["family"] == "exploratory"


def test_auroc_by_group_has_no_slope(rng: np.random.Generator) -> None:
    labels = (rng.random(300) < 0.4).astype(np.int64)
    one = Outcomes("hit", rng.random(300), np.arange(300), labels=labels)
    found = run(cohort({"skin": rng.choice(SKIN.groups, 300)}, SKIN), one)
    slope = only(found.disparities, kind="slope")
    assert (slope["status"], slope["note"]) == ("not_estimable", "no slope is defined for the AUROC")
    assert np.isnan(slope["value"])
    assert set(found.disparities[found.disparities["kind"] == "one_vs_rest"]["status"]) == {"ok"}


def test_auroc_of_a_group_with_few_hateful_memes(rng: np.random.Generator) -> None:
    labels = np.array([1] * 4 + [0] * 46 + [1, 0] * 50)
    one = Outcomes("hit", rng.random(150), np.arange(150), labels=labels)
    found = run(cohort({"gender": ["female"] * 50 + ["male"] * 100}, GENDER), one)
    for row in (only(found.groups, group="female"), only(rest(found.disparities))):
        assert row["status"] == "too_few"
        assert row["note"] == "4.0 expected events or non-events; at least 5 are needed"


def test_statistics_add_up_and_hide_the_ids(rng: np.random.Generator) -> None:
    clusters = np.repeat(np.arange(30), 2)
    values = rng.random(60)
    values[7] = np.nan
    gender = np.where(clusters % 2, "female", "male")
    role = GalleryRole.of(Moves(np.full((60, 1), 33), np.full((60, 1), 0.5)), np.arange(60))
    one = Outcomes("hit", values, clusters, gallery=role)
    frame = run(cohort({"gender": gender}, GENDER, clusters=clusters), one).statistics
    assert tuple(frame.columns) == STATISTIC_COLUMNS
    female = frame[(frame["feature"] == "gender") & (frame["group"] == "female")]
    use = (gender == "female") & ~np.isnan(values)
    assert female["numerator"].sum() / female["denominator"].sum() == pytest.approx(values[use].mean())
    assert female["n"].sum() == use.sum()
    assert set(female["cluster"]) == {f"hash{c}" for c in range(1, 30, 2)}
    everything = frame[frame["feature"] == "overall"]
    assert set(everything["cluster"]) == {*(f"hash{c}" for c in range(30)), "gallery-33"}
    assert only(everything, cluster="gallery-33")["gallery"] == pytest.approx(0.5 * 59)
    assert (frame["gallery"] != 0).sum() == 1


def test_statistics_are_those_of_metrics_that_are_compared(rng: np.random.Generator) -> None:
    group = cohort({"gender": rng.choice(GENDER.groups, 60)}, GENDER)
    found = run(group, hits(rng, 60), Outcomes("raw", rng.random(60), np.arange(60)), contrasts=["hit"])
    assert set(found.groups["metric"]) == {"hit", "raw"}
    assert set(found.statistics["metric"]) == {"hit"}


@pytest.mark.parametrize("bad", [0.0, 1.0, -0.1, float("nan")])
def test_tolerances_out_of_range(rng: np.random.Generator, bad: float) -> None:
    group = cohort({"gender": rng.choice(GENDER.groups, 40)}, GENDER)
    for name in ("tolerance", "slope_tolerance"):
        options: dict[str, Any] = {"tolerance": 0.05, "slope_tolerance": 0.02, name: bad}
        with pytest.raises(ConfigError) as caught:
            measure(group, [hits(rng, 40)], headline="hit", **options)
        assert str(caught.value) == f"{name} must be between 0 and 1; got {bad:g}. Leave it out for the default."


def test_a_cohort_of_samples() -> None:
    table = pd.DataFrame({
        "sample_id": list("abcd"), "path": "", "cluster_id": ["p", "p", "q", "r"], "split": "", "label": "",
        "text": "", "gender": ["female", "male", NOT_RECORDED, "male"], "country": "X",
    })  # fmt: skip
    country = Feature("country", ("X",), "annotated", "by hand")
    samples = Samples("d", "r", "people", Path(), table, (GENDER, country), "person", "CC0")
    bucket = Feature("bucket", ("low",), "derived", "from income")
    made = Cohort.of(
        samples, "x", extra=[(bucket, ["low"] * 4)], numeric={"income": (np.ones(4), "per_doubling")},
        exploratory=("country",),
    )  # fmt: skip
    assert [f.name for f in made.features] == ["gender", "country", "bucket"]
    assert made.primary == ("gender", "income")
    assert made.mask("gender", "male").tolist() == [False, True, False, True]
    assert made.cluster_names[0] == made.cluster_names[1] != made.cluster_names[2]
    assert "p" not in made.cluster_names


def test_a_feature_that_asks_what_another_one_asks_gives_leads_alone(rng: np.random.Generator) -> None:
    bins = Feature("shade", ("light", "dark"), "annotated", "two bins of skin", exploratory=True)
    skin = rng.choice(SKIN.groups, 120)
    table = pd.DataFrame({
        "sample_id": np.arange(120).astype(str), "path": "", "cluster_id": np.arange(120).astype(str), "split": "",
        "label": "", "text": "", "skin": skin, "shade": np.where(skin == "dark", "dark", "light"),
    })  # fmt: skip
    made = Cohort.of(Samples("d", "r", "people", Path(), table, (SKIN, bins), "image", "CC0"), "x")
    assert made.primary == ("skin",)
    rows = run(made, hits(rng, 120)).disparities
    assert set(rows.loc[rows["feature"] == "shade", "family"]) == {"exploratory"}
    assert set(rows.loc[rows["family"] == "primary", "feature"]) == {"skin"}


PLANNED = {
    "ratio": PlanRow("x", "hit", "place", "one_vs_rest", measure="ratio"),
    "mean": PlanRow("x", "hit", "place", "one_vs_rest", reference=MEAN_OF_OTHERS),
}


@pytest.mark.parametrize("name", PLANNED)
def test_alternatives_are_tested_if_a_plan_names_them(rng: np.random.Generator, name: str) -> None:
    place = rng.choice(PLACE.groups, 900)
    one = Outcomes("hit", (rng.random(900) < np.where(place == "Asia", 0.5, 0.2)).astype(float), np.arange(900))
    found = run(cohort({"place": place}, PLACE), one)
    indicator = Indicator("x", "1", "X", "?", "people", object, lambda **_: None)  # type: ignore[arg-type]
    made = indicator.result(dataset="d", headline="hit", measured=found, params={}, metrics={})
    (without,), _ = decide([made])
    rows = without.disparities
    mine = (rows["measure"] == "ratio") if name == "ratio" else rows["reference"] == MEAN_OF_OTHERS
    mine &= rows["kind"] == "one_vs_rest"
    assert mine.sum() == 3
    assert rows.loc[mine, ["p_value", "p_adjusted"]].isna().all(axis=None)
    assert set(rows.loc[mine, "verdict"]) == {""}
    tested = rows[rows["p_value"].notna() & (rows["family"] == "exploratory")]
    assert tested["p_adjusted"].tolist() == pytest.approx(stats.false_discovery_control(tested["p_value"]).tolist())
    (planned,), _ = decide([made], Plan((PLANNED[name],)))
    rows = planned.disparities.loc[mine].set_index("group")
    assert set(planned.disparities.index[planned.disparities["family"] == "primary"]) == set(np.flatnonzero(mine))
    assert rows["p_value"].notna().all()
    asia = only(rows.reset_index(), group="Asia")
    assert (asia["verdict"], asia["extent"]) == ("disparity", "beyond_tolerance")
    assert (1.0 if name == "ratio" else 0.0) < asia["ci_low_adjusted"] < asia["ci_low"]
    if name == "ratio":
        differences = rest(without.disparities).set_index("group")["p_value"]
        assert rows["p_value"].to_dict() == pytest.approx(differences.to_dict())


# Weights of rows reach every row.


def everything(weights: npt.NDArray[np.float64] | None, repeats: npt.NDArray[np.int64] | int = 1) -> Measured:
    """A table with every kind of row, each row of the data ``repeats`` times in its cluster."""
    rng = np.random.default_rng(4)
    n = 600
    clusters = np.arange(n) // 2
    columns = {
        "place": rng.choice(PLACE.groups, n),
        "skin": rng.choice(SKIN.groups, n),
        "bed": rng.choice(["y", "n"], n),
    }
    values, income = (rng.random(n) < 0.4).astype(float), rng.normal(8, 2, n)
    again = np.repeat(np.arange(n), repeats)
    columns = {name: column[again] for name, column in columns.items()}
    group = cohort(
        {name: columns[name] for name in ("place", "skin")}, PLACE, SKIN, clusters=clusters[again], weights=weights,
        numeric={"income": (income[again], "per_doubling")}, primary=("place", "skin", "income"),
        controls={"bed": columns["bed"]},
    )  # fmt: skip
    micro = Outcomes("hit", values[again], clusters[again])
    return run(group, micro, dataclasses.replace(micro, metric="home", average="macro"))


def test_weights_of_one_are_none() -> None:
    plain, one, seven = everything(None), everything(np.ones(600)), everything(np.full(600, 7.0))
    for name in ("groups", "disparities"):
        for other in (one, seven):
            pd.testing.assert_frame_equal(getattr(plain, name), getattr(other, name), rtol=1e-8, atol=1e-12)


def test_whole_weights_are_repeated_rows() -> None:
    times = np.random.default_rng(5).integers(1, 4, 600)
    weighted, repeated = everything(times.astype(float)), everything(None, times)
    for name in ("groups", "disparities"):
        first, second = getattr(weighted, name), getattr(repeated, name)
        compared = first["kind"] != "omnibus" if name == "disparities" else first["value"].notna()
        if name == "disparities":
            compared &= first["kind"] != "departure"
        assert compared.sum() > 30
        # The mix of a macro average counts clusters, whatever their weights.
        assert first.loc[compared, "value"].tolist() == pytest.approx(second.loc[compared, "value"].tolist(), abs=1e-12)
    assert weighted.disparities["n"].sum() < repeated.disparities["n"].sum()


def test_the_order_of_rows_does_not_change_intervals_of_outcomes_that_are_alike() -> None:
    """Weighted sums of equal shares differ by their rounding: once a variance of 1e-33, or none."""
    gender, weights = np.repeat(["female", "male"], 30), np.random.default_rng(7).lognormal(0, 2, 60)
    found = []
    for order in (np.arange(60), np.arange(60)[::-1], np.random.default_rng(1).permutation(60)):
        one = Outcomes("hit", np.where(gender == "female", 0.3, 0.7)[order], np.arange(60), weights=weights[order])
        found.append(run(cohort({"gender": gender[order]}, GENDER), one))
    for other in found[1:]:
        pd.testing.assert_frame_equal(found[0].groups, other.groups, rtol=1e-9)
        pd.testing.assert_frame_equal(found[0].disparities, other.disparities, rtol=1e-7)


def test_every_row_feels_the_weights() -> None:
    plain, weighted = everything(None), everything(np.random.default_rng(6).lognormal(0, 1, 600))
    for name in ("groups", "disparities"):
        first, second = getattr(plain, name), getattr(weighted, name)
        # Of a macro average, a home with one image in a group is one number, whatever its weight.
        assert (first["value"] - second["value"]).abs()[first["metric"] == "hit"].min() > 1e-9
