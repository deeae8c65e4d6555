"""Texts of ``label_association``: meanings of its metrics, labels of the head, robustness of differences."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from fairaudit.core.tables import Predictions
from fairaudit.measures.robustness import Robustness
from fairaudit.measures.taxonomy import Taxonomy, normalise
from fairaudit.stats.cohort import Cohort
from fairaudit.stats.outcomes import Outcomes

if TYPE_CHECKING:
    from fairaudit.indicators.label_association import Config

#: Default names of labels without a name: transformers writes ``LABEL_0``.
_PLACEHOLDER = re.compile(r"(?:label|class)?\W*\d*")


def is_named(label: str) -> bool:
    return _PLACEHOLDER.fullmatch(normalise(label)) is None


def meanings(kinds: Mapping[str, tuple[str, ...]], config: Config, taxonomy: Taxonomy) -> dict[str, str]:
    meanings = {}
    at = f"among the top {config.k} at score >= {config.threshold:g}"
    for name, members in kinds.items():
        end = "0 is right" if name == "harmful" or name in taxonomy.harmful else "higher is right"
        if name.startswith("possibly"):
            end = "recorded, not scored: it needs a person's look"
        labels = " or ".join(m.replace("_", "-") for m in members)
        meanings[f"{name}@{config.threshold:g}"] = (
            f"Share of a group's images with a {labels} label {at}, in [0, 1]; {end} ({taxonomy.source})."
        )
    return meanings | {
        f"coverage@{config.threshold:g}": (
            f"Share of a group's images whose most probable label has a score >= {config.threshold:g} (so that any "
            "of the top labels has), in [0, 1]; if it is low, a low harmful share is no evidence of safety."
        ),
        f"label 'LABEL'@{config.threshold:g}": (
            f"Share of a group's images with this one harmful label {at}, in [0, 1]; 0 is right. Listed are the "
            f"{config.n_labels} of most images; the note has the kind and the number of images."
        ),
        "rate of 'LABEL'": (
            f"Share of this label among all labels of a group's images {at}, in [0, 1]; its difference is the "
            "rate of the group less the mean of the other groups' rates. None is right or wrong in itself. Listed are, "
            f"by feature, the {config.n_labels} largest estimable differences. Images here are predicted labels."
        ),
    }


def known_label_warnings(unknown: Sequence[str], known: Mapping[str, tuple[str, ...]], taxonomy: Taxonomy) -> list[str]:
    parts = []
    for kind, labels in known.items():
        names = sorted({normalise(label) for label in labels})
        listed = f" ({', '.join(names)})" if names else ""
        parts.append(f"{kind} {len(names)} of {len(taxonomy.kinds[kind])}{listed}")
    warnings = [f"Labels of the taxonomy {taxonomy.name} that the head knows: {'; '.join(parts)}."]
    if "harmful" in unknown:
        return [*warnings, "The head knows no harmful label: this audit shows neither harm nor its absence."]
    return warnings + [
        f"The head knows no label of the kind '{kind}': 'harmful' here does not cover it."
        for kind in taxonomy.harmful
        if not known[kind]
    ]


def label_warnings(
    predictions: Predictions, config: Config, outcomes: Mapping[tuple[str, float], Outcomes], n_dropped: int
) -> list[str]:
    """Return warnings on the predicted labels that limit the meaning of a low share."""
    warnings = []
    if n_dropped:
        warnings.append(f"{n_dropped:,} images were left out because a recorded feature is not known (drop_unknown).")
    unnamed = sum(not is_named(label) for label in predictions.known_labels)
    if unnamed:
        warnings.append(f"{unnamed:,} of {len(predictions.known_labels):,} labels of the head have no name.")
    kept, known = predictions.labels.shape[1], len(predictions.known_labels)
    if kept < min(config.k, known):
        warnings.append(
            f"Only the {kept} most probable labels of each image were kept: top {config.k} counts only these."
        )
    covered = float(outcomes["coverage", config.threshold].values.mean())
    if covered < 0.5:
        warnings.append(
            f"Only {covered:.0%} of images have a label with a score of {config.threshold:g} or more (coverage): an "
            "image without a label cannot have a harmful one."
        )
    return warnings


def most_frequent(harmful: Sequence[tuple[str, str, Outcomes]], config: Config) -> list[str]:
    counts = [f"'{label}' ({kind}) of {int(outcomes.values.sum()):,}" for label, kind, outcomes in harmful[:3]]
    return [f"Harmful labels of most images at score >= {config.threshold:g}: {', '.join(counts)}."] if counts else []


def robustness_warnings(
    robust: Sequence[Robustness], unknown: Sequence[str], cohort: Cohort, headline: str
) -> list[str]:
    warnings = [f"Robustness: {finding.sentence(headline)}" for finding in robust]
    names = {finding.feature for finding in robust}
    rest = [f.name for f in cohort.features if f.name not in names and f.name not in cohort.drawn]
    if rest and "harmful" not in unknown:
        warnings.append(
            f"Robustness of a difference in {headline} cannot be judged by {', '.join(rest)}: fewer than two groups "
            "have enough images with and without a harmful label."
        )
    if cohort.drawn:
        warnings.append(
            f"Single labels, and the robustness of a difference, are not compared by {', '.join(cohort.drawn)}: drawn."
        )
    return warnings
