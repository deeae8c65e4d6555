"""Persons: the constant attributes of a person, and head-and-shoulders portraits.

Gender is a presentation, drawn by pictorial conventions (neckline, jaw, brows and lips, level or upright stripes), with
four kinds of clothing for each gender, independent of skin tone and age.
"""

from __future__ import annotations

from dataclasses import dataclass

from fairaudit.datasets.drawing.canvas import Canvas
from fairaudit.datasets.drawing.clothes import draw_clothes
from fairaudit.datasets.drawing.colours import BLACK, MONK, WHITE, Colour, against, mix, shade, varied
from fairaudit.datasets.drawing.dice import Dice
from fairaudit.datasets.drawing.hair import GREY, HAIR_COLOURS, HAIR_SHAPES, draw_hair_behind, draw_hair_in_front

GENDERS = ("feminine", "masculine")
AGE_GROUPS = ("child", "adult", "older")


@dataclass(frozen=True)
class Person:
    """Attributes that all photographs of a person share.

    Parameters
    ----------
    gender : {"feminine", "masculine"}
    age_group : {"child", "adult", "older"}
    monk_skin_tone : int
        1 (lightest) to 10 (darkest).
    skin, hair, eyes : tuple of int
        Colours.
    hair_shape : int
        Index from 0 to ``HAIR_SHAPES`` - 1, independent of gender.
    width, jaw, brow : float
        Width of face and jaw relative to the average (1), thickness of the brows in picture sides.
    glasses, freckles : bool
    """

    gender: str
    age_group: str
    monk_skin_tone: int
    skin: Colour
    hair: Colour
    eyes: Colour
    hair_shape: int
    width: float
    jaw: float
    brow: float
    glasses: bool
    freckles: bool


def make_person(dice: Dice, *, gender: str, age_group: str, monk_skin_tone: int) -> Person:
    """Return a random person of this gender, age group and skin tone.

    Gender shapes jaw and brows, and three quarters of older people have grey hair; all else is independent.
    """
    grey = dice.chance(0.75)
    colour, silver = varied(dice.pick(HAIR_COLOURS), dice, 0.15), varied(dice.pick(GREY), dice, 0.1)
    masculine = gender == "masculine"
    return Person(
        gender=gender,
        age_group=age_group,
        monk_skin_tone=monk_skin_tone,
        skin=varied(MONK[monk_skin_tone - 1], dice, 0.04),
        hair=silver if grey and age_group == "older" else colour,
        eyes=dice.pick(((74, 50, 34), (92, 70, 40), (70, 100, 120), (80, 110, 70), (40, 32, 30))),
        hair_shape=dice.whole(0, HAIR_SHAPES - 1),
        width=dice.uniform(0.92, 1.08),
        jaw=dice.uniform(0.86, 0.96) if masculine else dice.uniform(0.66, 0.78),
        brow=dice.uniform(0.022, 0.028) if masculine else dice.uniform(0.010, 0.015),
        glasses=dice.chance(0.15),
        freckles=dice.chance(0.15),
    )


@dataclass(frozen=True)
class Face:
    """Measures of a head in picture sides, with the middle of the face at the origin."""

    width: float
    height: float
    eyes_y: float
    eye: float
    mouth_y: float
    shoulders_y: float
    shoulders: float
    neck: float

    @classmethod
    def of(cls, person: Person) -> Face:
        """Return the measures for the age, gender and face width of a person."""
        broad = 1.0 if person.gender == "masculine" else 0.94
        if person.age_group == "child":
            return cls(0.172 * person.width, 0.19, 0.035, 0.037, 0.118, 0.30, 0.35, 0.062 * broad)
        return cls(0.158 * person.width, 0.208, -0.012, 0.028, 0.118, 0.30, 0.35, 0.088 * broad)


def draw_person(canvas: Canvas, person: Person, dice: Dice) -> None:
    """Draw head and shoulders, the face at the current origin, with random clothes and pose."""
    face = Face.of(person)
    turn = dice.uniform(-0.025, 0.025)
    draw_hair_behind(canvas, person.hair_shape, person.hair, face.width, face.height)
    shadow = mix(shade(person.skin, 0.78), (90, 40, 30), 0.12)
    draw_clothes(canvas, dice, person.gender, person.skin, shadow, face.shoulders, face.shoulders_y, face.neck)
    _draw_head(canvas, person, face, shadow, turn)
    _draw_eyes(canvas, person, face, turn)
    _draw_nose_and_mouth(canvas, person, face, shadow, turn, smile=dice.uniform(0.2, 1.0))
    if person.age_group == "older":
        _draw_wrinkles(canvas, person, face, turn)
    if person.freckles:
        spot = against(person.skin, 0.4)
        for dx, dy in ((-0.07, 0.05), (-0.09, 0.07), (-0.055, 0.075), (0.07, 0.05), (0.09, 0.07), (0.055, 0.075)):
            canvas.ellipse(dx + turn, dy, 0.007, 0.007, spot)
    draw_hair_in_front(canvas, person.hair_shape, person.hair, face.width, face.height)
    if person.glasses:
        frame = BLACK if person.monk_skin_tone < 7 else (190, 170, 120)
        for side in (-1, 1):
            canvas.ring(side * 0.075 + turn, face.eyes_y, 0.052, 0.042, 0.012, frame)
        canvas.stroke(((turn - 0.025, face.eyes_y), (turn + 0.025, face.eyes_y)), 0.012, frame)


def _draw_head(canvas: Canvas, person: Person, face: Face, shadow: Colour, turn: float) -> None:
    w, h, j = face.width, face.height, person.jaw
    for side in (-1, 1):
        canvas.ellipse(side * (w + 0.006) + turn * 0.3, face.eyes_y + 0.035, 0.026, 0.042, shadow)
    outline = ((0, -h), (w * 0.62, -h * 0.86), (w * 0.98, -h * 0.3), (w * 0.97, h * 0.25), (w * j, h * 0.66))
    chin = ((w * 0.36 * j / 0.7, h * 0.97), (0, h * 1.03))
    right = (*outline, *chin)
    left = tuple((-x, y) for x, y in reversed(right[1:-1]))
    canvas.blob((*right, *left), person.skin)
    if person.age_group == "child":
        for side in (-1, 1):
            canvas.ellipse(side * w * 0.62 + turn, 0.095, 0.035, 0.024, mix(person.skin, (226, 92, 84), 0.25))


def _draw_eyes(canvas: Canvas, person: Person, face: Face, turn: float) -> None:
    y, size = face.eyes_y, face.eye
    feminine = person.gender == "feminine"
    line = against(person.skin, 0.9) if person.monk_skin_tone < 7 else BLACK
    brow = mix(person.hair, against(person.skin, 0.9), 0.5)
    for side in (-1, 1):
        x = side * 0.075 + turn
        canvas.ellipse(x, y, size * 1.2, size * 0.78, WHITE)
        canvas.ellipse(x + turn * 0.4, y, size * 0.6, size * 0.7, person.eyes)
        canvas.ellipse(x + turn * 0.4, y, size * 0.3, size * 0.34, BLACK)
        canvas.arc(x, y + 0.004, size * 1.25, size * 0.9, 190, 350, 0.015 if feminine else 0.008, line)
        if feminine:
            canvas.stroke(((x + side * size * 1.1, y - 0.006), (x + side * size * 1.65, y - 0.022)), 0.011, line)
        lift = size * 1.6 + 0.008
        points = ((x - side * 0.042, y - lift + 0.006), (x, y - lift - 0.008), (x + side * 0.046, y - lift + 0.008))
        canvas.stroke(points, person.brow, brow)


def _draw_nose_and_mouth(
    canvas: Canvas, person: Person, face: Face, shadow: Colour, turn: float, smile: float
) -> None:  # fmt: skip
    bottom = face.mouth_y - 0.05
    small = 0.75 if person.age_group == "child" else 1.0
    canvas.curve(((turn * 1.6 + 0.006, face.eyes_y + 0.02), (turn * 1.9 + 0.024 * small, bottom - 0.006),
                  (turn * 1.7, bottom), (turn * 1.5 - 0.018 * small, bottom - 0.006)), 0.010, shadow)  # fmt: skip
    y, half, x = face.mouth_y, 0.055 * (0.85 if person.age_group == "child" else 1.0), turn * 1.2
    dark = mix(against(person.skin, 0.6), (120, 30, 34), 0.5)
    if person.gender == "feminine":
        lips = mix(person.skin, (190, 36, 62), 0.72)
        canvas.blob(
            ((x - half, y - 0.008 * smile), (x - half * 0.4, y - 0.016), (x, y - 0.010),
            (x + half * 0.4, y - 0.016), (x + half, y - 0.008 * smile), (x + half * 0.45, y + 0.022),
            (x - half * 0.45, y + 0.022)), lips,
        )  # fmt: skip
        canvas.curve(((x - half, y - 0.006 * smile), (x, y + 0.004), (x + half, y - 0.006 * smile)), 0.007, dark)
    else:
        canvas.curve(
            ((x - half, y - 0.014 * smile), (x, y + 0.008 * smile), (x + half, y - 0.014 * smile)), 0.015, dark
        )


def _draw_wrinkles(canvas: Canvas, person: Person, face: Face, turn: float) -> None:
    line = against(person.skin, 0.38)
    for k in range(3):
        y = -face.height * 0.72 + 0.026 * k
        canvas.curve(((turn - 0.07, y), (turn, y - 0.008), (turn + 0.07, y)), 0.009, line)
    for side in (-1, 1):
        x = side * 0.055 + turn * 1.2
        canvas.curve(((x - side * 0.01, face.mouth_y - 0.055), (x + side * 0.022, face.mouth_y - 0.02),
                      (x + side * 0.02, face.mouth_y + 0.02)), 0.010, line)  # fmt: skip
        canvas.arc(side * 0.075 + turn, face.eyes_y + 0.012, 0.042, 0.034, 30, 150, 0.008, line)
        corner = side * 0.122 + turn
        canvas.stroke(((corner, face.eyes_y), (corner + side * 0.024, face.eyes_y - 0.014)), 0.008, line)
        canvas.stroke(((corner, face.eyes_y + 0.01), (corner + side * 0.024, face.eyes_y + 0.02)), 0.008, line)
