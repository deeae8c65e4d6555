"""Influences of clusters, to and from the saved table, for the paired comparison of two audits."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.comparison import Comparison, Influence
from fairaudit.core.result import INFLUENCE_COLUMNS, IndicatorResult, table

#: Key of a disparity row within a result.
ROW_KEY = ("metric", "feature", "control", "kind", "measure", "group", "reference")


def influence_table(results: Sequence[IndicatorResult]) -> pd.DataFrame:
    """Return the influences of the primary rows of all results, columns ``INFLUENCE_COLUMNS``; texts as categories.

    A comparison of audits tests only planned rows, and exploratory ones would need more room than the outcomes.
    """
    primary = [
        (result, row, row.influence())
        for result in results
        for row, family in zip(result.comparisons, result.disparities["family"], strict=bool(result.comparisons))
        if family == "primary" and row.influence is not None
    ]
    if not primary:
        return table([], INFLUENCE_COLUMNS)
    lengths = [len(influence.values) for _, _, influence in primary]
    texts = {name: [getattr(result, name) for result, _, _ in primary] for name in ("dataset", "indicator")}
    texts |= {name: [getattr(row, name) for _, row, _ in primary] for name in ROW_KEY}
    columns: dict[str, Any] = {name: _repeated(values, lengths) for name, values in texts.items()}
    columns["cluster"] = _together([influence.clusters for _, _, influence in primary])
    columns["influence"] = np.concatenate([influence.values for _, _, influence in primary])
    return pd.DataFrame(columns, columns=list(INFLUENCE_COLUMNS), copy=False)


def _repeated(texts: Sequence[str], lengths: Sequence[int]) -> Any:
    codes, names = pd.factorize(np.array(texts, dtype=object))
    codes = codes.astype(np.min_scalar_type(-len(names)))  # as small as can be: there may be millions
    # Most columns have one text, which needs no array of its own.
    repeated = np.repeat(codes, lengths) if len(names) > 1 else np.broadcast_to(codes[:1], sum(lengths))
    return pd.Categorical.from_codes(repeated, categories=pd.Index(names))


def _together(parts: Sequence[npt.NDArray[Any]]) -> Any:
    """Return all parts as one; each array is read once, however often it occurs."""
    arrays = {id(part): part for part in parts}
    codes, names = pd.factorize(np.concatenate([*arrays.values()]))
    ends = np.cumsum([len(array) for array in arrays.values()])
    codes_of = dict(zip(arrays, np.split(codes.astype(np.int32), ends[:-1]), strict=True))
    return pd.Categorical.from_codes(np.concatenate([codes_of[id(part)] for part in parts]), categories=pd.Index(names))


def influence_at(result: IndicatorResult, position: int) -> Influence | None:
    """Return the influences on a row of the result's disparities; None if they are not known."""
    influence = result.comparisons[position].influence if result.comparisons else None
    return None if influence is None else influence()


def with_influences(disparities: pd.DataFrame, saved: pd.DataFrame) -> tuple[Comparison, ...]:
    """Return the rows of a table of disparities with their saved influences; the inverse of ``influence_table``."""
    clusters, values = saved["cluster"].to_numpy(object), saved["influence"].to_numpy(np.float64)
    known = {
        key: Influence(clusters[rows], values[rows])
        for key, rows in saved.groupby(list(ROW_KEY), sort=False).indices.items()
    }
    fields = {field.name for field in dataclasses.fields(Comparison)}
    found = []
    for row in disparities.to_dict("records"):
        influence = known.get(tuple(row[name] for name in ROW_KEY))
        own = {str(name): value for name, value in row.items() if name in fields}
        own |= {name: int(np.nan_to_num(own[name])) for name in ("n", "n_clusters")}
        found.append(Comparison(**own, influence=None if influence is None else _Saved(influence)))
    return tuple(found)


@dataclass(frozen=True)
class _Saved:
    """A saved influence, in the form of one that is computed when it is needed."""

    influence: Influence

    def __call__(self) -> Influence:
        return self.influence
