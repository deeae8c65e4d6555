from __future__ import annotations

import colorsys
import math

import numpy as np
import pytest
import torch
from PIL import Image, ImageFilter
from scipy import stats

from fairaudit.pretrain.augment import (
    BRIGHTNESS,
    CONTRAST,
    DRAWS,
    GREY,
    GREYED,
    HUE,
    MEAN,
    RECOLOUR,
    SATURATION,
    STD,
    blur_matrix,
    colour_map,
    crop_boxes,
    make_views,
    plain_view,
    random_view,
    resize_matrix,
    view_numbers,
)
from fairaudit.pretrain.settings import Crops

CROPS = Crops(sizes=(32, 16), counts=(2, 2), scales=((0.3, 1.0), (0.1, 0.3)), store=40, blur=0.5)


def batch(rng: np.random.Generator, n: int = 6) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    heights, widths = torch.tensor([40, 44, 40, 52, 40, 41][:n]), torch.tensor([40, 40, 60, 40, 40, 40][:n])
    pixels = torch.zeros(n, 3, 52, 60, dtype=torch.uint8)
    for i in range(n):
        shape = (3, int(heights[i]), int(widths[i]))
        pixels[i, :, : shape[1], : shape[2]] = torch.from_numpy(rng.integers(0, 256, size=shape, dtype=np.uint8))
    return pixels, heights, widths


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


def test_views_do_not_depend_on_the_order_or_size_of_the_batch(rng: np.random.Generator) -> None:
    pixels, heights, widths = batch(rng)
    samples = np.array([5, 2, 9, 4, 1, 7])
    all_views = make_views((pixels, heights, widths), samples, crops=CROPS, seed=3, epoch=1)
    turned = [4, 0, 2]
    some = make_views((pixels[turned], heights[turned], widths[turned]), samples[turned], crops=CROPS, seed=3, epoch=1)
    for a, b in zip(all_views, some, strict=True):
        torch.testing.assert_close(a[turned], b, atol=1e-5, rtol=1e-5)
    again = make_views((pixels, heights, widths), samples, crops=CROPS, seed=3, epoch=1)
    assert all(torch.equal(a, b) for a, b in zip(all_views, again, strict=True))
    assert [tuple(v.shape) for v in all_views] == [(6, 3, 32, 32)] * 2 + [(6, 3, 16, 16)] * 2
    first = make_views((pixels, heights, widths), samples, crops=CROPS, seed=3, epoch=1, first=1)
    assert len(first) == 1
    assert torch.equal(first[0], all_views[0])


@pytest.mark.parametrize("scale", [(0.3, 1.0), (0.05, 0.14), (1.0, 1.0)])
def test_boxes_lie_inside_and_have_the_asked_area_and_aspect(scale: tuple[float, float]) -> None:
    numbers = view_numbers(np.arange(3000), seed=0, epoch=0, view=0)
    left, top, w, h = crop_boxes(numbers, np.full(3000, 60), np.full(3000, 90), scale).T
    assert (left >= 0).all()
    assert (top >= 0).all()
    assert (left + w <= 90 + 1e-9).all()
    assert (top + h <= 60 + 1e-9).all()
    assert (np.log(w / h) > math.log(3 / 4) - 1e-9).all()
    assert (np.log(w / h) < math.log(4 / 3) + 1e-9).all()
    area = w * h / (60 * 90)
    if scale[1] < 0.5:  # always fits, so the area is uniform
        assert stats.kstest(area, "uniform", args=(scale[0], scale[1] - scale[0])).pvalue > 1e-3


@pytest.mark.parametrize(
    ("box", "size"), [((0.0, 0.0, 60.0, 44.0), 20), ((7.3, 5.9, 31.7, 22.2), 32), ((2.0, 3.0, 50.5, 40.0), 16)]
)
def test_resize_equals_pil_with_a_box(
    rng: np.random.Generator, box: tuple[float, float, float, float], size: int
) -> None:
    pixels = rng.integers(0, 256, size=(44, 60, 3), dtype=np.uint8)
    left, top, w, h = box
    expected = np.asarray(
        Image.fromarray(pixels).resize((size, size), Image.Resampling.BILINEAR, box=(left, top, left + w, top + h))
    )
    columns = resize_matrix(torch.tensor([left]), torch.tensor([w]), torch.tensor([60]), size=size, largest=60)[0]
    rows = resize_matrix(torch.tensor([top]), torch.tensor([h]), torch.tensor([44]), size=size, largest=50)[0, :, :44]
    ours = np.einsum("sh,hwc,tw->stc", rows.numpy(), pixels.astype(np.float64), columns.numpy())
    assert np.abs(ours - expected).max() <= 1.5  # PIL rounds to whole values after each axis


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


def recolour(colour: list[float], mean: list[float], **values: float) -> np.ndarray:
    matrix, offset = colour_map(numbers_with(**values), torch.tensor([mean]), Crops(colour=0.5))
    return (matrix[0] @ torch.tensor(colour) + offset[0]).numpy()


def test_colour_changes_are_the_textbook_ones() -> None:
    colour, mean = [0.2, 0.5, 0.4], [0.3, 0.3, 0.6]
    grey, mean_grey = float(np.dot(colour, GREY)), float(np.dot(mean, GREY))
    np.testing.assert_allclose(recolour(colour, mean), colour, atol=1e-6)
    np.testing.assert_allclose(recolour(colour, mean, brightness=1.0), np.multiply(colour, 1.4), atol=1e-6)
    np.testing.assert_allclose(
        recolour(colour, mean, contrast=0.0), 0.6 * np.array(colour) + 0.4 * mean_grey, atol=1e-6
    )
    np.testing.assert_allclose(recolour(colour, mean, saturation=0.0), 0.6 * np.array(colour) + 0.4 * grey, atol=1e-6)
    np.testing.assert_allclose(recolour(colour, mean, grey=0.0), [grey] * 3, atol=1e-6)
    np.testing.assert_allclose(recolour(colour, mean, brightness=1.0, recolour=0.9), colour, atol=1e-6)


def test_hue_turns_in_the_direction_of_hsv_and_keeps_luminance() -> None:
    colour = [0.6, 0.3, 0.3]
    for draw in (0.0, 1.0):
        turned = recolour(colour, colour, hue=draw)
        assert float(np.dot(turned, GREY)) == pytest.approx(float(np.dot(colour, GREY)), abs=2e-3)
        hue = colorsys.rgb_to_hsv(*turned)[0]
        assert 0.05 < min(hue, 1 - hue) < 0.15  # a tenth of a turn
    there, back = recolour(colour, colour, hue=0.0), recolour(colour, colour, hue=1.0)
    assert colorsys.rgb_to_hsv(*there)[0] != pytest.approx(colorsys.rgb_to_hsv(*back)[0], abs=0.1)


def test_flip_mirrors_and_plain_colours_are_only_normalised(rng: np.random.Generator) -> None:
    pixels, heights, widths = batch(rng, 1)
    numbers = view_numbers([0], seed=0, epoch=0, view=0)
    common = {"numbers": numbers, "size": 16, "scale": (0.3, 1.0)}
    still = random_view(pixels, heights, widths, crops=Crops(flip=0.0, colour=0.0, grayscale=0.0), **common)  # type: ignore[arg-type]
    mirrored = random_view(pixels, heights, widths, crops=Crops(flip=1.0, colour=0.0, grayscale=0.0), **common)  # type: ignore[arg-type]
    torch.testing.assert_close(still.flip(-1), mirrored)
    colours = still * torch.tensor(STD)[:, None, None] + torch.tensor(MEAN)[:, None, None]
    assert 0 <= float(colours.min()) <= float(colours.max()) <= 1


def test_plain_view_equals_pil_resize_and_middle_square(rng: np.random.Generator) -> None:
    pixels, heights, widths = batch(rng)
    view = plain_view((pixels, heights, widths), size=20)
    image = Image.fromarray(pixels[2, :, :40, :60].permute(1, 2, 0).numpy())
    expected = (
        np.asarray(image.resize((20, 20), Image.Resampling.BILINEAR, box=(10, 0, 50, 40)), dtype=np.float64) / 255
    )
    expected = (expected - MEAN) / STD
    np.testing.assert_allclose(view[2].permute(1, 2, 0).numpy(), expected, atol=1.5 / 255 / min(STD))


def test_padding_never_shows() -> None:
    white = torch.zeros(1, 3, 64, 64, dtype=torch.uint8)
    white[:, :, :20, :30] = 255
    sizes = (torch.tensor([20]), torch.tensor([30]))
    crops = Crops(sizes=(32,), counts=(8,), store=64, colour=0.0, grayscale=0.0, blur=1.0)
    for view in make_views((white, *sizes), [0], crops=crops, seed=0, epoch=0):
        colours = view * torch.tensor(STD)[:, None, None] + torch.tensor(MEAN)[:, None, None]
        torch.testing.assert_close(colours, torch.ones_like(colours), atol=1e-4, rtol=0)
