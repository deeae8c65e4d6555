from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fairaudit.images.listing import list_images
from fairaudit.pretrain.augment import DRAWS, FLIP, MEAN, STD, crop_box, view_numbers
from fairaudit.pretrain.images import ImageStore, Picture
from fairaudit.pretrain.recipe import Recipe
from fairaudit.pretrain.settings import Crops
from fairaudit.pretrain.views import Views, cut_views, plain_views, scaled

CPU = torch.device("cpu")
RECIPE = Recipe(crops=Crops(sizes=(32, 16), counts=(2, 2), scales=((0.3, 1.0), (0.1, 0.3)), store=40, blur=0.5), seed=3)
FROM_DISK = dataclasses.replace(RECIPE, crops=dataclasses.replace(RECIPE.crops, store=0))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of smooth pictures of several shapes and formats."""
    folder, rng = tmp_path_factory.mktemp("large"), np.random.default_rng(0)
    for i, size in enumerate([(320, 240), (200, 300), (64, 48), (257, 259), (700, 130)]):
        small = Image.fromarray(rng.integers(0, 256, (9, 9, 3), dtype=np.uint8))
        picture = small.resize(size, Image.Resampling.BICUBIC)
        picture.save(folder / f"{i}.{'png' if i == 1 else 'jpg'}", quality=95)
    return folder


def views_of(folder: Path, recipe: Recipe, *, first: int | None = None) -> Views:
    return Views(ImageStore(list_images([folder]), short_side=recipe.crops.store), recipe, CPU, first=first)


@pytest.mark.parametrize("recipe", [RECIPE, FROM_DISK], ids=["kept", "from disk"])
def test_views_do_not_depend_on_the_order_or_size_of_the_batch(large: Path, recipe: Recipe) -> None:
    views = views_of(large, recipe)
    cut = views.cut([0, 1, 2, 3, 4], 1)
    assert cut.indices == [0, 1, 2, 3, 4]
    finished = views.finish(cut)
    assert [tuple(v.shape) for v in finished] == [(5, 3, 32, 32)] * 2 + [(5, 3, 16, 16)] * 2
    some = views.cut([4, 0, 2], 1)
    for whole, part in zip(cut.views, some.views, strict=True):
        assert torch.equal(whole[[4, 0, 2]], part)
    for whole, part in zip(finished, views.finish(some), strict=True):
        torch.testing.assert_close(whole[[4, 0, 2]], part, atol=1e-5, rtol=1e-5)
    again = views_of(large, recipe).finish(views.cut([0, 1, 2, 3, 4], 1))
    assert all(torch.equal(a, b) for a, b in zip(finished, again, strict=True))
    other = views.cut([0, 1, 2, 3, 4], 2)
    assert not any(torch.equal(a, b) for a, b in zip(cut.views, other.views, strict=True))
    (only,) = views_of(large, recipe, first=1).finish(views.cut([0, 1, 2, 3, 4], 1))[:1]
    assert torch.equal(only, finished[0])


def test_views_do_not_depend_on_the_number_of_threads(large: Path) -> None:
    found = []
    for threads in (1, 4):
        before = torch.get_num_threads()
        torch.set_num_threads(threads)
        try:
            found.append(views_of(large, FROM_DISK).cut([0, 1, 2, 3, 4], 0).views)
        finally:
            torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


def test_a_view_from_disk_is_the_crop_of_the_whole_image(large: Path) -> None:
    """PIL's crop, resize and mirror of the whole image; of a reduced JPEG it is at most half a pixel off."""
    views = views_of(large, FROM_DISK)
    cut = views.cut([0, 1, 2, 3], 0)
    for index, name in enumerate(["0.jpg", "1.png", "2.jpg", "3.jpg"]):
        image = Image.open(large / name).convert("RGB")
        for view, (size, scale) in enumerate([(32, (0.3, 1.0))] * 2 + [(16, (0.1, 0.3))] * 2):
            numbers = view_numbers([index], seed=3, epoch=0, view=view)[0].tolist()
            left, top, w, h = crop_box(numbers, *image.size, scale)
            expected = image.crop((left, top, left + w, top + h)).resize((size, size), Image.Resampling.BILINEAR)
            if numbers[FLIP] < 0.5:
                expected = expected.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
            ours = cut.views[view][index].permute(1, 2, 0).numpy().astype(np.int16)
            if name in ("0.jpg", "3.jpg"):
                assert min(w, h) >= 2 * size
                assert np.corrcoef(ours.ravel(), np.asarray(expected).ravel())[0, 1] > 0.95
            else:
                assert np.abs(ours - np.asarray(expected, dtype=np.int16)).max() <= 1


class Requested(Picture):
    """An image that records the requested ``shrink``."""

    def __init__(self, width: int, height: int) -> None:
        super().__init__((width, height), self._zeros)
        self.shrink = 0.0

    def _zeros(self, shrink: float) -> torch.Tensor:
        self.shrink = shrink
        factor = next(f for f in (8, 4, 2, 1) if f <= max(shrink, 1))
        return torch.zeros(3, -(-self.size[1] // factor), -(-self.size[0] // factor), dtype=torch.uint8)


def test_every_crop_keeps_at_least_the_pixels_of_its_view() -> None:
    wanted = [(224, (0.14, 1.0)), (96, (0.05, 0.14))]
    for sample in range(200):
        numbers = np.concatenate([view_numbers([sample], seed=0, epoch=0, view=view) for view in (0, 1)])
        picture = Requested(1600 + sample, 1203)
        cut_views(picture, numbers, wanted, flip=0.5)
        boxes = [crop_box(row.tolist(), *picture.size, scale) for row, (_, scale) in zip(numbers, wanted, strict=True)]
        for (_, _, w, h), (size, _) in zip(boxes, wanted, strict=True):
            assert min(w, h) / picture.shrink >= size - 1e-9
        pixels = picture.pixels(shrink=picture.shrink)
        for box, (size, _) in zip(boxes, wanted, strict=True):
            left, top, w, h = scaled(box, picture.size, pixels)
            assert min(w, h) >= size
            assert 0 <= left <= left + w <= pixels.shape[2]
            assert 0 <= top <= top + h <= pixels.shape[1]


def test_white_images_stay_white_to_their_borders(tmp_path: Path) -> None:
    Image.new("RGB", (75, 50), "white").save(tmp_path / "a.png")
    crops = Crops(sizes=(32,), counts=(8,), store=48, colour=0.0, grayscale=0.0, blur=1.0)
    views = views_of(tmp_path, Recipe(crops=crops))
    for view in views.finish(views.cut([0], 0)):
        colours = view * torch.tensor(STD)[:, None, None] + torch.tensor(MEAN)[:, None, None]
        torch.testing.assert_close(colours, torch.ones_like(colours), atol=1e-4, rtol=0)


@pytest.mark.parametrize("store", [0, 48])
def test_a_plain_view_is_the_middle_square(tmp_path: Path, rng: np.random.Generator, store: int) -> None:
    pixels = rng.integers(0, 256, (48, 72, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    square = Image.fromarray(pixels).crop((12, 0, 60, 48)).resize((20, 20), Image.Resampling.BILINEAR)
    expected = (np.asarray(square) / 255.0 - MEAN) / STD
    used, views = plain_views(ImageStore(list_images([tmp_path]), short_side=store), [0], size=20, device=CPU)
    assert used == [0]
    np.testing.assert_allclose(views[0].permute(1, 2, 0).numpy(), expected, atol=1.01 / 255 / min(STD))


def test_a_flip_mirrors_the_same_crop(large: Path) -> None:
    store = ImageStore(list_images([large]), short_side=40)
    numbers = np.random.default_rng(0).random((1, DRAWS))

    def cut(flip: float) -> torch.Tensor:
        _, made = store.each([0], lambda _, picture: cut_views(picture, numbers, [(24, (0.3, 1.0))], flip=flip)[0])
        return made[0]

    assert torch.equal(cut(0.0).flip(-1), cut(1.0))
