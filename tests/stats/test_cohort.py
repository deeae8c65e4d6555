"""Groups of rows as codes, alone and crossed, against comparisons of names."""

from __future__ import annotations

import numpy as np
import pytest

from fairaudit.core.samples import NOT_RECORDED, Feature
from fairaudit.stats.cohort import Cohort, crossed_names
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.uncertain_labels import ImputedLabels

PLACE = Feature("place", ("z", "a", "mm"), "annotated", "by hand")
WORK = Feature("work", ("R&D", "sales"), "annotated", "by hand")
ROWS = {
    "place": np.array(["a", "z", NOT_RECORDED, "mm", "a"]),
    "work": np.array(["sales", "R&D", "R&D", NOT_RECORDED, "R&D"]),
}


def cohort(**fields: object) -> Cohort:
    return Cohort("d", "x", (PLACE, WORK), dict(ROWS), np.arange(5).astype(str), **fields)  # type: ignore[arg-type]


def test_codes_are_positions_of_groups() -> None:
    made = cohort()
    assert made.groups_of(PLACE) == ("z", "a", "mm", NOT_RECORDED)
    assert made.codes("place", PLACE.groups).tolist() == [1, 0, -1, 2, 1]
    assert made.codes("place", made.groups_of(PLACE)).tolist() == [1, 0, 3, 2, 1]
    assert made.codes("place", ("nowhere",)).tolist() == [-1] * 5
    assert [made.mask("place", g).sum() for g in PLACE.groups] == [1, 2, 1]


def test_crossed_groups_have_names_that_can_be_taken_apart() -> None:
    one = Outcomes("hit", np.ones(5), np.arange(5))
    sums = cohort().crossed(one, PLACE, WORK)
    assert crossed_names(PLACE, WORK) == ("z & R&&D", "z & sales", "a & R&&D", "a & sales", "mm & R&&D", "mm & sales")
    assert sums.codes.tolist() == [3, 0, -1, -1, 2]
    assert sums.n_groups == 6


def test_weights_are_given_to_outcomes_that_have_none() -> None:
    one, own = Outcomes("hit", np.ones(5), np.arange(5)), np.arange(5.0)
    assert cohort().weighted(one) is one
    weighted = cohort(weights=own).weighted(one)
    assert weighted.weights is own
    mine = Outcomes("hit", np.ones(5), np.arange(5), weights=np.ones(5))
    assert cohort(weights=own).weighted(mine) is mine


def test_draws_replace_the_labels_of_their_feature_alone() -> None:
    codes = np.array([[0, 0, 0, 0, -1], [1, 1, 1, 1, -1]], dtype=np.int16)
    made = cohort(drawn={"place": ImputedLabels(PLACE.groups, codes, 0.5)})
    first, second = made.draws("place", "work")
    assert first.columns["place"].tolist() == ["z"] * 4 + [NOT_RECORDED]
    assert second.columns["place"].tolist() == ["a"] * 4 + [NOT_RECORDED]
    assert (second.columns["work"] == ROWS["work"]).all()
    assert list(made.draws("work")) == [made]


@pytest.mark.parametrize("order", [(0, 1, 2, 3, 4), (4, 2, 0, 3, 1)])
def test_levels_stand_in_the_order_of_their_feature_and_unknown_last(order: tuple[int, ...]) -> None:
    at = list(order)
    made = cohort(controls={"place": ROWS["place"][at], "light": np.array(["b", "a", "c", "a", NOT_RECORDED])[at]})
    assert list(made.levels("place")) == ["z", "a", "mm", NOT_RECORDED]
    assert list(made.levels("light")) == ["a", "b", "c", NOT_RECORDED]
