"""Features that were computed elsewhere: what is read, and what is refused before anything is measured."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from fairaudit.core.errors import CheckpointError
from fairaudit.models import open_model
from fairaudit.models.features_folder import Features


def write(folder: Path, *, n: int = 5, d: int = 3, dtype: Any = np.float32, suffix: str = ".csv") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "embeddings.npy", np.arange(n * d, dtype=dtype).reshape(n, d))
    table = pd.DataFrame({"sample_id": [f"00{i}" for i in range(n)], "other": 1})
    if suffix == ".csv":
        table.to_csv(folder / "samples.csv", index=False)
    else:
        table.to_parquet(folder / "samples.parquet", index=False)
    return folder


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_a_folder(tmp_path: Path, suffix: str, dtype: Any) -> None:
    model = open_model(write(tmp_path / "mine", dtype=dtype, suffix=suffix))
    assert isinstance(model, Features)
    rows = model.rows("anything")
    assert rows.sample_ids == ("000", "001", "002", "003", "004"), "ids are texts: leading zeros stay"
    np.testing.assert_array_equal(rows.vectors, np.arange(15).reshape(5, 3))
    card = model.card
    assert (card.name, card.kind, card.embedding_dim, card.n_parameters) == ("mine", "features", 3, 0)
    assert (card.layer, card.preprocessing) == ("computed elsewhere", {})


def test_an_array_beside_a_table_of_its_name(tmp_path: Path) -> None:
    folder = write(tmp_path)
    (folder / "embeddings.npy").rename(folder / "vit.npy")
    with pytest.raises(
        CheckpointError, match=r"must lie beside vit\.npy, .*; got none\. Write vit\.csv or vit\.parquet"
    ):
        open_model(folder / "vit.npy")
    (folder / "samples.csv").rename(folder / "vit.csv")
    model: Any = open_model(folder / "vit.npy")
    assert len(model.rows("x").sample_ids) == 5


def test_a_folder_for_each_data_set(tmp_path: Path) -> None:
    write(tmp_path / "faces", n=2)
    write(tmp_path / "homes", n=4)
    model: Any = open_model(tmp_path)
    assert (len(model.rows("faces").sample_ids), len(model.rows("homes").sample_ids)) == (2, 4)
    with pytest.raises(CheckpointError, match=r"got faces, homes, and none for 'memes'\. Add it, or name the data set"):
        model.rows("memes")
    write(tmp_path / "memes", d=7)
    with pytest.raises(CheckpointError, match="must hold features of one model; got 3 and 7 numbers a sample"):
        open_model(tmp_path)


def test_the_digest_is_of_ids_and_numbers(tmp_path: Path) -> None:
    first = open_model(write(tmp_path)).card.digest
    expected = hashlib.sha256(b"\0float32\0(5, 3)\0" + b"000\x00001\x00002\x00003\x00004")
    expected.update(np.arange(15, dtype=np.float32).tobytes())
    assert first == expected.hexdigest()
    np.save(tmp_path / "embeddings.npy", np.arange(1, 16, dtype=np.float32).reshape(5, 3))
    assert open_model(tmp_path).card.digest != first


def test_no_image_is_embedded(tmp_path: Path) -> None:
    model = open_model(write(tmp_path / "mine"))
    for call in (model.embed, model.embed_and_predict):
        with pytest.raises(CheckpointError, match=r"'mine' must embed images that are not in the audited data; got"):
            call(torch.zeros(1, 3, 8, 8))
    with pytest.raises(CheckpointError, match=r"Give the network itself, or leave out what needs it \(--probe\)\."):
        model.preprocess(Image.new("RGB", (8, 8)))


def test_options_of_a_network(tmp_path: Path) -> None:
    write(tmp_path)
    with pytest.raises(
        CheckpointError, match=r"for --preprocessing to have an effect; got features .*Leave --preprocessing out\."
    ):
        open_model(tmp_path, preprocessing=tmp_path / "p.json")
    with pytest.raises(CheckpointError, match="must have a projection to be read there; got features that were comp"):
        open_model(tmp_path, layer="projection")


def test_tables_that_do_not_fit(tmp_path: Path) -> None:
    table = write(tmp_path) / "samples.csv"
    for content, message in (
        ("sample_id\na\nb\n", r"must have as many rows in samples\.csv as in embeddings\.npy; got 2 and 5\."),
        ("sample_id\na\nb\nc\na\nd\n", r"must have a sample_id of its own for each row .*; got 'a' twice\."),
        ("sample_id,x\na,1\nb,1\n,1\nc,1\nd,1\n", r"must have a sample_id of its own .*; got a row without one\."),
        ("id\na\n", r"column of table samples\.csv must be one of: id; got 'sample_id'"),
        ("", r"table samples\.csv must be a CSV file in UTF-8 with a header; got"),
    ):
        table.write_text(content, encoding="utf-8")
        with pytest.raises(CheckpointError, match=message):
            open_model(tmp_path)
    write(tmp_path, suffix=".parquet")
    with pytest.raises(CheckpointError, match=r"must be one table samples; got samples\.parquet and samples\.csv\."):
        open_model(tmp_path)


def test_arrays_that_are_none(tmp_path: Path) -> None:
    array = write(tmp_path) / "embeddings.npy"
    for wrong, got in (
        (np.arange(5), r"got int64 of shape \(5,\)"),
        (np.zeros((5, 0)), r"got float64 of shape \(5, 0\)"),
        (np.zeros((5, 2, 2)), r"got float64 of shape \(5, 2, 2\)"),
        (np.zeros((5, 2), dtype=complex), r"got complex128"),
    ):
        np.save(array, wrong)
        with pytest.raises(CheckpointError, match=rf"must hold floating-point features of shape .*; {got}"):
            open_model(tmp_path)
    for content in (b"", b"hello", b"\x93NUMPY\x01\x00"):
        array.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"must hold a whole \.npy of numbers; embeddings\.npy gave"):
            open_model(tmp_path)


class Payload:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        import os

        return os.mkdir, (str(self.path),)


def test_objects_in_an_array_are_never_made(tmp_path: Path) -> None:
    array = write(tmp_path) / "embeddings.npy"
    np.save(array, np.array([Payload(tmp_path / "ran")], dtype=object), allow_pickle=True)
    with pytest.raises(CheckpointError, match=r"must hold a whole \.npy of numbers; .* gave Array can't be"):
        open_model(tmp_path)
    assert not (tmp_path / "ran").exists()
