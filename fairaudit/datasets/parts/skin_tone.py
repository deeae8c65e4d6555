"""Skin tones on the recorded scale, Fitzpatrick's or Monk's, without conversion between the two."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from fairaudit.core.samples import NOT_RECORDED, Feature

LIGHTER, DARKER = "lighter", "darker"
#: Fitzpatrick's types and Monk's tones, from light to dark.
FITZPATRICK = tuple(map(str, range(1, 7)))
MONK = tuple(map(str, range(1, 11)))
_GROUP = {number: LIGHTER if int(number) <= 3 else DARKER for number in FITZPATRICK}
_ROMAN = {"i": "1", "ii": "2", "iii": "3", "iv": "4", "v": "5", "vi": "6"}


def fitzpatrick_type(types: Iterable[object]) -> list[str]:
    """Return Fitzpatrick's types 1 to 6, from ``3``, ``"3"``, ``"III"`` or ``"type iii"``; else ``not recorded``."""
    return [_step(cell, FITZPATRICK, "type") for cell in types]


def monk_tone(tones: Iterable[object]) -> list[str]:
    """Return Monk's tones 1 to 10, from ``3``, ``"3"`` or ``"scale 3"``; else ``not recorded``."""
    return [_step(tone, MONK, "scale") for tone in tones]


def fitzpatrick_group(types: Iterable[object]) -> npt.NDArray[np.str_]:
    """Return ``lighter`` for Fitzpatrick's types 1 to 3, ``darker`` for 4 to 6, else ``not recorded``.

    References
    ----------
    Goyal et al. (2022), arXiv:2202.07603, table 4.
    """
    return np.array([_GROUP.get(number, NOT_RECORDED) for number in fitzpatrick_type(types)], dtype=np.str_)


def fitzpatrick_features(source: str) -> tuple[Feature, Feature]:
    """Return ``fitzpatrick_type`` and its two published bins, the exploratory ``skin_tone``; see ``monk_feature``."""
    return (
        Feature("fitzpatrick_type", FITZPATRICK, "annotated", f"Fitzpatrick's types, light to dark; {source}", True),
        Feature("skin_tone", (LIGHTER, DARKER), "annotated", f"Fitzpatrick types 1-3 and 4-6; {source}", ordered=True,
                exploratory=True),
    )  # fmt: skip


def monk_feature(source: str) -> Feature:
    """Return ``monk_skin_tone``; ``source`` names the annotators."""
    return Feature("monk_skin_tone", MONK, "annotated", f"Monk Skin Tone, light to dark; {source}", ordered=True)


def _step(value: object, steps: tuple[str, ...], word: str) -> str:
    text = "" if value is None else str(value).casefold().removeprefix(word).strip()
    text = _ROMAN.get(text, text) if steps is FITZPATRICK else text
    return text if text in steps else NOT_RECORDED
