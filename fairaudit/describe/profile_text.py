"""A profile as plain, unescaped text, for the terminal, a model card and a report."""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal

from fairaudit.describe.profile import FieldProfile, Figure, Profile, ValueShare

#: Head of ``value_rows``.
VALUE_HEAD = ("Value", "Rows", "Share of all rows", "Of those known")


def scope(profile: Profile) -> str:
    """Return the sentences on the scope of the numbers and of their intervals."""
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


def field_title(field: FieldProfile) -> str:
    """Return the field's name and the publisher of its groups."""
    return f"{field.name} ({field.source})" if field.source else field.name


def field_facts(field: FieldProfile, profile: Profile) -> list[tuple[str, str]]:
    """Return labels and texts of the single numbers of a field."""
    clusters = f" from {field.n_clusters:,} clusters ({profile.cluster})" if profile.cluster else ""
    unknown, largest = field.unknown, field.largest
    facts = [
        ("Known", f"{field.n_known:,} of {field.n:,} rows{clusters}"),
        ("Unknown", percent(unknown.share) if unknown else "0 %"),
        ("Different values", f"{field.n_values:,}"),
    ]
    if largest is not None:
        facts.append(("Largest", f"{largest.value}: {percent(largest.known_share)} of the known"))
    reached = decimal(field.reached, digits=0, exact=profile.is_whole)
    return [
        *facts,
        ("Effective number of values", decimal(field.effective_number, digits=1)),
        ("Evenness (1: all values equally frequent)", decimal(field.evenness, digits=2)),
        (f"Values with at least {profile.images_at_least:,} images", reached),
    ]


def value_rows(field: FieldProfile, *, limit: int) -> list[tuple[str, str, str, str]]:
    """Return the rows of ``VALUE_HEAD``: the ``limit`` most frequent values, the sum of others, then non-values."""
    values = [share for share in field.shares if share.kind == "value"]
    last = [share for share in field.shares if share.kind != "value"]
    rows = [_row(share) for share in values[:limit]]
    if rest := values[limit:]:
        more = f"and {len(rest):,} more {'value' if len(rest) == 1 else 'values'}"
        whole, known = sum(s.share.value for s in rest), sum(s.known_share.value for s in rest)
        rows.append((more, f"{sum(s.n for s in rest):,}", percent(Figure(whole)), percent(Figure(known))))
    return rows + [_row(share) for share in last]


def copy_facts(profile: Profile) -> list[tuple[str, str]]:
    """Return labels and texts of the duplicate images."""
    facts = []
    for copies in profile.copies:
        surplus = f"{copies.n_surplus:,} of {copies.n:,} could go ({copies.n_groups:,} groups)" if copies.n else ""
        facts.append((copies.method, "; ".join(filter(None, (surplus, copies.note)))))
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
    """Return a number with its interval, rounded outwards; the number alone if ``exact``; for NaN, its note."""
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


def _digits(share: float) -> int:
    per_cent = 100 * share
    return 1 if per_cent >= 0.1 or per_cent <= 0 else min(-math.floor(math.log10(per_cent)), 8)


def _rounded(value: float, digits: int, rounding: str = ROUND_HALF_EVEN) -> str:
    # The error of binary fractions (0.1 + 0.2) must not push a bound to the next digit.
    exact = Decimal(repr(round(value, 12)))
    return f"{exact.quantize(Decimal(1).scaleb(-digits), rounding=rounding):,f}"
