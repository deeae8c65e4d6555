"""The whole way on real images: counts, honest failures, foreign checkpoints, and an independent recomputation."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import fairaudit
from fairaudit.pretrain import pretrain
from tests.end_to_end.pooled_network import POOLED

# So short a run does not learn, and says so; what is looked at here is the way, not the numbers.
pytestmark = [pytest.mark.slow, pytest.mark.filterwarnings("ignore::fairaudit.pretrain.TrainingWarning")]


@pytest.fixture(scope="module")
def run(sample_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small RegNet-Y, pretrained for a moment on real photos."""
    data = [sample_data / "imagenet-sample", sample_data / "utkface-sample"]
    return pretrain("quick", data=data, output=tmp_path_factory.mktemp("run") / "run", samples=640, progress=False)


def command(run: Path, sample_data: Path, out: Path, *more: object) -> subprocess.CompletedProcess[str]:
    arguments = [
        "audit", run, "--data", f"utkface={sample_data / 'utkface-sample'}",
        "--data", f"dollar_street={sample_data / 'dollar-street-sample'}",
        "--data", f"hateful_memes={sample_data / 'memes-sample'}", "-o", out, *more,
    ]  # fmt: skip
    return subprocess.run(
        [sys.executable, "-m", "fairaudit", *map(str, arguments)], capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def out(run: Path, sample_data: Path, minilm: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("audit") / "out"
    probe = sample_data / "label-probe.csv"
    done = command(run, sample_data, folder, "--probe", probe, "--text-encoder", minilm)
    assert done.returncode == 0, done.stderr[-3000:]
    return folder


def test_all_four_indicators_give_a_result(out: Path) -> None:
    audit = fairaudit.load_audit(out)
    assert {r.indicator: r.dataset for r in audit.results} == {
        "geographic_disparity": "dollar_street",
        "hate_speech": "hateful_memes",
        "label_association": "utkface",
        "representation_disparity": "utkface",
    }
    assert audit.failures == ()


def test_counts_are_those_of_the_samples(out: Path) -> None:
    cards = {card.name: card for card in fairaudit.load_audit(out).data}
    faces, photos, memes = cards["utkface"], cards["dollar_street"], cards["hateful_memes"]
    assert faces.n == 2564 - 150
    malformed = [s["file"] for s in faces.skipped if "probe" not in s["reason"]]
    assert sorted(Path(f).name for f in malformed) == [
        "61_1_20170109142408075.jpg.chip.jpg",
        "61_3_20170109150557335.jpg.chip.jpg",
    ]
    assert faces.n_skipped == 152
    assert (photos.n, photos.n_clusters) == (43, 29)
    assert memes.n == 1308


def test_precision_recomputed_from_the_saved_embeddings_is_equal(out: Path) -> None:
    """Plain numpy in float64, from the files alone."""
    folder = out / "tables" / "utkface"
    vectors = np.load(folder / "embeddings.npy").astype(np.float64)
    rows = pd.read_parquet(folder / "samples.parquet")
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    similarity = vectors @ vectors.T
    np.fill_diagonal(similarity, -np.inf)
    order = np.argsort(-similarity, axis=1, kind="stable")
    gender = rows["gender"].to_numpy(str)
    groups = fairaudit.load_audit(out).result("representation_disparity").groups
    for k in (1, 5, 10, 50):
        hit = (gender[order[:, :k]] == gender[:, None]).mean(axis=1)
        mine = groups[groups["metric"] == f"precision@{k}"]
        printed = {(r.feature, r.group): r.value for r in mine.itertuples()}
        assert printed["overall", "overall"] == pytest.approx(hit.mean(), abs=1e-9)
        for feature in ("gender", "race", "age_group"):
            for group in sorted(set(rows[feature])):
                assert printed[feature, group] == pytest.approx(hit[rows[feature] == group].mean(), abs=1e-9)


def test_what_is_too_small_says_so(out: Path) -> None:
    """43 photos prove that the path works, and nothing else: most groups are too few, and none is a zero."""
    result = fairaudit.load_audit(out).result("geographic_disparity")
    assert result.headline == "adjusted_neighbour_precision@5"
    few = result.groups[result.groups["n_clusters"] < 20]
    assert len(few) > 10
    assert set(few["status"]) <= {"too_few", "not_estimable"}
    empty = result.groups[result.groups["n"] == 0]
    assert empty["value"].isna().all()
    assert (empty["note"] != "").all()


def test_report_says_that_persons_are_not_known(out: Path) -> None:
    page = (out / "report.html").read_text(encoding="utf-8")
    assert "Persons are not known" in page
    assert "data:image" not in page


@pytest.fixture(scope="module")
def few(sample_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All photos of homes, every tenth face, and forty memes of each split."""
    folder = tmp_path_factory.mktemp("few")
    (folder / "dollar-street-sample").symlink_to(sample_data / "dollar-street-sample")
    (folder / "utkface-sample").mkdir()
    for path in sorted((sample_data / "utkface-sample" / "UTKFace").iterdir())[::10]:
        (folder / "utkface-sample" / path.name).symlink_to(path)
    memes = folder / "memes-sample"
    memes.mkdir()
    (memes / "img").symlink_to(sample_data / "memes-sample" / "img")
    for name in ("train", "dev_seen", "test_seen"):
        rows = (sample_data / "memes-sample" / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        (memes / f"{name}.jsonl").write_text("\n".join(rows[:40]), encoding="utf-8")
    return folder


def test_without_probe_and_text_encoder_two_indicators_fail_honestly(run: Path, few: Path, tmp_path: Path) -> None:
    done = command(run, few, tmp_path / "out")
    assert done.returncode == 0, done.stderr[-3000:]
    audit = fairaudit.load_audit(tmp_path / "out")
    assert {r.indicator for r in audit.results} == {"geographic_disparity", "representation_disparity"}
    told = {f.indicator: f.what_to_do for f in audit.failures}
    assert "--probe LABELS.csv" in told["label_association"]
    assert "--text-encoder FOLDER" in told["hate_speech"]


def test_any_module_is_audited(few: Path, tmp_path: Path) -> None:
    (tmp_path / "mymodels.py").write_text(POOLED)
    done = subprocess.run(
        [sys.executable, "-m", "fairaudit", "audit", "mymodels:pooled", "--data",
         f"utkface={few / 'utkface-sample'}", "-o", "out"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    document: dict[str, Any] = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert document["model"]["kind"] == "module:function"
    assert document["model"]["embedding_dim"] == 48
    assert document["results"][0]["params"]["n_queries"] == 257
