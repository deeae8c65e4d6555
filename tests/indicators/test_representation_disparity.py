"""Same-attribute retrieval: by hand, against a full sort, and with labels that mean nothing."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from fairaudit.core.errors import ConfigError, RequirementError
from fairaudit.core.result import IndicatorResult
from fairaudit.core.samples import NOT_RECORDED, Feature, Samples
from fairaudit.core.tables import Embeddings
from fairaudit.indicators import representation_disparity
from fairaudit.indicators.representation_disparity import INDICATOR, Config, compute
from fairaudit.stats.contrast import contrasts
from fairaudit.stats.group_sums import GroupSums, Members
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.verdicts import decide
from tests.reference import retrieval

GENDER = Feature("gender", ("female", "male"), "annotated", "by hand")


def people(
    gender: npt.ArrayLike, persons: npt.ArrayLike | None = None, name: str = "faces", feature: Feature = GENDER
) -> Samples:
    n = len(np.asarray(gender))
    table = pd.DataFrame({
        "sample_id": [f"s{i}" for i in range(n)], "path": "", "split": "",
        "cluster_id": np.arange(n) if persons is None else persons, "label": "", "text": "", "gender": gender,
    })  # fmt: skip
    return Samples(name, "x", "people", Path(), table, (feature,), "image" if persons is None else "person", "CC0")


def embed(samples: Samples, vectors: npt.ArrayLike) -> Embeddings:
    return Embeddings(samples.sample_ids, np.asarray(vectors, dtype=np.float32))


def value(result: IndicatorResult, metric: str, group: str = "overall") -> float:
    rows = result.groups[(result.groups["metric"] == metric) & (result.groups["group"] == group)]
    assert len(rows) == 1
    return float(rows["value"].iloc[0])


def outcomes(samples: Samples, vectors: Embeddings, k: int = 10) -> dict[str, Outcomes]:
    """What is measured on each query, by metric, with lists of one length."""
    lists = representation_disparity._search(samples, samples, Config(k=(k,)), vectors, vectors)
    return {one.metric: one for one in representation_disparity._outcomes(lists)}


def balanced(samples: Samples, vectors: Embeddings) -> Outcomes:
    return outcomes(samples, vectors)["balanced_precision@10"]


def angle(degrees: float) -> tuple[float, float]:
    return float(np.cos(np.radians(degrees))), float(np.sin(np.radians(degrees)))


def test_by_hand() -> None:
    """A woman whose neighbours are F, M; a man whose neighbours are M, M: .75 overall, .5 and 1."""
    queries = people(["female", "male"], name="queries")
    gallery = people(["female", "male", "male", "male", "female", "female"], name="gallery")
    result = compute(
        samples=queries,
        config=Config(k=(2, 4)),
        embeddings=embed(queries, [angle(0), angle(90)]),
        gallery_samples=gallery,
        gallery_embeddings=embed(gallery, [angle(1), angle(-2), angle(89), angle(92), angle(200), angle(210)]),
    )
    assert value(result, "precision@2") == pytest.approx(0.75)
    assert value(result, "precision@2", "female") == pytest.approx(0.5)
    assert value(result, "precision@2", "male") == pytest.approx(1.0)
    assert result.params["k_balanced"] == [4]
    assert result.params["gallery"] == "gallery"


def test_by_hand_with_each_value_as_often() -> None:
    """The lists F, M of a woman and M, M of a man (Goyal et al. 2022, P@2): lift over one half is 1 and 2."""
    queries, gallery = people(["female", "male"], name="queries"), people(["female"] * 8 + ["male"] * 8, name="gallery")
    far = [angle(180 + i) for i in range(13)]
    vectors = [angle(1), *far[:7], angle(-2), angle(89), angle(92), *far[7:12]]
    result = compute(
        samples=queries,
        config=Config(k=(2, 4)),
        embeddings=embed(queries, [angle(0), angle(90)]),
        gallery_samples=gallery,
        gallery_embeddings=embed(gallery, vectors),
    )
    for metric, values in {
        "precision@2": (0.75, 0.5, 1.0),
        "lift@2": (1.5, 1.0, 2.0),
        "max_skew@2": (np.log(2) / 2, 0.0, np.log(2)),
    }.items():
        found = [value(result, metric, group) for group in ("overall", "female", "male")]
        assert found == pytest.approx(values), metric


@pytest.mark.parametrize("seed", [1, 2])
def test_equals_a_full_sort(seed: int) -> None:
    rng = np.random.default_rng(seed)
    persons = rng.permutation(np.arange(90) // 3)
    gender = np.where(rng.random(30) < 0.35, "female", "male")[persons]
    samples, vectors = people(gender, persons), rng.standard_normal((90, 5)).astype(np.float32)
    result = compute(samples=samples, config=Config(k=(1, 7, 20)), embeddings=embed(samples, vectors))
    orders = [retrieval.ranking(vectors[i], vectors, persons[i], list(persons)) for i in range(90)]
    for k in (1, 7, 20):
        expected = [retrieval.precision(order, gender, g, k) for order, g in zip(orders, gender, strict=True)]
        assert value(result, f"precision@{k}") == pytest.approx(np.mean(expected))
        mixes = [retrieval.mix(order, gender) for order in orders]
        lifts = [p / mix[g] for p, mix, g in zip(expected, mixes, gender, strict=True)]
        assert value(result, f"lift@{k}") == pytest.approx(np.mean(lifts))
        skews = [retrieval.max_skew(gender[order].tolist(), mix, k) for order, mix in zip(orders, mixes, strict=True)]
        assert value(result, f"max_skew@{k}") == pytest.approx(np.mean(skews))
    divergences = [retrieval.ndkl(gender[order].tolist(), mix, 20) for order, mix in zip(orders, mixes, strict=True)]
    assert value(result, "ndkl@20") == pytest.approx(np.mean(divergences))
    for k in result.params["k_balanced"]:
        expected = [retrieval.balanced_precision(order, gender, g, k) for order, g in zip(orders, gender, strict=True)]
        assert value(result, f"balanced_precision@{k}") == pytest.approx(np.mean(expected))
        inside = gender == "female"
        assert value(result, f"balanced_precision@{k}", "female") == pytest.approx(np.array(expected)[inside].mean())
    assert 20 in result.params["k_balanced"]


def test_images_of_the_own_person_are_never_found(rng: np.random.Generator) -> None:
    """Each person's images are copies, and everybody next to them is of the other gender."""
    centres = np.array([angle(4.5 * i) for i in range(40)])
    persons = np.repeat(np.arange(40), 3)
    gender = np.where(persons % 2, "female", "male")
    samples = people(gender, persons)
    result = compute(samples=samples, config=Config(k=(1, 5)), embeddings=embed(samples, centres[persons]))
    assert value(result, "precision@1") == pytest.approx(0)
    alone = people(gender)
    shared = compute(samples=alone, config=Config(k=(1, 5)), embeddings=embed(alone, centres[persons]))
    assert value(shared, "precision@1") == pytest.approx(1)
    assert any("Persons are not known" in w for w in shared.warnings)
    assert not any("Persons are not known" in w for w in result.warnings)


def test_perfect_and_reversed_representations(rng: np.random.Generator) -> None:
    gender = np.where(np.arange(120) < 40, "female", "male")
    samples = people(gender)
    vectors = np.where(gender[:, None] == "female", [1.0, 0.0], [0.0, 1.0]) + rng.normal(0, 0.05, (120, 2))
    result = compute(samples=samples, config=Config(k=(10,)), embeddings=embed(samples, vectors))
    for group in ("overall", "female", "male"):
        assert value(result, "balanced_precision@10", group) == pytest.approx(1)
    assert result.headline == "balanced_precision@10"


def test_attributes_that_are_not_recorded() -> None:
    samples = people(["female", "male"] * 10)
    with pytest.raises(RequirementError) as caught:
        compute(samples=samples, config=Config(attribute="gendre"), embeddings=embed(samples, np.eye(20)))
    assert caught.value.reason == (
        "data set 'faces' must record the attribute 'gendre'; it records gender. Did you mean 'gender'?"
    )
    assert caught.value.what_to_do == "Match another attribute (--set representation_disparity.attribute=NAME)."


@pytest.mark.parametrize("gender", [["female"] * 20, ["female"] * 10 + [NOT_RECORDED] * 10])
def test_one_value_is_not_enough(gender: list[str]) -> None:
    samples = people(gender)
    with pytest.raises(RequirementError, match="must have at least two values in the gallery 'faces'; got 1"):
        compute(samples=samples, config=Config(), embeddings=embed(samples, np.eye(20)))


def test_a_gallery_smaller_than_k() -> None:
    samples = people(["female", "male"] * 4)
    with pytest.raises(RequirementError) as caught:
        compute(samples=samples, config=Config(k=(10, 50)), embeddings=embed(samples, np.eye(8)))
    assert caught.value.reason == (
        "gallery 'faces' must hold more images than k; it has 7 outside a query's own image, and the smallest k is 10."
    )
    result = compute(samples=samples, config=Config(k=(5, 50)), embeddings=embed(samples, np.eye(8)))
    assert "The gallery is too small for k = 50." in result.warnings
    assert result.params["k"] == [5]


def test_lists_too_short_for_a_rare_value(rng: np.random.Generator) -> None:
    """Of a value that is one in ten, an item weighs five: a list that weighs ten would hold two of them."""
    samples = people(["female"] * 10 + ["male"] * 90)
    vectors = rng.standard_normal((100, 4))
    with pytest.raises(RequirementError) as caught:
        compute(samples=samples, config=Config(k=(1, 5, 10)), embeddings=embed(samples, vectors))
    assert caught.value.reason == (
        "gallery 'faces' must hold enough of every value of 'gender' for one of the k (1, 5, 10); its rarest value "
        "needs a k of at least 20, and 99 images can be found."
    )
    result = compute(samples=samples, config=Config(), embeddings=embed(samples, vectors))
    assert result.headline == "balanced_precision@50"
    raw = {f"{name}@{k}" for name in ("precision", "lift", "max_skew") for k in (1, 5, 10, 50)}
    assert set(result.groups["metric"]) == {*raw, "ndkl@50", "balanced_precision@50"}
    assert any("Class-balanced precision is not given for k = 1, 5, 10" in w for w in result.warnings)


def test_queries_without_a_match_in_the_gallery_are_counted(rng: np.random.Generator) -> None:
    gender = ["female", "male"] * 30 + [NOT_RECORDED] * 4
    samples = people(gender)
    vectors = rng.standard_normal((64, 4))
    result = compute(samples=samples, config=Config(k=(10,)), embeddings=embed(samples, vectors))
    assert result.params["n_queries"] == 60
    assert result.params["n_gallery"] == 60
    text = "4 queries have a value that is absent from the gallery and count nowhere (not recorded: 4)."
    assert text in result.warnings
    row = result.groups[(result.groups["group"] == NOT_RECORDED) & (result.groups["metric"] == result.headline)]
    assert (row["status"].item(), row["n"].item()) == ("not_estimable", 0)
    assert row["value"].isna().all()
    # And they do not change what the others get.
    known = samples.select([True] * 60 + [False] * 4)
    alone = compute(samples=known, config=Config(k=(10,)), embeddings=embed(known, vectors[:60]))
    assert value(alone, result.headline) == pytest.approx(value(result, result.headline))


def test_queries_without_a_match_may_count_as_misses() -> None:
    """As in the published code: 3 of 150 can match nobody, so the best that everybody together can have is .98."""
    queries = people(["female"] * 75 + ["male"] * 72 + [NOT_RECORDED] * 3, name="queries")
    gallery = people(["female", "male"] * 30, name="gallery")
    vectors = np.where(np.arange(150)[:, None] < 75, [1.0, 0.0], [0.0, 1.0])
    found = np.where(np.arange(60)[:, None] % 2 == 0, [1.0, 0.0], [0.0, 1.0])
    left_out, missed = (
        compute(
            samples=queries,
            config=Config(k=(10,), unmatched=unmatched),
            embeddings=embed(queries, vectors),
            gallery_samples=gallery,
            gallery_embeddings=embed(gallery, found),
        )
        for unmatched in ("leave_out", "count_as_miss")
    )
    assert value(left_out, "precision@10") == pytest.approx(1)
    assert value(missed, "precision@10") == pytest.approx(0.98)
    assert value(missed, "precision@10", NOT_RECORDED) == 0
    assert value(missed, "precision@10", "male") == pytest.approx(1)
    for metric in ("balanced_precision@10", "lift@10", "max_skew@10", "ndkl@10"):
        assert value(missed, metric) == pytest.approx(value(left_out, metric))
    assert any(
        w.startswith("3 queries have a value that is absent from the gallery and count as misses in precision@k, ")
        for w in missed.warnings
    )
    assert (missed.params["n_queries"], missed.params["n_unmatched"]) == (147, 3)


def test_a_way_with_unmatched_queries_that_does_not_exist() -> None:
    with pytest.raises(ConfigError) as caught:
        Config(unmatched="count_as_misses")
    assert str(caught.value) == (
        "unmatched of representation_disparity must be one of: count_as_miss, leave_out; got 'count_as_misses'. "
        "Did you mean 'count_as_miss'?"
    )


def test_values_that_the_sets_do_not_share() -> None:
    queries = people(["female", "male"] * 10, name="queries")
    gallery = people(["F", "M"] * 10, name="gallery", feature=Feature("gender", ("F", "M"), "annotated", "by hand"))
    with pytest.raises(RequirementError) as caught:
        compute(
            samples=queries,
            config=Config(k=(5,)),
            embeddings=embed(queries, np.eye(20)),
            gallery_samples=gallery,
            gallery_embeddings=embed(gallery, np.eye(20)),
        )
    assert caught.value.reason == (
        "attribute 'gender' must have a value in common in the queries 'queries' and the gallery 'gallery'; "
        "got female, male and F, M."
    )
    assert caught.value.what_to_do.startswith("Name the values alike in both")


def test_an_attribute_that_the_gallery_does_not_record() -> None:
    queries, gallery = people(["female", "male"] * 10, name="queries"), people(["female", "male"] * 10, name="gallery")
    bare = dataclasses.replace(gallery, features=())
    with pytest.raises(
        RequirementError, match="data set 'gallery' must record the attribute 'gender'; it records none"
    ):
        compute(
            samples=queries,
            config=Config(k=(5,)),
            embeddings=embed(queries, np.eye(20)),
            gallery_samples=bare,
            gallery_embeddings=embed(bare, np.eye(20)),
        )


def test_who_has_all_images_of_a_value_has_no_lift(rng: np.random.Generator) -> None:
    """One person is the only one with that value: chance is 0, so there is nothing to divide by, and that is said."""
    gender = ["female", "male"] * 20 + ["other"] * 4
    feature = Feature("gender", ("female", "male", "other"), "annotated", "by hand")
    samples = people(gender, [*range(40), 40, 40, 40, 40], feature=feature)
    config = Config(k=(20,))
    result = compute(samples=samples, config=config, embeddings=embed(samples, rng.standard_normal((44, 4))))
    row = result.groups[(result.groups["metric"] == "lift@20") & (result.groups["group"] == "other")]
    assert row["value"].isna().all()
    assert row["status"].item() == "not_estimable"
    assert value(result, "precision@20", "other") == 0


def test_what_chance_gives_is_told(rng: np.random.Generator) -> None:
    """Vectors that mean nothing and stand in few lists: distances from the mix are those of lists drawn at random."""
    samples = people(rng.permutation(np.repeat(["female", "male"], [100, 200])))
    vectors = embed(samples, rng.standard_normal((300, 16)))
    result = compute(samples=samples, config=Config(k=(10, 20)), embeddings=vectors)
    for metric in ("max_skew@10", "max_skew@20", "ndkl@20"):
        expected = result.params["expected_by_chance"][metric]
        assert value(result, metric) == pytest.approx(expected, rel=0.15)
        assert f"lists drawn at random have about {expected:.2f}" in result.metrics[metric]


def test_raw_precision_is_printed_and_not_compared(rng: np.random.Generator) -> None:
    samples = people(rng.choice(["female", "male"], 100))
    result = compute(samples=samples, config=Config(), embeddings=embed(samples, rng.standard_normal((100, 4))))
    assert set(result.disparities["metric"]) <= {
        "balanced_precision@5",
        "balanced_precision@10",
        "balanced_precision@50",
    }
    assert {"precision@1", "precision@50"} <= set(result.groups["metric"])
    assert set(result.metrics) == set(result.groups["metric"])
    assert set(result.curves["metric"]) == {"balanced_precision"}


@pytest.mark.parametrize("k", [(), (0, 5), (5, 5), (-1,)])
def test_lists_that_cannot_be(k: tuple[int, ...]) -> None:
    with pytest.raises(ConfigError) as caught:
        Config(k=k)
    assert str(caught.value) == (
        f"k of representation_disparity must be different whole numbers from 1; got {list(k)}. "
        "The paper uses 1,5,10,50."
    )


def hubs(rng: np.random.Generator, n: int) -> npt.NDArray[np.float32]:
    """Everything points one way, some more than others: those are neighbours of nearly everybody."""
    return (rng.uniform(0.2, 3, (n, 1)) + rng.standard_normal((n, 100))).astype(np.float32)


@pytest.mark.parametrize("share", [0.5, 0.2])
def test_chance_is_one_half_for_everybody(rng: np.random.Generator, share: float) -> None:
    """Labels that mean nothing, without hubs; the error of the mean over 40 draws of 300 is below .004."""
    female, male = [], []
    for _ in range(40):
        gender = rng.permutation(np.where(np.arange(300) < share * 300, "female", "male"))
        samples = people(gender)
        vectors = rng.standard_normal((300, 16)).astype(np.float32)
        values = balanced(samples, embed(samples, vectors)).values
        female.append(values[gender == "female"].mean())
        male.append(values[gender == "male"].mean())
    assert np.mean(female) == pytest.approx(0.5, abs=0.012)
    assert np.mean(male) == pytest.approx(0.5, abs=0.012)


def alarm_rate(rng: np.random.Generator, *, gallery_role: bool, draws: int) -> float:
    """How often a test at .05 says that genders differ, when they are permuted over images that have hubs."""
    alarms = 0
    for i in range(draws):
        if i % 10 == 0:
            vectors = hubs(rng, 200)
        gender = rng.permutation(np.repeat(["female", "male"], 100))
        samples = people(gender)
        one = balanced(samples, embed(samples, vectors))
        if not gallery_role:
            one = Outcomes(one.metric, one.values, one.clusters)
        sums = GroupSums.of(one, [gender == g for g in GENDER.groups])
        (contrast,) = contrasts(sums, [(Members((0,)), Members((1,)))])
        alarms += contrast.p_value() < 0.05
    return alarms / draws


def test_labels_that_mean_nothing_raise_no_alarm(rng: np.random.Generator) -> None:
    draws = 200
    assert alarm_rate(rng, gallery_role=True, draws=draws) <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / draws)


def test_queries_alone_would_raise_them(rng: np.random.Generator) -> None:
    """Without the gallery role, the same data look like a finding most of the time."""
    assert alarm_rate(rng, gallery_role=False, draws=60) > 0.4


def test_a_planted_difference_is_found(rng: np.random.Generator) -> None:
    """Half of the women lie among everybody: their neighbours are of either gender."""
    gender = np.repeat(["female", "male"], 150)
    vectors = np.where(gender[:, None] == "female", np.eye(20)[0], np.eye(20)[1]) * 3 + rng.standard_normal((300, 20))
    vectors[:75] = rng.standard_normal((75, 20))
    samples = people(gender)
    (result,), _ = decide([compute(samples=samples, config=Config(), embeddings=embed(samples, vectors))])
    row = result.disparities[result.disparities["family"] == "primary"].iloc[0]
    assert row["verdict"] == "disparity"
    assert row["value"] < -0.1


def test_the_order_of_rows_changes_nothing(rng: np.random.Generator) -> None:
    gender, vectors = rng.choice(["female", "male"], 80), rng.standard_normal((80, 6))
    persons, order = rng.integers(0, 40, 80), rng.permutation(80)
    first = people(gender, persons)
    second = dataclasses.replace(first, table=first.table.iloc[order].reset_index(drop=True))
    a = compute(samples=first, config=Config(k=(10,)), embeddings=embed(first, vectors)).disparities
    b = compute(samples=second, config=Config(k=(10,)), embeddings=embed(second, vectors[order])).disparities
    pd.testing.assert_frame_equal(a, b, rtol=1e-6)


def test_a_fixed_gallery_counts_queries_alone_and_says_so(rng: np.random.Generator) -> None:
    """The same values; errors are those of independent queries, by hand, and every interval names its condition."""
    samples, vectors = people(rng.permutation(np.repeat(["female", "male"], 100))), hubs(rng, 200)
    fixed, sampled = (
        compute(samples=samples, config=Config(k=(10,), gallery_role=role), embeddings=embed(samples, vectors))
        for role in ("fixed", "sampled")
    )
    pd.testing.assert_series_equal(fixed.groups["value"], sampled.groups["value"])
    one = balanced(samples, embed(samples, vectors))
    gender = samples.table["gender"].to_numpy(str)
    variances = [one.values[gender == g].var(ddof=1) / 100 for g in GENDER.groups]
    rest, other = (r.disparities[r.disparities["kind"] == "one_vs_rest"].iloc[0] for r in (fixed, sampled))
    assert rest["std_error"] == pytest.approx(np.sqrt(sum(variances)), rel=0.01)
    assert other["std_error"] > 1.5 * rest["std_error"]
    assert rest["ci_method"] == "score, skewness-corrected, conditional on this gallery"
    assert rest["note"] == "conditional on this gallery"
    assert fixed.params["gallery_role"] == "fixed"
    for table in (fixed.groups, fixed.disparities):
        told = table["ci_method"] != ""
        assert told.any()
        assert table.loc[told, "ci_method"].str.endswith(", conditional on this gallery").all()
        assert table.loc[told, "note"].str.endswith("conditional on this gallery").all()
    assert fixed.warnings[0].startswith("Intervals, tests and verdicts are conditional on this gallery: ")
    assert "false alarms in 56 to 74 % of audits (34 % with a gallery of other images)" in fixed.warnings[0]
    assert fixed.statistics["gallery"].eq(0).all()
    assert fixed.statistics["n"].gt(0).all()
    assert not any("conditional" in text for text in (*sampled.warnings, *sampled.groups["ci_method"]))
    (decided,), _ = decide([fixed])
    assert decided.disparities["verdict"].iloc[0] in ("disparity", "inconclusive")


def test_a_gallery_role_that_does_not_exist() -> None:
    with pytest.raises(ConfigError) as caught:
        Config(gallery_role="fix")
    assert str(caught.value) == (
        "gallery_role of representation_disparity must be one of: fixed, sampled; got 'fix'. Did you mean 'fixed'?"
    )


def test_presets_do_as_paper_and_code_do() -> None:
    protocol = INDICATOR.protocol
    assert protocol is not None
    assert protocol.presets == {
        "goyal2022_paper": {"attribute": "gender", "k": [10, 50]},
        "goyal2022_code": {"attribute": "gender", "k": [1, 5, 10, 50], "unmatched": "count_as_miss"},
    }
    defaults = dataclasses.asdict(Config())
    for preset, words in (("goyal2022_paper", "left out of every average and counted"),
                          ("goyal2022_code", "count as misses in the averages over everybody, over age and over skin "
                           "tone")):  # fmt: skip
        said = protocol.describe(defaults, defaults | dict(protocol.presets[preset]))
        assert said["preset"] == preset
        here = {one["option"]: one["here"] for one in said["differences"]}
        assert here["unmatched"] == words


def test_published_numbers_are_those_of_the_figure() -> None:
    """A gap of 24.3 points between men and women fell to 1.9 from the supervised network to the largest SEER."""
    assert INDICATOR.protocol is not None
    rows = INDICATOR.protocol.published_rows()
    figure = rows[rows["unit"] == "%"].pivot(index="model", columns="group", values="value")
    gap = (figure["male"] - figure["female"]).round(1)
    assert gap.to_dict() == {"Supervised ImageNet": 24.3, "SEER RG-128": 9.4, "SEER RG-10B": 1.9}
    assert rows["note"].str.contains("not compared with it").all()


@pytest.mark.parametrize("which", ["queries", "gallery"])
def test_vectors_without_a_direction_are_named_in_queries_and_in_the_gallery(
    rng: np.random.Generator, which: str
) -> None:
    """They would be ranked by the order of the file."""
    gender, vectors = np.repeat(["female", "male"], 40), rng.standard_normal((2, 80, 6))
    sets = [people(gender, name=name) for name in ("queries", "gallery")]
    vectors[int(which == "gallery"), 33] = 0
    queries, gallery = (embed(samples, part) for samples, part in zip(sets, vectors, strict=True))
    with pytest.raises(RequirementError) as caught:
        compute(
            samples=sets[0],
            config=Config(k=(10,)),
            embeddings=queries,
            gallery_samples=sets[1],
            gallery_embeddings=gallery,
        )
    assert caught.value.reason == (
        f"embeddings of '{which}' must have directions that differ, for neighbours are found by them; 1 of 80 vectors "
        "is zero, first that of 's33'."
    )
