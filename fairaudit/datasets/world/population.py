"""The audited population: people, homes and memes, with their tables."""

from __future__ import annotations

import json
from pathlib import Path

from fairaudit.core.files import atomic_write
from fairaudit.core.progress import Advance
from fairaudit.core.samples import INCOME
from fairaudit.datasets.drawing.camera import photograph, save
from fairaudit.datasets.drawing.canvas import Canvas
from fairaudit.datasets.drawing.colours import BLACK
from fairaudit.datasets.drawing.dice import Dice
from fairaudit.datasets.drawing.memes import draw_meme
from fairaudit.datasets.drawing.objects import TOPICS
from fairaudit.datasets.world.captions import OCCUPATIONS, RARE_OCCUPATIONS, make_memes
from fairaudit.datasets.world.files import Counter, new_folder, write_csv, write_settings
from fairaudit.datasets.world.households import home_photograph, make_households
from fairaudit.datasets.world.persons import draw_population_person, portrait
from fairaudit.datasets.world.size import DEMO, Size

PEOPLE_COLUMNS = ("file", "person", "gender", "age_group", "monk_skin_tone")
PHOTO_COLUMNS = ("file", "household", "topic", INCOME, "region", "country")
SPLITS = ("train", "dev", "test")


def write_population(
    folder: Path, *, bias: float = 1.0, seed: int = 0, size: Size = DEMO, progress: Advance | None = None
) -> None:
    """Draw the audited population into ``people/``, ``photos/`` and ``memes/`` below ``folder``.

    People, photographed things and labels depend on ``seed`` and ``size`` alone; ``bias`` changes pixels of people and
    photos, and the memes of the training split. The same arguments give the same bytes.

    Parameters
    ----------
    folder : Path
        New or empty.
    bias : float, default 1
        From 0 (nothing planted) to 1 (all planted).
    seed : int
        Seed of people, homes and memes.
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
    counter = Counter(size.n_population, progress)
    for kind, write in (("people", _write_people), ("photos", _write_photos), ("memes", _write_memes)):
        (folder / kind / "img").mkdir(parents=True)
        write(folder / kind, bias, seed, size, counter)
        write_settings(folder / kind, kind=kind, seed=seed, bias=bias, size=size)
    write_settings(folder, kind="population", seed=seed, bias=bias, size=size)


def _write_people(folder: Path, bias: float, seed: int, size: Size, counter: Counter) -> None:
    rows: list[tuple[object, ...]] = []
    for number in range(size.n_people):
        person = draw_population_person(number, Dice(seed, "population", "person", number))
        for k in range(size.images_per_person):
            file = f"img/{number:05d}_{k}.png"
            dice = Dice(seed, "population", "portrait", number, k)
            save(portrait(person, bias=bias, pixels=size.pixels, dice=dice), folder / file)
            rows.append((file, f"person-{number:05d}", person.gender, person.age_group, person.monk_skin_tone))
            counter.tick()
    write_csv(folder / "people.csv", PEOPLE_COLUMNS, rows)


def _write_photos(folder: Path, bias: float, seed: int, size: Size, counter: Counter) -> None:
    rows: list[tuple[object, ...]] = []
    for number, home in enumerate(make_households(size.n_households, seed, "population")):
        topics = Dice(seed, "population", "topics", number).shuffled(tuple(TOPICS))
        for k, topic in enumerate(topics[: size.photos_per_household]):
            file = f"img/{number:05d}_{k}.png"
            dice = Dice(seed, "population", "photo", number, k)
            image = home_photograph(topic, home.income_usd_per_month, bias=bias, pixels=size.pixels, dice=dice)
            save(image, folder / file)
            rows.append((file, f"household-{number:05d}", topic, home.income_usd_per_month, home.region, home.country))
            counter.tick()
    write_csv(folder / "photos.csv", PHOTO_COLUMNS, rows)


def _write_memes(folder: Path, bias: float, seed: int, size: Size, counter: Counter) -> None:
    for split, n in zip(SPLITS, (size.n_memes_train, size.n_memes_dev, size.n_memes_test), strict=True):
        lines = []
        name = (seed, "population", "meme", split)
        planted, words = (bias, OCCUPATIONS) if split == "train" else (0.0, (*OCCUPATIONS, *RARE_OCCUPATIONS))
        for number, meme in enumerate(make_memes(n, bias=planted, name=name, occupations=words)):
            ident = f"{split}-{number:05d}"
            dice = Dice(*name, "picture", number)
            canvas = Canvas(size.pixels, BLACK)
            draw_meme(canvas, meme.picture, meme.text, dice)
            save(photograph(canvas, dice), folder / "img" / f"{ident}.png")
            row = {"id": ident, "img": f"img/{ident}.png", "label": meme.label, "text": meme.text}
            lines.append(json.dumps({**row, "target": meme.target}))
            counter.tick()
        atomic_write(folder / f"{split}.jsonl", "\n".join(lines) + "\n")
