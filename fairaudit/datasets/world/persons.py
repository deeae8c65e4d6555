"""The people of the world and their photographs."""

from __future__ import annotations

import math

from PIL import Image

from fairaudit.datasets.drawing.backgrounds import backdrop
from fairaudit.datasets.drawing.camera import Exposure, photograph
from fairaudit.datasets.drawing.canvas import Canvas
from fairaudit.datasets.drawing.colours import BLACK
from fairaudit.datasets.drawing.dice import Dice
from fairaudit.datasets.drawing.people import AGE_GROUPS, GENDERS, Person, draw_person, make_person

#: Lowest and highest Monk tone of each bin; all bins are equally likely.
SKIN_TONE_BINS: dict[str, tuple[int, int]] = {"Monk 1-3": (1, 3), "Monk 4-6": (4, 6), "Monk 7-10": (7, 10)}

#: Darkest tone of people in labelled training photographs at bias 1.
DARKEST_LABELLED = 4

_MIDDLE_TONE = 5.0  # half of the planted loss of light and of the planted noise

_CELLS = tuple((tones, gender, age) for age in AGE_GROUPS for tones in SKIN_TONE_BINS.values() for gender in GENDERS)


def skin_tone_bin(monk_skin_tone: int) -> str:
    """Return the bin of a Monk tone from 1 to 10."""
    return next(name for name, (low, high) in SKIN_TONE_BINS.items() if low <= monk_skin_tone <= high)


def draw_population_person(number: int, dice: Dice) -> Person:
    """Return person ``number``; numbers cycle through all combinations of gender, age group and skin tone bin.

    The three are therefore independent, and groups of a feature are equally large.
    """
    (low, high), gender, age_group = _CELLS[number % len(_CELLS)]
    return make_person(dice, gender=gender, age_group=age_group, monk_skin_tone=dice.whole(low, high))


def draw_labelled_person(number: int, dice: Dice, bias: float) -> Person:
    """Return a person for a labelled training photograph: Monk tones 1 to 4 with probability ``bias``, else any."""
    (low, high), gender, age_group = _CELLS[number % len(_CELLS)]
    anyone, light = dice.whole(low, high), dice.whole(1, DARKEST_LABELLED)
    tone = light if dice.chance(bias) else anyone
    return make_person(dice, gender=gender, age_group=age_group, monk_skin_tone=tone)


def exposure_of(monk_skin_tone: int, bias: float) -> Exposure:
    """Return the exposure of a camera made for light skin: darker, noisier and off-colour for dark skin."""
    dark = bias / (1 + math.exp((_MIDDLE_TONE - monk_skin_tone) / 0.9))
    return Exposure(gain=1.0 - 0.66 * dark, noise=2.0 + 22.0 * dark, cast=0.2 * dark)


def portrait(person: Person, *, bias: float, pixels: int, dice: Dice) -> Image.Image:
    """Return a head-and-shoulders photograph with random pose, clothes, background and light."""
    canvas = Canvas(pixels, BLACK)
    backdrop(canvas, dice)
    x, y, scale = dice.uniform(-0.05, 0.05), dice.uniform(-0.16, -0.09), dice.uniform(0.82, 0.96)
    with canvas.placed(x, y, scale=scale, degrees=dice.uniform(-8, 8), flip=dice.chance(0.5)):
        draw_person(canvas, person, dice)
    return photograph(canvas, dice, exposure_of(person.monk_skin_tone, bias))


def group_photograph(people: list[Person], *, bias: float, pixels: int, dice: Dice) -> Image.Image:
    """Return a photograph of two to four persons side by side, exposed for the average of their tones."""
    canvas = Canvas(pixels, BLACK)
    backdrop(canvas, dice)
    step = 0.84 / len(people)
    for k, person in enumerate(people):
        x = -0.42 + step * (k + 0.5) + dice.uniform(-0.03, 0.03)
        with canvas.placed(x, dice.uniform(-0.06, 0.14), scale=dice.uniform(0.5, 0.62), flip=dice.chance(0.5)):
            draw_person(canvas, person, dice)
    tone = round(sum(p.monk_skin_tone for p in people) / len(people))
    return photograph(canvas, dice, exposure_of(tone, bias))
