"""Images from disk: found, decoded with limits, and hashed; every defect is one sentence."""

from __future__ import annotations

import hashlib
import stat
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from fairaudit.core.errors import DataError
from fairaudit.core.files import visible_files

#: Suffixes (lower case) of files that are taken for images.
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".webp", ".bmp", ".gif", ".tif", ".tiff", ".ppm")

# A closed list: other decoders of Pillow start programs (EPS) or read formats that no data set here uses.
_FORMATS = ("JPEG", "PNG", "WEBP", "BMP", "GIF", "TIFF", "PPM")

#: Default limits of ``open_image``: pixels after decoding (0.3 GB as RGB) and bytes on disk.
MAX_PIXELS = 100_000_000
MAX_BYTES = 100 * 1024 * 1024

_CHUNK = 1024 * 1024


class ImageError(DataError):
    """An image that is not there, cannot be decoded, or is beyond the limits."""


def open_image(path: str | Path, *, max_pixels: int = MAX_PIXELS, max_bytes: int = MAX_BYTES) -> Image.Image:
    """Return the image as RGB, turned upright as its EXIF orientation says.

    Of an animation it is the first frame; 16-bit grey is scaled to 8 bits; transparency is dropped, as the
    usual loaders of training data do.

    Parameters
    ----------
    path : path
        File in one of the formats JPEG, PNG, WebP, BMP, GIF, TIFF or PPM; the suffix does not matter.
    max_pixels : int
        Width times height that is still decoded. It is read from the header, before anything is decoded.
    max_bytes : int
        Size of the file that is still opened.

    Raises
    ------
    ImageError
        If there is no such file, it cannot be decoded as a whole, or it is beyond a limit.
    """
    path = Path(path)
    _check_file(path, max_bytes)
    try:
        image = Image.open(path, formats=_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(
            f"image {path} must have at most {max_pixels:,} pixels; got far more. Scale it down or remove it."
        ) from error
    except Exception as error:  # decoders raise whatever the damaged bytes lead them to
        raise _not_decodable(path, error) from error
    with image:
        width, height = image.size
        if width * height > max_pixels:
            raise ImageError(
                f"image {path} must have at most {max_pixels:,} pixels; got {width} x {height}. "
                "Scale it down or remove it."
            )
        try:
            image.load()
            return _upright(_as_rgb(image), image)
        except Exception as error:
            raise _not_decodable(path, error) from error


def image_digest(path: str | Path) -> str:
    """Return the SHA-256 of the file's bytes, 64 hex digits.

    Raises
    ------
    ImageError
        If the file cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with Path(path).open("rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError as error:
        raise ImageError(f"image {path} must be a readable file; got {_reason(error)}. Check its path.") from error
    return digest.hexdigest()


def is_image(path: Path) -> bool:
    """Whether the file is taken for an image, by its suffix."""
    return path.name.lower().endswith(IMAGE_SUFFIXES)


def find_images(folder: str | Path) -> list[Path]:
    """Return all images below ``folder``, at any depth, sorted by their path.

    Hidden files and folders (a name that starts with a dot) and ``__MACOSX`` are left out. Linked folders are
    followed, each folder once.

    Raises
    ------
    DataError
        If the folder does not exist or holds no image.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"folder {folder} must be an existing folder; got no such folder. Check the path.")
    found = [path for path in visible_files(folder) if is_image(path)]
    if not found:
        raise DataError(
            f"folder {folder} must contain images ({', '.join(IMAGE_SUFFIXES)}); got none. "
            "Check that it is the folder of the data set, not the one above or below its files."
        )
    return found


def _check_file(path: Path, max_bytes: int) -> None:
    try:
        status = path.stat()
    except (OSError, ValueError) as error:
        raise ImageError(f"image {path} must be an existing file; got {_reason(error)}. Check its path.") from error
    if not stat.S_ISREG(status.st_mode):
        raise ImageError(f"image {path} must be a file; got a folder or a device. Check its path.")
    if status.st_size > max_bytes:
        raise ImageError(
            f"image {path} must have at most {max_bytes:,} bytes; got {status.st_size:,}. Scale it down or remove it."
        )


def _as_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    if image.mode.startswith("I;16"):
        # Pillow's own conversion cuts at 255 instead of scaling: a 16-bit picture would come out white.
        grey_HW = np.asarray(image, dtype=np.uint16)
        return Image.fromarray((grey_HW >> 8).astype(np.uint8)).convert("RGB")
    if image.mode in ("I", "F"):
        raise ValueError(f"pixels of the type '{image.mode}' instead of 8 or 16 bits")
    if "transparency" in image.info:  # a palette with alpha warns unless it is resolved first
        return image.convert("RGBA").convert("RGB")
    return image.convert("RGB")


def _upright(rgb: Image.Image, original: Image.Image) -> Image.Image:
    try:
        orientation = original.getexif().get(0x0112, 1)
    except Exception:  # a damaged EXIF block says nothing about the orientation; the pixels are whole
        orientation = 1
    if orientation in (None, 1):
        upright = rgb.copy() if rgb is original else rgb
        upright.info = {}
        return upright
    # The orientation is handed over alone: conversions drop the EXIF block, and other entries can be damaged.
    exif = Image.Exif()
    exif[0x0112] = orientation
    rgb.info = {"exif": exif.tobytes()}
    upright = ImageOps.exif_transpose(rgb)
    upright.info = {}
    return upright


def _not_decodable(path: Path, error: BaseException) -> ImageError:
    return ImageError(f"image {path} must be readable; got {_reason(error)}. Replace or remove it.")


def _reason(error: BaseException) -> str:
    if isinstance(error, FileNotFoundError):
        return "no such file"
    if isinstance(error, PermissionError):
        return "no permission to read it"
    if type(error).__name__ == "UnidentifiedImageError":
        return "bytes that are no image in a known format"
    text = str(error.strerror) if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join(text.split())[:200].rstrip(".") or type(error).__name__
