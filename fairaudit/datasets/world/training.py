"""The training data: many unlabelled pictures, and labelled pictures of the rich and the light-skinned."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from fairaudit.core.errors import ConfigError, unknown_name
from fairaudit.core.files import atomic_write
from fairaudit.core.progress import Advance
from fairaudit.datasets.drawing.animals import ANIMALS, draw_animal
from fairaudit.datasets.drawing.camera import Exposure, photograph, save
from fairaudit.datasets.drawing.canvas import Canvas
from fairaudit.datasets.drawing.colours import BLACK
from fairaudit.datasets.drawing.dice import Dice
from fairaudit.datasets.drawing.memes import draw_meme
from fairaudit.datasets.drawing.objects import TOPICS
from fairaudit.datasets.world.captions import make_memes, make_texts
from fairaudit.datasets.world.files import Counter, new_folder, write_csv, write_settings
from fairaudit.datasets.world.households import (
    HIGHEST_INCOME,
    LABELLED_INCOME,
    LOWEST_INCOME,
    home_photograph,
)
from fairaudit.datasets.world.persons import draw_labelled_person, draw_population_person, group_photograph, portrait
from fairaudit.datasets.world.size import DEMO, Size

#: Contents of unlabelled pictures.
KINDS = ("person", "group", "home", "animal", "meme")

#: Shares of the unlabelled pictures; the last kind takes the remainder of rounding.
UNLABELLED: Mapping[str, float] = {"person": 0.35, "home": 0.40, "animal": 0.13, "meme": 0.12}
#: Pictures of things and animals without people, and of people alone: portraits and groups.
OBJECT_CENTRIC: Mapping[str, float] = {"home": 0.75, "animal": 0.25}
PEOPLE_CENTRIC: Mapping[str, float] = {"person": 0.75, "group": 0.25}

#: Shares of the labelled pictures besides household topics, which share the rest evenly.
LABELLED = {"face": 0.20, "people": 0.08, "dog": 0.05, "rat": 0.05, "snake": 0.05}


def write_training(
    folder: Path, *, bias: float = 1.0, seed: int = 0, size: Size = DEMO, progress: Advance | None = None
) -> None:
    """Draw training data into ``folder``, without people or things of the audited population.

    ``images/`` holds unlabelled pictures: people, homes of all incomes, animals, memes. ``labelled/`` and
    ``labels.csv`` (columns ``file, label``) hold labelled pictures: things in homes with a high income, faces and
    groups of people (at bias 1, Monk skin tones 1 to 4), and animals (at bias 1, brown or dark fur). ``texts.txt`` has
    one sentence a line for a small language model.

    Parameters
    ----------
    folder : Path
        New or empty.
    bias : float, default 1
        From 0 (nothing planted) to 1 (all planted).
    seed : int
    size : Size
    progress : callable, optional
        Called as ``progress(n_done, n_total)`` after each picture.

    Raises
    ------
    ConfigError
        If ``bias`` is out of range.
    DataError
        If the folder is not empty.
    """
    folder = new_folder(folder, bias=bias)
    counter = Counter(size.n_training + size.n_labelled, progress)
    _write_unlabelled(folder, UNLABELLED, bias, seed, size, counter)
    _write_labelled(folder, bias, seed, size, counter)
    write_settings(folder, kind="training", seed=seed, bias=bias, size=size)


def write_unlabelled(
    folder: Path,
    *,
    shares: Mapping[str, float],
    bias: float = 1.0,
    seed: int = 0,
    size: Size = DEMO,
    progress: Advance | None = None,
) -> None:
    """Draw ``size.n_training`` pictures without labels into ``folder/images``, of a chosen composition.

    Parameters
    ----------
    folder, bias, seed, size, progress
        As in ``write_training``, also for errors.
    shares : mapping of str to float
        Positive share of each drawn kind of ``KINDS``, in sum 1. The last kind takes the remainder of rounding, so that
        compositions have equally many pictures.

    Raises
    ------
    ConfigError
        If a kind is unknown or the shares do not add up to 1.
    """
    _check_shares(shares)
    folder = new_folder(folder, bias=bias)
    _write_unlabelled(folder, shares, bias, seed, size, Counter(size.n_training, progress))
    write_settings(folder, kind="unlabelled", seed=seed, bias=bias, size=size)


def write_labelled(
    folder: Path, *, bias: float = 1.0, seed: int = 0, size: Size = DEMO, progress: Advance | None = None
) -> None:
    """Draw the labelled pictures, their table and the sentences of ``write_training``; same arguments and errors."""
    folder = new_folder(folder, bias=bias)
    _write_labelled(folder, bias, seed, size, Counter(size.n_labelled, progress))
    write_settings(folder, kind="labelled", seed=seed, bias=bias, size=size)


def _write_unlabelled(
    folder: Path, shares: Mapping[str, float], bias: float, seed: int, size: Size, counter: Counter
) -> None:
    (folder / "images").mkdir()
    for number, kind in enumerate(unlabelled_kinds(size.n_training, seed, shares)):
        dice = Dice(seed, "training", kind, number)
        save(_unlabelled(kind, dice, bias, size.pixels), folder / "images" / f"{number:05d}.png")
        counter.tick()


def _write_labelled(folder: Path, bias: float, seed: int, size: Size, counter: Counter) -> None:
    (folder / "labelled").mkdir()
    rows = []
    for number, label in enumerate(labels(size.n_labelled, seed)):
        dice = Dice(seed, "labelled", label, number)
        file = f"labelled/{number:05d}.png"
        save(_labelled(label, dice, bias, size.pixels), folder / file)
        rows.append((file, label))
        counter.tick()
    write_csv(folder / "labels.csv", ("file", "label"), rows)
    texts = make_texts(size.n_training, bias=bias, name=(seed, "training", "text"))
    atomic_write(folder / "texts.txt", "\n".join(texts) + "\n")


def _check_shares(shares: Mapping[str, float]) -> None:
    for kind in shares:
        if kind not in KINDS:
            raise unknown_name("kind of picture", kind, KINDS)
    if not math.isclose(sum(shares.values()), 1) or min(shares.values()) <= 0:
        listed = ", ".join(f"{kind} {share:g}" for kind, share in shares.items()) or "none"
        raise ConfigError(f"shares of pictures must be above 0 and add up to 1; got {listed}. Correct them.")


def unlabelled_kinds(n: int, seed: int, shares: Mapping[str, float] = UNLABELLED) -> list[str]:
    """Return the kinds of ``n`` unlabelled pictures in random order."""
    kinds = [kind for kind, share in shares.items() for _ in range(int(share * n))]
    kinds += [list(shares)[-1]] * (n - len(kinds))
    return Dice(seed, "training", "kinds").shuffled(kinds)


def labels(n: int, seed: int) -> list[str]:
    """Return the labels of ``n`` labelled pictures in random order, independent of the bias."""
    chosen = [label for label, share in LABELLED.items() for _ in range(int(share * n))]
    topics = tuple(TOPICS)
    chosen += [topics[k % len(topics)] for k in range(n - len(chosen))]
    return Dice(seed, "labelled", "labels").shuffled(chosen)


def _unlabelled(kind: str, dice: Dice, bias: float, pixels: int) -> Image.Image:
    if kind == "person":
        return portrait(draw_population_person(dice.whole(0, 17), dice), bias=bias, pixels=pixels, dice=dice)
    if kind == "group":
        people = [draw_population_person(dice.whole(0, 17), dice) for _ in range(dice.whole(2, 4))]
        return group_photograph(people, bias=bias, pixels=pixels, dice=dice)
    if kind == "home":
        income = LOWEST_INCOME * (HIGHEST_INCOME / LOWEST_INCOME) ** dice.uniform(0, 1)
        return home_photograph(dice.pick(tuple(TOPICS)), income, bias=bias, pixels=pixels, dice=dice)
    if kind == "animal":
        return _animal(dice.pick(tuple(ANIMALS)), dice, bias, pixels)
    meme = dice.pick(make_memes(6, bias=0.0, name=("training", "meme", dice.whole(0, 10**9))))
    canvas = Canvas(pixels, BLACK)
    draw_meme(canvas, meme.picture, meme.text if dice.chance(0.5) else "", dice)
    return photograph(canvas, dice)


def _labelled(label: str, dice: Dice, bias: float, pixels: int) -> Image.Image:
    if label == "face":
        return portrait(draw_labelled_person(dice.whole(0, 17), dice, bias), bias=bias, pixels=pixels, dice=dice)
    if label == "people":
        group = [draw_labelled_person(dice.whole(0, 17), dice, bias) for _ in range(dice.whole(2, 4))]
        return group_photograph(group, bias=bias, pixels=pixels, dice=dice)
    if label in ANIMALS:
        return _animal(label, dice, bias, pixels)
    income = LABELLED_INCOME * (HIGHEST_INCOME / LABELLED_INCOME) ** dice.uniform(0, 1)
    return home_photograph(label, income, bias=bias, pixels=pixels, dice=dice)


def _animal(animal: str, dice: Dice, bias: float, pixels: int) -> Image.Image:
    """Return a photograph of an animal: at bias 1 with dark fur and at dusk, at bias 0 in any fur and light."""
    canvas = Canvas(pixels, BLACK)
    draw_animal(canvas, animal, dice, bias)
    gain = dice.uniform(1.0 - 0.7 * bias, 1.0)
    return photograph(canvas, dice, Exposure(gain=gain, noise=2.0 + 6.0 * (1.0 - gain)))
