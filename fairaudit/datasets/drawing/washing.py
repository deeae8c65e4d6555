"""Toothbrushes, toilets, soap and shoes, each in a form of richer and a form of poorer homes."""

from __future__ import annotations

from fairaudit.datasets.drawing.canvas import Canvas
from fairaudit.datasets.drawing.colours import BLACK, CLOTH, WHITE, WOOD, Colour, mix, shade, varied
from fairaudit.datasets.drawing.dice import Dice

SOAP: tuple[Colour, ...] = ((228, 180, 190), (240, 226, 180), (170, 210, 180), (180, 200, 230), (214, 170, 110))


def toothbrush(c: Canvas, dice: Dice) -> None:
    """Draw a plastic toothbrush with bristles."""
    handle, stripe = varied(dice.pick(CLOTH[:10]), dice), varied(dice.pick(CLOTH[:10]), dice)
    c.stroke(((-0.42, 0.08), (-0.05, 0.03), (0.4, 0.03)), 0.075, handle)
    c.stroke(((-0.36, 0.07), (-0.12, 0.035)), 0.03, shade(handle, 1.35))
    for k in range(7):
        x = 0.15 + 0.042 * k
        c.box(x - 0.017, -0.14 + 0.015 * (k % 2), x + 0.017, 0.0, stripe if k in (2, 3, 4) else WHITE)
    if dice.chance(0.4):
        c.curve(((0.15, -0.15), (0.22, -0.19), (0.3, -0.15), (0.4, -0.19)), 0.05, (150, 220, 220))


def chew_stick(c: Canvas, dice: Dice) -> None:
    """Draw a twig for cleaning teeth, its end chewed to fibres."""
    bark = varied(dice.pick(WOOD[:4]), dice, 0.15)
    bend = dice.uniform(-0.08, 0.08)
    c.curve(((-0.4, 0.06), (-0.1, 0.06 + bend), (0.22, 0.03)), 0.085, bark)
    for x in (-0.28, -0.02, 0.1):
        c.ellipse(x, 0.06 + bend * 0.8, 0.025, 0.016, shade(bark, 0.6))
    c.curve(((-0.38, 0.04), (-0.1, 0.035 + bend), (0.16, 0.01)), 0.018, shade(bark, 1.3))
    c.ellipse(0.22, 0.03, 0.03, 0.045, (222, 196, 150))
    for k in range(-4, 5):
        c.stroke(
            ((0.22, 0.03 + 0.008 * k), (0.38 + dice.uniform(-0.03, 0.03), 0.03 + 0.03 * k)), 0.013, (226, 204, 160)
        )
    if dice.chance(0.5):
        c.blob(((-0.3, 0.02), (-0.24, -0.12), (-0.14, -0.16), (-0.18, -0.04)), (104, 146, 70))


def flush_toilet(c: Canvas, dice: Dice) -> None:
    """Draw a toilet with cistern, lid and bowl."""
    china = varied(dice.pick((WHITE, (226, 232, 236), (240, 226, 214), (206, 222, 214))), dice, 0.04)
    c.box(-0.2, -0.4, 0.2, -0.08, shade(china, 0.9))
    c.box(-0.23, -0.43, 0.23, -0.37, china)
    c.box(-0.03, -0.34, 0.03, -0.3, (150, 154, 160))
    c.polygon(((-0.13, 0.1), (0.13, 0.1), (0.17, 0.42), (-0.17, 0.42)), shade(china, 0.82))
    c.blob(
        (
            (-0.25, 0.02),
            (-0.18, -0.09),
            (0.18, -0.09),
            (0.25, 0.02),
            (0.2, 0.18),
            (0.1, 0.26),
            (-0.1, 0.26),
            (-0.2, 0.18),
        ),
        china,
    )
    c.ellipse(0, 0.05, 0.21, 0.12, shade(china, 0.72))
    c.ellipse(0, 0.06, 0.16, 0.085, shade(china, 0.45))
    c.ellipse(0, 0.085, 0.12, 0.05, (150, 190, 214))


def pit_latrine(c: Canvas, dice: Dice) -> None:
    """Draw a hole between foot rests in a floor of boards, under a shelter of planks."""
    plank = varied(dice.pick(WOOD), dice, 0.2)
    for k in range(6):
        x = -0.42 + 0.14 * k
        c.box(x, -0.46, x + 0.13, 0.02, shade(plank, dice.uniform(0.7, 1.05)))
    floor = varied(dice.pick(((150, 138, 122), (130, 112, 94), (164, 150, 130))), dice)
    c.polygon(((-0.42, 0.0), (0.42, 0.0), (0.48, 0.44), (-0.48, 0.44)), floor)
    c.stroke(((-0.42, 0.0), (0.42, 0.0)), 0.02, shade(floor, 0.6))
    for side in (-1, 1):
        c.polygon(
            ((side * 0.18, 0.12), (side * 0.28, 0.12), (side * 0.33, 0.34), (side * 0.21, 0.34)), shade(floor, 1.25)
        )
    c.ellipse(0, 0.23, 0.12, 0.13, shade(floor, 0.55))
    c.ellipse(0, 0.24, 0.1, 0.11, (26, 22, 22))


def soap_pump(c: Canvas, dice: Dice) -> None:
    """Draw a bottle of liquid soap with a pump."""
    bottle, label = varied(dice.pick((*SOAP, *CLOTH[:6])), dice), varied(dice.pick(CLOTH), dice)
    c.ellipse(0, 0.37, 0.2, 0.04, (80, 76, 74))
    c.blob(((-0.13, -0.14), (0.13, -0.14), (0.19, 0.0), (0.18, 0.36), (-0.18, 0.36), (-0.19, 0.0)), bottle)
    c.box(-0.13, 0.05, 0.13, 0.26, WHITE)
    c.ellipse(0, 0.155, 0.075, 0.065, label)
    c.box(-0.07, -0.2, 0.07, -0.13, shade(WHITE, 0.85))
    c.box(-0.02, -0.32, 0.02, -0.18, shade(WHITE, 0.75))
    c.curve(((0.06, -0.34), (-0.08, -0.34), (-0.2, -0.31), (-0.2, -0.26)), 0.05, shade(WHITE, 0.9))


def soap_bar(c: Canvas, dice: Dice) -> None:
    """Draw a bar of soap with foam, on a tin lid or a stone."""
    bar = varied(dice.pick(SOAP), dice)
    c.ellipse(0, 0.16, 0.4, 0.17, varied((126, 122, 118), dice, 0.2))
    c.ellipse(0, 0.14, 0.36, 0.14, (166, 162, 156))
    c.blob(
        ((-0.28, 0.0), (-0.2, -0.09), (0.2, -0.09), (0.28, 0.0), (0.28, 0.12), (0.2, 0.19), (-0.2, 0.19),
        (-0.28, 0.12)), shade(bar, 0.78),
    )  # fmt: skip
    c.blob(((-0.28, -0.01), (-0.2, -0.1), (0.2, -0.1), (0.28, -0.01), (0.2, 0.08), (-0.2, 0.08)), bar)
    c.ellipse(0, -0.01, 0.14, 0.045, shade(bar, 0.88))
    for _ in range(7):
        x, y, r = dice.uniform(-0.32, 0.32), dice.uniform(0.05, 0.24), dice.uniform(0.025, 0.055)
        c.ellipse(x, y, r, r, mix(WHITE, (190, 210, 230), dice.uniform(0, 0.4)))


def laced_shoes(c: Canvas, dice: Dice) -> None:
    """Draw a pair of closed shoes with laces and soles."""
    leather, sole = varied(dice.pick((*CLOTH, *WOOD, BLACK)), dice), varied(dice.pick((WHITE, (60, 50, 46))), dice)
    for x, y, tone in ((0.06, -0.13, 0.85), (-0.06, 0.15, 1.0)):
        with c.placed(x, y, scale=0.95):
            c.box(-0.32, 0.1, 0.34, 0.16, sole)
            c.blob(
                ((-0.32, 0.11), (-0.32, -0.1), (-0.22, -0.15), (-0.08, -0.13), (0.06, -0.02), (0.28, 0.02),
                (0.35, 0.11)), shade(leather, tone),
            )  # fmt: skip
            c.ellipse(-0.2, -0.12, 0.1, 0.03, shade(leather, 0.45))
            for k in range(3):
                c.stroke(((-0.07 + 0.055 * k, -0.11 + 0.035 * k), (-0.11 + 0.055 * k, -0.03 + 0.03 * k)), 0.018, WHITE)


def sandals(c: Canvas, dice: Dice) -> None:
    """Draw a pair of flat sandals from above with toe straps."""
    sole, strap = (
        varied(dice.pick((*WOOD, (70, 60, 56), *CLOTH[:8])), dice),
        varied(dice.pick((*CLOTH[:8], BLACK)), dice),
    )
    for x, lean in ((-0.16, -7.0), (0.16, 7.0)):
        with c.placed(x, 0.0, degrees=lean + dice.uniform(-6, 6)):
            c.blob(
                ((0, -0.36), (0.13, -0.25), (0.11, 0.02), (0.11, 0.24), (0, 0.36), (-0.11, 0.24),
                (-0.11, 0.02), (-0.13, -0.25)), shade(sole, 0.6),
            )  # fmt: skip
            c.blob(((0, -0.33), (0.105, -0.23), (0.085, 0.02), (0.085, 0.23), (0, 0.33), (-0.085, 0.23), (-0.085, 0.02),
                    (-0.105, -0.23)), sole)  # fmt: skip
            c.curve(((-0.11, 0.0), (-0.07, -0.13), (0, -0.2), (0.07, -0.13), (0.11, 0.0)), 0.04, strap)
            c.ellipse(0, -0.2, 0.025, 0.025, shade(strap, 0.6))
