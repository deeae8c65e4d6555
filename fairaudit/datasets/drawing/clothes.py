"""Shoulders, neck and clothes: four kinds for each gender presentation, in random colours."""

from __future__ import annotations

from collections.abc import Callable

from fairaudit.datasets.drawing.canvas import Canvas
from fairaudit.datasets.drawing.colours import CLOTH, WHITE, Colour, brightness, mix, shade, varied
from fairaudit.datasets.drawing.dice import Dice


def draw_clothes(
    canvas: Canvas, dice: Dice, gender: str, skin: Colour, shadow: Colour, half: float, top: float, neck: float
) -> None:  # fmt: skip
    """Draw neck, shoulders and clothes.

    Parameters
    ----------
    gender : {"feminine", "masculine"}
    skin, shadow : Colour
        Skin in light and in shade.
    half, top, neck : float
        Half the width of the shoulders, their distance below the middle of the face, half the width of the neck.
    """
    cloth = mix(varied(dice.pick(CLOTH), dice, 0.15), (124, 124, 128), 0.55)
    second = varied(dice.pick(CLOTH), dice, 0.2)
    kind = dice.whole(0, 3)
    shoulders = (
        (-neck, top - 0.05), (-half * 0.72, top + 0.01), (-half, top + 0.10), (-half * 1.06, 0.62), (-half * 1.06, 1.1),
        (half * 1.06, 1.1), (half * 1.06, 0.62), (half, top + 0.10), (half * 0.72, top + 0.01), (neck, top - 0.05),
    )  # fmt: skip
    canvas.box(-neck, 0.05, neck, top + 0.06, shadow)
    canvas.polygon(shoulders, cloth)
    canvas.stroke(((-half * 0.78, 0.7), (-half * 0.7, top + 0.16)), 0.01, shade(cloth, 0.72))
    canvas.stroke(((half * 0.78, 0.7), (half * 0.7, top + 0.16)), 0.01, shade(cloth, 0.72))
    kinds = _FEMININE if gender == "feminine" else _MASCULINE
    kinds[kind](canvas, skin, shadow, cloth, second, half, top, neck)
    # Stripes have one width and cover the same part of the picture, level for one gender and upright for the other, so
    # that both are equally visible.
    light = mix(cloth, WHITE if brightness(cloth) < 140 else (30, 28, 34), 0.9)
    for k in range(-5, 6):
        if gender == "feminine":
            y = top + 0.13 + half * 0.19 * (k + 5)
            canvas.box(-half * 0.95, y - 0.022, half * 0.95, y + 0.022, light)
        else:
            x = half * 0.19 * k
            canvas.box(x - 0.022, top + 0.11, x + 0.022, 0.9, light)


def _scoop(
    c: Canvas, skin: Colour, shadow: Colour, cloth: Colour, second: Colour, half: float, top: float, neck: float
) -> None:  # fmt: skip
    c.sector(0, top - 0.02, neck * 1.9, 0.12, 0, 180, skin)
    c.box(-neck, top - 0.06, neck, top, shadow)
    c.arc(0, top - 0.02, neck * 1.1, 0.10, 5, 175, 0.012, second)
    c.ellipse(0, top + 0.07, 0.018, 0.022, second)


def _v_neck(
    c: Canvas, skin: Colour, shadow: Colour, cloth: Colour, second: Colour, half: float, top: float, neck: float
) -> None:  # fmt: skip
    c.polygon(((-neck * 1.5, top - 0.04), (neck * 1.5, top - 0.04), (0, top + 0.12)), skin)
    c.box(-neck, top - 0.06, neck, top - 0.01, shadow)
    for side in (-1, 1):
        c.stroke(((side * neck * 1.5, top - 0.04), (0, top + 0.12)), 0.022, shade(cloth, 0.75))


def _straps(
    c: Canvas, skin: Colour, shadow: Colour, cloth: Colour, second: Colour, half: float, top: float, neck: float
) -> None:  # fmt: skip
    c.polygon(
        ((-neck, top - 0.05), (-half * 0.72, top + 0.01), (-half, top + 0.10), (-half * 1.02, top + 0.10),
        (half * 1.02, top + 0.10), (half, top + 0.10), (half * 0.72, top + 0.01), (neck, top - 0.05)), skin,
    )  # fmt: skip
    c.blob(
        ((-half * 0.72, top + 0.07), (0, top + 0.10), (half * 0.72, top + 0.07), (half * 0.75, 0.7),
        (-half * 0.75, 0.7)), cloth,
    )  # fmt: skip
    for side in (-1, 1):
        c.stroke(((side * half * 0.55, top - 0.01), (side * half * 0.5, top + 0.18)), 0.035, cloth)
    c.box(-neck, top - 0.06, neck, top - 0.02, shadow)


def _boat_neck(
    c: Canvas, skin: Colour, shadow: Colour, cloth: Colour, second: Colour, half: float, top: float, neck: float
) -> None:  # fmt: skip
    c.sector(0, top - 0.02, half * 0.74, 0.09, 0, 180, skin)
    c.box(-neck, top - 0.06, neck, top - 0.01, shadow)
    for k in range(-3, 4):
        c.ellipse(k * half * 0.13, top + 0.055 - 0.006 * k * k, 0.017, 0.017, second)


def _shirt_and_tie(
    c: Canvas, skin: Colour, shadow: Colour, cloth: Colour, second: Colour, half: float, top: float, neck: float
) -> None:  # fmt: skip
    shirt = WHITE if brightness(cloth) < 190 else shade(cloth, 0.5)
    c.polygon(((-neck * 1.5, top - 0.05), (neck * 1.5, top - 0.05), (0.02, 0.75), (-0.02, 0.75)), shirt)
    for side in (-1, 1):
        c.polygon(((side * neck * 1.15, top - 0.09), (side * neck * 1.75, top - 0.01), (side * neck * 0.9, top + 0.09),
                   (0, top + 0.01)), shade(shirt, 0.9))  # fmt: skip
    c.polygon(((-0.028, top + 0.0), (0.028, top + 0.0), (0.05, 0.75), (-0.05, 0.75)), second)
    c.polygon(
        ((-0.034, top - 0.01), (0.034, top - 0.01), (0.016, top + 0.05), (-0.016, top + 0.05)), shade(second, 0.75)
    )


def _polo(
    c: Canvas, skin: Colour, shadow: Colour, cloth: Colour, second: Colour, half: float, top: float, neck: float
) -> None:  # fmt: skip
    c.polygon(((-0.035, top - 0.02), (0.035, top - 0.02), (0.03, top + 0.22), (-0.03, top + 0.22)), shade(cloth, 0.7))
    for side in (-1, 1):
        c.polygon(((side * neck * 1.1, top - 0.10), (side * neck * 1.8, top - 0.01), (side * neck * 1.0, top + 0.08),
                   (0, top + 0.01)), shade(cloth, 0.8))  # fmt: skip
    for k in range(2):
        c.ellipse(0, top + 0.08 + 0.07 * k, 0.011, 0.011, WHITE)


def _crew(
    c: Canvas, skin: Colour, shadow: Colour, cloth: Colour, second: Colour, half: float, top: float, neck: float
) -> None:  # fmt: skip
    c.sector(0, top - 0.05, neck * 1.12, 0.075, 0, 180, shadow)
    c.arc(0, top - 0.05, neck * 1.2, 0.085, 0, 180, 0.036, shade(second, 0.85))


def _hood(
    c: Canvas, skin: Colour, shadow: Colour, cloth: Colour, second: Colour, half: float, top: float, neck: float
) -> None:  # fmt: skip
    for side in (-1, 1):
        c.blob(((side * neck * 1.0, top - 0.12), (side * neck * 2.0, top - 0.05), (side * neck * 1.6, top + 0.10),
                (side * 0.01, top + 0.10), (side * neck * 0.7, top + 0.01)), shade(cloth, 0.82))  # fmt: skip
        c.stroke(((side * 0.04, top + 0.08), (side * 0.045, top + 0.24)), 0.013, WHITE)


_Kind = Callable[[Canvas, Colour, Colour, Colour, Colour, float, float, float], None]
_FEMININE: tuple[_Kind, ...] = (_scoop, _v_neck, _straps, _boat_neck)
_MASCULINE: tuple[_Kind, ...] = (_shirt_and_tie, _polo, _crew, _hood)
