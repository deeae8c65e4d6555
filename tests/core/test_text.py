"""Characters that steer a terminal or reorder a line become escapes; everything else stays as it is."""

from __future__ import annotations

import sys
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairaudit.core.text import one_line, printable

BIDIRECTIONAL = {"LRE", "RLE", "PDF", "LRO", "RLO", "LRI", "RLI", "FSI", "PDI"}
MARKS = {"\u061c", "\u200e", "\u200f"}  # the rest of Unicode's Bidi_Control


def test_exactly_what_unicode_calls_control_surrogate_or_bidirectional_control_is_escaped() -> None:
    everything = [chr(code) for code in range(sys.maxunicode + 1)]
    expected = {
        c
        for c in everything
        if unicodedata.category(c) in ("Cc", "Cs") or unicodedata.bidirectional(c) in BIDIRECTIONAL or c in MARKS
    }
    assert {c for c in everything if printable(c) != c} == expected - {"\t", "\n"} | {"\ufffe", "\uffff"}


@given(st.text(st.characters()))
def test_what_is_shown_can_be_encoded_and_read_back(text: str) -> None:
    shown = printable(text)
    assert shown.encode("utf-8").decode("utf-8") == shown
    assert printable(shown) == shown
    if "\\" not in text:
        assert shown.encode("latin-1", "backslashreplace").decode("unicode_escape") == text


def test_names_that_differ_in_a_control_character_stay_different() -> None:
    assert [printable(c) for c in ("a\x07", "a\x1b", "a\u202e", "a\ud800")] == [
        "a\\x07",
        "a\\x1b",
        "a\\u202e",
        "a\\ud800",
    ]
    assert printable("Ünï \u4f60 \U0001f30d\n\t") == "Ünï \u4f60 \U0001f30d\n\t"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"])
def test_one_line_is_one_line(end: str) -> None:
    assert one_line(f"  a{end}b") == "  a b"
