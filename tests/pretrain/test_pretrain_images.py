from __future__ import annotations

from pathlib import Path
from unittest.mock import ANY

import numpy as np
import pytest
import torch
from PIL import Image

from fairaudit.core.errors import DataError
from fairaudit.images.image_files import ImageFiles
from fairaudit.images.listing import list_images
from fairaudit.pretrain import images
from fairaudit.pretrain.images import ImageStore, Picture
from tests.images.shards import write_shard


def pixels_of(store: ImageStore, *, shrink: float = 1.0) -> list[torch.Tensor]:
    """Return the pixels (3, H, W) of every image of the store."""

    def take(_: int, picture: Picture) -> torch.Tensor:
        return picture.pixels(shrink=shrink)

    used, found = store.each(range(len(store)), take)
    assert used == list(range(len(store)))
    return found


def test_images_keep_their_shape_at_the_asked_short_side(pictures: Path) -> None:
    store = ImageStore(list_images([pictures]), short_side=12)
    pixels = pixels_of(store)
    assert {one.dtype for one in pixels} == {torch.uint8}
    assert {tuple(one.shape) for one in pixels} == {(3, 12, 12), (3, 12, 15)}


def test_of_a_very_long_image_the_middle_is_kept(tmp_path: Path) -> None:
    pixels = np.zeros((20, 100, 3), dtype=np.uint8)
    pixels[:, 30:70] = 200
    Image.fromarray(pixels).save(tmp_path / "long.png")
    (kept,) = pixels_of(ImageStore(list_images([tmp_path]), short_side=10))
    assert tuple(kept.shape) == (3, 10, 20)
    assert int(kept.min()) == 200


def test_images_beyond_the_cache_are_decoded_again_to_the_same_pixels(
    pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = list_images([pictures])
    kept = pixels_of(ImageStore(files, short_side=16))
    monkeypatch.setattr(images, "CACHE_BYTES", 16 * 16 * 3 * 5)
    again = pixels_of(ImageStore(files, short_side=16))
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


def names_of(store: ImageStore, indices: list[int]) -> list[int]:
    """Return the indices that were read, after a check that each gave its own picture (red is its number)."""
    used, reds = store.each(indices, lambda _, picture: int(picture.pixels(shrink=1.0)[0].float().mean().round()))
    assert all(abs(red - at) <= 2 for at, red in zip(used, reds, strict=True))
    return used


def test_without_a_store_an_unreadable_image_is_met_later_and_replaced_by_the_next(tmp_path: Path) -> None:
    store = ImageStore(many(tmp_path, damaged=2), short_side=0)
    assert (len(store), store.readable, store.skipped) == (200, 200, [])
    assert names_of(store, [5, 1, 0, 9]) == [5, 2, 2, 9]
    assert [name for name, _ in store.skipped] == ["0/001.jpg", "0/000.jpg"]
    assert (len(store), store.readable) == (200, 198)
    assert names_of(store, [0, 1]) == [2, 2]
    assert len(store.skipped) == 2  # each is counted once


def test_without_a_store_many_unreadable_images_stop_the_run_when_they_are_met(tmp_path: Path) -> None:
    store = ImageStore(many(tmp_path, damaged=3), short_side=0)
    assert names_of(store, [1, 5]) == [3, 5]  # the next is tried in its place, and the one after that
    with pytest.raises(DataError) as error:
        names_of(store, [7, 0])
    assert str(error.value).startswith(
        "at most 1 % of the images must be unreadable; got 3 of 200, the first '0/001.jpg'"
    )
    assert str(error.value).endswith(" Repair or remove them, or check that the data are the right ones.")


def test_the_share_of_a_large_data_set_is_judged_by_what_was_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(images, "CHECKED_FROM", 100)
    store = ImageStore(many(tmp_path, damaged=2, n=400), short_side=0)
    with pytest.raises(DataError, match="got 2 of 100, the first"):
        names_of(store, [0])


def test_members_that_a_shard_refuses_count_as_unreadable(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    files = many(tmp_path / "photos", damaged=0, n=150)
    members = {f"{at}.jpg": (tmp_path / "photos" / f"{at:03d}.jpg").read_bytes() for at in range(len(files))}
    write_shard(tmp_path / "a.tar", {"empty.jpg": b"", **members})
    store = ImageStore(list_images([tmp_path / "a.tar"]), short_side=16)
    assert (len(store), store.skipped) == (150, [("0/a.tar/empty.jpg", ANY)])
    write_shard(tmp_path / "a.tar", {"empty.jpg": b"", "other.jpg": b"", **members})
    for short_side in (0, 16):
        with pytest.raises(DataError, match=r"got 2 of 152, the first '0/a\.tar/empty\.jpg': a member must have 1 to "):
            ImageStore(list_images([tmp_path / "a.tar"]), short_side=short_side)
