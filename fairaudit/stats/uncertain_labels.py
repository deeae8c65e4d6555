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

import dataclasses
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from fairaudit.core.comparison import Comparison
from fairaudit.core.result import STATUSES
from fairaudit.core.samples import NOT_RECORDED, Feature, Samples
from fairaudit.stats.contrast import Contrast, RatioInference
from fairaudit.stats.contrasts import Compared, contrasts_of, gap_row, without
from fairaudit.stats.estimates import Estimate, estimates
from fairaudit.stats.gap import Gap, gap_of
from fairaudit.stats.group_sums import GroupSums
from fairaudit.stats.outcomes import Floats
from fairaudit.stats.score import ScoreContrast
from fairaudit.stats.status import status_of
from fairaudit.stats.t_inference import TInference

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


_NO_OMNIBUS = "no test of all groups at once is made where labels are drawn"
_MOST_DF = 1e9


def contrasts_over(draws: Sequence[Compared], feature: Feature, *, primary: bool, whole: bool) -> list[Comparison]:
    """Return the rows of ``contrasts_of``, combined over all labellings.

    Gap and ratio come from the combined group values; there is no omnibus test.

    Parameters
    ----------
    draws : sequence (M) of Compared
        The recorded groups in each labelling; all have the same groups.
    feature, primary, whole
        As for ``contrasts_of``.
    """
    if len(draws) == 1:
        return contrasts_of(draws[0], feature, primary=primary, whole=whole)
    rows = pooled_rows([contrasts_of(drawn, feature, primary=primary, whole=False) for drawn in draws])
    return rows + (_overall_rows(draws) if whole and len(draws[0].groups) > 1 else [])


def pooled_rows(rows: Sequence[Sequence[Comparison]]) -> list[Comparison]:
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


def imputed_names(feature: str, drawn: Mapping[str, ImputedLabels]) -> list[str]:
    """Return the imputed features of a feature or an intersection."""
    return [name for name in feature.split(" & ") if name in drawn]


def method_of(names: Sequence[str], drawn: Mapping[str, ImputedLabels]) -> str:
    """Return what the method of an interval says of imputed labels."""
    return f", labels drawn {len(drawn[names[0]])} times"


def noted(row: Comparison, drawn: Mapping[str, ImputedLabels]) -> Comparison:
    """Return the row with the imputation in method and note, if its feature was imputed."""
    names = imputed_names(row.feature, drawn)
    if not names or not row.ci_method:
        return row
    return dataclasses.replace(row, ci_method=row.ci_method + method_of(names, drawn)).noted(note_of(drawn, names))


def _pooled_row(rows: Sequence[Comparison]) -> Comparison:
    status, note = strictest_status([(row.status, row.note) for row in rows])
    row = dataclasses.replace(
        rows[0], status=status, note=note, n=_mean_count(row.n for row in rows), influence=None, inference=None,
        n_clusters=_mean_count(row.n_clusters for row in rows),
    )  # fmt: skip
    nan = float("nan")
    if status == "not_estimable":
        return dataclasses.replace(row, value=nan, std_error=nan, df=nan, ci_low=nan, ci_high=nan, p_value=nan,
                                   ci_method="")  # fmt: skip
    inference = _pooled_inference([row.inference for row in rows])
    if isinstance(inference, RatioInference):
        value, error, df = float(inference.score.ratio[0]), nan, nan
    else:
        value, error, df = inference.value, inference.std_error, inference.df
    low, high = inference.interval(0.95)
    tested = status == "ok" and not np.isnan(rows[0].p_value)
    return dataclasses.replace(
        row, value=value, std_error=error, df=df, ci_low=low, ci_high=high, inference=inference,
        p_value=inference.p_value() if tested else nan, overall=float(np.mean([row.overall for row in rows])),
    )  # fmt: skip


def _pooled_inference(parts: Sequence[Any]) -> Contrast | RatioInference | TInference:
    if isinstance(parts[0], RatioInference):
        return RatioInference(_pooled_score([part.score for part in parts])[0])
    if isinstance(parts[0], TInference):
        return TInference(*_combined(parts), parts[0].limits, float(np.mean([part.skewness for part in parts])))
    first, second = (pooled(*(getattr(part, name) for part in parts)) for name in ("first", "second"))
    value, error, df = _combined(parts)
    score = None
    if parts[0].score is not None:
        score, error, df = _pooled_score([part.score for part in parts])
    return Contrast(
        first, second, value, error, df, _mean_count(part.n for part in parts),
        _mean_count(part.n_clusters for part in parts), score, parts[0].limits,
    )  # fmt: skip


def _pooled_score(scores: Sequence[ScoreContrast]) -> tuple[ScoreContrast, float, float]:
    """Return the score of mean shares, whose variance grows as that between labellings says; its error and df."""
    names = ("first", "second", "n_first", "n_second", "t_first", "t_second", "weights")
    means = {name: np.mean([getattr(score, name) for score in scores], axis=0) for name in names}
    errors = [float(score.std_error[0]) for score in scores]
    _, error, df = combine([float(s.value[0]) for s in scores], errors, [min(float(s.df[0]), _MOST_DF) for s in scores])
    within = float(np.mean(np.square(errors)))
    kappa = np.mean([score.kappa for score in scores], axis=0) * (error**2 / within if within > 0 else 1.0)
    return ScoreContrast(**means, kappa=kappa, df=np.array([max(df, 1.0)])), error, df


def _combined(parts: Sequence[Any]) -> tuple[float, float, float]:
    return combine(*([min(getattr(part, name), _MOST_DF) for part in parts] for name in ("value", "std_error", "df")))


def _mean_count(counts: Iterable[int]) -> int:
    return int(np.rint(np.mean(list(counts))))


def _overall_rows(draws: Sequence[Compared]) -> list[Comparison]:
    """Return gap and ratio over the groups that are large enough in every labelling, and the reason for no test."""
    drawn = [estimates(compared.sums) for compared in draws]
    first = draws[0]
    sure = [
        k for k in range(len(first.groups))
        if strictest_status([status_of(of_draw[k]) for of_draw in drawn])[0] == "ok"
    ]  # fmt: skip
    recorded = np.logical_or.reduce([np.isin(compared.sums.codes, sure) for compared in draws])
    outcomes = first.sums.outcomes
    common: dict[str, Any] = {
        "metric": first.metric, "feature": first.feature, "n": int((recorded & outcomes.measured).sum()),
        "n_clusters": outcomes.n_clusters(recorded), "unit": first.unit, "overall": first.overall,
    }  # fmt: skip
    no_test = Comparison(**common, kind="omnibus", measure="", note=_NO_OMNIBUS)
    measures: tuple[Literal["difference", "ratio"], ...] = (
        ("difference", "ratio") if outcomes.bounded else ("difference",)
    )
    if len(sure) < 2:
        why = "fewer than two groups are large enough to be compared"
        return [*(Comparison(**common, kind="gap", measure=m, note=why) for m in measures), no_test]
    gap = pooled_gap([gap_of(GroupSums.of(outcomes, [compared.sums.codes == k for k in sure])) for compared in draws])
    common["note"] = without([name for k, name in enumerate(first.groups) if k not in sure])
    return [*(gap_row(dataclasses.replace(gap, measure=m), common) for m in measures), no_test]


def combine(values: npt.ArrayLike, std_errors: npt.ArrayLike, dfs: npt.ArrayLike) -> tuple[float, float, float]:
    """Return value, standard error and degrees of freedom by Rubin's rules; arguments (M,), M at least two."""
    found, errors = np.asarray(values, dtype=np.float64), np.asarray(std_errors, dtype=np.float64)
    n = len(found)
    between = (1 + 1 / n) * float(found.var(ddof=1))
    total = float((errors**2).mean()) + between
    share = between / total if total > 0 else 0.0
    complete = max(float(np.asarray(dfs, dtype=np.float64).mean()), 1.0)
    observed = (complete + 1) / (complete + 3) * complete * (1 - share)
    inverse = share**2 / (n - 1) + (1 / observed if observed > 0 else np.inf)
    return float(found.mean()), float(np.sqrt(total)), float(1 / inverse)


def pooled(*parts: Estimate) -> Estimate:
    """Return the combination of one group's estimates in M labellings; counts are means over the labellings."""
    if len(parts) == 1:
        return parts[0]
    value, error, df = _combined(parts)
    within = float(np.mean([part.std_error**2 for part in parts]))
    growth = error**2 / within if within > 0 else 1.0
    n = 1 / (growth * float(np.mean([1 / part.n_effective for part in parts])))
    if not parts[0].is_share and error > 0 and 0 < value < 1:
        n = value * (1 - value) / error**2
    return dataclasses.replace(
        parts[0], value=value, std_error=error, df=df, n=_mean_count(part.n for part in parts),
        n_clusters=_mean_count(part.n_clusters for part in parts), units=float(np.mean([part.units for part in parts])),
        events=float(np.mean([part.events for part in parts])),
        non_events=float(np.mean([part.non_events for part in parts])),
        # Hits and misses with uncertain labels are a share: the binomial standard error would be too small.
        kind="share" if parts[0].kind == "binary" else parts[0].kind, n_effective=n,
        third=float(np.mean([part.third for part in parts])) * growth**1.5,
    )  # fmt: skip


def pooled_gap(gaps: Sequence[Gap]) -> Gap:
    """Return the gap over combined groups, with their covariance over M labellings.

    A row that moves leaves one group and joins another, so the groups are not independent.
    """
    n, k = len(gaps), len(gaps[0].estimates)
    found = [pooled(*(gap.estimates[g] for gap in gaps)) for g in range(k)]
    values_KM = np.array([[gap.estimates[g].value for gap in gaps] for g in range(k)])
    within_KK: Floats = np.zeros((k, k))
    for gap in gaps:
        error_K = np.array([estimate.std_error for estimate in gap.estimates])
        within_KK += error_K[:, None] * error_K * gap.correlation_KK / n
    covariance_KK = within_KK + (1 + 1 / n) * np.atleast_2d(np.cov(values_KM))
    root_K = np.sqrt(np.maximum(np.diag(covariance_KK), 1e-300))
    correlation_KK = np.clip(covariance_KK / root_K[:, None] / root_K, -1, 1)
    np.fill_diagonal(correlation_KK, 1.0)
    df_P = [min(found[i].df, found[j].df) for i in range(k) for j in range(i + 1, k)]
    return Gap(found, correlation_KK, np.array(df_P))
