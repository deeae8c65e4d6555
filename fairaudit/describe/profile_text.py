"""A profile as plain text: what the terminal, a model card and a report have in common; whoever shows it escapes it."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from fairaudit.describe.profile import FieldProfile, Figure, Profile, ValueShare

#: Head of ``value_rows``.
VALUE_HEAD = ("Value", "Rows", "Share of all rows", "Of those known")


def scope(profile: Profile) -> str:
    """Return what the numbers are about, and what the intervals are about."""
    if not profile.fields:
        return f"{profile.n_rows:,} images in {profile.table}: nothing is declared of them, and no table was read."
    unit = f" (clusters: {profile.cluster})" if profile.cluster else " (each row by itself)"
    if profile.is_whole:
        return (
            f"All {profile.n_rows:,} rows of {profile.table} were read: shares are exact for this table. The 95 % "
            f"intervals{unit} are about the source that it was taken from, as if at random."
        )
    return (
        f"A random sample of {profile.n_sampled:,} of the {profile.n_rows:,} rows of {profile.table} was taken (seed "
        f"{profile.seed}). The 95 % intervals{unit} are about the table, and about the source that it was taken from, "
        "as if at random."
    )


def field_title(one: FieldProfile) -> str:
    """Return the field's name and whose grouping it is."""
    return f"{one.name} ({one.source})" if one.source else one.name


def field_facts(one: FieldProfile, profile: Profile) -> list[tuple[str, str]]:
    """Return names and texts of what a field has in one number each."""
    unit = profile.cluster or "row"
    clusters = f" from {one.n_clusters:,} clusters ({unit})" if profile.cluster else ""
    unknown, largest = one.unknown, one.largest
    facts = [
        ("Known", f"{one.n_known:,} of {one.n:,} rows{clusters}"),
        ("Unknown", percent(unknown.share) if unknown else "0 %"),
        ("Different values", f"{one.n_values:,}"),
    ]
    if largest is not None:
        facts.append(("Largest", f"{largest.value}: {percent(largest.known_share)} of the known"))
    exact = profile.is_whole
    of_all = decimal(one.reached, digits=0, exact=exact)
    facts += [
        ("Effective number of values", decimal(one.effective_number, digits=1)),
        ("Evenness (1: all values equally frequent)", decimal(one.evenness, digits=2)),
        (f"Values with at least {profile.images_at_least:,} images", of_all),
    ]
    return facts


def value_rows(one: FieldProfile, *, limit: int) -> list[tuple[str, str, str, str]]:
    """Return the rows of ``VALUE_HEAD``: the ``limit`` most frequent values, then all that is no value of its own."""
    values = [share for share in one.shares if share.kind == "value"]
    last = [share for share in one.shares if share.kind != "value"]
    rows = [_row(share) for share in values[:limit]]
    if rest := values[limit:]:
        whole, known = sum(s.share.value for s in rest), sum(s.known_share.value for s in rest)
        rows.append((_more(len(rest)), f"{sum(s.n for s in rest):,}", percent(Figure(whole)), percent(Figure(known))))
    return rows + [_row(share) for share in last]


def copy_facts(profile: Profile) -> list[tuple[str, str]]:
    """Return names and texts of what is there more than once."""
    facts = []
    for found in profile.copies:
        told = f"{found.n_surplus:,} of {found.n:,} could go ({found.n_groups:,} groups)" if found.n else ""
        facts.append((found.method, "; ".join(filter(None, (told, found.note)))))
    return facts


def percent(figure: Figure) -> str:
    """Return a share as per cent with its interval, rounded outwards.

    Examples
    --------
    >>> percent(Figure(0.3023, 0.1598, 0.4968)), percent(Figure(0.00042)), percent(Figure())
    ('30.2 % (15.9 to 49.7)', '0.04 %', '')
    """
    if math.isnan(figure.value):
        return ""
    value = f"{_rounded(100 * figure.value, _digits(figure.value))} %"
    if math.isnan(figure.low) or math.isnan(figure.high):
        return value
    low = _rounded(100 * figure.low, _digits(figure.low), ROUND_FLOOR)
    return f"{value} ({low} to {_rounded(100 * figure.high, _digits(figure.high), ROUND_CEILING)})"


def decimal(figure: Figure, *, digits: int, exact: bool = False) -> str:
    """Return a number with its interval, rounded outwards; why there is none; or the number alone where it is exact."""
    if math.isnan(figure.value):
        return figure.note or "no number"
    value = _rounded(figure.value, digits)
    if exact:
        return value
    if math.isnan(figure.low) or math.isnan(figure.high):
        return f"{value} ({figure.note or 'no interval'})"
    return f"{value} ({_rounded(figure.low, digits, ROUND_FLOOR)} to {_rounded(figure.high, digits, ROUND_CEILING)})"


def _row(share: ValueShare) -> tuple[str, str, str, str]:
    return share.value, f"{share.n:,}", percent(share.share), percent(share.known_share)


def _more(n: int) -> str:
    return f"and {n:,} more {'value' if n == 1 else 'values'}"


def _digits(share: float) -> int:
    per_cent = 100 * share
    return 1 if per_cent >= 0.1 or per_cent <= 0 else min(-math.floor(math.log10(per_cent)), 8)


def _rounded(value: float, digits: int, rounding: str = ROUND_HALF_EVEN) -> str:
    # What binary fractions leave behind (0.1 + 0.2) must not push a bound to the next digit.
    exact = Decimal(repr(round(value, 12)))
    return f"{exact.quantize(Decimal(1).scaleb(-digits), rounding=rounding):,f}"
