"""``HeldOut``: accuracy on images that took no part in fitting, by cluster and by label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.files import json_value
from fairaudit.core.result import GROUP_COLUMNS, table
from fairaudit.core.text import one_line
from fairaudit.stats.estimates import average
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.status import group_row, not_estimable

METRIC, OVERALL, LABEL = "accuracy", "overall", "label"

# Legend of shape suffixes: N rows.


@dataclass(frozen=True)
class HeldOut:
    """Accuracy on the held-out images of one split.

    Parameters
    ----------
    seed : int
        Of the split.
    rows : DataFrame
        As ``groups`` of an indicator's result: the first row is of all held-out images, each other row of one label.
        A value is the share of images with the right label, in [0, 1]; its interval counts clusters.
    """

    seed: int
    rows: pd.DataFrame

    @classmethod
    def of(
        cls, right_N: npt.NDArray[np.bool_], y_N: npt.NDArray[np.str_], clusters: Sequence[str], *, seed: int,
        classes: Sequence[str],
    ) -> HeldOut:  # fmt: skip
        """Return the accuracy on held-out images with the labels ``y_N``, of which ``right_N`` are predicted correctly.

        Parameters
        ----------
        right_N, y_N : ndarray of bool, ndarray of str, shape (N,)
        clusters : sequence of str
            Length N; empty if every image is its own cluster.
        seed : int
            Of the split.
        classes : sequence of str
            Every known label, also those without held-out images.
        """
        codes_N = pd.factorize(np.asarray(clusters, dtype=object))[0] if len(clusters) else np.arange(len(y_N))
        outcomes = Outcomes(METRIC, right_N.astype(np.float64), codes_N.astype(np.int64))
        note = "no image with this label was held out" if len(y_N) else "nothing was held out"
        masks = [(OVERALL, OVERALL, np.ones(len(y_N), dtype=bool)), *((LABEL, c, y_N == c) for c in classes)]
        rows = [
            group_row(outcomes.metric, feature, group, average(outcomes, mask_N))
            if mask_N.any()
            else not_estimable(METRIC, feature, group, note)
            for feature, group, mask_N in masks
        ]
        return cls(seed, table(rows, GROUP_COLUMNS))

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> HeldOut:
        """Return the ``HeldOut`` of a ``to_json``; KeyError, TypeError or ValueError for other values."""
        return cls(int(values["seed"]), table(list(values["rows"]), GROUP_COLUMNS))

    @property
    def overall(self) -> pd.Series:
        """The row of all held-out images."""
        return self.rows.iloc[0]

    @property
    def n(self) -> int:
        """Number of held-out images."""
        return int(self.overall["n"])

    @property
    def value(self) -> float:
        """Share of held-out images with the right label, in [0, 1]; NaN if none was held out."""
        return float(self.overall["value"])

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of ``value``; NaN, NaN if nothing was held out."""
        return float(self.overall["ci_low"]), float(self.overall["ci_high"])

    def to_json(self) -> dict[str, Any]:
        """Return seed and rows as JSON values."""
        return {"seed": self.seed, "rows": json_value(self.rows.to_dict("records"))}


def lines(splits: Sequence[HeldOut]) -> list[str]:
    """Return the lines of a terminal: accuracy with its interval, its spread over ``splits``, and one line a label.

    Numbers and labels are those of the first split; there is at least one.
    """
    first = splits[0]
    texts = [f"accuracy {_shown(first.overall)}"]
    if len(splits) > 1:
        values = [split.value for split in splits]
        texts.append(
            f"over {len(splits)} splits: mean {np.mean(values):.3f}, standard deviation {np.std(values, ddof=1):.3f}, "
            f"from {min(values):.3f} to {max(values):.3f}"
        )
    labels = first.rows.iloc[1:]
    names = [one_line(str(label)) for label in labels["group"]]
    width = max(map(len, names), default=0)
    return texts + [
        f"  {label:<{width}}  {_shown(row)}" for label, (_, row) in zip(names, labels.iterrows(), strict=True)
    ]


def _shown(row: pd.Series) -> str:
    if np.isnan(row["value"]):
        return f"not estimable: {row['note']}"
    few = "" if row["status"] == "ok" else f"; too few: {row['note']}"
    return (
        f"{row['value']:.3f} ({row['ci_low']:.3f} to {row['ci_high']:.3f}), n {int(row['n']):,}, "
        f"{int(row['n_clusters']):,} cluster{'' if row['n_clusters'] == 1 else 's'}{few}"
    )
