"""``DeclaredRows``: distributions of the declared columns in sampled rows of a table."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from fairaudit.core.countries import INCOME_SOURCE, REGION_SOURCE, Country, find_country
from fairaudit.core.samples import NOT_RECORDED
from fairaudit.describe import diversity
from fairaudit.describe.profile import LONGEST, NAN, UNKNOWN, FieldProfile, Figure, ValueShare

#: Cells (in lower case) of unknown values. "NA" is not among them: it is Namibia.
UNKNOWN_CELLS = ("", UNKNOWN, NOT_RECORDED)
#: Most values of a field that are listed; the others are summed.
LISTED = 300
_COUNTRY = "country"
_NAMED = 10


@dataclass(frozen=True)
class DeclaredRows:
    """Rows of which each column can be profiled.

    Parameters
    ----------
    rows : DataFrame of str
        One row an image; an empty text for no value.
    clusters : ndarray of int, shape (N,), or None
        Code of each row's cluster; None if each row is its own.
    n_rows : int
        Rows of the whole table.
    at_least : int
        Images that a value must have to be counted in ``FieldProfile.reached``.
    """

    rows: pd.DataFrame
    clusters: Any
    n_rows: int
    at_least: int

    def profiles(self, name: str) -> list[FieldProfile]:
        """Profile a column; a country also by region, sub-region and income group."""
        cells = self.rows[name].astype(object)
        values = cells.where(~cells.str.lower().isin(UNKNOWN_CELLS), UNKNOWN)
        if name.lower() != _COUNTRY:
            return [self.profile(name, values)]
        countries = {text: find_country(text) for text in values.unique() if text != UNKNOWN}
        named = values.map({UNKNOWN: UNKNOWN} | {text: c.name if c else text for text, c in countries.items()})
        profiles = [self.profile(name, named, notes=_country_notes(values, countries))]
        for title, attribute, source in (
            (f"region of {name}", "region", REGION_SOURCE),
            (f"sub-region of {name}", "subregion", REGION_SOURCE),
            (f"income group of {name}", "income", INCOME_SOURCE),
        ):
            groups = values.map(
                {t: (getattr(c, attribute) if c else "") for t, c in countries.items()} | {UNKNOWN: UNKNOWN}
            )
            profiles.append(self.profile(title, groups, source=source))
        return profiles

    def profile(self, name: str, values: pd.Series, *, source: str = "", notes: tuple[str, ...] = ()) -> FieldProfile:
        """Return the distribution of ``values``; an empty text is a country without a group in the roll-up."""
        known = ((values != UNKNOWN) & (values != "")).to_numpy()
        codes, names = pd.factorize(values)
        in_all, method = diversity.shares(diversity.Rows(codes.astype(np.int64), self.clusters, len(names)))
        known_codes, known_names = pd.factorize(values[known])
        clusters = None if self.clusters is None else self.clusters[known]
        rows = diversity.Rows(known_codes.astype(np.int64), clusters, len(known_names))
        in_known, _ = diversity.shares(rows)
        by_name = dict(zip(known_names, in_known, strict=True))
        counts = np.bincount(codes, minlength=len(names))
        shares = [
            _share(text, int(n), share, by_name.get(text, Figure()))
            for text, n, share in zip(names, counts, in_all, strict=True)
        ]
        evenness, effective = diversity.evenness(rows)
        whole = [by for text, by in zip(names, in_all, strict=True) if text in by_name]
        known_counts = counts[[text in by_name for text in names]]
        reached = diversity.reached(whole, known_counts, n=len(values), n_rows=self.n_rows, at_least=self.at_least)
        if rows.n and rows.n_clusters < diversity.LEAST_CLUSTERS:
            unit = "rows" if clusters is None else "clusters"
            notes += (f"too few: {rows.n_clusters} {unit} with a known value; {diversity.LEAST_CLUSTERS} are needed",)
        return FieldProfile(
            name=name[:LONGEST], source=source, n=len(values), n_known=rows.n, n_clusters=rows.n_clusters,
            n_values=len(known_names), shares=_listed(shares), evenness=evenness, effective_number=effective,
            reached=reached, ci_method=method, notes=notes,
        )  # fmt: skip


def _share(text: str, n: int, share: Figure, known: Figure) -> ValueShare:
    if text == UNKNOWN:
        return ValueShare(UNKNOWN, "unknown", n, share)
    if text == "":
        return ValueShare("not placed", "not placed", n, share)
    return ValueShare(text[:LONGEST], "value", n, share, known)


def _listed(shares: list[ValueShare]) -> tuple[ValueShare, ...]:
    """Return values by falling number of rows, the sum of those beyond ``LISTED``, then ``not placed``, ``unknown``."""
    values = sorted((s for s in shares if s.kind == "value"), key=lambda s: (-s.n, s.value))
    last = sorted((s for s in shares if s.kind != "value"), key=lambda s: s.kind)
    listed, rest = values[:LISTED], values[LISTED:]
    if rest:
        why = "the sum of many values: no interval"
        total, known = (sum(f.value for f in part) for part in ([s.share for s in rest], [s.known_share for s in rest]))
        n = sum(s.n for s in rest)
        others = ValueShare(
            f"{len(rest):,} other values", "others", n, Figure(total, note=why), Figure(known, NAN, NAN, why)
        )
        listed.append(others)
    return (*listed, *last)


def _country_notes(values: pd.Series, countries: dict[str, Country | None]) -> tuple[str, ...]:
    notes = []
    strange = [text for text, country in countries.items() if country is None]
    spellings = Counter(country.name for country in countries.values() if country is not None)
    several = [name for name, n in spellings.items() if n > 1]
    if several:
        notes.append(f"different spellings were read as one country: {_some(several)}")
    if strange:
        n = int(values.isin(strange).sum())
        notes.append(
            f"{len(strange):,} values ({n:,} rows) are no country that fairaudit's table knows; they count as they "
            f"stand, and no roll-up has a group for them: {_some(strange)}"
        )
    return tuple(notes)


def _some(names: Sequence[str]) -> str:
    shown = ", ".join(name[:LONGEST] for name in names[:_NAMED])
    return f"{shown} and {len(names) - _NAMED:,} more" if len(names) > _NAMED else shown
