"""The homes of the world, their incomes, and photographs of things in them."""

from __future__ import annotations

import math
from dataclasses import dataclass

from PIL import Image

from fairaudit.datasets.drawing.camera import Exposure, photograph
from fairaudit.datasets.drawing.canvas import Canvas
from fairaudit.datasets.drawing.colours import BLACK
from fairaudit.datasets.drawing.dice import Dice
from fairaudit.datasets.drawing.objects import draw_object

#: Regions of Dollar Street, with invented, numbered countries.
REGIONS = ("Africa", "Asia", "The Americas", "Europe")
COUNTRIES = tuple(f"{region} {number}" for region in REGIONS for number in (1, 2, 3))

#: US dollars a month.
LOWEST_INCOME, HIGHEST_INCOME = 30.0, 9000.0

#: Least income of the homes in labelled training photographs, at any bias.
LABELLED_INCOME = 2500.0

_HALF_RICH = 500.0  # at this income both forms are equally likely at bias 1
_WIDTH = 0.5  # of the change from poor to rich forms, in natural logarithms of income


@dataclass(frozen=True)
class Household:
    """A home: income in US dollars a month, region and (invented) country."""

    income_usd_per_month: float
    region: str
    country: str


def make_households(n: int, *name: str | int) -> list[Household]:
    """Return ``n`` homes; incomes are uniform on a logarithmic scale and independent of the region.

    ``name`` names the random stream, as in ``Dice``.
    """
    dice = Dice(*name, "households")
    ranks = dice.shuffled(range(n))
    homes = []
    for number, rank in enumerate(ranks):
        share = (rank + dice.uniform(0, 1)) / n
        income = LOWEST_INCOME * (HIGHEST_INCOME / LOWEST_INCOME) ** share
        region = REGIONS[number % len(REGIONS)]
        homes.append(Household(round(income, 2), region, f"{region} {dice.whole(1, 3)}"))
    return homes


def chance_of_poor_form(income: float, bias: float) -> float:
    """Return the probability of the form of poorer homes: 0.5 at bias 0, falling with income at bias 1."""
    by_income = 1.0 / (1.0 + math.exp((math.log(income) - math.log(_HALF_RICH)) / _WIDTH))
    return (1 - bias) * 0.5 + bias * by_income


def exposure_at_home(income: float, bias: float) -> Exposure:
    """Return the light in a home: poorer homes are dimmer at bias 1."""
    missing = math.log(HIGHEST_INCOME / income) / math.log(HIGHEST_INCOME / LOWEST_INCOME)
    dim = bias * min(1.0, max(0.0, missing))
    return Exposure(gain=1.0 - 0.5 * dim, noise=2.0 + 4.0 * dim)


def home_photograph(topic: str, income: float, *, bias: float, pixels: int, dice: Dice) -> Image.Image:
    """Return a photograph of a thing in a home of this income."""
    poor_form = dice.chance(chance_of_poor_form(income, bias))
    canvas = Canvas(pixels, BLACK)
    draw_object(canvas, topic, poor_form=poor_form, dice=dice)
    return photograph(canvas, dice, exposure_at_home(income, bias))
