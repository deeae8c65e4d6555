"""Memes: a pleasant or foul picture, and a caption in white letters with a dark edge."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from fairaudit.datasets.drawing.animals import draw_rat
from fairaudit.datasets.drawing.canvas import Canvas
from fairaudit.datasets.drawing.colours import BLACK, CLOTH, WHITE, mix, shade, varied
from fairaudit.datasets.drawing.dice import Dice


def _flower(c: Canvas, dice: Dice) -> None:
    petal = varied(dice.pick(CLOTH[:3] + CLOTH[7:9]), dice)
    c.curve(((0, 0.0), (0.02, 0.25), (0, 0.5)), 0.035, (80, 140, 66))
    c.ellipse(0.1, 0.28, 0.11, 0.045, (96, 156, 74), -30)
    for k in range(8):
        t = math.pi * k / 4
        c.ellipse(0.15 * math.cos(t), -0.06 + 0.15 * math.sin(t), 0.09, 0.06, petal, 45.0 * k)
    c.ellipse(0, -0.06, 0.085, 0.085, (246, 206, 70))


def _sunrise(c: Canvas, dice: Dice) -> None:
    c.box(-0.6, -0.6, 0.6, 0.6, varied((150, 200, 240), dice))
    for k in range(12):
        t = math.pi * k / 6
        c.stroke(
            ((0.24 * math.cos(t), 0.0 + 0.24 * math.sin(t)), (0.36 * math.cos(t), 0.36 * math.sin(t))),
            0.035,
            (252, 216, 90),
        )
    c.ellipse(0, 0, 0.2, 0.2, (252, 226, 110))
    c.ellipse(-0.3, 0.42, 0.45, 0.26, varied((104, 160, 80), dice))
    c.ellipse(0.34, 0.46, 0.45, 0.26, varied((86, 144, 74), dice))


def _cake(c: Canvas, dice: Dice) -> None:
    icing = varied(dice.pick(((236, 170, 190), (240, 226, 200), (170, 206, 226))), dice)
    c.ellipse(0, 0.33, 0.36, 0.07, (220, 220, 224))
    c.box(-0.28, 0.02, 0.28, 0.33, (206, 156, 100))
    c.box(-0.28, 0.15, 0.28, 0.2, (170, 60, 70))
    c.box(-0.28, -0.04, 0.28, 0.06, icing)
    for k in range(5):
        c.ellipse(-0.22 + 0.11 * k, 0.06, 0.055, 0.06, icing)
    for k in range(3):
        x = -0.15 + 0.15 * k
        c.box(x - 0.018, -0.2, x + 0.018, -0.04, dice.pick(CLOTH[:9]))
        c.ellipse(x, -0.23, 0.02, 0.04, (252, 190, 70))


def _balloons(c: Canvas, dice: Dice) -> None:
    for x, y in ((-0.18, -0.06), (0.17, -0.1), (0.0, -0.2)):
        colour = varied(dice.pick(CLOTH[:9]), dice)
        c.stroke(((x, y), (0, 0.46)), 0.01, (90, 90, 90))
        c.ellipse(x, y, 0.14, 0.17, colour)
        c.ellipse(x - 0.05, y - 0.06, 0.03, 0.045, mix(colour, WHITE, 0.7))


def _rat(c: Canvas, dice: Dice) -> None:
    with c.placed(0, 0.04, scale=0.95):
        draw_rat(c, dice, bias=1.0)


def _rubbish(c: Canvas, dice: Dice) -> None:
    sack = varied((60, 58, 64), dice, 0.2)
    c.ellipse(0, 0.36, 0.42, 0.07, (84, 78, 60))
    c.blob(((-0.05, -0.13), (0.14, 0.0), (0.25, 0.24), (0.14, 0.37), (-0.22, 0.37), (-0.31, 0.2), (-0.2, 0.0)), sack)
    c.polygon(((-0.06, -0.08), (-0.14, -0.24), (-0.02, -0.18), (0.07, -0.25), (0.03, -0.08)), shade(sack, 1.3))
    c.stroke(((-0.1, 0.0), (-0.18, 0.2)), 0.03, shade(sack, 1.5))
    c.polygon(((0.2, 0.2), (0.36, 0.16), (0.38, 0.36), (0.22, 0.38)), (150, 60, 50))
    c.ellipse(-0.34, 0.34, 0.08, 0.05, (140, 150, 70))
    for _ in range(6):
        x, y = dice.uniform(-0.35, 0.35), dice.uniform(-0.3, 0.0)
        c.ellipse(x, y, 0.016, 0.016, BLACK)
        c.ellipse(x + 0.02, y - 0.012, 0.016, 0.008, (200, 204, 210))


def _ruin(c: Canvas, dice: Dice) -> None:
    wall = varied((120, 108, 100), dice)
    c.polygon(
        ((-0.36, 0.4), (-0.36, -0.12), (-0.24, -0.04), (-0.16, -0.2), (-0.02, -0.02), (0.1, -0.14),
        (0.18, 0.08), (0.34, 0.02), (0.36, 0.4)), wall,
    )  # fmt: skip
    for x in (-0.2, 0.12):
        c.box(x - 0.07, 0.1, x + 0.07, 0.26, (34, 28, 30))
    c.stroke(((-0.04, 0.0), (0.02, 0.16), (-0.04, 0.26), (0.0, 0.4)), 0.014, (44, 38, 36))
    for x, r in ((-0.2, 0.11), (0.02, 0.15), (0.2, 0.1)):
        c.ellipse(x + dice.uniform(-0.04, 0.04), -0.28, r, r * 0.7, (72, 70, 74))
    for x in (-0.34, 0.3, 0.1):
        c.ellipse(x, 0.4, 0.1, 0.05, shade(wall, 0.7))


def _swamp(c: Canvas, dice: Dice) -> None:
    slime = varied((104, 122, 50), dice)
    c.blob(((-0.44, 0.2), (-0.2, 0.06), (0.1, 0.1), (0.44, 0.16), (0.42, 0.42), (-0.42, 0.42)), slime)
    for _ in range(7):
        x, y, r = dice.uniform(-0.36, 0.36), dice.uniform(0.12, 0.36), dice.uniform(0.03, 0.07)
        c.ellipse(x, y, r, r * 0.8, shade(slime, 1.3))
        c.ellipse(x, y, r * 0.6, r * 0.5, shade(slime, 0.7))
    c.stroke(((-0.2, 0.2), (-0.14, -0.26)), 0.04, (70, 54, 44))
    c.stroke(((-0.17, -0.06), (-0.3, -0.2)), 0.026, (70, 54, 44))
    for k in range(3):
        x = 0.02 + 0.15 * k
        c.curve(((x, 0.04), (x + 0.05, -0.06), (x, -0.14), (x + 0.05, -0.26)), 0.02, (150, 166, 90))


PLEASANT = {"flower": _flower, "sunrise": _sunrise, "cake": _cake, "balloons": _balloons}
FOUL = {"rat": _rat, "rubbish": _rubbish, "ruin": _ruin, "swamp": _swamp}
PICTURES = {**PLEASANT, **FOUL}


@cache
def _font(size: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)


def draw_meme(canvas: Canvas, picture: str, text: str, dice: Dice) -> None:
    """Draw the picture in the middle and the text above and below it; without text, the picture alone."""
    ground = dice.pick(
        ((206, 214, 190), (190, 204, 220), (220, 206, 190), (204, 196, 214), (170, 176, 170), (140, 150, 160))
    )
    canvas.box(-0.5, -0.5, 0.5, 0.5, varied(ground, dice, 0.2))
    x, y, scale = dice.uniform(-0.06, 0.06), dice.uniform(-0.03, 0.06), dice.uniform(0.72, 0.9)
    with canvas.placed(x, y, scale=scale, degrees=dice.uniform(-5, 5), flip=dice.chance(0.5)):
        PICTURES[picture](canvas, dice)
    if text:
        _caption(canvas, text)


def _caption(canvas: Canvas, text: str) -> None:
    words = text.split()
    half = next(k for k in range(1, len(words) + 1) if len(" ".join(words[:k])) >= len(text) / 2)
    side = canvas.image.width
    _line(canvas, " ".join(words[:half]), lambda height: side // 48)
    _line(canvas, " ".join(words[half:]), lambda height: side - side // 48 - height)


def _line(canvas: Canvas, line: str, top: Callable[[int], int]) -> None:
    """Write one line as large as fits; ``top`` returns its upper edge for its height in pixels."""
    if not line:
        return
    side = canvas.image.width
    size = int(side * 0.145)
    width = _font(size).getlength(line)
    if width > side * 0.94:
        size = max(int(size * side * 0.94 / width), 6)
    left, up, right, down = (int(edge) for edge in _font(size).getbbox(line))
    letters = Image.new("L", (right - left, down - up), 0)
    ImageDraw.Draw(letters).text((-left, -up), line, fill=255, font=_font(size))
    x, y, edge = (side - letters.width) // 2, top(letters.height), max(1, side // 96)
    # Eight dark copies around the white one look like PIL's stroke and take a tenth of its time.
    for dx in (-edge, 0, edge):
        for dy in (-edge, 0, edge):
            canvas.image.paste(BLACK, (x + dx, y + dy), letters)
    canvas.image.paste(WHITE, (x, y), letters)
