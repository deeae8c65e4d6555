"""The part of a picture that shows one person, from a bounding box as OpenImages-MIAP draws it."""

from __future__ import annotations

#: From this ratio of the longer side to the shorter one on, a box is cut to a square.
SQUARE_FROM = 1.2

Box = tuple[int, int, int, int]


def person_crop(box: Box) -> Box:
    """Return what is cut out of the picture for a box (left, top, right, bottom), in whole pixels.

    A tall box is cut to the square at its top, where the head is; a wide one to the square in its middle; a box that
    is nearly square stays as it is. The paper says "from the top-left" of every box; its code does as is done here.

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
