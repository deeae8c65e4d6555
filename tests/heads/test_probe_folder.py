"""A saved probe predicts what it predicted, on the checkpoint it was fitted on and on no other."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fairaudit.core.audit import ModelCard
from fairaudit.core.errors import CheckpointError, DataError
from fairaudit.core.tables import Embeddings
from fairaudit.heads.linear_probe import LinearProbe, fit_probe, read_probe_table
from fairaudit.heads.probe_folder import load_probe, probe_folder, save_probe
from tests.heads.mean_colour import MeanColour


class NamedLayer(MeanColour):
    """Of which the weights and the layer can be changed."""

    layer = "mean"

    def __init__(self) -> None:
        self.card = ModelCard("colours", "test", "none", 0, 3, "1" * 64, {"size": 8})


@pytest.fixture
def fitted(tmp_path: Path, rng: np.random.Generator) -> LinearProbe:
    rows = ["file,label,cluster"]
    for i in range(45):
        pixel = rng.integers(0, 120, 3)
        pixel[i % 3] += 100
        Image.new("RGB", (8, 8), tuple(pixel.tolist())).save(tmp_path / f"{i}.png")
        rows.append(f"{i}.png,{('red', 'green', 'blue')[i % 3]},person {i // 5}")
    (tmp_path / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return fit_probe(NamedLayer(), read_probe_table(tmp_path / "labels.csv"), seeds=2)


@pytest.fixture
def folder(fitted: LinearProbe, tmp_path: Path) -> Path:
    save_probe(fitted, NamedLayer(), probe_folder(tmp_path / "probe"), versions={"fairaudit": "0"})
    return tmp_path / "probe"


def test_it_predicts_bit_for_bit_as_before(fitted: LinearProbe, folder: Path, rng: np.random.Generator) -> None:
    saved = load_probe(folder)
    saved.check(NamedLayer())
    new = Embeddings(tuple(map(str, range(50))), rng.random((50, 3), dtype=np.float32))
    before, after = fitted.predict(new), saved.probe.predict(new)
    assert (before.scores == after.scores).all()
    assert (before.labels == after.labels).all()
    assert before.source == after.source == "linear probe on labels.csv"
    assert saved.probe.params() == fitted.params()
    assert saved.probe.images == fitted.images
    assert len(saved.probe.images) == 45


def test_the_record_says_how_it_came_about_and_no_path(fitted: LinearProbe, folder: Path, tmp_path: Path) -> None:
    text = (folder / "probe.json").read_text(encoding="utf-8")
    record = json.loads(text)
    assert str(tmp_path) not in text
    assert record["model"]["digest"] == "1" * 64
    assert record["probe"]["table_digest"] == fitted.table_digest
    assert [one["seed"] for one in record["held_out"]] == [0, 1]
    assert record["versions"] == {"fairaudit": "0"}
    assert sorted(path.name for path in folder.iterdir()) == [
        ".fairaudit.json", "images.parquet", "probe.json", "weights.safetensors",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"digest": "2" * 64},
            "checkpoint of the probe probe must have the weights on which it was fitted, of 'colours' (111111111111); "
            "got 'colours' (222222222222). Fit the probe again on this checkpoint: fairaudit probe.",
        ),
        (
            {"layer": "top"},
            "checkpoint of the probe probe must have the layer on which it was fitted, 'mean'; got 'top'. Fit the "
            "probe again on this checkpoint: fairaudit probe.",
        ),
        (
            {"preprocessing": {"size": 9}},
            "checkpoint of the probe probe must have the preprocessing on which it was fitted, with the digest ",
        ),
    ],
    ids=["weights", "layer", "preprocessing"],
)
def test_another_checkpoint_is_refused(folder: Path, change: dict[str, Any], text: str) -> None:
    model = NamedLayer()
    model.layer = change.pop("layer", model.layer)
    model.card = dataclasses.replace(model.card, **change)
    with pytest.raises(CheckpointError) as caught:
        load_probe(folder).check(model)
    assert str(caught.value).startswith(text)


def test_an_earlier_probe_is_replaced(fitted: LinearProbe, folder: Path) -> None:
    save_probe(dataclasses.replace(fitted, strength=7.0), NamedLayer(), probe_folder(folder), versions={})
    assert load_probe(folder).probe.strength == 7.0


def damage_json(folder: Path, key: str, value: object) -> None:
    record = json.loads((folder / "probe.json").read_text(encoding="utf-8"))
    record[key] = value
    (folder / "probe.json").write_text(json.dumps(record), encoding="utf-8")


def test_a_damaged_probe_is_one_sentence(folder: Path) -> None:
    damage_json(folder, "model", {})
    with pytest.raises(DataError, match=r"must be complete and unchanged; got no 'name'\. Fit it again\.$"):
        load_probe(folder)
    damage_json(folder, "format", 2)
    with pytest.raises(DataError, match=r"got the format 2, where this version reads 1\. Fit it again\.$"):
        load_probe(folder)
    (folder / "probe.json").write_text("{", encoding="utf-8")
    with pytest.raises(DataError, match="must be complete and unchanged; got Expecting"):
        load_probe(folder)


def test_weights_of_another_probe_are_refused(folder: Path) -> None:
    content = bytearray((folder / "weights.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "weights.safetensors").write_bytes(content)
    with pytest.raises(DataError, match=r"got a weights.safetensors with another digest than in probe.json\. Fit it"):
        load_probe(folder)
    (folder / "weights.safetensors").unlink()
    with pytest.raises(DataError, match=r"weights .*weights.safetensors must be a readable file; got no such file"):
        load_probe(folder)


def test_a_folder_without_a_probe(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"must be a CSV with file and label, or a folder of `fairaudit probe` \(probe.json\); got a"
    ):
        load_probe(tmp_path)
