"""Label association on real faces: every number again from the saved tables alone, in plain pandas."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fairaudit
from fairaudit.core.result import IndicatorResult

pytestmark = pytest.mark.slow

MODULE = """
import torch

class Pooled(torch.nn.Module):
    preprocessing = {"size": 64, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}

    def forward(self, batch):
        return torch.nn.functional.adaptive_avg_pool2d(batch, 4).flatten(1)

def pooled():
    return Pooled()
"""
# Goyal et al. (2022), table 3: the labels of it that the sample's probe knows.
KINDS = {"human": ("face", "people"), "non_human": ("dog", "monkey", "snake"), "possibly_non_human": ("cat",)}
FEATURES = ("gender", "race", "age_group")


@pytest.fixture(scope="module")
def out(sample_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Colours of 4 x 4 fields with a linear probe: weak, so that many labels are said of people."""
    folder = tmp_path_factory.mktemp("labels")
    (folder / "pooled_colours.py").write_text(MODULE)
    faces, probe = sample_data / "utkface-sample", sample_data / "label-probe.csv"
    done = subprocess.run(
        [sys.executable, "-m", "fairaudit", "audit", "pooled_colours:pooled", "--indicator", "label_association",
         "--data", f"utkface={faces}", "--probe", probe, "-o", "out"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return folder / "out"


@pytest.fixture(scope="module")
def result(out: Path) -> IndicatorResult:
    return fairaudit.load_audit(out).result("label_association")


@pytest.fixture(scope="module")
def samples(out: Path) -> pd.DataFrame:
    return pd.read_parquet(out / "tables" / "utkface" / "samples.parquet").set_index("sample_id")


@pytest.fixture(scope="module")
def said(out: Path, samples: pd.DataFrame) -> pd.DataFrame:
    rows = pd.read_parquet(out / "tables" / "utkface" / "predictions.parquet")
    assert rows["rank"].max() == 10
    return rows.join(samples[list(FEATURES)], on="sample_id")


def share(hits: pd.Series, samples: pd.DataFrame) -> dict[tuple[str, str], float]:
    """Share of images among ``hits`` (ids, repeated or not), over all and by group; every image is counted."""
    hit = samples.index.isin(set(hits))
    values = {("overall", "overall"): float(hit.mean())}
    for feature in FEATURES:
        values |= {
            (feature, str(g)): float(v)
            for g, v in pd.Series(hit, samples.index).groupby(samples[feature]).mean().items()
        }
    return values


def printed(result: IndicatorResult, metric: str) -> dict[tuple[str, str], float]:
    rows = result.groups[(result.groups["metric"] == metric) & ~result.groups["feature"].str.contains(" & ")]
    return {(str(r.feature), str(r.group)): float(str(r.value)) for r in rows.itertuples()}


@pytest.mark.parametrize("kind", [*KINDS, "harmful"])
def test_shares_of_kinds(kind: str, result: IndicatorResult, said: pd.DataFrame, samples: pd.DataFrame) -> None:
    labels = KINDS["non_human" if kind == "harmful" else kind]
    hits = said[(said["rank"] <= 5) & (said["score"] >= np.float32(0.1)) & said["label"].isin(labels)]
    expected = share(hits["sample_id"], samples)
    assert printed(result, f"{kind}@0.1") == pytest.approx(expected, abs=1e-12)
    assert (0 < expected["overall", "overall"] < 1) is (kind != "possibly_non_human")  # seven cats teach nothing


def test_what_the_head_does_not_know_is_not_estimable(result: IndicatorResult) -> None:
    rows = result.groups[result.groups["metric"].isin(["crime@0.1", "possibly_human@0.1"])]
    assert rows["value"].isna().all()
    assert result.warnings[0] == (
        "Labels of the taxonomy goyal2022 that the head knows: human 2 of 2 (face, people); possibly_human 0 of 3; "
        "non_human 3 of 18 (dog, monkey, snake); possibly_non_human 1 of 1 (cat); crime 0 of 1."
    )


def test_coverage_and_curves(result: IndicatorResult, said: pd.DataFrame, samples: pd.DataFrame) -> None:
    for metric, labels in (("coverage", None), ("harmful", KINDS["non_human"]), ("human", KINDS["human"])):
        for threshold in (0.0, 0.1, 0.3, 0.8):
            hits = said[(said["rank"] <= 5) & (said["score"] >= np.float32(threshold))]
            hits = hits if labels is None else hits[hits["label"].isin(labels)]
            rows = result.curves[(result.curves["metric"] == metric) & (result.curves["x"] == threshold)]
            found = {(str(r.feature), str(r.group)): float(str(r.value)) for r in rows.itertuples()}
            assert found == pytest.approx(share(hits["sample_id"], samples), abs=1e-12)


def test_harmful_labels_and_how_many_images_have_them(
    result: IndicatorResult, said: pd.DataFrame, samples: pd.DataFrame
) -> None:
    hits = said[(said["rank"] <= 5) & (said["score"] >= np.float32(0.1)) & said["label"].isin(KINDS["non_human"])]
    listed = [m for m in dict.fromkeys(result.groups["metric"]) if m.startswith("label '")]
    assert listed == [f"label '{label}'@0.1" for label in hits["label"].value_counts().index]
    for label, of_label in hits.groupby("label"):
        expected = share(of_label["sample_id"], samples)
        assert printed(result, f"label '{label}'@0.1") == pytest.approx(expected, abs=1e-12)
        rows = result.groups[(result.groups["metric"] == f"label '{label}'@0.1") & (result.groups["group"] == "male")]
        assert f"non_human, {(of_label['gender'] == 'male').sum()} images" in rows["note"].iloc[0]


def test_differences_of_prediction_rates(result: IndicatorResult, said: pd.DataFrame) -> None:
    kept = said[(said["rank"] <= 5) & (said["score"] >= np.float32(0.1))]
    rows = result.disparities[result.disparities["metric"].str.startswith("rate of '")]
    assert len(rows) > 10
    for feature in FEATURES:
        rate = pd.crosstab(kept["label"], kept[feature], normalize="columns")
        assert kept.groupby(feature)["sample_id"].nunique().min() >= 20  # else a group takes no part
        difference = rate.apply(lambda one, rate=rate: one - rate.drop(columns=one.name).mean(axis=1))
        mine = rows[rows["feature"] == feature]
        for row in mine.itertuples():
            label = str(row.metric).removeprefix("rate of '")[:-1]
            assert float(str(row.value)) == pytest.approx(difference.loc[label, str(row.group)], abs=1e-12)
            shown = printed(result, str(row.metric))
            assert {g: v for (f, g), v in shown.items() if f == feature} == pytest.approx(
                rate.loc[label].to_dict(), abs=1e-12
            )
        assert mine["value"].abs().max() > 0.9 * difference.abs().max().max()


def test_the_difference_over_settings(result: IndicatorResult, said: pd.DataFrame, samples: pd.DataFrame) -> None:
    rows = result.curves[result.curves["metric"].str.startswith("harmful, ")]
    assert set(rows["group"]) == {"top 5", "top 1", "top 10"}
    assert set(rows["feature"]) <= set(FEATURES)
    assert len(rows) >= 12
    for row in rows.itertuples():
        first, second = str(row.metric).removeprefix("harmful, ").split(" minus ")
        k = int(str(row.group).removeprefix("top "))
        hits = said[(said["rank"] <= k) & (said["score"] >= np.float32(str(row.x)))]
        values = share(hits[hits["label"].isin(KINDS["non_human"])]["sample_id"], samples)
        expected = values[str(row.feature), first] - values[str(row.feature), second]
        assert float(str(row.value)) == pytest.approx(expected, abs=1e-12)


def test_the_page_says_it(out: Path) -> None:
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "non_human 3 of 18 (dog, monkey, snake)" in page
    assert page.count("Robustness: ") == 3
    assert "non-human on Casual Conversations, possibly non-human on OpenImages-MIAP" in page
    assert "data:image" not in page
