"""Retrieval on real faces: every value of the report, from the saved embeddings alone, in plain float64."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest

import fairaudit
from fairaudit.auditing.run import Audit

K = (1, 5, 10, 50)

pytestmark = pytest.mark.slow
NETWORK = """
import torch

def small():
    torch.manual_seed(3)
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 24, 5, stride=3), torch.nn.ReLU(), torch.nn.Conv2d(24, 48, 3, stride=2), torch.nn.ReLU(),
        torch.nn.AdaptiveAvgPool2d(2), torch.nn.Flatten(),
    )
    network.preprocessing = {"size": 48, "mean": [0.5, 0.5, 0.5], "std": [0.25, 0.25, 0.25]}
    return network
"""


@pytest.fixture(scope="module", params=["gender", "race"])
def audited(
    request: pytest.FixtureRequest, sample_data: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, Audit]:
    """An audit of a random network on every fourth face, by which attribute neighbours must share."""
    folder = tmp_path_factory.mktemp(request.param)
    (folder / "recomputed_network.py").write_text(NETWORK)
    (folder / "faces").mkdir()
    for path in sorted((sample_data / "utkface-sample" / "UTKFace").iterdir())[::4]:
        (folder / "faces" / path.name).symlink_to(path)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(folder)
        audit = fairaudit.audit(
            "recomputed_network:small",
            data={"utkface": folder / "faces"},
            indicators=["representation_disparity"],
            options={"representation_disparity": {"attribute": request.param}},
            output=folder / "out",
        )
    return request.param, folder / "out" / "tables" / "utkface", audit


def walk(others: list[str], own: str) -> dict[str, float]:
    """Measures of one query, from the values of everybody else in the order of their similarity."""
    share = {v: others.count(v) / len(others) for v in set(others)}
    found = {}
    for k in K:
        first = others[:k]
        found[f"precision@{k}"] = first.count(own) / k
        found[f"lift@{k}"] = first.count(own) / k / share[own]
        found[f"max_skew@{k}"] = max(math.log(first.count(v) / k / share[v]) for v in first)
        total = hits = 0.0
        for v in others:
            total, hits = total + 1 / share[v] / len(share), hits + (v == own) / share[v] / len(share)
            if total > k - 1e-9:
                break
        found[f"balanced_precision@{k}"] = hits / total
    prefixes = [others[:i] for i in range(1, max(K) + 1)]
    parts = [sum(p.count(v) / len(p) * math.log(p.count(v) / len(p) / share[v]) for v in set(p)) for p in prefixes]
    discounts = [1 / math.log2(len(p) + 1) for p in prefixes]
    found[f"ndkl@{max(K)}"] = sum(p * d for p, d in zip(parts, discounts, strict=True)) / sum(discounts)
    return found


def test_every_value_of_the_report(audited: tuple[str, Path, Audit]) -> None:
    attribute, folder, audit = audited
    vectors = np.load(folder / "embeddings.npy").astype(np.float64)
    rows = pd.read_parquet(folder / "samples.parquet")
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    values: npt.NDArray[np.str_] = rows[attribute].to_numpy(str)
    expected = []
    for i, vector in enumerate(vectors):
        similarity = vectors @ vector
        order = [int(j) for j in np.argsort(-similarity.round(12), kind="stable") if j != i]
        expected.append(walk(values[order].tolist(), str(values[i])))
    table = pd.DataFrame(expected)
    printed = audit.result("representation_disparity").groups
    printed = printed[(printed["control"] == "") & (printed["n"] > 0)]
    assert len(printed) > 250
    for row in printed.to_dict("records"):
        inside = np.ones(len(rows), dtype=bool)
        if row["feature"] != "overall":
            for feature, group in zip(row["feature"].split(" & "), row["group"].split(" & "), strict=True):
                inside &= rows[feature].to_numpy(str) == group
        assert row["n"] == inside.sum()
        assert row["value"] == pytest.approx(table.loc[inside, row["metric"]].mean(), abs=1e-9), row
