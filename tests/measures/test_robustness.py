"""Robustness of a difference: the words by their definition, values by hand, intervals by search."""

from __future__ import annotations

import dataclasses

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from fairaudit.core.samples import NOT_RECORDED, Feature
from fairaudit.measures.robustness import Robustness, Setting, SettingDifference, robustness
from fairaudit.stats.cohort import Cohort
from fairaudit.stats.outcomes import Outcomes
from tests.reference.score import score_interval

DIMENSIONS = ("threshold", "top k")


def at(value: float, low: float, *, judged: bool = True, setting: Setting = ()) -> SettingDifference:
    return SettingDifference(setting, value, low, value + abs(value - low), 400, 400, judged)


def robust(*differences: SettingDifference) -> Robustness:
    numbered = tuple(
        one if one.setting else dataclasses.replace(one, setting=(0.1 * i, 5)) for i, one in enumerate(differences)
    )
    return Robustness("skin_tone", "dark", "light", DIMENSIONS, numbered)


@pytest.mark.parametrize(
    ("word", "differences"),
    [
        ("cannot be told", [at(0.2, 0.1)]),
        ("cannot be told", [at(0.2, 0.1), at(0.2, 0.1, judged=False)]),
        ("cannot be told", [at(0.2, 0.1, judged=False), at(0.2, 0.1), at(0.2, 0.1)]),
        ("sign changes", [at(0.2, 0.1), at(0.2, 0.1), at(-0.001, -0.1)]),
        ("sign changes", [at(0.2, -0.1), at(-0.1, -0.2)]),
        ("robust", [at(0.2, 0.1), at(0.02, 0.001)]),
        ("robust", [at(0.2, 0.1), at(0.02, 0.001), at(-0.5, -0.9, judged=False)]),
        ("nowhere clear", [at(0.2, -0.1), at(0.0, -0.1)]),
        ("nowhere clear", [at(0.2, 0.0), at(0.1, 0.0)]),
        ("depends on the setting", [at(0.2, 0.1), at(0.2, -0.1)]),
        ("depends on the setting", [at(0.2, -0.1), at(0.2, 0.1), at(0.2, 0.1)]),
    ],
)
def test_words(word: str, differences: list[SettingDifference]) -> None:
    assert robust(*differences).word == word


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(-1, 1), st.booleans()), min_size=1, max_size=6))
def test_one_word_fits_always(found: list[tuple[float, float, bool]]) -> None:
    one = robust(*(at(value, min(value, low), judged=judged) for value, low, judged in found))
    judged = [(value, min(value, low)) for value, low, judged in found if judged]
    fits = {
        "cannot be told": len(judged) < 2 or not found[0][2],
        "sign changes": min((value for value, _ in judged), default=0) < 0,
        "robust": all(low > 0 for _, low in judged),
        "nowhere clear": not any(low > 0 for _, low in judged),
        "depends on the setting": True,
    }
    assert one.word == next(word for word, does in fits.items() if does)
    assert one.n_clear <= len(one.judged) <= len(one.differences)


def test_what_decides_alone() -> None:
    start = at(0.2, 0.1, setting=(0.1, 5))
    assert robust(start, at(0.2, -0.1, setting=(0.3, 5)), at(0.2, 0.1, setting=(0.1, 1))).decided_by == ("threshold",)
    assert robust(start, at(0.2, 0.1, setting=(0.3, 5)), at(-0.1, -0.2, setting=(0.1, 1))).decided_by == ("top k",)
    assert robust(start, at(0.2, 0.1, setting=(0.3, 5)), at(0.2, -0.2, setting=(0.3, 1))).decided_by == ()
    both = robust(start, at(0.2, -0.1, setting=(0.3, 5)), at(0.2, -0.1, setting=(0.1, 1)))
    assert both.decided_by == DIMENSIONS


def test_the_sentence_says_all_of_it() -> None:
    start = at(0.2, 0.1, setting=(0.1, 5))
    one = robust(start, at(0.05, -0.1, setting=(0.3, 5)), at(0.3, 0.1, setting=(0.1, 1)), at(0, 0, judged=False))
    assert one.sentence("harmful@0.1") == (
        "skin tone, dark minus light on harmful@0.1: 0.200, and from 0.050 to 0.300 over 3 of 4 different settings "
        "(threshold, top k) that can be judged; above zero at 3, with an interval above zero at 2: depends on the "
        "setting; threshold alone can decide it."
    )
    assert robust(start, at(0.1, 0.05, judged=False, setting=(0.3, 5))).sentence("m") == (
        "skin tone, dark minus light on m, over 1 of 2 different settings (threshold) that can be judged: the "
        "robustness of the difference cannot be judged."
    )


def cohort_of(group: npt.NDArray[np.str_], groups: tuple[str, ...]) -> tuple[Cohort, Feature]:
    feature = Feature("tone", groups, "annotated", "by hand")
    names = np.array([f"h{i}" for i in range(len(group))])
    return Cohort("data", "x", (feature,), {"tone": group}, names), feature


def test_values_and_intervals_of_two_groups() -> None:
    """The pair of the headline's setting stays, where another setting has the other one on top."""
    group = np.repeat(["a", "b", NOT_RECORDED], [100, 200, 30])
    cohort, feature = cohort_of(group, ("a", "b"))
    settings = {(0.1, 5): (40, 50), (0.3, 5): (12, 30), (0.8, 5): (2, 3)}
    outcomes: dict[Setting, Outcomes] = {}
    for setting, (in_a, in_b) in settings.items():
        hits = np.zeros(330)
        hits[:in_a], hits[100 : 100 + in_b], hits[300:] = 1, 1, 1
        outcomes[setting] = Outcomes("harmful", hits, np.arange(330))
    one = robustness(cohort, feature, outcomes, dimensions=DIMENSIONS)
    assert one is not None
    assert (one.feature, one.group, one.reference) == ("tone", "a", "b")
    assert [d.value for d in one.differences] == pytest.approx([0.15, -0.03, 0.005])
    for found, (in_a, in_b) in zip(one.differences, settings.values(), strict=True):
        assert (found.low, found.high) == pytest.approx(score_interval(in_a, 100, in_b, 200), abs=1e-4)
        assert (found.n, found.n_clusters) == (300, 300)
    assert [d.judged for d in one.differences] == [True, True, True], "the score needs no number of events"
    assert (one.n_clear, one.word, one.decided_by) == (1, "sign changes", ("threshold",))


def test_settings_that_say_the_same_of_every_image_are_one() -> None:
    group = np.repeat(["a", "b"], 100)
    cohort, feature = cohort_of(group, ("a", "b"))
    hits, clusters = (np.arange(200) % 100 < np.repeat([40, 10], 100)).astype(float), np.arange(200)
    same, other = (Outcomes("m", values, clusters) for values in (hits.copy(), np.where(np.arange(200) == 99, 1, hits)))
    outcomes: dict[Setting, Outcomes] = {(0.1, 5): Outcomes("m", hits, clusters), (0.1, 10): same}
    one = robustness(cohort, feature, outcomes, dimensions=DIMENSIONS)
    assert one is not None
    assert [d.repeats for d in one.differences] == [False, True]
    assert (one.word, len(one.judged), len(one.different)) == ("cannot be told", 1, 1)
    one = robustness(cohort, feature, {**outcomes, (0.3, 5): other}, dimensions=DIMENSIONS)
    assert one is not None
    assert (one.word, len(one.judged)) == ("robust", 2)


def test_of_many_groups_the_farthest_two_with_an_interval_for_all_pairs(rng: np.random.Generator) -> None:
    groups = tuple("abcdef")
    group = np.repeat(groups, 100)
    cohort, feature = cohort_of(group, groups)
    share = dict(zip(groups, (0.2, 0.25, 0.4, 0.1, 0.3, 0.2), strict=True))
    hits = np.array([i % 100 < 100 * share[g] for i, g in enumerate(group)], dtype=float)
    outcomes: dict[Setting, Outcomes] = {(0.1, 5): Outcomes("harmful", hits, np.arange(600))}
    one = robustness(cohort, feature, outcomes, dimensions=DIMENSIONS)
    assert one is not None
    assert (one.group, one.reference, one.word) == ("c", "d", "cannot be told")
    all_pairs = 1 - 2 * stats.norm.sf(stats.studentized_range.isf(0.05, 6, np.inf) / np.sqrt(2))
    expected = score_interval(40, 100, 10, 100, all_pairs)
    assert (one.differences[0].low, one.differences[0].high) == pytest.approx(expected, abs=1e-4)


def test_labels_that_mean_nothing_are_seldom_clear(rng: np.random.Generator) -> None:
    """The farthest of ten groups is chosen for its luck: its interval knows."""
    groups = tuple("abcdefghij")
    clear = 0
    for _ in range(100):
        group = rng.choice(groups, 800)
        cohort, feature = cohort_of(group, groups)
        outcomes: dict[Setting, Outcomes] = {
            (0.1, 5): Outcomes("harmful", (rng.random(800) < 0.3).astype(float), np.arange(800))
        }
        one = robustness(cohort, feature, outcomes, dimensions=DIMENSIONS)
        assert one is not None
        clear += one.differences[0].low > 0
    assert clear <= 13  # more happens once in two thousand where the chance is 5 %


def test_none_where_fewer_than_two_groups_can_be_compared() -> None:
    group = np.repeat(["a", "b"], [100, 15])
    cohort, feature = cohort_of(group, ("a", "b"))
    outcomes: dict[Setting, Outcomes] = {(0.1, 5): Outcomes("m", (np.arange(115) % 2).astype(float), np.arange(115))}
    assert robustness(cohort, feature, outcomes, dimensions=DIMENSIONS) is None
