"""CLIP-like networks: trunk, projection and texts are what their own classes give."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from fairaudit.core.errors import CheckpointError, ConfigError
from fairaudit.models import open_model

TEXTS = ["a photo of a cat.", "a dog.", "a very very old house"]


@pytest.fixture(params=["clip", "siglip"])
def folder(request: Any, make_folder: Any, save_tokenizer: Callable[[Path], None]) -> Path:
    made: Path = make_folder(request.param)
    save_tokenizer(made)
    return made


def by_hand(folder: Path, images: list[Any], texts: list[str]) -> tuple[Any, Any]:
    """Return trunk embeddings and the output of the whole network, called as its documentation does."""
    network = transformers.AutoModel.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    siglip = network.config.model_type == "siglip"
    padding: Any = {"padding": "max_length", "max_length": 32} if siglip else {"padding": True}
    tokens = tokenizer(texts, **padding, return_tensors="pt")
    model = open_model(folder)
    pixels = torch.stack([model.preprocess(image) for image in images])
    with torch.no_grad():
        return network.vision_model(pixel_values=pixels).pooler_output, network(pixel_values=pixels, **tokens)


def embed(model: Any, images: list[Any]) -> torch.Tensor:
    vectors: torch.Tensor = model.embed(torch.stack([model.preprocess(image) for image in images]))
    return vectors


def test_trunk_and_texts_are_those_of_the_network(folder: Path, images: Any) -> None:
    trunk, output = by_hand(folder, images, TEXTS)
    model: Any = open_model(folder)
    vectors = embed(model, images)
    torch.testing.assert_close(vectors, trunk, atol=1e-5, rtol=1e-5)
    texts, features = model.texts.encode(TEXTS), model.texts.features(vectors.numpy())
    texts /= np.linalg.norm(texts, axis=1, keepdims=True)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    np.testing.assert_allclose(texts, output.text_embeds.numpy(), atol=1e-5)
    np.testing.assert_allclose(features, output.image_embeds.numpy(), atol=1e-5)
    scores = (model.texts.scale * features @ texts.T).astype(np.float64)
    expected = output.logits_per_image.double()
    np.testing.assert_allclose(
        torch.from_numpy(scores).softmax(dim=1).numpy(), expected.softmax(dim=1).numpy(), atol=1e-4
    )
    assert model.labels == ()


def test_the_card_counts_the_image_side_only(folder: Path) -> None:
    card, network = open_model(folder).card, transformers.AutoModel.from_pretrained(folder)
    assert card.n_parameters == sum(p.numel() for p in network.vision_model.parameters())
    assert card.architecture == type(network).__name__
    assert (
        card.layer == {"CLIPModel": "trunk, class token", "SiglipModel": "trunk, attention-pooled"}[card.architecture]
    )


def test_projection_of_clip(make_folder: Any, save_tokenizer: Any, images: Any) -> None:
    folder = make_folder("clip")
    save_tokenizer(folder)
    network: Any = transformers.CLIPModel.from_pretrained(folder)
    trunk, _ = by_hand(folder, images, TEXTS)
    model: Any = open_model(folder, layer="projection")
    vectors = embed(model, images)
    assert vectors.shape == (len(images), 12)
    torch.testing.assert_close(vectors, trunk @ network.visual_projection.weight.detach().T, atol=1e-5, rtol=1e-5)
    np.testing.assert_array_equal(model.texts.features(vectors.numpy()), vectors.numpy())
    assert model.card.layer == model.layer == "projection behind the trunk"
    assert model.card.digest != open_model(folder).card.digest
    assert model.card.n_parameters == open_model(folder).card.n_parameters + 16 * 12


def test_projection_of_clip_without_texts(make_folder: Any, images: Any) -> None:
    whole: Any = transformers.CLIPModel.from_pretrained(make_folder("clip"))
    folder = make_folder("clip_vision_model", name="vision")
    projected: Any = transformers.CLIPVisionModelWithProjection(whole.config.vision_config)
    projected.vision_model.load_state_dict(whole.vision_model.state_dict())
    projected.save_pretrained(folder)
    model: Any = open_model(folder, layer="projection")
    pixels = torch.stack([model.preprocess(image) for image in images])
    with torch.no_grad():
        expected = projected.eval()(pixel_values=pixels).image_embeds
    torch.testing.assert_close(model.embed(pixels), expected, atol=1e-5, rtol=1e-5)
    assert model.texts is None


def test_siglip_has_no_projection(make_folder: Any) -> None:
    with pytest.raises(
        CheckpointError,
        match=r"got SiglipModel, whose trunk is compared with texts as it is\. Leave --layer at trunk\.",
    ):
        open_model(make_folder("siglip"), layer="projection")


@pytest.mark.parametrize("family", ["clip", "siglip"])
def test_a_network_without_its_tokenizer(make_folder: Any, family: str) -> None:
    model: Any = open_model(make_folder(family))
    with pytest.raises(CheckpointError, match=r"tokenizer"):
        model.texts.encode(TEXTS)


def test_a_tokenizer_of_another_network(make_folder: Any, save_tokenizer: Any) -> None:
    folder = make_folder("clip", name="small")
    save_tokenizer(folder)
    transformers.CLIPTokenizer().save_pretrained(folder)
    model: Any = open_model(folder)
    with pytest.raises(
        CheckpointError,
        match=r"must come with the tokenizer of its text tower, which knows 56 tokens; got one with \d\.",
    ):
        model.texts.encode(TEXTS)


def test_a_text_that_is_too_long(folder: Path) -> None:
    model: Any = open_model(folder)
    with pytest.raises(
        ConfigError, match=r"prompt 'a (very ){11}ver' must have at most 32 tokens, which 'checkpoint' reads; got \d+\."
    ):
        model.texts.encode(["a cat", "a " + "very " * 20 + "old cat"])
