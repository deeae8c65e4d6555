"""Disparity rows as sentences: the only place that words a verdict.

A planned comparison has one of four verdicts: a disparity is *shown*, of *at least* an amount, which may be *beyond
tolerance*; none shown, but it *could be as large as* an amount; within tolerance; not estimable, with the reason. An
exploratory comparison has no verdict.
There is no single score and no seal of approval.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from fairaudit.core.audit import AuditResult
from fairaudit.core.plan import MEAN_OF_OTHERS
from fairaudit.core.result import IndicatorResult
from fairaudit.core.text import one_line
from fairaudit.reports import notation
from fairaudit.stats.contrasts import ALL_OTHERS
from fairaudit.stats.controls import STANDARDISED
from fairaudit.stats.disparity import OVERALL

Row = Mapping[Any, Any]
#: Below this overall share a difference is told with its ratio.
RARE = 0.1
OTHERS = "all others in this sample"
_REFERENCES = {ALL_OTHERS: OTHERS, MEAN_OF_OTHERS: "the unweighted mean of the other groups"}
#: Words of the extent of a disparity.
EXTENTS = {"beyond_tolerance": "beyond tolerance", "below_tolerance": "smaller than the tolerance"}


@dataclass(frozen=True)
class Word:
    """How a verdict is shown: sign, word and colour, so that colour never carries it alone.

    Parameters
    ----------
    key : str
        Verdict in the table.
    sign, text : str
        Shown side by side.
    css : str
        Name of its colour in ``palette``.
    meaning : str
        Its explanation, as a sentence.
    """

    key: str
    sign: str
    text: str
    css: str
    meaning: str


def keyed(*words: Word) -> dict[str, Word]:
    """Return ``words`` by key."""
    return {entry.key: entry for entry in words}


VERDICTS = keyed(
    Word(
        "disparity",
        "\u25b2",
        "Disparity shown",
        "disparity",
        "The bound is beyond zero, adjusted for all planned comparisons; beyond tolerance if it is beyond the "
        "tolerance, too.",
    ),
    Word(
        "inconclusive",
        "?",
        "Inconclusive",
        "inconclusive",
        "No difference is shown and none is ruled out: more data are needed.",
    ),
    Word(
        "within_tolerance",
        "\u2248",
        "Within tolerance",
        "within",
        "No difference is shown, and one larger than the tolerance is ruled out.",
    ),
    Word(
        "not_estimable",
        "\u2014",
        "Not estimable",
        "none",
        "The data do not allow a statement, and the report says why.",
    ),
)
#: Words between "trend" and the feature, by measure.
_ALONG = {"per_doubling": "per doubling of", "per_step": "per step of"}
#: An exploratory row is an exploratory difference if its q-value (Benjamini-Hochberg) is below this.
EXPLORATORY_LEVEL = 0.05
EXPLORATORY = Word(
    "exploratory",
    "\u25c7",
    "Exploratory difference",
    "inconclusive",
    "Worth a planned test on new data; not a finding.",
)
NOTHING_SEEN = Word("nothing_seen", "\u00b7", "No difference seen", "none", "Nothing to follow here.")


def word(row: Row) -> Word:
    """Return the word of a disparity row; an exploratory row never gets a verdict."""
    if row["family"] == "primary":
        return VERDICTS.get(row["verdict"], VERDICTS["not_estimable"])
    if row["status"] != "ok":
        return VERDICTS["not_estimable"]
    return EXPLORATORY if row["p_adjusted"] < EXPLORATORY_LEVEL else NOTHING_SEEN


def comparison(row: Row) -> str:
    """Return the comparison of a disparity row in words, e.g. ``"feminine against all others in this sample"``."""
    feature, kind = _plain(row["feature"]), row["kind"]
    if kind in ("one_vs_rest", "reference"):
        ratio = ", ratio" if row["measure"] == "ratio" else ""
        return f"{row['group'] or 'each group'} against {reference(row)}{ratio}"
    if kind == "slope":
        return f"trend {_ALONG.get(row['measure'], 'along')} {feature}"
    if kind == "gap":
        return (
            "ratio of lowest to highest group" if row["measure"] == "ratio" else "gap between highest and lowest group"
        )
    if kind == "concentration":
        return f"concentration along {feature}"
    if kind == "departure":
        return f"departure from a line along {feature}"
    return "all groups equal" if kind == "omnibus" else " ".join(filter(None, (kind, row["measure"], row["group"])))


def reference(row: Row) -> str:
    """Return the other side of a comparison in words."""
    name = row["reference"] or (ALL_OTHERS if row["kind"] == "one_vs_rest" else "the reference")
    return _REFERENCES.get(name, str(name))


def controlled(control: str) -> str:
    """Return the words for a control: within one of its levels, or standardised over it."""
    if not control:
        return ""
    return f" {control}" if control.startswith(STANDARDISED) else f" within {control}"


def _plain(name: Any) -> str:
    """Return the name of a column or metric as words."""
    return str(name).replace("_", " ")


@dataclass(frozen=True)
class Beside:
    """Rows of one result that are told beside others.

    Parameters
    ----------
    ratios, departures : mapping of tuple to mapping
        Ratio beside a difference of a rare outcome, and test of departure beside a slope, by the key of the row that
        they stand beside.
    """

    ratios: Mapping[tuple[Any, ...], Row]
    departures: Mapping[tuple[Any, ...], Row]

    @classmethod
    def of(cls, result: IndicatorResult) -> Beside:
        """Return the rows of ``result`` that stand beside others."""
        overall = result.groups[(result.groups["feature"] == OVERALL) & (result.groups["control"] == "")]
        rare = set(overall.loc[overall["value"] < RARE, "metric"])
        rows = result.disparities[result.disparities["status"] == "ok"]
        ratios = rows[(rows["measure"] == "ratio") & rows["metric"].isin(rare)]
        departures = rows[(rows["kind"] == "departure") & (rows["p_adjusted"] < EXPLORATORY_LEVEL)]
        return cls(*({_key(row): row for row in part.to_dict("records")} for part in (ratios, departures)))

    def ratio(self, row: Row) -> str:
        """Return the ratio beside the difference of a rare outcome, e.g. ``"4.1 times, 2.9 to 5.6"``; else empty."""
        found = self.ratios.get(_key(row)) if row["measure"] == "difference" else None
        return "" if found is None else notation.times(found["value"], *adjusted(found))

    def departure(self, row: Row) -> str:
        """Return the words beside a slope whose groups do not follow a line; else empty."""
        found = self.departures.get(_key({**row, "kind": "departure"})) if row["kind"] == "slope" else None
        p = "" if found is None else notation.p_value(found["p_adjusted"])
        return f"the groups do not follow a line (adjusted p {p}): see each group" if p else ""


NOTHING_BESIDE = Beside({}, {})


def _key(row: Row) -> tuple[Any, ...]:
    return tuple(row[name] for name in ("metric", "feature", "control", "kind", "group", "reference"))


def sentence(row: Row, beside: Beside = NOTHING_BESIDE) -> str:
    """Return the verdict of one disparity row as a sentence.

    Parameters
    ----------
    row : mapping
        One row of ``IndicatorResult.disparities``.
    beside : Beside
        Other rows of its result.

    Returns
    -------
    str
        Plain text; the caller escapes it for HTML.
    """
    on = f" on {_plain(row['metric'])}" + controlled(row["control"])
    shown = word(row).key
    if shown == "not_estimable":
        why = str(row["note"]).strip().rstrip(".") or "no reason was recorded"
        outcome = "cannot be estimated" if math.isnan(row["value"]) else "gets no verdict"
        return f"{_plain(row['feature'])}: {comparison(row)}{on} {outcome}: {why}."
    if row["family"] != "primary":
        outcome = EXPLORATORY.text + ", not a finding" if shown == EXPLORATORY.key else NOTHING_SEEN.text
        said = f"{outcome}: {_plain(row['feature'])}, {comparison(row)}{on}, {_estimate(row)}"
    else:
        body = {"disparity": _disparity, "inconclusive": _inconclusive, "within_tolerance": _within}[row["verdict"]]
        said = f"{_plain(row['feature'])}: {body(row, on)}"
    return "; ".join(filter(None, (said, beside.ratio(row), beside.departure(row)))) + "."


def adjusted(row: Row) -> tuple[float, float]:
    """Return the adjusted interval, on which the verdict rests; the plain one if it is missing."""
    name = "ci_{}_adjusted" if not math.isnan(row["ci_low_adjusted"]) else "ci_{}"
    low, high = (float(row[name.format(end)]) for end in ("low", "high"))
    # JSON holds no infinite bound, which a ratio may have: it is read as missing.
    return low, math.inf if math.isnan(high) and not math.isnan(low) else high


def _disparity(row: Row, on: str) -> str:
    low, high = adjusted(row)
    neutral = _neutral(row)
    nearest = low - neutral if row["value"] > neutral else neutral - high
    # A simultaneous interval can touch the neutral value although the adjusted p-value is below the level.
    size = f"by at least {notation.at_least(nearest)}" if nearest > 0 else "by an amount that may be very small"
    size += " as a ratio" if neutral and row["kind"] != "gap" else ""
    size += f", {extent}" if (extent := extent_words(row)) else ""
    p = notation.p_value(row["p_adjusted"])
    if row["kind"] == "omnibus":
        return f"the groups differ{on} (adjusted p {p})"
    if row["kind"] == "departure":
        return f"the groups do not follow a line{on} (adjusted p {p})"
    if row["kind"] == "gap":
        return f"the {comparison(row)}{on} is away from {'one' if neutral else 'zero'} {size} ({_estimate(row)})"
    more = row["value"] > neutral
    if row["kind"] in ("one_vs_rest", "reference"):
        than = f"{'higher' if more else 'lower'} than {reference(row)}"
        return f"{row['group']} is {than}{on}, {size} ({_estimate(row)})"
    step = f"each {'doubling' if row['measure'] == 'per_doubling' else 'step'} of {_plain(row['feature'])}"
    if row["kind"] == "slope":
        within = controlled(row["control"])
        return f"with {step}, {_plain(row['metric'])}{within} {'rises' if more else 'falls'} {size} ({_estimate(row)})"
    return f"{comparison(row)}{on} is {'above' if more else 'below'} zero {size} ({_estimate(row)})"


def extent_words(row: Row) -> str:
    """Return the extent of a disparity in words, with its tolerance; else empty."""
    words = EXTENTS.get(row["extent"], "")
    return f"{words} ({notation.number(row['tolerance'])})" if words else ""


def _inconclusive(row: Row, on: str) -> str:
    p = notation.p_value(row["p_adjusted"])
    if row["kind"] == "omnibus":
        return f"no difference between the groups{on} is shown, and none is ruled out (adjusted p {p})"
    if row["kind"] == "departure":
        return f"no {comparison(row)}{on} is shown, and none is ruled out (adjusted p {p})"
    low, high = adjusted(row)
    neutral = _neutral(row)
    largest = max(abs(low - neutral), abs(high - neutral))
    seen = row["min_detectable"]
    could = "an amount that this data does not bound" if math.isnan(largest) else notation.at_most(largest)
    power = (
        "how small a difference this data could show is not known"
        if math.isnan(seen)
        else f"with this data only {notation.at_most(seen)} or more could be seen"
    )
    return f"{comparison(row)}{on}: could be as large as {could}; {power} ({_estimate(row)})"


def _within(row: Row, on: str) -> str:
    return f"{comparison(row)}{on}: within the tolerance of {notation.number(row['tolerance'])} ({_estimate(row)})"


def _estimate(row: Row) -> str:
    low, high = adjusted(row)
    plain = math.isnan(row["ci_low_adjusted"]) or math.isnan(row["ci_high_adjusted"])
    if math.isnan(row["value"]):
        return "no estimate"
    kind = "interval" if plain else "adjusted interval"
    return f"estimate {notation.number(row['value'])}, {kind} {notation.interval(low, high)}"


def _neutral(row: Row) -> float:
    """Return the value that means "no difference": 1 for a ratio, else 0."""
    return 1.0 if row["measure"] == "ratio" else 0.0


def beyond(disparities: pd.DataFrame) -> int:
    """Return how many planned comparisons show a disparity beyond tolerance."""
    return int((disparities["extent"] == "beyond_tolerance").sum()) if len(disparities) else 0


def tally(counts: Mapping[str, int], *, beyond: int = 0, failures: int = 0) -> str:
    """Return the summary sentence over all planned comparisons.

    Parameters
    ----------
    counts : mapping of str to int
        Number of primary rows by verdict.
    beyond : int
        Number of disparities beyond tolerance.
    failures : int
        Number of indicators that could not run.
    """
    total = sum(counts.values())
    ran = "" if not failures else f" {notation.plural(failures, 'indicator')} could not run."
    if not total:
        return f"No planned comparison could be made, so nothing is shown and nothing is ruled out.{ran}"
    n = counts.get("disparity", 0)
    if n:
        verb = "shows" if n == 1 else "show"
        size = (
            f"{f'{beyond:,}' if beyond else 'none'} of them beyond tolerance"
            if n > 1
            else f"{'' if beyond else 'not '}beyond tolerance"
        )
        return f"{n:,} of {notation.plural(total, 'planned comparison')} {verb} a disparity, {size}.{ran}"
    open_ = total - counts.get("within_tolerance", 0)
    rest = (
        f"That does not rule one out: {open_:,} {'is' if open_ == 1 else 'are'} inconclusive or not estimable."
        if open_
        else "Each is within its tolerance; what was not planned or not labelled is not covered."
    )
    return f"None of {notation.plural(total, 'planned comparison')} shows a disparity. {rest}{ran}"


def selftest(audit: AuditResult) -> str:
    """Return the result of the self-test with its date, e.g. ``"self-test of 2026-03-01: passed; ..."``, if any."""
    found = audit.provenance.get("selftest", {})
    date = f" of {found['date']}" if "date" in found else ""
    return f"self-test{date}: {found['sentence']}" if found else ""


def lines(audit: AuditResult) -> list[str]:
    """Return an audit as terminal lines: summary, sentence of each planned row, failures, and self-test."""
    rows = [] if audit.disparities.empty else audit.disparities.to_dict("records")
    planned = [row for row in rows if row["family"] == "primary"]
    counts = {verdict: sum(row["verdict"] == verdict for row in planned) for verdict in VERDICTS}
    output = [tally(counts, beyond=beyond(audit.disparities), failures=len(audit.failures))]
    for result in audit.results:
        output += ["", f"{result.title} ({result.dataset or 'no data set'})"]
        own = [r for r in planned if (r["indicator"], r["dataset"]) == (result.indicator, result.dataset)]
        beside = Beside.of(result)
        output += [f"  {VERDICTS[r['verdict']].sign} {sentence(r, beside)}" for r in own]
        output += [] if own else ["  no planned comparison: see the report for its values"]
    for failure in audit.failures:
        output += ["", f"{failure.indicator} could not run: {failure.reason} {failure.what_to_do}"]
    if checked := selftest(audit):
        output += ["", f"{checked}."]
    return [one_line(line) for line in output]
