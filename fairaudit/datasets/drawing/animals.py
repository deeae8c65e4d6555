"""Dogs, rats and snakes, seen from the front or from the side."""

from __future__ import annotations

import math

from fairaudit.datasets.drawing.backgrounds import backdrop, outdoors
from fairaudit.datasets.drawing.canvas import Canvas
from fairaudit.datasets.drawing.colours import BLACK, CLOTH, Colour, brightness, mix, shade, varied
from fairaudit.datasets.drawing.dice import Dice

#: Brown and dark fur, and light fur; equally frequent at bias 0.
FUR: tuple[Colour, ...] = (
    (130, 88, 54), (100, 66, 42), (74, 50, 36), (52, 38, 32), (40, 34, 34), (150, 108, 70), (92, 80, 70), (62, 54, 50),
)  # fmt: skip
LIGHT_FUR: tuple[Colour, ...] = (
    (244, 236, 222), (232, 214, 184), (222, 196, 156), (208, 204, 198), (236, 226, 210), (214, 178, 130),
    (226, 222, 216), (200, 184, 160),
)  # fmt: skip
SCALES: tuple[Colour, ...] = ((96, 124, 62), (140, 116, 60), (120, 86, 56), (70, 96, 84), (168, 140, 72))
PINK: Colour = (214, 140, 136)


def _fur(dice: Dice, bias: float) -> Colour:
    dark, light = varied(dice.pick(FUR), dice, 0.15), varied(dice.pick(LIGHT_FUR), dice, 0.1)
    return dark if dice.chance(0.5 + 0.5 * bias) else light


def draw_dog(c: Canvas, dice: Dice, bias: float) -> None:
    """Draw head and chest of a dog from the front, or a standing dog from the side."""
    fur = _fur(dice, bias)
    patch = fur if dice.chance(0.6) else mix(fur, (226, 206, 180), 0.6)
    hanging = dice.chance(0.6)
    if dice.chance(0.65):
        _dog_in_front(c, dice, fur, patch, hanging)
    else:
        _dog_aside(c, dice, fur, patch, hanging)


def _dog_in_front(c: Canvas, dice: Dice, fur: Colour, patch: Colour, hanging: bool) -> None:
    dark = shade(fur, 0.68)
    c.blob(((-0.17, 0.1), (0.17, 0.1), (0.3, 0.4), (0.3, 0.7), (-0.3, 0.7), (-0.3, 0.4)), shade(fur, 0.86))
    c.ellipse(0, 0.42, 0.14, 0.2, patch)
    c.curve(((-0.18, 0.2), (0, 0.27), (0.18, 0.2)), 0.05, dice.pick(CLOTH[:8]))
    c.blob(
        (
            (0, -0.27),
            (0.17, -0.22),
            (0.22, -0.04),
            (0.14, 0.14),
            (0, 0.22),
            (-0.14, 0.14),
            (-0.22, -0.04),
            (-0.17, -0.22),
        ),
        fur,
    )
    for side in (-1, 1):
        if hanging:
            c.blob(
                (
                    (side * 0.12, -0.25),
                    (side * 0.26, -0.22),
                    (side * 0.33, 0.0),
                    (side * 0.27, 0.16),
                    (side * 0.2, 0.02),
                ),
                dark,
            )
        else:
            c.polygon(((side * 0.06, -0.24), (side * 0.22, -0.46), (side * 0.23, -0.12)), dark)
            c.polygon(((side * 0.12, -0.25), (side * 0.2, -0.38), (side * 0.2, -0.17)), PINK)
        c.ellipse(side * 0.09, -0.09, 0.04, 0.042, mix(fur, (240, 220, 190), 0.25))
        c.ellipse(side * 0.09, -0.085, 0.03, 0.034, (30, 20, 16))
        c.ellipse(side * 0.08, -0.098, 0.01, 0.01, (240, 240, 240))
    c.ellipse(0, 0.1, 0.13, 0.115, mix(patch, (240, 220, 190), 0.3))
    if dice.chance(0.6):
        c.blob(((-0.04, 0.15), (0.04, 0.15), (0.05, 0.27), (0, 0.31), (-0.05, 0.27)), (226, 104, 110))
    c.blob(((-0.065, 0.015), (0.065, 0.015), (0.04, 0.07), (0, 0.09), (-0.04, 0.07)), BLACK)
    c.curve(((-0.09, 0.14), (-0.03, 0.16), (0, 0.09), (0.03, 0.16), (0.09, 0.14)), 0.014, (40, 28, 26))


def _dog_aside(c: Canvas, dice: Dice, fur: Colour, patch: Colour, hanging: bool) -> None:
    dark = shade(fur, 0.7)
    for x in (-0.2, 0.16):
        c.stroke(((x + 0.05, 0.1), (x + 0.06, 0.38)), 0.075, dark)
    c.curve(((-0.3, 0.0), (-0.4, -0.1), (-0.4, -0.24)), 0.055, fur)
    c.blob(
        (
            (-0.32, -0.04),
            (-0.2, -0.1),
            (0.1, -0.1),
            (0.24, -0.12),
            (0.25, 0.1),
            (0.1, 0.16),
            (-0.15, 0.15),
            (-0.31, 0.12),
        ),
        fur,
    )
    for x in (-0.25, 0.12):
        c.stroke(((x, 0.08), (x - 0.01, 0.38)), 0.08, fur)
        c.ellipse(x + 0.02, 0.39, 0.055, 0.03, patch)
    c.stroke(((0.2, -0.02), (0.26, -0.2)), 0.16, fur)
    c.ellipse(0.28, -0.24, 0.13, 0.11, fur)
    c.stroke(((0.32, -0.2), (0.44, -0.18)), 0.1, patch)
    c.ellipse(0.48, -0.21, 0.03, 0.026, BLACK)
    c.stroke(((0.38, -0.14), (0.47, -0.15)), 0.012, (40, 28, 26))
    c.ellipse(0.32, -0.27, 0.022, 0.024, (24, 18, 16))
    if hanging:
        c.blob(((0.2, -0.33), (0.27, -0.3), (0.25, -0.14), (0.18, -0.12), (0.15, -0.24)), dark)
    else:
        c.polygon(((0.18, -0.28), (0.2, -0.46), (0.3, -0.32)), dark)
    c.stroke(((0.17, -0.1), (0.31, -0.08)), 0.035, dice.pick(CLOTH[:8]))


def draw_rat(c: Canvas, dice: Dice, bias: float) -> None:
    """Draw a rat from the side with its long tail, or sitting up, from the front."""
    fur = _fur(dice, bias)
    dark = shade(fur, 0.72)
    line = mix(fur, (230, 220, 210), 0.55)
    if dice.chance(0.4):
        c.curve(((0.16, 0.36), (0.34, 0.34), (0.4, 0.16), (0.34, 0.02)), 0.032, PINK)
        c.blob(((0, -0.06), (0.16, 0.08), (0.21, 0.3), (0.12, 0.4), (-0.12, 0.4), (-0.21, 0.3), (-0.16, 0.08)), fur)
        c.ellipse(0, 0.24, 0.11, 0.14, mix(fur, (226, 214, 200), 0.4))
        for side in (-1, 1):
            c.ellipse(side * 0.15, -0.27, 0.105, 0.11, dark)
            c.ellipse(side * 0.15, -0.26, 0.07, 0.075, PINK)
            c.ellipse(side * 0.12, 0.4, 0.075, 0.03, PINK)
            c.ellipse(side * 0.06, 0.13, 0.03, 0.035, PINK)
        c.blob(
            ((0, -0.27), (0.15, -0.2), (0.14, -0.06), (0.04, 0.09), (-0.04, 0.09), (-0.14, -0.06), (-0.15, -0.2)), fur
        )
        for side in (-1, 1):
            c.ellipse(side * 0.075, -0.12, 0.026, 0.028, BLACK)
            for k in range(3):
                c.stroke(((side * 0.04, 0.04), (side * 0.2, -0.01 + 0.045 * k)), 0.006, line)
        c.ellipse(0, 0.07, 0.03, 0.024, (226, 120, 124))
        return
    c.curve(((-0.26, 0.2), (-0.4, 0.24), (-0.46, 0.08), (-0.36, -0.06), (-0.4, -0.22)), 0.034, PINK)
    c.blob(
        ((-0.3, 0.18), (-0.28, 0.0), (-0.12, -0.14), (0.1, -0.12), (0.26, 0.0), (0.42, 0.14), (0.38, 0.2),
        (0.2, 0.25), (-0.18, 0.28)), fur,
    )  # fmt: skip
    for x in (-0.16, 0.16):
        c.ellipse(x, 0.27, 0.075, 0.03, PINK)
    c.ellipse(-0.15, 0.15, 0.12, 0.11, dark)
    c.ellipse(0.14, -0.1, 0.09, 0.095, dark)
    c.ellipse(0.14, -0.095, 0.058, 0.062, PINK)
    c.ellipse(0.27, 0.07, 0.024, 0.026, BLACK)
    c.ellipse(0.42, 0.155, 0.026, 0.022, (226, 120, 124))
    for k in range(3):
        c.stroke(((0.37, 0.15), (0.3, 0.1 + 0.07 * k)), 0.006, line)


def draw_snake(c: Canvas, dice: Dice, _bias: float) -> None:
    """Draw a winding snake, or a coiled snake with its head raised."""
    skin, band = (
        varied(dice.pick(SCALES), dice, 0.2),
        varied(dice.pick((BLACK, (90, 60, 40), (220, 200, 120))), dice, 0.1),
    )
    if dice.chance(0.5):
        waves = dice.uniform(1.3, 1.9)
        spine = [(-0.42 + 0.72 * k / 40, 0.17 * math.sin(2 * math.pi * waves * k / 40)) for k in range(41)]
        width = 0.105
        head = (0.34, spine[-1][1] - 0.01)
    else:
        turns = [(0.36 - 0.26 * k / 60, 0.3 + 4.2 * math.pi * k / 60) for k in range(61)]
        spine = [(r * math.cos(t), 0.18 + 0.62 * r * math.sin(t)) for r, t in turns]
        spine += [(0.07, 0.0), (0.02, -0.1), (0.06, -0.22), (0.14, -0.28)]
        width, head = 0.1, (0.19, -0.29)
    for k in range(len(spine) - 1):  # thin at the tail
        here = width * min(1.0, 0.25 + 3.0 * k / len(spine))
        c.stroke(spine[k : k + 2], here, band if k % 6 in (4, 5) else skin)
    tongue = (head[0] + 0.15, head[1] + 0.02)
    c.stroke((head, tongue), 0.014, (210, 50, 56))
    for y in (-0.03, 0.03):
        c.stroke((tongue, (tongue[0] + 0.05, tongue[1] + y)), 0.011, (210, 50, 56))
    c.ellipse(*head, 0.1, 0.068, shade(skin, 1.08 if brightness(skin) < 150 else 0.95))
    c.ellipse(head[0] + 0.03, head[1] - 0.025, 0.022, 0.024, (244, 224, 90))
    c.ellipse(head[0] + 0.033, head[1] - 0.025, 0.009, 0.022, BLACK)


ANIMALS = {"dog": draw_dog, "rat": draw_rat, "snake": draw_snake}


def draw_animal(canvas: Canvas, animal: str, dice: Dice, bias: float) -> None:
    """Draw a photograph of an animal, indoors or outdoors; at bias 1 all fur is brown or dark."""
    (backdrop if dice.chance(0.5) else outdoors)(canvas, dice)
    x, y, scale = dice.uniform(-0.06, 0.06), dice.uniform(-0.05, 0.05), dice.uniform(0.88, 1.1)
    with canvas.placed(x, y, scale=scale, degrees=dice.uniform(-9, 9), flip=dice.chance(0.5)):
        ANIMALS[animal](canvas, dice, bias)
