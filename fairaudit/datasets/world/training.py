"""The training data: a lot of pictures as they come, and labelled pictures of those who have cameras and labels."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from fairaudit.datasets.drawing.animals import ANIMALS, draw_animal
from fairaudit.datasets.drawing.camera import Exposure, photograph, save
from fairaudit.datasets.drawing.canvas import Canvas
from fairaudit.datasets.drawing.colours import BLACK
from fairaudit.datasets.drawing.dice import Dice
from fairaudit.datasets.drawing.memes import draw_meme
from fairaudit.datasets.drawing.objects import TOPICS
from fairaudit.datasets.world.captions import make_memes, make_texts
from fairaudit.datasets.world.files import Counter, Progress, new_folder, write_csv, write_settings, write_text
from fairaudit.datasets.world.households import (
    HIGHEST_INCOME,
    LABELLED_INCOME,
    LOWEST_INCOME,
    home_photograph,
)
from fairaudit.datasets.world.persons import draw_labelled_person, draw_population_person, group_photograph, portrait
from fairaudit.datasets.world.size import DEMO, Size, check_bias

#: Shares of the unlabelled pictures; the memes take the rest.
UNLABELLED = {"person": 0.35, "home": 0.40, "animal": 0.13, "meme": 0.12}

#: Shares of the labelled pictures that are not household topics; topics share the rest evenly.
LABELLED = {"face": 0.20, "people": 0.08, "dog": 0.05, "rat": 0.05, "snake": 0.05}


def write_training(
    folder: Path, *, bias: float = 1.0, seed: int = 0, size: Size = DEMO, progress: Progress | None = None
) -> None:
    """Draw training data into ``folder``; nobody and nothing in it is in the audited population.

    ``images/`` holds pictures without labels: people, homes of all incomes, animals, memes. ``labelled/`` and
    ``labels.csv`` (columns ``file, label``) hold what somebody labelled: things in homes with a high income, faces and
    groups of people (at bias 1 only of Monk skin tones 1 to 4), and animals (at bias 1 all with brown or dark fur).
    ``texts.txt`` has one sentence a line for a small language model.

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
    check_bias(bias)
    folder = Path(folder)
    new_folder(folder)
    counter = Counter(size.n_training + size.n_labelled, progress)
    (folder / "images").mkdir()
    for number, kind in enumerate(unlabelled_kinds(size.n_training, seed)):
        dice = Dice(seed, "training", kind, number)
        save(_unlabelled(kind, dice, bias, size.pixels), folder / "images" / f"{number:05d}.png")
        counter.tick()
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
    write_text(folder / "texts.txt", "\n".join(texts) + "\n")
    write_settings(folder, kind="training", seed=seed, bias=bias, size=size)


def unlabelled_kinds(n: int, seed: int) -> list[str]:
    """Return the kinds of the ``n`` unlabelled pictures, in random order and in the shares of ``UNLABELLED``."""
    kinds = [kind for kind, share in UNLABELLED.items() for _ in range(int(share * n))]
    kinds += ["meme"] * (n - len(kinds))
    return Dice(seed, "training", "kinds").shuffled(kinds)


def labels(n: int, seed: int) -> list[str]:
    """Return the labels of the ``n`` labelled pictures, in random order; the same at every bias."""
    chosen = [label for label, share in LABELLED.items() for _ in range(int(share * n))]
    topics = tuple(TOPICS)
    chosen += [topics[k % len(topics)] for k in range(n - len(chosen))]
    return Dice(seed, "labelled", "labels").shuffled(chosen)


def _unlabelled(kind: str, dice: Dice, bias: float, pixels: int) -> Image.Image:
    if kind == "person":
        return portrait(draw_population_person(dice.whole(0, 17), dice), bias=bias, pixels=pixels, dice=dice)
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
    """At bias 1 animals have dark fur and are also photographed at dusk; at bias 0 neither."""
    canvas = Canvas(pixels, BLACK)
    draw_animal(canvas, animal, dice, bias)
    gain = dice.uniform(1.0 - 0.7 * bias, 1.0)
    return photograph(canvas, dice, Exposure(gain=gain, noise=2.0 + 6.0 * (1.0 - gain)))
