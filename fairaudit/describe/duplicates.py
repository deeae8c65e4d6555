"""Duplicate images: exact copies, byte for byte, and near copies.

The difference hash [1]_ of an image has 64 bits: the image is scaled to 9 x 8 grey pixels, and a bit is set if a pixel
is brighter than its left neighbour. Two images are near copies if at most 4 bits differ *and* the correlation of their
32 x 32 grey pixels is at least 0.95. The hash alone takes aligned portraits of different people for copies.

With both, 32 of 3.3 million pairs of UTKFace and 239 of 0.9 million pairs of memes were copies. None was false,
judged by the fine structure of the pictures, which the method does not use: its correlation (128 x 128 pixels without
their smooth part) was .64 or more, and below .42 for all but one of the pairs that were refused at a correlation
above .9. Half a million pairs of unrelated photographs gave none. Of copies at half the size and JPEG quality 60, 96
to 100 % were found. The method does not identify people.

References
----------
.. [1] Krawetz (2013), "Kind of Like That", hackerfactor.com: the difference hash.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from fairaudit.core.progress import Advance
from fairaudit.describe.profile import Copies
from fairaudit.images.decode import MAX_BYTES, ImageError
from fairaudit.images.image_files import ImageFiles

MOST_BITS = 4
LEAST_CORRELATION = 0.95
#: Most images that are compared, since all pairs are.
NEAR_LIMIT = 20_000
EXACT = "the same bytes (SHA-256)"
NEAR = (
    f"nearly the same picture (64-bit difference hashes at most {MOST_BITS} bits apart, and 32 x 32 grey pixels with a "
    f"correlation of {LEAST_CORRELATION} or more)"
)
_EXAMPLES = 5
_FILES_OF_AN_EXAMPLE = 4
_BLOCK = 2048
# A plain surface, whose hash and correlation are noise: less than one grey level of standard deviation.
_PLAIN = 1.0

Signs = npt.NDArray[np.float32]


def exact_copies(images: ImageFiles) -> Copies:
    """Find images with the same bytes.

    Only files of the same size are read. Files of more than 100 MiB, and unreadable files, are not compared.
    """
    sizes: dict[int, list[int]] = {}
    unread = 0
    for at in range(len(images)):
        size = images.size(at)
        if not 0 <= size <= MAX_BYTES:
            unread += 1
        else:
            sizes.setdefault(size, []).append(at)
    by_digest: dict[str, list[int]] = {}
    for at in (at for same in sizes.values() if len(same) > 1 for at in same):
        try:
            by_digest.setdefault(images.image_digest(at), []).append(at)
        except ImageError:
            unread += 1
    note = f"{unread:,} files could not be read or are larger than {MAX_BYTES // 1024**2} MiB" if unread else ""
    groups = [group for group in by_digest.values() if len(group) > 1]
    return _copies(EXACT, images, groups, n=len(images) - unread, note=note)


def near_copies(images: ImageFiles, *, at: Sequence[int] = (), progress: Advance | None = None) -> Copies:
    """Find images that show nearly the same picture; exact copies are among them.

    Parameters
    ----------
    at : sequence of int, optional
        Positions of the images to compare, at most ``NEAR_LIMIT``; all by default.
    progress : Advance, optional
    """
    kept: list[int] = []
    features: list[tuple[Signs, Signs]] = []
    wanted = at or range(len(images))
    for done, position in enumerate(wanted, start=1):
        pair = _read(images, position)
        if pair is not None:
            kept.append(position)
            features.append(pair)
        if progress:
            progress(done, len(wanted))
    missed = len(wanted) - len(kept)
    note = f"{missed:,} files could not be read or are a plain surface" if missed else ""
    if len(kept) < 2:
        return _copies(NEAR, images, [], n=len(kept), note=note)
    pairs = _near_pairs(*map(np.stack, zip(*features, strict=True)))
    graph = coo_array((np.ones(len(pairs)), pairs.T), shape=(len(kept), len(kept)))
    _, labels = connected_components(graph, directed=False)
    groups: dict[int, list[int]] = {}
    for index in np.unique(pairs):
        groups.setdefault(int(labels[index]), []).append(kept[index])
    return _copies(NEAR, images, list(groups.values()), n=len(kept), note=note)


def _near_pairs(signs: Signs, thumbs: Signs) -> npt.NDArray[np.int64]:
    """Return positions (P, 2) of all pairs that pass both steps."""
    bits, pairs = signs.shape[1], [np.empty((0, 2), dtype=np.int64)]
    for start in range(0, len(signs), _BLOCK):
        # Signs are -1 and 1: their product is the number of equal bits less that of unequal ones.
        unequal = (bits - signs[start : start + _BLOCK] @ signs[start:].T) / 2
        a, b = np.nonzero(unequal <= MOST_BITS + 0.5)
        a, b = a[a < b] + start, b[a < b] + start
        correlation = (thumbs[a] * thumbs[b]).mean(axis=1)
        pairs.append(np.stack([a, b], axis=1)[correlation >= LEAST_CORRELATION])
    return np.concatenate(pairs)


def _read(images: ImageFiles, at: int) -> tuple[Signs, Signs] | None:
    """Return the hash as signs (64,) and the normalised grey pixels (1024,); None if unreadable or plain."""
    try:
        grey = images.open(at).decode().convert("L")
    except ImageError:
        return None
    cells = np.asarray(grey.resize((9, 8), Image.Resampling.BOX), dtype=np.int16)
    thumb = np.asarray(grey.resize((32, 32), Image.Resampling.BOX), dtype=np.float32).ravel()
    if thumb.std() < _PLAIN:
        return None
    signs = np.where(cells[:, 1:] > cells[:, :-1], 1.0, -1.0).astype(np.float32).ravel()
    return signs, (thumb - thumb.mean()) / thumb.std()


def _copies(method: str, images: ImageFiles, groups: list[list[int]], *, n: int, note: str) -> Copies:
    ordered = sorted(sorted(group) for group in groups)
    examples = tuple(tuple(images.name(at) for at in group[:_FILES_OF_AN_EXAMPLE]) for group in ordered[:_EXAMPLES])
    return Copies(method, n, len(ordered), sum(len(group) - 1 for group in ordered), examples, note)
