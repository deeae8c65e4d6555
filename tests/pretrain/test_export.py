from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from fairaudit.images.image_files import ImageFiles
from fairaudit.pretrain.export import export_model
from fairaudit.pretrain.images import ImageStore
from fairaudit.pretrain.regnet import PRESETS, build_trunk
from fairaudit.pretrain.views import plain_views


@pytest.fixture
def trunk() -> torch.nn.Module:
    torch.manual_seed(0)
    model = build_trunk(PRESETS["tiny"])
    model.train()
    with torch.no_grad():
        model(pixel_values=torch.randn(8, 3, 32, 32))  # running statistics that are not the first ones
    return model.eval()


def test_transformers_opens_the_folder_and_gives_the_same_features(tmp_path: Path, trunk: torch.nn.Module) -> None:
    from transformers import AutoModel

    export_model(trunk, tmp_path / "model", size=32)
    batch = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    again = AutoModel.from_pretrained(tmp_path / "model").eval()
    with torch.no_grad():
        torch.testing.assert_close(again(pixel_values=batch).pooler_output, trunk(pixel_values=batch).pooler_output)
    assert {path.suffix for path in (tmp_path / "model").iterdir()} == {".json", ".safetensors"}


@pytest.mark.parametrize(("size", "resized"), [(64, 64), (128, 128), (224, 256)])
def test_the_processor_crops_nothing_of_small_images(
    tmp_path: Path, trunk: torch.nn.Module, rng: np.random.Generator, size: int, resized: int
) -> None:
    from transformers import AutoImageProcessor

    export_model(trunk, tmp_path / "model", size=size)
    processor: Any = AutoImageProcessor.from_pretrained(tmp_path / "model")  # type: ignore[no-untyped-call]
    side = resized  # an image that needs no resizing shows exactly what is cut away
    pixels = rng.integers(0, 256, size=(side, side, 3), dtype=np.uint8)
    out = np.asarray(processor(Image.fromarray(pixels), return_tensors="np")["pixel_values"])[0]
    cut = (side - size) // 2
    middle = pixels[cut : cut + size, cut : cut + size] / 255
    expected = (middle - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    np.testing.assert_allclose(out, expected.transpose(2, 0, 1), atol=1e-5)


def test_plain_view_is_what_the_processor_makes_of_a_square(
    tmp_path: Path, trunk: torch.nn.Module, rng: np.random.Generator
) -> None:
    from transformers import AutoImageProcessor

    export_model(trunk, tmp_path / "model", size=32)
    path = tmp_path / "square.png"
    Image.fromarray(rng.integers(0, 256, size=(32, 32, 3), dtype=np.uint8)).save(path)
    store = ImageStore(ImageFiles.of([path], ["square.png"]), short_side=32)
    ours = plain_views(store, [0], size=32, device=torch.device("cpu"))[1][0].numpy()
    processor: Any = AutoImageProcessor.from_pretrained(tmp_path / "model")  # type: ignore[no-untyped-call]
    theirs = np.asarray(processor(Image.open(path), return_tensors="np")["pixel_values"])[0]
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_an_export_replaces_an_earlier_one_and_leaves_other_files(tmp_path: Path, trunk: torch.nn.Module) -> None:
    export_model(trunk, tmp_path / "model", size=32, card="a card")
    (tmp_path / "model" / "mine.bin").write_bytes(b"mine")
    export_model(trunk, tmp_path / "model", size=48)
    assert (tmp_path / "model" / "mine.bin").read_bytes() == b"mine"
    assert not (tmp_path / "model" / "README.md").exists()
    assert "48" in (tmp_path / "model" / "preprocessor_config.json").read_text()
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
