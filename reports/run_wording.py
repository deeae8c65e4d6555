"""A training run as sentences, for its page and for the terminal."""

from __future__ import annotations

import math

from fairaudit.core.text import one_line
from fairaudit.reports import notation
from fairaudit.runs.run_record import RunRecord
from fairaudit.runs.watch_records import WatchRecord

#: Number of steps over which the last loss is averaged, as in ``finished.json``.
WINDOW = 20
METHODS = {
    "swav": "SwAV, without labels",
    "supervised": "taught labels",
    "random weights": "random weights, never trained",
}


def method(run: RunRecord) -> str:
    """Return the name of the training method."""
    return METHODS.get(run.method, run.method or "training")


def last_loss(run: RunRecord) -> float:
    """Return the mean loss of the last steps; NaN before the first step."""
    return float(run.steps["loss"].tail(WINDOW).mean()) if len(run.steps) else math.nan


def progress(run: RunRecord) -> str:
    """Return the progress of the run as a sentence."""
    if run.method == "random weights":
        return "The network was not trained."
    seen, planned = notation.count(run.images_seen), notation.count(run.images_planned)
    if run.finished:
        return f"The run is finished: the network has seen {seen} images."
    return f"The run is not finished: the network has seen {seen} of {planned} images."


def loss(run: RunRecord) -> str:
    """Return the loss and that of a blind guess as a sentence; empty before the first step."""
    value, chance = last_loss(run), run.chance
    if math.isnan(value):
        return ""
    if math.isnan(chance):
        return f"Loss {notation.number(value)}."
    guess = f"a blind guess gets {'ln K = ' if run.method != 'supervised' else ''}{notation.number(chance)}"
    stuck = "" if value < chance else ", so the loss shows no learning"
    return f"Loss {notation.number(value)}; {guess}{stuck}."


def speed(run: RunRecord) -> str:
    """Return images per second over the last uninterrupted part; an empty text if unknown."""
    rate = run.finished.get("images_per_second")
    return f"{rate:,.0f} images/s" if notation.is_number(rate) and rate > 0 else ""


def is_knn(record: WatchRecord) -> bool:
    """Return whether a watch record holds k-NN accuracy."""
    return all(isinstance(record.values.get(key), int | float) for key in ("accuracy", "ci_low", "ci_high", "n"))


def accuracy(run: RunRecord) -> str:
    """Return k-NN accuracy at the end and at the random start as a sentence; empty if it was not watched."""
    watch_records = [record for record in run.watch_records if is_knn(record)]
    if not watch_records:
        return ""
    first, last = watch_records[0], watch_records[-1]
    begun = f", {_accuracy(first)} with random weights" if first.images == 0 and len(watch_records) > 1 else ""
    after = f"after {notation.count(last.images)} images" if last.images else "with random weights"
    return f"k-NN accuracy {_accuracy(last)} {after}{begun}."


def _accuracy(record: WatchRecord) -> str:
    low, high = float(record.values["ci_low"]), float(record.values["ci_high"])
    return f"{notation.number(float(record.values['accuracy']))} ({notation.interval(low, high)})"


def multiplicity(n_comparisons: int, n_records: int) -> str:
    """Return the warning that many unadjusted intervals make false alarms likely."""
    intervals = notation.plural(n_comparisons * n_records, "interval")
    return (
        f"{notation.plural(n_comparisons, 'comparison')} at {notation.plural(n_records, 'look')} make "
        f"{intervals}, each at 95 % for itself. Nothing is adjusted: with no disparity at "
        "all, about one in twenty would lie clear of zero. The curves are for exploring, and there is no verdict here."
    )


def lines(run: RunRecord) -> list[str]:
    """Return the run as terminal lines."""
    sentences = (progress(run), f"{loss(run)} {speed(run)}".strip(), accuracy(run))
    return [one_line(sentence) for sentence in sentences if sentence]
