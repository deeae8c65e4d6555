"""Saved statistics as ``ClusterSums``: replicates of group values without the rows, of several audits at once.

Audits become the columns of one ``ClusterSums``, so that every replicate gives a cluster the same weight in all of
them: the difference between two columns is a replicate of the change.

>>> import pandas as pd
>>> from fairaudit import audit_outcomes
>>> from fairaudit.core.resampling import resample
>>> rows = pd.DataFrame({"sample_id": range(400), "skin": ["dark", "light"] * 200, "hit": [1, 1, 0, 1] * 100})
>>> better = rows.assign(hit=[1, 1, 1, 1] * 50 + [1, 1, 0, 1] * 50)
>>> audits = [audit_outcomes(table, outcomes=["hit"], features=["skin"]) for table in (rows, better)]
>>> sums = saved_sums([audit.result("hit").statistics for audit in audits], metric="hit", feature="skin")
>>> sums.groups, sums.group_values()
(('dark', 'light'), array([[0.5 , 0.75],
       [1.  , 1.  ]]))
>>> dark, light = resample(sums, n_resamples=2000, seed=0).transpose(1, 2, 0)
>>> change = (dark - light)[1] - (dark - light)[0]
>>> print(f"{change.mean():.2f} +- {change.std():.2f}")
0.25 +- 0.03
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import pandas as pd

from fairaudit.core.errors import ConfigError, DataError, unknown_name
from fairaudit.core.resampling import ClusterSums


def saved_sums(
    statistics: Sequence[pd.DataFrame], *, metric: str, feature: str, gallery: Literal["refuse", "fixed"] = "refuse"
) -> ClusterSums:
    """Return the sums of one metric by the groups of one feature, a column for each audit.

    They are ratios already, so that ``resample`` is to be called with ``average="micro"``, its default, also where
    the audit averaged over clusters. Replicates of the AUROC are right to first order (``statistics``).

    Parameters
    ----------
    statistics : sequence of DataFrame
        ``IndicatorResult.statistics`` of one indicator on the same data, at least one.
    metric, feature : str
        As in the tables; ``"overall"`` is the feature whose one group is everything.
    gallery : {"refuse", "fixed"}
        Where outcomes share a gallery a cluster acts twice, and these replicates weight it in one role only.
        ``"fixed"`` takes them all the same: they are conditional on this gallery, and far too narrow for another.

    Raises
    ------
    ConfigError
        If there is no table, or it does not have the metric or the feature.
    DataError
        If the tables do not have the same clusters in the same groups, or outcomes share a gallery.
    """
    if not statistics:
        raise ConfigError("statistics must be of at least one audit; got none. Give result.statistics of each.")
    if gallery not in ("refuse", "fixed"):
        raise unknown_name("gallery", gallery, ("refuse", "fixed"))
    tables = [_rows(frame, metric, feature, gallery) for frame in statistics]
    groups = tuple(dict.fromkeys(tables[0].index.get_level_values("group")))
    for i, one in enumerate(tables[1:], 2):
        lost = one.index.symmetric_difference(tables[0].index)
        if len(lost):
            raise DataError(
                f"statistics of audit {i} must have the clusters and groups of audit 1; got {len(lost):,} that are in "
                "one of them only. Leave what only one could measure out of both."
            )
    first = tables[0]
    codes = np.unique(first.index.get_level_values("cluster").to_numpy(str), return_inverse=True)[1].astype(np.int64)
    of_group = {name: code for code, name in enumerate(groups)}
    group = np.array([of_group[name] for name in first.index.get_level_values("group")], dtype=np.int64)
    order = np.lexsort((group, codes))
    above, below = (
        np.stack([one.loc[first.index, column].to_numpy(np.float64) for one in tables], axis=1)[order]
        for column in ("numerator", "denominator")
    )
    return ClusterSums(groups, codes[order], group[order], above, below)


def _rows(frame: pd.DataFrame, metric: str, feature: str, gallery: str) -> pd.DataFrame:
    """Return numerator and denominator of the measured clusters by group and cluster."""
    for name, wanted in (("metric", metric), ("feature", feature)):
        if wanted not in set(frame[name]):
            raise unknown_name(f"{name} of the statistics", wanted, map(str, frame[name].unique()))
        frame = frame[frame[name] == wanted]
    if gallery == "refuse" and (frame["gallery"] != 0).any():
        raise DataError(
            f"statistics of '{metric}' must not share a gallery, where a cluster acts twice; they do. "
            "Use the saved influences, or gallery='fixed' for replicates that hold for this gallery only."
        )
    return frame[frame["denominator"] > 0].set_index(["group", "cluster"])
