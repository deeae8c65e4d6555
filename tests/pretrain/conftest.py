from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from fairaudit.pretrain.recipe import Recipe
from fairaudit.pretrain.settings import Crops, Optimiser, Schedule, Swav


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Use one core: the networks here are too small for more, and waiting threads cost the others theirs."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def draw(path: Path, number: int, *, width: int = 30, height: int = 24) -> None:
    """Save a picture of one of three kinds: a coloured half, its side and colour set by the number."""
    rng = np.random.default_rng(number)
    pixels = rng.integers(0, 60, size=(height, width, 3), dtype=np.uint8)
    pixels[:, : width // 2, number % 3] += 180
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture(scope="session")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder of 24 pictures, in two folders and of two shapes."""
    folder = tmp_path_factory.mktemp("pictures")
    for i in range(24):
        draw(folder / ("a" if i % 2 else "b") / f"{i:02d}.jpg", i, width=24 + 6 * (i % 2))
    return folder


@pytest.fixture(scope="session")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a label file of 24 pictures in three classes."""
    folder = tmp_path_factory.mktemp("labelled")
    for i in range(24):
        draw(folder / "img" / f"{i:02d}.jpg", i)
    rows = [f"img/{i:02d}.jpg,{('red', 'green', 'blue')[i % 3]}" for i in range(24)]
    path = folder / "labels.csv"
    path.write_text("file,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="session")
def six_steps() -> Recipe:
    """Return a recipe of six steps that uses queue, freezing and two sizes of view."""
    return Recipe(
        name="six steps",
        swav=Swav(prototypes=12, dimension=6, hidden=(10,), queue=8, freeze_prototypes=0.3),
        crops=Crops(sizes=(24, 16), counts=(2, 1), scales=((0.4, 1.0), (0.2, 0.5)), store=24, blur=0.5),
        optimiser=Optimiser(learning_rate=0.05, larc=0.01),
        schedule=Schedule(samples=48, batch=8, checkpoint_every=2),
    )
