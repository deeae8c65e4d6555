from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fairaudit.core.errors import DataError
from fairaudit.pretrain import images
from fairaudit.pretrain.images import ImageFiles, ImageStore, list_images


def test_folders_are_read_in_order_and_each_file_once(pictures: Path) -> None:
    both = list_images([pictures / "b", pictures])
    assert len(both) == 24
    assert both.names[0] == "0/00.jpg"
    assert both.names[12] == "1/a/01.jpg"


def test_the_digest_is_of_names_and_contents_not_of_the_place(tmp_path: Path, pictures: Path) -> None:
    shutil.copytree(pictures, tmp_path / "elsewhere")
    before = list_images([pictures]).digest
    assert list_images([tmp_path / "elsewhere"]).digest == before
    (tmp_path / "elsewhere" / "b" / "00.jpg").rename(tmp_path / "elsewhere" / "b" / "zz.jpg")
    assert list_images([tmp_path / "elsewhere"]).digest != before


def test_images_keep_their_shape_at_the_asked_short_side(pictures: Path) -> None:
    store = ImageStore(list_images([pictures]), short_side=12)
    pixels, heights, widths = store.batch([0, 23])
    assert pixels.dtype == torch.uint8
    assert heights.tolist() == [12, 12]
    assert sorted(widths.tolist()) == [12, 15]
    assert pixels.shape == (2, 3, 12, 15)
    narrow = int(widths.argmin())
    assert int(pixels[narrow, :, :, 12:].max()) == 0


def test_of_a_very_long_image_the_middle_is_kept(tmp_path: Path) -> None:
    pixels = np.zeros((20, 100, 3), dtype=np.uint8)
    pixels[:, 30:70] = 200
    Image.fromarray(pixels).save(tmp_path / "long.png")
    batch, heights, widths = ImageStore(list_images([tmp_path]), short_side=10).batch([0])
    assert (int(heights), int(widths)) == (10, 20)
    assert int(batch[0, :, :, 1:-1].min()) == 200


def test_images_beyond_the_cache_are_decoded_again_to_the_same_pixels(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = list_images([pictures])
    kept = ImageStore(files, short_side=16).batch(range(24))
    monkeypatch.setattr(images, "CACHE_BYTES", 16 * 16 * 3 * 5)
    again = ImageStore(files, short_side=16).batch(range(24))
    assert all(torch.equal(a, b) for a, b in zip(kept, again, strict=True))


def many(folder: Path, *, damaged: int, n: int = 200) -> ImageFiles:
    for i in range(n):
        path = folder / f"{i:03d}.jpg"
        if i < damaged:
            path.write_bytes(b"not an image")
        else:
            Image.new("RGB", (16, 16), (i, 0, 0)).save(path)
    return list_images([folder])


def test_a_few_unreadable_images_are_skipped_and_listed(tmp_path: Path) -> None:
    store = ImageStore(many(tmp_path, damaged=2), short_side=16)
    assert len(store) == 198
    assert store.kept[0] == 2
    assert [name for name, _ in store.skipped] == ["0/000.jpg", "0/001.jpg"]
    assert all("must be readable" in reason for _, reason in store.skipped)


def test_many_unreadable_images_stop_the_run(tmp_path: Path) -> None:
    with pytest.raises(
        DataError, match=r"at most 1 % of the images must be unreadable; got 3 of 200, the first '0/000.jpg': image"
    ):
        ImageStore(many(tmp_path, damaged=3), short_side=16)


def test_a_listed_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"every image must exist; got 1 of 1 missing, the first .*no.jpg"):
        ImageFiles.of([tmp_path / "no.jpg"], ["no.jpg"])
