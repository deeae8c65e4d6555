"""The option ``control_features`` of every indicator: what it adds, and what it may name."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

from fairaudit.auditing.config import AuditConfig, DataSource, make_config
from fairaudit.auditing.plugins import load_indicator
from fairaudit.core.errors import ConfigError
from fairaudit.core.plan import MEAN_OF_OTHERS
from fairaudit.core.result import IndicatorResult
from fairaudit.core.samples import INCOME, Feature, Samples, Subject
from fairaudit.core.tables import Embeddings, Predictions
from fairaudit.stats.verdicts import decide

SHIPPED = (
    "geographic_disparity",
    "hate_speech",
    "label_association",
    "recognition_accuracy",
    "representation_disparity",
)
N = 400


def samples_of(subject: Subject, columns: dict[str, npt.ArrayLike], *names: str) -> Samples:
    table = pd.DataFrame({
        "sample_id": [f"s{i}" for i in range(N)], "path": "", "cluster_id": np.arange(N), "split": "test", "label": "",
        "text": "x", **columns,
    })  # fmt: skip
    groups = {name: tuple(sorted(set(np.asarray(columns[name]).tolist()))) for name in names}
    features = tuple(Feature(name, groups[name], "annotated", "by hand") for name in names)
    return Samples("data", "x", subject, Path(), table, features, "image", "CC0")


@pytest.fixture
def inputs(rng: np.random.Generator) -> dict[str, dict[str, Any]]:
    """What each indicator computes on, with two features (and topics for homes)."""
    people = samples_of(
        "people", {"gender": rng.choice(["f", "m"], N), "race": rng.choice(["A", "B"], N)}, "gender", "race"
    )
    homes = samples_of(
        "objects",
        {"label": rng.choice(["Stove", "bed"], N), "region": rng.choice(["Africa", "Asia"], N), "race": "A",
         INCOME: rng.choice([50.0, 500.0, 5000.0], N)},
        "region", "race",
    )  # fmt: skip
    memes = samples_of(
        "memes",
        {"label": rng.choice(["0", "1"], N), "target": rng.choice(["sex", "race"], N),
         "race": rng.choice(["A", "B"], N)},
        "target", "race",
    )  # fmt: skip
    vectors = Embeddings(people.sample_ids, rng.standard_normal((N, 6)).astype(np.float32))
    said = rng.choice(["face", "monkey", "stove", "bed"], (N, 1))
    labels = Predictions(
        people.sample_ids, said, np.full((N, 1), 0.5, np.float32), ("face", "monkey", "stove", "bed"), "head"
    )
    scores = pd.DataFrame({
        "sample_id": memes.sample_ids, "split": "test", "label": memes.table["label"].astype(int),
        "score": rng.random(N),
    })  # fmt: skip
    return {
        "geographic_disparity": {"samples": homes, "embeddings": vectors, "predictions": labels},
        "hate_speech": {"samples": memes, "scores": scores},
        "label_association": {"samples": people, "predictions": labels},
        "recognition_accuracy": {"samples": dataclasses.replace(homes, subject="labelled"), "predictions": labels},
        "representation_disparity": {"samples": people, "embeddings": vectors},
    }


def computed(name: str, inputs: dict[str, dict[str, Any]], *controls: str) -> IndicatorResult:
    indicator = load_indicator(name)
    options = {"standardise": ()} if name == "geographic_disparity" else {}
    return indicator.compute(**inputs[name], config=indicator.config(control_features=controls, **options))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_indicator_holds_a_recorded_feature_equal(name: str, inputs: dict[str, dict[str, Any]]) -> None:
    plain, controlled = computed(name, inputs), computed(name, inputs, "race")
    assert plain.params["control_features"] == []
    assert controlled.params["control_features"] == ["race"]
    assert (plain.groups["control"] == "").all()
    rows = controlled.groups[controlled.groups["control"] != ""]
    assert set(rows["metric"]) == {controlled.headline}
    assert "race" not in set(rows["feature"])
    assert {"race=A", "standardised by race"} <= set(rows["control"])
    pd.testing.assert_frame_equal(controlled.curves, plain.curves)
    (decided,), plan = decide([controlled])
    (without,), same = decide([plain])
    primary = decided.disparities[decided.disparities["family"] == "primary"]
    assert (primary["control"] == "").all()
    assert plan == same
    pd.testing.assert_frame_equal(
        primary.reset_index(drop=True),
        without.disparities[without.disparities["family"] == "primary"].reset_index(drop=True),
    )
    exploratory = decided.disparities[decided.disparities["control"] != ""]
    assert (exploratory["verdict"] == "").all()
    tested = (exploratory["measure"] != "ratio") & (exploratory["reference"] != MEAN_OF_OTHERS)
    ok = exploratory["status"] == "ok"
    assert exploratory.loc[ok, "p_adjusted"].notna().tolist() == tested[ok].tolist()


@pytest.mark.parametrize("name", SHIPPED)
def test_an_unknown_name_is_refused_with_what_may_be_named(name: str, inputs: dict[str, dict[str, Any]]) -> None:
    with pytest.raises(ConfigError) as error:
        computed(name, inputs, "rase")
    known = ", ".join(
        sorted({*(f.name for f in inputs[name]["samples"].features), *load_indicator(name).controls})
    )  # fmt: skip
    assert str(error.value) == (
        f"control_features of {name} on 'data' must be one of: {known}; got 'rase'. Did you mean 'race'?"
    )


def test_topic_and_income_can_be_held_equal_between_regions(inputs: dict[str, dict[str, Any]]) -> None:
    result = computed("geographic_disparity", inputs, "topic", "income_bucket")
    assert load_indicator("geographic_disparity").controls == ("topic", "income_bucket")
    homes, predictions = inputs["geographic_disparity"]["samples"].table, inputs["geographic_disparity"]["predictions"]
    hit = homes["label"].str.lower() == predictions.labels[:, 0]
    inside = (homes["region"] == "Africa") & (homes["label"] == "Stove")
    rows = result.groups.set_index(["feature", "group", "control"])["value"]
    assert rows["region", "Africa", "topic=stove"] == pytest.approx(hit[inside].mean())
    mix = homes["label"].value_counts(normalize=True)
    by_topic = hit[homes["region"] == "Africa"].groupby(homes["label"]).mean()
    assert rows["region", "Africa", "standardised by topic"] == pytest.approx((mix * by_topic).sum())
    rest = result.disparities[result.disparities["metric"] == "hit@5"]
    slopes = rest[(rest["feature"] == "income") & (rest["kind"] == "slope")]["control"].tolist()
    assert slopes == ["", "topic=bed", "topic=stove", *(f"income_bucket={b}" for b in ("low", "medium", "high"))]
    buckets = result.disparities[result.disparities["feature"] == "income_bucket"]["control"]
    assert set(buckets) == {"", "topic=bed", "topic=stove", "standardised by topic"}


def test_homes_are_standardised_over_topics_without_being_asked(inputs: dict[str, dict[str, Any]]) -> None:
    indicator = load_indicator("geographic_disparity")
    given = inputs["geographic_disparity"]
    result = indicator.compute(**given, config=indicator.config())
    asked = computed("geographic_disparity", inputs, "topic")
    for mine, theirs in ((result.groups, asked.groups), (result.disparities, asked.disparities)):
        assert set(mine["control"]) == {"", "standardised by topic"}
        kept = theirs[~theirs["control"].str.startswith("topic=")]
        pd.testing.assert_frame_equal(mine.reset_index(drop=True), kept.reset_index(drop=True))
    standardised = result.groups[result.groups["control"] != ""]
    assert list(zip(standardised["feature"], standardised["group"], strict=True)) == [
        ("region", "Africa"), ("region", "Asia"), ("income_bucket", "low"), ("income_bucket", "medium"),
        ("income_bucket", "high"),
    ]  # fmt: skip
    assert standardised["value"].notna().all()
    both = indicator.compute(
        **given, config=indicator.config(control_features=("race",), standardise=("topic", "race"))
    )
    assert set(both.groups["control"]) == {"", "race=A", "standardised by race", "standardised by topic"}
    with pytest.raises(ConfigError, match=r"^standardise of geographic_disparity on 'data' must be one of: .*'topik'"):
        indicator.compute(**given, config=indicator.config(standardise=("topik",)))


def test_one_topic_needs_no_standard(inputs: dict[str, dict[str, Any]]) -> None:
    indicator, given = load_indicator("geographic_disparity"), inputs["geographic_disparity"]
    table = given["samples"].table.assign(label="bed")
    samples = dataclasses.replace(given["samples"], table=table)
    result = indicator.compute(**{**given, "samples": samples}, config=indicator.config())
    assert set(result.groups["control"]) == {""}


def config_of(*controls: str) -> AuditConfig:
    return make_config(
        "x", [DataSource("data", "dollar_street", Path())], indicators=["geographic_disparity"],
        options={"geographic_disparity": {"control_features": ", ".join(controls)}},
    )  # fmt: skip


def test_names_are_checked_before_anything_slow(inputs: dict[str, dict[str, Any]]) -> None:
    found = {name: inputs[name]["samples"] for name in ("geographic_disparity", "label_association")}
    config = config_of("topic", "region", "income_bucket")
    assert config.options["geographic_disparity"].control_features == ("topic", "region", "income_bucket")
    config.check_controls(found)  # people, who have no topics, are none of its business
    with pytest.raises(ConfigError) as error:
        config_of("regoin").check_controls(found)
    asked = {"geographic_disparity": {"standardise": "topics"}}
    homes = make_config("x", config.data, indicators=["geographic_disparity"], options=asked)
    with pytest.raises(
        ConfigError, match=r"^standardise of geographic_disparity .* got 'topics'\. Did you mean 'topic'"
    ):
        homes.check_controls(found)
    assert str(error.value) == (
        "control_features of geographic_disparity on 'geographic_disparity' must be one of: income_bucket, race, "
        "region, topic; got 'regoin'. Did you mean 'region'?"
    )


def test_an_indicator_may_do_without_the_option() -> None:
    @dataclasses.dataclass(frozen=True)
    class Bare:
        """No options."""

    config = config_of("topic")
    AuditConfig(
        "x", config.data, indicators=config.indicators, options={"geographic_disparity": Bare()}
    ).check_controls({})
