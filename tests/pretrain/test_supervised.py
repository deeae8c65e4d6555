from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from fairaudit.core.errors import ConfigError, DataError
from fairaudit.pretrain import pretrain, train_supervised
from fairaudit.pretrain.labels import read_labels
from fairaudit.pretrain.recipe import Recipe
from fairaudit.pretrain.settings import Crops, Optimiser, Schedule


def test_it_learns_three_colours_and_keeps_their_names(tmp_path: Path, labels: Path) -> None:
    from transformers import AutoModelForImageClassification

    recipe = Recipe(
        crops=Crops(sizes=(24,), store=24, scales=((0.5, 1.0),), colour=0.0, grayscale=0.0),
        optimiser=Optimiser(learning_rate=0.05),
        schedule=Schedule(samples=480, batch=12),
    )
    run = train_supervised(recipe, labels=labels, output=tmp_path / "run", progress=False)
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
    assert sum(row["accuracy"] for row in rows[-5:]) / 5 > 0.9
    model = AutoModelForImageClassification.from_pretrained(run / "model")
    assert model.config.id2label == {0: "blue", 1: "green", 2: "red"}
    assert json.loads((run / "data.json").read_text(encoding="utf-8"))["method"] == "supervised"


def test_a_stopped_run_goes_on_bit_for_bit(tmp_path: Path, labels: Path, six_steps: Recipe) -> None:
    whole = train_supervised(six_steps, labels=labels, output=tmp_path / "whole", progress=False)

    def stop(row: object) -> None:
        assert isinstance(row, dict)
        if row["step"] == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_supervised(six_steps, labels=labels, output=tmp_path / "stopped", progress=False, on_step=stop)
    stopped = train_supervised(six_steps, labels=labels, output=tmp_path / "stopped", progress=False)
    a, b = load_file(whole / "model" / "model.safetensors"), load_file(stopped / "model" / "model.safetensors")
    assert all(torch.equal(a[key], b[key]) for key in a)
    with pytest.raises(ConfigError, match="must hold a run of 'swav'; got one of 'supervised'"):
        pretrain(six_steps, data=[labels.parent / "img"], output=whole, progress=False)


def test_other_labels_are_other_data(tmp_path: Path, labels: Path) -> None:
    text = labels.read_text(encoding="utf-8")
    other = labels.parent / "other.csv"
    other.write_text(text.replace("img/00.jpg,red", "img/00.jpg,blue"), encoding="utf-8")
    assert read_labels(other).files.digest != read_labels(labels).files.digest
    other.unlink()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image,label\na.jpg,x\n", "must have the columns file and label; got image, label. Add file."),
        ("", "must have the columns file and label; got none. Add file and label."),
        ("file,label\na.jpg,\n", "must have a file and a label in each row; got an empty one in row 2. Fill it."),
        ("file,label\na.jpg,x\na.jpg,y\n", "must list each file once; got 'a.jpg' twice. Remove one of the rows."),
        ("file,label\na.jpg,x\n", "must hold at least two labels; got 1. Add images of another label."),
        ("file,label\na.jpg,x\nb.jpg,y\n", "every image must exist; got 2 of 2 missing, the first"),
    ],
)
def test_wrong_label_files(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "labels.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_labels(path)
    assert message in str(caught.value)


def test_a_label_file_that_is_not_there_or_not_text(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"label file .*no.csv must be a readable file; got no such file"):
        read_labels(tmp_path / "no.csv")
    (tmp_path / "bytes.csv").write_bytes(b"file,label\n\xff\xfe,x\n")
    with pytest.raises(DataError, match=r"label file '.*bytes.csv' must be CSV in UTF-8; got"):
        read_labels(tmp_path / "bytes.csv")
