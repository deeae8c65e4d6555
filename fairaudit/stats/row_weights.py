"""Sentences about row weights: the effective sample size of a result, and groups without weight."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from fairaudit.core.weights import effective_size
from fairaudit.stats.outcomes import Mask, Outcomes
from fairaudit.stats.status import NOT_MEASURED

NO_WEIGHT = "no image with a weight above 0 was measured in this group, so its effective size is 0"


def weight_warnings(outcomes: Outcomes, groups: Mapping[str, Mask]) -> tuple[str, ...]:
    """Return a sentence on Kish's effective size, of all rows and of the group that loses most; none without weights.

    Parameters
    ----------
    outcomes : Outcomes
        The headline.
    groups : mapping of str to ndarray of bool, shape (N,)
        Rows of each group, by its name in the sentence.
    """
    if outcomes.weights is None:
        return ()
    weights = np.where(outcomes.measured, outcomes.weights, 0.0)
    counted = {name: weights[mask & (weights > 0)] for name, mask in groups.items()}
    kept = {name: effective_size(of_group) / len(of_group) for name, of_group in counted.items() if len(of_group)}
    least = min(kept, key=lambda name: kept[name], default=None)
    used = weights[weights > 0]
    lost = (
        "" if least is None else f", of {least} {len(counted[least]):,} like {kept[least] * len(counted[least]):,.1f}"
    )
    return (
        f"Rows are weighted: for {outcomes.metric}, {len(used):,} rows count like {effective_size(used):,.1f} rows of "
        f"equal weight (Kish's effective size){lost}.",
    )


def without_weight(note: str) -> str:
    """Return the note of a row of weighted outcomes: a group may lack measured rows because their weights are 0."""
    return note.replace(NOT_MEASURED, NO_WEIGHT)
