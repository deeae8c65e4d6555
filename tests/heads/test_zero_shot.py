"""Zero-shot labels are those of the network's own class, called by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
import transformers
from PIL import Image

import fairaudit
from fairaudit.core.errors import CheckpointError, ConfigError, DataError
from fairaudit.core.tables import Embeddings
from fairaudit.heads.zero_shot import open_zero_shot
from fairaudit.models import open_model

LETTERS = tuple("abcdefghijklmnopqrstuvwxyz.")
TOKENS = ("<|startoftext|>", "<|endoftext|>", *LETTERS, *(f"{letter}</w>" for letter in LETTERS))
VISION: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
          "image_size": 28, "patch_size": 14}  # fmt: skip
TEXT: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
        "max_position_embeddings": 32, "vocab_size": len(TOKENS), "bos_token_id": 0, "eos_token_id": 1,
        "pad_token_id": 1}  # fmt: skip
PADDING: dict[str, dict[str, Any]] = {
    "clip": {"padding": True}, "siglip": {"padding": "max_length", "max_length": 32}
}  # fmt: skip
PROMPTS = """
templates = ["a photo of a {}.", "the {}", "{}"]
[classes]
cat = []
dog = ["dog", "old puppy"]
house = []
"""


def save_clip(folder: Path, family: str) -> Path:
    """Save a network with random weights that are far from each other, and a tokenizer that knows letters."""
    torch.manual_seed(3)
    more = {"projection_dim": 12} if family == "clip" else {}
    config = transformers.AutoConfig.for_model(family, vision_config=VISION, text_config=TEXT, **more)
    network = transformers.AutoModel.from_config(config)  # type: ignore[no-untyped-call]
    with torch.no_grad():
        for name, weight in network.named_parameters():
            if weight.ndim > 1:
                weight.mul_(8 if "embed" in name else 2)
        network.logit_scale.fill_(1.5)
    network.save_pretrained(folder)
    transformers.CLIPTokenizer(vocab={t: i for i, t in enumerate(TOKENS)}, merges=[]).save_pretrained(folder)
    transformers.CLIPImageProcessorPil(
        size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28}
    ).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=["clip", "siglip"])
def folder(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = save_clip(tmp_path_factory.mktemp("clips") / request.param, request.param)
    (made / "prompts.toml").write_text(PROMPTS, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def pixels() -> torch.Tensor:
    rng = np.random.default_rng(0)
    images = [Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)) for _ in range(7)]
    return torch.stack([torch.from_numpy(np.asarray(i.resize((28, 28)), np.float32)).permute(2, 0, 1) for i in images])


def embeddings(model: Any, pixels: torch.Tensor) -> Embeddings:
    return Embeddings(tuple(f"s{i}" for i in range(len(pixels))), model.embed(pixels).numpy(), layer=model.layer)


def logits_by_hand(folder: Path, pixels: torch.Tensor, texts: list[str]) -> torch.Tensor:
    network = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    with torch.no_grad():
        tokens = tokenizer(texts, **PADDING[folder.name], return_tensors="pt")
        logits: torch.Tensor = network(pixel_values=pixels, **tokens).logits_per_image
    return logits


def test_one_name_and_one_template_is_the_network_itself(folder: Path, pixels: torch.Tensor, tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    path.write_text('templates = ["a photo of a {}."]\nclasses = ["cat", "dog", "house"]\n', encoding="utf-8")
    model = open_model(folder)
    found = open_zero_shot(model, path).predict(embeddings(model, pixels))
    logits = logits_by_hand(folder, pixels, ["a photo of a cat.", "a photo of a dog.", "a photo of a house."])
    scores = logits.softmax(dim=1).numpy()
    order = np.argsort(-scores, axis=1)
    assert found.labels.tolist() == np.array(["cat", "dog", "house"])[order].tolist()
    np.testing.assert_allclose(found.scores, np.take_along_axis(scores, order, axis=1), atol=1e-4)
    assert len(set(found.labels[:, 0])) > 1 or found.scores[:, 0].std() > 1e-3, "images must not all be alike"
    assert (found.known_labels, found.source) == (("cat", "dog", "house"), "zero-shot prompts of p.toml")


def unit(vectors: Any) -> Any:
    return vectors / np.linalg.norm(vectors, axis=-1, keepdims=True)


def expected_scores(folder: Path, pixels: torch.Tensor, templates: list[str]) -> Any:
    """Mean of unit vectors over names and templates, made one long; softmax of the scaled cosine, in float64."""
    network = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    classes = []
    for names in (["cat"], ["dog", "old puppy"], ["house"]):
        texts = [template.replace("{}", name) for template in templates for name in names]
        tokens = tokenizer(texts, **PADDING[folder.name], return_tensors="pt")
        with torch.no_grad():
            output = network(pixel_values=pixels, **tokens)
        classes.append(unit(output.text_embeds.double().numpy()).mean(axis=0))
    cosines = unit(output.image_embeds.double().numpy()) @ unit(np.array(classes)).T
    exponents = np.exp(np.exp(1.5) * cosines)
    return exponents / exponents.sum(axis=1, keepdims=True)


def test_names_and_templates_are_averaged(folder: Path, pixels: torch.Tensor) -> None:
    scores = expected_scores(folder, pixels, ["a photo of a {}.", "the {}", "{}"])
    order = np.argsort(-scores, axis=1)[:, :2]
    for layer in {"clip": ("trunk", "projection"), "siglip": ("trunk",)}[folder.name]:
        model = open_model(folder, layer=layer)
        found = open_zero_shot(model, folder / "prompts.toml").predict(embeddings(model, pixels), k=2)
        assert found.labels.tolist() == np.array(["cat", "dog", "house"])[order].tolist()
        np.testing.assert_allclose(found.scores, np.take_along_axis(scores, order, axis=1), atol=1e-4)


def test_each_template_alone(folder: Path, pixels: torch.Tensor) -> None:
    model = open_model(folder)
    found = open_zero_shot(model, folder / "prompts.toml").predict_by_template(embeddings(model, pixels))
    for one, template in zip(found, ["a photo of a {}.", "the {}", "{}"], strict=True):
        scores = expected_scores(folder, pixels, [template])
        np.testing.assert_allclose(one.scores, -np.sort(-scores, axis=1), atol=1e-4)
        assert one.source == f"zero-shot prompts of prompts.toml, template '{template}'"
    assert np.abs(found[0].scores - found[2].scores).max() > 1e-3, "templates must differ for this test to say anything"


def test_what_a_report_says_of_them(folder: Path) -> None:
    params = open_zero_shot(open_model(folder), folder / "prompts.toml").params()
    assert params["classes"] == {"cat": ["cat"], "dog": ["dog", "old puppy"], "house": ["house"]}
    assert params["templates"] == ["a photo of a {}.", "the {}", "{}"]
    assert params["scale"] == pytest.approx(np.exp(1.5), rel=1e-6)
    assert params["layer"].startswith("trunk, ")


def test_embeddings_of_another_layer(folder: Path, pixels: torch.Tensor) -> None:
    model = open_model(folder)
    zero_shot = open_zero_shot(model, folder / "prompts.toml")
    other = Embeddings(("a",), np.ones((1, 16), dtype=np.float32), layer="elsewhere")
    with pytest.raises(DataError, match=r"must be read at the layer of the prompts, 'trunk, .*'; got 'elsewhere'"):
        zero_shot.predict(other)


def test_a_network_without_texts(tmp_path: Path) -> None:
    config = transformers.CLIPVisionConfig(**VISION)
    transformers.CLIPVisionModel(config).save_pretrained(tmp_path / "vision")
    transformers.CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size=28).save_pretrained(tmp_path / "vision")
    (tmp_path / "p.toml").write_text(PROMPTS, encoding="utf-8")
    with pytest.raises(CheckpointError) as caught:
        open_zero_shot(open_model(tmp_path / "vision"), tmp_path / "p.toml")
    assert str(caught.value) == (
        "checkpoint 'vision' must have a text tower for --prompts; got CLIPVisionModel without one. "
        "Give a CLIP or SigLIP with its text tower, or labels of your own: --probe."
    )


def test_an_audit_takes_its_labels_from_prompts(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "faces").mkdir()
    rng = np.random.default_rng(0)
    for i in range(60):  # noise: nobody is in it
        pixels = rng.integers(0, 256, (30, 30, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "faces" / f"{20 + i % 50}_{i % 2}_{i % 3}_201701{i:011d}.jpg")
    (tmp_path / "p.toml").write_text(
        'templates = ["a {}", "the {}"]\nclasses = ["person", "dog", "prison"]\n', encoding="utf-8"
    )
    found = fairaudit.audit(
        folder,
        data={"utkface": tmp_path / "faces"},
        prompts=tmp_path / "p.toml",
        output=tmp_path / "out",
        indicators=["label_association"],
        progress=False,
    )
    assert not found.failures
    assert found.results[0].params["labels_by"] == "zero-shot prompts of p.toml"
    assert (found.config["prompts"], found.config["layer"]) == ("p.toml", "trunk")
    tables = tmp_path / "out" / "tables" / "utkface"
    saved = pd.read_parquet(tables / "predictions.parquet")
    np.testing.assert_allclose(saved.groupby("sample_id")["score"].sum(), 1, atol=1e-6)
    assert (tables / "labels.txt").read_text(encoding="utf-8").split() == ["person", "dog", "prison"]
    with pytest.raises(ConfigError, match=r"labels must come from one source; got --probe and --prompts\. Leave one"):
        fairaudit.audit(
            folder, data={"utkface": tmp_path / "faces"}, prompts=tmp_path / "p.toml", probe=tmp_path / "x.csv"
        )
