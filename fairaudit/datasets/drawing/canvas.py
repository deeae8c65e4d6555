"""``Canvas``: smooth shapes in coordinates independent of the number of pixels."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from PIL import Image, ImageDraw

from fairaudit.datasets.drawing.colours import Colour

Point = tuple[float, float]

#: Shapes are drawn enlarged by this factor and then averaged, for smooth edges.
OVERSAMPLING = 3


def _circle(corners: int) -> tuple[Point, ...]:
    return tuple((math.cos(2 * math.pi * i / corners), math.sin(2 * math.pi * i / corners)) for i in range(corners))


_SMALL, _MIDDLE, _LARGE = _circle(10), _circle(18), _circle(30)


class Canvas:
    """A square picture, drawn with shapes whose coordinates are in sides of the picture.

    The origin is the centre; x grows to the right and y downwards: the corners are ``(-0.5, -0.5)`` and ``(0.5, 0.5)``.
    ``with canvas.placed(...)`` moves, scales, turns or mirrors all shapes of its block together.

    Parameters
    ----------
    pixels : int
        Side of the finished picture.
    ground : Colour
        Colour of the empty picture.
    """

    def __init__(self, pixels: int, ground: Colour) -> None:
        self.pixels = pixels
        side = pixels * OVERSAMPLING
        self.image = Image.new("RGB", (side, side), ground)
        self.draw = ImageDraw.Draw(self.image)
        self._matrix = (float(side), 0.0, side / 2, 0.0, float(side), side / 2)

    @property
    def unit(self) -> float:
        """Pixels of the enlarged picture in a unit of the current coordinates."""
        a, b, _, c, d, _ = self._matrix
        return math.sqrt(abs(a * d - b * c))

    @contextmanager
    def placed(
        self, x: float = 0.0, y: float = 0.0, *, scale: float = 1.0, degrees: float = 0.0, flip: bool = False,
        stretch: float = 1.0,
    ) -> Iterator[None]:  # fmt: skip
        """Draw the block around ``(x, y)``: scaled, turned, mirrored, its width multiplied by ``stretch``."""
        before = self._matrix
        a, b, u, c, d, v = before
        cos, sin = math.cos(math.radians(degrees)) * scale, math.sin(math.radians(degrees)) * scale
        wide = -stretch if flip else stretch
        p, q, r, s = cos * wide, -sin, sin * wide, cos
        self._matrix = (
            a * p + b * r,
            a * q + b * s,
            a * x + b * y + u,
            c * p + d * r,
            c * q + d * s,
            c * x + d * y + v,
        )
        try:
            yield
        finally:
            self._matrix = before

    def _to_pixels(self, points: Sequence[Point]) -> list[Point]:
        a, b, u, c, d, v = self._matrix
        return [(a * x + b * y + u, c * x + d * y + v) for x, y in points]

    def polygon(self, points: Sequence[Point], fill: Colour) -> None:
        """Fill a polygon."""
        self.draw.polygon(self._to_pixels(points), fill=fill)

    def box(self, left: float, top: float, right: float, bottom: float, fill: Colour) -> None:
        """Fill a rectangle."""
        self.polygon(((left, top), (right, top), (right, bottom), (left, bottom)), fill)

    def ellipse(self, x: float, y: float, rx: float, ry: float, fill: Colour, degrees: float = 0.0) -> None:
        """Fill an ellipse with half axes ``rx`` and ``ry``, turned by ``degrees``."""
        a, b, u, c, d, v = self._matrix
        px, py = a * x + b * y + u, c * x + d * y + v
        cos, sin = (math.cos(math.radians(degrees)), math.sin(math.radians(degrees))) if degrees else (1.0, 0.0)
        ax, bx = rx * (a * cos + b * sin), ry * (b * cos - a * sin)
        ay, by = rx * (c * cos + d * sin), ry * (d * cos - c * sin)
        size = max(rx, ry) * self.unit
        circle = _SMALL if size < 4 else _MIDDLE if size < 20 else _LARGE
        points = [(px + ax * p + bx * q, py + ay * p + by * q) for p, q in circle]
        self.draw.polygon(points, fill=fill)

    def ring(self, x: float, y: float, rx: float, ry: float, width: float, fill: Colour) -> None:
        """Draw the outline of an ellipse."""
        points = [(x + rx * u, y + ry * v) for u, v in _MIDDLE]
        self.stroke([*points, points[0], points[1]], width, fill, ends=False)

    def stroke(self, points: Sequence[Point], width: float, fill: Colour, *, ends: bool = True) -> None:
        """Draw a line through the points, by default with round ends."""
        pixels = self._to_pixels(points)
        wide = max(1.0, width * self.unit)
        self.draw.line(pixels, fill=fill, width=round(wide), joint="curve")
        if ends and wide > 2.5:
            r = wide / 2
            for x, y in (pixels[0], pixels[-1]):
                self.draw.ellipse((x - r, y - r, x + r, y + r), fill=fill)

    def curve(self, points: Sequence[Point], width: float, fill: Colour) -> None:
        """Draw a smooth line through the points."""
        self.stroke(_smooth(points, closed=False), width, fill)

    def blob(self, points: Sequence[Point], fill: Colour) -> None:
        """Fill a smooth closed shape whose edge runs through the points."""
        self.polygon(_smooth(points, closed=True), fill)

    def arc(
        self, x: float, y: float, rx: float, ry: float, start: float, end: float, width: float, fill: Colour
    ) -> None:  # fmt: skip
        """Draw part of an ellipse; angles in degrees, 0 to the right, 90 down."""
        self.stroke(_arc(x, y, rx, ry, start, end, 15), width, fill)

    def sector(self, x: float, y: float, rx: float, ry: float, start: float, end: float, fill: Colour) -> None:
        """Fill the part of an ellipse between two angles, closed by the straight line between its ends."""
        self.polygon(_arc(x, y, rx, ry, start, end, 12), fill)

    def reduced(self) -> Image.Image:
        """Return the finished picture, ``pixels`` by ``pixels``."""
        return self.image.reduce(OVERSAMPLING)


def _arc(x: float, y: float, rx: float, ry: float, start: float, end: float, step: float) -> list[Point]:
    steps = max(3, int(abs(end - start) / step))
    angles = [math.radians(start + (end - start) * i / steps) for i in range(steps + 1)]
    return [(x + rx * math.cos(t), y + ry * math.sin(t)) for t in angles]


#: Weights of the Catmull-Rom spline at four places between two points.
_WEIGHTS = tuple(
    (
        (-(t**3) + 2 * t**2 - t) / 2,
        (3 * t**3 - 5 * t**2 + 2) / 2,
        (-3 * t**3 + 4 * t**2 + t) / 2,
        (t**3 - t**2) / 2,
    )
    for t in (0.0, 0.25, 0.5, 0.75)
)


def _smooth(points: Sequence[Point], *, closed: bool) -> list[Point]:
    before, after = (points[-1], points[:2]) if closed else (points[0], points[-1:])
    knots = [before, *points, *after]
    smooth: list[Point] = []
    for (ax, ay), (bx, by), (cx, cy), (dx, dy) in zip(knots, knots[1:], knots[2:], knots[3:], strict=False):
        for p, q, r, s in _WEIGHTS:
            smooth.append((p * ax + q * bx + r * cx + s * dx, p * ay + q * by + r * cy + s * dy))
    if not closed:
        smooth.append(points[-1])
    return smooth
