r"""Multiple imputation of uncertain group labels: draws by their probabilities, and estimates combined over draws.

With estimates :math:`\hat\theta_m` and variances :math:`\hat V_m` of :math:`M` labellings of the same rows, Rubin's
rules [1]_ give

.. math:: \bar\theta = \frac1M\sum_m \hat\theta_m, \qquad T = \bar V + \left(1 + \frac1M\right) B, \qquad
   B = \frac{1}{M-1} \sum_m (\hat\theta_m - \bar\theta)^2

With :math:`\gamma = (1 + 1/M) B / T` and the degrees of freedom :math:`\nu` that certain labels would have, those
of the t distribution are :math:`(1/\nu_M + 1/\nu_\text{obs})^{-1}`, where :math:`\nu_M = (M - 1)/\gamma^2` and
:math:`\nu_\text{obs} = \frac{\nu + 1}{\nu + 3}\, \nu\, (1 - \gamma)` [2]_.

Labels are imputed without regard to the outcome. For independently sampled rows :math:`\bar V` then already includes
the noise of the labels once, so the interval is conservative for the average of the draws.

Shape suffixes: N rows, G or K groups of one feature, M draws.

References
----------
.. [1] Rubin (1987), "Multiple Imputation for Nonresponse in Surveys", section 3.3.
.. [2] Barnard and Rubin (1999), "Small-sample degrees of freedom with multiple imputation", Biometrika 86(4).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import stats

from fairaudit.core.result import STATUSES
from fairaudit.core.samples import NOT_RECORDED, Feature, Samples
from fairaudit.stats.contrasts import ContrastInference, Row, contrasts_of, family, gap_row, without
from fairaudit.stats.estimates import Estimate, average
from fairaudit.stats.gap import Gap
from fairaudit.stats.intervals import t_interval
from fairaudit.stats.outcomes import Floats, Mask, Outcomes
from fairaudit.stats.status import kind_of, status_of

#: Number of labellings; the standard error of the spread between them is 16 % (1 / sqrt(2 * 19)).
DRAWS = 20


@dataclass(frozen=True)
class ImputedLabels:
    """The groups of one feature in M imputed labellings.

    Parameters
    ----------
    groups : tuple of str
    codes : ndarray of int, shape (M, N)
        Position in ``groups`` of each row's group in each draw; -1 where it is not recorded.
    uncertain : float
        Share of the recorded rows that could be of more than one group, in (0, 1].
    """

    groups: tuple[str, ...]
    codes: npt.NDArray[np.int16]
    uncertain: float

    def __len__(self) -> int:
        return len(self.codes)

    def column(self, draw: int) -> npt.NDArray[Any]:
        """Return the group of each row in one draw, as text."""
        column: npt.NDArray[Any] = np.array([*self.groups, NOT_RECORDED], dtype=str)[self.codes[draw]]
        return column


def impute_labels(samples: Samples, *, draws: int = DRAWS, seed: int = 0) -> dict[str, ImputedLabels]:
    """Return the imputed labels of each feature that has a row with more than one possible group.

    The rows of a cluster share one draw if their probabilities are equal: the group is the person's, and a draw for
    each image would count one uncertainty several times. In other clusters each row is drawn by itself. Draws depend on
    the seed, the feature's name and the ids, not on the order of the rows or on other features.
    """
    clusters = samples.table["cluster_id"].to_numpy(str)
    ids = samples.table["sample_id"].to_numpy(str)
    imputed = {}
    for name, shares in samples.uncertain.items():
        shares_NG = shares.to_numpy(np.float64, na_value=np.nan)
        known = ~np.isnan(shares_NG).any(axis=1)
        doubtful = (shares_NG[known] < 1).all(axis=1)
        if doubtful.any():
            codes = np.full((draws, len(shares_NG)), -1, dtype=np.int16)
            rng = np.random.default_rng([seed, *name.encode()])
            codes[:, known] = _codes(shares_NG[known], clusters[known], ids[known], draws, rng)
            imputed[name] = ImputedLabels(samples.feature(name).groups, codes, float(doubtful.mean()))
    return imputed


def _codes(
    shares_NG: Floats, clusters: npt.NDArray[Any], ids: npt.NDArray[Any], draws: int, rng: np.random.Generator
) -> npt.NDArray[np.int16]:
    names, cluster = np.unique(clusters, return_inverse=True)
    _, kind = np.unique(shares_NG, axis=0, return_inverse=True)
    lowest, highest = np.full(len(names), len(shares_NG)), np.full(len(names), -1)
    np.minimum.at(lowest, cluster, kind.ravel())
    np.maximum.at(highest, cluster, kind.ravel())
    place = np.argsort(np.argsort(ids, kind="stable"), kind="stable")
    unit = np.where((lowest == highest)[cluster], cluster, len(names) + place)
    ends_NG = np.cumsum(shares_NG, axis=1)
    ends_NG /= ends_NG[:, -1:]  # exactly 1, so that no draw lies behind the last group
    codes = np.empty((draws, len(shares_NG)), dtype=np.int16)
    for draw in range(draws):
        uniform = rng.random(len(names) + len(shares_NG))[unit]
        codes[draw] = (uniform[:, None] >= ends_NG).sum(axis=1)
    return codes


def label_warnings(drawn: Mapping[str, ImputedLabels]) -> tuple[str, ...]:
    """Return a warning for each feature with imputed labels."""
    return tuple(
        f"{note_of(drawn, [name])}: they were drawn {len(labels)} times by their probabilities, and intervals include "
        "that. Some drawn labels are wrong, which brings groups closer together than they are, and this is not "
        "corrected: a true difference may exceed its interval, also if the verdict is within_tolerance."
        for name, labels in drawn.items()
    )


def note_of(drawn: Mapping[str, ImputedLabels], features: Collection[str]) -> str:
    """Return the note of a row of ``features``; empty if none of them was imputed."""
    known = [(name, 100 * drawn[name].uncertain) for name in features if name in drawn]
    return "; ".join(f"{percent:.1f} % of the labels of {name} are uncertain" for name, percent in known)


_IDENTITY = ("metric", "feature", "control", "kind", "measure", "group", "reference", "family")
_NO_OMNIBUS = "no test of all groups at once is made where labels are drawn"


def contrasts_over(
    outcomes: Outcomes, feature: Feature, draws: Sequence[dict[str, Mask]], *, primary: bool, whole: bool
) -> list[Row]:
    """Return the rows of ``contrasts_of``, combined over all labellings.

    Gap and ratio come from the combined group values; there is no omnibus test.

    Parameters
    ----------
    outcomes, feature, primary, whole
        As for ``contrasts_of``.
    draws : sequence (M) of mapping of str to ndarray of bool
        Rows of each group in each labelling; all have the same groups. Those that are not recorded are not compared.
    """
    draws = [{group: mask for group, mask in masks.items() if group != NOT_RECORDED} for masks in draws]
    if len(draws) == 1:
        return contrasts_of(outcomes, feature, draws[0], primary=primary, whole=whole)
    rows = pooled_rows([contrasts_of(outcomes, feature, masks, primary=primary, whole=False) for masks in draws])
    return rows + (_overall_rows(outcomes, feature.name, draws) if whole and len(draws[0]) > 1 else [])


def pooled_rows(rows: Sequence[Sequence[Row]]) -> list[Row]:
    """Return the R rows of M labellings, (M, R), combined into R rows."""
    if len(rows) == 1:
        return list(rows[0])
    return [_pooled_row(of_row) for of_row in zip(*rows, strict=True)]


def strictest_status(statuses: Sequence[tuple[str, str]]) -> tuple[str, str]:
    """Return the strictest status over all labellings, and its reason."""
    status = max((status for status, _ in statuses), key=STATUSES.index)
    notes = [note for of_status, note in statuses if of_status == status]
    if len(statuses) == 1 or not notes[0]:
        return status, notes[0]
    return status, f"in {len(notes)} of {len(statuses)} draws of the labels: {notes[0]}"


def add_notes(rows: Sequence[Row], drawn: Mapping[str, ImputedLabels]) -> None:
    """Add the imputation to method and note of the rows of imputed features and of their intersections."""
    for row in rows:
        names = [name for name in str(row["feature"]).split(" & ") if name in drawn]
        if names and row.get("ci_method"):
            row["ci_method"] += f", labels drawn {len(drawn[names[0]])} times"
            row["note"] = "; ".join(part for part in (row["note"], note_of(drawn, names)) if part)


def _pooled_row(rows: Sequence[Row]) -> Row:
    status, note = strictest_status([(row["status"], row["note"]) for row in rows])
    row = {name: rows[0][name] for name in _IDENTITY if name in rows[0]} | {"status": status, "note": note}
    row |= {name: np.rint(np.mean([draw[name] for draw in rows])) for name in ("n", "n_clusters")}
    if status == "not_estimable":
        return row
    value, std_error, df = combine(*([draw[name] for draw in rows] for name in ("value", "std_error", "df")))
    low, high = t_interval(value, std_error, df)
    row |= {"value": value, "ci_low": low, "ci_high": high, "ci_method": rows[0]["ci_method"],
            "std_error": std_error, "df": df}  # fmt: skip
    if status == "ok":
        row["p_value"] = 2 * stats.t.sf(abs(value) / std_error, max(df, 1.0))
    inferences = [draw["inference"] for draw in rows if "inference" in draw]
    if inferences:
        row["inference"] = ContrastInference(
            pooled(*(each.first for each in inferences)),
            pooled(*(each.second for each in inferences)),
            pooled(*(each.contrast for each in inferences)),
            inferences[0].unit_interval,
        )
    return row


def _overall_rows(outcomes: Outcomes, feature: str, draws: Sequence[dict[str, Mask]]) -> list[Row]:
    """Return gap and ratio over the groups that are large enough in every labelling, and the reason for no test."""
    estimates: dict[str, list[Estimate]] = {g: [average(outcomes, masks[g]) for masks in draws] for g in draws[0]}
    sure = [
        g for g, drawn in estimates.items() if strictest_status([status_of(e, e.n_clusters) for e in drawn])[0] == "ok"
    ]
    recorded = np.logical_or.reduce(
        [masks[g] for g in sure for masks in draws] or [np.zeros(len(outcomes.values), bool)]
    )
    common = {"metric": outcomes.metric, "feature": feature, "family": family(False), "status": "not_estimable"}
    counts = {"n": int(outcomes.used(recorded).sum()), "n_clusters": outcomes.n_clusters(recorded)}
    no_test = {**common, **counts, "kind": "omnibus", "measure": "", "note": _NO_OMNIBUS}
    bounded = outcomes.unit_interval and outcomes.labels is None
    measures = ("difference", "ratio") if bounded else ("difference",)
    if len(sure) < 2:
        why = "fewer than two groups are large enough to be compared"
        return [*({**common, **counts, "kind": "gap", "measure": m, "note": why} for m in measures), no_test]
    pooled_estimates = pooled_groups([estimates[g] for g in sure])
    rows = []
    for measure in measures:
        row = gap_row(Gap(pooled_estimates, kind_of(outcomes, drawn=True), measure, shared=True))
        status = "ok" if np.isfinite(row["value"]) else "not_estimable"
        rows.append({**common, **counts, "kind": "gap", "measure": measure, "status": status,
                     "note": without([g for g in estimates if g not in sure]), **row})  # fmt: skip
    return [*rows, no_test]


def combine(values: npt.ArrayLike, std_errors: npt.ArrayLike, dfs: npt.ArrayLike) -> tuple[float, float, float]:
    """Return value, standard error and degrees of freedom by Rubin's rules; arguments (M,), M at least two."""
    estimates, errors = np.asarray(values, dtype=np.float64), np.asarray(std_errors, dtype=np.float64)
    n = len(estimates)
    between = (1 + 1 / n) * float(estimates.var(ddof=1))
    total = float((errors**2).mean()) + between
    share = between / total if total > 0 else 0.0
    complete = max(float(np.asarray(dfs, dtype=np.float64).mean()), 1.0)
    observed = (complete + 1) / (complete + 3) * complete * (1 - share)
    inverse = share**2 / (n - 1) + (1 / observed if observed > 0 else np.inf)
    return float(estimates.mean()), float(np.sqrt(total)), float(1 / inverse)


def pooled(*estimates: Estimate) -> Estimate:
    """Return the combination of one group's estimates in M labellings."""
    return pooled_groups([estimates])[0]


def pooled_groups(estimates: Sequence[Sequence[Estimate]]) -> list[Estimate]:
    """Return the combined estimate of each of K groups, with their covariance over M labellings.

    A row that moves leaves one group and joins another, so the groups are not independent. ``psi`` of the result has K
    entries, whose products are the groups' covariances: mean within labellings, and between them. Counts are means
    over the labellings, those of rows and clusters rounded.

    Parameters
    ----------
    estimates : sequence (K) of sequence (M) of Estimate
        M is the same for all.
    """
    if len(estimates[0]) == 1:
        return [estimate for (estimate,) in estimates]
    n = len(estimates[0])
    values_KM = np.array([[float(estimate.value) for estimate in of_group] for of_group in estimates])
    within_KK = np.zeros((len(estimates), len(estimates)))
    for draw in range(n):
        psi_UK = np.stack([of_group[draw].psi for of_group in estimates], axis=1)
        within_KK += psi_UK.T @ psi_UK / n
    between_KK = (1 + 1 / n) * np.atleast_2d(np.cov(values_KM))
    sizes, directions = np.linalg.eigh(np.nan_to_num(within_KK + between_KK))
    psi_KK = directions * np.sqrt(np.maximum(sizes, 0.0))
    return [_pooled(of_group, psi) for of_group, psi in zip(estimates, psi_KK, strict=True)]


def _pooled(estimates: Sequence[Estimate], psi: Floats) -> Estimate:
    value, std_error, df = combine(
        [estimate.value for estimate in estimates],
        [estimate.std_error for estimate in estimates],
        [estimate.df for estimate in estimates],
    )
    return Estimate(
        value=np.asarray(value),
        std_error=np.asarray(std_error),
        df=np.asarray(df),
        n=np.rint(np.mean([estimate.n for estimate in estimates])).astype(np.int64),
        n_clusters=np.rint(np.mean([estimate.n_clusters for estimate in estimates])).astype(np.int64),
        events=np.mean([estimate.events for estimate in estimates], axis=0),
        non_events=np.mean([estimate.non_events for estimate in estimates], axis=0),
        psi=psi,
        shares_gallery=any(estimate.shares_gallery for estimate in estimates),
    )
