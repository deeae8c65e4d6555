"""Features from elsewhere are joined by id, never by position; an audit of them is the audit of their network."""

from __future__ import annotations

import dataclasses
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import fairaudit
from fairaudit.core.errors import CheckpointError, InputError
from fairaudit.core.samples import Samples
from fairaudit.extraction.extract import data_digest
from fairaudit.extraction.features import join
from fairaudit.models import open_model
from fairaudit.models.features_folder import Features

IDS = ("b", "a", "d", "c")


def samples(*ids: str) -> Samples:
    table = pd.DataFrame({"sample_id": ids, "path": [f"{i}.jpg" for i in ids], "cluster_id": ids})
    table = table.assign(split="", label="", text="")
    return Samples("data", "test", "objects", Path("nowhere"), table, (), "image", "none")


def features(folder: Path, ids: tuple[str, ...] = IDS, **columns: Any) -> Features:
    folder.mkdir(exist_ok=True)
    np.save(folder / "embeddings.npy", vectors_of(ids))
    pd.DataFrame({"sample_id": ids, **columns}).to_csv(folder / "samples.csv", index=False)
    model = open_model(folder)
    assert isinstance(model, Features)
    return model


def vectors_of(ids: tuple[str, ...]) -> Any:
    """A vector that says whose it is."""
    return np.array([[ord(i[0]), len(i), 0.5] for i in ids], dtype=np.float32)


def labels(folder: Path, rows: list[tuple[Any, ...]], known: str | None = None) -> Features:
    model = features(folder)
    pd.DataFrame(rows, columns=["sample_id", "rank", "label", "score"]).to_csv(folder / "predictions.csv", index=False)
    if known is not None:
        (folder / "labels.txt").write_text(known, encoding="utf-8")
    model = open_model(folder)  # type: ignore[assignment]
    return model


@settings(max_examples=25)
@given(order=st.permutations(list("abcdefg")), wanted=st.permutations(list("abcde")))
def test_rows_are_found_by_id(tmp_path_factory: pytest.TempPathFactory, order: list[str], wanted: list[str]) -> None:
    folder = tmp_path_factory.mktemp("features")
    found = join(features(folder, tuple(order)), samples(*wanted))
    np.testing.assert_array_equal(found.embeddings.vectors, vectors_of(tuple(wanted)))
    assert found.embeddings.sample_ids == found.samples.sample_ids == tuple(wanted)
    assert found.embeddings.vectors.dtype == np.float32
    assert found.embeddings.layer == "computed elsewhere"
    assert found.predictions is None


def test_samples_without_features(tmp_path: Path) -> None:
    model = features(tmp_path)
    with pytest.raises(CheckpointError) as caught:
        join(model, samples("a", "x", "b"))
    assert str(caught.value) == (
        f"features in '{tmp_path.name}' must fit the samples of data set 'data' by their sample_id, for at least 99% "
        "of them; got none for 1 of 3, first 'x'. Compute them too, or go on without these samples: --allow-unreadable."
    )
    found = join(model, samples("a", "x", "b"), allow_missing=True)
    np.testing.assert_array_equal(found.embeddings.vectors, vectors_of(("a", "b")))
    assert found.samples.sample_ids == ("a", "b")
    assert found.samples.notes == ("1 of 3 samples have no features and were left out.",)
    assert found.samples.skipped.to_dict("records") == [{"file": "x.jpg", "reason": "no features were computed for it"}]
    with pytest.raises(CheckpointError, match=r"got none that does, there 'b' and here 'x'\. Write the ids that"):
        join(model, samples("x", "y"), allow_missing=True)


def test_one_in_a_hundred_may_be_missing(tmp_path: Path) -> None:
    ids = tuple(f"i{n}" for n in range(100))
    assert len(join(features(tmp_path, ids[1:]), samples(*ids)).samples) == 99


def test_digests_are_those_of_the_images_where_the_table_has_them(tmp_path: Path) -> None:
    found = join(features(tmp_path, digest=["11", "22", "33", "44"]), samples("a", "b"))
    assert found.content_digests == ("22", "11")
    assert found.digest == data_digest(("a", "b"), ("22", "11"))


def test_numbers_that_are_not_finite(tmp_path: Path) -> None:
    features(tmp_path)
    for wrong in (float("nan"), 1e300):
        vectors = vectors_of(IDS).astype(np.float64)
        vectors[2, 1] = wrong
        np.save(tmp_path / "embeddings.npy", vectors)
        model: Any = open_model(tmp_path)
        with pytest.raises(CheckpointError, match=r"must be finite as float32; got NaN .* in 1 rows, first that"):
            join(model, samples("a", "d"))
        assert len(join(model, samples("a", "b")).samples) == 2, "what nobody asks for does not matter"


def rows_of(*ids: str) -> list[tuple[Any, ...]]:
    return [(i, rank, f"{i}{rank}", 0.9 / rank) for i in ids for rank in (1, 2)]


def test_labels_are_joined_by_id_and_rank(tmp_path: Path) -> None:
    found = join(labels(tmp_path, rows_of("a", "b", "c", "d")[::-1]), samples("c", "a")).predictions
    assert found is not None
    assert found.labels.tolist() == [["c1", "c2"], ["a1", "a2"]]
    np.testing.assert_allclose(found.scores, [[0.9, 0.45]] * 2, rtol=1e-6)
    assert found.known_labels == ("a1", "a2", "c1", "c2")
    assert found.source == "predictions.csv, computed elsewhere"


def test_labels_that_could_have_been_said(tmp_path: Path) -> None:
    found = join(labels(tmp_path, rows_of("a"), known="a2\na1\nunsaid\n"), samples("a")).predictions
    assert found is not None
    assert found.known_labels == ("a2", "a1", "unsaid")


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        (rows_of("a"), r"must have each rank from 1 to 2 once for every sample that has features; got other rows"),
        ([*rows_of("a", "b"), ("a", 1, "x", 0.1)], "must have each rank from 1 to 2 once"),
        ([*rows_of("a")[:1], *rows_of("b")], "must have each rank from 1 to 2 once"),
        ([("a", 0, "x", 0.1), ("b", 0, "x", 0.1)], "must have each rank from 1 to 1 once"),
        ([("a", "first", "x", 0.1), ("b", 1, "x", 0.1)], "must have each rank from 1 to 1 once"),
        ([("a", 1, "x", 1.1), ("b", 1, "x", 0.1)], "must have scores from 0 to 1 that do not rise with the rank"),
        ([("a", 1, "x", "high"), ("b", 1, "x", 0.1)], "must have scores from 0 to 1"),
        ([("a", 1, "x", 0.1), ("a", 2, "y", 0.2), *rows_of("b")], "must have scores from 0 to 1 that do not rise"),
        ([("a", 1, "", 0.1), ("b", 1, "x", 0.1)], "must have labels that are not empty, .*; got ''"),
    ],
)
def test_labels_that_do_not_fit(tmp_path: Path, rows: list[tuple[Any, ...]], message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        join(labels(tmp_path, rows), samples("a", "b"))


def test_labels_outside_the_list(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"each a line of labels\.txt where that is there; got 'a2'"):
        join(labels(tmp_path, rows_of("a"), known="a1\n"), samples("a"))


def test_labels_without_a_column(tmp_path: Path) -> None:
    features(tmp_path)
    (tmp_path / "predictions.csv").write_text("sample_id,rank,label,scores\na,1,x,0.5\n", encoding="utf-8")
    model: Any = open_model(tmp_path)
    with pytest.raises(InputError, match=r"column of table predictions\.csv must be .*; got 'score'\. Did you mean"):
        join(model, samples("a"))


@pytest.fixture(scope="module")
def audited(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Folder of faces (noise: nobody is in it), and an audit of a small network with a head on them."""
    from transformers import ConvNextImageProcessorPil, RegNetConfig, RegNetForImageClassification

    root, rng = tmp_path_factory.mktemp("audited"), np.random.default_rng(0)
    (root / "faces").mkdir()
    for i in range(80):
        pixels = rng.integers(0, 120, (40, 40, 3)) + np.array([0, 60, 120])[rng.permutation(3)] * (i % 2)
        Image.fromarray(pixels.astype(np.uint8)).save(root / f"faces/{20 + i % 50}_{i % 2}_{i % 3}_201701{i:011d}.jpg")
    torch.manual_seed(0)
    names = dict(enumerate(["person", "dog", "prison", *(f"thing {i}" for i in range(12))]))
    config = RegNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], groups_width=8, id2label=names)
    RegNetForImageClassification(config).save_pretrained(root / "net")
    ConvNextImageProcessorPil(size={"shortest_edge": 32}, crop_pct=1.0).save_pretrained(root / "net")
    fairaudit.audit(root / "net", data={"utkface": root / "faces"}, output=root / "out", progress=False, **CHOSEN)
    return root / "faces", root / "out"


CHOSEN: dict[str, Any] = {"indicators": ["representation_disparity", "label_association"]}


def test_the_tables_of_an_audit_give_the_same_audit(audited: tuple[Path, Path], tmp_path: Path) -> None:
    faces, out = audited
    images = shutil.copytree(faces, tmp_path / "faces")
    for image in images.iterdir():
        image.write_bytes(b"never opened")
    new = tmp_path / "again"
    again = fairaudit.audit(out / "tables", data={"utkface": images}, output=new, progress=False, **CHOSEN)
    before = fairaudit.load_audit(out)
    for name in ("groups", "disparities"):
        pd.testing.assert_frame_equal(getattr(again, name), getattr(before, name))
    assert [card.digest for card in again.data] == [card.digest for card in before.data]
    assert again.failures == before.failures
    assert (again.model.kind, again.model.n_parameters, again.model.layer) == ("features", 0, "computed elsewhere")
    assert "<dt>Parameters</dt><dd>not known</dd>" in (new / "report.html").read_text(encoding="utf-8")


def test_a_probe_needs_the_network(audited: tuple[Path, Path], tmp_path: Path) -> None:
    faces, out = audited
    files = sorted(faces.iterdir())[:6]
    rows = "".join(f"{file},{'ab'[i % 2]}\n" for i, file in enumerate(files))
    (tmp_path / "labels.csv").write_text("file,label\n" + rows, encoding="utf-8")
    with pytest.raises(CheckpointError, match="must embed images that are not in the audited data; got features"):
        fairaudit.audit(
            out / "tables", data={"utkface": faces}, probe=tmp_path / "labels.csv", progress=False, **CHOSEN
        )


def test_prompts_need_the_network(audited: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "p.toml").write_text('templates = ["{}"]\nclasses = ["a", "b"]\n', encoding="utf-8")
    with pytest.raises(CheckpointError, match="must have a text tower for --prompts; got features computed elsewhere"):
        fairaudit.audit(
            audited[1] / "tables", data={"utkface": audited[0]}, prompts=tmp_path / "p.toml", progress=False, **CHOSEN
        )


def test_wrong_prompts_are_refused_before_the_checkpoint_is_opened(audited: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"must be a readable file; got no such file"):
        fairaudit.audit("not-there", data={"utkface": audited[0]}, prompts=tmp_path / "none.toml", progress=False)


def test_the_layer_stands_in_the_audit(audited: tuple[Path, Path]) -> None:
    audit = fairaudit.load_audit(audited[1])
    assert audit.model.layer == "trunk, average-pooled"
    assert dataclasses.asdict(audit.model)["layer"] == audit.model.layer
