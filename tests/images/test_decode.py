"""Images are decoded upright as RGB, within limits; each defect gives one sentence."""

from __future__ import annotations

import hashlib
import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fairaudit.images.decode import (
    EncodedImage,
    ImageError,
    cut,
    image_digest,
    image_size,
    unnamed_images,
)

Pixels = npt.NDArray[np.uint8]


def gradient(height: int = 6, width: int = 4) -> Pixels:
    """Pixels of which no two are alike, shape (H, W, 3)."""
    return np.arange(height * width * 3, dtype=np.uint8).reshape(height, width, 3)


def save(path: Path, pixels: Pixels, **options: object) -> Path:
    Image.fromarray(pixels).save(path, **options)  # type: ignore[arg-type]
    return path


def open_image(path: Path, *, short_side: int = 0, **limits: Any) -> Image.Image:
    """Decode a file: whole, or no smaller than its short side must be."""
    image = EncodedImage(path, **limits)
    return image.decode(shrink=min(image.size) / short_side if short_side else 1.0)


def test_pixels_come_back_as_rgb(tmp_path: Path) -> None:
    image = open_image(save(tmp_path / "a.png", gradient()))
    assert image.mode == "RGB"
    assert np.array_equal(np.asarray(image), gradient())


@pytest.mark.parametrize(
    ("orientation", "turned"),
    [
        (1, lambda a: a),
        (2, lambda a: a[:, ::-1]),
        (3, lambda a: a[::-1, ::-1]),
        (4, lambda a: a[::-1]),
        (5, lambda a: a.transpose(1, 0, 2)),
        (6, lambda a: np.rot90(a, -1)),
        (7, lambda a: a[::-1, ::-1].transpose(1, 0, 2)),
        (8, lambda a: np.rot90(a, 1)),
    ],
)
def test_exif_orientation_is_applied(tmp_path: Path, orientation: int, turned: Callable[[Pixels], Pixels]) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = save(tmp_path / "a.png", gradient(), exif=exif)
    image = open_image(path)
    assert np.array_equal(np.asarray(image), turned(gradient()))
    assert not image.getexif().get(0x0112), "an orientation that was applied must not be applied again"


@pytest.mark.parametrize("mode", ["L", "LA", "RGBA", "P", "CMYK", "1", "YCbCr"])
def test_other_modes_become_rgb(tmp_path: Path, mode: str) -> None:
    path = tmp_path / ("a.jpg" if mode in ("CMYK", "YCbCr") else "a.png")
    Image.new("RGB", (8, 8), (255, 255, 255)).convert(mode).save(path)
    image = open_image(path)
    assert image.mode == "RGB"
    assert np.asarray(image).min() >= 250


def test_palette_with_transparency_becomes_rgb_without_warning(tmp_path: Path) -> None:
    image = Image.new("P", (4, 4), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    image.save(tmp_path / "a.png", transparency=bytes([0, 128]))
    assert open_image(tmp_path / "a.png").getpixel((0, 0)) == (10, 20, 30)


def test_16_bit_grey_is_scaled_not_cut(tmp_path: Path) -> None:
    values = np.array([[0, 256, 32768, 65535]], dtype=np.uint16)
    Image.fromarray(values).save(tmp_path / "a.png")
    assert np.asarray(open_image(tmp_path / "a.png"))[0, :, 0].tolist() == [0, 1, 128, 255]


def test_float_pixels_are_refused(tmp_path: Path) -> None:
    Image.fromarray(np.ones((3, 3), dtype=np.float32)).save(tmp_path / "a.tif")
    with pytest.raises(ImageError, match="must be readable; got pixels of the type 'F' instead of 8 or 16 bits"):
        open_image(tmp_path / "a.tif")


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError) as caught:
        open_image(tmp_path / "none.jpg")
    assert str(caught.value) == (
        f"image {tmp_path / 'none.jpg'} must be a readable file; got no such file. Check its path."
    )


def test_folder_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="must be a readable file; got a folder"):
        open_image(tmp_path)


def test_bytes_that_are_no_image(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("not an image")
    with pytest.raises(ImageError, match="must be readable; got bytes that are no image in a known format"):
        open_image(tmp_path / "a.jpg")


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "gif", "bmp"])
def test_half_a_file_is_refused(tmp_path: Path, suffix: str) -> None:
    rng = np.random.default_rng(0)
    path = save(tmp_path / f"a.{suffix}", rng.integers(0, 255, (64, 64, 3), dtype=np.uint8))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(ImageError, match=r"must be readable; got .+\. Replace or remove it\."):
        open_image(path)


def test_postscript_is_never_interpreted(tmp_path: Path) -> None:
    Image.new("RGB", (4, 4)).save(tmp_path / "a.eps")
    with pytest.raises(ImageError, match="no image in a known format"):
        open_image(tmp_path / "a.eps")


def bomb(path: Path, width: int, height: int) -> Path:
    """A PNG whose header promises width x height pixels and whose data are a few bytes."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100)) + chunk(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    return path


def test_decompression_bomb_is_refused_before_decoding(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="must have at most 100,000,000 pixels; got far more"):
        open_image(bomb(tmp_path / "a.png", 60_000, 60_000))


def test_pixel_limit(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", gradient())
    assert open_image(path, max_pixels=24).size == (4, 6)
    with pytest.raises(ImageError, match=r"must have at most 23 pixels; got 4 x 6\. Scale it down or remove it\."):
        open_image(path, max_pixels=23)


def test_byte_limit(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", gradient())
    size = path.stat().st_size
    assert open_image(path, max_bytes=size).size == (4, 6)
    with pytest.raises(ImageError, match=f"must have at most {size - 1} bytes; got {size}"):
        open_image(path, max_bytes=size - 1)


def test_digest_is_sha256_of_the_bytes(tmp_path: Path) -> None:
    content = os.urandom(3_000_000)
    (tmp_path / "a.jpg").write_bytes(content)
    assert image_digest(tmp_path / "a.jpg") == hashlib.sha256(content).hexdigest()
    with pytest.raises(ImageError, match="must be a readable file; got no such file"):
        image_digest(tmp_path / "b.jpg")


def test_real_photos_open(sample_data: Path) -> None:
    paths = sorted((sample_data / "imagenet-sample").rglob("*.jpg"))
    assert len(paths) == 1000
    assert {min(open_image(p).size) for p in paths[:50]} == {192}


def test_a_jpeg_is_decoded_at_the_smallest_scale_that_leaves_enough(tmp_path: Path, rng: np.random.Generator) -> None:
    path = save(tmp_path / "a.jpg", rng.integers(0, 256, (403, 650, 3), dtype=np.uint8))
    sizes = {short: open_image(path, short_side=short).size for short in (403, 202, 201, 100, 50, 10)}
    whole, half, quarter, eighth = (650, 403), (325, 202), (163, 101), (82, 51)
    assert sizes == {403: whole, 202: whole, 201: half, 100: quarter, 50: eighth, 10: eighth}
    png = save(tmp_path / "a.png", rng.integers(0, 256, (80, 64, 3), dtype=np.uint8))
    assert open_image(png, short_side=8).size == (64, 80)


@given(st.integers(8, 70), st.integers(8, 70), st.integers(1, 70), st.sampled_from([1, 6]))
def test_no_side_is_ever_smaller_than_asked_for(width: int, height: int, short: int, orientation: int) -> None:
    buffer, exif = io.BytesIO(), Image.Exif()
    exif[0x0112] = orientation
    Image.new("RGB", (width, height), (90, 120, 60)).save(buffer, "JPEG", exif=exif)
    image = EncodedImage(buffer.getvalue(), name="drawn")
    whole = (height, width) if orientation == 6 else (width, height)
    assert image.size == whole
    decoded = image.decode(shrink=min(whole) / short)
    assert min(decoded.size) >= min(short, min(whole))
    assert decoded.size in {(-(-whole[0] // f), -(-whole[1] // f)) for f in (1, 2, 4, 8)}


def test_the_size_of_a_turned_image_is_known_before_it_is_decoded(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    for suffix in ("jpg", "png", "webp"):
        path = save(tmp_path / f"a.{suffix}", gradient(height=40, width=60), exif=exif)
        image = EncodedImage(path)
        assert image.size == (40, 60)
        assert image.decode().size == (40, 60)
    half = (tmp_path / "a.png").read_bytes()[:90]
    with pytest.raises(ImageError, match=r"image half must be readable; got .+\. Replace or remove it\."):
        EncodedImage(half, name="half").size  # noqa: B018


def test_a_reduced_photograph_is_the_whole_one_made_smaller(sample_data: Path) -> None:
    """43 photographs of homes at 1/2 and 1/4: 2.3 levels of 255 apart in the mean, measured, 6.5 at most."""
    for path in sorted((sample_data / "dollar-street-sample").rglob("*.jpg")):
        whole = open_image(path)
        for share in (2, 4):
            size = (whole.width // share, whole.height // share)
            reduced = open_image(path, short_side=min(size))
            assert max(reduced.size) < max(whole.size)
            a, b = (
                np.asarray(image.resize(size, Image.Resampling.BILINEAR), dtype=np.float64)
                for image in (whole, reduced)
            )
            assert np.abs(a - b).mean() < 8


def test_a_part_of_an_image_is_cut_out_and_never_padded() -> None:
    image = Image.new("RGB", (10, 6))
    image.putpixel((3, 2), (9, 8, 7))
    part = cut(image, (3, 2, 10, 6), name="a.png")
    assert part.size == (7, 4)
    assert part.getpixel((0, 0)) == (9, 8, 7)
    with pytest.raises(ImageError) as caught:
        cut(image, (0, 0, 10, 7), name="a.png")
    assert str(caught.value) == (
        "image a.png must be at least 10 x 7 pixels, as far as its box reaches; got 10 x 6. Give the image that the "
        "box was drawn on."
    )


def test_the_size_of_an_image_is_that_of_the_upright_one(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # turned by a quarter
    Image.new("RGB", (8, 5)).save(tmp_path / "turned.jpg", exif=exif)
    Image.new("RGB", (8, 5)).save(tmp_path / "plain.png")
    assert image_size(tmp_path / "turned.jpg") == (5, 8)
    assert image_size(tmp_path / "plain.png") == (8, 5)
    with pytest.raises(ImageError, match="got no such file"):
        image_size(tmp_path / "none.jpg")


def test_images_that_no_name_is_are_found_however_a_name_is_spelled(tmp_path: Path) -> None:
    for name in ("a.png", "in/b.JPG", "in/c.png", "in/.hidden.png", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    assert unnamed_images(tmp_path, []) == (["a.png", "in/b.JPG", "in/c.png"], 3)
    assert unnamed_images(tmp_path, ["./a.png", "in//b.JPG", "in/../in/c.png", "gone.png"]) == ([], 3)
    assert unnamed_images(tmp_path, ["a.png", "a.png"]) == (["in/b.JPG", "in/c.png"], 3)
