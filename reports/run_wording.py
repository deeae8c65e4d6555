"""What is said of a training run, in sentences: for its page and for the terminal."""

from __future__ import annotations

import math

from fairaudit.core.text import one_line
from fairaudit.reports import notation
from fairaudit.runs.run_record import RunRecord
from fairaudit.runs.watch_records import WatchRecord

#: Steps over which the last loss is averaged, as ``finished.json`` has it.
WINDOW = 20
METHODS = {
    "swav": "SwAV, without labels",
    "supervised": "taught labels",
    "random weights": "random weights, never trained",
}


def method(run: RunRecord) -> str:
    """Return how the network is trained, in a few words."""
    return METHODS.get(run.method, run.method or "training")


def last_loss(run: RunRecord) -> float:
    """Return the mean loss of the last steps, NaN before the first."""
    return float(run.steps["loss"].tail(WINDOW).mean()) if len(run.steps) else math.nan


def progress(run: RunRecord) -> str:
    """Return how far the run is, as a sentence."""
    if run.method == "random weights":
        return "The network was not trained."
    seen, planned = notation.count(run.images_seen), notation.count(run.images_planned)
    if run.finished:
        return f"The run is finished: the network has seen {seen} images."
    return f"The run is not finished: the network has seen {seen} of {planned} images."


def loss(run: RunRecord) -> str:
    """Return where the loss stands beside that of a blind guess, as a sentence; empty before the first step."""
    value, chance = last_loss(run), run.chance
    if math.isnan(value):
        return ""
    if math.isnan(chance):
        return f"Loss {notation.number(value)}."
    guess = f"a blind guess gets {'ln K = ' if run.method != 'supervised' else ''}{notation.number(chance)}"
    stuck = "" if value < chance else ", so the loss shows no learning"
    return f"Loss {notation.number(value)}; {guess}{stuck}."


def speed(run: RunRecord) -> str:
    """Return images per second over the last uninterrupted part, or an empty text where it is not known."""
    rate = run.finished.get("images_per_second")
    known = isinstance(rate, int | float) and not isinstance(rate, bool) and rate > 0
    return f"{float(rate):,.0f} images/s" if known and rate is not None else ""


def is_knn(record: WatchRecord) -> bool:
    """Whether a look is one of ``KnnAccuracy``."""
    return all(isinstance(record.values.get(key), int | float) for key in ("accuracy", "ci_low", "ci_high", "n"))


def accuracy(run: RunRecord) -> str:
    """Return the last k-NN accuracy beside that of the random start, as a sentence; empty where none was watched."""
    watch_records = [record for record in run.watch_records if is_knn(record)]
    if not watch_records:
        return ""
    first, last = (one_accuracy(record) for record in (watch_records[0], watch_records[-1]))
    begun = f", {first} with random weights" if watch_records[0].images == 0 and len(watch_records) > 1 else ""
    after = (
        f"after {notation.count(watch_records[-1].images)} images"
        if watch_records[-1].images
        else "with random weights"
    )
    return f"k-NN accuracy {last} {after}{begun}."


def one_accuracy(record: WatchRecord) -> str:
    """Return an accuracy with its interval."""
    low, high = float(record.values["ci_low"]), float(record.values["ci_high"])
    return f"{notation.number(float(record.values['accuracy']))} ({notation.interval(low, high)})"


def multiplicity(comparisons: int, moments: int) -> str:
    """Return what many intervals do to whoever looks for one that lies clear of zero."""
    total = comparisons * moments
    return (
        f"{notation.plural(comparisons, 'comparison')} at {notation.plural(moments, 'look')} make "
        f"{notation.plural(total, 'interval')}, each at 95 % for itself. Nothing is adjusted: with no disparity at "
        "all, about one in twenty would lie clear of zero. The curves are for exploring, and there is no verdict here."
    )


def lines(run: RunRecord) -> list[str]:
    """Return what a terminal shows of a run."""
    told = [progress(run), f"{loss(run)} {speed(run)}".strip(), accuracy(run)]
    return [one_line(line) for line in told if line]
