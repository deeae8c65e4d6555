"""Countries as people write them, and the regions and income groups they belong to.

``countries.csv`` has one row for each of the 249 entries of ISO 3166-1 and one for Kosovo: codes, a short name, other
spellings (``also``, separated by ``|``), region and sub-region of the United Nations [1]_, and the income group of the
World Bank [2]_. A name says nothing on the status of a place.

References
----------
.. [1] United Nations Statistics Division, "Standard country or area codes for statistical use" (M49). Taiwan and
   Kosovo, which M49 does not list, stand with their neighbours; Antarctica has no region.
.. [2] World Bank, "World Bank Country and Lending Groups", fiscal year 2025 (July 2024 to June 2025), by gross national
   income per person in 2023; CC BY 4.0. Guernsey and Jersey have that of the Channel Islands.
"""

from __future__ import annotations

import csv
import re
import unicodedata
from dataclasses import dataclass
from functools import cache
from importlib import resources

REGION_SOURCE = "United Nations M49"
INCOME_SOURCE = "World Bank, fiscal year 2025"


@dataclass(frozen=True)
class Country:
    """A country or area.

    Parameters
    ----------
    alpha3, alpha2 : str
        Codes of ISO 3166-1; Kosovo has the user-assigned ones that the World Bank and others write.
    name : str
        A short English name.
    region, subregion : str
        Of M49, e.g. ``"Africa"`` and ``"Northern Africa"``; empty for Antarctica.
    income : str
        ``"low"``, ``"lower middle"``, ``"upper middle"`` or ``"high"``; empty where the World Bank gives none.
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
    rows = csv.DictReader(text.splitlines())
    return tuple(_country(row) for row in rows)


def _country(row: dict[str, str]) -> Country:
    also = tuple(filter(None, row["also"].split("|")))
    return Country(row["alpha3"], row["alpha2"], row["name"], row["region"], row["subregion"], row["income"], also)


def find_country(text: str) -> Country | None:
    """Return the country that ``text`` names, or None: nothing is guessed.

    Codes, names and the spellings of the table count; letter case, accents, punctuation, "the", "&" and "St." for
    "Saint" do not matter.

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
