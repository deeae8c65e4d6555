"""Crops of persons: the vectors are what the published code does with boxes of these sizes."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from fairaudit.core.errors import DataError
from fairaudit.core.samples import Box
from fairaudit.datasets.parts.person_box import boxes_of, person_crop, with_boxes
from fairaudit.datasets.parts.rows import LeftOut


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


def picture(root: Path, name: str = "a.png", size: tuple[int, int] = (400, 300)) -> pd.DataFrame:
    Image.new("RGB", size).save(root / name)
    return pd.DataFrame({"path": [name]})


@pytest.mark.parametrize(
    ("box", "relative", "crop"),
    [
        ((10, 20, 130, 130), False, (10, 20, 130, 130)),
        ((0.1, 0.1, 0.4, 0.5), True, (40, 30, 160, 150)),
        ((100, 0, 200, 300), False, (100, 0, 200, 100)),
        ((0, 0, 400, 200), False, (100, 0, 300, 200)),
        ((-20, -10, 100, 110), False, (0, 0, 100, 110)),
        ((0.8, 0.5, 1.2, 1.5), True, (320, 150, 400, 230)),
    ],
)
def test_boxes_become_crops_in_pixels(tmp_path: Path, box: tuple[float, ...], relative: bool, crop: Box) -> None:
    rows, notes = with_boxes(picture(tmp_path), tmp_path, LeftOut(), np.array([box], dtype=float), relative=relative)
    assert tuple(rows[["box_left_px", "box_top_px", "box_right_px", "box_bottom_px"]].iloc[0]) == crop
    reaches_out = min(box) < 0 or (relative and max(box) > 1)
    assert any("1 boxes reach beyond their image and were cut at its edge." in note for note in notes) is reaches_out


@pytest.mark.parametrize(
    ("box", "reason"),
    [
        ((500, 0, 600, 100), "the box lies outside its image"),
        ((-9, 0, -1, 100), "the box lies outside its image"),
        ((50, 60, 50, 90), "the box has no area"),
        ((90, 0, 20, 100), "the box has no area"),
        ((math.nan, 0, 20, 100), "the box has something that is no number"),
        ((0, 0, math.inf, 100), "the box has something that is no number"),
        ((10.1, 10, 10.2, 100), "the box has no whole pixel"),
        ((0, 0, 99, 300), "the box has fewer than 100 x 100 pixels"),
    ],
)
def test_a_box_that_is_none_is_left_out_with_its_reason(tmp_path: Path, box: tuple[float, ...], reason: str) -> None:
    rows = pd.concat([picture(tmp_path), picture(tmp_path, "b.png")], ignore_index=True)
    left = LeftOut()
    least = 100 if "fewer" in reason else 1
    boxes = np.array([box, (0, 0, 200, 200)], dtype=float)
    kept, notes = with_boxes(rows, tmp_path, left, boxes, least_px=least)
    assert kept["path"].tolist() == ["b.png"]
    assert (left.files, left.reasons) == (["a.png"], [reason])
    assert "1 of 2 boxes cannot be used and were left out." in notes


def test_an_image_that_cannot_be_read_has_no_boxes(tmp_path: Path) -> None:
    rows = pd.concat([picture(tmp_path), picture(tmp_path, "b.png")], ignore_index=True)
    (tmp_path / "a.png").write_bytes(b"no image")
    left = LeftOut()
    kept, _ = with_boxes(rows, tmp_path, left, np.array([(0, 0, 9, 9)] * 2, dtype=float))
    assert kept["path"].tolist() == ["b.png"]
    assert left.reasons[0].startswith("the image must be readable; got ")


def test_boxes_as_lists_and_as_objects() -> None:
    cells, rows = pd.Series(["[10, 20, 30, 40]", "", "(1,)"]), pd.Series(["r1", "r2", "r3"])
    np.testing.assert_array_equal(boxes_of(cells[:2], rows[:2], what="column 'b'"), [[10, 20, 40, 60], [math.nan] * 4])
    made = boxes_of(pd.Series(["{'x': 1, 'y': 2, 'w': 3.5, 'h': 4}"]), rows[:1], what="b", keys=("x", "y", "w", "h"))
    np.testing.assert_array_equal(made, [[1, 2, 4.5, 6]])
    with pytest.raises(DataError) as caught:
        boxes_of(cells, rows, what="column 'b'")
    assert (
        str(caught.value)
        == "column 'b' must hold [x, y, width, height]; got '(1,)' in the row of r3. Correct the cell."
    )
    with pytest.raises(
        DataError, match=r"b must hold an object with x, y, w, h; got '\[10, 20, 30, 40\]' in the row of r1"
    ):
        boxes_of(cells[:1], rows[:1], what="b", keys=("x", "y", "w", "h"))


@pytest.mark.parametrize(
    ("boxes", "relative", "text"),
    [
        (
            [(0.1, 0.1, 0.9, 1.0)],
            False,
            r"must be in pixels; got no edge above 1, as in shares of the image\. Write box_unit = \"shares\"",
        ),
        (
            [(10, 10, 90, 100)],
            True,
            r"must be shares of the image, from 0 to 1; got edges up to 100, as in pixels\. Write",
        ),
    ],
)
def test_the_wrong_unit_is_refused(tmp_path: Path, boxes: list[tuple[float, ...]], relative: bool, text: str) -> None:
    with pytest.raises(DataError, match=text):
        with_boxes(picture(tmp_path), tmp_path, LeftOut(), np.array(boxes, dtype=float), relative=relative)
