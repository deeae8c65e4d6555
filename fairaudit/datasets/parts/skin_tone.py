"""Skin types on Fitzpatrick's scale as the two groups of the published protocol; no other scale is converted to it."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from fairaudit.core.samples import NOT_RECORDED, Feature

LIGHTER, DARKER = "lighter", "darker"
_GROUP = {str(number): LIGHTER if number <= 3 else DARKER for number in range(1, 7)}


def fitzpatrick_group(types: Iterable[object]) -> npt.NDArray[np.str_]:
    """Return ``lighter`` for Fitzpatrick's types 1 to 3, ``darker`` for 4 to 6, and ``not recorded`` for all else.

    Parameters
    ----------
    types : iterable
        Numbers or texts, as a table has them; a missing one is None or an empty text.

    References
    ----------
    Goyal et al. (2022), arXiv:2202.07603, table 4.
    """
    return np.array([_GROUP.get("" if one is None else str(one).strip(), NOT_RECORDED) for one in types], dtype=np.str_)


def fitzpatrick_feature(source: str) -> Feature:
    """Return the feature whose groups ``fitzpatrick_group`` gives; ``source`` says who annotated the types."""
    return Feature(
        "skin_tone", (LIGHTER, DARKER), "annotated", f"Fitzpatrick types 1-3 and 4-6; {source}", ordered=True
    )
