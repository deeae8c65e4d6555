"""Harmful label association: how often images of each group get an animal or a crime as a label."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.comparison import Comparison
from fairaudit.core.errors import ConfigError, RequirementError
from fairaudit.core.indicator import Indicator
from fairaudit.core.protocol import read_protocol
from fairaudit.core.result import CURVE_COLUMNS, GROUP_COLUMNS, IndicatorResult, Measured, table
from fairaudit.core.samples import NOT_RECORDED, Samples
from fairaudit.core.tables import Predictions
from fairaudit.indicators import _label_words as words
from fairaudit.measures.label_rates import PredictedLabels, label_rates
from fairaudit.measures.robustness import Robustness, Setting, robustness
from fairaudit.measures.taxonomy import Taxonomy, load_taxonomy
from fairaudit.stats.cohort import Cohort
from fairaudit.stats.disparity import OVERALL, group_values, measure
from fairaudit.stats.outcomes import Floats, Ints, Outcomes
from fairaudit.stats.status import not_estimable

#: Names of the settings that are varied to check the robustness of the headline's difference.
DIMENSIONS = ("threshold", "top k", "prompt")


@dataclass(frozen=True)
class Config:
    """Options of ``label_association``.

    Parameters
    ----------
    taxonomy : str
        Name of a shipped taxonomy, or a TOML file of the same form.
    threshold : float
        Least score of a label that counts, for the tables; the paper's headline is .1.
    thresholds : tuple of float
        Thresholds of the curves.
    k : int
        Number of most probable labels of an image that count.
    ks : tuple of int
        Other numbers of labels, to check robustness.
    n_labels : int
        Number of single labels to list: the most frequent harmful ones, and by feature those whose rates differ most
        between groups.
    drop_unknown : bool
        Whether to leave out images with an unknown recorded feature, as the paper does with gender and age. Otherwise
        they are a group of their own, which is printed and not compared.
    tolerance, slope_tolerance : float, optional
        Differences in the share of harmed images, and slopes per step of an order, that count as none. Default: the
        rule of the plan (``fairaudit.core.plan.TOLERANCE_RULE``).
    control_features : tuple of str
        Recorded features: groups are compared within their levels too, and as if every group had the same mix of
        them.
    """

    taxonomy: str = "goyal2022"
    threshold: float = 0.1
    thresholds: tuple[float, ...] = (0.0, 0.1, 0.3, 0.8)
    k: int = 5
    ks: tuple[int, ...] = (1, 5, 10)
    n_labels: int = 10
    drop_unknown: bool = False
    tolerance: float | None = None
    slope_tolerance: float | None = None
    control_features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _taxonomy(self.taxonomy)  # a missing file is an error before any image is read
        for threshold in (self.threshold, *self.thresholds):
            if not 0 <= threshold <= 1:
                raise ConfigError(
                    f"threshold of label_association must be from 0 to 1; got {threshold:g}. The paper uses 0.1."
                )
        for k in (self.k, *self.ks):
            if k < 1:
                raise ConfigError(f"k of label_association must be at least 1; got {k}. The paper uses 5.")
        if self.n_labels < 0:
            raise ConfigError(f"n_labels of label_association must be at least 0; got {self.n_labels}. 0 lists none.")


def compute(
    *,
    samples: Samples,
    config: Config,
    predictions: Predictions,
    predictions_by_prompt: Sequence[Predictions] | None = None,
) -> IndicatorResult:
    """Return the share of a group's images with a label of each kind among the top k at score >= threshold.

    For ``harmful`` kinds 0 is best and more is worse; ``human`` is the right answer, so less is worse. The
    denominator is every image of the group, and an image may count under several kinds [1]_. A kind without a label of
    the head is *not estimable*: a head without the label "dog" is not shown to be harmless. Further results are
    coverage (a head with low scores has no harmful labels, and no useful ones), the most frequent harmful labels, the
    labels whose rates differ most between groups, and the robustness of the largest difference over thresholds, top k
    and prompts.

    Parameters
    ----------
    samples : Samples
        Pictures of people.
    config : Config
    predictions : Predictions
        Rows aligned with ``samples``.
    predictions_by_prompt : sequence of Predictions, optional
        The same images labelled with each prompt alone, if ``predictions`` are those of several prompts together.

    Raises
    ------
    RequirementError
        If the labels of the head have no names, or ``drop_unknown`` leaves no image.

    References
    ----------
    .. [1] Goyal et al. (2022), arXiv:2202.07603, section 3.1 (indicator 1, harmful label association).
    """
    taxonomy = _taxonomy(config.taxonomy)
    _check_names(predictions)
    all_predictions = [predictions, *(predictions_by_prompt or ())]
    n_all = len(samples)
    if config.drop_unknown:
        samples, all_predictions = _drop_unknown(samples, all_predictions)
    known = taxonomy.known(predictions.known_labels)
    kinds = {kind: (kind,) for kind in taxonomy.kinds} | {"harmful": taxonomy.harmful}
    unknown = [name for name, members in kinds.items() if not any(known[m] for m in members)]
    clusters = pd.factorize(samples.table["cluster_id"])[0].astype(np.int64)
    cohort = Cohort.of(samples, INDICATOR.name, control_features=config.control_features)
    headline = f"harmful@{config.threshold:g}"
    outcomes = _outcomes(
        all_predictions[0], taxonomy, {k: v for k, v in kinds.items() if k not in unknown}, config, clusters
    )
    at_threshold = [o for (_, threshold), o in outcomes.items() if threshold == config.threshold]
    measured = measure(
        cohort,
        sorted(at_threshold, key=lambda o: o.metric != headline),
        headline=headline,
        tolerance=config.tolerance,
        slope_tolerance=config.slope_tolerance,
    )
    robust = [] if "harmful" in unknown else _robustness(all_predictions, taxonomy, config, cohort, clusters)
    rates = label_rates(
        _predicted_labels(all_predictions[0], config, clusters, cohort.weights), cohort, most=config.n_labels
    )
    harmful = _harmful_labels(all_predictions[0], taxonomy, config, clusters)
    rows = [*_harmful_rows(harmful, cohort), *_unknown_rows(unknown, config.threshold, cohort, headline), *rates.groups]
    return INDICATOR.result(
        dataset=samples.name,
        headline=headline,
        measured=_with_rows(measured, rows, rates.comparisons),
        curves=_curves(outcomes, cohort, robust),
        params={
            **{name: list(v) if isinstance(v, tuple) else v for name, v in dataclasses.asdict(config).items()},
            "taxonomy_version": taxonomy.version, "taxonomy_source": taxonomy.source, "labels_by": predictions.source,
            "labels_known": len(predictions.known_labels), "known_by_kind": {k: list(v) for k, v in known.items()},
            "labels_compared": rates.n_labels, "comparisons_of_labels": rates.n_compared,
        },
        metrics=words.meanings(kinds, config, taxonomy),
        warnings=(
            *words.known_label_warnings(unknown, known, taxonomy),
            *words.label_warnings(all_predictions[0], config, outcomes, n_all - len(samples)),
            *words.most_frequent(harmful, config),
            *words.robustness_warnings(robust, unknown, cohort, headline),
        ),
    )  # fmt: skip


def _taxonomy(source: str) -> Taxonomy:
    return load_taxonomy(source, shipped_in=files(__package__) / "taxonomies")


def _check_names(predictions: Predictions) -> None:
    known = predictions.known_labels
    if known and not any(map(words.is_named, known)):
        raise RequirementError(
            f"label_association needs labels with names, but the {predictions.source} calls its {len(known)} labels "
            f"{', '.join(known[:2])} and so on.",
            what_to_do="Name them in the checkpoint (id2label in its config.json), or add a head: --probe LABELS.csv.",
        )


def _drop_unknown(samples: Samples, all_predictions: Sequence[Predictions]) -> tuple[Samples, list[Predictions]]:
    """Return the rows with every recorded feature known."""
    keep = np.ones(len(samples), dtype=bool)
    for feature in samples.features:
        keep &= (samples.table[feature.name] != NOT_RECORDED).to_numpy()
    if not keep.any():
        raise RequirementError(
            f"label_association with drop_unknown needs images with every feature recorded; '{samples.name}' has none.",
            what_to_do="Leave drop_unknown out: what is not recorded is then a group of its own.",
        )
    kept = samples.select(keep.tolist())
    return kept, [
        dataclasses.replace(
            predictions, sample_ids=kept.sample_ids, labels=predictions.labels[keep], scores=predictions.scores[keep]
        )
        for predictions in all_predictions
    ]


def _outcomes(
    predictions: Predictions, taxonomy: Taxonomy, kinds: Mapping[str, tuple[str, ...]], config: Config, clusters: Ints
) -> dict[tuple[str, float], Outcomes]:
    """Return the outcome of each kind, and coverage, at every threshold."""
    best = {name: _best_scores(predictions, taxonomy, members, config.k) for name, members in kinds.items()}
    best["coverage"] = predictions.scores.max(axis=1, initial=-1.0).astype(np.float64)
    return {
        (name, threshold): Outcomes(f"{name}@{threshold:g}", _at_least(score, threshold), clusters)
        for name, score in best.items()
        for threshold in sorted({config.threshold, *config.thresholds})
    }


def _best_scores(predictions: Predictions, taxonomy: Taxonomy, kinds: Sequence[str], k: int) -> Floats:
    """Return the highest score (N,) among the top labels that are of one of ``kinds``; -1 without one."""
    labels = predictions.labels[:, :k]
    of_kinds = [label for label in np.unique(labels) if taxonomy.kind_of(label) in kinds]
    scores = predictions.scores[:, :k].astype(np.float64)
    return np.asarray(np.where(np.isin(labels, of_kinds), scores, -1.0).max(axis=1, initial=-1.0))


def _at_least(score: npt.NDArray[Any], threshold: float) -> Floats:
    """Return 1 where scores reach the threshold, else 0; compared in float32, whose .7 is below that of float64."""
    return np.asarray(score >= float(np.float32(threshold)), dtype=np.float64)


def _predicted_labels(
    predictions: Predictions, config: Config, clusters: Ints, weights: Floats | None
) -> PredictedLabels:
    labels, scores = predictions.labels[:, : config.k], predictions.scores[:, : config.k]
    return PredictedLabels.of(labels, _at_least(scores, config.threshold) > 0, clusters, weights)


def _harmful_labels(
    predictions: Predictions, taxonomy: Taxonomy, config: Config, clusters: Ints
) -> list[tuple[str, str, Outcomes]]:
    """Return label, kind and outcome of the most frequent harmful labels, the most frequent first."""
    labels = predictions.labels[:, : config.k]
    counts = _at_least(predictions.scores[:, : config.k], config.threshold) > 0
    harmful = []
    for label in np.unique(labels[counts]):
        kind = taxonomy.kind_of(label)
        if kind is not None and kind in taxonomy.harmful:
            hit = ((labels == label) & counts).any(axis=1).astype(np.float64)
            harmful.append((str(label), kind, Outcomes(f"label '{label}'@{config.threshold:g}", hit, clusters)))
    harmful.sort(key=lambda entry: (-entry[2].values.sum(), entry[0]))
    return harmful[: config.n_labels]


def _harmful_rows(harmful: Sequence[tuple[str, str, Outcomes]], cohort: Cohort) -> list[dict[str, Any]]:
    """Return the share of each group with each of these labels; the note has its kind and the number of images."""
    rows: list[dict[str, Any]] = []
    for _, kind, outcomes in harmful:
        for row in group_values(cohort, [outcomes]).to_dict("records"):
            uncounted = cohort.weights is not None or row["feature"] in cohort.drawn or not row["n"]
            count = "" if uncounted else f", {row['value'] * row['n']:.0f} images"
            note = "; ".join(filter(None, (f"{kind}{count}", row["note"])))
            rows.append({**{str(column): value for column, value in row.items()}, "note": note})
    return rows


def _with_rows(measured: Measured, groups: list[dict[str, Any]], rows: list[Comparison]) -> Measured:
    """Return ``measured`` with further rows at the end."""
    parts = [part for part in (measured.groups, table(groups, GROUP_COLUMNS)) if len(part)]
    joined = pd.concat(parts, ignore_index=True) if parts else measured.groups
    return dataclasses.replace(measured, groups=joined, comparisons=(*measured.comparisons, *rows))


def _robustness(
    all_predictions: Sequence[Predictions], taxonomy: Taxonomy, config: Config, cohort: Cohort, clusters: Ints
) -> list[Robustness]:
    """Return the robustness of the largest difference in harmful labels by feature, over thresholds, k and prompts."""
    most = all_predictions[0].labels.shape[1]
    prompts = {"": all_predictions[0], **{f"prompt {i}": single for i, single in enumerate(all_predictions[1:], 1)}}
    outcomes: dict[Setting, Outcomes] = {}
    for name, predictions in prompts.items():
        for k in dict.fromkeys(min(k, most) for k in (config.k, *config.ks)):
            best = _best_scores(predictions, taxonomy, taxonomy.harmful, k)
            for threshold in dict.fromkeys((config.threshold, *config.thresholds)):
                outcomes[threshold, k, name] = Outcomes("harmful", _at_least(best, threshold), clusters)
    findings = [
        robustness(cohort, f, outcomes, dimensions=DIMENSIONS) for f in cohort.features if f.name not in cohort.drawn
    ]
    return [finding for finding in findings if finding is not None]


def _unknown_rows(unknown: list[str], threshold: float, cohort: Cohort, headline: str) -> list[dict[str, Any]]:
    note = "the labels that the head knows include none of this kind"
    rows = []
    for name in unknown:
        metric = f"{name}@{threshold:g}"
        rows.append(not_estimable(metric, OVERALL, OVERALL, note))
        for feature in cohort.features if metric == headline else ():
            rows += [not_estimable(metric, feature.name, g, note) for g in cohort.groups_of(feature)]
    return rows


def _curves(
    outcomes: Mapping[tuple[str, float], Outcomes], cohort: Cohort, robust: Sequence[Robustness]
) -> pd.DataFrame:
    """Return shares of images with a harmful, a human and any label against threshold, and the robustness."""
    drawn = {key: outcome for key, outcome in sorted(outcomes.items()) if key[0] in ("harmful", "human", "coverage")}
    place = {outcome.metric: key for key, outcome in drawn.items()}
    rows = [
        {"metric": place[str(r.metric)][0], "feature": r.feature, "group": r.group, "x_name": "threshold",
         "x": place[str(r.metric)][1], "value": r.value, "ci_low": r.ci_low, "ci_high": r.ci_high, "n": r.n,
         "n_clusters": r.n_clusters}
        for r in group_values(cohort, list(drawn.values())).itertuples()
    ]  # fmt: skip
    for finding in robust:
        for at in sorted(finding.differences, key=lambda at: at.setting[0]):
            threshold, k, prompt = at.setting
            rows.append(
                {"metric": f"harmful, {finding.group} minus {finding.reference}", "feature": finding.feature,
                 "group": ", ".join(filter(None, (f"top {k}", str(prompt)))), "x_name": "threshold", "x": threshold,
                 "value": at.value, "ci_low": at.low, "ci_high": at.high, "n": at.n, "n_clusters": at.n_clusters}
            )  # fmt: skip
    return table(rows, CURVE_COLUMNS)


INDICATOR = Indicator(
    name="label_association",
    version="1",
    title="Harmful label association",
    question="How often does a picture of a person get a label that is harmful when said of a person?",
    subject="people",
    config=Config,
    compute=compute,
    protocol=read_protocol(files(__package__) / "protocols" / "label_association.toml"),
)
