"""The folder of a run of ``fairaudit pretrain``: recipe.toml, and model/ after the training."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import torch.nn.functional as F
from torch import Tensor, nn

from fairaudit.core.errors import CheckpointError
from fairaudit.core.model import Model
from fairaudit.core.run_files import read_run_file
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

#: Phrase of the model card by the method in ``data.json``.
METHODS = {
    "swav": "Pre-trained by fairaudit without labels (SwAV)",
    "supervised": "Trained by fairaudit with labels",
    "random weights": "Random weights, never trained; only their normalisation was measured by fairaudit",
}


class UnitLength(nn.Module):
    """The last step of the projection, which scales every vector to length one."""

    def forward(self, vectors_BD: Tensor) -> Tensor:
        """Return float32, shape (B, D)."""
        return F.normalize(vectors_BD.float(), dim=1)


def recognises(source: str) -> bool:
    """Return whether ``source`` is a folder with a ``recipe.toml``."""
    return (Path(source) / "recipe.toml").is_file()


def open_checkpoint(source: str, opening: Opening) -> Model:
    """Return the network that the run trained, without fetching anything.

    The projection is the head that SwAV trains behind the trunk; its vectors have length one. The run's last checkpoint
    holds it, not the exported ``model/``.

    Raises
    ------
    CheckpointError
        If the run is not finished, or lacks the projection that the user asked for.
    DataError
        If a file of the run is damaged (``core.run_files``).
    """
    path = Path(source).resolve()
    if not (path / "model" / "config.json").is_file():
        raise CheckpointError(
            f"checkpoint '{source}' must be a finished run; got recipe.toml without the folder model. "
            "Repeat the command that started it: the run resumes."
        )
    training = read_documents(path)
    model = open_transformers(
        str(path / "model"),
        name=path.name,
        kind="fairaudit run",
        opening=dataclasses.replace(opening, layer="trunk"),
        local=True,
        notes=[_provenance(path)],
        projection=_projection(source, path, opening) if opening.layer == "projection" else None,
    )
    model.card = dataclasses.replace(model.card, training=training)
    return model


def trunk_in_training(trunk: nn.Module, *, size: int, name: str) -> Model:
    """Return a copy of a trunk during training as the ``Model`` that its export would open as.

    Parameters
    ----------
    trunk : Module
        The copy; the call switches its gradients off.
    size : int
        Side in pixels at which the run would export it.
    name : str
        Name of the model in messages.
    """
    return model_in_memory(trunk, image_processor(size), name=name, kind="fairaudit run, in training")


def _projection(source: str, run: Path, opening: Opening) -> nn.Module:
    """Return the head that SwAV trained behind the trunk, with a last step that scales its vectors to length one.

    Only the last checkpoint is read: the head in the checkpoint before it belongs to another trunk.
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
    """Return a sentence on the origin of the weights from the files of the run."""
    data, recipe = read_run_file(run / "data.json"), read_run_file(run / "recipe.toml")
    method = str(data.get("method", ""))
    origin = METHODS.get(method) or (f"Made by fairaudit with the method '{method}'" if method else "Made by fairaudit")
    images = f" on {data['images']:,} images" if isinstance(data.get("images"), int) else ""
    named = f" with the recipe '{recipe['name']}'" if isinstance(recipe.get("name"), str) else ""
    seed = f", seed {recipe['seed']}" if isinstance(recipe.get("seed"), int) else ""
    return f"{origin}{images}{named}{seed}."
