"""Rows of the tables for features whose labels were drawn: one row from the rows of each labelling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy import stats

from fairaudit.core.contrasts import ContrastInference, Row, contrasts_of, family, gap_row, without
from fairaudit.core.drawn_labels import DrawnLabels, note_of
from fairaudit.core.estimates import Estimate, average
from fairaudit.core.gap import Gap
from fairaudit.core.intervals import t_interval
from fairaudit.core.outcomes import Mask, Outcomes
from fairaudit.core.result import STATUSES
from fairaudit.core.rubin import combine, pooled, pooled_together
from fairaudit.core.samples import NOT_RECORDED, Feature
from fairaudit.core.sufficiency import kind_of, status_of

_IDENTITY = ("metric", "feature", "control", "kind", "measure", "group", "reference", "family")
_NO_OMNIBUS = "no test of all groups at once is made where labels are drawn"


def contrasts_over(
    one: Outcomes, feature: Feature, draws: Sequence[dict[str, Mask]], *, primary: bool, whole: bool
) -> list[Row]:
    """Return the rows of ``contrasts_of`` over all labellings; of one labelling, its rows as they are.

    Gap and ratio are those of the combined group values; the omnibus test is not made.

    Parameters
    ----------
    one, feature, primary, whole
        As for ``contrasts_of``.
    draws : sequence (M) of mapping of str to ndarray of bool
        Rows of each group in each labelling; all have the same groups. Those that are not recorded are not compared.
    """
    draws = [{group: mask for group, mask in masks.items() if group != NOT_RECORDED} for masks in draws]
    if len(draws) == 1:
        return contrasts_of(one, feature, draws[0], primary=primary, whole=whole)
    rows = pooled_rows([contrasts_of(one, feature, masks, primary=primary, whole=False) for masks in draws])
    return rows + (_overall_rows(one, feature.name, draws) if whole and len(draws[0]) > 1 else [])


def pooled_rows(rows: Sequence[Sequence[Row]]) -> list[Row]:
    """Return the rows (R) of M labellings, (M, R), as one each; of one labelling, its rows as they are."""
    if len(rows) == 1:
        return list(rows[0])
    return [_pooled_row(of_row) for of_row in zip(*rows, strict=True)]


def worst(found: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Return the worst status and its reason: what may not be judged in one labelling is not judged at all."""
    status = max((status for status, _ in found), key=STATUSES.index)
    notes = [note for of_status, note in found if of_status == status]
    if len(found) == 1 or not notes[0]:
        return status, notes[0]
    return status, f"in {len(notes)} of {len(found)} draws of the labels: {notes[0]}"


def tell(rows: Sequence[Row], drawn: Mapping[str, DrawnLabels]) -> None:
    """Say in the rows of features whose labels were drawn (intersections too) that they were, and how many rows."""
    for row in rows:
        names = [name for name in str(row["feature"]).split(" & ") if name in drawn]
        if names and row.get("ci_method"):
            row["ci_method"] += f", labels drawn {len(drawn[names[0]])} times"
            row["note"] = "; ".join(part for part in (row["note"], note_of(drawn, names)) if part)


def _pooled_row(rows: Sequence[Row]) -> Row:
    status, note = worst([(row["status"], row["note"]) for row in rows])
    row = {name: rows[0][name] for name in _IDENTITY if name in rows[0]} | {"status": status, "note": note}
    row |= {name: np.rint(np.mean([one[name] for one in rows])) for name in ("n", "n_clusters")}
    if status == "not_estimable":
        return row
    value, std_error, df = combine(*([one[name] for one in rows] for name in ("value", "std_error", "df")))
    low, high = t_interval(value, std_error, df)
    row |= {"value": value, "ci_low": low, "ci_high": high, "ci_method": rows[0]["ci_method"],
            "std_error": std_error, "df": df}  # fmt: skip
    if status == "ok":
        row["p_value"] = 2 * stats.t.sf(abs(value) / std_error, max(df, 1.0))
    inferences = [one["inference"] for one in rows if "inference" in one]
    if inferences:
        row["inference"] = ContrastInference(
            pooled(*(each.first for each in inferences)),
            pooled(*(each.second for each in inferences)),
            pooled(*(each.contrast for each in inferences)),
            inferences[0].unit_interval,
        )
    return row


def _overall_rows(one: Outcomes, feature: str, draws: Sequence[dict[str, Mask]]) -> list[Row]:
    """Return gap and ratio over the groups that are large enough in every labelling, and why there is no test."""
    estimates: dict[str, list[Estimate]] = {g: [average(one, masks[g]) for masks in draws] for g in draws[0]}
    sure = [g for g, drawn in estimates.items() if worst([status_of(e, e.n_clusters) for e in drawn])[0] == "ok"]
    recorded = np.logical_or.reduce([masks[g] for g in sure for masks in draws] or [np.zeros(len(one.values), bool)])
    common = {"metric": one.metric, "feature": feature, "family": family(False), "status": "not_estimable"}
    counts = {"n": int(one.used(recorded).sum()), "n_clusters": one.n_clusters(recorded)}
    no_test = {**common, **counts, "kind": "omnibus", "measure": "", "note": _NO_OMNIBUS}
    bounded = one.unit_interval and one.labels is None
    measures = ("difference", "ratio") if bounded else ("difference",)
    if len(sure) < 2:
        why = "fewer than two groups are large enough to be compared"
        return [*({**common, **counts, "kind": "gap", "measure": m, "note": why} for m in measures), no_test]
    together = pooled_together([estimates[g] for g in sure])
    rows = []
    for measure in measures:
        row = gap_row(Gap(together, kind_of(one, drawn=True), measure, shared=True))
        status = "ok" if np.isfinite(row["value"]) else "not_estimable"
        rows.append({**common, **counts, "kind": "gap", "measure": measure, "status": status,
                     "note": without([g for g in estimates if g not in sure]), **row})  # fmt: skip
    return [*rows, no_test]
