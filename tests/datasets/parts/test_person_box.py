"""Crops of persons: the vectors are what the published code does with boxes of these sizes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairaudit.datasets.parts.person_box import Box, person_crop


@pytest.mark.parametrize(
    ("box", "crop"),
    [
        ((0, 0, 100, 120), (0, 0, 100, 100)),
        ((0, 0, 120, 100), (10, 0, 110, 100)),
        ((0, 0, 100, 119), (0, 0, 100, 119)),
        ((30, 40, 130, 340), (30, 40, 130, 140)),
        ((30, 40, 330, 140), (130, 40, 230, 140)),
    ],
)
def test_tall_boxes_keep_their_top_and_wide_ones_their_middle(box: Box, crop: Box) -> None:
    assert person_crop(box) == crop


@given(st.integers(0, 500), st.integers(0, 500), st.integers(1, 900), st.integers(1, 900))
def test_a_crop_lies_in_its_box_and_is_as_large_as_its_shorter_side(x: int, y: int, width: int, height: int) -> None:
    left, top, right, bottom = person_crop((x, y, x + width, y + height))
    assert x <= left < right <= x + width
    assert y <= top < bottom <= y + height
    assert min(right - left, bottom - top) == min(width, height)
