"""Countries by any of their names, with region and income group.

``countries.csv`` has one row for each of the 249 entries of ISO 3166-1 and one for Kosovo: codes, a short name, other
spellings (``also``, separated by ``|``), region and sub-region of the United Nations [1]_, and the income group of the
World Bank [2]_. A name is no statement on the status of a place.

References
----------
.. [1] United Nations Statistics Division, "Standard country or area codes for statistical use" (M49). Taiwan and
   Kosovo, which M49 does not list, have the region of their neighbours; Antarctica has none.
.. [2] World Bank, "World Bank Country and Lending Groups", fiscal year 2025 (July 2024 to June 2025), by gross national
   income per person in 2023; CC BY 4.0. Guernsey and Jersey have that of the Channel Islands.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any

REGION_SOURCE = "United Nations M49"
INCOME_SOURCE = "World Bank, fiscal year 2025"


@dataclass(frozen=True)
class Country:
    """A country or area.

    Parameters
    ----------
    alpha3, alpha2 : str
        Codes of ISO 3166-1; for Kosovo the user-assigned ones that the World Bank and others use.
    name : str
        A short English name.
    region, subregion : str
        Of M49, e.g. ``"Africa"`` and ``"Northern Africa"``; empty for Antarctica.
    income : str
        ``"low"``, ``"lower middle"``, ``"upper middle"`` or ``"high"``; empty if the World Bank gives none.
    also : tuple of str
        Other spellings.
    """

    alpha3: str
    alpha2: str
    name: str
    region: str
    subregion: str
    income: str
    also: tuple[str, ...] = ()


@cache
def countries() -> tuple[Country, ...]:
    """Return all countries, by code."""
    text = (resources.files("fairaudit.core") / "countries.csv").read_text(encoding="utf-8")
    rows: Iterator[dict[str, Any]] = csv.DictReader(text.splitlines())
    return tuple(Country(**{**row, "also": tuple(filter(None, row["also"].split("|")))}) for row in rows)


def find_country(text: str) -> Country | None:
    """Return the country of a code, name or spelling in the table, or None: nothing is guessed.

    Letter case, accents, punctuation, "the", "&" and "St." for "Saint" do not matter.

    Examples
    --------
    >>> find_country("cote d'ivoire").alpha3, find_country("NA").name, find_country("Brasil")
    ('CIV', 'Namibia', None)
    """
    return _index().get(_spelling(text))


@cache
def _index() -> dict[str, Country]:
    return {_spelling(text): c for c in countries() for text in (c.alpha2, c.alpha3, c.name, *c.also)}


def _spelling(text: str) -> str:
    bare = unicodedata.normalize("NFKD", text.casefold().replace("&", " and "))
    letters = "".join(c for c in bare if not unicodedata.combining(c))
    words = re.sub(r"[\W_]+", " ", letters).split()
    if len(words) == 1:  # "ST" is a code
        return words[0]
    return " ".join("saint" if word == "st" else word for word in words if word != "the")
