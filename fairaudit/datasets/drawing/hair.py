"""Hair: six shapes, drawn behind the head and in front of it.

Shapes are independent of gender: if only one gender had long hair, its portraits would resemble each other, or dogs,
and the world would have an unplanned disparity.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from fairaudit.datasets.drawing.canvas import Canvas
from fairaudit.datasets.drawing.colours import Colour, mix, shade

#: Half dark and half light, so that dark and light skin have about the same mean contrast.
HAIR_COLOURS: tuple[Colour, ...] = (
    (38, 32, 34), (60, 44, 36), (88, 58, 42), (118, 56, 38), (226, 180, 104), (236, 212, 160), (244, 230, 196),
    (238, 190, 140),
)  # fmt: skip
GREY: tuple[Colour, ...] = ((112, 112, 118), (164, 164, 168), (200, 200, 200), (228, 226, 222))


def draw_hair_behind(canvas: Canvas, shape: int, hair: Colour, w: float, h: float) -> None:
    """Draw the hair behind face and shoulders; ``w`` and ``h`` are half the face's size."""
    dark = shade(hair, 0.84)
    behind = _SHAPES[shape][0]
    if behind is not None:
        behind(canvas, hair, dark, w, h)


def _strands(c: Canvas, hair: Colour, w: float, h: float, low: float, lean: float) -> None:
    """Draw lines down both sides of the face to ``low`` half face heights."""
    bright, dim = mix(hair, (255, 244, 226), 0.3), shade(hair, 0.5)
    for side in (-1, 1):
        for k in range(4):
            x = side * w * (1.04 + 0.1 * k)
            c.stroke(((x, -h * 0.45), (x + side * w * lean * k, h * low)), 0.010, dim if k % 2 else bright, ends=False)


def _halo(c: Canvas, hair: Colour, dark: Colour, w: float, h: float) -> None:
    c.ellipse(0, -h * 0.42, w * 1.22, h * 0.92, dark)


def _long(c: Canvas, hair: Colour, dark: Colour, w: float, h: float) -> None:
    c.blob(((0, -h * 1.25), (w * 1.05, -h * 0.95), (w * 1.35, 0), (w * 1.42, h * 1.3), (w * 1.5, h * 2.4),
            (-w * 1.5, h * 2.4), (-w * 1.42, h * 1.3), (-w * 1.35, 0), (-w * 1.05, -h * 0.95)), dark)  # fmt: skip
    _strands(c, hair, w, h, 2.2, 0.04)


def _wavy(c: Canvas, hair: Colour, dark: Colour, w: float, h: float) -> None:
    c.ellipse(0, -h * 0.2, w * 1.38, h * 1.08, dark)
    for k in range(5):
        for side in (-1, 1):
            wave = 0.14 * math.sin(k * 1.7)
            c.ellipse(side * w * (1.22 + wave), h * (0.1 + 0.42 * k), w * 0.52, h * 0.36, dark)
    bright, dim = mix(hair, (255, 244, 226), 0.3), shade(hair, 0.5)
    for side in (-1, 1):
        for k in range(3):
            x = side * w * (1.08 + 0.17 * k)
            c.curve([(x + 0.016 * (-1) ** j, h * (-0.4 + 0.5 * j)) for j in range(6)], 0.010, dim if k % 2 else bright)


def _bobbed(c: Canvas, hair: Colour, dark: Colour, w: float, h: float) -> None:
    c.blob(((0, -h * 1.28), (w * 1.1, -h), (w * 1.48, -h * 0.1), (w * 1.5, h * 0.95), (w * 0.9, h * 1.1),
            (-w * 0.9, h * 1.1), (-w * 1.5, h * 0.95), (-w * 1.48, -h * 0.1), (-w * 1.1, -h)), dark)  # fmt: skip


def draw_hair_in_front(canvas: Canvas, shape: int, hair: Colour, w: float, h: float) -> None:
    """Draw the hair over the forehead."""
    _SHAPES[shape][1](canvas, hair, w, h)


def _cap(c: Canvas, hair: Colour, w: float, h: float, low: float, wide: float = 1.06) -> None:
    """Draw hair over the head, down to ``low`` (in half face heights, -1 is the top) at the forehead."""
    c.blob(
        ((-w * wide, -h * 0.12), (-w * wide, -h * 0.62), (-w * 0.66, -h * 1.08), (0, -h * 1.22),
        (w * 0.66, -h * 1.08), (w * wide, -h * 0.62), (w * wide, -h * 0.12), (w * 0.86, -h * 0.44),
        (w * 0.5, h * low), (-w * 0.5, h * low), (-w * 0.86, -h * 0.44)), hair,
    )  # fmt: skip


def _parting(c: Canvas, hair: Colour, w: float, h: float) -> None:
    for side in (-1, 1):
        c.blob(((0, -h * 1.24), (side * w * 0.8, -h * 1.1), (side * w * 1.25, -h * 0.4), (side * w * 1.28, h * 0.9),
                (side * w * 1.0, h * 1.0), (side * w * 0.96, -h * 0.2), (side * w * 0.6, -h * 0.62), (0, -h * 0.86)),
               hair)  # fmt: skip
    c.stroke(((0, -h * 1.22), (0, -h * 0.9)), 0.008, shade(hair, 0.6))


def _waves(c: Canvas, hair: Colour, w: float, h: float) -> None:
    _cap(c, hair, w, h, -0.62, 1.2)
    for side in (-1, 1):
        for k in range(3):
            c.ellipse(side * w * 1.15, h * (-0.25 + 0.4 * k), w * 0.2, h * 0.28, hair)
    c.arc(-w * 0.2, -h * 0.8, w * 0.9, h * 0.3, 200, 330, 0.009, shade(hair, 0.75))


def _fringe(c: Canvas, hair: Colour, w: float, h: float) -> None:
    _cap(c, hair, w, h, -0.42, 1.3)
    for k in range(-3, 4):
        c.stroke(((k * w * 0.26, -h * 1.05), (k * w * 0.28, -h * 0.46)), 0.010, shade(hair, 0.78))
    for side in (-1, 1):
        c.blob(
            ((side * w * 0.98, -h * 0.6), (side * w * 1.36, -h * 0.4), (side * w * 1.42, h * 0.8),
            (side * w * 1.0, h * 0.85)), hair,
        )  # fmt: skip


def _short(c: Canvas, hair: Colour, w: float, h: float) -> None:
    _cap(c, hair, w, h, -0.72)


def _side(c: Canvas, hair: Colour, w: float, h: float) -> None:
    _cap(c, shade(hair, 0.8), w, h, -0.8)
    c.blob(((-w * 1.02, -h * 0.55), (-w * 0.86, -h * 1.16), (0, -h * 1.34), (w * 0.9, -h * 1.1), (w * 1.06, -h * 0.6),
            (w * 0.3, -h * 0.72), (-w * 0.5, -h * 0.86)), hair)  # fmt: skip


def _curls(c: Canvas, hair: Colour, w: float, h: float) -> None:
    _cap(c, hair, w, h, -0.68)
    for k in range(9):
        t = math.pi * (1.02 + 0.96 * k / 8)
        c.ellipse(
            w * 0.98 * math.cos(t),
            -h * 0.2 + h * 0.92 * math.sin(t),
            w * 0.26,
            h * 0.2,
            hair if k % 2 else shade(hair, 0.88),
        )
    for k in range(-2, 3):
        c.ellipse(k * w * 0.34, -h * 0.76, w * 0.2, h * 0.14, hair)


_Behind = Callable[[Canvas, Colour, Colour, float, float], None]
_InFront = Callable[[Canvas, Colour, float, float], None]
_SHAPES: tuple[tuple[_Behind | None, _InFront], ...] = (
    (None, _short), (None, _side), (_halo, _curls), (_long, _parting), (_wavy, _waves), (_bobbed, _fringe),
)  # fmt: skip

#: Number of shapes.
HAIR_SHAPES = len(_SHAPES)
