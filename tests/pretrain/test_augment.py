from __future__ import annotations

import colorsys
import math

import numpy as np
import numpy.typing as npt
import pytest
import torch
from PIL import Image, ImageEnhance, ImageFilter
from scipy import stats

from fairaudit.pretrain.augment import (
    BLURRED,
    BRIGHTNESS,
    CONTRAST,
    DRAWS,
    GREY,
    GREYED,
    HUE,
    MEAN,
    RECOLOUR,
    SATURATION,
    SIGMA,
    STD,
    blur_matrix,
    colour_map,
    crop_box,
    normalise,
    recolour,
    resize,
    view_numbers,
)
from fairaudit.pretrain.settings import Crops

PLAIN = Crops(colour=0.0, grayscale=0.0)


def photograph(rng: np.random.Generator, *, height: int = 64, width: int = 80) -> npt.NDArray[np.uint8]:
    """Pixels (H, W, 3) of a smooth picture, far from black and white, so that no change of colour is cut off."""
    small = Image.fromarray(rng.integers(90, 150, size=(8, 10, 3), dtype=np.uint8))
    return np.asarray(small.resize((width, height), Image.Resampling.BICUBIC))


def as_views(pixels: npt.NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None]


def levels(views: torch.Tensor) -> npt.NDArray[np.float64]:
    """Return the first view as levels of 255 (H, W, 3)."""
    colours = views * torch.tensor(STD)[:, None, None] + torch.tensor(MEAN)[:, None, None]
    return (colours[0].permute(1, 2, 0).double() * 255).numpy()


def test_numbers_depend_on_seed_epoch_sample_and_view_alone() -> None:
    one = view_numbers([3, 7, 11], seed=1, epoch=2, view=0)
    np.testing.assert_array_equal(one[1], view_numbers([7], seed=1, epoch=2, view=0)[0])
    np.testing.assert_array_equal(one[::-1], view_numbers([11, 7, 3], seed=1, epoch=2, view=0))
    for other in (
        {"seed": 2, "epoch": 2, "view": 0},
        {"seed": 1, "epoch": 3, "view": 0},
        {"seed": 1, "epoch": 2, "view": 1},
    ):
        assert not np.isclose(one, view_numbers([3, 7, 11], **other)).any()


def test_samples_and_views_may_be_drawn_together() -> None:
    both = view_numbers([3, 3, 7], seed=1, epoch=2, view=[0, 1, 1])
    for row, (sample, view) in zip(both, [(3, 0), (3, 1), (7, 1)], strict=True):
        np.testing.assert_array_equal(row, view_numbers([sample], seed=1, epoch=2, view=view)[0])


def test_numbers_are_uniform_and_unrelated() -> None:
    numbers = view_numbers(np.arange(4000), seed=0, epoch=0, view=0, draws=6)
    for column in numbers.T:
        assert stats.kstest(column, "uniform").pvalue > 1e-3
    # Neighbouring draws, samples, epochs and views: |r| of independent columns stays below 4 / sqrt(n).
    pairs = [(numbers[:, 0], numbers[:, 1]), (numbers[:-1, 0], numbers[1:, 0])]
    pairs += [(numbers[:, 0], view_numbers(np.arange(4000), seed=0, epoch=1, view=0, draws=6)[:, 0])]
    pairs += [(numbers[:, 0], view_numbers(np.arange(4000), seed=0, epoch=0, view=1, draws=6)[:, 0])]
    for a, b in pairs:
        assert abs(np.corrcoef(a, b)[0, 1]) < 4 / math.sqrt(4000)


@pytest.mark.parametrize("scale", [(0.3, 1.0), (0.05, 0.14), (1.0, 1.0)])
def test_boxes_lie_inside_and_have_the_asked_area_and_aspect(scale: tuple[float, float]) -> None:
    numbers = view_numbers(np.arange(3000), seed=0, epoch=0, view=0).tolist()
    left, top, w, h = np.array([crop_box(row, 900, 600, scale) for row in numbers]).T
    assert (left >= 0).all()
    assert (top >= 0).all()
    assert (left + w <= 900).all()
    assert (top + h <= 600).all()
    aspect = np.log(w / h)
    assert (np.abs(aspect) < math.log(4 / 3) + 0.5 / w + 0.5 / h).all()  # sides are rounded to whole pixels
    if scale[1] < 0.5:  # always fits, so area, aspect and place are uniform
        assert stats.kstest(w * h / (600 * 900), "uniform", args=(scale[0], scale[1] - scale[0])).pvalue > 1e-3
        assert stats.kstest(aspect, "uniform", args=(math.log(3 / 4), 2 * math.log(4 / 3))).pvalue > 1e-3
        assert stats.kstest((left + 0.5) / (900 - w + 1), "uniform").pvalue > 1e-3
        assert stats.kstest((top + 0.5) / (600 - h + 1), "uniform").pvalue > 1e-3


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((900, 90), (390, 0, 120, 90)),
        ((90, 900), (0, 390, 90, 120)),
        ((80, 70), (0, 0, 80, 70)),
        ((1, 1), (0, 0, 1, 1)),
    ],
)
def test_where_no_attempt_fits_the_middle_is_taken(size: tuple[int, int], box: tuple[int, int, int, int]) -> None:
    # The whole area at an aspect of 4/3 fits none of these images.
    numbers = [0.999999] * DRAWS
    assert crop_box(numbers, *size, (1.0, 1.0)) == box


@pytest.mark.parametrize("shape", [(300, 450), (40, 60)])
@pytest.mark.parametrize(("box", "size"), [((0, 0, 60, 40), 20), ((7, 5, 31, 22), 48), ((2, 3, 50, 37), 16)])
def test_crop_and_resize_equal_pil(
    rng: np.random.Generator, shape: tuple[int, int], box: tuple[int, int, int, int], size: int
) -> None:
    pixels = rng.integers(0, 256, size=(*shape, 3), dtype=np.uint8)
    left, top, w, h = box = tuple(side * shape[0] // 40 for side in box)  # type: ignore[assignment]
    cut = Image.fromarray(pixels).crop((left, top, left + w, top + h))
    expected = np.asarray(cut.resize((size, size), Image.Resampling.BILINEAR), dtype=np.int16)
    ours = resize(torch.from_numpy(pixels).permute(2, 0, 1), box, (size, size))
    assert ours.dtype == torch.uint8
    assert np.abs(ours.permute(1, 2, 0).numpy() - expected).max() <= 1  # noise, whose rounding differs at times


def test_blur_equals_pil_away_from_the_border(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 256, size=(40, 40), dtype=np.uint8)
    ours = blur_matrix(torch.tensor([1.5]), size=40)[0].numpy()
    blurred = ours @ pixels.astype(np.float64) @ ours.T
    expected = np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(1.5)), dtype=np.float64)
    assert np.abs(blurred - expected)[8:-8, 8:-8].max() < 4  # PIL's own is three box blurs
    np.testing.assert_allclose(ours.sum(axis=1), 1.0, rtol=1e-5)


def numbers_with(**values: float) -> torch.Tensor:
    places = {
        "recolour": RECOLOUR,
        "brightness": BRIGHTNESS,
        "contrast": CONTRAST,
        "saturation": SATURATION,
        "hue": HUE,
        "grey": GREYED,
    }
    numbers = torch.full((1, DRAWS), 0.5)  # every factor one, no turn
    numbers[0, RECOLOUR], numbers[0, GREYED] = 0.0, 1.0
    for name, value in values.items():
        numbers[0, places[name]] = value
    return numbers


def changed(colour: list[float], mean: list[float], **values: float) -> npt.NDArray[np.float32]:
    matrix, offset = colour_map(numbers_with(**values), torch.tensor([mean]), Crops(colour=0.5))
    found: npt.NDArray[np.float32] = (matrix[0] @ torch.tensor(colour) + offset[0]).numpy()
    return found


def test_colour_changes_are_the_textbook_ones() -> None:
    colour, mean = [0.2, 0.5, 0.4], [0.3, 0.3, 0.6]
    grey, mean_grey = float(np.dot(colour, GREY)), float(np.dot(mean, GREY))
    np.testing.assert_allclose(changed(colour, mean), colour, atol=1e-6)
    np.testing.assert_allclose(changed(colour, mean, brightness=1.0), np.multiply(colour, 1.4), atol=1e-6)
    np.testing.assert_allclose(changed(colour, mean, contrast=0.0), 0.6 * np.array(colour) + 0.4 * mean_grey, atol=1e-6)
    np.testing.assert_allclose(changed(colour, mean, saturation=0.0), 0.6 * np.array(colour) + 0.4 * grey, atol=1e-6)
    np.testing.assert_allclose(changed(colour, mean, grey=0.0), [grey] * 3, atol=1e-6)
    np.testing.assert_allclose(changed(colour, mean, brightness=1.0, recolour=0.9), colour, atol=1e-6)


def test_hue_turns_in_the_direction_of_hsv_and_keeps_luminance() -> None:
    colour = [0.6, 0.3, 0.3]
    for draw in (0.0, 1.0):
        turned = changed(colour, colour, hue=draw)
        assert float(np.dot(turned, GREY)) == pytest.approx(float(np.dot(colour, GREY)), abs=2e-3)
        hue = colorsys.rgb_to_hsv(*turned)[0]
        assert 0.05 < min(hue, 1 - hue) < 0.15  # a tenth of a turn
    there, back = changed(colour, colour, hue=0.0), changed(colour, colour, hue=1.0)
    assert colorsys.rgb_to_hsv(*there)[0] != pytest.approx(colorsys.rgb_to_hsv(*back)[0], abs=0.1)


def of_pil(image: Image.Image, *, brightness: float, contrast: float, saturation: float) -> Image.Image:
    image = ImageEnhance.Brightness(image).enhance(brightness)
    return ImageEnhance.Color(ImageEnhance.Contrast(image).enhance(contrast)).enhance(saturation)


@pytest.mark.parametrize("draws", [(0.3, 0.5, 0.5), (0.5, 0.9, 0.5), (0.5, 0.5, 0.1), (0.8, 0.2, 0.7), (0.3, 0.8, 0.9)])
def test_brightness_contrast_and_saturation_in_this_order_equal_pil(
    rng: np.random.Generator, draws: tuple[float, float, float]
) -> None:
    pixels = photograph(rng)
    names = ("brightness", "contrast", "saturation")
    numbers = numbers_with(**dict(zip(names, draws, strict=True))).double().numpy()
    numbers[0, BLURRED] = 1.0
    ours = levels(recolour(as_views(pixels), numbers, Crops(colour=0.5, blur=0.5)))
    factors = {name: 0.6 + 0.8 * draw for name, draw in zip(names, draws, strict=True)}
    expected = np.asarray(of_pil(Image.fromarray(pixels), **factors), dtype=np.float64)
    assert np.abs(ours - expected).max() < 3.5  # PIL rounds three times, and the mean grey, to whole levels
    assert np.abs(ours - pixels).max() > 8


def test_grey_equals_pil(rng: np.random.Generator) -> None:
    pixels = photograph(rng)
    ours = levels(recolour(as_views(pixels), numbers_with(grey=0.0).double().numpy(), Crops(grayscale=0.5)))
    expected = np.asarray(Image.fromarray(pixels).convert("L").convert("RGB"), dtype=np.float64)
    assert np.abs(ours - expected).max() <= 1


def test_a_blurred_view_equals_pil_and_an_unblurred_one_stays(rng: np.random.Generator) -> None:
    pixels = rng.integers(100, 156, size=(64, 64, 3), dtype=np.uint8)
    two = as_views(pixels).repeat(2, 1, 1, 1)
    numbers = np.repeat(numbers_with().double().numpy(), 2, axis=0)
    numbers[:, BLURRED], numbers[:, SIGMA] = (0.0, 0.9), 0.8
    views = recolour(two, numbers, Crops(blur=0.5))
    radius = (0.1 + 1.9 * 0.8) * 64 / 224
    expected = np.asarray(Image.fromarray(pixels).filter(ImageFilter.GaussianBlur(radius)), dtype=np.float64)
    assert np.abs(levels(views) - expected).max() <= 4  # PIL's own is three box blurs; edges are continued otherwise
    assert np.abs(levels(views) - pixels).max() > 8
    np.testing.assert_allclose(levels(views[1:]), pixels, atol=1e-3)


def test_colours_are_limited_to_what_a_picture_can_have(rng: np.random.Generator) -> None:
    numbers = view_numbers(np.arange(64), seed=0, epoch=0, view=0)
    views = torch.from_numpy(rng.integers(0, 256, size=(64, 3, 16, 16), dtype=np.uint8))
    colours = recolour(views, numbers, Crops(colour=1.0)) * torch.tensor(STD)[:, None, None]
    colours += torch.tensor(MEAN)[:, None, None]
    assert -1e-6 < float(colours.min()) < 1e-6
    assert 1 - 1e-6 < float(colours.max()) < 1 + 1e-6


def test_plain_colours_are_only_normalised(rng: np.random.Generator) -> None:
    pixels = rng.integers(0, 256, size=(20, 20, 3), dtype=np.uint8)
    expected = ((pixels / 255.0 - MEAN) / STD).transpose(2, 0, 1)
    np.testing.assert_allclose(normalise(as_views(pixels))[0].numpy(), expected, atol=1e-6)
    numbers = view_numbers([0], seed=0, epoch=0, view=0)
    np.testing.assert_allclose(recolour(as_views(pixels), numbers, PLAIN)[0].numpy(), expected, atol=1e-5)


def test_no_weight_of_a_blur_is_a_denormal_number() -> None:
    weights = blur_matrix(torch.linspace(0.1, 2.0, 40), size=224)
    assert float(weights[weights > 0].min()) > 1e-7
