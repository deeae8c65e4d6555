"""``EncodedImage``: images decoded with limits, cropped and hashed; one sentence for every defect."""

from __future__ import annotations

import io
import posixpath
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path, PurePath
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps
from PIL.JpegImagePlugin import JpegImageFile

from fairaudit.core.errors import DataError
from fairaudit.core.files import visible_files
from fairaudit.core.open_file import digest_of, open_file, read_bytes

#: Suffixes (lower case) of image files.
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm")

# Other decoders of Pillow start programs (EPS) or read formats that no data set here uses.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")

#: Default limits of ``EncodedImage``: pixels after decoding (0.3 GB as RGB) and bytes on disk.
MAX_PIXELS = 100_000_000
MAX_BYTES = 100 * 1024 * 1024
#: Share of unreadable images above which an audit stops unless the user allows them.
MAX_UNREADABLE = 0.01

_ON_ITS_SIDE = (5, 6, 7, 8)  # EXIF orientations that swap width and height


class ImageError(DataError):
    """An image that is missing, cannot be decoded, or is beyond the limits."""


class EncodedImage:
    """An image of which only the header was read: the caller sees its size before it decodes the pixels.

    An animation is its first frame; 16-bit grey is scaled to 8 bits; transparency is dropped, as usual loaders of
    training data do.

    Parameters
    ----------
    source : path or bytes
        A file, or its bytes, in one of the formats JPEG, PNG, WebP, BMP, GIF, TIFF or PPM, whatever its suffix.
    name : str
        Name in errors; default: the path.
    max_pixels : int
        Maximum width times height; the header gives it before anything is decoded.
    max_bytes : int
        Maximum size of the file.

    Raises
    ------
    ImageError
        If there is no such file, it is no image, or it is beyond a limit.
    """

    def __init__(
        self, source: str | Path | bytes, *, name: str = "", max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES
    ) -> None:
        self._name = name or str(source)[:200]
        self._file: BinaryIO = (
            io.BytesIO(source)
            if isinstance(source, bytes)
            else open_file(source, "image", limit=max_bytes, error=ImageError)
        )
        try:
            self._image = Image.open(self._file, formats=_FORMATS)
        except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
            self._file.close()
            raise ImageError(
                f"image {self._name} must have at most {max_pixels:,} pixels; got far more. Scale it down or remove it."
            ) from error
        except Exception as error:  # decoders raise anything on damaged bytes
            self._file.close()
            raise self._not_decodable(error) from error
        width, height = self._image.size
        if width * height > max_pixels:
            self.close()
            raise ImageError(
                f"image {self._name} must have at most {max_pixels:,} pixels; got {width} x {height}. "
                "Scale it down or remove it."
            )

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels of the whole image, upright; ImageError if they cannot be known."""
        if not isinstance(self._image, JpegImageFile):
            self._load()  # the orientation may follow the pixels
        width, height = self._image.size
        return (height, width) if _orientation(self._image) in _ON_ITS_SIDE else (width, height)

    def close(self) -> None:
        """Close the file of an image that is not decoded."""
        self._image.close()
        self._file.close()

    def decode(self, *, shrink: float = 1.0) -> Image.Image:
        """Return the image as RGB, turned upright by its EXIF orientation; can be called once.

        Parameters
        ----------
        shrink : float
            Factor by which the sides of a JPEG may be divided to save time: they are divided by the largest of 1, 2, 4
            and 8 that is not larger, and rounded up. Other formats keep their size.

        Raises
        ------
        ImageError
            If it cannot be decoded as a whole.
        """
        with self._file, self._image as image:
            factor = next((f for f in (8, 4, 2) if f <= shrink), 1)
            if factor > 1 and isinstance(image, JpegImageFile):
                width, height = image.size
                image.draft(None, (max(1, width // factor), max(1, height // factor)))
            self._load()
            try:
                return _upright(_as_rgb(image), image)
            except Exception as error:
                raise self._not_decodable(error) from error

    def _load(self) -> None:
        try:
            self._image.load()
        except Exception as error:
            self.close()
            raise self._not_decodable(error) from error

    def _not_decodable(self, error: BaseException) -> ImageError:
        return ImageError(f"image {self._name} must be readable; got {_reason(error)}. Replace or remove it.")


def image_size(path: str | Path) -> tuple[int, int]:
    """Return width and height in pixels of an image, upright, from the header of a JPEG; errors as ``EncodedImage``."""
    with closing(EncodedImage(path)) as image:
        return image.size


def cut(image: Image.Image, box: tuple[int, int, int, int], *, name: str) -> Image.Image:
    """Return the part of an upright image within ``box`` (left, top, right, bottom, in pixels).

    Raises
    ------
    ImageError
        If the box reaches beyond the image: it was drawn on another one.
    """
    if box[2] > image.width or box[3] > image.height:
        raise ImageError(
            f"image {name} must be at least {box[2]} x {box[3]} pixels, as far as its box reaches; got {image.width} x "
            f"{image.height}. Give the image that the box was drawn on."
        )
    return image.crop(box)


def read_image(path: str | Path) -> bytes:
    """Return the bytes of an image file; ImageError if it cannot be read, or has more than ``MAX_BYTES``."""
    return read_bytes(path, "image", limit=MAX_BYTES, error=ImageError)


def image_digest(path: str | Path) -> str:
    """Return the SHA-256 of an image file, 64 hex digits; ImageError if it cannot be read."""
    return digest_of(path, "image", error=ImageError)


def is_image(path: PurePath) -> bool:
    """Return whether the suffix is that of an image."""
    return path.name.lower().endswith(IMAGE_SUFFIXES)


def unnamed_images(folder: Path, names: Iterable[str]) -> tuple[list[str], int]:
    """Return the images below ``folder`` that are not in ``names``, sorted, and the number of all images."""
    known = set(map(posixpath.normpath, names))
    images = [path.relative_to(folder).as_posix() for path in filter(is_image, visible_files(folder))]
    return [path for path in images if path not in known], len(images)


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    if image.mode.startswith("I;16"):
        # Pillow's own conversion clips at 255 instead of scaling: a 16-bit picture would come out white.
        grey_HW = np.asarray(image, dtype=np.uint16)
        return Image.fromarray((grey_HW >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ValueError(f"pixels of the type '{image.mode}' instead of 8 or 16 bits")
    if "transparency" in image.info:  # a palette with alpha warns unless it is resolved first
        return image.convert("RGBA").convert("RGB")
    return image.convert("RGB")


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation, 1 if there is none or the EXIF block is damaged."""
    try:
        orientation = image.getexif().get(0x0112, 1)
    except Exception:
        return 1
    return orientation if isinstance(orientation, int) else 1


def _upright(rgb: Image.Image, original: Image.Image) -> Image.Image:
    orientation = _orientation(original)
    if orientation == 1:
        rgb.info = {}  # in place: the pixels stay when the file is closed
        with suppress(Exception):  # a damaged EXIF block
            rgb.getexif().clear()
        return rgb
    # Copy only the orientation tag: conversions drop the EXIF block, and other entries may be damaged.
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgb.info = {"exif": exif.tobytes()}
    upright = ImageOps.exif_transpose(rgb)
    upright.info = {}
    return upright


def _reason(error: BaseException) -> str:
    if type(error).__name__ == "UnidentifiedImageError":
        return "bytes that are no image in a known format"
    text = str(error.strerror) if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())[:200].rstrip(".") or type(error).__name__
