r"""Effects of training data and of model size on a disparity, from audits of a crossed design.

Checkpoints were trained on one of two data sets, at two or more sizes, all else equal, and audited on the same
clusters. With :math:`\theta_{as}` the disparity for data :math:`a` at size :math:`s`, the statements are about

.. math:: D_s = \theta_{2s} - \theta_{1s}, \quad S_a = \theta_{a,\text{last}} - \theta_{a,\text{first}}, \quad
   D = \operatorname{mean}_s D_s, \quad S = \operatorname{mean}_a S_a, \quad S_2 - S_1, \quad |D| - |S| .

All are differences of two weighted sums of the cells, so the influence of a cluster on each is the same weighted sum of
its influences in the audits (``change``): the difficulty of a cluster for all models cancels. :math:`|D| > |S|` if and
only if :math:`D - S` and :math:`D + S` have the same sign, so data against size is tested like the size of a disparity:
both must differ from zero [1]_. All rows of a table share one error level by the method of ``change``.

**Trainings.** A cell with several trainings counts with their mean. The variance between trainings, pooled within
cells, is added; this assumes that trainings of different cells vary equally and independently (correlation through
shared seeds makes intervals conservative). With one training for each cell it is unknown, and every statement is about
these networks only.

References
----------
.. [1] Berger (1982), Technometrics 24, "Multiparameter hypothesis testing and acceptance sampling".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from fairaudit.comparison.change import judged, planned
from fairaudit.comparison.design import Cell, Design
from fairaudit.comparison.match import Pairing, Row, Side, Sums, pairing_of, why_not_paired
from fairaudit.comparison.paired_change import NOTHING_BETWEEN, Between, Change, estimate, not_estimable_change, why_not
from fairaudit.core.audit import AuditResult
from fairaudit.core.comparison import Influence
from fairaudit.core.influences import ROW_KEY, influence_at
from fairaudit.core.plan import ALPHA
from fairaudit.core.result import EFFECT_COLUMNS, IndicatorResult
from fairaudit.stats.outcomes import Floats

Weights = Mapping[Cell, float]


class Effect(NamedTuple):
    """A difference of two weighted sums of cells.

    Attributes
    ----------
    name, at : str
        ``data_against_size``, ``data``, ``size``, ``interaction``, ``data_at_size`` or ``size_at_data``; and the level
        at which the effect is measured, or empty.
    first, last : str
        Names of the two sums.
    before, after : mapping of (str, str) to float
        Weight of each cell in either sum.
    """

    name: str
    at: str
    first: str
    last: str
    before: Weights
    after: Weights


def effects_of(audits: Mapping[str, AuditResult], design: Design) -> pd.DataFrame:
    """Return the effects of data and size on every planned disparity.

    Parameters
    ----------
    audits : mapping of str to AuditResult
        By name of the checkpoint; those that the design does not name are left out.
    design : Design

    Returns
    -------
    DataFrame
        Columns ``EFFECT_COLUMNS``. ``value_before`` and ``value`` are the disparity (of the effect ``data``: at the
        first and the second data set, mean over sizes; and so on; of ``interaction`` the effect of size at either data
        set; of ``data_against_size`` those of size and of data), ``change`` their difference. ``verdict`` as in
        ``changes_of``; for ``data_against_size``, ``larger`` means that data moves the disparity more. ``between`` is
        the standard deviation from training to training, NaN with one for each cell.

    Raises
    ------
    ConfigError
        If the design names a checkpoint that is not among the audits.
    """
    design.check(audits)
    design_audits = {name: audits[name] for name in design.cells}
    changes: list[Change] = []
    for indicator, dataset in dict.fromkeys(
        (r.indicator, r.dataset) for a in design_audits.values() for r in a.results
    ):
        cells = _Cells.of(design_audits, design, indicator, dataset)
        for key in cells.planned:
            identity = {"indicator": indicator, "dataset": dataset, **dict(zip(ROW_KEY, key, strict=True))}
            changes += [change.with_columns(identity) for change in cells.changes(key)]
    judged_rows = judged(changes, EFFECT_COLUMNS, ALPHA)
    # An interaction has no size of its own that could become smaller or larger.
    claimed = (judged_rows["effect"] == "interaction") & judged_rows["verdict"].isin(["smaller", "larger"])
    judged_rows.loc[claimed, "verdict"] = "changed"
    return judged_rows


def effects(design: Design) -> Iterator[Effect]:
    """Yield every effect of the design, the main question first."""
    (data_1, data_2), sizes = design.data, design.sizes
    first, last, k = sizes[0], sizes[-1], len(sizes)
    data = {a: {(a, s): 1 / k for s in sizes} for a in (data_1, data_2)}
    size = {s: {(a, s): 0.5 for a in (data_1, data_2)} for s in (first, last)}
    grown = {a: {(a, last): 1.0, (a, first): -1.0} for a in (data_1, data_2)}
    moved = {
        cell: weight if cell[0] == data_2 else -weight for a in (data_1, data_2) for cell, weight in data[a].items()
    }
    by_size = {cell: weight if cell[1] == last else -weight for s in (first, last) for cell, weight in size[s].items()}
    yield Effect("data_against_size", "", "size", "data", by_size, moved)
    yield Effect("data", "", data_1, data_2, data[data_1], data[data_2])
    yield Effect("size", "", first, last, size[first], size[last])
    yield Effect("interaction", "", data_1, data_2, grown[data_1], grown[data_2])
    for s in sizes:
        yield Effect("data_at_size", s, data_1, data_2, {(data_1, s): 1.0}, {(data_2, s): 1.0})
    for a in (data_1, data_2):
        yield Effect("size_at_data", a, first, last, {(a, first): 1.0}, {(a, last): 1.0})


class _Cells:
    """One indicator on one data set in all audits of a design, each paired with the first."""

    def __init__(self, design: Design, results: Mapping[str, IndicatorResult], pairings: Mapping[str, Pairing],
                 reason: str) -> None:  # fmt: skip
        self._design, self._results, self._pairings, self._reason = design, results, pairings, reason

    @classmethod
    def of(cls, audits: Mapping[str, AuditResult], design: Design, indicator: str, dataset: str) -> _Cells:
        results = {
            name: result
            for name, audit in audits.items()
            for result in audit.results
            if (result.indicator, result.dataset) == (indicator, dataset)
        }
        base, pairings, reason = next(iter(audits)), dict[str, Pairing](), ""
        for name, audit in audits.items():
            obstacle = why_not_paired(audits[base], audit, indicator, dataset)
            pairing = pairing_of(audits[base], audit, indicator, dataset)
            reason = reason or (f"{name} and {base} cannot be paired: {obstacle}" if obstacle else "")
            if pairing is not None:
                pairings[name] = pairing
        return cls(design, results, pairings, reason)

    @property
    def planned(self) -> list[tuple[Any, ...]]:
        return list(dict.fromkeys(key for result in self._results.values() for key in planned(result.disparities)))

    def changes(self, key: tuple[Any, ...]) -> Iterator[Change]:
        """Yield each effect on one disparity."""
        measured, reason = self._measured(key)
        spread = _spread(self._design, {name: float(row["value"]) for name, (row, _, _) in measured.items()})
        for effect in effects(self._design):
            row = {"effect": effect.name, "at": effect.at, "baseline": effect.first, "checkpoint": effect.last,
                   "trainings": self._design.trainings, "between": spread[0]}  # fmt: skip
            change = not_estimable_change(reason) if reason else self._estimated(effect, measured, spread)
            yield change.with_columns(row)

    def _measured(self, key: tuple[Any, ...]) -> tuple[dict[str, tuple[Row, Influence, tuple[Sums, ...]]], str]:
        """Return row, influences and sums of each side by checkpoint, or the reason why there are none."""
        if self._reason:
            return {}, self._reason
        measured = {}
        for name, pairing in self._pairings.items():
            (at, first), (at_other, row) = (entry or (0, None) for entry in pairing.rows(key))
            if first is None or row is None:
                return {}, f"not among the planned comparisons of {name}"
            psi = [influence_at(r, i) for r, i in ((pairing.before, at), (pairing.after, at_other))]
            sides = pairing.sides(first)
            obstacle = why_not(first, row, psi, sides, which=(next(iter(self._pairings)), name))
            if obstacle or psi[1] is None:
                return {}, obstacle
            measured[name] = (row, psi[1], tuple(side.after for side in sides))
        return measured, ""

    def _estimated(
        self,
        effect: Effect,
        measured: Mapping[str, tuple[Row, Influence, tuple[Sums, ...]]],
        spread: tuple[float, float],
    ) -> Change:
        halves = [self._summed(weights, measured) for weights in (effect.before, effect.after)]
        (first, _, _), (second, _, _) = halves
        sides = [Side(*pair) for pair in zip(halves[0][2], halves[1][2], strict=True)]
        shared = next(iter(self._pairings.values())).shares_gallery(str(first["metric"]))
        between = NOTHING_BETWEEN
        if spread[1] > 0:
            n = {cell: len(self._design.checkpoints(cell)) for cell in self._design.grid}
            parts = [
                sum((effect.after.get(c, 0.0) + sign * effect.before.get(c, 0.0)) ** 2 / k for c, k in n.items())
                for sign in (-1, 1)
            ]
            between = Between(spread[0] ** 2 * parts[0], spread[0] ** 2 * parts[1], spread[1])
        averaged = max(sum(len(self._design.checkpoints(c)) for c in w) for w in (effect.before, effect.after)) > 1
        change = estimate(
            first, second, [halves[0][1], halves[1][1]], sides, shared=shared, between=between, averaged=averaged
        )
        columns = {"value_before": first["value"], "value": second["value"], "n": second["n"],
                   "n_clusters": second["n_clusters"], **change.columns}  # fmt: skip
        if effect.name == "interaction" and "p_value" in columns:
            columns["p_size"] = columns["p_value"]
        return change._replace(columns=columns)

    def _summed(
        self, weights: Weights, measured: Mapping[str, tuple[Row, Influence, tuple[Sums, ...]]]
    ) -> tuple[Row, Influence, tuple[Sums, ...]]:
        """Return the weighted sum of cells as if it were one measurement."""
        share = {
            name: weight / len(self._design.checkpoints(cell))
            for cell, weight in weights.items()
            for name in self._design.checkpoints(cell)
        }
        terms = [(w, *measured[name]) for name, w in share.items()]
        psi = Influence(np.concatenate([p.clusters for _, _, p, _ in terms]).astype(str),
                        np.concatenate([w * p.values for w, _, p, _ in terms]))  # fmt: skip
        psi = _once(psi)
        floors = [max(float(r["std_error"]) ** 2 - float(p.values @ p.values), 0.0) for _, r, p, _ in terms]
        floor = sum(abs(w) * np.sqrt(f) for (w, *_), f in zip(terms, floors, strict=True)) ** 2
        bad = next(((n, measured[n][0]) for n in share if measured[n][0]["status"] != "ok"), None)
        row = {
            **terms[0][1],
            "value": sum(w * float(r["value"]) for w, r, _, _ in terms),
            "std_error": float(np.sqrt(float(psi.values @ psi.values) + floor)),
            "df": float(np.fmin.reduce([r["df"] for _, r, _, _ in terms])),
            "status": bad[1]["status"] if bad else "ok",
            "note": f"{bad[0]}: {bad[1]['note']}" if bad else "",
        }
        sums = tuple(_mean_sums([(w, s[i]) for w, _, _, s in terms]) for i in range(len(terms[0][3])))
        return row, psi, sums


def _once(psi: Influence) -> Influence:
    """Return the influences with every cluster once."""
    clusters, code = np.unique(psi.clusters, return_inverse=True)
    return Influence(clusters, np.bincount(code, weights=psi.values).astype(np.float64))


def _mean_sums(parts: Sequence[tuple[float, Sums]]) -> Sums:
    """Return sums whose mean outcome by cluster is the weighted sum of those of ``parts``, all of the same clusters."""
    first = parts[0][1]
    above: Floats = np.sum([weight * sums.above for weight, sums in parts], axis=0)
    return Sums(first.clusters, first.n, above, first.below)


def _spread(design: Design, values: Mapping[str, float]) -> tuple[float, float]:
    """Return the pooled standard deviation within cells and its degrees of freedom; NaN and 0 without repeats."""
    groups = [[values[n] for n in design.checkpoints(cell) if n in values] for cell in design.grid]
    df = sum(len(group) - 1 for group in groups if group)
    if df <= 0:
        return float("nan"), 0.0
    squares = sum(((np.array(group) - np.mean(group)) ** 2).sum() for group in groups if group)
    return float(np.sqrt(squares / df)), float(df)
