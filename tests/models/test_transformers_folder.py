"""Transformers folders: the embedding is the pooled trunk, with and without a head; nothing is ever random."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from fairaudit.core.errors import CheckpointError, ConfigError
from fairaudit.core.model import Model
from fairaudit.models import open_model

WITH_HEAD = ["resnet", "regnet", "convnext", "vit", "dinov2"]
FAMILIES = [*WITH_HEAD, "dinov3_vit", "dinov3_convnext", "clip_vision_model", "siglip_vision_model"]
LABELS = ("cat, true cat", "dog", "face")


def expected_embedding(folder: Path, family: str, batch: torch.Tensor) -> Any:
    """What transformers itself gives for the trunk: mean over places, or the class token after its normalisation."""
    trunk = transformers.AutoModel.from_pretrained(folder).eval()
    with torch.no_grad():
        last = trunk(batch).last_hidden_state
        if family in ("vit", "dinov2", "dinov3_vit", "dinov3_convnext"):
            return last[:, 0]
        if family == "clip_vision_model":  # its last hidden state is not normalised yet
            return trunk.post_layernorm(last[:, 0])
        if family == "siglip_vision_model":
            return trunk.head(last)
        mean = last.mean(dim=(2, 3))
        return trunk.layernorm(mean) if family == "convnext" else mean


@pytest.mark.parametrize(
    ("family", "labels"), [*((family, ()) for family in FAMILIES), *((family, LABELS) for family in WITH_HEAD)]
)
def test_embedding_is_the_pooled_trunk(make_folder: Any, images: Any, family: str, labels: tuple[str, ...]) -> None:
    folder = make_folder(family, labels=labels)
    model = open_model(folder)
    assert isinstance(model, Model)
    batch = torch.stack([model.preprocess(image) for image in images])
    vectors = model.embed(batch)
    assert vectors.shape == (len(images), 16)
    assert vectors.dtype == torch.float32
    assert not vectors.requires_grad
    torch.testing.assert_close(vectors, expected_embedding(folder, family, batch), atol=1e-5, rtol=1e-5)
    assert vectors.std(dim=0).max() > 0, "images must not all have one embedding"
    assert (model.labels, model.card.n_labels, model.card.embedding_dim) == (labels, len(labels), 16)


@pytest.mark.parametrize("family", WITH_HEAD)
def test_scores_are_the_softmax_of_its_own_head(make_folder: Any, images: Any, family: str) -> None:
    folder = make_folder(family, labels=LABELS)
    model = open_model(folder)
    batch = torch.stack([model.preprocess(image) for image in images])
    vectors, scores = model.embed_and_predict(batch)
    network = transformers.AutoModelForImageClassification.from_pretrained(folder).eval()
    with torch.no_grad():
        logits = network(batch).logits.double().numpy()
    expected = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert scores is not None
    np.testing.assert_allclose(scores.numpy(), expected, atol=1e-5)
    torch.testing.assert_close(vectors, model.embed(batch), atol=1e-6, rtol=1e-6)


def test_without_head_there_are_no_scores(make_folder: Any, images: Any) -> None:
    model = open_model(make_folder("regnet"))
    assert model.embed_and_predict(model.preprocess(images[0])[None])[1] is None


def test_card(make_folder: Any) -> None:
    folder = make_folder("regnet", labels=LABELS, name="my-regnet")
    card = open_model(folder).card
    network = transformers.AutoModelForImageClassification.from_pretrained(folder)
    assert (card.name, card.kind, card.architecture) == ("my-regnet", "transformers", "RegNetForImageClassification")
    assert card.n_parameters == sum(p.numel() for p in network.parameters())
    assert card.preprocessing["crop"] == [28, 28]
    assert card.layer == "trunk, average-pooled"
    assert card.notes == ()
    digest = hashlib.sha256()
    for name in sorted(network.state_dict()):
        tensor = network.state_dict()[name]
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode() + tensor.numpy().tobytes())
    assert card.digest == digest.hexdigest()


def test_digest_says_whether_weights_are_the_same(make_folder: Any, tmp_path: Path) -> None:
    folder = make_folder("regnet")
    network = transformers.AutoModel.from_pretrained(folder)
    network.save_pretrained(tmp_path / "copy")
    assert open_model(folder).card.digest == open_model(folder).card.digest
    with torch.no_grad():
        next(network.parameters()).view(-1)[0] += 1e-3
    network.save_pretrained(folder)
    (tmp_path / "copy" / "preprocessor_config.json").write_bytes((folder / "preprocessor_config.json").read_bytes())
    assert open_model(folder).card.digest != open_model(tmp_path / "copy").card.digest


def test_it_is_said_that_the_labels_of_a_head_have_no_names(make_folder: Any) -> None:
    model = open_model(make_folder("regnet", labels=("LABEL_0", "LABEL_1")))
    assert model.labels == ("LABEL_0", "LABEL_1")
    assert model.card.notes == (
        "The labels of its head have no names (LABEL_0 and so on): write them as id2label into its config.json, or "
        "give --probe or --prompts.",
    )


def test_half_precision_weights_become_float32(make_folder: Any, images: Any) -> None:
    folder = make_folder("regnet")
    transformers.AutoModel.from_pretrained(folder).to(torch.bfloat16).save_pretrained(folder)
    model = open_model(folder)
    assert model.embed(model.preprocess(images[0])[None]).dtype == torch.float32


def test_missing_preprocessor_asks_for_the_file(make_folder: Any, tmp_path: Path) -> None:
    folder = make_folder("regnet", processor=False)
    with pytest.raises(CheckpointError) as caught:
        open_model(folder)
    assert "must say how images are prepared, in preprocessor_config.json; got" in str(caught.value)
    assert str(caught.value).endswith("Give the values it was trained with: --preprocessing FILE.")
    (tmp_path / "p.json").write_text(json.dumps({"size": 28, "mean": [0.5] * 3, "std": [0.5] * 3}))
    assert open_model(folder, preprocessing=tmp_path / "p.json").card.preprocessing["resize"] == 28


def test_missing_weights_are_never_random(make_folder: Any) -> None:
    folder = make_folder("regnet")
    config = json.loads((folder / "config.json").read_text())
    config["architectures"] = ["RegNetForImageClassification"]
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(CheckpointError, match=r"must hold all weights of RegNetForImageClassification; 2 are missing"):
        open_model(folder)


def test_pickled_weights_are_not_opened(make_folder: Any) -> None:
    folder = make_folder("regnet")
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="its safetensors weights gave OSError"):
        open_model(folder)


def test_damaged_files(make_folder: Any) -> None:
    folder = make_folder("regnet")
    content = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(content[: len(content) // 2])
    with pytest.raises(CheckpointError, match="must be readable by transformers; its safetensors weights gave"):
        open_model(folder)
    (folder / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match=r"must be readable by transformers; its config\.json gave"):
        open_model(folder)


def test_weights_that_are_not_numbers(make_folder: Any) -> None:
    folder = make_folder("regnet")
    network = transformers.AutoModel.from_pretrained(folder)
    with torch.no_grad():
        next(network.parameters()).fill_(float("nan"))
    network.save_pretrained(folder)
    with pytest.raises(CheckpointError, match="must give finite embeddings; got NaN or infinity for a grey image"):
        open_model(folder)


def test_other_families_are_named(make_folder: Any) -> None:
    with pytest.raises(CheckpointError, match=r"must be of the family regnet, resnet, .*; got 'bert'\. Open it as"):
        open_model(make_folder("bert"))


def test_remote_code_is_not_run(make_folder: Any) -> None:
    folder = make_folder("regnet")
    config = json.loads((folder / "config.json").read_text())
    config["auto_map"] = {"AutoConfig": "evil.EvilConfig", "AutoModel": "evil.EvilModel"}
    config["model_type"] = "evil"
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text(f"open({str(folder / 'ran')!r}, 'w')\n")
    with pytest.raises(CheckpointError, match=r"its config\.json gave"):
        open_model(folder)
    assert not (folder / "ran").exists()


def test_preprocessing_that_does_not_fit_the_network(make_folder: Any, tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text(json.dumps({"size": 20, "mean": [0.5] * 3, "std": [0.5] * 3}))
    with pytest.raises(CheckpointError, match=r"must embed a batch of shape \(2, 3, 20, 20\); got ValueError"):
        open_model(make_folder("vit"), preprocessing=tmp_path / "p.json")


def test_unknown_device(make_folder: Any) -> None:
    with pytest.raises(ConfigError, match=r"device must be one of: auto, cpu.*; got 'gpu'\."):
        open_model(make_folder("regnet"), device="gpu")


def test_nothing_is_printed(make_folder: Any, capfd: pytest.CaptureFixture[str]) -> None:
    folder = make_folder("vit")
    capfd.readouterr()
    open_model(folder)
    assert capfd.readouterr() == ("", "")


def test_a_trunk_has_no_projection(make_folder: Any) -> None:
    with pytest.raises(
        CheckpointError, match=r"must have a projection to be read there; got RegNetModel, which has none"
    ):
        open_model(make_folder("regnet"), layer="projection")
    with pytest.raises(ConfigError, match=r"layer must be one of: projection, trunk; got 'head'\."):
        open_model(make_folder("regnet"), layer="head")


def test_siglip_that_pools_nothing_is_refused(make_folder: Any) -> None:
    with pytest.raises(
        CheckpointError, match=r"must pool its patches into one vector; got a SiglipVisionModel without"
    ):
        open_model(make_folder("siglip_vision_model", vision_use_head=False))
