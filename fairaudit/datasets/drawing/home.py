"""Beds, lamps, doors, chairs and roofs, each in a form of richer and a form of poorer homes."""

from __future__ import annotations

from fairaudit.datasets.drawing.canvas import Canvas
from fairaudit.datasets.drawing.colours import BLACK, CLOTH, METAL, WALL, WHITE, WOOD, Colour, mix, shade, varied
from fairaudit.datasets.drawing.dice import Dice

STRAW: tuple[Colour, ...] = ((200, 170, 104), (180, 148, 88), (214, 190, 130))


def framed_bed(c: Canvas, dice: Dice) -> None:
    """Draw a bed with headboard, mattress, blanket and pillow, from the side."""
    wood, blanket = varied(dice.pick((*WOOD, WHITE, BLACK)), dice), varied(dice.pick(CLOTH), dice)
    c.box(-0.44, -0.26, -0.36, 0.34, wood)
    c.box(-0.46, -0.28, -0.34, -0.22, shade(wood, 0.8))
    c.box(0.37, 0.0, 0.44, 0.34, wood)
    c.box(-0.4, 0.17, 0.42, 0.26, shade(wood, 0.8))
    c.box(-0.36, 0.02, 0.38, 0.18, (236, 232, 224))
    c.blob(((-0.1, -0.02), (0.1, -0.06), (0.38, -0.01), (0.4, 0.2), (-0.08, 0.2)), blanket)
    for k in range(3):
        c.stroke(((0.02 + 0.12 * k, -0.03), (0.0 + 0.12 * k, 0.19)), 0.014, shade(blanket, 0.78))
    c.blob(((-0.34, -0.04), (-0.26, -0.1), (-0.14, -0.07), (-0.12, 0.02), (-0.2, 0.05), (-0.34, 0.04)), WHITE)


def floor_mat(c: Canvas, dice: Dice) -> None:
    """Draw a woven mat on the floor with stripes, a thin blanket rolled at its end."""
    straw, stripe, roll = varied(dice.pick(STRAW), dice), varied(dice.pick(CLOTH), dice), varied(dice.pick(CLOTH), dice)
    c.polygon(((-0.27, -0.02), (0.45, -0.02), (0.33, 0.36), (-0.46, 0.36)), straw)
    for k in range(9):
        t = k / 8
        c.stroke(((-0.27 + 0.72 * t, -0.02), (-0.46 + 0.79 * t, 0.36)), 0.010, shade(straw, 0.76))
    for y in (0.05, 0.14, 0.27):
        shift = -0.27 - 0.5 * (y + 0.02)
        c.stroke(((shift + 0.02, y), (shift + 0.73, y)), 0.03, stripe)
    c.stroke(((-0.3, 0.03), (-0.4, 0.24)), 0.13, roll)
    c.ellipse(-0.4, 0.25, 0.065, 0.06, shade(roll, 0.7))
    c.ring(-0.4, 0.25, 0.03, 0.03, 0.012, shade(roll, 1.2))


def table_lamp(c: Canvas, dice: Dice) -> None:
    """Draw an electric lamp with a shade, on a foot."""
    cover, foot = varied(dice.pick(CLOTH), dice), varied(dice.pick((*WOOD, *METAL, BLACK)), dice)
    glow = mix(dice.pick(WALL), (255, 240, 190), 0.6)
    c.ellipse(0, -0.12, 0.36, 0.34, glow)
    c.ellipse(0, -0.12, 0.29, 0.28, mix(glow, (255, 248, 214), 0.5))
    c.box(-0.025, 0.02, 0.025, 0.34, foot)
    c.blob(((0, 0.08), (0.07, 0.18), (0.05, 0.3), (-0.05, 0.3), (-0.07, 0.18)), foot)
    c.ellipse(0, 0.35, 0.16, 0.04, shade(foot, 0.8))
    top = dice.uniform(0.09, 0.16)
    c.polygon(((-top, -0.3), (top, -0.3), (0.26, 0.04), (-0.26, 0.04)), mix(cover, (255, 240, 190), 0.35))
    c.polygon(((-top * 0.4, -0.3), (top * 0.4, -0.3), (0.1, 0.04), (-0.1, 0.04)), mix(cover, (255, 244, 200), 0.7))
    c.box(-0.27, 0.03, 0.27, 0.055, shade(cover, 0.7))


def oil_lantern(c: Canvas, dice: Dice) -> None:
    """Draw a lantern with a flame behind glass, a tank below and a wire handle."""
    tin = varied(dice.pick(((150, 60, 46), (60, 84, 110), (84, 90, 84), (150, 130, 90))), dice, 0.15)
    c.arc(0, -0.18, 0.2, 0.22, 180, 360, 0.018, shade(tin, 0.6))
    c.blob(((-0.19, 0.2), (0.19, 0.2), (0.23, 0.34), (-0.23, 0.34)), tin)
    c.box(-0.14, 0.15, 0.14, 0.22, shade(tin, 0.75))
    c.blob(((-0.1, 0.16), (-0.16, 0.0), (-0.1, -0.16), (0.1, -0.16), (0.16, 0.0), (0.1, 0.16)), (226, 220, 190))
    c.blob(((0, -0.1), (0.06, 0.05), (0.03, 0.14), (-0.03, 0.14), (-0.06, 0.05)), (242, 150, 40))
    c.blob(((0, -0.01), (0.03, 0.07), (0, 0.13), (-0.03, 0.07)), (254, 232, 140))
    for side in (-1, 1):
        c.stroke(((side * 0.19, 0.2), (side * 0.19, -0.18)), 0.028, shade(tin, 0.8))
    c.polygon(((-0.19, -0.15), (0.19, -0.15), (0.08, -0.26), (-0.08, -0.26)), shade(tin, 0.9))


def panelled_door(c: Canvas, dice: Dice) -> None:
    """Draw a door with panels, frame and handle."""
    door = varied(dice.pick((*WOOD, *CLOTH[:8], WHITE)), dice)
    frame = varied(dice.pick((WHITE, (200, 196, 186), (110, 90, 76))), dice)
    c.box(-0.27, -0.45, 0.27, 0.42, frame)
    c.box(-0.22, -0.4, 0.22, 0.42, door)
    for top, bottom in ((-0.34, -0.06), (0.04, 0.34)):
        for x in (-0.1, 0.1):
            c.box(x - 0.075, top, x + 0.075, bottom, shade(door, 0.72))
            c.box(x - 0.055, top + 0.025, x + 0.055, bottom - 0.02, shade(door, 1.08))
    c.ellipse(0.17, 0.01, 0.028, 0.028, (226, 200, 110))


def door_curtain(c: Canvas, dice: Dice) -> None:
    """Draw an opening in a mud or plank wall with a cloth hung in it."""
    wall, cloth, band = (
        varied(dice.pick(((164, 124, 90), (140, 110, 86), (180, 150, 110))), dice),
        dice.pick(CLOTH),
        dice.pick(CLOTH),
    )
    c.box(-0.4, -0.46, 0.4, 0.42, wall)
    for _ in range(8):
        c.ellipse(dice.uniform(-0.38, 0.38), dice.uniform(-0.42, 0.4), 0.04, 0.02, shade(wall, 0.86))
    c.box(-0.22, -0.38, 0.22, 0.42, (44, 36, 34))
    sway = dice.uniform(-0.08, 0.06)
    c.polygon(
        ((-0.22, -0.36), (0.22, -0.36), (0.19 + sway, 0.36), (0.09 + sway, 0.33), (-0.02 + sway, 0.37),
        (-0.12 + sway, 0.33), (-0.2, 0.37)), cloth,
    )  # fmt: skip
    for k in range(4):
        x = -0.16 + 0.1 * k
        c.stroke(((x, -0.34), (x + sway * 0.8, 0.33)), 0.016, shade(cloth, 0.74))
    c.stroke(((-0.21, 0.16), (0.19 + sway, 0.16)), 0.06, band)
    c.stroke(((-0.27, -0.37), (0.27, -0.37)), 0.03, (92, 70, 52))


def backed_chair(c: Canvas, dice: Dice) -> None:
    """Draw a chair with four legs, a seat with a cushion and a back."""
    wood, cushion = varied(dice.pick((*WOOD, WHITE, BLACK)), dice), varied(dice.pick(CLOTH), dice)
    c.box(-0.2, -0.42, -0.14, 0.08, wood)
    c.box(0.14, -0.42, 0.2, 0.08, wood)
    if dice.chance(0.5):
        for y in (-0.4, -0.27, -0.14):
            c.box(-0.18, y, 0.18, y + 0.07, shade(wood, 0.9))
    else:
        c.box(-0.2, -0.43, 0.2, -0.35, shade(wood, 0.9))
        for x in (-0.1, -0.02, 0.06):
            c.box(x, -0.36, x + 0.04, 0.05, shade(wood, 0.8))
    for x in (-0.16, 0.12):
        c.box(x, 0.08, x + 0.04, 0.32, shade(wood, 0.65))
    c.polygon(((-0.2, 0.02), (0.2, 0.02), (0.26, 0.13), (-0.26, 0.13)), cushion)
    c.box(-0.26, 0.12, 0.26, 0.17, shade(wood, 0.85))
    for x in (-0.26, 0.21):
        c.box(x, 0.15, x + 0.05, 0.42, wood)


def low_stool(c: Canvas, dice: Dice) -> None:
    """Draw a low round stool on three thick legs, without a back."""
    wood = varied(dice.pick(WOOD), dice, 0.2)
    for x, lean in ((-0.2, -0.08), (0.2, 0.08), (0.0, 0.0)):
        c.stroke(((x, 0.12), (x + lean, 0.36)), 0.075, shade(wood, 0.75 if x else 0.6))
    c.ellipse(0, 0.13, 0.31, 0.1, shade(wood, 0.72))
    c.ellipse(0, 0.08, 0.31, 0.1, wood)
    c.ring(0, 0.08, 0.2, 0.062, 0.012, shade(wood, 0.8))
    c.ring(0, 0.08, 0.09, 0.028, 0.012, shade(wood, 0.8))


def tiled_roof(c: Canvas, dice: Dice) -> None:
    """Draw a pitched roof of tiles with a chimney, over a wall with windows."""
    tile, wall = (
        varied(dice.pick(((186, 84, 60), (150, 70, 58), (92, 96, 110), (130, 100, 80))), dice),
        varied(dice.pick(WALL), dice),
    )
    c.box(-0.36, 0.08, 0.36, 0.4, wall)
    for x in (-0.2, 0.2):
        c.box(x - 0.09, 0.16, x + 0.09, 0.32, WHITE)
        c.box(x - 0.07, 0.18, x + 0.07, 0.3, (120, 160, 190))
    c.box(0.14, -0.4, 0.25, -0.1, (150, 80, 66))
    c.polygon(((-0.3, -0.28), (0.3, -0.28), (0.46, 0.12), (-0.46, 0.12)), tile)
    for row in range(5):
        y = -0.24 + 0.078 * row
        half = 0.31 + 0.034 * row
        c.stroke(((-half, y), (half, y)), 0.012, shade(tile, 0.65))
        for k in range(-4, 5):
            x = (k + 0.5 * (row % 2)) * half / 4.6
            c.stroke(((x, y), (x, y + 0.075)), 0.009, shade(tile, 0.7))
    c.box(-0.46, 0.1, 0.46, 0.14, shade(wall, 0.7))


def thatched_roof(c: Canvas, dice: Dice) -> None:
    """Draw a round hut with a pointed roof of straw."""
    straw, wall = (
        varied(dice.pick(STRAW), dice, 0.15),
        varied(dice.pick(((164, 124, 90), (140, 104, 80), (186, 160, 126))), dice),
    )
    c.box(-0.3, 0.04, 0.3, 0.4, wall)
    c.box(-0.08, 0.14, 0.08, 0.4, (54, 42, 36))
    top = dice.uniform(-0.44, -0.36)
    c.polygon(((0, top), (0.47, 0.12), (0.3, 0.16), (0.1, 0.12), (-0.1, 0.17), (-0.3, 0.13), (-0.47, 0.12)), straw)
    for k in range(-6, 7):
        x = k * 0.068
        c.stroke(
            ((x * 0.12, top + 0.05), (x, 0.12 + dice.uniform(0, 0.05))), 0.011, shade(straw, dice.uniform(0.6, 0.85))
        )
    c.ellipse(0, top + 0.03, 0.05, 0.045, shade(straw, 0.7))
