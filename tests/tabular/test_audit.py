"""An audit of a table: the same values, verdicts and report as for a checkpoint, against numpy and fairlearn."""

from __future__ import annotations

import doctest
import html
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from fairlearn.metrics import MetricFrame

import fairaudit
from fairaudit.core.audit import AuditResult
from fairaudit.core.errors import ConfigError, DataError
from fairaudit.tabular import audit as outcome_audit
from fairaudit.tabular.audit import audit_outcomes

PLACES = ("low", "middle", "high")


@pytest.fixture
def rows(rng: np.random.Generator) -> pd.DataFrame:
    """Two rows of each of 400 people; hits rise with income, gender does nothing."""
    income = rng.choice(PLACES, 400).repeat(2)
    gender = rng.choice(["f", "m"], 400).repeat(2)
    rate = pd.Series(income).map({"low": 0.4, "middle": 0.6, "high": 0.8}).to_numpy()
    return pd.DataFrame(
        {
            "sample_id": [f"s{i}" for i in range(800)],
            "cluster_id": [f"person {i // 2}" for i in range(800)],
            "gender": gender,
            "income": income,
            "hit": (rng.random(800) < rate).astype(float),
            "loss": rng.normal(5, 2, 800),
        }
    )


FEATURES = ["gender", "income=low,middle,high"]


def audited(rows: pd.DataFrame, **options: Any) -> AuditResult:
    return audit_outcomes(rows, **{"outcomes": ["hit"], "features": FEATURES, **options})


def planned(audit: AuditResult) -> pd.DataFrame:
    return audit.disparities[audit.disparities["family"] == "primary"].set_index("feature")


def test_the_documented_example_is_true() -> None:
    found = doctest.testmod(outcome_audit, optionflags=doctest.NORMALIZE_WHITESPACE)
    assert (found.failed, found.attempted > 0) == (0, True)
    assert fairaudit.audit_outcomes is audit_outcomes


def test_values_are_those_of_fairlearn(rows: pd.DataFrame) -> None:
    groups = audited(rows).groups.set_index(["feature", "group"])["value"]
    for feature in ("gender", "income"):
        theirs = MetricFrame(
            metrics=lambda y_true, y_pred: float(np.mean(y_pred)),
            y_true=rows["hit"],
            y_pred=rows["hit"],
            sensitive_features=rows[feature],
        )
        assert groups[feature].to_dict() == pytest.approx(theirs.by_group.to_dict())
    assert groups["overall"].tolist() == pytest.approx([rows["hit"].mean()])


def test_an_order_has_a_slope_and_other_groups_a_contrast(rows: pd.DataFrame) -> None:
    found = planned(audited(rows))
    assert list(zip(found.index, found["kind"], found["group"], strict=True)) == [
        ("gender", "one_vs_rest", "f"), ("income", "slope", ""),
        *(("income", "one_vs_rest", place) for place in PLACES),
    ]  # fmt: skip
    found = found[found["group"].isin(["", "f"])]
    slope = np.polyfit(rows["income"].map(PLACES.index), rows["hit"], 1)[0]
    assert found.loc["income", "value"] == pytest.approx(slope)
    assert found["verdict"].to_dict() == {"gender": "inconclusive", "income": "disparity"}
    assert found["tolerance"].to_dict() == pytest.approx({"gender": 0.05, "income": 0.025})
    assert found["n_clusters"].to_dict() == {"gender": 400, "income": 400}


def test_every_outcome_is_a_headline_and_all_are_one_family(rows: pd.DataFrame) -> None:
    audit = audited(rows, outcomes=["hit", "loss"], unbounded=["loss"], tolerance=0.1)
    assert [(r.indicator, r.headline, r.dataset) for r in audit.results] == [
        ("hit", "hit", "outcomes"), ("loss", "loss", "outcomes"),
    ]  # fmt: skip
    assert {(p["indicator"], p["feature"]) for p in audit.plan["primary"]} == {
        (o, f) for o in ("hit", "loss") for f in ("gender", "income")
    }
    found = planned(audit).query("kind == 'slope'")
    alone = planned(audited(rows, tolerance=0.1)).query("kind == 'slope'")
    p = float(alone["p_value"]["income"])
    hit = found[found["indicator"] == "hit"]
    assert hit["p_value"]["income"] == p
    assert hit["p_adjusted"]["income"] == pytest.approx(10 * p)  # the least of ten
    loss = audit.result("loss")
    assert (loss.groups["ci_method"] == "cluster t").all()
    assert audited(rows, outcomes=["loss"], unbounded=["loss"]).result("loss").warnings[-1] == (
        "'loss' has no bounds: intervals are t intervals, and no difference counts as negligible."
    )
    assert loss.warnings[-1] == (
        "'loss' has no bounds: intervals are t intervals, and the tolerance of 0.1 is in its unit."
    )


def test_macro_is_the_mean_of_people(rows: pd.DataFrame) -> None:
    kept = rows.drop(index=rows.index[1::4])  # some people have one row
    groups = audited(kept, average="macro").groups.set_index(["feature", "group"])["value"]
    expected = kept.groupby(["gender", "cluster_id"])["hit"].mean().groupby("gender").mean()
    assert groups["gender"].to_dict() == pytest.approx(expected.to_dict())


def test_what_is_missing_is_said(rows: pd.DataFrame) -> None:
    rows.loc[:9, "hit"] = np.nan
    rows.loc[20:29, "gender"] = None
    audit = audited(rows.drop(columns="cluster_id").assign(place="here"), features=["gender", "place"])
    assert "10 of 800 rows have no number in 'hit' and count nowhere in it." in audit.results[0].warnings
    (card,) = audit.data
    assert (card.n, card.n_clusters, card.cluster, card.subject) == (800, 800, "row", "outcomes")
    assert card.notes[-1] == (
        "No cluster_id was given: every row counts as independent. Where rows are not, intervals are too narrow."
    )
    assert card.features[0]["counts"]["not recorded"] == 10
    assert card.features[0]["known_by"] == "not stated"
    one = planned(audit).to_dict("index")["place"]
    assert (one["group"], one["verdict"], one["n"]) == ("here", "not_estimable", 790)
    assert one["note"] == "there is one group only, so there is nothing to compare it with"


def test_the_file_and_the_order_of_its_rows_do_not_matter(rows: pd.DataFrame, tmp_path: Path) -> None:
    rows.to_csv(tmp_path / "said.csv", index=False)
    rows.iloc[::-1].to_parquet(tmp_path / "said.parquet")
    audits = [
        audit_outcomes(tmp_path / name, outcomes=["hit"], features=FEATURES) for name in ("said.csv", "said.parquet")
    ]
    first, second = audits
    assert first.model.digest == second.model.digest == audited(rows).model.digest
    assert first.data[0].digest == second.data[0].digest
    pd.testing.assert_frame_equal(first.disparities, second.disparities)
    other = audited(rows.assign(hit=1 - rows["hit"]))
    assert other.data[0].digest == first.data[0].digest  # the same people, another model
    assert other.model.digest != first.model.digest


def test_the_folder_is_that_of_any_audit(rows: pd.DataFrame, tmp_path: Path) -> None:
    rows.to_parquet(tmp_path / "said.parquet")
    audit = audit_outcomes(tmp_path / "said.parquet", outcomes="hit", features=FEATURES, output=tmp_path / "out")
    parts = [".fairaudit.json", "audit.json", "influences.parquet", "report.html", "statistics.parquet"]
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == parts
    loaded = fairaudit.load_audit(tmp_path / "out")
    assert loaded.provenance["digest"] == audit.provenance["digest"]
    assert loaded.provenance["selftest"]["passed"] is True
    assert loaded.provenance["selftest"]["sentence"].startswith("passed; planted disparities found ")
    pd.testing.assert_frame_equal(loaded.disparities, audit.disparities, check_dtype=False)
    statistics = pd.read_parquet(tmp_path / "out" / "statistics.parquet")
    everyone = statistics[statistics["feature"] == "overall"]
    assert everyone["numerator"].sum() / everyone["denominator"].sum() == pytest.approx(rows["hit"].mean())
    assert not statistics["cluster"].str.contains("person").any()
    page = re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", (tmp_path / "out" / "report.html").read_text())))
    assert "Outcomes computed elsewhere, audited on said." in page
    assert "neither the model nor an image was seen" in page
    assert "Rows 800" in page
    for untrue in ("0 parameters", "Parameters", "Embedding", "Preprocessing", "Weights"):
        assert untrue not in page


def test_two_models_can_be_laid_side_by_side(rows: pd.DataFrame, tmp_path: Path) -> None:
    for name, table in (("one", rows), ("two", rows.assign(hit=1 - rows["hit"]))):
        audited(table, output=tmp_path / name)
    compared = fairaudit.compare(tmp_path / "one", tmp_path / "two")
    assert compared.disparities[("one", "value")].tolist() == pytest.approx(
        (-compared.disparities[("two", "value")]).tolist()
    )
    assert "not known" in compared.to_html()


def test_control_features_may_be_features_or_other_columns(rows: pd.DataFrame, tmp_path: Path) -> None:
    rows["topic"] = np.where(np.arange(800) % 3 == 0, "bed", "stove")
    audit = audited(rows, control_features=["topic", "income"], output=tmp_path / "out")
    groups = audit.groups.set_index(["control", "feature", "group"])["value"]
    theirs = MetricFrame(
        metrics=lambda y_true, y_pred: float(np.mean(y_pred)), y_true=rows["hit"], y_pred=rows["hit"],
        sensitive_features=rows["gender"], control_features=rows["income"],
    ).by_group  # fmt: skip
    mix = rows["income"].value_counts(normalize=True)
    for gender in ("f", "m"):
        within = {place: groups[f"income={place}", "gender", gender] for place in PLACES}
        assert within == pytest.approx({place: theirs[place, gender] for place in PLACES})
        expected = sum(mix[place] * within[place] for place in PLACES)
        assert groups["standardised by income", "gender", gender] == pytest.approx(expected)
    assert "topic=bed" in groups.index.get_level_values("control")
    assert "income" not in audit.groups.loc[audit.groups["control"].str.contains("income"), "feature"].tolist()
    assert (planned(audit)["control"] == "").all()
    assert audit.config["control_features"] == audit.results[0].params["control_features"] == ["topic", "income"]
    assert [f["name"] for f in audit.data[0].features] == ["gender", "income"]
    loaded = fairaudit.load_audit(tmp_path / "out")
    pd.testing.assert_frame_equal(loaded.disparities, audit.disparities, check_dtype=False)
    page = (tmp_path / "out" / "report.html").read_text()
    assert "<summary>Standardised over a control</summary>" in page
    assert "hit by gender, standardised by topic" in page
    assert "f against m (within topic=bed)" in page
    plain = audited(rows)
    assert plain.data[0].digest == audited(rows, control_features=["income"]).data[0].digest != audit.data[0].digest
    assert audited(rows, control_features="income").config["control_features"] == ["income"]


def test_what_cannot_be_audited_leaves_nothing_behind(rows: pd.DataFrame, tmp_path: Path) -> None:
    for error, options, text in (
        (ConfigError, {"average": "mikro"}, "average must be one of: macro, micro; got 'mikro'. Did you mean 'micro'?"),
        (ConfigError, {"tolerance": 2}, "tolerance of 'hit' must be between 0 and 1; got 2. Leave it out for the "
         "default."),
        (ConfigError, {"control_features": ["incme"]}, "control_features of the table of outcomes must be one of: "
         "gender, income, loss; got 'incme'. Did you mean 'income'?"),
        (ConfigError, {"control_features": ["hit"]}, "gender, income, loss; got 'hit'. Choose one of them."),
        (DataError, {"outcomes": ["loss"]}, "name it as unbounded: unbounded=['loss'], or --unbounded loss on the "
         "command line."),
        (ConfigError, {"outcomes": ["hit", "loss"], "unbounded": ["loss"], "tolerance": 2.5},
         "tolerance of 'hit' must be between 0 and 1; got 2.5. Leave it out for the default."),
        (ConfigError, {"outcomes": ["loss"], "unbounded": ["loss"], "tolerance": 0}, "tolerance of 'loss' must be a "
         "positive number in the unit of the outcome; got 0. Give the largest difference that does not matter."),
        (ConfigError, {"sample_weight": "los"}, "sample_weight of the table of outcomes must be one of: loss; got "
         "'los'. Did you mean 'loss'?"),
        (ConfigError, {"sample_weight": "hit"}, "must be one of: loss; got 'hit'. Choose one of them."),
    ):  # fmt: skip
        with pytest.raises(error) as raised:
            audited(rows, output=tmp_path / "out", **options)
        assert str(raised.value).endswith(text)
        assert not list(tmp_path.iterdir())
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(ConfigError, match="must be a new folder, an empty one or an earlier audit"):
        audited(rows, output=tmp_path)


def test_a_ratio_beside_a_planned_difference_has_the_interval_of_its_verdict(rng: np.random.Generator) -> None:
    """At 95 % alone, some of these ratios exclude one although no disparity is shown."""
    group = np.repeat([f"g{k:02}" for k in range(20)], 200)
    share = np.where(group == "g00", 0.15, 0.03 + 0.03 * (np.arange(4000) % 7 == 0))
    table = pd.DataFrame({"sample_id": range(4000), "group": group, "harm": (rng.random(4000) < share).astype(int)})
    found = audit_outcomes(table, outcomes=["harm"], features=["group"]).disparities
    found = found[(found["kind"] == "one_vs_rest") & (found["reference"] == "all others")].set_index("group")
    differences, ratios = found[found["measure"] == "difference"], found[found["measure"] == "ratio"]
    excludes = (ratios["ci_low_adjusted"] > 1) | (ratios["ci_high_adjusted"] < 1)
    assert excludes.to_dict() == (differences["verdict"] == "disparity").to_dict()
    assert excludes["g00"]
    assert ((ratios["ci_low"] > 1) | (ratios["ci_high"] < 1)).sum() > excludes.sum()
    assert (ratios["ci_low_adjusted"] < ratios["ci_low"]).all()
    assert (ratios["ci_high_adjusted"] > ratios["ci_high"]).all()
    assert (ratios["verdict"] == "").all()


def weighted(rows: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The rows with whole weights, of which some are 0."""
    return rows.drop(columns="loss").assign(w=rng.integers(0, 5, len(rows)))


def repeated(rows: pd.DataFrame) -> pd.DataFrame:
    """The rows, each as often as its weight says."""
    many = rows.loc[rows.index.repeat(rows["w"])].reset_index(drop=True)
    return many.assign(sample_id=[str(i) for i in range(len(many))]).drop(columns="w")


@pytest.mark.parametrize("average", ["micro", "macro"])
def test_a_whole_weight_is_that_many_rows(rows: pd.DataFrame, rng: np.random.Generator, average: Any) -> None:
    table = weighted(rows, rng)
    options: dict[str, Any] = {"average": average, "control_features": ["gender"]}
    ours = audited(table, sample_weight="w", **options)
    theirs = audited(repeated(table), **options)
    for name in ("groups", "disparities"):
        first, second = getattr(ours, name), getattr(theirs, name)
        plain = ~first["control"].str.startswith("standardised")
        if name == "disparities":
            plain &= ~first["kind"].isin(["omnibus", "departure"])  # values are statistics of tests, no estimates
        assert first.loc[plain, "value"].notna().any()
        np.testing.assert_allclose(first.loc[plain, "value"], second.loc[plain, "value"], rtol=1e-9)
    first, second = (
        audit.results[0].statistics.groupby(["feature", "group"])[["numerator", "denominator"]].sum()
        for audit in (ours, theirs)
    )
    np.testing.assert_allclose(
        first["numerator"] / first["denominator"], second["numerator"] / second["denominator"], rtol=1e-9
    )


def test_the_unit_of_weights_does_not_matter_and_their_values_do(rows: pd.DataFrame, rng: np.random.Generator) -> None:
    table = weighted(rows, rng)
    first, same, plain = (
        audited(t, sample_weight=name)
        for t, name in ((table, "w"), (table.assign(w=table["w"] * 1e300), "w"), (table, ""))
    )
    for name in ("groups", "disparities"):
        pd.testing.assert_frame_equal(getattr(first, name), getattr(same, name), rtol=1e-12)
    assert not np.allclose(first.groups["value"], plain.groups["value"])
    assert first.data[0].digest == same.data[0].digest != plain.data[0].digest


def test_the_reader_learns_of_the_weights(rows: pd.DataFrame, rng: np.random.Generator, tmp_path: Path) -> None:
    table = weighted(rows, rng)
    audit = audited(table, sample_weight="w", output=tmp_path / "out")
    w = table["w"].to_numpy(float)
    kish = w.sum() ** 2 / (w**2).sum()
    assert "Rows are weighted by the column 'w'." in audit.data[0].notes
    (warning,) = [text for text in audit.results[0].warnings if text.startswith("Rows are weighted")]
    assert warning.startswith(f"Rows are weighted: for hit, {int((w > 0).sum()):,} rows count like {kish:,.1f} rows of")
    assert audit.results[0].metrics["hit"].startswith("Weighted mean of the column")
    assert audit.config["sample_weight"] == "w"
    assert "Kish" in (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_a_group_without_weight_is_not_estimable(rows: pd.DataFrame) -> None:
    table = rows.assign(w=(rows["gender"] == "m").astype(float))
    audit = audited(table, sample_weight="w", features=["gender"])
    lost = audit.groups.set_index("group").loc["f"]
    assert (lost["status"], lost["n"]) == ("not_estimable", 0)
    assert lost["note"] == "no image with a weight above 0 was measured in this group, so its effective size is 0"
    found = planned(audit).loc["gender"]
    assert (found["verdict"], found["note"]) == ("not_estimable", lost["note"])
