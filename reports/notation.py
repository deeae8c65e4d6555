"""Numbers, settings and anchors as text: every report writes a number the same way."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Any, TypeGuard

#: The text for a missing number.
ABSENT = "n/a"


def number(value: float, *, rounding: str = ROUND_HALF_EVEN) -> str:
    """Return ``value`` with three decimals, or with one significant digit if it is smaller than 0.001.

    Examples
    --------
    >>> number(0.71249), number(0.00042), number(1234.5), number(float("nan"))
    ('0.712', '0.0004', '1,234.5', 'n/a')
    """
    # The error of binary fractions (0.1 + 0.2) must not push a bound to the next digit.
    value = round(float(value), 12)
    if math.isnan(value):
        return ABSENT
    if math.isinf(value):
        return "infinity" if value > 0 else "\u2212infinity"
    size = abs(value)
    if size >= 1000:
        digits = 1
    elif size == 0 or size >= 0.001:
        digits = 3
    else:
        digits = min(-math.floor(math.log10(size)), 6)
    text = f"{Decimal(repr(value)).quantize(Decimal(1).scaleb(-digits), rounding=rounding):,f}"
    return text.replace("-", "\u2212") if Decimal(text.replace(",", "")) else "0.000"


def interval(low: float, high: float) -> str:
    """Return an interval as text, rounded outwards so that it still covers; ``"n/a"`` if a bound is missing.

    Examples
    --------
    >>> interval(0.6804, 0.7421)
    '0.680 to 0.743'
    """
    if math.isnan(low) or math.isnan(high):
        return ABSENT
    return f"{number(low, rounding=ROUND_FLOOR)} to {number(high, rounding=ROUND_CEILING)}"


def at_most(size: float) -> str:
    """Return a magnitude rounded up: for "could be as large as" and "only this or more could be seen"."""
    return number(abs(size), rounding=ROUND_CEILING)


def at_least(size: float) -> str:
    """Return a magnitude rounded down: for "at least"."""
    return number(abs(size), rounding=ROUND_FLOOR)


def times(value: float, low: float, high: float) -> str:
    """Return a ratio with its interval, to two digits and rounded outwards; empty if one is missing.

    Examples
    --------
    >>> times(4.08, 2.94, 5.57), times(0.246, 0.1, float("inf"))
    ('4.1 times, 2.9 to 5.6', '0.25 times, 0.10 to infinity')
    """
    if math.isnan(value) or math.isnan(low) or math.isnan(high):
        return ""

    def two(number: float, rounding: str) -> str:
        if math.isinf(number):
            return "infinity"
        number = round(number, 12)
        digits = max(1 - math.floor(math.log10(number)), 0) if number > 0 else 1
        return f"{Decimal(repr(number)).quantize(Decimal(1).scaleb(-digits), rounding=rounding):,f}"

    return f"{two(value, ROUND_HALF_EVEN)} times, {two(low, ROUND_FLOOR)} to {two(high, ROUND_CEILING)}"


def is_number(value: object) -> TypeGuard[float]:
    """Return whether a JSON value is a number."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def count(value: float) -> str:
    """Return a number of images, clusters or weights with thousands separated.

    Examples
    --------
    >>> count(12034.0)
    '12,034'
    """
    return ABSENT if math.isnan(float(value)) else f"{round(float(value)):,}"


def p_value(value: float) -> str:
    """Return a p-value with three decimals, or ``"<0.001"``.

    Examples
    --------
    >>> p_value(0.0002), p_value(0.0449)
    ('<0.001', '0.045')
    """
    if math.isnan(value):
        return ABSENT
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def plural(n: int, singular: str, many: str | None = None) -> str:
    """Return ``n`` with its noun in the singular or plural.

    Examples
    --------
    >>> plural(1, "file"), plural(1200, "file")
    ('1 file', '1,200 files')
    """
    return f"{n:,} {singular if n == 1 else many or singular + 's'}"


def size(n_parameters: int) -> str:
    """Return a parameter count in words that fit a table, e.g. ``"2.3 million"``."""
    for scale, word in ((1e9, "billion"), (1e6, "million")):
        if n_parameters >= scale:
            return f"{n_parameters / scale:.1f} {word}"
    return f"{n_parameters:,}"


def setting(value: Any) -> str:
    """Return a JSON value on one line, text without quotation marks."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, sort_keys=True, default=str)


def pretty(value: Mapping[str, Any]) -> str:
    """Return a JSON object over several lines, keys in their order."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=str)


def slug(*parts: str) -> str:
    """Return ``parts`` as an anchor: lower case, only letters, digits and hyphens, never empty."""
    return "-".join(re.sub(r"[^a-z0-9]+", "-", part.lower()).strip("-") or "x" for part in parts)
