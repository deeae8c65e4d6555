"""Fitzpatrick's types: the groups are those of the published protocol."""

from __future__ import annotations

import pytest

from fairaudit.datasets.parts.skin_tone import (
    fitzpatrick_features,
    fitzpatrick_group,
    fitzpatrick_type,
    monk_feature,
    monk_tone,
)


@pytest.mark.parametrize(
    ("given", "group"),
    [
        (1, "lighter"), ("2", "lighter"), (" 3 ", "lighter"), (4, "darker"), ("5", "darker"), (6, "darker"),
        ("", "not recorded"), (None, "not recorded"), (7, "not recorded"), (0, "not recorded"), ("3.5", "not recorded"),
        (float("nan"), "not recorded"),
    ],
)  # fmt: skip
def test_types_fall_into_the_published_groups(given: object, group: str) -> None:
    assert fitzpatrick_group([given]).tolist() == [group]


def test_the_feature_says_its_scale_and_who_annotated_it() -> None:
    types, bins = fitzpatrick_features("trained annotators")
    assert (types.name, types.groups) == ("fitzpatrick_type", ("1", "2", "3", "4", "5", "6"))
    assert (bins.name, bins.groups) == ("skin_tone", ("lighter", "darker"))
    assert bins.source == "Fitzpatrick types 1-3 and 4-6; trained annotators"
    assert (types.exploratory, bins.exploratory) == (False, True), "one question is not planned twice"
    monk = monk_feature("trained annotators")
    assert (monk.name, monk.groups[0], monk.groups[-1], len(monk.groups)) == ("monk_skin_tone", "1", "10", 10)
    for feature in (types, bins, monk):
        assert (feature.known_by, feature.ordered) == ("annotated", True)


@pytest.mark.parametrize(
    ("given", "step"),
    [("type iii", "3"), ("Type VI", "6"), ("III", "3"), (5, "5"), ("type vii", "not recorded"),
     ("scale 3", "not recorded"), (None, "not recorded")],
)  # fmt: skip
def test_fitzpatrick_types_in_the_ways_they_are_written(given: object, step: str) -> None:
    assert fitzpatrick_type([given]) == [step]


@pytest.mark.parametrize(
    ("given", "step"),
    [("scale 10", "10"), ("scale 1", "1"), (4, "4"), ("0", "not recorded"), ("11", "not recorded"),
     ("type iii", "not recorded"), ("iii", "not recorded"), ("", "not recorded")],
)  # fmt: skip
def test_monk_tones_are_never_read_from_fitzpatrick_types(given: object, step: str) -> None:
    assert monk_tone([given]) == [step]
