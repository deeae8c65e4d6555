"""Objects by income and place: buckets, averages over homes, and neighbours of other homes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from fairaudit.core.errors import ConfigError, RequirementError
from fairaudit.core.result import IndicatorResult
from fairaudit.core.samples import INCOME, NOT_RECORDED, Feature, Samples
from fairaudit.core.tables import Embeddings, Predictions
from fairaudit.indicators import geographic_disparity
from fairaudit.indicators.geographic_disparity import Config, compute, income_bucket
from fairaudit.stats.contrast import contrasts
from fairaudit.stats.group_sums import GroupSums, Members

REGION = Feature("region", ("Africa", "Europe"), "annotated", "by the photographer")
COUNTRY = Feature("country", ("Kenya", "Mali", "Italy"), "annotated", "by the photographer")


def homes(
    topics: npt.ArrayLike, home: npt.ArrayLike, features: tuple[Feature, ...] = (REGION,), **more: Any
) -> Samples:
    n = len(np.asarray(topics))
    columns = {"region": "Africa", **more}
    table = pd.DataFrame({
        "sample_id": [f"s{i}" for i in range(n)], "path": "", "cluster_id": home, "split": "", "label": topics,
        "text": "", **columns,
    })  # fmt: skip
    return Samples("homes", "x", "objects", Path(), table, features, "household", "CC BY")


def embed(samples: Samples, vectors: npt.ArrayLike) -> Embeddings:
    return Embeddings(samples.sample_ids, np.asarray(vectors, dtype=np.float32))


def say(samples: Samples, labels: npt.ArrayLike, known: tuple[str, ...]) -> Predictions:
    names = np.asarray(labels)
    return Predictions(samples.sample_ids, names, np.full(names.shape, 0.1, dtype=np.float32), known, "head")


def value(result: IndicatorResult, metric: str, group: str = "overall") -> float:
    rows = result.groups[(result.groups["metric"] == metric) & (result.groups["group"] == group)]
    rows = rows[rows["control"] == ""]
    assert len(rows) == 1
    return float(rows["value"].iloc[0])


@pytest.mark.parametrize(
    ("income", "bucket"),
    [(5, "low"), (89, "low"), (90, "low"), (91, "medium"), (1808, "medium"), (1809, "high"), (10000, "high"),
     (4.4, "low"), (0.01, "low"), (40000, "high"), (1e9, "high"), (0, NOT_RECORDED), (-5, NOT_RECORDED),
     (float("nan"), NOT_RECORDED)],
)  # fmt: skip
def test_income_buckets(income: float, bucket: str) -> None:
    assert income_bucket(np.array([income, 100.0]))[0] == bucket


def test_homes_count_alike_not_photos() -> None:
    """Home A has a hit and a miss, home B a hit: .75, where the photos would say two thirds."""
    samples = homes(["stove", "bed", "bed"], ["A", "A", "B"])
    predictions = say(samples, [["stove"], ["stove"], ["bed"]], ("stove", "bed"))
    result = compute(
        samples=samples, config=Config(k_neighbours=1), embeddings=embed(samples, np.eye(3)), predictions=predictions
    )
    assert result.headline == "hit@5"
    assert value(result, "hit@5") == pytest.approx(0.75)
    assert value(result, "hit@5", "Africa") == pytest.approx(0.75)


def test_a_hit_is_among_the_top_k() -> None:
    samples = homes(["stove", "Bed, cot"] * 30, np.arange(60))
    predictions = say(samples, [["sofa", "STOVE", "bed"]] * 60, ("sofa", "stove", "bed"))
    arguments: dict[str, Any] = {
        "samples": samples,
        "embeddings": embed(samples, np.eye(60)),
        "predictions": predictions,
    }
    assert value(compute(config=Config(k=1), **arguments), "hit@1") == 0
    assert value(compute(config=Config(k=2), **arguments), "hit@2") == pytest.approx(0.5)
    assert value(compute(config=Config(k=3), **arguments), "hit@3") == pytest.approx(1)


def test_topics_that_the_head_cannot_say_were_not_measured() -> None:
    samples = homes(["stove", "loom"] * 20, np.repeat(np.arange(20), 2))
    predictions = say(samples, [["stove"]] * 40, ("stove", "tench"))
    result = compute(samples=samples, config=Config(), embeddings=embed(samples, np.eye(40)), predictions=predictions)
    assert value(result, "hit@5") == pytest.approx(1)
    row = result.groups[(result.groups["metric"] == "hit@5") & (result.groups["feature"] == "overall")]
    assert row["n"].item() == 20
    assert "Photos of 1 topics that the labels do not include were left out: loom." in result.warnings
    assert result.params["topics_unknown_to_head"] == ["loom"]


@pytest.mark.parametrize("known", [None, ("tench", "cat")])
def test_without_labels_neighbours_are_compared(known: tuple[str, ...] | None, rng: np.random.Generator) -> None:
    samples = homes(["stove", "bed"] * 20, np.repeat(np.arange(10), 4))
    predictions = None if known is None else say(samples, [["cat"]] * 40, known)
    result = compute(
        samples=samples,
        config=Config(),
        embeddings=embed(samples, rng.standard_normal((40, 3))),
        predictions=predictions,
    )
    assert result.headline == "adjusted_neighbour_precision@5"
    assert "hit@5" not in set(result.groups["metric"])
    why = "has no labels" if known is None else "knows no topic of these photos (bed, stove)"
    assert any(f"The checkpoint {why}: neighbours are compared" in w for w in result.warnings)


def test_neighbours_by_hand() -> None:
    """Own photos are nearest and do not count. Of the four others two are stoves: chance .5."""
    topics = ["stove", "stove", "stove", "bed", "stove", "bed"]
    samples = homes(topics, ["A", "A", "B", "B", "C", "C"])
    vectors = np.array([[1, 0], [1, 0.01], [1, 0.1], [0, 1], [1, 0.2], [-1, 0]])
    one = geographic_disparity._neighbour_precision(
        embed(samples, vectors), np.array(topics), np.array([0, 0, 1, 1, 2, 2]), 2
    )
    # Photo 0: both neighbours (2 and 4) are stoves: (1 - .5) / (1 - .5) = 1.
    assert one.values[0] == pytest.approx(1)
    # Photo 3, a bed of home B: of A's and C's four photos one is a bed; nearest are 4 and 1, both stoves.
    assert one.values[3] == pytest.approx((0 - 0.25) / 0.75)


def test_chance_is_zero_in_expectation() -> None:
    """Vectors that mean nothing, topics of unequal size and kept together by homes; error of the mean < .002."""
    means, minority = [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        home = np.repeat(np.arange(40), 5)
        topics = rng.permutation(rng.choice(["stove", "bed", "loom"], 200, p=[0.7, 0.2, 0.1]))
        samples = homes(topics, home)
        one = geographic_disparity._neighbour_precision(
            embed(samples, rng.standard_normal((200, 8))), topics, home.astype(np.int64), 5
        )
        means.append(one.values.mean())
        minority.append(one.values[topics == "loom"].mean())
    assert np.mean(means) == pytest.approx(0, abs=0.01)
    assert np.mean(minority) == pytest.approx(0, abs=0.02)


def test_regions_that_do_not_differ_raise_no_alarm(rng: np.random.Generator) -> None:
    """Homes are dealt to two regions by chance: 150 draws at .05, with three errors of room."""
    alarms = 0
    for i in range(150):
        if i % 15 == 0:
            home = np.repeat(np.arange(60), 4)
            topics = rng.choice(["stove", "bed", "loom"], 240, p=[0.5, 0.3, 0.2])
            codes = np.unique(topics, return_inverse=True)[1]
            vectors = np.eye(12)[codes] * 1.5 + rng.standard_normal((240, 12)) + rng.standard_normal((60, 12))[home]
            one = geographic_disparity._neighbour_precision(embed(homes(topics, home), vectors), topics, home, 5)
        side = (rng.permutation(60) < 30)[home]
        (contrast,) = contrasts(GroupSums.of(one, [side, ~side]), [(Members((0,)), Members((1,)))])
        alarms += contrast.p_value() < 0.05
    assert alarms / 150 <= 0.05 + 3 * np.sqrt(0.05 * 0.95 / 150)


def test_too_little_to_compare() -> None:
    samples = homes(["stove"] * 3, ["A", "A", "B"])
    with pytest.raises(RequirementError) as caught:
        compute(samples=samples, config=Config(), embeddings=embed(samples, np.eye(3)))
    assert caught.value.reason == (
        "the photos must show at least two topics and 5 photos outside any one household; got 1 topics and 1 photos."
    )
    predictions = say(samples, [["stove"]] * 3, ("stove",))
    result = compute(samples=samples, config=Config(), embeddings=embed(samples, np.eye(3)), predictions=predictions)
    assert set(result.groups["metric"]) == {"hit@5"}


def test_income_and_place(rng: np.random.Generator) -> None:
    home = np.repeat(np.arange(60), 3)
    income = rng.lognormal(6, 1.5, 60)
    income[:4] = np.nan
    country = rng.choice(COUNTRY.groups, 60)
    region = np.where(country == "Italy", "Europe", "Africa")
    samples = homes(
        rng.choice(["stove", "bed"], 180), home, (REGION, COUNTRY), region=region[home], country=country[home],
        **{INCOME: income[home]},
    )  # fmt: skip
    hit = rng.random(180) < 0.5
    predictions = say(samples, np.where(hit, samples.table["label"], "sofa")[:, None], ("stove", "bed", "sofa"))
    result = compute(
        samples=samples, config=Config(), embeddings=embed(samples, rng.standard_normal((180, 4))),
        predictions=predictions,
    )  # fmt: skip
    rows = result.disparities[result.disparities["metric"] == "hit@5"]
    primary = rows[rows["family"] == "primary"]
    assert set(primary["feature"]) == {"region", "income"}
    slope = rows[(rows["feature"] == "income") & (rows["kind"] == "slope")].iloc[0]
    mean = np.array([hit[home == h].mean() for h in range(60)])
    use = ~np.isnan(income)
    assert slope["value"] == pytest.approx(np.polyfit(np.log2(income[use]), mean[use], 1)[0])
    assert (slope["measure"], slope["n_clusters"]) == ("per_doubling", 56)
    assert slope["tolerance"] == pytest.approx(0.05 / np.ptp(np.log2(income[use])))
    assert "12 photos have no usable income." in result.warnings
    buckets = result.groups[(result.groups["feature"] == "income_bucket") & (result.groups["metric"] == "hit@5")]
    buckets = buckets[buckets["control"] == ""]
    assert list(buckets["group"]) == ["low", "medium", "high", NOT_RECORDED]
    assert result.curves["n_clusters"].sum() == 56
    assert (np.diff(result.curves["x"]) > 0).all()
    assert "region & country" in set(result.groups["feature"])


@pytest.mark.parametrize("income", [500.0, float("nan")])
def test_incomes_that_do_not_differ_have_no_slope(rng: np.random.Generator, income: float) -> None:
    samples = homes(rng.choice(["stove", "bed"], 60), np.arange(60), (REGION,), **{INCOME: np.full(60, income)})
    result = compute(samples=samples, config=Config(), embeddings=embed(samples, rng.standard_normal((60, 4))))
    slope = result.disparities[(result.disparities["feature"] == "income")].iloc[0]
    assert slope["status"] == "not_estimable"
    assert np.isnan(slope["value"])
    assert result.curves.empty


@pytest.mark.parametrize(("count_photo_once", "home_a", "group"), [(True, 1 / 2, 0.75), (False, 1 / 3, 2 / 3)])
def test_a_photo_under_two_topics_counts_once(count_photo_once: bool, home_a: float, group: float) -> None:
    """Home A has photo 1, a bed and a sofa, called a sofa, and photo 2, missed; home B has a hit."""
    samples = homes(["bed", "sofa", "stove", "bed"], ["A", "A", "A", "B"])
    predictions = say(samples, [["sofa"], ["sofa"], ["bed"], ["bed"]], ("bed", "sofa", "stove"))
    result = compute(
        samples=samples, config=Config(k_neighbours=1, count_photo_once=count_photo_once),
        embeddings=embed(samples, np.eye(4)),
        predictions=predictions, content_digests=["one", "one", "two", "three"],
    )  # fmt: skip
    assert value(result, "hit@5") == value(result, "hit@5", "Africa") == pytest.approx(group)
    sums = result.statistics[(result.statistics["metric"] == "hit@5") & (result.statistics["feature"] == "overall")]
    assert sorted(sums["numerator"] / sums["denominator"]) == pytest.approx([home_a, 1])
    assert (result.params["rows"], result.params["photos"]) == (4, 3 if count_photo_once else 4)
    counted = {
        True: "a photo counts once, as a hit if any of its topics is predicted",
        False: "here each row counts, as in the paper's released code; the paper counts a photo once",
    }
    assert (
        f"1 rows show a photo that another row of the household shows: {counted[count_photo_once]}." in result.warnings
    )


def test_neighbours_are_photos_too(rng: np.random.Generator) -> None:
    """A second row of every photo, under another topic, changes nothing."""
    topics = rng.choice(["bed", "stove"], 40).tolist()
    home, vectors = np.repeat(np.arange(10), 4), rng.standard_normal((40, 3))
    once = homes(topics, home)
    twice = homes(topics + ["loom"] * 40, np.tile(home, 2))
    given: dict[str, Any] = {"content_digests": [f"d{i % 40}" for i in range(80)]}
    first = compute(samples=once, config=Config(), embeddings=embed(once, vectors))
    second = compute(samples=twice, config=Config(), embeddings=embed(twice, np.tile(vectors, (2, 1))), **given)
    pd.testing.assert_frame_equal(first.groups, second.groups)


def test_a_label_map_says_what_is_right(tmp_path: Path) -> None:
    file = tmp_path / "map.toml"
    file.write_text(
        'name = "mine"\nversion = "3"\nsource = "by hand"\n'
        '[topics]\nbeds = ["crib, cot", "n04344873", "sleeping bog"]\nstoves = ["stove"]\nlooms = []\n'
        '[synsets]\nn04344873 = "studio couch, day bed"\n',
        encoding="utf-8",
    )
    samples = homes(["Beds", "beds", "stoves", "looms", "cups"], list("ABCDE"))
    known = ("studio couch, day bed", "crib, cot", "stove", "sleeping bag")
    said = [["studio couch, day bed"], ["sleeping bag"], ["stove"], ["stove"], ["stove"]]
    result = compute(
        samples=samples, config=Config(k_neighbours=1, label_map=str(file)), embeddings=embed(samples, np.eye(5)),
        predictions=say(samples, said, known),
    )  # fmt: skip
    assert value(result, "hit@5") == pytest.approx(2 / 3)
    assert result.params["topics_unknown_to_head"] == ["cups", "looms"]
    assert [result.params[f"label_map{what}"] for what in ("", "_version", "_source")] == ["mine", "3", "by hand"]
    assert "Photos of 2 topics that the labels do not include were left out: cups, looms." in result.warnings
    assert (
        "1 labels of the label map 'mine' are not among those of the head: 'sleeping bog' Did you mean 'sleeping bag'?."
    ) in result.warnings
    here = {one["point"]: one["here"] for one in result.protocol["differences"]}
    assert here["Which labels are right for a topic"] == "label_map = mine"


def test_labels_that_the_data_set_gives_count() -> None:
    samples = homes(["beds", "pens"], ["A", "B"], labels=[["crib", "studio couch"], ["quill"]])
    predictions = say(samples, [["studio couch, day bed"], ["crib, cot"]], ("studio couch, day bed", "crib, cot"))
    result = compute(
        samples=samples, config=Config(k_neighbours=1), embeddings=embed(samples, np.eye(2)), predictions=predictions
    )
    assert value(result, "hit@5") == 1
    assert "1 labels that the data set names are not among those of the head: 'quill'." in result.warnings


def test_countries_need_homes_and_empty_crossings_stay(rng: np.random.Generator) -> None:
    """Six homes in Kenya, four in Mali; no poor home in Europe, as in the paper's data."""
    home = np.repeat(np.arange(40), 2)
    country = np.where(np.arange(40) < 6, "Kenya", np.where(np.arange(40) < 10, "Mali", "Italy"))
    region = np.where(country == "Italy", "Europe", "Africa")
    income = np.where(region == "Europe", 5000.0, 50.0)
    samples = homes(
        ["stove", "bed"] * 40, home, (REGION, COUNTRY), region=region[home], country=country[home],
        **{INCOME: income[home]},
    )  # fmt: skip
    labels = rng.choice(["stove", "bed"], 80)[:, None]
    arguments: dict[str, Any] = {
        "samples": samples, "embeddings": embed(samples, rng.standard_normal((80, 4))),
        "predictions": say(samples, labels, ("stove", "bed")),
    }  # fmt: skip
    result = compute(config=Config(), **arguments)
    rows = result.groups[(result.groups["metric"] == "hit@5") & (result.groups["control"] == "")]
    row = {(r["feature"], r["group"]): r for r in rows.to_dict("records")}
    hit = labels[:, 0] == samples.table["label"]
    assert row["country", "Kenya"]["value"] == pytest.approx(hit[country[home] == "Kenya"].mean())
    mali = row["country", "Mali"]
    assert (np.isnan(mali["value"]), mali["status"], mali["n_clusters"]) == (True, "too_few", 4)
    assert mali["note"] == "4 households; a country has values from 5 on"
    assert np.isnan(row["region & country", "Africa & Mali"]["value"])
    assert row["region", "Africa"]["n_clusters"] == 10
    standardised = result.groups[result.groups["control"] == "standardised by topic"]
    assert set(standardised["feature"]) == {"region", "income_bucket"}
    poor = row["region & income_bucket", "Europe & low"]
    assert (poor["n"], poor["status"], poor["note"]) == (0, "not_estimable", "no image was measured in this group")
    all_of_them = compute(config=Config(country_households=1), **arguments)
    assert np.isfinite(value(all_of_them, "hit@5", "Mali"))
    only_italy = compute(config=Config(country_households=30), **arguments).groups
    assert only_italy.loc[only_italy["feature"] == "country", "value"].notna().sum() == 2


def test_presets_are_the_paper_and_its_code() -> None:
    protocol = geographic_disparity.INDICATOR.protocol
    assert protocol is not None
    assert protocol.presets == {
        "goyal2022_paper": {"count_photo_once": True},
        "goyal2022_code": {"count_photo_once": False},
    }
    fields = {field.name for field in dataclasses.fields(Config)}
    assert {one.option for one in protocol.differences} <= fields | {""}
    found = protocol.published_rows().set_index(["model", "group"])["value"]
    assert found["SEERv2 RG-10B, IG-1B", "low"] == 59.7
    assert found["DINOv2 ViT-g/14, LVD-142M", "Europe"] == 89.7


@pytest.mark.parametrize(
    ("name", "usual"),
    [
        ("k", "The paper uses 5."),
        ("k_neighbours", "The paper uses 5."),
        ("country_households", "A usual choice is 5."),
    ],
)
def test_options_out_of_range(name: str, usual: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Config(**{name: 0})  # type: ignore[arg-type]  # of one type, by the names above
    assert str(caught.value) == f"{name} of geographic_disparity must be at least 1; got 0. {usual}"


def test_a_label_map_is_checked_before_any_image_is_read() -> None:
    with pytest.raises(ConfigError, match=r"label map absent\.toml must be a readable file; got no such file\."):
        Config(label_map="absent.toml")


def test_a_photo_without_a_direction_has_no_neighbours(rng: np.random.Generator) -> None:
    home = np.repeat(np.arange(30), 2)
    samples = homes(rng.choice(["bed", "stove"], 60), home)
    vectors = rng.standard_normal((60, 4))
    vectors[5] = 0
    with pytest.raises(RequirementError, match=r"1 of 60 vectors is zero, first that of '"):
        compute(samples=samples, config=Config(), embeddings=embed(samples, vectors))
