"""``audit_outcomes``: an audit of a model's outcomes in a table, without the model and its images."""

from __future__ import annotations

import dataclasses
import hashlib
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from fairaudit.auditing.request import PAGE, audit_folder
from fairaudit.auditing.run import Audit, load_audit, provenance, with_digest
from fairaudit.auditing.tables import data_card
from fairaudit.core.audit import ModelCard
from fairaudit.core.comparison import Comparison
from fairaudit.core.document import save_audit
from fairaudit.core.errors import unknown_name
from fairaudit.core.plan import Plan, check_tolerance, read_plan
from fairaudit.core.progress import say
from fairaudit.core.result import CURVE_COLUMNS, IndicatorResult, table
from fairaudit.core.samples import SAMPLE_COLUMNS, SAMPLE_WEIGHT, Samples
from fairaudit.extraction.cache import user_folder
from fairaudit.stats.cohort import Cohort
from fairaudit.stats.contrasts import ALL_OTHERS
from fairaudit.stats.disparity import measure
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.verdicts import decide
from fairaudit.tabular.cells import ALONE
from fairaudit.tabular.frame import AVERAGES
from fairaudit.tabular.table import FeatureNames, OutcomeTable, read_outcome_table

#: Increment when a number of an audit of outcomes could change.
VERSION = "1.0"
_PACKAGES = ("numpy", "pandas", "scipy")
_ELSEWHERE = (
    "The outcomes were computed elsewhere: neither the model nor an image was seen. Where this page says image, it "
    "means a row of the table."
)


def audit_outcomes(
    source: str | Path | pd.DataFrame,
    *,
    outcomes: Sequence[str],
    features: FeatureNames,
    output: str | Path | None = None,
    overwrite: bool = False,
    unbounded: Sequence[str] = (),
    tolerance: float | None = None,
    average: Literal["micro", "macro"] = "micro",
    plan: Plan | str | Path | None = None,
    control_features: Sequence[str] = (),
    sample_weight: str = "",
) -> Audit:
    """Audit outcomes computed elsewhere, with the tables, verdicts and report of a checkpoint's audit.

    For every outcome and feature, each group against the rest and the slope of an ordered feature are tested. Holm's
    method limits the chance of any false *disparity* in the audit to 5 %.

    Parameters
    ----------
    source : str, Path or DataFrame
        A Parquet or CSV file, or its rows. Columns ``sample_id`` (unique), optionally ``cluster_id`` (rows of one
        person, household or source are not independent), and those named below.
    outcomes : sequence of str
        Columns of numbers in [0, 1] (0 and 1 for a miss and a hit), empty or NaN if not measured.
    features : sequence of str, or mapping of str to sequence or None
        Columns of groups: ``["gender", "income=low,middle,high"]`` or ``{"gender": None, "income": ["low", ...]}``,
        where the list is an order. A missing value is ``"not recorded"``. If annotators disagree, ``"gender"`` may mean
        columns of votes or probabilities, one for each group (``gender:woman``, ``gender:man``): labels are then drawn
        from them (imputation), and intervals include this uncertainty.
    output : str or Path, optional
        Folder for ``audit.json``, ``statistics.parquet``, ``influences.parquet`` and ``report.html``. Default: nothing
        is saved.
    overwrite : bool
        As in ``audit``.
    unbounded : sequence of str
        Outcomes that may lie outside [0, 1].
    tolerance : float, optional
        Largest negligible difference, in the unit of the outcome: in (0, 1), or any positive number if all outcomes
        are unbounded; for a step of an order, divided by the number of steps. Default: min(.05, min(p, 1 - p) / 2), p
        the mean of the outcome; none without bounds.
    average : {"micro", "macro"}
        Mean over rows, or mean over clusters of the mean within the cluster.
    plan : Plan or path, optional
        Planned comparisons, with outcomes as indicators. Default: the shipped plan.
    control_features : sequence of str
        Columns within whose values groups are compared too, and for whose distribution comparisons are standardised.
    sample_weight : str
        Column of row weights, such as one over the chance of being sampled: 0 or more, in any unit. A row of weight 0
        counts nowhere. Default: all rows count alike.

    Raises
    ------
    InputError
        If an argument cannot be used; nothing is written then.

    Examples
    --------
    >>> import pandas as pd
    >>> from fairaudit import audit_outcomes
    >>> rows = pd.DataFrame({"sample_id": range(400), "skin": ["dark", "light"] * 200, "hit": [1, 1, 0, 1] * 100})
    >>> audit = audit_outcomes(rows, outcomes=["hit"], features=["skin"])
    >>> audit.disparities.loc[[0], ["feature", "group", "reference", "value", "verdict"]]
      feature group reference  value    verdict
    0    skin  dark     light   -0.5  disparity
    """
    started, clock = datetime.now(UTC), time.perf_counter()
    outcomes, unbounded, control_features = (
        [n] if isinstance(n, str) else list(n) for n in (outcomes, unbounded, control_features)
    )
    folder = None if output is None else audit_folder(output, overwrite=overwrite)
    if folder is not None:
        folder.check()
    if average not in AVERAGES:
        raise unknown_name("average", average, AVERAGES)
    asked: dict[str, Any] = {
        "outcomes": outcomes, "unbounded": unbounded, "average": average, "control_features": control_features,
        "sample_weight": sample_weight, "tolerance": None if tolerance is None else float(tolerance),
    }  # fmt: skip
    rows = read_outcome_table(
        source, outcomes=outcomes, features=features, unbounded=unbounded, control_features=control_features,
        sample_weight=sample_weight,
    )  # fmt: skip
    for outcome in rows.outcomes:
        check_tolerance(f"tolerance of '{outcome}'", asked["tolerance"], bounded=outcome not in rows.unbounded)
    chosen = plan if plan is None or isinstance(plan, Plan) else read_plan(plan)
    name = "a DataFrame" if isinstance(source, pd.DataFrame) else Path(source).name
    orders = {f.name: list(f.groups) if f.ordered else None for f in rows.features}
    config: dict[str, Any] = {"source": name, "features": orders, **asked}
    digests = _digests(rows)
    if folder is not None and folder.check({**config, **digests, "plan": None if chosen is None else chosen.digest}):
        say(f"{output} holds this audit already: nothing changed")
        return load_audit(folder.path)
    audit = _audited(rows, config, chosen, digests)
    audit = with_digest(audit, started=started, seconds=time.perf_counter() - clock)
    if folder is not None:
        from fairaudit.reports.html import write

        with folder.replaced() as new:
            save_audit(audit, new)
            write(audit, new / PAGE)
    return audit


def _digests(rows: OutcomeTable) -> dict[str, str]:
    """Return digests of the outcomes and of their rows."""
    by_row = pd.DataFrame({"sample_id": rows.ids, "cluster_id": rows.clusters})
    if rows.weights is not None:
        by_row["sample_weight"] = rows.weights
    others = rows.controls.drop(columns=list(rows.groups), errors="ignore")
    return {
        "values": _digest(by_row[["sample_id"]].assign(**rows.outcomes)),
        "rows": _digest(pd.concat([by_row, rows.groups, others, *rows.votes.values()], axis=1)),
    }


def _audited(rows: OutcomeTable, config: dict[str, Any], chosen: Plan | None, digests: Mapping[str, str]) -> Audit:
    samples = _samples(rows, config)
    decided, plan = decide([_result(rows, samples, name, config) for name in rows.outcomes], chosen)
    model = ModelCard(
        name=config["source"],
        kind="outcomes",
        architecture="computed elsewhere",
        n_parameters=0,
        embedding_dim=0,
        digest=digests["values"],
        preprocessing={},
        notes=(_ELSEWHERE,),
    )
    return Audit(
        model=model,
        data=(data_card(samples, digest=digests["rows"]),),
        results=decided,
        failures=(),
        config=config,
        plan=plan,
        provenance=provenance(_PACKAGES, seed=0, cache=user_folder()),  # the seed of imputed labels
    )


def _samples(rows: OutcomeTable, config: dict[str, Any]) -> Samples:
    """Return the rows as samples without images."""
    columns: dict[str, Any] = dict.fromkeys(SAMPLE_COLUMNS, "")
    columns |= {"sample_id": rows.ids, "path": rows.ids, "cluster_id": rows.clusters}
    weighted = () if rows.weights is None else (f"Rows are weighted by the column '{config['sample_weight']}'.",)
    alone = "No cluster_id was given: every row counts as independent. Where rows are not, intervals are too narrow."
    if rows.weights is not None:
        columns[SAMPLE_WEIGHT] = rows.weights
    return Samples(
        name=rows.name,
        reader="outcomes",
        subject="outcomes",
        root=Path(),
        table=pd.DataFrame(columns, index=rows.ids.index).assign(**rows.groups),
        features=rows.features,
        cluster="cluster_id" if rows.clustered else "row",
        licence="as its source states",
        show_images=False,
        notes=(f"Read from {config['source']}.", *weighted, *(() if rows.clustered else (alone,))),
        uncertain=rows.votes,
    )


def _result(rows: OutcomeTable, samples: Samples, name: str, config: dict[str, Any]) -> IndicatorResult:
    values, tolerance = rows.outcomes[name], config["tolerance"]
    bounded = name not in rows.unbounded
    codes, _ = pd.factorize(rows.clusters)
    outcomes = Outcomes(name, values, np.asarray(codes), average=config["average"], unit_interval=bounded)
    cohort = Cohort.of(samples, name, control_features=config["control_features"], extra_controls={**rows.controls})
    measured = measure(cohort, [outcomes], headline=name, tolerance=tolerance)
    alone = [
        Comparison(metric=name, feature=f.name, kind="one_vs_rest", measure="difference", group=f.groups[0],
                   reference=ALL_OTHERS, family="primary", tolerance=np.nan if tolerance is None else tolerance,
                   note=ALONE, n=int((~np.isnan(values) & (samples.table[f.name] == f.groups[0])).sum()))
        for f in rows.features if len(f.groups) == 1
    ]  # fmt: skip
    measured = dataclasses.replace(measured, comparisons=(*measured.comparisons, *alone))
    kind = "Mean" if rows.weights is None else "Weighted mean"
    mean = "image" if config["average"] == "micro" else "cluster, each the mean of its rows"
    return IndicatorResult(
        indicator=name,
        version=VERSION,
        title=name.replace("_", " "),
        question=f"Does {name.replace('_', ' ')} differ between groups?",
        dataset=samples.name,
        headline=name,
        groups=measured.groups,
        disparities=measured.disparities,
        curves=table([], CURVE_COLUMNS),
        statistics=measured.statistics,
        params={"average": config["average"], "unbounded": [] if bounded else [name],
                "control_features": config["control_features"], "tolerance": tolerance,
                "n_measured": int((~np.isnan(values)).sum())},
        metrics={name: f"{kind} of the column '{name}', which was computed elsewhere, over every {mean}."},
        warnings=(*_warnings(name, values, bounded=bounded, tolerance=tolerance), *measured.warnings),
        comparisons=measured.comparisons,
    )  # fmt: skip


def _warnings(name: str, values: np.ndarray[Any, Any], *, bounded: bool, tolerance: float | None) -> tuple[str, ...]:
    warnings = ["The table does not say whether a high value is good or bad."]
    missing = int(np.isnan(values).sum())
    if missing:
        warnings.append(f"{missing:,} of {len(values):,} rows have no number in '{name}' and count nowhere in it.")
    if not bounded:
        width = (
            "no difference counts as negligible"
            if tolerance is None
            else f"the tolerance of {tolerance:g} is in its unit"
        )
        warnings.append(f"'{name}' has no bounds: intervals are t intervals, and {width}.")
    return tuple(warnings)


def _digest(frame: pd.DataFrame) -> str:
    """Return the SHA-256 of the rows, independent of their order and file format."""
    text = frame.sort_values("sample_id", kind="stable").to_csv(index=False, lineterminator="\n")
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
