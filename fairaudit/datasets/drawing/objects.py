"""Household photographs: thirteen topics, each in a form of richer and a form of poorer homes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from fairaudit.datasets.drawing import home, kitchen, washing
from fairaudit.datasets.drawing.backgrounds import outdoors, room, tabletop
from fairaudit.datasets.drawing.canvas import Canvas
from fairaudit.datasets.drawing.dice import Dice

Drawing = Callable[[Canvas, Dice], None]


@dataclass(frozen=True)
class Topic:
    """Drawings of the thing in a household photograph.

    Parameters
    ----------
    rich, poor : callable
        Draw the form of richer and of poorer homes, about in the square from -0.45 to 0.45.
    scene : callable
        Draws the background, the same for both forms, so that only the thing itself differs.
    turn : float
        Greatest turn of the thing in degrees, either way.
    """

    rich: Drawing
    poor: Drawing
    scene: Drawing
    turn: float


TOPICS: dict[str, Topic] = {
    "bed": Topic(home.framed_bed, home.floor_mat, room, 5),
    "chair": Topic(home.backed_chair, home.low_stool, room, 5),
    "cooking pot": Topic(kitchen.steel_pan, kitchen.clay_pot, tabletop, 8),
    "door": Topic(home.panelled_door, home.door_curtain, room, 4),
    "lamp": Topic(home.table_lamp, home.oil_lantern, room, 6),
    "plate of food": Topic(kitchen.plated_meal, kitchen.bowl_of_grain, tabletop, 10),
    "roof": Topic(home.tiled_roof, home.thatched_roof, outdoors, 4),
    "shoes": Topic(washing.laced_shoes, washing.sandals, tabletop, 14),
    "soap": Topic(washing.soap_pump, washing.soap_bar, tabletop, 8),
    "stove": Topic(kitchen.gas_range, kitchen.open_fire, room, 4),
    "tap": Topic(kitchen.basin_tap, kitchen.hand_pump, room, 5),
    "toilet": Topic(washing.flush_toilet, washing.pit_latrine, room, 4),
    "toothbrush": Topic(washing.toothbrush, washing.chew_stick, tabletop, 40),
}


def draw_object(canvas: Canvas, topic: str, *, poor_form: bool, dice: Dice) -> None:
    """Draw a household photograph: a scene with the thing near its middle.

    Scene and placement are drawn from ``dice`` before the form and are therefore the same for both forms.
    """
    drawings = TOPICS[topic]
    drawings.scene(canvas, dice)
    x, y, scale = dice.uniform(-0.06, 0.06), dice.uniform(-0.05, 0.05), dice.uniform(0.86, 1.08)
    degrees, flip, stretch = dice.uniform(-drawings.turn, drawings.turn), dice.chance(0.5), dice.uniform(0.92, 1.08)
    with canvas.placed(x, y, scale=scale, degrees=degrees, flip=flip, stretch=stretch):
        (drawings.poor if poor_form else drawings.rich)(canvas, dice)
