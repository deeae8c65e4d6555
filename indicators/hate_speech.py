"""Hate speech in memes: separation of hateful from harmless memes by picture and text, for every target."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd

from fairaudit.core.errors import ConfigError, RequirementError
from fairaudit.core.indicator import Indicator
from fairaudit.core.protocol import read_protocol
from fairaudit.core.result import IndicatorResult
from fairaudit.core.samples import Samples
from fairaudit.stats.cohort import Cohort
from fairaudit.stats.disparity import measure
from fairaudit.stats.outcomes import Outcomes


@dataclass(frozen=True)
class Config:
    """Options of ``hate_speech``.

    Parameters
    ----------
    threshold : float
        Score from which a meme counts as flagged, for the rates.
    tolerance, slope_tolerance : float, optional
        Differences in AUROC that count as none. Default: the rule of the plan
        (``fairaudit.core.plan.TOLERANCE_RULE``).
    control_features : tuple of str
        Recorded features: groups are compared within their levels too, and as if every group had the same mix of
        them.
    """

    threshold: float = 0.5
    tolerance: float | None = None
    slope_tolerance: float | None = None
    control_features: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 < self.threshold < 1:
            raise ConfigError(
                f"threshold of hate_speech must be between 0 and 1; got {self.threshold:g}. A usual choice is 0.5."
            )


def compute(*, samples: Samples, config: Config, scores: pd.DataFrame) -> IndicatorResult:
    """Return the AUROC of a fusion head on the test split, overall and by targeted group.

    The AUROC is the chance that a random hateful meme scores above a random harmless one: .5 is guessing, 1 is
    perfect; a lower value for memes that target one group means that this group is protected worse. Also the share
    of harmless memes that are flagged (false positives) and of hateful ones that are not (false negatives).

    Parameters
    ----------
    samples : Samples
        Memes with ``text``, ``label`` "1" (hateful) or "0", ``split``; the feature ``target`` if groups are named.
    config : Config
    scores : DataFrame
        Columns ``sample_id``, ``split``, ``label`` (int), ``score`` (probability of hateful, in [0, 1]), with the
        fusion head's ``params`` in ``attrs``. Its parts were fitted on the training split alone.

    Raises
    ------
    RequirementError
        If the test split lacks one of the two labels.

    References
    ----------
    .. [1] Kiela et al. (2020), "The Hateful Memes Challenge", arXiv:2005.04790, for task and measure.
    .. [2] DeLong, DeLong and Clarke-Pearson (1988), Biometrics 44, for the standard error.
    """
    test = samples.select(samples.table["split"] == "test") if (samples.table["split"] == "test").any() else None
    if test is None or test.table["label"].nunique() < 2:
        raise RequirementError(
            f"the test split of '{samples.name}' must hold hateful and harmless memes; got "
            f"{0 if test is None else len(test)} memes of one label.",
            what_to_do="Add a labelled test file (test_seen.jsonl) with both labels.",
        )
    aligned = scores.set_index("sample_id").loc[list(test.sample_ids)]
    score = aligned["score"].to_numpy(np.float64)
    label = test.table["label"].to_numpy(str).astype(np.int64)
    clusters = pd.factorize(test.table["cluster_id"])[0].astype(np.int64)
    flagged = (score >= config.threshold).astype(float)
    outcomes = [
        Outcomes("auroc", score, clusters, labels=label),
        Outcomes("false_positive_rate", np.where(label == 0, flagged, np.nan), clusters),
        Outcomes("false_negative_rate", np.where(label == 1, 1 - flagged, np.nan), clusters),
    ]
    measured = measure(
        Cohort.of(test, INDICATOR.name, control_features=config.control_features),
        outcomes,
        headline="auroc",
        tolerance=config.tolerance,
        slope_tolerance=config.slope_tolerance,
    )
    head: Mapping[str, Any] = scores.attrs.get("params", {})
    return INDICATOR.result(
        dataset=samples.name,
        headline="auroc",
        measured=measured,
        params={
            **dataclasses.asdict(config),
            "control_features": list(config.control_features),
            "n_test": len(test),
            "head": dict(head),
        },
        metrics={
            "auroc": "Chance that a random hateful meme scores above a random harmless one, in [0, 1]: .5 is guessing; "
            "lower means that hate against this group is separated worse from harmless memes about it.",
            "false_positive_rate": f"Share of harmless memes with a score >= {config.threshold:g}; 0 is best.",
            "false_negative_rate": f"Share of hateful memes with a score < {config.threshold:g}; 0 is best.",
        },
        warnings=_warnings(test, head),
    )


def _warnings(test: Samples, head: Mapping[str, Any]) -> tuple[str, ...]:
    warnings = []
    if not test.features:
        warnings.append("This data set names no targeted groups, so only the overall value can be given, no disparity.")
    repeated = int(head.get("n_test_with_text_of_train", 0))
    if repeated:
        warnings.append(
            f"{repeated} of {len(test)} test memes have a text that is also in the training or development split: "
            "a high score on these is memory."
        )
    encoder = head.get("text_encoder", {})
    if "trained_by_fairaudit" in encoder:
        warnings.append(f"Text encoder: {encoder['trained_by_fairaudit']}")
    return (*warnings, *head.get("notes", ()))


INDICATOR = Indicator(
    name="hate_speech",
    version="1",
    title="Hate speech detection",
    question="With this checkpoint as its eyes, how well does a picture-and-text head tell hateful memes from "
    "harmless ones, whoever is targeted?",
    subject="memes",
    config=Config,
    compute=compute,
    protocol=read_protocol(files(__package__) / "protocols" / "hate_speech.toml"),
)
