from __future__ import annotations

from collections import Counter

import pytest

from fairaudit.core.countries import _spelling, countries, find_country


def test_the_table_has_the_entries_of_iso_3166_and_kosovo_each_once() -> None:
    rows = countries()
    assert len(rows) == 250
    for name in ("alpha3", "alpha2", "name"):
        assert max(Counter(getattr(row, name) for row in rows).values()) == 1
    assert all(len(row.alpha3) == 3 and len(row.alpha2) == 2 for row in rows)


def test_regions_are_those_of_m49() -> None:
    # Numbers of countries and areas by region in the M49 table of the United Nations, 249 with Taiwan, and Kosovo.
    expected = {"Africa": 60, "Americas": 57, "Asia": 51, "Europe": 52, "Oceania": 29, "": 1}
    assert Counter(row.region for row in countries()) == expected
    assert len({row.subregion for row in countries()} - {""}) == 17
    assert len({(row.region, row.subregion) for row in countries()}) == 18


def test_income_groups_are_those_of_the_world_bank_for_fiscal_year_2025() -> None:
    # 26 low, 51 lower middle, 54 upper middle and 86 high; the Channel Islands are Guernsey and Jersey here.
    found = Counter(row.income for row in countries())
    assert {k: n for k, n in found.items() if k} == {"low": 26, "lower middle": 51, "upper middle": 54, "high": 87}
    income = {row.alpha3: row.income for row in countries()}
    assert (income["BGR"], income["DZA"], income["UKR"], income["ETH"], income["VEN"]) == (
        "high", "upper middle", "upper middle", "low", "",
    )  # fmt: skip


def test_no_spelling_means_two_countries() -> None:
    meant: dict[str, set[str]] = {}
    for row in countries():
        for text in (row.alpha2, row.alpha3, row.name, *row.also):
            meant.setdefault(_spelling(text), set()).add(row.alpha3)
    assert not {text: codes for text, codes in meant.items() if len(codes) > 1}
    assert "" not in meant


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("NA", "NAM"),
        ("no", "NOR"),
        ("ST", "STP"),
        ("  United   States ", "USA"),
        ("UNITED STATES OF AMERICA (the)", "USA"),
        ("Czech Republic", "CZE"),
        ("Cote d’Ivoire", "CIV"),
        ("Côte d'Ivoire", "CIV"),
        ("St. Kitts & Nevis", "KNA"),
        ("Viet Nam", "VNM"),
        ("TÜRKİYE", "TUR"),
    ],
)
def test_a_country_is_known_by_codes_names_and_spellings(text: str, code: str) -> None:
    found = find_country(text)
    assert found is not None
    assert found.alpha3 == code


@pytest.mark.parametrize("text", ["", "Brasil", "Atlantis", "unknown", "Saint", "the", "Korea", "=1+1", "USAA"])
def test_what_the_table_does_not_have_is_not_guessed(text: str) -> None:
    assert find_country(text) is None
