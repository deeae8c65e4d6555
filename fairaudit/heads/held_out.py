"""``HeldOut``: how often images that took no part in fitting got their own label, by cluster and by label."""

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
_NOTHING, _NOT_THIS = "nothing was held out", "no image with this label was held out"

# Legend of shape suffixes: N rows.


@dataclass(frozen=True)
class HeldOut:
    """Accuracy on the held-out images of one split.

    Parameters
    ----------
    seed : int
        Of the split.
    rows : DataFrame
        As ``groups`` of an indicator's result: the first row is of all held-out images, the others are one a label. A
        value is the share of images with the right label, in [0, 1]; its interval counts clusters.
    """

    seed: int
    rows: pd.DataFrame

    @classmethod
    def of(
        cls, right_N: npt.NDArray[np.bool_], y_N: npt.NDArray[np.str_], clusters: Sequence[str], *, seed: int,
        classes: Sequence[str],
    ) -> HeldOut:  # fmt: skip
        """Return the rows of held-out images, of which ``right_N`` got their own label ``y_N``.

        Parameters
        ----------
        right_N : ndarray of bool, shape (N,)
        y_N : ndarray of str, shape (N,)
        clusters : sequence of str
            Length N; empty where every image stands for itself.
        seed : int
            Of the split.
        classes : sequence of str
            Every label that is known, also those of which nothing was held out.
        """
        if not len(y_N):
            labels = [not_estimable(METRIC, LABEL, label, _NOTHING) for label in classes]
            return cls(seed, table([not_estimable(METRIC, OVERALL, OVERALL, _NOTHING), *labels], GROUP_COLUMNS))
        codes_N = pd.factorize(np.asarray(clusters, dtype=object))[0] if len(clusters) else np.arange(len(y_N))
        one = Outcomes(METRIC, right_N.astype(np.float64), codes_N.astype(np.int64))
        rows = [group_row(one, OVERALL, OVERALL, average(one, np.ones(len(y_N), dtype=bool)))]
        for label in classes:
            own_N = y_N == label
            rows.append(
                group_row(one, LABEL, label, average(one, own_N))
                if own_N.any()
                else not_estimable(METRIC, LABEL, label, _NOT_THIS)
            )
        return cls(seed, table(rows, GROUP_COLUMNS))

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> HeldOut:
        """Return what ``to_json`` gave; KeyError, TypeError or ValueError if it is something else."""
        return cls(int(values["seed"]), table(list(values["rows"]), GROUP_COLUMNS))

    @property
    def overall(self) -> pd.Series:
        """The row of all held-out images."""
        return self.rows.iloc[0]

    @property
    def n(self) -> int:
        """Images that were held out."""
        return int(self.overall["n"])

    @property
    def value(self) -> float:
        """Share of held-out images with the right label, in [0, 1]; NaN where none was held out."""
        return float(self.overall["value"])

    @property
    def interval(self) -> tuple[float, float]:
        """The 95 % interval of ``value``; NaN, NaN where nothing was held out."""
        return float(self.overall["ci_low"]), float(self.overall["ci_high"])

    def to_json(self) -> dict[str, Any]:
        """Return seed and rows as JSON values."""
        return {"seed": self.seed, "rows": json_value(self.rows.to_dict("records"))}


def lines(splits: Sequence[HeldOut]) -> list[str]:
    """Return what a terminal shows: accuracy with its interval, its spread over the splits, and a line a label.

    Numbers and labels are those of the first split; there is at least one.
    """
    first = splits[0]
    said = [f"accuracy {_shown(first.overall)}"]
    if len(splits) > 1:
        values = [one.value for one in splits]
        said.append(
            f"over {len(splits)} splits: mean {np.mean(values):.3f}, standard deviation {np.std(values, ddof=1):.3f}, "
            f"from {min(values):.3f} to {max(values):.3f}"
        )
    labels = first.rows.iloc[1:]
    names = [one_line(str(label)) for label in labels["group"]]
    width = max(map(len, names), default=0)
    return said + [
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
