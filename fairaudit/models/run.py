"""The folder of a run of ``fairaudit pretrain``: recipe.toml, and model/ once the training is finished."""

from __future__ import annotations

import dataclasses
import json
import tomllib
from pathlib import Path
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

from fairaudit.core.errors import CheckpointError, InputError
from fairaudit.core.model import Model
from fairaudit.core.open_file import read_text
from fairaudit.describe.training_data import read_documents
from fairaudit.models._opening import Opening
from fairaudit.models._torch_model import first_line
from fairaudit.models._transformers import model_in_memory, open_transformers
from fairaudit.models.weights_file import find_tensors, read_file
from fairaudit.pretrain.export import image_processor
from fairaudit.pretrain.recipe import load_recipe
from fairaudit.pretrain.swav import projection_head

ORDER = 10
READS = "a folder of fairaudit pretrain (recipe.toml, model)"

#: How the method that ``data.json`` names is said in a report.
METHODS = {
    "swav": "Pre-trained by fairaudit without labels (SwAV)",
    "supervised": "Trained by fairaudit with labels",
    "random weights": "Random weights, never trained; only their normalisation was measured by fairaudit",
}


class UnitLength(nn.Module):
    """The last step of the projection: every vector gets the length one."""

    def forward(self, vectors_BD: Tensor) -> Tensor:
        """Return float32, shape (B, D)."""
        return F.normalize(vectors_BD.float(), dim=1)


def recognises(source: str) -> bool:
    """Whether it is a folder with a ``recipe.toml``."""
    return (Path(source) / "recipe.toml").is_file()


def open_checkpoint(source: str, opening: Opening) -> Model:
    """Return the network that the run trained; nothing is fetched.

    The projection is the head that SwAV trains behind the trunk; its vectors have length one. It is not part of the
    exported ``model/``, but of the run's last checkpoint.

    Raises
    ------
    CheckpointError
        If the run is not finished, or the projection is wanted and it has or keeps none.
    """
    path = Path(source).resolve()
    if not (path / "model" / "config.json").is_file():
        raise CheckpointError(
            f"checkpoint '{source}' must be a finished run; got recipe.toml without the folder model. "
            "Give the command that started it again: it goes on from where it ended."
        )
    notes, training = [_provenance(path)], _training(path)
    if training is None:
        notes.append("What the run's own files declare of its training data could not be read.")
    model = open_transformers(
        str(path / "model"),
        name=path.name,
        kind="fairaudit run",
        opening=dataclasses.replace(opening, layer="trunk"),
        local=True,
        notes=notes,
        projection=_projection(source, path, opening) if opening.layer == "projection" else None,
    )
    model.card = dataclasses.replace(model.card, training=training or {})
    return model


def trunk_in_training(trunk: nn.Module, *, size: int, name: str) -> Model:
    """Return a copy of a trunk that is being trained as the ``Model`` that its export would open as.

    Parameters
    ----------
    trunk : Module
        A copy: it takes no gradients any more.
    size : int
        Side in pixels at which the run would export it.
    name : str
        What it is called in messages.
    """
    return model_in_memory(trunk, image_processor(size), name=name, kind="fairaudit run, in training")


def _projection(source: str, run: Path, opening: Opening) -> nn.Module:
    """Return the head that SwAV trained behind the trunk, with what makes its vectors one long.

    It is read from the last checkpoint alone: the head of the one before belongs to another trunk.
    """
    checkpoint = run / "checkpoint.pt"
    if not checkpoint.is_file():
        opening.require_trunk(source, "a run without checkpoint.pt, which holds the projection")
    tensors = find_tensors(source, read_file(checkpoint))
    prefix = "objective.module.head."
    weights = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
    if not weights:
        opening.require_trunk(source, "a run that trained none, because it was not one of SwAV")
    recipe = load_recipe(run / "recipe.toml")
    head = projection_head(recipe.network.shape().widths[-1], recipe.swav)
    try:
        head.load_state_dict(weights)
    except RuntimeError as error:
        raise CheckpointError(
            f"checkpoint '{source}' must hold the projection that its recipe.toml describes; got {first_line(error)}. "
            "Restore the run's own files, or leave --layer at trunk."
        ) from error
    return nn.Sequential(head, UnitLength())


def _provenance(run: Path) -> str:
    """Return the sentence on how the weights came about, as far as the run's own files say it."""
    data, recipe = _values(run / "data.json"), _values(run / "recipe.toml")
    method = str(data.get("method", ""))
    what = METHODS.get(method) or (f"Made by fairaudit with the method '{method}'" if method else "Made by fairaudit")
    images = f" on {data['images']:,} images" if isinstance(data.get("images"), int) else ""
    named = f" with the recipe '{recipe['name']}'" if isinstance(recipe.get("name"), str) else ""
    seed = f", seed {recipe['seed']}" if isinstance(recipe.get("seed"), int) else ""
    return f"{what}{images}{named}{seed}."


def _training(run: Path) -> dict[str, Any] | None:
    """Return what the run says is declared of its images; nothing for a run that was made before runs said so.

    None where the files are damaged: that costs a section of the report, not the audit.
    """
    try:
        return read_documents(run)
    except InputError:
        return None


def _values(path: Path) -> dict[str, Any]:
    """Return what the file holds; a file edited by hand costs a sentence of the card, not the audit."""
    try:
        text = read_text(path, "file")
        values = tomllib.loads(text) if path.suffix == ".toml" else json.loads(text)
    except ValueError:
        return {}
    return values if isinstance(values, dict) else {}
