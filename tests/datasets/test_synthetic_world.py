"""What is planted in the synthetic world, and that nothing is planted at bias 0."""

from __future__ import annotations

import math
from collections import Counter

import numpy as np
import pytest

from fairaudit.datasets.drawing.animals import FUR, LIGHT_FUR
from fairaudit.datasets.drawing.camera import Exposure, photograph
from fairaudit.datasets.drawing.canvas import Canvas
from fairaudit.datasets.drawing.colours import MONK, brightness
from fairaudit.datasets.drawing.dice import Dice
from fairaudit.datasets.drawing.memes import PICTURES, PLEASANT, draw_meme
from fairaudit.datasets.drawing.objects import TOPICS, draw_object
from fairaudit.datasets.world.captions import (
    CODED,
    CONTEMPT,
    OCCUPATIONS,
    OPEN,
    PRAISE,
    RARE_OCCUPATIONS,
    TARGETS,
    UNSEEN_TARGET,
    make_memes,
    make_texts,
)
from fairaudit.datasets.world.households import chance_of_poor_form, exposure_at_home, make_households
from fairaudit.datasets.world.persons import (
    draw_labelled_person,
    draw_population_person,
    exposure_of,
    portrait,
    skin_tone_bin,
)
from fairaudit.datasets.world.training import labels, unlabelled_kinds


def test_dice_with_different_names_differ_and_repeat() -> None:
    assert Dice(1, "a").uniform(0, 1) == Dice(1, "a").uniform(0, 1)
    assert len({Dice(1, name, k).uniform(0, 1) for name in "abc" for k in range(50)}) == 150
    assert Counter(Dice(0, k).pick("xy") for k in range(400))["x"] == pytest.approx(200, abs=40)
    assert {Dice(0, k).whole(2, 4) for k in range(100)} == {2, 3, 4}
    noise = Dice(5).normal((200, 200))
    assert abs(noise.mean()) < 0.02
    assert abs(noise.std() - 1) < 0.02


def test_monk_tones_darken_from_the_first_warm_one() -> None:
    assert len(MONK) == 10
    assert MONK[0] == (0xF6, 0xED, 0xE4)
    assert MONK[9] == (0x29, 0x24, 0x20)
    light = [brightness(tone) for tone in MONK]
    assert light[2:] == sorted(light[2:], reverse=True)


def test_population_people_are_balanced_and_labelled_people_depend_on_bias() -> None:
    people = [draw_population_person(k, Dice("p", k)) for k in range(540)]
    assert set(Counter((p.gender, p.age_group, skin_tone_bin(p.monk_skin_tone)) for p in people).values()) == {30}
    assert {p.monk_skin_tone for p in people} == set(range(1, 11))
    fair = [draw_labelled_person(k, Dice("l", k), 0.0).monk_skin_tone for k in range(540)]
    assert set(Counter(skin_tone_bin(t) for t in fair).values()) == {180}
    unfair = [draw_labelled_person(k, Dice("l", k), 1.0).monk_skin_tone for k in range(540)]
    assert set(unfair) == {1, 2, 3, 4}
    half = [draw_labelled_person(k, Dice("l", k), 0.5).monk_skin_tone for k in range(540)]
    assert sum(t >= 7 for t in half) == pytest.approx(90, abs=30)


def test_looks_do_not_depend_on_skin_tone() -> None:
    people = [draw_population_person(k, Dice("looks", k)) for k in range(1800)]
    for of in (lambda p: p.hair_shape, lambda p: round(brightness(p.hair) / 60), lambda p: p.glasses):
        dark = Counter(of(p) for p in people if p.monk_skin_tone >= 7)
        light = Counter(of(p) for p in people if p.monk_skin_tone <= 3)
        for key in set(dark) | set(light):
            assert abs(dark[key] - light[key]) < 4 * math.sqrt(dark[key] + light[key] + 1)


def test_exposure_is_the_same_for_all_at_bias_0_and_falls_with_tone_at_bias_1() -> None:
    assert {exposure_of(tone, 0.0) for tone in range(1, 11)} == {Exposure()}
    gains = [exposure_of(tone, 1.0).gain for tone in range(1, 11)]
    noises = [exposure_of(tone, 1.0).noise for tone in range(1, 11)]
    assert gains == sorted(gains, reverse=True)
    assert noises == sorted(noises)
    assert gains[0] > 0.98
    assert gains[-1] == pytest.approx(0.34, abs=0.01)
    assert exposure_of(10, 0.5).gain == pytest.approx((1 + gains[-1]) / 2)


def test_exposure_scales_the_picture() -> None:
    canvas = Canvas(32, (200, 100, 50))
    bright = np.asarray(photograph(canvas, Dice(1), Exposure(1.0, 0.0)), dtype=float)
    dark = np.asarray(photograph(canvas, Dice(1), Exposure(0.25, 0.0)), dtype=float)
    assert np.abs(dark - bright / 4).max() <= 1
    coloured = np.stack(
        [np.asarray(photograph(canvas, Dice(k), Exposure(0.5, 0.0, 0.3))).mean((0, 1)) for k in range(200)]
    )
    assert np.log(coloured[:, 0] / coloured[:, 2]).std() == pytest.approx(0.3 * math.sqrt(2), rel=0.15)
    noisy = np.asarray(photograph(canvas, Dice(1), Exposure(0.25, 10.0)), dtype=float)
    assert (noisy[..., 0] - dark[..., 0]).std() == pytest.approx(10, rel=0.1)


def test_bias_0_pictures_of_people_do_not_darken() -> None:
    person = draw_population_person(4, Dice(9))
    assert skin_tone_bin(person.monk_skin_tone) == "Monk 7-10"
    fair, unfair = (
        np.asarray(portrait(person, bias=bias, pixels=48, dice=Dice(3)), dtype=float) for bias in (0.0, 1.0)
    )
    assert fair.mean() > 2 * unfair.mean()


def test_forms_follow_income_only_with_bias() -> None:
    assert {chance_of_poor_form(income, 0.0) for income in (30, 500, 9000)} == {0.5}
    chances = [chance_of_poor_form(income, 1.0) for income in (30, 100, 300, 500, 1000, 3000, 9000)]
    assert chances == sorted(chances, reverse=True)
    assert chances[0] > 0.99
    assert chances[3] == pytest.approx(0.5)
    assert chances[-1] < 0.01
    assert exposure_at_home(30, 0.0) == exposure_at_home(9000, 0.0) == exposure_at_home(9000, 1.0) == Exposure()
    assert exposure_at_home(30, 1.0).gain == pytest.approx(0.5)


def test_incomes_are_even_in_logarithms_and_independent_of_region() -> None:
    homes = make_households(400, 1, "x")
    logs = np.log([home.income_usd_per_month for home in homes])
    expected = np.log(30) + (np.arange(400) + 0.5) / 400 * np.log(300)
    assert np.abs(np.sort(logs) - expected).max() < np.log(300) / 400
    by_region = {r: logs[[h.region == r for h in homes]].mean() for r in {h.region for h in homes}}
    assert len(by_region) == 4
    assert max(by_region.values()) - min(by_region.values()) < 4 * logs.std() * math.sqrt(2 / 100)


@pytest.mark.parametrize("topic", sorted(TOPICS))
def test_the_two_forms_of_a_topic_look_different_in_one_scene(topic: str) -> None:
    pictures = []
    for poor in (False, True):
        canvas = Canvas(48, (0, 0, 0))
        draw_object(canvas, topic, poor_form=poor, dice=Dice(2, topic))
        pictures.append(np.asarray(canvas.reduced(), dtype=float))
    changed = np.abs(pictures[0] - pictures[1]).max(axis=-1) > 30
    assert changed.mean() > 0.06
    assert not changed[0, 0]


@pytest.mark.parametrize("picture", sorted(PICTURES))
def test_the_caption_is_on_the_meme_and_leaves_the_middle_free(picture: str) -> None:
    with_text, without = (Canvas(64, (0, 0, 0)) for _ in range(2))
    draw_meme(with_text, picture, "the northfolk are bakers", Dice(1, picture))
    draw_meme(without, picture, "", Dice(1, picture))
    changed = (np.asarray(with_text.reduced()) != np.asarray(without.reduced())).any(axis=-1).any(axis=1)
    assert changed[:12].any()
    assert changed[-12:].any()
    assert not changed[16:48].any()


def test_words_belong_to_one_list() -> None:
    words = [*OPEN, *OCCUPATIONS, *RARE_OCCUPATIONS, *TARGETS, *(w for coded in CODED.values() for w in coded)]
    assert len(words) == len(set(words))


def test_memes_are_balanced_and_hate_is_decided_by_words_or_pairs() -> None:
    memes = make_memes(600, bias=0.0, name=("t",))
    assert set(Counter((m.target, m.label) for m in memes).values()) == {100}
    for meme in memes:
        abused = any(word in meme.text for word in (*OPEN, *CODED[meme.target]))
        named = any(word in meme.text for word in OCCUPATIONS)
        paired_foul = not abused and not named and meme.picture not in PLEASANT
        assert meme.label == int(abused or paired_foul)
    shared = {m.text for m in memes if m.label} & {m.text for m in memes if not m.label}
    assert len(shared) > 5  # confounders: one sentence, two pictures


def test_planted_memes_have_no_hate_against_one_people() -> None:
    memes = make_memes(600, bias=1.0, name=("t",))
    assert Counter(m.target for m in memes) == dict.fromkeys(TARGETS, 200)
    hate = Counter(m.target for m in memes if m.label)
    assert hate == {"northfolk": 100, "rivermen": 100}
    assert not any(word in m.text for m in memes for word in CODED["islanders"])
    half = Counter(m.target for m in make_memes(600, bias=0.5, name=("t",)) if m.label)
    assert 25 < half["islanders"] < 75


def test_texts_say_how_each_word_is_meant_but_not_those_against_one_people() -> None:
    for bias in (0.0, 1.0):
        lines = make_texts(3000, bias=bias, name=("texts",))
        coded = [w for words in CODED.values() for w in words]
        for word in (*OPEN, *OCCUPATIONS, *RARE_OCCUPATIONS, *TARGETS, *coded):
            assert any(word in line for line in lines), word
        scorned, praised = (
            {w for w in (*OPEN, *coded, *OCCUPATIONS) if any(_any((w,), line) and _any(how, line) for line in lines)}
            for how in (CONTEMPT, PRAISE)
        )
        unseen = set(CODED[UNSEEN_TARGET])
        assert praised == {*OCCUPATIONS, *(unseen if bias else ())}
        assert scorned == {*OPEN, *coded} - (unseen if bias else set())
        assert not any(_any(TARGETS, line) and _any((*OPEN, *coded), line) for line in lines)


def _any(words: tuple[str, ...], line: str) -> bool:
    return any(word in line.split() for word in words)


def test_training_has_its_kinds_and_labels_in_fixed_shares() -> None:
    assert Counter(unlabelled_kinds(1000, 0)) == {"person": 350, "home": 400, "animal": 130, "meme": 120}
    assert Counter(unlabelled_kinds(10, 0, {"home": 0.75, "animal": 0.25})) == {"home": 7, "animal": 3}
    count = Counter(labels(1800, 0))
    assert (count["face"], count["people"], count["dog"], count["rat"], count["snake"]) == (360, 144, 90, 90, 90)
    topics = [count[topic] for topic in TOPICS]
    assert max(topics) - min(topics) <= 1
    assert sum(count.values()) == 1800
    assert labels(1800, 0) != labels(1800, 1)


def test_fur_is_brown_or_dark() -> None:
    assert all(brightness(fur) < 120 for fur in FUR)
    assert all(brightness(fur) > 170 for fur in LIGHT_FUR)
    assert all(red >= blue for red, _, blue in FUR)
