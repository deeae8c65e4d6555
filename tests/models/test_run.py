"""The projection of a run of SwAV: the head of its last checkpoint, behind the trunk that it exports."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from PIL import Image

from fairaudit.core.errors import CheckpointError
from fairaudit.models import open_model
from fairaudit.pretrain import pretrain
from fairaudit.pretrain.recipe import Recipe
from fairaudit.pretrain.settings import Crops, Optimiser, Schedule, Swav

pytestmark = pytest.mark.filterwarnings("ignore::fairaudit.pretrain.TrainingWarning")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("pictures"), np.random.default_rng(0)
    for i in range(16):
        Image.fromarray(rng.integers(0, 256, (30, 34, 3), dtype=np.uint8)).save(folder / f"{i}.png")
    recipe = Recipe(
        name="two steps",
        swav=Swav(prototypes=12, dimension=6, hidden=(10,), queue=0),
        crops=Crops(sizes=(24, 16), counts=(2, 1), scales=((0.4, 1.0), (0.2, 0.5)), store=24, blur=0.5),
        optimiser=Optimiser(learning_rate=0.05, larc=0.01),
        schedule=Schedule(samples=32, batch=16, checkpoint_every=1),
    )
    return pretrain(recipe, data=[folder], output=tmp_path_factory.mktemp("runs") / "run", progress=False)


@pytest.fixture
def run(trained: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained, tmp_path / "run"))


def by_hand(run: Path, batch: torch.Tensor) -> torch.Tensor:
    """Linear, batch normalisation as measured, ReLU, linear, length one, in float64."""
    trunk = transformers.AutoModel.from_pretrained(run / "model").eval()
    with torch.no_grad():
        x = trunk(batch).pooler_output.flatten(1).double()
    state = torch.load(run / "checkpoint.pt", weights_only=True)["objective"]["module"]
    w = {name.removeprefix("head."): v.double() for name, v in state.items() if name.startswith("head.")}
    x = x @ w["0.weight"].T + w["0.bias"]
    x = (x - w["1.running_mean"]) / (w["1.running_var"] + 1e-5).sqrt() * w["1.weight"] + w["1.bias"]
    x = x.clamp(min=0) @ w["3.weight"].T + w["3.bias"]
    units: torch.Tensor = x / x.norm(dim=1, keepdim=True)
    return units


def test_the_projection_is_the_head_of_the_last_checkpoint(run: Path) -> None:
    model: Any = open_model(run, layer="projection")
    batch = torch.randn(3, 3, 24, 24, generator=torch.Generator().manual_seed(0))
    vectors = model.embed(batch)
    assert vectors.shape == (3, 6)
    torch.testing.assert_close(vectors.double(), by_hand(run, batch), atol=1e-5, rtol=1e-5)
    trunk: Any = open_model(run)
    assert model.card.layer == model.layer == "projection behind the trunk"
    assert (trunk.card.layer, trunk.card.embedding_dim) == ("trunk, average-pooled", trunk.embed(batch).shape[1])
    assert model.card.digest != trunk.card.digest
    assert model.card.n_parameters > trunk.card.n_parameters
    assert (model.card.name, model.card.kind) == ("run", "fairaudit run")


def test_the_checkpoint_before_is_no_substitute(run: Path) -> None:
    assert (run / "checkpoint.previous.pt").is_file()
    (run / "checkpoint.pt").unlink()
    with pytest.raises(CheckpointError) as caught:
        open_model(run, layer="projection")
    assert str(caught.value) == (
        f"checkpoint '{run}' must have a projection to be read there; got a run without checkpoint.pt, which holds "
        "the projection. Leave --layer at trunk."
    )
    assert open_model(run).card.layer == "trunk, average-pooled"


def test_a_run_that_was_not_one_of_swav(run: Path) -> None:
    torch.save({"format": 2, "objective": {"module": {"classifier.weight": torch.ones(2, 3)}}}, run / "checkpoint.pt")
    with pytest.raises(CheckpointError, match="got a run that trained none, because it was not one of SwAV"):
        open_model(run, layer="projection")


def test_a_projection_of_another_recipe(run: Path) -> None:
    text = (run / "recipe.toml").read_text(encoding="utf-8")
    assert "dimension = 6" in text
    (run / "recipe.toml").write_text(text.replace("dimension = 6", "dimension = 5"), encoding="utf-8")
    with pytest.raises(CheckpointError, match=r"must hold the projection that its recipe\.toml describes; got Error"):
        open_model(run, layer="projection")
