"""Recognition accuracy: how often a checkpoint's label is right, for every group, in domain and out of it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.errors import ConfigError, RequirementError
from fairaudit.core.indicator import Indicator
from fairaudit.core.result import GROUP_COLUMNS, IndicatorResult, table
from fairaudit.core.samples import Samples
from fairaudit.core.tables import Predictions
from fairaudit.measures.labels import LabelIndex
from fairaudit.stats.cohort import Cohort
from fairaudit.stats.contrast import contrasts
from fairaudit.stats.contrasts import contrast_fields
from fairaudit.stats.disparity import OVERALL, measure
from fairaudit.stats.group_sums import GroupSums, Members
from fairaudit.stats.outcomes import Floats, Mask, Outcomes

HEADLINE = "accuracy@1"
_PLACEHOLDER = "LABEL_"


@dataclass(frozen=True)
class Config:
    """Options of ``recognition_accuracy``.

    Parameters
    ----------
    k : int
        Second length of lists: an image counts as right if its label is among the ``k`` most probable ones.
    reference : str
        Name of the data set from which the drop of accuracy is measured on the others, by group; empty for none.
    tolerance, slope_tolerance : float, optional
        Differences in accuracy, and slopes per step of an order, that count as none. Default: the rule of the plan
        (``fairaudit.core.plan.TOLERANCE_RULE``).
    control_features : tuple of str
        Recorded features: groups are compared within their levels too, and as if every group had the same mix of
        them.
    """

    k: int = 5
    reference: str = ""
    tolerance: float | None = None
    slope_tolerance: float | None = None
    control_features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.k < 1:
            raise ConfigError(f"k of recognition_accuracy must be at least 1; got {self.k}. A usual choice is 5.")


def compute(
    *,
    samples: Samples,
    config: Config,
    predictions: Predictions,
    reference_samples: Samples | None = None,
    reference_predictions: Predictions | None = None,
) -> IndicatorResult:
    """Return the share of images whose label is the most probable one, and among the k most probable, by group.

    1 is best; a lower share means that a group's images are recognised worse. If the data set names its ``classes``,
    predictions are limited to them, as usual for test sets with some of the classes of a head [1]_. The drop is the
    accuracy on the reference less that on this data set, for everybody and for each group of both: above 0, the group
    is recognised worse here than there.

    Parameters
    ----------
    samples : Samples
        Labelled images.
    config : Config
    predictions : Predictions
        Rows aligned with ``samples``.
    reference_samples, reference_predictions : optional
        The same of the data set that ``config.reference`` names.

    Raises
    ------
    RequirementError
        If the head knows no label of these images, or the reference is no labelled data set.

    References
    ----------
    .. [1] Hendrycks et al. (2021), "Natural Adversarial Examples", arXiv:1907.07174, and "The Many Faces of
       Robustness", arXiv:2006.16241: 200 of the 1,000 classes of ImageNet.
    """
    hits = {k: _hits(samples, predictions, k) for k in _lengths(config, predictions)}
    codes = pd.factorize(samples.table["cluster_id"])[0].astype(np.int64)
    measured = measure(
        Cohort.of(samples, INDICATOR.name, control_features=config.control_features),
        [Outcomes(f"accuracy@{k}", values, codes) for k, values in hits.items()],
        headline=HEADLINE,
        tolerance=config.tolerance,
        slope_tolerance=config.slope_tolerance,
    )
    drops: list[dict[str, Any]] = []
    if config.reference not in ("", samples.name):
        if reference_samples is None or reference_predictions is None or reference_samples.subject != "labelled":
            raise RequirementError(
                f"recognition_accuracy compares '{samples.name}' with '{config.reference}', which has no labels to be "
                "right or wrong about.",
                what_to_do="Name a data set of labelled images: --set recognition_accuracy.reference=NAME.",
            )
        there = _hits(reference_samples, reference_predictions, 1)
        drops = list(_drops(reference_samples, there, samples, hits[1], metric=f"drop_from_{config.reference}"))
    unknown = sorted(set(samples.table["label"][np.isnan(hits[1])]))
    return INDICATOR.result(
        dataset=samples.name,
        headline=HEADLINE,
        measured=dataclasses.replace(
            measured, groups=pd.concat([measured.groups, table(drops, GROUP_COLUMNS)], ignore_index=True)
        )
        if drops
        else measured,
        params={
            **dataclasses.asdict(config),
            "control_features": list(config.control_features),
            "labels_by": predictions.source,
            "labels_known": len(predictions.known_labels),
            "classes": list(samples.classes),
            "labels_unknown_to_head": unknown,
        },
        metrics=_meanings(hits, config, samples),
        warnings=_warnings(samples, hits[1], unknown),
    )


def _lengths(config: Config, predictions: Predictions) -> list[int]:
    """Return the lengths of lists to score: 1, and ``k`` unless such a list holds every label of the head."""
    longer = min(config.k, predictions.labels.shape[1])
    return [1, longer] if 1 < longer < len(predictions.known_labels) else [1]


def _hits(samples: Samples, predictions: Predictions, k: int) -> Floats:
    """Return 1 where the label is among the k most probable, else 0; NaN if the head does not know it."""
    known = predictions.known_labels
    if all(label.startswith(_PLACEHOLDER) for label in known):
        raise RequirementError(
            f"the labels of the head have no names, only {known[0]} and so on, so none of '{samples.name}' is among "
            "them.",
            what_to_do="Give them names in id2label of config.json, or add a label head: --probe LABELS.csv.",
        )
    index = LabelIndex(known)
    if len(index.mask(samples.classes, data=samples.name)) < len(known):
        raise RequirementError(
            f"the labels predicted for '{samples.name}' must be limited to its {len(samples.classes)} classes, and "
            f"they are not ({predictions.source}).",
            what_to_do="Use the checkpoint's own head or a linear probe, or leave the classes out.",
        )
    own = samples.table["label"].astype(str)
    names = {label: {known[column] for column in index.columns(label)} for label in own.unique()}
    if not any(names.values()):
        raise RequirementError(
            f"the head knows none of the {len(names)} labels of '{samples.name}', such as '{own.iloc[0]}'; it knows "
            f"{len(known)}, such as '{known[0]}'.",
            what_to_do="Write the labels as the head does, or add a label head: --probe LABELS.csv.",
        )
    labels_NK: npt.NDArray[np.str_] = predictions.labels[:, :k]
    return np.array(
        [
            float(bool(names[label] & {*row})) if names[label] else np.nan
            for label, row in zip(own, labels_NK, strict=True)
        ]
    )


def _drops(
    there: Samples, hits_there: Floats, here: Samples, hits_here: Floats, *, metric: str
) -> Iterator[dict[str, Any]]:
    """Yield the drop of everybody's accuracy, and of each group of each feature that both data sets have."""
    n = len(there)
    clusters = pd.factorize(pd.concat([there.table["cluster_id"].astype(str), here.table["cluster_id"].astype(str)]))[0]
    weights = [np.ones(len(samples)) if samples.weights is None else samples.weights for samples in (there, here)]
    joined = Outcomes(
        metric,
        np.concatenate([hits_there, hits_here]),
        clusters.astype(np.int64),
        weights=None if there.weights is None and here.weights is None else np.concatenate(weights),
    )
    first: Mask = np.arange(len(joined.values)) < n
    yield _drop(joined, OVERALL, OVERALL, first, ~first)
    shared = {f.name for f in there.features}
    for feature in (f for f in here.features if f.name in shared):
        groups = np.concatenate([there.table[feature.name].to_numpy(str), here.table[feature.name].to_numpy(str)])
        for group in feature.groups:
            yield _drop(joined, feature.name, group, first & (groups == group), ~first & (groups == group))


def _drop(joined: Outcomes, feature: str, group: str, there: Mask, here: Mask) -> dict[str, Any]:
    (lost,) = contrasts(GroupSums.of(joined, [there, here]), [(Members((0,)), Members((1,)))])
    interval = lost.interval(0.95) if min(lost.first.n, lost.second.n) else (float("nan"), float("nan"))
    fields = contrast_fields(lost, interval)
    if not min(lost.first.n, lost.second.n):
        fields["note"] = "no image of this group was measured in one of the two data sets"
    kept = ("value", "ci_low", "ci_high", "ci_method", "n", "n_clusters", "status", "note")
    return {"metric": joined.metric, "feature": feature, "group": group, "status": "not_estimable",
            **{name: fields[name] for name in kept if name in fields}}  # fmt: skip


def _meanings(hits: dict[int, Floats], config: Config, samples: Samples) -> dict[str, str]:
    among = f", where only {len(samples.classes)} labels may be said" if samples.classes else ""
    meanings = {
        f"accuracy@{k}": "Share of images whose label is "
        + ("the most probable one" if k == 1 else f"among the {k} most probable ones")
        + f"{among}, in [0, 1]; higher is better."
        for k in hits
    }
    if config.reference not in ("", samples.name):
        meanings[f"drop_from_{config.reference}"] = (
            f"Accuracy on '{config.reference}' less accuracy here, of the same group, in [-1, 1]: above 0 the group is "
            "recognised worse here. Its interval is for one row by itself."
        )
    return meanings


def _warnings(samples: Samples, hits: Floats, unknown: list[str]) -> tuple[str, ...]:
    if not unknown:
        return ()
    shown = ", ".join(unknown[:10]) + (", ..." if len(unknown) > 10 else "")
    return (
        f"{int(np.isnan(hits).sum()):,} of {len(samples):,} images have a label that the head does not know and were "
        f"left out: {shown}.",
    )


INDICATOR = Indicator(
    name="recognition_accuracy",
    version="1",
    title="Recognition accuracy",
    question="Is an image's label as often right for every group, in the domain of the training data and out of it?",
    subject="labelled",
    config=Config,
    compute=compute,
    optional=True,
)
