"""The tables on disk: each written once, from what the indicators got."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from fairaudit.auditing.tables import Tables, save_tables
from fairaudit.core.samples import Samples
from fairaudit.core.tables import Embeddings, Predictions
from fairaudit.extraction.extract import Extraction

IDS = ("a", "b")


def predictions(*labels: str) -> Predictions:
    scores = np.array([[0.75, 0.25], [0.5, 0.5]], dtype=np.float32)
    return Predictions(IDS, np.array([labels, labels]), scores, labels, source="test")


@pytest.fixture
def extraction() -> Extraction:
    """Of a checkpoint that has a head of its own."""
    table = pd.DataFrame({"sample_id": IDS, "path": IDS, "cluster_id": IDS, "split": "", "label": "", "text": ""})
    samples = Samples("data", "test", "objects", Path(), table, (), "image", "none")
    vectors = np.arange(6, dtype=np.float32).reshape(2, 3)
    return Extraction(samples, Embeddings(IDS, vectors), predictions("cat", "dog"), "ab", ("c0", "c1"), 0)


def test_tables_on_disk(extraction: Extraction, tmp_path: Path) -> None:
    scores = pd.DataFrame({"sample_id": IDS, "score": [0.1, 0.9]})
    save_tables({"data": Tables(extraction, extraction.predictions, scores)}, tmp_path)
    folder = tmp_path / "data"
    loaded = Embeddings.load(folder)
    assert loaded.sample_ids == IDS
    assert np.array_equal(loaded.vectors, extraction.embeddings.vectors)
    table = pd.read_parquet(folder / "samples.parquet")
    assert table["digest"].tolist() == ["c0", "c1"]
    assert table.drop(columns="digest").to_dict() == extraction.samples.table.to_dict()
    rows = pd.read_parquet(folder / "predictions.parquet")
    assert rows.values.tolist() == [
        ["a", 1, "cat", 0.75],
        ["a", 2, "dog", 0.25],
        ["b", 1, "cat", 0.5],
        ["b", 2, "dog", 0.5],
    ]
    assert (folder / "labels.txt").read_text() == "cat\ndog\n"
    pd.testing.assert_frame_equal(pd.read_parquet(folder / "scores.parquet"), scores, check_dtype=False)


def test_only_the_predictions_that_were_used_are_written(extraction: Extraction, tmp_path: Path) -> None:
    """Those of a probe or of prompts, not those of the checkpoint's own head before them."""
    tables = {"probe": Tables(extraction, predictions("home", "stove")), "none": Tables(extraction, None)}
    save_tables(tables, tmp_path)
    assert set(pd.read_parquet(tmp_path / "probe" / "predictions.parquet")["label"]) == {"home", "stove"}
    assert sorted(p.name for p in (tmp_path / "none").iterdir()) == ["embeddings.npy", "samples.parquet"]
