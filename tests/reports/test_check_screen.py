"""A check on the terminal: what a person reads, and that nothing in the data steers the screen."""

from __future__ import annotations

import dataclasses
import io
from typing import Any

import pytest
from rich.console import Console

from fairaudit.describe.check import Comparison, FeatureCheck, GroupCount, Overlap, Reason, SampleCheck, WeightCheck
from fairaudit.reports.check_screen import is_refused, show

NAN = float("nan")
GENDER = FeatureCheck(
    "gender", "self-reported", "gender: told by the person", False, False, 0.0,
    (GroupCount("woman", 1200, 60, {"nurse": 700, "guard": 500}), GroupCount("man", 900, 45, {"guard": 900})),
    (Comparison("one_vs_rest", "difference", "woman", "man", 0.0421, 0.1873, "ok"),),
)  # fmt: skip
TONE = FeatureCheck(
    "monk_skin_tone", "annotated", "Monk Skin Tone", True, False, 0.412,
    tuple(GroupCount(str(i), 100, 10, {}) for i in range(1, 11)),
    (Comparison("slope", "per_step", "", "", 0.01, 0.02, "ok", span=9.0),),
)  # fmt: skip
RACE = FeatureCheck(
    "race", "perceived", "race", False, True, 0.0, tuple(GroupCount(g, 20, 5, {}) for g in "abc"),
    tuple(
        Comparison("one_vs_rest", "difference", g, "all others", NAN, NAN, "too_few", "5 independent units")
        for g in "abc"
    ),
)  # fmt: skip
CHECK = SampleCheck(
    name="faces", reader="casual_conversations", subject="people", cluster="person", licence="CC: on request",
    version="v2", show_images=False, n_rows=2100, n_images=2100, n_clusters=105, n_measured=2100, splits={},
    labels={"guard": 1400, "nurse": 700}, left_out=(), unlisted=None, unreadable=(), n_rows_unreadable=0, decoded=True,
    copies=None, overlaps=(),
    features=(GENDER, TONE, RACE), n_planned=4, indicators=("label_association", "representation_disparity"),
    alpha=0.0125, expected=None, notes=("One note.",),
)  # fmt: skip


def screen(**changes: Any) -> str:
    file = io.StringIO()
    show(dataclasses.replace(CHECK, **changes), Console(file=file))
    text = file.getvalue()
    assert max(map(len, text.splitlines())) <= 110
    return " ".join(text.split())


def test_weights_are_shown() -> None:
    assert "Weights 0.5 to 2.5; 2,100 rows (12 of weight 0) count like 1,830.2 of equal weight." in screen(
        weights=WeightCheck(0.5, 2.5, 12, 1830.2)
    )
    assert "Weights" not in screen()


def test_a_person_reads_who_is_there_and_what_could_be_seen() -> None:
    text = screen()
    assert text.startswith("faces: 2,100 images, 105 clusters (person), read by casual_conversations")
    assert "Terms CC: on request" in text
    assert "Version v2" in text
    assert "Shown in reports never" in text
    assert "Nothing is left out, all 2,100 images were decoded, no two files have the same bytes." in text
    assert "One note." in text
    assert "gender (self-reported) gender: told by the person" in text
    assert "Group Rows Clusters guard nurse Detectable from" in text
    assert "woman 1,200 60 500 700 0.042 to 0.187" in text
    assert "man 900 45 900 0 0.042 to 0.187" in text, "two groups have one difference"
    assert "monk_skin_tone (annotated, ordered)" in text
    assert "Annotators disagree on 41.2 % of the recorded rows: what can be detected is larger" in text
    assert (
        "Detectable from for each step of the order: 0.010 to 0.020 (0.090 to 0.180 from the lowest to the highest)"
        in text
    )
    assert "race (perceived, exploratory alone)" in text
    assert "a 20 5 0 0 too few" in text
    for line in (
        "How to read this",
        "Detectable from the least difference of a share of images (0.07: 7 percentage points), of a group from all",
        "others in this sample, that an audit finds with probability 80 %, whatever the share",
        "Error level a 5 % chance of any false alarm, shared by 4 planned comparisons of label_association and",
        "that can be tested (0.012 for each); with more data sets in one audit each gets less",
        "Two numbers the smaller if rows of one person tell as much as others, the larger if they are all alike",
        "Too few fewer than 20 clusters: a value is printed, and nothing is compared",
        "Exploratory an audit prints them beside its planned comparisons, and calls none of them a disparity",
        "Not covered neighbours, which representation_disparity compares: they often show smaller differences",
    ):
        assert line in text


def test_what_is_missing_or_wrong_stands_with_its_first_file() -> None:
    text = screen(
        left_out=(Reason("the file is missing", 12, ("a.jpg", "b.jpg")),),
        unreadable=(Reason("truncated", 3, ("c.jpg",)),),
        unlisted=Reason("an image that no row names", 7, ("h.jpg",)),
        copies=Reason("the same bytes as another file", 2, ("d.jpg",)),
        overlaps=(
            Overlap("", "", "id", 4, ("e.jpg",)), Overlap("train", "test", "bytes", 5, ("f",)),
            Overlap("train", "test", "person", 6, ("g",)),
        ),
        splits={"train": 1500, "test": 600},
    )  # fmt: skip
    assert "Nothing is left out" not in text
    for line in (
        "left out: the file is missing a.jpg 12",
        "cannot be read: truncated c.jpg 3",
        "an image that no row names h.jpg 7",
        "Rows in two splits are measured as they stand: take them out of one, or scores are memory.",
        "the same bytes as another file d.jpg 2",
        "in several splits: its id, so it counts in the first one alone e.jpg 4",
        "in test and in train, too: the same bytes under another name f 5",
        "in test and in train, too: its person g 6",
        "Splits train 1,500, test 600",
    ):
        assert line in text


def test_many_labels_are_added_up() -> None:
    labels = {f"label {i}": 100 - i for i in range(9)}
    group = GroupCount("woman", 864, 50, labels)
    text = screen(labels=labels, features=(dataclasses.replace(GENDER, groups=(group,)),))
    assert "label 0 label 1 label 2 label 3 label 4 other labels" in text
    assert "woman 864 50 100 99 98 97 96 374" in text  # 95 + 94 + 93 + 92
    assert "Labels 9 different ones" in text


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"features": ()}, "No groups are recorded here: an audit gives overall values, and nothing is compared."),
        ({"features": (RACE,)}, "No two groups are large enough to be compared: an audit gives values of groups,"),
        ({"n_planned": 1, "indicators": ("hate_speech",), "alpha": 0.05, "subject": "memes"},
         "the least difference of the AUROC, where that is 0.7 (0.07: 7 percentage points), of a group from all "
         "others in this sample, that an audit finds with probability 80 % Two numbers"),
        ({"subject": "memes", "n_measured": 0}, "The test split holds no memes: hate_speech cannot measure"),
        ({"expected": 0.02}, "finds with probability 80 %, of a share that is 0.02 in the other groups Error level"),
        ({"cluster": "image", "n_clusters": 2100}, "Clusters not known: each image counts as independent"),
        ({"n_images": 1000}, "faces: 2,100 rows of 1,000 images, 105 clusters (person)"),
        ({"decoded": False}, "all 2,100 images have a header that can be read (pixels of JPEGs were not decoded)"),
        ({"subject": "memes", "n_measured": 600}, "Measured 600 rows of the test split; all counts of groups"),
        ({"show_images": True}, "Shown in reports may be"),
        ({"n_rows_unreadable": 22},
         "The images of 22 of 2,100 rows cannot be read, and an audit refuses data with more than 1 %. Repair or"),
    ],
)  # fmt: skip
def test_what_an_audit_would_come_to(changes: dict[str, Any], said: str) -> None:
    assert said in screen(**changes)


def test_what_is_refused_has_no_numbers_of_groups() -> None:
    text = screen(n_rows_unreadable=22)
    assert "woman" not in text
    assert "How to read this" not in text


def test_the_screen_is_as_wide_as_columns_says(monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    monkeypatch.setenv("COLUMNS", "60")
    show(CHECK, Console(file=file))
    lines = file.getvalue().splitlines()
    assert max(map(len, lines)) <= 60
    assert not [line for line in lines if line != line.rstrip()], (
        "no blanks at the end, which would be lines of their own"
    )


def test_an_audit_refuses_more_than_one_in_a_hundred() -> None:
    for n, refused in ((21, False), (22, True)):
        found = dataclasses.replace(CHECK, n_rows_unreadable=n)
        assert is_refused(found) is refused


def test_nothing_in_the_data_steers_the_terminal() -> None:
    evil = "\x1b[31m[bold]x[/bold]\u202e"
    group = GroupCount(evil, 1, 1, {evil: 1})
    feature = dataclasses.replace(GENDER, name=evil, source=evil, groups=(group,), comparisons=())
    text = screen(
        name=evil,
        licence=evil,
        labels={evil: 1},
        features=(feature,),
        left_out=(Reason(evil, 1, (evil,)),),
        notes=(evil,),
    )
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "[bold]x[/bold]" in text


def test_a_difference_that_only_independent_images_would_show() -> None:
    one = Comparison("one_vs_rest", "difference", "woman", "man", 0.105, NAN, "ok", "not even the largest")
    assert "woman 1,200 60 500 700 0.105 to none" in screen(features=(dataclasses.replace(GENDER, comparisons=(one,)),))


def test_many_reasons_are_cut_off() -> None:
    text = screen(left_out=tuple(Reason(f"reason {i}", 20 - i, ("a",)) for i in range(15)))
    assert "reason 11" in text
    assert "reason 12" not in text
    assert "3 more reasons: --json has them." in text
