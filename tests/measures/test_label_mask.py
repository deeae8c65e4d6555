"""Labels of a head by name: the exact one first, and no misspelled class in a mask."""

from __future__ import annotations

import pytest

from fairaudit.core.errors import DataError
from fairaudit.measures.labels import LabelIndex

HEAD = ("tench, Tinca tinca", "crane", "crane, bird", "Coffee_mug", "drake")


@pytest.mark.parametrize(
    ("label", "columns"),
    [("tench", [0]), ("crane", [1]), ("crane, bird", [2]), ("coffee mug", [3]), ("Crane", [1, 2]), ("dog", [])],
)
def test_outputs_by_name(label: str, columns: list[int]) -> None:
    assert LabelIndex(HEAD).columns(label) == columns


def test_a_mask_is_in_the_order_of_the_head_and_everything_where_there_is_none() -> None:
    assert LabelIndex(HEAD).mask(["drake", "tench", "tench, Tinca tinca"], data="r") == [0, 4]
    assert LabelIndex(HEAD).mask((), data="r") == [0, 1, 2, 3, 4]
    assert LabelIndex(()).mask(["drake"], data="r") == []


def test_an_unknown_class_is_one_sentence() -> None:
    with pytest.raises(DataError) as caught:
        LabelIndex(HEAD).mask(["tench", "drakes"], data="renditions")
    assert str(caught.value) == (
        "classes of data set 'renditions' must be labels of the head; got 'drakes', which is none of its 5. Did you "
        "mean 'drake'?"
    )
    with pytest.raises(DataError, match=r"got 'zebra', which is none of its 5\. Correct or leave it out\.$"):
        LabelIndex(HEAD).mask(["zebra"], data="renditions")
