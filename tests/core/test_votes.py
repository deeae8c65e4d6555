"""Votes become shares, and what does not fit its table is refused."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from fairaudit.core.errors import DataError
from fairaudit.core.samples import NOT_RECORDED
from fairaudit.core.votes import check_shares, most_voted, shares_of_votes

NAN = float("nan")


def votes(*rows: tuple[float, ...]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["woman", "man", "other"][: len(rows[0])], dtype=float)


def test_votes_become_shares_and_no_vote_is_not_recorded() -> None:
    shares = shares_of_votes(votes((3, 0, 0), (1, 1, 2), (0, 0, 0), (NAN, NAN, NAN), (0.5, 0.5, 0)))
    expected = [[1, 0, 0], [0.25, 0.25, 0.5], [NAN] * 3, [NAN] * 3, [0.5, 0.5, 0]]
    np.testing.assert_array_equal(shares.to_numpy(), np.array(expected))
    assert most_voted(shares, missing=NOT_RECORDED).tolist() == ["woman", "other", NOT_RECORDED, NOT_RECORDED, "woman"]


@pytest.mark.parametrize(
    ("table", "text"),
    [
        (votes((3,)), "votes must have a column for each of at least two groups; got woman. Add the other groups."),
        (
            votes((1, 2), (1, NAN)),
            "votes must have a number for every group in a row, or for none; got none for 'man' in row 2. "
            "Fill in 0 where nobody voted for a group.",
        ),
        (votes((1, 2), (1, 0), (2, -1)), "votes must be numbers from 0; got -1 in row 3. Correct it."),
        (votes((np.inf, 2)), "votes must be numbers from 0; got inf in row 1. Correct it."),
    ],
)
def test_votes_that_cannot_be(table: pd.DataFrame, text: str) -> None:
    with pytest.raises(DataError) as caught:
        shares_of_votes(table)
    assert str(caught.value) == text


@pytest.mark.parametrize(
    ("shares", "labels", "text"),
    [
        (
            votes((1, 0, 0)),
            ["woman"],
            "probabilities must have the columns woman, man, in this order; got woman, man, other. Correct the reader.",
        ),
        (
            votes((1, 0)),
            ["woman", "man"],
            "probabilities must have the rows of its table, in the same order; got 1 rows for 2, or another index. "
            "Align them by sample_id.",
        ),
        (
            votes((1, 0), (2, 1)),
            ["woman", "woman"],
            "probabilities must be probabilities from 0 that sum to 1 in each row, or NaN in all of it; got 2, 1 in "
            "row 2. Use shares_of_votes for counts.",
        ),
        (
            votes((1.5, -0.5), (1, 0)),
            ["woman", "woman"],
            "probabilities must be probabilities from 0 that sum to 1 in each row, or NaN in all of it; got 1.5, -0.5 "
            "in row 1. Use shares_of_votes for counts.",
        ),
        (
            votes((NAN, 1)),
            ["man"],
            "probabilities must be probabilities from 0 that sum to 1 in each row, or NaN in all of it; got nan, 1 in "
            "row 1. Use shares_of_votes for counts.",
        ),
        (
            votes((1, 0)),
            ["man"],
            "probabilities must allow the group that its table has, and be NaN where that is 'not recorded'; got 'man' "
            "with 1, 0 in row 1. Align both by sample_id.",
        ),
        (
            votes((0.5, 0.5), (NAN, NAN)),
            ["man", "man"],
            "probabilities must allow the group that its table has, and be NaN where that is 'not recorded'; got 'man' "
            "with nan, nan in row 2. Align both by sample_id.",
        ),
        (
            votes((0.5, 0.5)),
            [NOT_RECORDED],
            "probabilities must allow the group that its table has, and be NaN where that is 'not recorded'; got "
            "'not recorded' with 0.5, 0.5 in row 1. Align both by sample_id.",
        ),
    ],
)
def test_shares_that_do_not_fit_their_table(shares: pd.DataFrame, labels: list[str], text: str) -> None:
    with pytest.raises(DataError) as caught:
        check_shares("probabilities", ("woman", "man"), shares, pd.Series(labels), missing=NOT_RECORDED)
    assert str(caught.value) == text


def test_shares_that_fit() -> None:
    shares = votes((0.1, 0.9), (NAN, NAN), (1, 0), (1 / 3, 2 / 3))
    labels = pd.Series(["woman", NOT_RECORDED, "woman", "man"])  # the less probable group may be on record
    check_shares("probabilities", ("woman", "man"), shares, labels, missing=NOT_RECORDED)
