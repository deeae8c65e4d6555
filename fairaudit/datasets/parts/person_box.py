"""Crops of persons from bounding boxes in pixels or in shares of the image."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.errors import DataError
from fairaudit.core.samples import BOX_COLUMNS, Box
from fairaudit.datasets.parts.cells import literal
from fairaudit.datasets.parts.rows import LeftOut
from fairaudit.images.decode import ImageError, image_size

#: Least ratio of the longer side to the shorter one at which a box is cropped to a square.
SQUARE_FROM = 1.2
_THREADS = 4


def person_crop(box: Box) -> Box:
    """Return the crop for a box (left, top, right, bottom), in whole pixels.

    A tall box is cropped to the square at its top, where the head is; a wide box to the square in its middle; a nearly
    square box stays unchanged. The paper says "from the top-left" for every box; its code crops as this function does.

    References
    ----------
    Goyal et al. (2022), arXiv:2202.07603, appendix B.2; facebookresearch/vissl 09270ed,
    vissl/data/disk_dataset.py:171-186.
    """
    left, top, right, bottom = box
    width, height = right - left, bottom - top
    if max(width, height) < SQUARE_FROM * min(width, height):
        return box
    if height > width:
        return left, top, right, top + width
    start = left + (width - height) // 2
    return start, top, start + height, bottom


def boxes_of(cells: pd.Series, rows: pd.Series, *, what: str, keys: Sequence[str] = ()) -> npt.NDArray[np.float64]:
    """Return left, top, right and bottom (N, 4) of cells that hold ``[x, y, width, height]``, NaN for empty cells.

    Parameters
    ----------
    cells : Series of str
    rows : Series of str
        Name of each row in an error.
    what : str
        Name of the column in an error: ``"column 'person_bbox' of table x.csv"``.
    keys : sequence of str
        Names of the four if cells hold an object instead of a list.

    Raises
    ------
    DataError
        If a cell holds something else. Cells are literals, never evaluated.
    """
    boxes = np.full((len(cells), 4), np.nan)
    for at, (cell, row) in enumerate(zip(cells, rows, strict=True)):
        if not cell:
            continue
        value = literal(cell)
        if keys and isinstance(value, dict):
            value = [value.get(key) for key in keys]
        elif keys:
            value = None
        try:
            if not isinstance(value, list) or not {type(edge) for edge in value} <= {int, float, str}:
                raise ValueError
            x, y, width, height = (float(str(edge)) for edge in value)  # a long number becomes infinite only from text
        except ValueError:
            form = f"an object with {', '.join(keys)}" if keys else "[x, y, width, height]"
            raise DataError(
                f"{what} must hold {form}; got {cell[:60]!r} in the row of {row}. Correct the cell."
            ) from None
        boxes[at] = x, y, x + width, y + height
    return boxes


def with_boxes(
    rows: pd.DataFrame,
    root: Path,
    left: LeftOut,
    boxes: npt.NDArray[np.float64],
    *,
    relative: bool = False,
    least_px: int = 1,
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the rows with the crop of each person in ``BOX_COLUMNS``, and notes on changed and dropped boxes.

    Each image is opened for its size (a JPEG's header alone). A box that reaches beyond its image is cut at the edge.
    A box without numbers or area, outside its image or with too few pixels is dropped with the reason.

    Parameters
    ----------
    rows : DataFrame
        The column ``path`` names the image of each row.
    root : Path
    left : LeftOut
        Receives dropped rows.
    boxes : ndarray of float, shape (N, 4)
        Left, top, right, bottom of each row.
    relative : bool
        Whether boxes are shares of the image's width and height instead of pixels. Clear mistakes are refused.
    least_px : int
        Least width and height of a box.
    """
    _check_unit(boxes, relative=relative)
    sizes = image_sizes(root, rows["path"].tolist())
    persons = [
        _pixels(sizes[path], box, relative=relative, least_px=least_px)
        for path, box in zip(rows["path"], boxes.tolist(), strict=True)
    ]
    clipped = sum(person.clipped for person in persons if not person.problem)
    kept = left.keep(rows, [person.problem for person in persons])
    crops = [person_crop(person.box) for person in persons if not person.problem]
    crops_N4 = np.array(crops, dtype=np.int64).reshape(-1, 4)
    kept = kept.assign(**{column: crops_N4[:, at] for at, column in enumerate(BOX_COLUMNS)})
    notes = [
        "Each row is the part of its image within a person's box: a tall box is cut to the square at its top, a wide "
        "one to the square in its middle (Goyal et al. 2022, appendix B.2); the checkpoint's preprocessing follows."
    ]
    if clipped:
        notes.append(f"{clipped:,} boxes reach beyond their image and were cut at its edge.")
    if len(kept) < len(rows):
        notes.append(f"{len(rows) - len(kept):,} of {len(rows):,} boxes cannot be used and were left out.")
    return kept, tuple(notes)


def image_sizes(root: Path, paths: Sequence[str]) -> dict[str, tuple[int, int] | str]:
    """Return the upright width and height of each image, or why it cannot be read; images open in parallel."""

    def size(path: str) -> tuple[int, int] | str:
        try:
            return image_size(root / path)
        except ImageError as error:
            return str(error).removeprefix(f"image {root / path} ")

    unique = list(dict.fromkeys(paths))
    with ThreadPoolExecutor(_THREADS) as pool:
        return dict(zip(unique, pool.map(size, unique), strict=True))


def _check_unit(boxes: npt.NDArray[np.float64], *, relative: bool) -> None:
    """Refuse shares declared as pixels, and pixels declared as shares."""
    finite = np.abs(boxes[np.isfinite(boxes)])
    largest = float(finite.max()) if len(finite) else 0.0
    if not relative and 0 < largest <= 1:
        raise DataError(
            f"boxes must be in pixels; got no edge above {largest:g}, as in shares of the image. Write "
            'box_unit = "shares" in a mapping, or give pixels.'
        )
    if relative and len(finite) and float(np.median(finite)) > 2:
        raise DataError(
            f"boxes must be shares of the image, from 0 to 1; got edges up to {largest:g}, as in pixels. Write "
            'box_unit = "pixels" in a mapping, or give shares.'
        )


class _Pixels(NamedTuple):
    """A box in whole pixels within its image, or the problem with it."""

    box: Box = (0, 0, 0, 0)
    problem: str = ""
    clipped: bool = False


def _pixels(size: tuple[int, int] | str, box: list[float], *, relative: bool, least_px: int) -> _Pixels:
    if isinstance(size, str):
        return _Pixels(problem=f"the image {size}")
    if not all(map(math.isfinite, box)):
        return _Pixels(problem="the box has something that is no number")
    width, height = size
    across, down = (width, height) if relative else (1, 1)
    edges_px = (box[0] * across, box[1] * down, box[2] * across, box[3] * down)
    if edges_px[0] >= edges_px[2] or edges_px[1] >= edges_px[3]:
        return _Pixels(problem="the box has no area")
    edges = (max(edges_px[0], 0), max(edges_px[1], 0), min(edges_px[2], width), min(edges_px[3], height))
    left, top, right, bottom = (round(edge) for edge in edges)
    if left >= right or top >= bottom:
        return _Pixels(problem="the box lies outside its image" if edges != edges_px else "the box has no whole pixel")
    if right - left < least_px or bottom - top < least_px:
        return _Pixels(problem=f"the box has fewer than {least_px} x {least_px} pixels")
    # A box that exceeds its image by less than a pixel is not counted.
    return _Pixels(
        (left, top, right, bottom), clipped=any(abs(a - b) > 1 for a, b in zip(edges, edges_px, strict=True))
    )
