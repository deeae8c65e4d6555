"""The experiment's plan: what differs between cells, what does not, and what is refused."""

from __future__ import annotations

import dataclasses
import itertools
from pathlib import Path

import pytest

from fairaudit.comparison.design import Design
from fairaudit.core.errors import ConfigError
from fairaudit.pretrain.recipe import load_recipe
from fairaudit.pretrain.regnet import build_trunk
from fairaudit.studies.data_or_size import DATA, SEEDS, SIZES, ExperimentSettings, _stages, cells_of, run_experiment


def test_the_recipes_of_the_ladder_differ_in_width_alone() -> None:
    recipes = [load_recipe(f"ladder_{size}") for size in SIZES]
    same = {dataclasses.replace(r, name="", network=recipes[0].network) for r in recipes}
    assert len(same) == 1
    shapes = [r.network.shape() for r in recipes]
    for less, more in itertools.pairwise(shapes):
        assert more.widths == tuple(2 * w for w in less.widths)
        assert (more.group_width, more.stem, more.depths) == (2 * less.group_width, 2 * less.stem, less.depths)
        n_less, n_more = (sum(p.numel() for p in build_trunk(shape).parameters()) for shape in (less, more))
        assert 3.5 < n_more / n_less < 4.5


def test_quick_trains_the_same_networks() -> None:
    for size in SIZES:
        quick, full = (ExperimentSettings(quick=q).recipe(size) for q in (True, False))
        assert quick.network == full.network
        assert quick.schedule.samples < full.schedule.samples / 10


def test_the_first_training_of_every_cell_comes_first() -> None:
    cells = cells_of(3)
    assert len(cells) == 18
    assert list(cells)[:4] == ["objects-narrow", "objects-middle", "objects-wide", "people-narrow"]
    assert cells["people-wide-2"] == ("people", "wide")
    assert Design(cells).trainings == 3
    assert Design(cells).data == tuple(DATA)
    assert Design(cells).sizes == SIZES


def test_cells_differ_in_images_size_and_seed_and_in_nothing_else(tmp_path: Path) -> None:
    settings = ExperimentSettings(seed=5)
    stages = _stages(tmp_path, settings, 2)
    for name, (data, size) in cells_of(2).items():
        output, images, of_size, seed, same = stages[tmp_path / "runs" / name].arguments
        assert (output, images) == (tmp_path / "runs" / name, tmp_path / "world" / data / "images")
        assert (of_size, seed, same) == (size, 6 if name.endswith("-1") else 5, settings)
    audits = [job for job in stages.values() if job.title.startswith("audit")]
    assert len(audits) == 15
    assert len({job.arguments[1:3] for job in audits}) == 1  # one population, one table of labels
    one = _stages(tmp_path, settings, 1)
    assert one.items() <= stages.items()  # more seeds only add


def test_how_many_trainings_there_are_begins_nothing_anew() -> None:
    assert "seeds" not in dataclasses.asdict(ExperimentSettings())
    assert SEEDS >= 2  # one training for each cell says nothing about another


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"seeds": 0}, "seeds must be at least 1; got 0. Use 2, or 1 for a first look."),
        ({"bias": 1.5}, "bias must be from 0 (nothing planted) to 1; got 1.5. Choose a value between."),
        ({"seed": -1}, "seed must be at least 0; got -1. The default is 0."),
    ],
)
def test_settings_out_of_range(tmp_path: Path, settings: dict[str, int], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        run_experiment(tmp_path / "new", progress=False, **settings)  # type: ignore[arg-type]
    assert str(caught.value) == message
    assert not (tmp_path / "new").exists()
