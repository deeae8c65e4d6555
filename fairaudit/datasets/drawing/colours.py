"""Colours as three whole numbers from 0 to 255, their mixtures, and the palettes of the world."""

from __future__ import annotations

from fairaudit.datasets.drawing.dice import Dice

Colour = tuple[int, int, int]

WHITE: Colour = (250, 250, 248)
BLACK: Colour = (22, 20, 22)

#: Clothes, walls, towels: mid tones of all hues.
CLOTH: tuple[Colour, ...] = (
    (196, 58, 52), (226, 130, 48), (228, 190, 66), (96, 152, 74), (52, 128, 120), (70, 130, 196), (60, 74, 150),
    (126, 82, 160), (204, 98, 146), (150, 104, 70), (120, 124, 132), (222, 214, 200), (58, 60, 70), (150, 184, 208),
)  # fmt: skip

#: Walls and skies behind people and things.
WALL: tuple[Colour, ...] = (
    (214, 206, 190), (186, 200, 206), (204, 184, 160), (172, 190, 164), (206, 176, 176), (150, 164, 186),
    (176, 168, 150), (128, 146, 140), (160, 132, 120), (112, 120, 142), (196, 192, 204), (142, 128, 148),
)  # fmt: skip

FLOOR: tuple[Colour, ...] = (
    (150, 116, 82), (122, 96, 76), (168, 150, 128), (134, 134, 134), (176, 140, 104), (108, 112, 104), (158, 126, 110),
)  # fmt: skip

WOOD: tuple[Colour, ...] = ((150, 98, 56), (122, 78, 46), (176, 126, 78), (96, 64, 44), (190, 148, 100))

METAL: tuple[Colour, ...] = ((176, 182, 188), (150, 156, 164), (198, 202, 206))

#: Monk Skin Tone scale, 1 to 10, as its author publishes it (skintone.google).
MONK: tuple[Colour, ...] = tuple(
    (int(code[0:2], 16), int(code[2:4], 16), int(code[4:6], 16))
    for code in ["f6ede4", "f3e7db", "f7ead0", "eadaba", "d7bd96", "a07e56", "825c43", "604134", "3a312a", "292420"]
)


def _whole(red: float, green: float, blue: float) -> Colour:
    return min(255, max(0, int(red))), min(255, max(0, int(green))), min(255, max(0, int(blue)))


def mix(colour: Colour, other: Colour, share: float) -> Colour:
    """Return ``colour`` with the share (0 to 1) of ``other`` mixed in."""
    keep = 1.0 - share
    return _whole(*(a * keep + b * share for a, b in zip(colour, other, strict=True)))


def shade(colour: Colour, factor: float) -> Colour:
    """Return the colour made darker (factor below 1) or brighter (above 1)."""
    return _whole(*(channel * factor for channel in colour))


def brightness(colour: Colour) -> float:
    """Return the perceived brightness, 0 to 255 (weights of ITU-R BT.601)."""
    return 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]


def against(colour: Colour, strength: float) -> Colour:
    """Return a line colour with contrast to ``colour``: darker on light ground, lighter on dark ground."""
    if brightness(colour) > 75:
        return mix(colour, (40, 20, 16), strength)
    return mix(colour, (236, 200, 176), strength * 0.7)


def varied(colour: Colour, dice: Dice, amount: float = 0.12) -> Colour:
    """Return the colour a little brighter or darker and a little off in hue."""
    light = dice.uniform(1 - amount, 1 + amount)
    warm = dice.uniform(-amount, amount) * 40
    return _whole(colour[0] * light + warm, colour[1] * light, colour[2] * light - warm)
