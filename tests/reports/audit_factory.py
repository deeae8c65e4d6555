"""A realistic audit for the tests of reports: every shape that the tables can have, drawn from a fixed seed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from fairaudit.core.audit import AuditResult, DataCard, ModelCard
from fairaudit.core.document import digest
from fairaudit.core.result import (
    CURVE_COLUMNS,
    DISPARITY_COLUMNS,
    GROUP_COLUMNS,
    STATISTIC_COLUMNS,
    Failure,
    IndicatorResult,
    table,
)
from fairaudit.describe.datasheet import Datasheet
from fairaudit.describe.profile import Copies, FieldProfile, Figure, Profile, ValueShare
from fairaudit.describe.training_data import TrainingData, documents

Rows = list[dict[str, Any]]

#: Tries to leave text, attribute, style, script, comment and mathematical notation.
HOSTILE = (
    "<script>alert(1)</script></style><img src=x onerror=alert(2)>\"'`--><b>$\\frac{1}{0}$&amp;{{ 7*7 }}"
    "\x00\u202e\ud800"
)

GENDER = ("feminine", "masculine")
AGE = ("0-9", "10-19", "20-39", "40-59", "60+")
SKIN = ("Monk 1-3", "Monk 4-6", "Monk 7-10")
TARGET = ("religion", "race", "sex", "disability", "nationality")
REGION = ("Africa", "Americas", "Asia", "Europe")
INCOME = ("low", "medium", "high")


def group_row(rng: np.random.Generator, metric: str, feature: str, group: str, value: float, n: int) -> dict[str, Any]:
    half = float(1.96 * np.sqrt(max(value * (1 - value), 0.01) / max(n, 1)))
    row = {
        "metric": metric,
        "feature": feature,
        "group": group,
        "value": value,
        "ci_low": max(0.0, value - half),
        "ci_high": min(1.0, value + half),
        "ci_method": "cluster",
        "n": n,
        "n_clusters": max(1, n // 2),
        "status": "ok",
    }
    if n < 10:
        return row | {
            "value": None,
            "ci_low": None,
            "ci_high": None,
            "status": "not_estimable",
            "note": f"{n} images in {max(1, n // 2)} clusters; 20 clusters are needed",
        }
    if n < 40:
        return row | {"status": "too_few", "note": f"{n // 2} clusters; 20 are needed"}
    return row


def disparity_row(
    metric: str,
    feature: str,
    verdict: str,
    value: float,
    *,
    group: str = "",
    kind: str = "one_vs_rest",
    measure: str = "difference",
    family: str = "primary",
    half: float = 0.04,
    note: str = "",
) -> dict[str, Any]:
    if verdict == "not_estimable":
        return {
            "metric": metric,
            "feature": feature,
            "kind": kind,
            "measure": measure,
            "group": group,
            "family": family,
            "reference": "all others" if kind == "one_vs_rest" else "",
            "verdict": verdict,
            "status": "not_estimable",
            "note": note,
            "tolerance": 0.05,
            "n": 12,
            "n_clusters": 6,
        }
    return {
        "metric": metric,
        "feature": feature,
        "kind": kind,
        "measure": measure,
        "group": group,
        "family": family,
        "reference": "all others" if kind == "one_vs_rest" else "",
        "value": value,
        "ci_low": value - half,
        "ci_high": value + half,
        "ci_method": "cluster",
        "p_value": 0.0004 if verdict == "disparity" else 0.2,
        "p_adjusted": 0.004 if verdict == "disparity" else 0.61,
        "min_detectable": 2.1 * half,
        "expected_by_chance": 0.0,
        "tolerance": 0.05,
        "n": 900,
        "n_clusters": 400,
        "verdict": verdict,
        "status": "ok",
        "std_error": half / 1.96,
        "df": 200,
        "ci_low_adjusted": value - 1.2 * half,
        "ci_high_adjusted": value + 1.2 * half,
    }


def feature_rows(
    rng: np.random.Generator,
    metrics: Sequence[str],
    features: Mapping[str, Sequence[str]],
    *,
    base: float,
    n: int = 600,
) -> Rows:
    rows: Rows = []
    for metric in metrics:
        rows.append(group_row(rng, metric, "overall", "overall", base, n * 4))
        for feature, names in features.items():
            for i, name in enumerate(names):
                size = 6 if name == "60+" else 24 if name == "Oceania" else int(n * (0.4 + rng.random()))
                value = float(np.clip(base + 0.03 * (i - len(names) / 2) + rng.normal(0, 0.02), 0.02, 0.98))
                rows.append(group_row(rng, metric, feature, name, value, size))
    return rows


def exploratory(rng: np.random.Generator, metrics: Sequence[str], features: Mapping[str, Sequence[str]]) -> Rows:
    """Rows outside the plan: a q-value in ``p_adjusted``, no verdict, no adjusted interval."""
    rows = []
    for metric in metrics:
        for feature, names in features.items():
            for name in names:
                row = disparity_row(metric, feature, "", float(rng.normal(0, 0.05)), group=name, family="exploratory")
                q = float(rng.random() ** 3)
                rows.append(
                    row | {"p_adjusted": q, "ci_low_adjusted": None, "ci_high_adjusted": None, "min_detectable": None}
                )
    return rows


def result(
    name: str,
    *,
    title: str,
    question: str,
    dataset: str,
    headline: str,
    groups: Rows,
    disparities: Rows,
    metrics: Mapping[str, str],
    curves: Rows | None = None,
    warnings: tuple[str, ...] = (),
) -> IndicatorResult:
    return IndicatorResult(
        indicator=name,
        version="1.2",
        title=title,
        question=question,
        dataset=dataset,
        headline=headline,
        groups=table(groups, GROUP_COLUMNS),
        disparities=table(disparities, DISPARITY_COLUMNS),
        curves=table(curves or [], CURVE_COLUMNS),
        statistics=table([], STATISTIC_COLUMNS),
        params={"k": [1, 5, 10, 50], "gallery": "both roles", "min_clusters": 20, "confidence": 0.95},
        metrics=metrics,
        warnings=warnings,
    )


def curve_rows(metric: str, feature: str, names: Sequence[str], x_name: str, x: Sequence[float]) -> Rows:
    rows: Rows = []
    for i, name in enumerate(names):
        for j, at in enumerate(x):
            value = float(0.45 * np.exp(-j / 4) * (1 + 0.25 * i))
            rows.append(
                {
                    "metric": metric,
                    "feature": feature,
                    "group": name,
                    "x_name": x_name,
                    "x": at,
                    "value": value,
                    "ci_low": value * 0.85,
                    "ci_high": value * 1.15,
                    "n": 300,
                    "n_clusters": 150,
                }
            )
    return rows


def similarity(rng: np.random.Generator, hostile: str, shift: float) -> IndicatorResult:
    headline = "balanced_precision@10"
    metrics = [headline, *(f"precision@{k}" for k in (1, 5, 10, 50)), *(f"balanced_precision@{k}" for k in (1, 5, 50))]
    cross = [f"{g} & {s}" for g in GENDER for s in SKIN]
    features = {"gender": GENDER, "age": AGE, "skin_tone": SKIN, "gender & skin_tone": cross}
    if hostile:
        features["nickname"] = (hostile, "plain", "<b>bold</b>")
    return result(
        "representation_disparity",
        title="Same-attribute retrieval" + hostile,
        dataset="faces",
        headline=headline,
        question="Does the representation find people of one group again as well as those of another?" + hostile,
        groups=feature_rows(rng, metrics, features, base=0.62),
        disparities=[
            disparity_row(headline, "gender", "disparity", -0.087 + shift, group="feminine"),
            disparity_row(headline, "gender", "disparity", 0.087 - shift, group="masculine"),
            disparity_row(headline, "age", "inconclusive", -0.011, kind="slope", measure="per_step", half=0.02),
            disparity_row(
                headline, "skin_tone", "disparity", -0.031 + shift, kind="slope", measure="per_step", half=0.012
            ),
            disparity_row(headline, "skin_tone", "within_tolerance", 0.004, group="Monk 4-6", half=0.02),
            disparity_row(
                headline,
                "age",
                "not_estimable",
                0,
                group="60+",
                note="6 images in 3 clusters; 20 clusters are needed" + hostile,
            ),
            *exploratory(rng, metrics[1:], features),
        ],
        metrics={
            m: f"Share of the {m.split('@')[1]} nearest images of the query's own group; low is bad{hostile}."
            for m in metrics
        },
        warnings=("Retrieval shares one gallery: intervals use both roles of a cluster." + hostile,),
    )


def association(rng: np.random.Generator, hostile: str) -> IndicatorResult:
    headline, thresholds = "harmful@0.1", [round(0.05 * i, 2) for i in range(1, 15)]
    features = {"gender": GENDER, "age": AGE, "skin_tone": SKIN}
    kinds = ("harmful", "human", "non_human", "possibly_human")
    return result(
        "label_association",
        title="Harmful label association",
        dataset="faces",
        headline=headline,
        question="Does the classifier give people of some groups harmful labels more often?",
        groups=feature_rows(rng, [f"{k}@0.1" for k in kinds], features, base=0.08),
        disparities=[
            disparity_row(headline, "gender", "inconclusive", 0.012, group="feminine", half=0.02),
            disparity_row(headline, "gender", "inconclusive", -0.012, group="masculine", half=0.02),
            disparity_row(headline, "age", "within_tolerance", 0.002, kind="slope", measure="per_step", half=0.006),
            disparity_row(headline, "skin_tone", "disparity", 0.028, kind="slope", measure="per_step", half=0.011),
            *exploratory(rng, [f"{k}@0.1" for k in kinds], features),
        ],
        curves=[
            r for k in kinds for f, names in features.items() for r in curve_rows(k, f, names, "threshold", thresholds)
        ],
        metrics={f"{k}@0.1": f"Share of images with a {k} label at a score of 0.1 or more." for k in kinds}
        | {"harmful": "Share of images with a harmful label at threshold threshold; high is bad."},
    )


def geography(rng: np.random.Generator, hostile: str) -> IndicatorResult:
    headline = "hit@5"
    controls = ("standardised by topic", "topic=stove", "topic=bed" + hostile)
    countries = [f"Country {i:02d}" for i in range(1, 46)]
    features: dict[str, Sequence[str]] = {"region": (*REGION, "Oceania"), "income_bucket": INCOME, "country": countries}
    return result(
        "geographic_disparity",
        title="Objects across regions and incomes",
        dataset="households",
        headline=headline,
        question="Are everyday objects recognised as well in poor homes and in every region?",
        groups=[
            *feature_rows(rng, [headline, "neighbour_precision@5 above chance"], features, base=0.55, n=220),
            *(group_row(rng, headline, "region", g, 0.5, 90) | {"control": c} for c in controls for g in REGION),
        ],
        disparities=[
            disparity_row(headline, "income", "disparity", 0.034, kind="slope", measure="per_doubling", half=0.013),
            disparity_row(headline, "region", "disparity", -0.09, group="Africa", half=0.05),
            *(disparity_row(headline, "region", "inconclusive", 0.03, group=g, half=0.05) for g in REGION[1:]),
            disparity_row(headline, "region", "not_estimable", 0, group="Oceania", note="12 clusters; 20 are needed"),
            *exploratory(rng, [headline], {"country": countries}),
            *(
                row | {"control": c, "note": "without 2 of 9 levels of topic" * (c == controls[0])}
                for c in controls
                for row in exploratory(rng, [headline], {"region": REGION})
            ),
        ],
        curves=curve_rows(headline, "income", [""], "income_usd_per_month", [50.0 * 2**i for i in range(9)]),
        metrics={
            headline: "Share of images whose object is among the five most probable labels; low is bad.",
            "neighbour_precision@5 above chance": "Share of the five nearest images of the same object, less chance.",
        },
    )


def memes(rng: np.random.Generator) -> IndicatorResult:
    return result(
        "hate_speech",
        title="Hate speech detection",
        dataset="memes",
        headline="auroc",
        question="Is hate against each group detected as well as against any other?",
        groups=feature_rows(rng, ["auroc"], {"target": TARGET}, base=0.71, n=150),
        disparities=[
            disparity_row("auroc", "target", "inconclusive", -0.02, group=g, half=0.08)
            for g in ("religion", "race", "sex")
        ],
        metrics={"auroc": "Probability that a hateful meme scores above one that is not; low is bad."},
    )


def data_cards(hostile: str) -> tuple[DataCard, ...]:
    def feature(
        name: str, names: Sequence[str], known_by: str, source: str, *, ordered: bool = False
    ) -> dict[str, Any]:
        counts = {g: 100 + 10 * i for i, g in enumerate(names)} | {"not recorded": 7}
        return {
            "name": name,
            "groups": list(names),
            "known_by": known_by,
            "source": source + hostile,
            "ordered": ordered,
            "counts": counts,
        }

    def card(
        name: str, subject: str, cluster: str, features: tuple[dict[str, Any], ...], *, synthetic: bool
    ) -> DataCard:
        skipped = tuple(
            {"file": f"part/{i:03d}{hostile}.jpg", "reason": "cannot be decoded" + hostile} for i in range(20)
        )
        return DataCard(
            name=name,
            reader="utkface" + hostile,
            subject=subject,
            cluster=cluster,
            licence="CC BY 4.0" + hostile,
            version="1.0",
            n=2400,
            n_clusters=1100,
            digest="ab" * 32,
            synthetic=synthetic,
            show_images=False,
            features=features,
            skipped=skipped,
            n_skipped=131,
            notes=("Persons are not known; every image counts as its own person." + hostile,),
        )

    return (
        card(
            "faces",
            "people",
            "person",
            (
                feature("gender", GENDER, "perceived", "the authors of the data set, from the image"),
                feature("age", AGE, "perceived", "an estimate, checked by annotators", ordered=True),
                feature("skin_tone", SKIN, "annotated", "three annotators, majority", ordered=True),
            ),
            synthetic=True,
        ),
        card(
            "households",
            "objects",
            "household",
            (
                feature("region", (*REGION, "Oceania"), "self-reported", "the families"),
                feature("income_bucket", INCOME, "derived", "terciles of reported income", ordered=True),
                feature("country", tuple(f"Country {i:02d}" for i in range(1, 46)), "self-reported", "the families"),
            ),
            synthetic=False,
        ),
        card(
            "memes", "memes", "image", (feature("target", TARGET, "annotated", "trained annotators"),), synthetic=False
        ),
    )


def training(hostile: str) -> dict[str, Any]:
    """What is declared of two folders of training images: one with a profile, one of which nobody says anything."""
    half = Figure(0.5, 0.41, 0.59)
    shares = (
        ValueShare("Kenya" + hostile, "value", 60, half, Figure(0.6, 0.5, 0.7)),
        ValueShare("Peru", "value", 40, Figure(0.3333, 0.25, 0.42), Figure(0.4, 0.3, 0.5)),
        ValueShare("unknown", "unknown", 20, Figure(0.1667, 0.1, 0.25)),
    )
    country = FieldProfile(
        "country", "", 120, 100, 100, 2, shares, Figure(0.97, 0.9, 1.0), Figure(1.96, 1.8, 2.0), Figure(0, 0, 0),
        "Wilson", ("a note" + hostile,),
    )  # fmt: skip
    copies = Copies("the same bytes" + hostile, 120, 1, 1, (("a" + hostile, "b"),), "")
    profile = Profile("images" + hostile, 120, 120, 0, "", 100, (country,), (copies,), notes=(hostile,))
    data = (
        TrainingData("photos" + hostile, Datasheet({"licence": "CC0" + hostile}), profile),
        TrainingData("silent", None, None, "no table of the images lies in the folder"),
    )
    return dict(zip(("datasheets", "profiles"), documents(data), strict=True))


def make_audit(*, hostile: str = "", name: str = "swav_regnet_400mf", shift: float = 0.0, seed: int = 0) -> AuditResult:
    """Return an audit with four indicators, one failure and every status; ``hostile`` is put into every free text."""
    rng = np.random.default_rng(seed)
    audit = AuditResult(
        model=ModelCard(
            name=name + hostile,
            kind="fairaudit run",
            architecture="RegNetModel" + hostile,
            n_parameters=4_770_000,
            embedding_dim=384,
            digest="0f" * 32,
            n_labels=1000,
            preprocessing={"size": 224, "crop": "center", "mean": [0.485, 0.456, 0.406], "note": hostile},
            notes=("Trained for 2 epochs on drawn images." + hostile,),
            training=training(hostile),
        ),
        data=data_cards(hostile),
        results=(similarity(rng, hostile, shift), association(rng, hostile), geography(rng, hostile), memes(rng)),
        failures=(
            Failure(
                "copy_robustness" + hostile,
                "requirements",
                "It needs near-duplicate pairs, and no data set gives them." + hostile,
                "Add a data set of the reader 'copydays'." + hostile,
                "faces",
            ),
        ),
        config={"seed": 0, "batch_size": 64, "text": hostile},
        plan={
            "tolerance": 0.05,
            "primary": [{"indicator": "hate_speech", "metric": "auroc"}],
            "digest": "cd" * 32,
            "text": hostile,
        },
        provenance={
            "versions": {"fairaudit": "0.1.0", "numpy": "2.0.0", "bad": hostile},
            "seed": 0,
            "selftest": {"passed": True, "sentence": "passed; planted disparities found 60 of 60" + hostile},
            "run": {"started": "2026-03-01T10:00:00Z", "seconds": 12.5, "platform": "Linux" + hostile},
        },
    )
    return replace(audit, provenance={**audit.provenance, "digest": digest(audit)})
