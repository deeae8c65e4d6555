"""Stoves, meals, pots and taps, each in a form of richer and a form of poorer homes."""

from __future__ import annotations

from fairaudit.datasets.drawing.canvas import Canvas
from fairaudit.datasets.drawing.colours import BLACK, CLOTH, METAL, WHITE, WOOD, Colour, shade, varied
from fairaudit.datasets.drawing.dice import Dice

FOOD: tuple[Colour, ...] = (
    (196, 60, 44),
    (96, 148, 60),
    (226, 150, 60),
    (176, 110, 60),
    (240, 214, 120),
    (140, 80, 50),
)
CLAY: tuple[Colour, ...] = ((150, 84, 56), (120, 70, 50), (172, 104, 70))


def gas_range(c: Canvas, dice: Dice) -> None:
    """Draw a range with burners, knobs and an oven door."""
    body = varied(dice.pick((WHITE, METAL[0], METAL[2], (70, 72, 78), (200, 70, 60))), dice)
    top = dice.uniform(-0.14, -0.06)
    c.box(-0.3, top, 0.3, 0.42, body)
    c.box(-0.33, top - 0.035, 0.33, top + 0.02, shade(body, 0.75))
    for x in (-0.17, 0.17):
        c.box(x - 0.11, top - 0.06, x + 0.11, top - 0.035, BLACK)
        for k in range(-2, 3):
            c.ellipse(x + 0.036 * k, top - 0.075, 0.014, 0.026, (70, 120, 230))
    for k in range(4):
        c.ellipse(-0.2 + 0.133 * k, top + 0.075, 0.028, 0.028, shade(body, 0.45))
    c.box(-0.24, top + 0.15, 0.24, 0.34, shade(body, 0.55))
    c.box(-0.2, top + 0.19, 0.2, 0.3, (50, 46, 50))
    c.box(-0.2, top + 0.125, 0.2, top + 0.145, shade(body, 0.45))
    if dice.chance(0.5):
        x = dice.pick((-0.17, 0.17))
        c.box(x - 0.09, top - 0.19, x + 0.09, top - 0.07, varied(dice.pick((*METAL, *CLOTH[:4])), dice))
        c.stroke(((x + 0.09, top - 0.15), (x + 0.19, top - 0.16)), 0.025, BLACK)


def open_fire(c: Canvas, dice: Dice) -> None:
    """Draw a fire of logs between stones, often with a pot above."""
    stone = varied((128, 122, 116), dice)
    c.ellipse(0, 0.34, 0.38, 0.08, (70, 62, 58))
    for k in range(3):
        c.stroke(
            ((-0.3 + 0.08 * k, 0.36), (0.26 - 0.1 * k, 0.26 + 0.03 * k)), 0.055, varied(dice.pick(WOOD), dice, 0.2)
        )
    for size, flame in ((1.0, (214, 78, 30)), (0.72, (242, 150, 40)), (0.42, (252, 220, 110))):
        tip = dice.uniform(-0.06, 0.06)
        c.blob(
            ((-0.2 * size, 0.28), (-0.16 * size, 0.05), (-0.08 * size, 0.12), (tip, 0.28 - 0.46 * size),
            (0.09 * size, 0.1), (0.17 * size, 0.02), (0.2 * size, 0.28), (0, 0.34)), flame,
        )  # fmt: skip
    for x in (-0.33, -0.2, 0.2, 0.33):
        c.ellipse(x, 0.34 + dice.uniform(-0.03, 0.03), 0.09, 0.075, shade(stone, dice.uniform(0.7, 1.1)))
    if dice.chance(0.6):
        pot = varied((52, 50, 52), dice)
        c.blob(((-0.2, -0.2), (0.2, -0.2), (0.23, -0.05), (0.14, 0.06), (-0.14, 0.06), (-0.23, -0.05)), pot)
        c.ellipse(0, -0.2, 0.2, 0.04, shade(pot, 1.7))


def plated_meal(c: Canvas, dice: Dice) -> None:
    """Draw a china plate from above with several foods, fork and knife."""
    china = varied(dice.pick((WHITE, (222, 232, 240), (240, 228, 214))), dice, 0.05)
    steel = (208, 212, 218)
    c.ellipse(0.01, 0.02, 0.31, 0.31, (70, 66, 64))
    c.ellipse(0, 0, 0.3, 0.3, china)
    c.ring(0, 0, 0.285, 0.285, 0.016, varied(dice.pick(CLOTH), dice))
    c.ellipse(0, 0, 0.21, 0.21, shade(china, 0.92))
    foods = dice.shuffled(FOOD)
    for k, (x, y) in enumerate(((-0.08, -0.07), (0.09, -0.05), (0.0, 0.1))):
        c.ellipse(x, y, dice.uniform(0.07, 0.1), dice.uniform(0.06, 0.09), varied(foods[k], dice), dice.uniform(0, 90))
        c.ellipse(x - 0.02, y - 0.02, 0.03, 0.025, shade(foods[k], 1.25))
    for k in range(-1, 2):
        c.stroke(((-0.4 + 0.025 * k, -0.22), (-0.4 + 0.025 * k, -0.08)), 0.014, steel)
    c.stroke(((-0.4, -0.08), (-0.4, 0.25)), 0.024, steel)
    c.blob(((0.38, -0.24), (0.43, -0.2), (0.43, 0.0), (0.38, 0.02)), steel)
    c.stroke(((0.4, 0), (0.4, 0.25)), 0.026, shade(steel, 0.7))


def bowl_of_grain(c: Canvas, dice: Dice) -> None:
    """Draw a deep bowl from the side, heaped with rice or porridge, and a spoon."""
    bowl = varied(dice.pick((*METAL, *CLAY, (90, 130, 180))), dice)
    grain = varied(dice.pick(((240, 234, 214), (226, 204, 150), (206, 170, 110))), dice, 0.08)
    c.ellipse(0, 0.3, 0.26, 0.05, (80, 72, 66))
    c.stroke(((0.12, -0.1), (0.36, -0.34)), 0.035, dice.pick((*WOOD[:2], METAL[0])))
    c.sector(0, 0.0, 0.35, 0.31, 0, 180, bowl)
    c.blob(((-0.3, 0.01), (-0.2, -0.13), (0.0, -0.21), (0.2, -0.13), (0.3, 0.01), (0, 0.06)), grain)
    for _ in range(14):
        c.ellipse(
            dice.uniform(-0.2, 0.2), dice.uniform(-0.13, -0.01), 0.022, 0.012, shade(grain, 0.84), dice.uniform(0, 180)
        )
    c.stroke(((-0.35, 0.0), (0.35, 0.0)), 0.03, shade(bowl, 1.2))
    c.box(-0.12, 0.26, 0.12, 0.32, shade(bowl, 0.75))


def steel_pan(c: Canvas, dice: Dice) -> None:
    """Draw a steel pan with glass lid and two handles."""
    steel = varied(dice.pick((*METAL, (190, 70, 60), (60, 90, 140))), dice)
    c.ellipse(0, 0.3, 0.3, 0.05, (70, 64, 60))
    c.blob(((-0.29, -0.06), (0.29, -0.06), (0.29, 0.22), (0.22, 0.3), (-0.22, 0.3), (-0.29, 0.22)), steel)
    c.box(-0.22, -0.02, -0.17, 0.22, shade(steel, 1.25))
    for side in (-1, 1):
        c.stroke(((side * 0.28, 0.04), (side * 0.39, 0.02), (side * 0.39, 0.1), (side * 0.28, 0.1)), 0.035, BLACK)
    c.sector(0, -0.06, 0.31, 0.13, 180, 360, (196, 214, 222))
    c.box(-0.32, -0.08, 0.32, -0.04, shade(steel, 0.7))
    c.box(-0.02, -0.25, 0.02, -0.18, BLACK)
    c.ellipse(0, -0.25, 0.06, 0.03, BLACK)


def clay_pot(c: Canvas, dice: Dice) -> None:
    """Draw a round clay pot with a narrow neck and a ring of pattern."""
    clay = varied(dice.pick(CLAY), dice, 0.15)
    c.ellipse(0, 0.33, 0.24, 0.05, (70, 60, 54))
    c.blob(
        (
            (-0.13, -0.2),
            (0.13, -0.2),
            (0.31, 0.02),
            (0.27, 0.26),
            (0.1, 0.35),
            (-0.1, 0.35),
            (-0.27, 0.26),
            (-0.31, 0.02),
        ),
        clay,
    )
    c.box(-0.13, -0.3, 0.13, -0.16, shade(clay, 0.9))
    c.ellipse(0, -0.3, 0.19, 0.05, shade(clay, 1.15))
    c.ellipse(0, -0.3, 0.13, 0.03, shade(clay, 0.35))
    c.ellipse(-0.14, 0.0, 0.05, 0.09, shade(clay, 1.2), 20)
    for k in range(-4, 5):
        c.stroke(
            ((k * 0.06 - 0.03, 0.12 - 0.003 * k * k), (k * 0.06, 0.06 - 0.003 * k * k),
            (k * 0.06 + 0.03, 0.12 - 0.003 * k * k)), 0.014, shade(clay, 0.55),
        )  # fmt: skip


def basin_tap(c: Canvas, dice: Dice) -> None:
    """Draw a chrome tap over a wash basin."""
    chrome, basin = (
        varied(dice.pick(METAL), dice, 0.06),
        varied(dice.pick((WHITE, (220, 228, 232), (236, 222, 210))), dice, 0.04),
    )
    c.box(-0.38, 0.18, 0.38, 0.24, shade(basin, 0.85))
    c.sector(0, 0.22, 0.34, 0.24, 0, 180, basin)
    c.ellipse(0, 0.23, 0.27, 0.05, shade(basin, 0.7))
    c.curve(
        ((-0.16, 0.18), (-0.16, -0.08), (-0.1, -0.22), (0.04, -0.22), (0.1, -0.1), (0.1, -0.04)),
        0.075,
        shade(chrome, 0.8),
    )
    c.curve(((-0.17, 0.16), (-0.17, -0.08), (-0.1, -0.23), (0.04, -0.23)), 0.025, shade(chrome, 1.3))
    c.box(-0.23, 0.12, -0.09, 0.19, shade(chrome, 0.65))
    c.stroke(((-0.19, -0.02), (-0.33, -0.1)), 0.05, shade(chrome, 0.7))
    if dice.chance(0.7):
        c.stroke(((0.1, -0.02), (0.1, 0.2)), 0.035, (150, 200, 236))


def hand_pump(c: Canvas, dice: Dice) -> None:
    """Draw a hand pump in the yard with a bucket under its spout."""
    iron = varied(dice.pick(((60, 90, 130), (70, 110, 80), (150, 70, 50), (90, 90, 96))), dice, 0.2)
    bucket = varied(dice.pick(CLOTH[:6]), dice)
    c.box(-0.26, 0.34, 0.3, 0.4, (140, 134, 126))
    c.box(-0.17, -0.2, -0.05, 0.36, iron)
    c.box(-0.2, -0.28, -0.02, -0.18, shade(iron, 0.75))
    c.curve(((-0.11, -0.25), (-0.25, -0.3), (-0.38, -0.1), (-0.4, 0.1)), 0.045, shade(iron, 0.6))
    c.curve(((-0.08, -0.06), (0.08, -0.08), (0.16, -0.02), (0.16, 0.05)), 0.065, shade(iron, 0.85))
    c.stroke(((0.16, 0.06), (0.16, 0.2)), 0.03, (150, 200, 236))
    c.polygon(((0.03, 0.14), (0.31, 0.14), (0.27, 0.38), (0.07, 0.38)), bucket)
    c.ellipse(0.17, 0.14, 0.14, 0.03, shade(bucket, 0.6))
    c.arc(0.17, 0.14, 0.14, 0.13, 180, 360, 0.012, (90, 90, 90))
