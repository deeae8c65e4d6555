"""Planted disparities: whether each checkpoint's audit finds them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from fairaudit.core.audit import AuditResult
from fairaudit.core.plant import Plant
from fairaudit.reports.wording import VERDICTS, Word, keyed

OUTCOMES = keyed(
    Word("found", "\u25cf", "Found", "within", "Planted here, and the verdict is a disparity in that direction."),
    Word("missed", "\u25cb", "Not found", "disparity", "Planted here, and the verdict does not raise it."),
    Word(
        "unexpected",
        "\u25c6",
        "Unexpected",
        "inconclusive",
        "The cause does not act here, and yet the verdict raises it.",
    ),
    Word(
        "quiet",
        "\u00b7",
        "Not expected here",
        "none",
        "The cause does not act here, and the verdict does not raise it.",
    ),
    Word("not_measured", "\u2014", "Not measured", "none", "The audit has no such comparison."),
)


@dataclass(frozen=True)
class PlantRow:
    """One planted disparity: cause, expected effect in words, and outcome and verdict per checkpoint."""

    plant: Plant
    expected: str
    outcomes: tuple[tuple[Word, str], ...]


def expected_words(plant: Plant) -> str:
    """Return the expected effect of ``plant`` on the headline measure, in words.

    Examples
    --------
    >>> expected_words(Plant("dark", "x", "income", "slope", "", "higher", "less light", ()))
    'rises along income'
    """
    if plant.kind == "slope":
        return f"{'falls' if plant.direction == 'lower' else 'rises'} along {plant.feature}"
    return f"{plant.direction} for {plant.group} than for all others in this sample ({plant.feature})"


def outcome(plant: Plant, name: str, audit: AuditResult) -> str:
    """Return the key in ``OUTCOMES`` of ``plant`` on the audit called ``name``."""
    expected = name in plant.checkpoints or audit.model.name in plant.checkpoints
    if plant.found(audit):
        return "found" if expected else "unexpected"
    if expected and not _verdict(plant, audit):
        return "not_measured"
    return "missed" if expected else "quiet"


def plant_rows(plants: Sequence[Plant], audits: Mapping[str, AuditResult]) -> list[PlantRow]:
    """Return one row per plant, with one outcome per audit in the order of ``audits``."""
    return [
        PlantRow(
            plant,
            expected_words(plant),
            tuple((OUTCOMES[outcome(plant, name, audit)], _verdict(plant, audit)) for name, audit in audits.items()),
        )
        for plant in plants
    ]


def tally(plants: Sequence[Plant], audits: Mapping[str, AuditResult]) -> str:
    """Return how many plants were found where they act, and how many elsewhere, as a sentence."""
    keys = [outcome(plant, name, audit) for plant in plants for name, audit in audits.items()]
    acting = sum(key in ("found", "missed", "not_measured") for key in keys)
    elsewhere = sum(key in ("unexpected", "quiet") for key in keys)
    text = (
        f"{keys.count('found')} of {acting} planted disparities were found on the checkpoints where their cause acts."
    )
    if elsewhere:
        text += f" Of {elsewhere} checks where it does not act, {keys.count('unexpected')} raised one all the same."
    return text


def _verdict(plant: Plant, audit: AuditResult) -> str:
    """Return the word of the verdict on the planted row; empty if the audit has no such row."""
    rows = audit.disparities
    headlines = {r.indicator: r.headline for r in audit.results}
    if rows.empty or plant.indicator not in headlines:
        return ""
    verdicts = rows[
        (rows["indicator"] == plant.indicator)
        & (rows["metric"] == headlines[plant.indicator])
        & (rows["feature"] == plant.feature)
        & (rows["kind"] == plant.kind)
        & (rows["group"] == plant.group)
        & (rows["control"] == "")
        & (rows["family"] == "primary")
    ]["verdict"]
    return VERDICTS[verdicts.iloc[0]].text if len(verdicts) and verdicts.iloc[0] in VERDICTS else ""
