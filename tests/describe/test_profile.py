from __future__ import annotations

import json
import re
from typing import Any

import pytest

from fairaudit.core.errors import DataError
from fairaudit.describe.profile import Copies, FieldProfile, Figure, Profile, ValueShare, profile_from
from fairaudit.describe.profile_text import copy_facts, decimal, field_facts, percent, scope, value_rows


def profile(**changes: Any) -> Profile:
    half, nothing = Figure(0.5, 0.4, 0.6), Figure(note="no")
    shares = (
        ValueShare("a", "value", 40, half, Figure(0.8, 0.7, 0.9)),
        ValueShare("b", "value", 10, Figure(0.125, 0.1, 0.2), Figure(0.2, 0.1, 0.3)),
        ValueShare("unknown", "unknown", 30, Figure(0.375, 0.3, 0.5)),
    )
    one = FieldProfile("gender", "", 80, 50, 50, 2, shares, half, nothing, Figure(2, 1, 2), "Wilson", ("note",))
    copies = (Copies("same bytes", 80, 1, 2, (("x", "y", "z"),)), Copies("near", 0, note="not looked for"))
    made = {"table": "t.csv", "n_rows": 80, "n_sampled": 80, "seed": 0, "cluster": "", "images_at_least": 10}
    return Profile(**{**made, "fields": (one,), "copies": copies, **changes})


def test_a_profile_goes_to_json_and_back() -> None:
    made = profile(not_profiled=("z",), notes=("n",))
    text = json.dumps(made.document(), allow_nan=False)
    assert profile_from(json.loads(text)).document() == made.document()
    assert profile_from(json.loads(text)) == made
    assert profile_from(json.loads(text)).fields[0].effective_number.note == "no"
    assert json.loads(text)["fields"][0]["effective_number"]["value"] is None


def test_what_is_no_profile_is_refused() -> None:
    others: tuple[Any, ...] = (None, [], {}, {"version": 2})
    for value in others:
        with pytest.raises(DataError, match=r"^profile must be a profile of version 1; got .*\. Make it again with "):
            profile_from(value)
    good = profile().document()
    wrong: tuple[tuple[str, Any, str], ...] = (
        ("n_rows", "8", "profile: n_rows must be a whole number; got '8'. Make it again with fairaudit data profile."),
        ("fields", {}, "profile: fields must be a list of tables, each below [[fields]]; got {}. Make it again"),
        ("fields", [1], "profile: fields must be a list of tables, each below [[fields]]; got [1]. Make it again"),
        ("notes", [1], "profile: notes.1 must be text in quotation marks; got 1. Make it again"),
    )
    wrong += (
        ("rows", 8, "profile: key must be one of: cluster, copies, fields, images_at_least, n_rows, n_sampled, "),
    )
    for key, value, got in wrong:
        with pytest.raises(DataError, match=re.escape(got)):
            profile_from({**good, key: value})
    del good["table"]
    with pytest.raises(
        DataError,
        match=r"^profile: table must be text in quotation marks; it is missing\. Make it again with fairaudit data",
    ):
        profile_from(good)


def test_a_profile_is_told_in_words() -> None:
    made = profile()
    assert scope(made) == (
        "All 80 rows of t.csv were read: shares are exact for this table. The 95 % intervals (each row by itself) are "
        "about the source that it was taken from, as if at random."
    )
    sampled = profile(n_rows=900, cluster="person")
    assert scope(sampled) == (
        "A random sample of 80 of the 900 rows of t.csv was taken (seed 0). The 95 % intervals (clusters: person) are "
        "about the table, and about the source that it was taken from, as if at random."
    )
    assert field_facts(made.fields[0], made) == [
        ("Known", "50 of 80 rows"),
        ("Unknown", "37.5 % (30.0 to 50.0)"),
        ("Different values", "2"),
        ("Largest", "a: 80.0 % (70.0 to 90.0) of the known"),
        ("Effective number of values", "no"),
        ("Evenness (1: all values equally frequent)", "0.50 (0.40 to 0.60)"),
        ("Values with at least 10 images", "2"),
    ]
    assert field_facts(made.fields[0], sampled)[-1][1] == "2 (1 to 2)"
    assert value_rows(made.fields[0], limit=1) == [
        ("a", "40", "50.0 % (40.0 to 60.0)", "80.0 % (70.0 to 90.0)"),
        ("and 1 more value", "10", "12.5 %", "20.0 %"),
        ("unknown", "30", "37.5 % (30.0 to 50.0)", ""),
    ]
    assert copy_facts(made) == [("same bytes", "2 of 80 could go (1 groups)"), ("near", "not looked for")]


@pytest.mark.parametrize(
    ("figure", "text"),
    [
        (Figure(0.30231, 0.15984, 0.49677), "30.2 % (15.9 to 49.7)"),
        (Figure(0.0, 0.0, 0.0123), "0.0 % (0.0 to 1.3)"),
        (Figure(1.0, 0.9, 1.0), "100.0 % (90.0 to 100.0)"),
        (Figure(0.00042, 0.00011, 0.0009), "0.04 % (0.01 to 0.09)"),
        (Figure(0.5), "50.0 %"),
        (Figure(), ""),
    ],
)
def test_shares_are_rounded_outwards_and_never_to_zero(figure: Figure, text: str) -> None:
    assert percent(figure) == text


def test_numbers_without_an_interval_say_why() -> None:
    assert decimal(Figure(1.0, note="only one"), digits=1) == "1.0 (only one)"
    assert decimal(Figure(9.54, 9.152, 16.28), digits=1) == "9.5 (9.1 to 16.3)"
    assert decimal(Figure(), digits=1) == "no number"
