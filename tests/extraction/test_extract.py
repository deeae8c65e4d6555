"""One pass from images to tables: order, batch size and threads change nothing; unreadable images are counted."""

from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from fairaudit.core.audit import ModelCard
from fairaudit.core.errors import ConfigError, DataError
from fairaudit.core.samples import Samples
from fairaudit.extraction.extract import Extraction, extract

LABELS = tuple(f"label {i:02}" for i in range(12))


class SmallModel:
    """Mean and spread of each channel as embedding, and a fixed linear head; counts what it sees."""

    def __init__(self, labels: tuple[str, ...] = ()) -> None:
        self.labels = labels
        self.layer = "channel statistics"
        self.card = ModelCard("small", "test", "SmallModel", 0, 6, "0" * 64, {}, len(labels))
        self.batches: list[int] = []
        self.weight = torch.linspace(-3, 3, 6 * max(len(labels), 1)).reshape(6, -1)

    def preprocess(self, image: Image.Image) -> torch.Tensor:
        return torch.from_numpy(np.asarray(image.resize((8, 8)), dtype=np.float32).transpose(2, 0, 1) / 255)

    def embed(self, batch: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(batch))
        return torch.cat([batch.mean(dim=(2, 3)), batch.std(dim=(2, 3))], dim=1)

    def embed_and_predict(self, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        vectors = self.embed(batch)
        return vectors, (vectors @ self.weight).softmax(dim=1)


def make_samples(root: Path, n: int, *, broken: tuple[int, ...] = ()) -> Samples:
    rng = np.random.default_rng(0)
    names = [f"{i:03}.png" for i in range(n)]
    for i, name in enumerate(names):
        Image.fromarray(rng.integers(0, 255, (9 + i % 5, 12, 3), dtype=np.uint8)).save(root / name)
        if i in broken:
            (root / name).write_bytes(b"not an image")
    table = pd.DataFrame({"sample_id": [f"id{i}" for i in range(n)], "path": names})
    table = table.assign(cluster_id=table["sample_id"], split="", label="", text="")
    return Samples("data", "test", "objects", root, table, (), "image", "none")


def expected_vectors(samples: Samples) -> np.ndarray:
    """The embeddings one image at a time, in float64."""
    rows = []
    for path in samples.paths:
        pixels = np.asarray(Image.open(path).resize((8, 8)), dtype=np.float64).reshape(-1, 3) / 255
        rows.append(np.concatenate([pixels.mean(axis=0), pixels.std(axis=0, ddof=1)]))
    return np.array(rows)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("images")


@pytest.mark.parametrize(("batch_size", "threads"), [(1, 1), (7, 1), (7, 3), (64, 2), (23, 8)])
def test_rows_are_in_order_for_any_batch_size_and_threads(folder: Path, batch_size: int, threads: int) -> None:
    samples, model = make_samples(folder, 23), SmallModel()
    found = extract(model, samples, batch_size=batch_size, threads=threads)
    assert found.embeddings.sample_ids == samples.sample_ids
    np.testing.assert_allclose(found.embeddings.vectors, expected_vectors(samples), atol=1e-5)
    assert found.embeddings.vectors.dtype == np.float32
    assert found.embeddings.layer == "channel statistics"
    assert found.predictions is None
    assert set(model.batches) == {min(batch_size, 32)}, "a network gives the same bytes in batches of one size only"
    assert len(model.batches) == -(-23 // min(batch_size, 32))


def test_a_real_network_gives_the_same_for_any_batch_size(folder: Path) -> None:
    torch.manual_seed(0)
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 6, 3), torch.nn.BatchNorm2d(6), torch.nn.AdaptiveAvgPool2d(1))
    network.eval()

    class Network(SmallModel):
        def embed(self, batch: torch.Tensor) -> torch.Tensor:
            with torch.inference_mode():
                vectors: torch.Tensor = network(batch).flatten(1)
            return vectors

    samples = make_samples(folder, 23)
    one, many = (extract(Network(), samples, batch_size=size).embeddings.vectors for size in (1, 16))
    np.testing.assert_allclose(one, many, atol=1e-5)
    assert one.std(axis=0).min() > 0


def test_the_bytes_of_a_row_depend_on_its_image_alone(folder: Path) -> None:
    """Not on place, company or a last batch that is not full: kernels of other batch sizes round otherwise."""
    import transformers

    from fairaudit.models._transformers import model_in_memory

    torch.manual_seed(0)
    config = transformers.RegNetConfig(embedding_size=32, hidden_sizes=[32, 64, 160], depths=[1, 1, 1], groups_width=16)
    processor = transformers.ConvNextImageProcessorPil(size={"shortest_edge": 64}, crop_pct=1.0)
    model = model_in_memory(transformers.RegNetModel(config), processor, name="small", kind="test")
    samples = make_samples(folder, 37)
    expected = extract(model, samples, batch_size=16).embeddings
    order = np.random.default_rng(1).permutation(37)[:18]
    turned = Samples(**{**samples.__dict__, "table": samples.table.iloc[order].reset_index(drop=True)})
    found = extract(model, turned, batch_size=16).embeddings
    assert found.vectors.tobytes() == expected.vectors[order].tobytes()
    pixels = torch.stack([model.preprocess(Image.open(path)) for path in samples.paths[:8]])
    alone = torch.cat([model.embed(one[None]) for one in pixels]).numpy()
    np.testing.assert_allclose(alone, expected.vectors[:8], rtol=1e-4, atol=1e-5)


def test_images_with_the_same_bytes_are_computed_once(tmp_path: Path) -> None:
    samples, model = make_samples(tmp_path, 12), SmallModel(LABELS)
    for row in (3, 7, 11):
        samples.paths[row].write_bytes(samples.paths[0].read_bytes())
    found = extract(model, samples, batch_size=3)
    assert model.batches == [3, 3, 3]
    np.testing.assert_allclose(found.embeddings.vectors, expected_vectors(samples), atol=1e-5)
    assert found.predictions is not None
    assert (found.predictions.labels[[3, 7, 11]] == found.predictions.labels[0]).all()


def test_ten_most_probable_labels_by_falling_score(folder: Path) -> None:
    samples, model = make_samples(folder, 9), SmallModel(LABELS)
    predictions = extract(model, samples, batch_size=4).predictions
    assert predictions is not None
    logits = expected_vectors(samples) @ model.weight.double().numpy()
    scores = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    order = np.argsort(-scores, axis=1)[:, :10]
    assert predictions.labels.tolist() == np.array(LABELS)[order].tolist()
    np.testing.assert_allclose(predictions.scores, np.take_along_axis(scores, order, axis=1), atol=1e-5)
    assert (predictions.known_labels, predictions.source) == (LABELS, "head of the checkpoint")
    assert predictions.sample_ids == samples.sample_ids


def test_few_labels_and_ties(folder: Path) -> None:
    model = SmallModel(("b", "a", "c"))
    model.weight = torch.zeros(6, 3)
    predictions = extract(model, make_samples(folder, 3)).predictions
    assert predictions is not None
    assert predictions.labels.tolist() == [["b", "a", "c"]] * 3, "equal scores keep the order of the head"


def test_digests(folder: Path) -> None:
    samples = make_samples(folder, 5)
    found = extract(SmallModel(), samples)
    contents = [hashlib.sha256(p.read_bytes()).hexdigest() for p in samples.paths]
    assert list(found.content_digests) == contents
    lines = sorted(zip(samples.sample_ids, contents, strict=True))
    assert found.digest == hashlib.sha256("".join(f"{i}\0{c}\n" for i, c in lines).encode()).hexdigest()
    turned = Samples(**{**samples.__dict__, "table": samples.table[::-1].reset_index(drop=True)})
    assert extract(SmallModel(), turned).digest == found.digest


def test_progress_ends_at_the_total(folder: Path) -> None:
    calls: list[tuple[int, int]] = []
    extract(
        SmallModel(), make_samples(folder, 10), batch_size=4, progress=lambda done, total: calls.append((done, total))
    )
    assert calls == [(4, 10), (8, 10), (10, 10)]


def test_one_in_a_hundred_may_be_unreadable(tmp_path: Path) -> None:
    found = extract(SmallModel(LABELS), make_samples(tmp_path, 100, broken=(99,)), batch_size=30)
    assert len(found.samples) == len(found.embeddings.vectors) == len(found.content_digests) == 99
    assert found.samples.skipped.to_dict("records") == [
        {
            "file": "099.png",
            "reason": "must be readable; got bytes that are no image in a known format. Replace or remove it.",
        }
    ]
    assert found.samples.notes == ("1 of 100 images could not be read and were left out.",)
    np.testing.assert_allclose(found.embeddings.vectors, expected_vectors(found.samples), atol=1e-5)


def test_more_is_an_error_with_the_first_ones(tmp_path: Path) -> None:
    samples = make_samples(tmp_path, 100, broken=(3, 50))
    with pytest.raises(DataError) as caught:
        extract(SmallModel(), samples)
    message = str(caught.value)
    assert message.startswith(
        "data set 'data' must have at most 1% unreadable images; got 2 among the first 51 of 100: "
        "003.png must be readable; got bytes that are no image in a known format. Replace or remove it. "
        "050.png must be readable"
    )
    assert str(tmp_path) not in message
    assert message.endswith("Repair the files, or go on without them: --allow-unreadable.")


def test_more_can_be_allowed(tmp_path: Path) -> None:
    samples = make_samples(tmp_path, 12, broken=(0, 4, 5, 11))
    (tmp_path / "006.png").unlink()
    skipped = pd.DataFrame({"file": ["x"], "reason": ["before"]})
    samples = Samples(**{**samples.__dict__, "skipped": skipped})
    found = extract(SmallModel(LABELS), samples, batch_size=3, allow_unreadable=True)
    assert found.embeddings.sample_ids == ("id1", "id2", "id3", "id7", "id8", "id9", "id10")
    np.testing.assert_allclose(found.embeddings.vectors, expected_vectors(found.samples), atol=1e-5)
    assert found.samples.skipped["file"].tolist() == ["x", "000.png", "004.png", "005.png", "006.png", "011.png"]
    assert found.samples.skipped["reason"][0] == "before"
    assert found.samples.skipped["reason"][4] == "must be a readable file; got no such file. Check its path."


def test_nothing_readable(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="got 2 among the first 2 of 2"):
        extract(SmallModel(), make_samples(tmp_path, 2, broken=(0, 1)), allow_unreadable=True)


@pytest.mark.parametrize("option", ["batch_size", "threads"])
def test_options_out_of_range(folder: Path, option: str) -> None:
    with pytest.raises(ConfigError, match=rf"{option} must be at least 1; got 0\."):
        extract(SmallModel(), make_samples(folder, 2), **{option: 0})  # type: ignore[arg-type]


def test_an_error_of_the_model_is_not_an_unreadable_image(folder: Path) -> None:
    class Broken(SmallModel):
        def preprocess(self, image: Image.Image) -> torch.Tensor:
            raise RuntimeError("a bug")

    with pytest.raises(RuntimeError, match="a bug"):
        extract(Broken(), make_samples(folder, 3))


def test_real_samples(sample_data: Path) -> None:
    from fairaudit.datasets import open_reader

    samples = open_reader("dollar_street").samples(sample_data / "dollar-street-sample", name="homes")
    found: Any = extract(SmallModel(), samples)
    assert isinstance(found, Extraction)
    assert len(found.samples) == 43
    np.testing.assert_allclose(found.embeddings.vectors[:3], expected_vectors(samples)[:3], atol=1e-5)


def test_a_mask_is_a_softmax_over_the_logits_that_are_left(folder: Path) -> None:
    samples, model = make_samples(folder, 23), SmallModel(LABELS)
    masked = dataclasses.replace(samples, classes=(LABELS[9], LABELS[2], LABELS[5]))
    found = extract(model, masked, batch_size=7).predictions
    assert found is not None
    assert found.known_labels == (LABELS[2], LABELS[5], LABELS[9])
    logits = expected_vectors(samples) @ model.weight.numpy().astype(np.float64)
    logits[:, [i for i in range(12) if i not in (2, 5, 9)]] = -np.inf
    scores = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores /= scores.sum(axis=1, keepdims=True)
    order = np.argsort(-scores, axis=1)[:, :3]
    assert found.labels.tolist() == np.array(LABELS)[order].tolist()
    np.testing.assert_allclose(found.scores, np.take_along_axis(scores, order, axis=1), rtol=2e-4)


def test_a_class_that_the_head_does_not_know_is_refused(folder: Path) -> None:
    masked = dataclasses.replace(make_samples(folder, 3), classes=("label 1",))
    with pytest.raises(DataError, match=r"^classes of data set 'data' must be labels of the head; got 'label 1'"):
        extract(SmallModel(LABELS), masked)
    assert extract(SmallModel(), masked).predictions is None


def test_rows_that_are_parts_of_one_image_are_told_apart(tmp_path: Path) -> None:
    pixels = np.zeros((10, 20, 3), dtype=np.uint8)
    pixels[:, 10:] = 255
    Image.fromarray(pixels).save(tmp_path / "two.png")
    table = pd.DataFrame({"sample_id": ["left", "right", "again", "both"], "path": "two.png", "cluster_id": "two"})
    edges: dict[str, Any] = {
        "box_left_px": [0, 10, 10, 0],
        "box_top_px": 0,
        "box_right_px": [10, 20, 20, 20],
        "box_bottom_px": 10,
    }
    table = table.assign(split="", label="", text="", **edges)
    samples, model = Samples("data", "test", "people", tmp_path, table, (), "image", "none"), SmallModel()
    cache = tmp_path / "cache"
    found = extract(model, samples, cache=cache)
    np.testing.assert_allclose(found.embeddings.vectors[:, 0], [0, 1, 1, 0.5], atol=1e-6)
    content = hashlib.sha256((tmp_path / "two.png").read_bytes()).hexdigest()
    digests = [hashlib.sha256(f"{content} ({a}, 0, {b}, 10)".encode()).hexdigest() for a, b in ((0, 10), (10, 20))]
    assert found.content_digests[:3] == (digests[0], digests[1], digests[1])
    again = extract(SmallModel(), samples, cache=cache)
    assert again.from_cache == 4
    assert again.embeddings.vectors.tobytes() == found.embeddings.vectors.tobytes()


def test_a_box_beyond_its_image_counts_as_unreadable(tmp_path: Path) -> None:
    Image.new("RGB", (10, 10)).save(tmp_path / "a.png")
    table = pd.DataFrame({"sample_id": ["in", "out"], "path": "a.png", "cluster_id": "a", "split": "", "label": "",
                          "text": "", "box_left_px": 0, "box_top_px": 0, "box_right_px": [10, 11],
                          "box_bottom_px": 10})  # fmt: skip
    samples = Samples("data", "test", "people", tmp_path, table, (), "image", "none")
    with pytest.raises(DataError, match=r"a\.png must be at least 11 x 10 pixels, as far as its box reaches"):
        extract(SmallModel(), samples)
    found = extract(SmallModel(), samples, allow_unreadable=True)
    assert found.samples.sample_ids == ("in",)
