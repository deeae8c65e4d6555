"""Our preprocessing gives what the image processors give, and describes itself with all its values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fairaudit.core.errors import CheckpointError, ConfigError
from fairaudit.images.decode import ImageError
from fairaudit.models._preprocessing import Preprocessing, preprocessing_from_mapping
from fairaudit.models._processor import ProcessorPreprocess, preprocessing_from_file

PLAIN = {"size": 32, "mean": [0.5, 0.4, 0.3], "std": [0.2, 0.3, 0.4]}

PROCESSORS: list[tuple[str, dict[str, Any]]] = [
    ("ConvNextImageProcessorPil", {"size": {"shortest_edge": 32}}),
    ("ConvNextImageProcessorPil", {"size": {"shortest_edge": 32}, "crop_pct": 1.0, "resample": 2}),
    ("ConvNextImageProcessorPil", {"size": {"shortest_edge": 384}}),
    ("ViTImageProcessorPil", {"size": {"height": 30, "width": 50}}),
    ("BitImageProcessorPil", {"size": {"shortest_edge": 37}, "crop_size": {"height": 32, "width": 30}}),
    ("BitImageProcessorPil", {"size": {"shortest_edge": 32}, "do_center_crop": False}),
    ("CLIPImageProcessorPil", {"size": {"shortest_edge": 37}, "crop_size": {"height": 32, "width": 30}}),
    ("SiglipImageProcessorPil", {"size": {"height": 30, "width": 50}}),
]


def random_image(seed: int, height: int, width: int) -> Image.Image:
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8))


@pytest.mark.parametrize(("name", "options"), PROCESSORS)
def test_equal_to_the_processor(tmp_path: Path, name: str, options: dict[str, Any]) -> None:
    processor = getattr(transformers, name)(image_mean=[0.4, 0.5, 0.6], image_std=[0.2, 0.3, 0.25], **options)
    processor.save_pretrained(tmp_path)
    ours = preprocessing_from_file(tmp_path / "preprocessor_config.json")
    assert isinstance(ours, Preprocessing), "this processor has no step of its own"

    @settings(max_examples=12)
    @given(st.integers(0, 1000), st.integers(20, 90), st.integers(20, 90))
    def check(seed: int, height: int, width: int) -> None:
        image = random_image(seed, height, width)
        expected = processor(images=image, return_tensors="pt")["pixel_values"][0]
        got = ours(image)
        assert got.dtype == torch.float32
        assert got.is_contiguous()
        torch.testing.assert_close(got, expected.float(), atol=1e-5, rtol=0)

    check()


def test_processors_with_steps_of_their_own_are_used_as_they_are(tmp_path: Path) -> None:
    # A crop larger than the resized image means padding, which ours does not do.
    processor = transformers.BitImageProcessorPil(
        size={"shortest_edge": 20}, crop_size={"height": 32, "width": 32}, image_mean=[0.5] * 3, image_std=[0.5] * 3
    )
    processor.save_pretrained(tmp_path)
    ours = preprocessing_from_file(tmp_path / "preprocessor_config.json")
    assert isinstance(ours, ProcessorPreprocess)
    image = random_image(0, 50, 70)
    assert torch.equal(ours(image), processor(images=image, return_tensors="pt")["pixel_values"][0].float())
    assert json.dumps(ours.describe())
    assert ours.describe()["crop_size"]["height"] == 32


DINOV3 = {
    "image_processor_type": "DINOv3ViTImageProcessorFast", "do_resize": True, "do_rescale": True, "do_normalize": True,
    "size": {"height": 24, "width": 40}, "resample": 2, "rescale_factor": 1 / 255,
    "image_mean": [0.4, 0.5, 0.6], "image_std": [0.2, 0.3, 0.25],
}  # fmt: skip


@pytest.mark.parametrize(("resample", "mode"), [(2, "bilinear"), (3, "bicubic")])
@pytest.mark.parametrize("shape", [(50, 70), (20, 90), (24, 40), (11, 13)])
def test_equal_to_the_processor_of_dinov3(tmp_path: Path, resample: int, mode: str, shape: tuple[int, int]) -> None:
    """Which transformers has for torchvision alone: it rescales, then resizes as torch does with antialias."""
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps({**DINOV3, "resample": resample}))
    image = random_image(1, *shape)
    pixels = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255
    resized = torch.nn.functional.interpolate(pixels, (24, 40), mode=mode, align_corners=False, antialias=True)[0]
    expected = (resized - torch.tensor([0.4, 0.5, 0.6]).view(3, 1, 1)) / torch.tensor([0.2, 0.3, 0.25]).view(3, 1, 1)
    prepare = preprocessing_from_file(path)
    torch.testing.assert_close(prepare(image), expected, atol=2e-5, rtol=0)
    assert prepare.describe()["rounded"] is False


@pytest.mark.parametrize(
    ("change", "got"),
    [
        ({"do_center_crop": True}, "got do_center_crop True"),
        ({"do_resize": False}, "got do_resize False"),
        ({"size": {"shortest_edge": 24}}, "got a processor of DINOv3 without 'height'"),
        ({"image_mean": None}, "got a processor of DINOv3 without"),
        ({"image_std": [0, 1, 1]}, "got values that the processor of DINOv3 is not known to have"),
    ],
)
def test_other_processors_of_dinov3_are_not_guessed(tmp_path: Path, change: dict[str, Any], got: str) -> None:
    path = tmp_path / "preprocessor_config.json"
    path.write_text(json.dumps({**DINOV3, **change}))
    with pytest.raises(CheckpointError, match=f"must say how images are prepared, .*{got}"):
        preprocessing_from_file(path)


def test_values_by_hand() -> None:
    prepare = preprocessing_from_mapping({**PLAIN, "size": 2}, source="x")
    image = Image.new("RGB", (2, 2), (255, 0, 51))
    expected = [(1 - 0.5) / 0.2, (0 - 0.4) / 0.3, (0.2 - 0.3) / 0.4]
    got = prepare(image)
    assert got.shape == (3, 2, 2)
    assert got[:, 0, 0].tolist() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("channels", ["BGR", "bgr"])
def test_bgr_turns_the_channels_before_mean_and_std(channels: str) -> None:
    prepare = preprocessing_from_mapping({**PLAIN, "size": 1, "channels": channels}, source="x")
    assert prepare.describe()["channels"] == "BGR"
    got = prepare(Image.new("RGB", (1, 1), (255, 0, 51)))
    assert got[:, 0, 0].tolist() == pytest.approx([(0.2 - 0.5) / 0.2, -0.4 / 0.3, (1 - 0.3) / 0.4], abs=1e-6)


def test_crop_pct_resizes_the_short_side_and_keeps_the_middle() -> None:
    prepare = preprocessing_from_mapping({"size": 4, "crop_pct": 0.5, "mean": [0] * 3, "std": [1] * 3}, source="x")
    columns = np.zeros((8, 16, 3), dtype=np.uint8)
    columns[:, :, 0] = np.arange(16)
    got = prepare(Image.fromarray(columns))
    assert got.shape == (3, 4, 4)
    assert (got[0, 0] * 255).round().tolist() == [6, 7, 8, 9]


def test_two_sizes_mean_exactly_this() -> None:
    prepare = preprocessing_from_mapping({**PLAIN, "size": [6, 10]}, source="x")
    assert prepare(random_image(0, 40, 30)).shape == (3, 6, 10)
    assert prepare.describe()["resize"] == [6, 10]


def test_a_thread_like_image_is_refused_before_it_fills_the_memory() -> None:
    prepare = preprocessing_from_mapping({**PLAIN, "size": 2000}, source="x")
    with pytest.raises(ImageError, match=r"at most 100,000,000 pixels once it is resized; got 200000000 x 2000"):
        prepare(Image.new("RGB", (100_000, 1)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"size": 0}, "size must be one or two numbers from 1 to 4096; got 0. Use for example {"),
        ({"size": True}, "size must be a whole number or a list in square brackets; got True. Use for example {"),
        ({"size": [1, 2, 3]}, "size must be one or two numbers from 1 to 4096; got (1, 2, 3)"),
        ({"size": "224"}, "size must be a whole number or a list in square brackets; got '224'"),
        ({"size": [8, 8], "crop_pct": 0.9}, "crop_pct must be 1 or left out where size has two numbers; got 0.9"),
        ({"crop_pct": 0}, "crop_pct must be above 0 and at most 1; got 0.0"),
        ({"crop_pct": 1.1}, "crop_pct must be above 0 and at most 1; got 1.1"),
        ({"mean": [1, 2]}, "mean must be a list of 3 values; got [1, 2]"),
        ({"mean": 0.5}, "mean must be a list of 3 values; got 0.5"),
        ({"mean": [0, 0, 1e6]}, "mean must be three numbers below a million; got (0.0, 0.0, 1000000.0)"),
        ({"std": [0.1, 0, 0.1]}, "std must be three numbers above zero and below a million; got (0.1, 0.0, 0.1)"),
        ({"std": [float("nan")] * 3}, "std must be three numbers above zero and below a million; got (nan, nan, nan)"),
        (
            {"interpolation": "cubic"},
            "interpolation must be one of: bicubic, bilinear, box, hamming, lanczos, nearest;",
        ),
        ({"channels": "RBG"}, "channels must be one of: BGR, RGB; got 'RBG'"),
        ({"croppct": 0.9}, "got 'croppct'. Did you mean 'crop_pct'?"),
    ],
)
def test_wrong_values(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        preprocessing_from_mapping({**PLAIN, **change}, source="preprocessing file p.json")
    assert str(caught.value).startswith("preprocessing file p.json: ")
    assert message in str(caught.value)


@pytest.mark.parametrize("key", ["size", "mean", "std"])
def test_nothing_is_guessed(key: str) -> None:
    with pytest.raises(ConfigError, match=f"x: {key} must be .*; it is missing. Use for example"):
        preprocessing_from_mapping({k: v for k, v in PLAIN.items() if k != key}, source="x")
    with pytest.raises(ConfigError, match=r"x: content must be a table of keys and values; got \[1\]\. Use for"):
        preprocessing_from_mapping([1], source="x")


def test_files(tmp_path: Path) -> None:
    path = tmp_path / "p.json"
    with pytest.raises(ConfigError, match="must be a readable file; got no such file"):
        preprocessing_from_file(path)
    path.write_text("{")
    with pytest.raises(ConfigError, match=r"p\.json must be JSON; got: .*Correct the file\."):
        preprocessing_from_file(path)
    path.write_text(json.dumps(PLAIN))
    assert preprocessing_from_file(path).describe()["crop"] == [32, 32]
    path.write_text(json.dumps({"image_processor_type": "NoSuchProcessor", "image_mean": [0, 0, 0]}))
    with pytest.raises(CheckpointError, match="must say how images are prepared"):
        preprocessing_from_file(path)
