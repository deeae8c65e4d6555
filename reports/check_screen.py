"""The check of a data set on the terminal: contents, faults and detectable differences."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from fairaudit.core.samples import INCOME
from fairaudit.describe.check import Comparison, FeatureCheck, Overlap, SampleCheck
from fairaudit.images.decode import MAX_UNREADABLE
from fairaudit.reports.notation import number
from fairaudit.reports.screen import facts, on_screen, table, text
from fairaudit.stats.contrasts import ALL_OTHERS
from fairaudit.stats.status import MIN_CLUSTERS

#: At most this many labels get a column; ``--json`` lists all.
LABELS = 5
#: At most this many reasons get a line; ``--json`` lists all.
WRONG = 12
#: Head of the column of detectable differences, and its cells without a number.
DETECTABLE, TOO_FEW, NONE = "Detectable from", "too few", "not estimable"
_UNITS = {"per_step": "for each step of the order", "per_doubling": "for each doubling"}


def show(check: SampleCheck, console: Console | None = None) -> None:
    """Print ``check``; text from the data is never read as markup."""
    on_screen(_parts(check), console)


def _parts(check: SampleCheck) -> Iterator[RenderableType]:
    yield text(f"{check.name}: {_counted(check)}", "bold")
    yield facts(_about(check))
    yield Text()
    if wrong := _wrong(check):
        yield text("Missing or wrong", "bold")
        yield table(("What", "First of them", "Rows or files"), wrong[:WRONG], n_text=2)
        if len(wrong) > WRONG:
            yield Padding(text(f"{len(wrong) - WRONG:,} more reasons: --json has them.", "dim"), (0, 2))
        if any(overlap.by != "id" for overlap in check.overlaps):
            yield text("Rows in two splits are measured as they stand: take them out of one, or scores are memory.")
    else:
        yield text(f"Nothing is left out, {_opened(check)}, no two files have the same bytes{_apart(check)}.")
    for note in check.notes:
        yield text(note)
    if is_refused(check):
        yield Text()
        yield text(verdict(check), "bold")
        return
    for feature in check.features:
        yield Text()
        yield from _feature(feature, check)
    yield Text()
    if warning := verdict(check):
        yield text(warning)
    if check.can_compare:
        yield text("How to read this", "bold")
        yield facts(_legend(check))


def verdict(check: SampleCheck) -> str:
    """Return why an audit of these data would not compare groups; an empty text if it would."""
    if is_refused(check):
        return (
            f"The images of {check.n_rows_unreadable:,} of {check.n_rows:,} rows cannot be read, and an audit refuses "
            f"data with more than {100 * MAX_UNREADABLE:g} %. Repair or replace them."
        )
    if not check.n_measured:
        return "The test split holds no memes: hate_speech cannot measure anything here. Add a labelled test file."
    if not check.features:
        return "No groups are recorded here: an audit gives overall values, and nothing is compared."
    if not check.can_compare:
        return "No two groups are large enough to be compared: an audit gives values of groups, and no verdict."
    return ""


def _legend(check: SampleCheck) -> Iterator[tuple[str, str]]:
    """Yield the meaning of every term that the screen uses."""
    comparisons = [comparison for feature in check.features for comparison in feature.comparisons]
    share = "" if check.expected is None else f", of a share that is {check.expected:g} in the other groups"
    measure = "of the AUROC, where that is 0.7" if check.subject == "memes" else "of a share of images"
    yield (
        DETECTABLE,
        f"the least difference {measure} (0.07: 7 percentage points), of a group from all others in this sample, that "
        f"an audit finds with probability 80 %{share or (', whatever the share' if check.subject != 'memes' else '')}",
    )
    if check.n_planned > 1:
        by = f" of {' and '.join(check.indicators)}" if check.indicators else ""
        yield (
            "Error level",
            f"a 5 % chance of any false alarm, shared by {check.n_planned:,} planned comparisons{by} that can be "
            f"tested ({number(check.alpha)} for each); with more data sets in one audit each gets less",
        )
    if _clustered(check):
        yield (
            "Two numbers",
            f"the smaller if rows of one {check.cluster} tell as much as others, the larger if they are all alike",
        )
    if any(comparison.status == "too_few" for comparison in comparisons):
        yield TOO_FEW.capitalize(), f"fewer than {MIN_CLUSTERS} clusters: a value is printed, and nothing is compared"
    if any(feature.exploratory for feature in check.features):
        yield "Exploratory", "an audit prints them beside its planned comparisons, and calls none of them a disparity"
    if "representation_disparity" in check.indicators:
        yield "Not covered", "neighbours, which representation_disparity compares: they often show smaller differences"


def is_refused(check: SampleCheck) -> bool:
    """Return whether an audit would refuse the data: too many rows have an unreadable image."""
    return check.n_rows_unreadable > MAX_UNREADABLE * check.n_rows


def _counted(check: SampleCheck) -> str:
    several = check.n_rows > check.n_images
    rows = f"{check.n_rows:,} rows of {check.n_images:,} images" if several else f"{check.n_rows:,} images"
    clusters = f", {check.n_clusters:,} clusters ({check.cluster})" if _clustered(check) else ""
    return f"{rows}{clusters}, read by {check.reader}"


def _clustered(check: SampleCheck) -> bool:
    """Return whether clusters are more than single images: persons, homes, or images of several persons."""
    return check.cluster != "image" or check.n_clusters < check.n_rows


def _about(check: SampleCheck) -> list[tuple[str, str]]:
    pairs = [("Terms", check.licence)]
    if check.version:
        pairs.append(("Version", check.version))
    pairs.append(("Shown in reports", "may be" if check.show_images else "never"))
    if not _clustered(check):
        pairs.append(("Clusters", "not known: each image counts as independent"))
    if check.splits:
        pairs.append(("Splits", ", ".join(f"{name} {n:,}" for name, n in check.splits.items())))
    if check.n_measured < check.n_rows:
        pairs.append(("Measured", f"{check.n_measured:,} rows of the test split; all counts of groups are of these"))
    if check.weights:
        zero = f" ({check.weights.n_zero:,} of weight 0)" if check.weights.n_zero else ""
        pairs.append(
            ("Weights", f"{check.weights.least:.3g} to {check.weights.most:.3g}; {check.n_measured:,} rows{zero} count "
             f"like {check.weights.n_effective:,.1f} of equal weight. Detectable differences ignore the weights.")
        )  # fmt: skip
    if len(check.labels) > LABELS:
        pairs.append(("Labels", f"{len(check.labels):,} different ones"))
    return pairs


def _wrong(check: SampleCheck) -> list[tuple[str, str, str]]:
    reasons = [(f"left out: {reason.reason}", reason) for reason in check.left_out]
    reasons += [(f"cannot be read: {reason.reason}", reason) for reason in check.unreadable]
    reasons += [(reason.reason, reason) for reason in (check.unlisted, check.copies) if reason]
    rows = [(words, "".join(reason.examples[:1]), f"{reason.n:,}") for words, reason in reasons]
    return rows + [(_shared(overlap), overlap.examples[0], f"{overlap.n:,}") for overlap in check.overlaps]


def _shared(overlap: Overlap) -> str:
    if overlap.by == "id":
        return "in several splits: its id, so it counts in the first one alone"
    shared = "the same bytes under another name" if overlap.by == "bytes" else f"its {overlap.by}"
    return f"in {overlap.second} and in {overlap.first}, too: {shared}"


def _opened(check: SampleCheck) -> str:
    how = "were decoded" if check.decoded else "have a header that can be read (pixels of JPEGs were not decoded)"
    return f"all {check.n_images:,} images {how}"


def _apart(check: SampleCheck) -> str:
    return ", and no split shares anything with another" if len(check.splits) > 1 else ""


def _feature(feature: FeatureCheck, check: SampleCheck) -> Iterator[RenderableType]:
    name = "income" if feature.name == INCOME else feature.name
    words = ["ordered"] * (feature.ordered and feature.name != INCOME) + ["exploratory alone"] * feature.exploratory
    yield text(f"{name} ({', '.join([feature.known_by, *words])})", "bold")
    yield Padding(text(feature.source, "dim"), (0, 2))
    if feature.uncertain:
        share = f"Annotators disagree on {100 * feature.uncertain:.1f} % of the recorded rows"
        more = f"{share}: what can be detected is larger than by what most of them said, as here."
        yield Padding(text(more, "dim"), (0, 2))
    labels, rest = list(check.labels)[:LABELS], len(check.labels) > LABELS
    clusters, least = _clustered(check), _by_group(feature)
    head = ["Group", "Rows", *["Clusters"] * clusters, *labels, *["other labels"] * rest, *[DETECTABLE] * bool(least)]
    rows = []
    for group in feature.groups:
        shown = [group.by_label.get(label, 0) for label in labels]
        others = sum(group.by_label.values()) - sum(shown)
        counts = [group.n, *[group.n_clusters] * clusters, *shown, *[others] * rest]
        rows.append([group.group, *(f"{n:,}" for n in counts), *[least.get(group.group, "")] * bool(least)])
    yield table(head, rows)
    for comparison in feature.comparisons:
        if not comparison.group:
            of = _UNITS.get(comparison.measure, "between groups")
            yield Padding(text(f"{DETECTABLE} {of}: {_least(comparison)}{_whole(comparison)}"), (0, 2))
    for note in dict.fromkeys(c.note for c in feature.comparisons if c.group and c.status == "not_estimable"):
        yield Padding(text(f"{NONE}: {note}.", "dim"), (0, 2))


def _whole(comparison: Comparison) -> str:
    """Return the detectable slope over the whole range that occurs: small steps add up."""
    if comparison.kind != "slope" or comparison.status != "ok" or math.isnan(comparison.least):
        return ""
    ends = replace(comparison, least=comparison.least * comparison.span, most=comparison.most * comparison.span)
    return f" ({_least(ends)} from the lowest to the highest)"


def _by_group(feature: FeatureCheck) -> dict[str, str]:
    """Return the least detectable difference of each group; a group and its reference share one."""
    differences: dict[str, str] = {}
    for comparison in feature.comparisons:
        if comparison.group:
            names = {comparison.group, comparison.reference} - {ALL_OTHERS}
            differences |= dict.fromkeys(names, _least(comparison, short=True))
    return differences


def _least(comparison: Comparison, *, short: bool = False) -> str:
    if comparison.status != "ok" or math.isnan(comparison.least):
        words = {"too_few": TOO_FEW, "not_estimable": NONE}.get(comparison.status, "no difference")
        return words if short else f"{words} ({comparison.note})"
    least, most = number(comparison.least), "none" if math.isnan(comparison.most) else number(comparison.most)
    return least if least == most else f"{least} to {most}"
