"""A whole network learns: what its frozen trunk cannot tell apart, the same each time, and only what it may."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from fairaudit.core.errors import CheckpointError, ConfigError
from fairaudit.core.model import Model
from fairaudit.extraction.extract import extract
from fairaudit.heads.fine_tuning import Tuner, classifier_on, preprocessing_of
from fairaudit.heads.learned_images import LearnedImages
from fairaudit.heads.linear_probe import fit_probe
from fairaudit.heads.probe_table import ProbeTable, read_probe_table
from fairaudit.heads.split import split_parts
from fairaudit.heads.tuned_folder import TunedModel, image_processor, tune, tuned_folder
from fairaudit.heads.tuning_recipe import make_tuning_recipe
from fairaudit.models import open_model
from fairaudit.models._preprocessing import Preprocessing

RECIPE = make_tuning_recipe("small", {"epochs": 12, "batch": 16, "milestones": (10,), "rate": 0.8, "least_area": 0.6})


def grating(rng: np.random.Generator, *, upright: bool, red: bool) -> Image.Image:
    """Red or blue stripes, upright or level, of random phase and contrast."""
    wave = np.sin(np.arange(24) * rng.uniform(0.8, 1.2) + rng.uniform(0, 6)) * rng.uniform(40, 100)
    grey = 128 + (wave[None, :] if upright else wave[:, None]) + rng.normal(0, 12, (24, 24))
    pixels = grey[:, :, None] * (np.array([1.0, 0.6, 0.2]) if red else np.array([0.2, 0.6, 1.0]))
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> ProbeTable:
    """Neither colour nor direction tells the labels apart, only both together: "a" is red upright or blue level."""
    rng = np.random.default_rng(5)
    folder = tmp_path_factory.mktemp("gratings")
    rows = ["file,label,cluster"]
    for i in range(120):
        grating(rng, upright=i % 2 == 0, red=i % 4 < 2).save(folder / f"{i}.png")
        rows.append(f"{i}.png,{'a' if (i % 2 == 0) == (i % 4 < 2) else 'b'},photographer {i // 3}")
    (folder / "labels.csv").write_text("\n".join(rows) + "\n", encoding="utf-8")
    return read_probe_table(folder / "labels.csv")


def save_network(folder: Path, *, family: str = "resnet") -> Path:
    """Save a network with random weights that takes 24 px."""
    import transformers

    torch.manual_seed(1)
    if family == "vit":
        config: Any = transformers.ViTConfig(
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            image_size=24,
            patch_size=12,
        )
        transformers.ViTModel(config, add_pooling_layer=False).save_pretrained(folder)
    else:
        config = transformers.ResNetConfig(
            embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], layer_type="basic", downsample_in_first_stage=False
        )
        transformers.ResNetModel(config).save_pretrained(folder)
    transformers.ConvNextImageProcessorPil(size={"shortest_edge": 24}, crop_pct=1.0).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return open_model(save_network(tmp_path_factory.mktemp("network") / "net"))


@pytest.fixture(scope="module")
def tuned(model: Model, table: ProbeTable, tmp_path_factory: pytest.TempPathFactory) -> TunedModel:
    folder = tmp_path_factory.mktemp("tuned") / "out"
    return tune(model, table, RECIPE, tuned_folder(folder), versions={"fairaudit": "0"})


def test_it_learns_what_the_frozen_network_cannot_tell(model: Model, table: ProbeTable, tuned: TunedModel) -> None:
    frozen = fit_probe(model, table, seed=RECIPE.seed).held_out[0]
    assert frozen.n == tuned.held_out.n  # the same split: as many images, of as many clusters
    assert tuned.held_out.value >= 0.95
    assert tuned.held_out.value > frozen.value + 0.1
    assert tuned.loss < 0.3


def test_the_accuracy_is_that_of_the_saved_checkpoint_on_the_held_out_images(
    table: ProbeTable, tuned: TunedModel
) -> None:
    again = open_model(tuned.folder)
    assert again.labels == ("a", "b") == tuned.classes
    held = split_parts(np.array(table.labels), RECIPE.seed, clusters=table.clusters) == "held out"
    found = extract(again, table.samples().select(held.tolist()))
    assert found.predictions is not None
    right = found.predictions.labels[:, 0] == np.array(table.labels)[held]
    assert tuned.held_out.value == pytest.approx(right.mean())
    assert int(tuned.held_out.overall["n_clusters"]) == len({c for c, h in zip(table.clusters, held, strict=True) if h})


def test_the_folder_says_what_was_learned_and_how(table: ProbeTable, tuned: TunedModel, model: Model) -> None:
    record = json.loads((tuned.folder / "fine_tuning.json").read_text(encoding="utf-8"))
    assert record["base"]["digest"] == model.card.digest
    assert record["table"] == {"name": "labels.csv", "digest": table.digest, "notes": []}
    assert record["recipe"]["epochs"] == 12
    assert record["learning_rate"] == pytest.approx(0.05)
    assert str(table.path.parent) not in (tuned.folder / "fine_tuning.json").read_text(encoding="utf-8")
    images = LearnedImages.load(tuned.folder)
    held = split_parts(np.array(table.labels), RECIPE.seed, clusters=table.clusters) == "held out"
    assert [images.holds(path) for path in table.files] == (~held).tolist()
    assert tuned.n_learned == len(images) == (~held).sum()


def test_the_checkpoint_stays_as_it_was_and_the_seed_decides(model: Model, table: ProbeTable, tmp_path: Path) -> None:
    before = {name: tensor.clone() for name, tensor in model.network.state_dict().items()}  # type: ignore[attr-defined]
    quick = make_tuning_recipe("small", {"epochs": 1, "milestones": (), "batch": 32})
    state = torch.random.get_rng_state()
    folders = [tune(model, table, quick, tuned_folder(tmp_path / name), versions={}).folder for name in ("a", "b")]
    torch.rand(3)
    other = tune(model, table, make_tuning_recipe("small", {"epochs": 1, "milestones": (), "batch": 32, "seed": 2}),
                 tuned_folder(tmp_path / "c"), versions={}).folder  # fmt: skip
    a, b, c = (load_file(folder / "model.safetensors") for folder in (*folders, other))
    assert all(torch.equal(a[key], b[key]) for key in a)
    assert not all(torch.equal(a[key], c[key]) for key in a)
    after = model.network.state_dict()  # type: ignore[attr-defined]
    assert all(torch.equal(before[key], after[key]) for key in before)
    torch.random.set_rng_state(state)


def test_steps_are_those_of_plain_sgd(model: Model, table: ProbeTable) -> None:
    """Two steps against the same written out: momentum, decay, and a rate that falls after the first epoch."""
    recipe = make_tuning_recipe(
        "small", {"epochs": 2, "batch": 120, "milestones": (1,), "rate": 0.2, "weight_decay": 0.01}
    )
    network = classifier_on(model, ("a", "b"), seed=3)
    tuner = Tuner(network, recipe, preprocessing_of(model, recipe), device="cpu")
    start = {name: value.detach().clone() for name, value in network.named_parameters()}
    batches: list[tuple[list[int], torch.Tensor]] = []
    cut = tuner._cut

    def remembered(store: Any, step: int) -> Any:
        made = cut(store, step)
        batches.append(made[1:])
        return made

    tuner._cut = remembered  # type: ignore[method-assign]
    truth = [("a", "b").index(label) for label in table.labels]
    tuner.fit(table.files, table.names, truth)
    after = {name: value.detach().clone() for name, value in network.named_parameters()}

    network.load_state_dict({**network.state_dict(), **start})
    network.train()
    velocity = {name: torch.zeros_like(value) for name, value in start.items()}
    for (used, views), rate in zip(batches, (0.2 * 120 / 256, 0.02 * 120 / 256), strict=True):
        mean, std = (torch.tensor(v)[:, None, None] for v in ((0.5,) * 3, (0.5,) * 3))
        logits = network(pixel_values=(views.float() / 255 - mean) / std).logits
        loss = -logits.log_softmax(1)[torch.arange(len(used)), torch.tensor(truth)[used]].mean()
        network.zero_grad()
        loss.backward()
        with torch.no_grad():
            for name, value in network.named_parameters():
                velocity[name] = 0.9 * velocity[name] + value.grad + 0.01 * value
                value -= rate * velocity[name]
    for name, value in network.named_parameters():
        torch.testing.assert_close(after[name], value.detach(), rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(
    "wanted",
    [
        Preprocessing(256, (224, 224), "bilinear", (0.4, 0.5, 0.6), (0.2, 0.3, 0.4)),
        Preprocessing((48, 48), None, "bicubic", (0.5,) * 3, (0.5,) * 3),
    ],
    ids=["crop", "square"],
)
def test_the_saved_processor_prepares_images_as_was_measured(wanted: Preprocessing, tmp_path: Path) -> None:
    network = save_network(tmp_path / "net")
    image_processor(wanted).save_pretrained(network)
    assert open_model(network).preprocessing == wanted  # type: ignore[attr-defined]


def test_a_published_size_takes_the_place_of_the_checkpoints(model: Model) -> None:
    found = preprocessing_of(model, make_tuning_recipe("goyal2022"))
    assert (found.resize, found.crop, found.interpolation) == (256, (224, 224), "bilinear")
    assert found.mean == model.preprocessing.mean  # type: ignore[attr-defined]


def test_what_is_no_network_of_transformers_is_refused(
    table: ProbeTable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_net.py").write_text(
        "import torch\n\ndef make():\n"
        "    network = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(3 * 24 * 24, 4))\n"
        "    network.preprocessing = {'size': 24, 'mean': [0.5] * 3, 'std': [0.5] * 3}\n"
        "    return network\n",
        encoding="utf-8",
    )
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(CheckpointError) as caught:
        tune(open_model("own_net:make"), table, RECIPE, tuned_folder(tmp_path / "out"), versions={})
    assert str(caught.value) == (
        "checkpoint 'own_net:make' must be a network of transformers (regnet, resnet, convnext, convnextv2, vit, "
        "dinov2) to be fine-tuned as a whole; got Sequential by module:function. Fit a probe on it: fairaudit probe."
    )
    assert not (tmp_path / "out").exists()


def test_a_size_that_the_network_cannot_take_is_refused(table: ProbeTable, tmp_path: Path) -> None:
    vit = open_model(save_network(tmp_path / "vit", family="vit"))
    with pytest.raises(
        CheckpointError, match=r"^network ViTForImageClassification must take images of 48 x 48 pixels; "
    ):
        tune(vit, table, make_tuning_recipe("small", {"size": 48}), tuned_folder(tmp_path / "out"), versions={})


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        (
            {"batch": 200},
            "batch of fine-tuning must not be larger than the number of images that are learned; got 200 for",
        ),
        ({"rate": 1e9}, "loss of fine-tuning must be finite; got "),
    ],
    ids=["batch", "rate"],
)
def test_a_recipe_that_cannot_work_is_one_sentence(
    model: Model, table: ProbeTable, tmp_path: Path, changes: dict[str, Any], text: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        tune(model, table, make_tuning_recipe("small", changes), tuned_folder(tmp_path / "out"), versions={})
    assert str(caught.value).startswith(text)
    assert not (tmp_path / "out").exists()


def test_images_prepared_in_other_ways_are_refused(model: Model, table: ProbeTable, tmp_path: Path) -> None:
    oblong = save_network(tmp_path / "net")
    image_processor(Preprocessing((24, 32), None, "bilinear", (0.5,) * 3, (0.5,) * 3)).save_pretrained(oblong)
    with pytest.raises(CheckpointError) as caught:
        tune(open_model(oblong), table, RECIPE, tuned_folder(tmp_path / "out"), versions={})
    assert str(caught.value) == (
        "checkpoint 'net' must take RGB images that are resized, cut to a square and normalised; got other steps. "
        "Describe the preprocessing in a file: --preprocessing FILE."
    )


def test_a_folder_that_holds_something_else_is_kept(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years", encoding="utf-8")
    with pytest.raises(ConfigError, match="must be a new folder, an empty one or an earlier fine-tuned network; got a"):
        tuned_folder(tmp_path).check()
