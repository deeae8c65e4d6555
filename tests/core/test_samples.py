"""What ``Samples`` refuses, what ``select`` keeps, and that ids do not leave through hashes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from fairaudit.core.errors import DataError
from fairaudit.core.samples import NOT_RECORDED, Feature, Samples

GENDER = Feature("gender", ("female", "male"), "annotated", "by hand")


def frame(n: int = 4, **columns: Any) -> pd.DataFrame:
    ids = [f"s{i}" for i in range(n)]
    data: dict[str, Any] = {
        "sample_id": ids, "path": [f"img/{i}.png" for i in ids], "cluster_id": [f"Ada-{i // 2}" for i in range(n)],
        "split": "", "label": "", "text": "", "gender": ["female", "male"] * (n // 2),
    }  # fmt: skip
    return pd.DataFrame({**data, **columns})


def make(table: pd.DataFrame, **fields: Any) -> Samples:
    return Samples(
        **{"name": "faces", "reader": "utkface", "subject": "people", "root": Path("data"), "table": table,
           "features": (GENDER,), "cluster": "person", "licence": "CC0", **fields}
    )  # fmt: skip


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (
            frame().drop(columns=["text", "gender"]),
            "data set 'faces' must have the columns sample_id, path, cluster_id, split, label, text and its features; "
            "text, gender is missing. Correct the reader 'utkface'.",
        ),
        (
            frame(0),
            "data set 'faces' must contain at least one image; got none in data. "
            "Check the folder against the layout of the reader 'utkface'.",
        ),
        (
            frame(sample_id=["a", "b", "a", "a"]),
            "data set 'faces' must have one row per sample_id; got 'a' 3 times. Remove or rename the repeated rows.",
        ),
        (
            frame(cluster_id=["p", None, "q", np.nan]),
            "data set 'faces' must have a cluster_id in every row; it is missing in 2. Correct the reader 'utkface'.",
        ),
        (
            frame(sample_id=["a", "b", None, "c"]),
            "data set 'faces' must have a sample_id in every row; it is missing in 1. Correct the reader 'utkface'.",
        ),
        (
            frame(gender=["female", "male", "Female", "male"]),
            "feature 'gender' of data set 'faces' must be one of female, male; got 'Female'. "
            "Correct the reader 'utkface' or the data.",
        ),
        (
            frame(gender=["female", np.nan, 3, "zebra"]),
            "feature 'gender' of data set 'faces' must be one of female, male; got '3'. "
            "Correct the reader 'utkface' or the data.",
        ),
    ],
    ids=["columns", "empty", "twice", "no cluster", "no id", "group", "mixed types"],
)
def test_refusals(table: pd.DataFrame, text: str) -> None:
    with pytest.raises(DataError) as caught:
        make(table)
    assert str(caught.value) == text


def test_not_recorded_is_always_allowed() -> None:
    samples = make(frame(gender=["female", NOT_RECORDED, "male", NOT_RECORDED]))
    assert len(samples) == 4
    assert samples.sample_ids == ("s0", "s1", "s2", "s3")
    assert samples.paths[1] == Path("data/img/s1.png")
    assert samples.feature("gender") is GENDER
    with pytest.raises(KeyError, match="age"):
        samples.feature("age")


def test_select_moves_the_others_to_skipped() -> None:
    samples = make(frame())
    kept = samples.select([True, False, True, False], note="two were blurred", reason="blurred")
    assert kept.sample_ids == ("s0", "s2")
    assert list(kept.table.index) == [0, 1]
    assert kept.skipped.to_dict("records") == [
        {"file": "img/s1.png", "reason": "blurred"},
        {"file": "img/s3.png", "reason": "blurred"},
    ]
    assert kept.notes == ("two were blurred",)
    assert len(samples) == 4
    assert samples.skipped.empty
    again = kept.select([False, True], reason="late")
    assert list(again.skipped["reason"]) == ["blurred", "blurred", "late"]


def test_select_without_reason_is_a_view_of_a_part() -> None:
    part = make(frame()).select(pd.Series([False, True, True, True]))
    assert part.sample_ids == ("s1", "s2", "s3")
    assert part.skipped.empty
    assert part.notes == ()


def test_selecting_nothing_is_an_error_not_an_empty_audit() -> None:
    with pytest.raises(DataError, match="must contain at least one image; got none in data"):
        make(frame()).select([False] * 4)


def test_hashes_pair_the_same_data_and_hide_the_ids() -> None:
    first, second = make(frame()).cluster_hashes(), make(frame()).cluster_hashes()
    assert list(first) == list(second)
    assert first[0] == first[1]
    assert first.nunique() == 2
    assert first.str.fullmatch("[0-9a-f]{16}").all()
    other = make(frame(), name="others").cluster_hashes()
    assert not set(first) & set(other)
    assert not set(first) & set(make(frame(6)).cluster_hashes())


def test_hashes_follow_the_rows_not_their_order() -> None:
    table = frame()
    turned = table.iloc[::-1].reset_index(drop=True)
    assert list(make(turned).cluster_hashes()) == list(make(table).cluster_hashes())[::-1]


def test_how_sure_labels_are_goes_with_the_rows() -> None:
    sure = pd.DataFrame({"female": [1.0, 0.25, 0.6, np.nan], "male": [0.0, 0.75, 0.4, np.nan]})
    samples = make(frame(gender=["female", "male", "female", NOT_RECORDED]), uncertain={"gender": sure})
    kept = samples.select([False, True, False, True])
    assert kept.uncertain["gender"]["male"].tolist() == pytest.approx([0.75, np.nan], nan_ok=True)
    assert kept.sample_ids == ("s1", "s3")
    with pytest.raises(DataError) as caught:
        make(frame(), uncertain={"gendre": sure})
    assert str(caught.value) == (
        "uncertain labels of data set 'faces' must be of one of its features (gender); got 'gendre'. "
        "Did you mean 'gender'?"
    )
    with pytest.raises(DataError) as caught:
        make(frame(), uncertain={"gender": sure})
    assert str(caught.value) == (
        "probabilities of 'gender' in data set 'faces' must allow the group that its table has, and be NaN where that "
        "is 'not recorded'; got 'male' with nan, nan in row 4. Align both by sample_id."
    )


def boxes(*edges: Any) -> dict[str, Any]:
    return dict(zip(("box_left_px", "box_top_px", "box_right_px", "box_bottom_px"), edges, strict=True))


def test_rows_may_be_parts_of_images() -> None:
    assert make(frame()).boxes == [None] * 4
    found = make(frame(**boxes([0, 1, 2, 3], 0, [5, 6, 7, 8], 9)))
    assert found.boxes == [(0, 0, 5, 9), (1, 0, 6, 9), (2, 0, 7, 9), (3, 0, 8, 9)]
    assert found.select([False, True, False, True]).boxes == [(1, 0, 6, 9), (3, 0, 8, 9)]


@pytest.mark.parametrize(
    "given",
    [
        boxes(-1, 0, 5, 5), boxes(0, 0, 0, 5), boxes(0, 6, 5, 5), boxes(0.0, 0, 5, 5), boxes("0", 0, 5, 5),
        {"box_left_px": 0, "box_top_px": 0},
    ],
)  # fmt: skip
def test_a_box_that_is_none_is_refused(given: dict[str, Any]) -> None:
    with pytest.raises(DataError) as caught:
        make(frame(**given))
    assert str(caught.value) == (
        "data set 'faces' must have box_left_px, box_top_px, box_right_px, box_bottom_px in whole pixels in every row, "
        "left before right and top before bottom; got other boxes. Correct the reader 'utkface'."
    )


def test_leads_are_exploratory_features_and_the_country_of_objects_by_region() -> None:
    places = tuple(Feature(one, ("X",), "annotated", "") for one in ("region", "country"))
    light = Feature("light", ("X",), "annotated", "", exploratory=True)
    table = frame(region="X", country="X", light="X")
    objects = {"subject": "objects", "cluster": "household"}
    assert make(table, features=(*places, light), **objects).exploratory_features == {"country", "light"}
    assert make(table, features=(places[1], light), **objects).exploratory_features == {"light"}
    assert make(table, features=places).exploratory_features == frozenset(), "people of a country may be asked about"


def test_weights_follow_their_rows() -> None:
    samples = make(frame(sample_weight=[0.0, 0.5, 2, 1]))
    assert samples.weights is not None
    assert samples.weights.tolist() == [0, 0.5, 2, 1]
    kept = samples.select([True, False, False, True]).weights
    assert kept is not None
    assert kept.tolist() == [0, 1]
    assert make(frame()).weights is None
    for bad in (-1, np.nan, np.inf, "heavy"):
        with pytest.raises(DataError) as caught:
            make(frame(sample_weight=[1, bad, 1, 1]))
        assert str(caught.value) == (
            "data set 'faces' must have a finite sample_weight of 0 or more in every row; got another number. Correct "
            "the reader 'utkface'."
        )
