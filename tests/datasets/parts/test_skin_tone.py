"""Fitzpatrick's types: the groups are those of the published protocol."""

from __future__ import annotations

import pytest

from fairaudit.datasets.parts.skin_tone import fitzpatrick_feature, fitzpatrick_group


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
    feature = fitzpatrick_feature("trained annotators")
    assert feature.groups == ("lighter", "darker")
    assert feature.known_by == "annotated"
    assert feature.source == "Fitzpatrick types 1-3 and 4-6; trained annotators"
