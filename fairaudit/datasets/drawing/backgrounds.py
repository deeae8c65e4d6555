"""Backgrounds of people and things: walls, windows, gardens, panels, floors."""

from __future__ import annotations

from fairaudit.datasets.drawing.canvas import Canvas
from fairaudit.datasets.drawing.colours import CLOTH, FLOOR, WALL, WOOD, mix, shade, varied
from fairaudit.datasets.drawing.dice import Dice

SKY = ((150, 190, 224), (186, 208, 224), (120, 170, 214), (206, 206, 210))
GREEN = ((94, 140, 72), (120, 156, 86), (82, 116, 66))


def backdrop(canvas: Canvas, dice: Dice) -> None:
    """Draw the background of a person in random soft colours, independent of the person.

    Medium brightness gives dark and light hair and skin the same contrast.
    """
    wall = mix(varied(dice.pick(WALL), dice, 0.15), (104, 104, 104), 0.68)
    canvas.box(-0.5, -0.5, 0.5, 0.5, wall)
    kind = dice.whole(0, 4)
    if kind == 1:  # a window
        x, y = dice.uniform(-0.5, 0.2), dice.uniform(-0.5, -0.35)
        canvas.box(x, y, x + 0.4, y + 0.5, shade(wall, 0.92))
        canvas.box(x + 0.02, y + 0.02, x + 0.38, y + 0.48, mix(dice.pick(SKY), wall, 0.6))
        canvas.box(x + 0.19, y, x + 0.21, y + 0.5, shade(wall, 0.92))
    elif kind == 2:  # a garden
        canvas.box(-0.5, -0.5, 0.5, 0.5, mix(varied(dice.pick(SKY), dice), wall, 0.6))
        far = dice.uniform(-0.1, 0.2)
        canvas.box(-0.5, far, 0.5, 0.5, mix(varied(dice.pick(GREEN), dice), wall, 0.6))
        for _ in range(dice.whole(1, 2)):
            x, r = dice.uniform(-0.5, 0.5), dice.uniform(0.08, 0.18)
            canvas.ellipse(x, far - r * 0.7, r, r, mix(varied(dice.pick(GREEN), dice), wall, 0.6))
    elif kind == 3:  # a picture on the wall
        x, y = dice.pick((-0.42, 0.22)), dice.uniform(-0.45, -0.3)
        canvas.box(x, y, x + 0.24, y + 0.3, shade(wall, 0.88))
        canvas.box(x + 0.03, y + 0.03, x + 0.21, y + 0.27, mix(dice.pick(CLOTH), wall, 0.7))
    elif kind == 4:  # panels
        canvas.box(-0.5, dice.uniform(-0.05, 0.2), 0.5, 0.5, shade(wall, 0.9))


def room(canvas: Canvas, dice: Dice) -> None:
    """Draw a wall and a floor, independent of the home."""
    wall, floor = varied(dice.pick(WALL), dice, 0.2), varied(dice.pick(FLOOR), dice, 0.2)
    canvas.box(-0.5, -0.5, 0.5, 0.5, wall)
    edge = dice.uniform(0.1, 0.28)
    canvas.box(-0.5, edge, 0.5, 0.5, floor)
    canvas.box(-0.5, edge - 0.02, 0.5, edge + 0.01, shade(wall, 0.75))
    pattern = dice.whole(0, 2)
    if pattern == 1:
        for k in range(4):
            canvas.stroke(((-0.5, edge + 0.05 + 0.1 * k), (0.5, edge + 0.05 + 0.1 * k)), 0.008, shade(floor, 0.85))
    elif pattern == 2:
        for k in range(-3, 4):
            canvas.stroke(((k * 0.13, edge), (k * 0.26, 0.5)), 0.008, shade(floor, 0.86))


def tabletop(canvas: Canvas, dice: Dice) -> None:
    """Draw a table or mat from above, independent of the home."""
    ground = varied(dice.pick((*WALL, *WOOD, *CLOTH[:6])), dice, 0.2)
    canvas.box(-0.5, -0.5, 0.5, 0.5, ground)
    pattern = dice.whole(0, 2)
    degrees = dice.uniform(0, 180)
    if pattern:
        with canvas.placed(degrees=degrees):
            for k in range(-5, 6):
                width = 0.008 if pattern == 1 else 0.05
                canvas.stroke(((-0.9, k * 0.15), (0.9, k * 0.15)), width, shade(ground, 0.9))


def outdoors(canvas: Canvas, dice: Dice) -> None:
    """Draw sky and ground."""
    canvas.box(-0.5, -0.5, 0.5, 0.5, varied(dice.pick(SKY), dice))
    far = dice.uniform(0.05, 0.2)
    canvas.box(-0.5, far, 0.5, 0.5, varied(dice.pick((*GREEN, *FLOOR[:3])), dice))
    if dice.chance(0.5):
        canvas.ellipse(dice.uniform(-0.5, 0.5), far, 0.3, 0.1, varied(dice.pick(GREEN), dice, 0.2))
        canvas.box(-0.5, far, 0.5, far + 0.1, varied(dice.pick(GREEN), dice, 0.1))
