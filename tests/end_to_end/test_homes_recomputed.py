"""Homes on real photos: every printed value again, in plain pandas from the files that an audit saves."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import fairaudit
from fairaudit.core.result import IndicatorResult
from tests.end_to_end.pooled_network import POOLED

MAP = """
name = "coarse"
version = "1"
source = "coarse labels of the probe, for this test only"

[topics]
beds = ["object", "landscape"]
families = ["people", "face"]
bedrooms = ["mammal", "dog"]
toothbrush = ["plant", "n03249569"]

[synsets]
n03249569 = "insect"
"""


@pytest.fixture(scope="module")
def folder(sample_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The real photos, where each bed is listed as a bedroom too, and two of them in a file of its own."""
    root = tmp_path_factory.mktemp("homes")
    (root / "images").mkdir()
    for image in (sample_data / "dollar-street-sample" / "images").iterdir():
        (root / "images" / image.name).symlink_to(image)
    rows = pd.read_csv(sample_data / "dollar-street-sample" / "metadata.csv", dtype=str)
    again = rows[rows["topic"] == "beds"].assign(topic="bedrooms")
    for i in again.index[:2]:
        original = root / again.loc[i, "file"]
        again.loc[i, "file"] = f"images/copy-{i}.jpg"
        (root / f"images/copy-{i}.jpg").write_bytes(original.read_bytes())
    pd.concat([rows, again]).to_csv(root / "metadata.csv", index=False)
    (root / "map.toml").write_text(MAP, encoding="utf-8")
    (root / "foreign_homes.py").write_text(POOLED, encoding="utf-8")
    return root


def audited(folder: Path, sample_data: Path, out: Path, preset: str) -> IndicatorResult:
    audit = fairaudit.audit(
        "foreign_homes:pooled", data={"dollar_street": folder}, probe=sample_data / "label-probe.csv", output=out,
        indicators=["geographic_disparity"], preset=preset, progress=False,
        options={"geographic_disparity": {"label_map": str(folder / "map.toml"), "country_households": 1}},
    )  # fmt: skip
    return audit.result("geographic_disparity")


@pytest.mark.parametrize("preset", ["goyal2022_paper", "goyal2022_code"])
def test_values_recomputed_from_the_saved_predictions_are_equal(
    folder: Path, sample_data: Path, tmp_path: Path, preset: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(folder)
    result = audited(folder, sample_data, tmp_path / "out", preset)
    tables = tmp_path / "out" / "tables" / "dollar_street"
    rows = pd.read_parquet(tables / "samples.parquet")
    predictions = pd.read_parquet(tables / "predictions.parquet")
    assert (len(rows), rows["digest"].nunique(), result.params["photos"]) == (
        *((58, 43, 43) if preset == "goyal2022_paper" else (58, 43, 58)),
    )

    data = tomllib.loads(MAP)
    right = {topic: {data["synsets"].get(name, name) for name in names} for topic, names in data["topics"].items()}
    top = predictions[predictions["rank"] <= 5].groupby("sample_id")["label"].agg(set)
    rows["hit"] = [bool(right[t] & top[i]) for i, t in zip(rows["sample_id"], rows["label"], strict=True)]
    if preset == "goyal2022_paper":
        rows = rows.groupby(["cluster_id", "digest"], sort=False).agg(
            {"hit": "max", "region": "first", "country": "first", "income_usd_per_month": "first"}
        )
        rows = rows.reset_index()
    step = np.round(np.log(rows["income_usd_per_month"]) / 3)
    rows["income_bucket"] = step.map({1: "low", 2: "medium", 3: "high"})
    homes = rows.groupby("cluster_id").agg(
        {
            "hit": "mean",
            "region": "first",
            "country": "first",
            "income_bucket": "first",
            "income_usd_per_month": "first",
        }
    )
    mine = result.groups[(result.groups["metric"] == "hit@5") & (result.groups["control"] == "")]
    printed = {(r.feature, r.group): r.value for r in mine.itertuples()}
    assert printed["overall", "overall"] == pytest.approx(homes["hit"].mean(), abs=1e-12)
    assert 0 < homes["hit"].mean() < 1
    for feature in ("region", "country", "income_bucket"):
        for group, value in homes.groupby(feature)["hit"].mean().items():
            assert printed[feature, str(group)] == pytest.approx(value, abs=1e-12)
    crossed = homes.groupby(["region", "income_bucket"], as_index=False)["hit"].mean()
    for row in crossed.itertuples():
        name = f"{row.region} & {row.income_bucket}"
        assert printed["region & income_bucket", name] == pytest.approx(row.hit, abs=1e-12)
    slopes = result.disparities[(result.disparities["metric"] == "hit@5") & (result.disparities["kind"] == "slope")]
    slopes = slopes[slopes["feature"] == "income"]
    line = np.polyfit(np.log2(homes["income_usd_per_month"]), homes["hit"], 1)
    assert slopes["value"].item() == pytest.approx(line[0], abs=1e-12)
    assert result.protocol["preset"] == ("default" if preset == "goyal2022_paper" else preset)
