"""Cells with more than a text in them: literals, closed lists, votes and ages."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest

from fairaudit.core.errors import DataError
from fairaudit.datasets.parts.age_groups import age_group, age_years
from fairaudit.datasets.parts.cells import binned, country_names, groups_of, literal, open_feature, recorded, text_lists
from fairaudit.datasets.parts.voted import counted, named


@pytest.mark.parametrize(
    ("cell", "value"),
    [
        ("['a', 'b']", ["a", "b"]),
        ('["a"]', ["a"]),
        ("{'x': 1.5}", {"x": 1.5}),
        ('{"x": null}', {"x": None}),
        ("(1, 2)", (1, 2)),
        ("__import__('os').getcwd()", None),
        ("[x for x in ()]", None),
        ("open('/etc/hostname').read()", None),
        ("[" * 5000, None),
        ("'", None),
        ("", None),
        ("9" * 5000, None),
    ],
)
def test_literals_are_read_and_nothing_is_evaluated(cell: str, value: object) -> None:
    assert literal(cell) == value


def test_lists_of_texts() -> None:
    cells = pd.Series(["['a ', 'b']", "", "['a ', 'b']", "[]"])
    found = text_lists(cells, cells, what="column 'x'", example="['a']")
    assert found == [["a", "b"], [], ["a", "b"], []]
    found[0].append("c")
    assert found[2] == ["a", "b"], "rows do not share a list"
    with pytest.raises(DataError) as caught:
        text_lists(pd.Series(["['a']", "['a', 1]"]), pd.Series(["r1", "r2"]), what="column 'x'", example="['a']")
    assert str(caught.value) == (
        "column 'x' must hold lists of texts such as ['a']; got \"['a', 1]\" in the row of r2. Correct the cell, or "
        "leave the column out."
    )


def test_a_closed_list_knows_its_spellings_and_refuses_others() -> None:
    cells = pd.Series(["Female", "MALE", "", "n/a"])
    found = groups_of(cells, {"Female": "female", "Male": "male"}, what="column 'g'", missing=["N/A"])
    assert found.tolist() == ["female", "male", "not recorded", "not recorded"]
    with pytest.raises(DataError) as caught:
        groups_of(pd.Series(["Black", "Blck"]), ("Black", "White"), what="column 'race' of table t.csv")
    assert str(caught.value) == (
        "column 'race' of table t.csv must be one of Black, White; got 'Blck' in row 2. Did you mean 'Black'?"
    )
    with pytest.raises(DataError, match=r"got '=1\+1' in row 1\. Correct the cell\."):
        groups_of(pd.Series(["=1+1"]), ("Black", "White"), what="x")


def test_an_open_list_has_the_groups_that_occur() -> None:
    cells = recorded(pd.Series(["b", "", "a", "Prefer not to say"]), missing=["prefer not to say"])
    assert cells.tolist() == ["b", "not recorded", "a", "not recorded"]
    feature = open_feature(pd.DataFrame({"x": cells}), "x", "self-reported", "asked")
    assert (feature.groups, feature.ordered, feature.exploratory) == (("a", "b"), False, False)


def test_bins_are_a_closed_list_too() -> None:
    bins = {"<18": 0.0, "18-30": 18, "30+": 30}
    cells = pd.Series(["17.9", "18", "", "n/a", "99"])
    found = binned(cells, bins, what="column 'age'", missing=["N/A"])
    assert found.tolist() == ["<18", "18-30", "not recorded", "not recorded", "30+"]
    for cell in ("20 years", "-1", "nan"):
        with pytest.raises(DataError) as caught:
            binned(pd.Series(["5", cell]), bins, what="column 'age'")
        assert str(caught.value) == (
            f"column 'age' must be a number from 0; got '{cell}'. Correct the cell, lower the first bound, or list it "
            "in missing."
        )


def test_countries_have_one_spelling() -> None:
    found, note = country_names(pd.Series(["kenya", "KE", "United_Kingdom", "", "Atlantis"]))
    assert found.tolist() == ["Kenya", "Kenya", "United Kingdom", "not recorded", "Atlantis"]
    assert note == "Countries that no table knows stand as they were written: Atlantis."
    assert country_names(pd.Series(["KE"]))[1] == ""


def test_votes_are_kept_as_shares() -> None:
    rows = pd.DataFrame({"n_a": ["2", "1", "0", ""], "n_b": ["1", "1", "0", "3"]})
    most, shares = counted(rows, {"a": "n_a", "b": "n_b"}, what="table t")
    assert most.tolist() == ["a", "a", "not recorded", "b"]
    expected = np.array([[2 / 3, 1 / 3], [0.5, 0.5], [np.nan, np.nan], [0, 1]])
    np.testing.assert_allclose(shares.to_numpy(), expected)
    assert list(shares.columns) == ["a", "b"]


@pytest.mark.parametrize("cell", ["-1", "x", "nan", "inf", "1,5"])
def test_what_is_no_count_is_refused(cell: str) -> None:
    rows = pd.DataFrame({"n_a": ["1", cell], "n_b": ["1", "1"]})
    with pytest.raises(DataError) as caught:
        counted(rows, {"a": "n_a", "b": "n_b"}, what="table t.csv")
    assert str(caught.value) == (
        f"column 'n_a' of table t.csv must count annotators; got {cell!r} in row 2. Correct the cell."
    )


def test_what_names_no_group_is_no_vote() -> None:
    most, shares = named([["a", "unsure", "a"], ["b", "a"], ["unsure"], []], ("a", "b"), what="x")
    assert most.tolist() == ["a", "a", "not recorded", "not recorded"]
    np.testing.assert_allclose(shares.to_numpy()[:2], np.array([[1, 0], [0.5, 0.5]]))
    assert shares.iloc[2:].isna().all(axis=None)


def test_ages_at_the_edges_of_their_groups() -> None:
    cells = pd.Series(
        ["17", "18", "29", "30", "44", "45", "69", "70", "120", "121", "-1", "N/A", "", "prefer not to say"]
    )
    years = age_years(cells)
    assert math.isnan(years[11])
    assert age_group(years).tolist() == [
        "<18", "18-30", "18-30", "30-45", "30-45", "45-70", "45-70", "70+", "70+", *["not recorded"] * 5,
    ]  # fmt: skip
