"""A check of a data set on the terminal: what is there, what is wrong with it, what could be seen with it."""

from __future__ import annotations

import math
from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from fairaudit.core.contrasts import ALL_OTHERS
from fairaudit.core.images import MAX_UNREADABLE
from fairaudit.core.sample_check import Comparison, FeatureCheck, Overlap, Reason, SampleCheck
from fairaudit.core.samples import INCOME
from fairaudit.core.sufficiency import MIN_CLUSTERS
from fairaudit.reports.notation import number
from fairaudit.reports.screen import facts, on_screen, table, text

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
    else:
        yield text(f"Nothing is left out, {_opened(check)}, no two files have the same bytes{_apart(check)}.")
    for note in check.notes:
        yield text(note)
    for one in check.features:
        yield Text()
        yield from _feature(one, check)
    yield Text()
    yield text(verdict(check))


def verdict(check: SampleCheck) -> str:
    """Return what an audit of this data would come to, in one or two sentences."""
    if is_refused(check):
        return (
            f"The images of {check.n_rows_unreadable:,} of {check.n_rows:,} rows cannot be read, and an audit refuses "
            f"data with more than {100 * MAX_UNREADABLE:g} %. Repair or replace them."
        )
    if not check.features:
        return "No groups are recorded here: an audit gives overall values, and nothing is compared."
    if not check.can_compare:
        return "No two groups are large enough to be compared: an audit gives values of groups, and no verdict."
    measure = "an AUROC of 0.7" if check.subject == "memes" else f"a share of images, {_expected(check)}"
    several = check.n_planned != 1
    told = f"{check.n_planned:,} planned comparisons" if several else "its one planned comparison"
    by = f" of {' and '.join(check.indicators)}" if check.indicators else ""
    shared = f"gives {told}{by} a 5 % chance of a false alarm"
    if not check.n_planned:
        shared = "plans these comparisons, which give leads alone, one by one at 5 %"
    elif several:
        shared = f"shares a 5 % chance of a false alarm among {told}{by} ({number(check.alpha)} each)"
    ends = f" Where two numbers stand, rows of one {check.cluster} tell as much as others for the smaller, and nothing"
    ends = f"{ends} new for the larger." if _clustered(check) else ""
    few = any(one.status == "too_few" for feature in check.features for one in feature.comparisons)
    return (
        f"{FOUND}: the least difference that is found with probability 80 % by an audit that {shared}. The measure is "
        f"{measure}.{ends}{f' {TOO_FEW.capitalize()}: fewer than {MIN_CLUSTERS} clusters.' if few else ''} Measures of "
        "neighbours vary in another way, and more data sets in one audit need more."
    )


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
    words = ["ordered"] * (one.ordered and one.name != INCOME) + ["gives leads alone"] * one.exploratory
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
            yield Padding(text(f"{FOUND} {of}: {_least(comparison)}"), (0, 2))
    for note in dict.fromkeys(c.note for c in one.comparisons if c.group and c.status == "not_estimable"):
        yield Padding(text(f"{NONE}: {note}.", "dim"), (0, 2))


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


def _expected(check: SampleCheck) -> str:
    return f"{check.expected:g} in other groups{', the hardest case' if check.expected == 0.5 else ''}"
