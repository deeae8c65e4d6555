from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fairaudit.core.errors import ConfigError
from fairaudit.pretrain.recipe import Recipe, load_recipe, recipe_from_toml, shipped_recipes
from fairaudit.pretrain.settings import Crops, Network, Optimiser, Schedule, Swav


def test_shipped_recipes_load_and_none_is_known_to_fail() -> None:
    ours = ["debug_cpu", "demo", "ladder_middle", "ladder_narrow", "ladder_wide", "quick", "small_faces", "small_real"]
    seer = [f"seer_regnet_{size}" for size in ("10b", "y_128gf", "y_256gf", "y_32gf", "y_64gf")]
    assert shipped_recipes() == sorted([*ours, *seer, "swav_imagenet"])
    for name in shipped_recipes():
        recipe = load_recipe(name)
        assert recipe.name == name
        assert recipe.advice() == [] or name in seer  # whose batches are below K, as published


def test_the_largest_recipe_is_the_published_one() -> None:
    """VISSL, configs/config/pretrain/seer/models/regnet10B.yaml: protocols.md E.1."""
    recipe = load_recipe("seer_regnet_10b")
    swav, schedule = recipe.swav, recipe.schedule
    assert recipe.network.shape().widths == (2020, 4040, 11110, 28280)
    assert (swav.prototypes, swav.dimension, swav.hidden, swav.batch_norm) == (16000, 256, (8192, 8192), False)
    assert (swav.temperature, swav.epsilon, swav.iterations, swav.queue) == (0.1, 0.03, 10, 0)
    assert (recipe.crops.sizes, recipe.crops.counts) == ((160, 96), (2, 4))
    assert round(swav.freeze_prototypes * schedule.steps) == 313
    assert round(schedule.warm_up * schedule.steps) == 5500
    assert schedule.batch == 16 * 496
    assert 0.999e9 < schedule.samples < 1.001e9
    assert recipe.optimiser.learning_rate == pytest.approx(0.3 * 7936 / 256, rel=1e-3)


def test_each_shipped_recipe_begins_with_command_hardware_duration_and_numbers() -> None:
    for path in (Path(__file__).parents[2] / "pretrain" / "recipes").glob("*.toml"):
        head = path.read_text(encoding="utf-8").split("\nname = ")[0]
        assert all(line.startswith("#") for line in head.splitlines()), path
        for word in ("Command:", "Hardware:", "Duration:", "Expect:"):
            assert word in head, (path, word)


@given(
    name=st.text(max_size=20),
    seed=st.integers(0, 2**32 - 1),
    rate=st.floats(1e-6, 10),
    scale=st.tuples(st.floats(0.01, 0.5), st.floats(0.5, 1.0)),
    hidden=st.lists(st.integers(1, 5000), max_size=3),
)
def test_toml_and_back_is_the_same_recipe(
    name: str, seed: int, rate: float, scale: tuple[float, float], hidden: list[int]
) -> None:
    recipe = Recipe(
        name=name,
        seed=seed,
        swav=Swav(hidden=tuple(hidden), batch_norm=False),
        crops=Crops(scales=(scale,)),
        optimiser=Optimiser(learning_rate=rate),
    )
    assert recipe_from_toml(recipe.to_toml()) == recipe


def test_a_recipe_is_read_as_it_stands() -> None:
    text = """
name = "mine"
seed = 3
precision = "float32"
[swav]
hidden = [64, 32]
batch_norm = false
temperature = 1
[crops]
sizes = [64, 32]
counts = [2, 4]
scales = [[0.3, 1], [0.1, 0.3]]
[schedule]
samples = 1000
"""
    assert recipe_from_toml(text) == Recipe(
        "mine", 3, "float32", swav=Swav(hidden=(64, 32), batch_norm=False, temperature=1.0),
        crops=Crops((64, 32), (2, 4), ((0.3, 1.0), (0.1, 0.3))), schedule=Schedule(samples=1000),
    )  # fmt: skip


def test_custom_network_survives_toml() -> None:
    recipe = Recipe(network=Network("custom", depth=16, w_0=48, w_a=27.89, w_m=2.09, group_width=8))
    again = recipe_from_toml(recipe.to_toml())
    assert again.network.shape().widths == (48, 104, 208, 440)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[swav]\nprototype = 3", "key of swav must be one of: batch_norm, dimension, epsilon, freeze_prototypes, "
         "hidden, iterations, prototypes, queue, queue_from, temperature; got 'prototype'. Did you mean 'prototypes'?"),
        ("colour = 1",
         "key must be one of: crops, name, network, optimiser, precision, schedule, seed, swav; got 'colour'."),
        ("[swav]\nepsilon = \"0.05\"", "swav.epsilon must be a number; got '0.05'"),
        ("[swav]\nprototypes = 2.5", "swav.prototypes must be a whole number; got 2.5"),
        ("[swav]\nbatch_norm = 1", "swav.batch_norm must be true or false; got 1"),
        ("[crops]\nsizes = 64", "crops.sizes must be a list in square brackets; got 64"),
        ("[crops]\nscales = [[0.1, 0.2, 0.3]]", "crops.scales.1 must be a list of 2 values; got [0.1, 0.2, 0.3]"),
        ("swav = 3", "swav must be a table, its keys below [swav]; got 3. Correct it."),
        ("name = ", "must be TOML; got:"),
        ("[network]\npreset = \"tinny\"", "recipe key 'network.preset' must be one of: custom, seer_10b"),
        ("[network]\npreset = \"tinny\"", "Did you mean 'tiny'?"),
    ],
)  # fmt: skip
def test_wrong_keys_and_types_are_named(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        recipe_from_toml(text, source="recipe 'mine.toml'")
    assert message in str(caught.value)
    assert str(caught.value).startswith("recipe 'mine.toml'")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Crops(store=-1), "'crops.store' must be 0 or more; got -1. Use 0 to keep no images."),
        (lambda: Crops(sizes=(96,), store=80), "'crops.sizes' must not be larger than crops.store = 80; got 96. Raise"),
        (lambda: Crops(sizes=(32, 64), counts=(2, 2), scales=((1, 1),) * 2), "must fall from the first to the last"),
        (lambda: Crops(sizes=(64, 32)), "'crops' must have as many sizes as counts and scales; got 2, 1 and 1"),
        (lambda: Crops(counts=(1,)), "'crops.counts' must be at least 2 in the first group and 1 in others; got [1]"),
        (lambda: Crops(scales=((0.5, 0.2),)), "'crops.scales' must be pairs 0 < lowest <= highest <= 1; got [0.5,"),
        (lambda: Crops(sizes=(8,)), "'crops.sizes' must be 16 pixels or more; got [8]"),
        (lambda: Crops(flip=1.5), "'crops.flip' must be a probability in [0, 1]; got 1.5"),
        (lambda: Crops(colour=2.0), "'crops.colour' must be in [0, 1.2]; got 2.0"),
        (lambda: Swav(prototypes=1), "'swav.prototypes' must be 2 or more; got 1"),
        (lambda: Swav(dimension=0), "'swav.dimension' must be 2 or more; got 0"),
        (lambda: Swav(hidden=(0,)), "'swav.hidden' must hold positive widths; got [0]"),
        (lambda: Swav(temperature=0.0), "'swav.temperature' must be above 0; got 0.0"),
        (lambda: Swav(epsilon=-1.0), "'swav.epsilon' must be above 0; got -1.0"),
        (lambda: Swav(iterations=0), "'swav.iterations' must be 1 or more; got 0"),
        (lambda: Swav(queue=-1), "'swav.queue' must be 0 or more; got -1"),
        (lambda: Swav(freeze_prototypes=5.0), "'swav.freeze_prototypes' must be a share of the run in [0, 1]; got 5.0"),
        (lambda: Optimiser(learning_rate=0.0), "'optimiser.learning_rate' must be above 0; got 0.0"),
        (lambda: Optimiser(momentum=1.0), "'optimiser.momentum' must be in [0, 1); got 1.0"),
        (lambda: Optimiser(weight_decay=-1.0), "'optimiser.weight_decay' must be 0 or more; got -1.0"),
        (lambda: Optimiser(larc=-1.0), "'optimiser.larc' must be 0 or more; got -1.0"),
        (lambda: Schedule(batch=1), "'schedule.batch' must be 2 or more; got 1"),
        (lambda: Schedule(samples=10, batch=64), "'schedule.samples' must be at least schedule.batch = 64; got 10"),
        (lambda: Schedule(warm_up=1.0), "'schedule.warm_up' must be a share of the run in [0, 1); got 1.0"),
        (lambda: Schedule(final=2.0), "'schedule.final' must be in [0, 1]; got 2.0"),
        (lambda: Schedule(checkpoint_every=0), "'schedule.checkpoint_every' must be 1 or more; got 0"),
        (lambda: Recipe(seed=-1), "'seed' must be in [0, 2**32); got -1"),
        (lambda: Recipe(swav=Swav(queue=1000)), "must be a multiple of schedule.batch = 128; got 1000. Use 1024."),
        (lambda: Network(depth=16), "'network.preset' must be 'custom' where depth"),
        (lambda: Network("custom"), "network must have depth >= 4"),
    ],
)  # fmt: skip
def test_impossible_values_are_refused(make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(ConfigError) as caught:
        make()
    assert message in str(caught.value)


def test_names_and_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(
        ConfigError,
        match=r"recipe must be one of: debug_cpu, .*, swav_imagenet; got 'dem'. Did you mean 'demo'\?",
    ):
        load_recipe("dem")
    with pytest.raises(
        ConfigError,
        match=r"recipe file '.*no.toml' must exist; got nothing there. Give a TOML file or one of: debug_cpu",
    ):
        load_recipe(tmp_path / "no.toml")
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    with pytest.raises(ConfigError, match=r"recipe file '.*latin.toml' must be UTF-8 text"):
        load_recipe(tmp_path / "latin.toml")


def test_a_file_is_loaded_by_path(tmp_path: Path) -> None:
    recipe = dataclasses.replace(load_recipe("quick"), name="mine", seed=9)
    (tmp_path / "mine.toml").write_text(recipe.to_toml(), encoding="utf-8")
    assert load_recipe(tmp_path / "mine.toml") == recipe
    assert load_recipe(str(tmp_path / "mine.toml")) == recipe


def test_advice_on_choices_that_are_known_to_fail() -> None:
    few = Recipe(swav=Swav(prototypes=16, dimension=64))
    (sentence,) = few.advice()
    assert sentence.startswith("swav.prototypes = 16 is below swav.dimension = 64: some direction is equally far from")
    assert sentence.endswith("Use more prototypes or a smaller dimension.")
    (alone,) = Recipe(swav=Swav(prototypes=300)).advice()
    assert alone.startswith("schedule.batch = 128 is below swav.prototypes = 300 and there is no queue")
