"""A check of a data set on the terminal: what is there, what is wrong with it, what could be seen with it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from fairaudit.core.samples import INCOME
from fairaudit.describe.check import Comparison, FeatureCheck, Overlap, Reason, SampleCheck
from fairaudit.images.decode import MAX_UNREADABLE
from fairaudit.reports.notation import number
from fairaudit.reports.screen import facts, on_screen, table, text
from fairaudit.stats.contrasts import ALL_OTHERS
from fairaudit.stats.status import MIN_CLUSTERS

#: So many labels have a column of their own; ``--json`` has all.
LABELS = 5
#: So many reasons have a line; ``--json`` has all.
WRONG = 12
#: Head of the column with the least difference, and what stands where there is none.
FOUND, TOO_FEW, NONE = "Detectable from", "too few", "not estimable"
_UNITS = {"per_step": "for each step of the order", "per_doubling": "for each doubling"}


def show(check: SampleCheck, console: Console | None = None) -> None:
    """Print ``check``; nothing in the data is taken for markup."""
    on_screen(_parts(check), console)


def _parts(check: SampleCheck) -> Iterator[RenderableType]:
    yield text(f"{check.name}: {_counted(check)}", "bold")
    yield facts(_about(check))
    yield Text()
    wrong = _wrong(check)
    if wrong:
        yield text("Missing or wrong", "bold")
        yield table(("What", "First of them", "Rows or files"), wrong[:WRONG], n_text=2)
        if len(wrong) > WRONG:
            yield Padding(text(f"{len(wrong) - WRONG:,} more reasons: --json has them.", "dim"), (0, 2))
        if any(one.by != "id" for one in check.overlaps):
            yield text("Rows in two splits are measured as they stand: take them out of one, or scores are memory.")
    else:
        yield text(f"Nothing is left out, {_opened(check)}, no two files have the same bytes{_apart(check)}.")
    for note in check.notes:
        yield text(note)
    if is_refused(check):
        yield Text()
        yield text(verdict(check), "bold")
        return
    for one in check.features:
        yield Text()
        yield from _feature(one, check)
    yield Text()
    if told := verdict(check):
        yield text(told)
    if check.can_compare:
        yield text("How to read this", "bold")
        yield facts(_legend(check))


def verdict(check: SampleCheck) -> str:
    """Return what an audit of this data would come to, where it would not compare groups; else an empty text."""
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
    """Yield what the words and numbers of the screen mean, of those that occur in it."""
    comparisons = [one for feature in check.features for one in feature.comparisons]
    share = "" if check.expected is None else f", of a share that is {check.expected:g} in the other groups"
    measure = "of the AUROC, where that is 0.7" if check.subject == "memes" else "of a share of images"
    yield (
        FOUND,
        f"the least difference {measure} (0.07: 7 percentage points), of a group from all others, that an audit finds "
        f"with probability 80 %{share or (', whatever the share' if check.subject != 'memes' else '')}",
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
    if any(one.status == "too_few" for one in comparisons):
        yield TOO_FEW.capitalize(), f"fewer than {MIN_CLUSTERS} clusters: a value is printed, and nothing is compared"
    if any(one.exploratory for one in check.features):
        yield "Exploratory", "an audit prints them beside its planned comparisons, and calls none of them a disparity"
    if "representation_disparity" in check.indicators:
        yield "Not covered", "neighbours, which representation_disparity compares: they often show smaller differences"


def is_refused(check: SampleCheck) -> bool:
    """Whether an audit would end because too many rows have an image that cannot be read."""
    return check.n_rows_unreadable > MAX_UNREADABLE * check.n_rows


def _counted(check: SampleCheck) -> str:
    several = check.n_rows > check.n_images
    rows = f"{check.n_rows:,} rows of {check.n_images:,} images" if several else f"{check.n_rows:,} images"
    clusters = f", {check.n_clusters:,} clusters ({check.cluster})" if _clustered(check) else ""
    return f"{rows}{clusters}, read by {check.reader}"


def _clustered(check: SampleCheck) -> bool:
    """Whether clusters are more than single images: persons, homes, or images that show several persons."""
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
    if len(check.labels) > LABELS:
        pairs.append(("Labels", f"{len(check.labels):,} different ones"))
    return pairs


def _wrong(check: SampleCheck) -> list[tuple[str, str, str]]:
    rows = [(f"left out: {one.reason}", one) for one in check.left_out]
    rows += [(f"cannot be read: {one.reason}", one) for one in check.unreadable]
    if check.unlisted:
        rows.append((check.unlisted.reason, check.unlisted))
    if check.copies:
        rows.append((check.copies.reason, check.copies))
    made = [(what, _first(one), f"{one.n:,}") for what, one in rows]
    return made + [(_shared(one), one.examples[0], f"{one.n:,}") for one in check.overlaps]


def _first(one: Reason) -> str:
    return one.examples[0] if one.examples else ""


def _shared(one: Overlap) -> str:
    if one.by == "id":
        return "in several splits: its id, so it counts in the first one alone"
    what = "the same bytes under another name" if one.by == "bytes" else f"its {one.by}"
    return f"in {one.second} and in {one.first}, too: {what}"


def _opened(check: SampleCheck) -> str:
    how = "were decoded" if check.decoded else "have a header that can be read (pixels of JPEGs were not decoded)"
    return f"all {check.n_images:,} images {how}"


def _apart(check: SampleCheck) -> str:
    return ", and no split shares anything with another" if len(check.splits) > 1 else ""


def _feature(one: FeatureCheck, check: SampleCheck) -> Iterator[RenderableType]:
    name = "income" if one.name == INCOME else one.name
    words = ["ordered"] * (one.ordered and one.name != INCOME) + ["exploratory alone"] * one.exploratory
    yield text(f"{name} ({', '.join([one.known_by, *words])})", "bold")
    yield Padding(text(one.source, "dim"), (0, 2))
    if one.uncertain:
        share = f"Annotators disagree on {100 * one.uncertain:.1f} % of the recorded rows"
        more = f"{share}: what can be detected is larger than by what most of them said, as here."
        yield Padding(text(more, "dim"), (0, 2))
    labels, rest = list(check.labels)[:LABELS], len(check.labels) > LABELS
    clusters, compared = _clustered(check), _by_group(one)
    head = ["Group", "Rows", *["Clusters"] * clusters, *labels, *["other labels"] * rest, *[FOUND] * bool(compared)]
    rows = []
    for group in one.groups:
        shown = [group.by_label.get(label, 0) for label in labels]
        others = sum(group.by_label.values()) - sum(shown)
        counts = [group.n, *[group.n_clusters] * clusters, *shown, *[others] * rest]
        told = [compared.get(group.group, "")] * bool(compared)
        rows.append([group.group, *(f"{n:,}" for n in counts), *told])
    yield table(head, rows)
    for comparison in one.comparisons:
        if not comparison.group:
            of = _UNITS.get(comparison.measure, "between groups")
            yield Padding(text(f"{FOUND} {of}: {_least(comparison)}{_whole(comparison)}"), (0, 2))
    for note in dict.fromkeys(c.note for c in one.comparisons if c.group and c.status == "not_estimable"):
        yield Padding(text(f"{NONE}: {note}.", "dim"), (0, 2))


def _whole(one: Comparison) -> str:
    """Return what a slope is from the lowest to the highest that occurs: a small step is a long way over many."""
    if one.kind != "slope" or one.status != "ok" or math.isnan(one.least):
        return ""
    ends = replace(one, least=one.least * one.span, most=one.most * one.span)
    return f" ({_least(ends)} from the lowest to the highest)"


def _by_group(one: FeatureCheck) -> dict[str, str]:
    """Return the least difference of each group from the others; of two groups both have the same."""
    made = {}
    for comparison in filter(lambda one: one.group, one.comparisons):
        made[comparison.group] = _least(comparison, short=True)
        if comparison.reference != ALL_OTHERS:
            made[comparison.reference] = made[comparison.group]
    return made


def _least(one: Comparison, *, short: bool = False) -> str:
    if one.status != "ok" or math.isnan(one.least):
        words = {"too_few": TOO_FEW, "not_estimable": NONE}.get(one.status, "no difference")
        return words if short else f"{words} ({one.note})"
    least, most = number(one.least), "none" if math.isnan(one.most) else number(one.most)
    return least if least == most else f"{least} to {most}"
