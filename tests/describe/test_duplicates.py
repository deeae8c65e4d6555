from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fairaudit.describe.duplicates import exact_copies, near_copies
from fairaudit.images.image_files import ImageFiles, PlainFiles
from fairaudit.images.listing import list_images


def blobs(rng: np.random.Generator, *, width: int = 96, height: int = 80) -> Image.Image:
    """A smooth picture of random patches, which keeps its structure when it is scaled."""
    small = rng.integers(0, 256, (8, 10, 3), dtype=np.uint8)
    return Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC)


@pytest.fixture
def pictures(tmp_path: Path, rng: np.random.Generator) -> Path:
    for i in range(30):
        blobs(rng).save(tmp_path / f"{i:02d}.png")
    return tmp_path


def files(folder: Path, *more: str) -> ImageFiles:
    return ImageFiles([PlainFiles(str(folder), [*sorted(path.name for path in folder.iterdir()), *more])])


def test_files_with_the_same_bytes_are_counted_once_each(pictures: Path) -> None:
    for i, name in enumerate(("a", "b", "c")):
        (pictures / f"copy_{name}.png").write_bytes((pictures / f"0{i // 2}.png").read_bytes())
    (pictures / "same_size.bin").write_bytes(b"x" * (pictures / "05.png").stat().st_size)
    found = exact_copies(files(pictures))
    assert (found.n, found.n_groups, found.n_surplus, found.note) == (34, 2, 3, "")
    assert found.examples == (("00.png", "copy_a.png", "copy_b.png"), ("01.png", "copy_c.png"))


def test_files_that_are_not_there_or_too_large_are_told(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    largest = max(path.stat().st_size for path in pictures.iterdir())
    monkeypatch.setattr("fairaudit.describe.duplicates.MAX_BYTES", largest - 1)
    found = exact_copies(files(pictures, "gone.png"))
    assert found.n < 30
    assert found.note.startswith(f"{31 - found.n} files could not be read or are larger than ")


def test_a_smaller_recompressed_and_a_brighter_copy_are_near_copies_and_others_are_not(
    pictures: Path, rng: np.random.Generator
) -> None:
    picture = Image.open(pictures / "03.png")
    picture.resize((48, 40)).save(pictures / "smaller.jpg", quality=60)
    Image.fromarray((np.asarray(picture) * 0.8 + 20).astype(np.uint8)).save(pictures / "brighter.png")
    picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(pictures / "mirrored.png")
    assert exact_copies(files(pictures)).n_groups == 0
    found = near_copies(files(pictures))
    assert (found.n, found.n_groups, found.n_surplus) == (33, 1, 2)
    assert found.examples == (("03.png", "brighter.png", "smaller.jpg"),)
    assert found.method == (
        "nearly the same picture (64-bit difference hashes at most 4 bits apart, and 32 x 32 grey pixels with a "
        "correlation of 0.95 or more)"
    )


def test_plain_surfaces_and_damaged_files_are_left_out_and_told(pictures: Path) -> None:
    for name in ("white", "black"):
        Image.new("RGB", (50, 50), name).save(pictures / f"{name}.png")
    (pictures / "damaged.jpg").write_bytes(b"no image")
    seen = []
    found = near_copies(files(pictures), progress=lambda done, total: seen.append((done, total)))
    assert (found.n, found.n_groups) == (30, 0)
    assert found.note == "3 files could not be read or are a plain surface"
    assert seen[-1] == (33, 33)
    assert near_copies(files(pictures), at=[0]).n_groups == 0


def test_blocks_of_pairs_are_searched_as_a_whole(pictures: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (pictures / "zz.png").write_bytes((pictures / "00.png").read_bytes())
    monkeypatch.setattr("fairaudit.describe.duplicates._BLOCK", 4)
    found = near_copies(files(pictures))
    assert (found.n_groups, found.examples) == (1, (("00.png", "zz.png"),))


@pytest.mark.slow
def test_no_two_photographs_of_the_real_samples_are_taken_for_copies(sample_data: Path) -> None:
    """One photograph a class: not one of half a million pairs is a copy; homes likewise."""
    for folder in ("imagenet-sample", "dollar-street-sample"):
        images = list_images([sample_data / folder])
        assert exact_copies(images).n_surplus == 0
        assert near_copies(images).n_surplus == 0
