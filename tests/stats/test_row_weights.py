"""Sentences about row weights: the group that loses most, and groups without weight, in every table."""

from __future__ import annotations

import numpy as np
import pytest

from fairaudit.core.samples import Feature
from fairaudit.stats.cohort import Cohort
from fairaudit.stats.disparity import group_values, measure
from fairaudit.stats.outcomes import Outcomes
from fairaudit.stats.row_weights import NO_WEIGHT, weight_warnings

PLACE = Feature("place", ("x", "y", "z"), "annotated", "by hand", ordered=True)


def test_the_group_that_loses_most_is_named() -> None:
    group = np.repeat(["x", "y"], 30)
    weights = np.concatenate([np.ones(30), np.tile([0, 1, 3], 10)]).astype(float)
    values = np.tile([0.0, 1.0, np.nan, 1.0, 0.0, 0.0], 10)
    groups = {"place=x": group == "x", "place=y": group == "y"}
    (text,) = weight_warnings(Outcomes("hit", values, np.arange(60), weights=weights), groups)
    # x: 25 rows of weight 1; y: 10 rows of weight 1, and 5 of 3.
    kish, of_y = (25 + 10 + 15) ** 2 / (25 + 10 + 45), (10 + 15) ** 2 / (10 + 45)
    assert text == (
        f"Rows are weighted: for hit, 40 rows count like {kish:.1f} rows of equal weight (Kish's effective size), of "
        f"place=y 15 like {of_y:.1f}."
    )
    assert weight_warnings(Outcomes("hit", values, np.arange(60)), groups) == ()


def test_every_row_of_a_group_without_weight_says_so(rng: np.random.Generator) -> None:
    place = rng.choice(PLACE.groups, 300)
    cohort = Cohort(
        "data", "x", (PLACE,), {"place": place}, np.arange(300).astype(str), primary=("place",),
        controls={"half": np.tile(["a", "b"], 150)}, weights=(place != "z").astype(float),
    )  # fmt: skip
    outcomes = Outcomes("hit", (rng.random(300) < 0.5).astype(float), np.arange(300))
    found = measure(cohort, [outcomes], headline="hit", tolerance=0.05, slope_tolerance=0.02)
    for table in (found.groups, found.disparities):
        rows = table[(table["group"] == "z") & ~table["control"].str.startswith("standardised")]
        assert len(rows) >= 2
        assert set(rows["status"]) == {"not_estimable"}
    lost = found.groups[(found.groups["group"] == "z") & (found.groups["control"] == "")]
    assert lost["note"].tolist() == [NO_WEIGHT]
    values = group_values(cohort, [outcomes]).set_index("group")
    assert values.loc["z", "n"] == 0
    assert values.loc["x", "value"] == pytest.approx(outcomes.values[place == "x"].mean())
    assert not np.isnan(found.disparities.loc[found.disparities["kind"] == "slope", "value"]).all()
