from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairaudit.images.shard import Texts


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]))), st.slices(8))
def test_texts_are_a_list(texts: list[str], part: slice) -> None:
    kept = Texts(texts)
    assert list(kept) == texts
    assert [kept[at - len(texts)] for at in range(len(texts))] == texts
    assert list(kept[part]) == texts[part]


def test_names_that_are_no_utf8_come_back() -> None:
    name = os.fsdecode(b"caf\xe9.jpg")
    assert list(Texts([name])) == [name]


@pytest.mark.parametrize("at", [2, -3])
def test_beyond_the_end_is_an_error(at: int) -> None:
    with pytest.raises(IndexError, match=f"text {at} of 2"):
        Texts(["a", "b"])[at]
