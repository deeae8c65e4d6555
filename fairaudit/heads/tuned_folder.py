"""``tune``: fine-tune a whole network on a table of labels, as a ``transformers`` folder with its record."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fairaudit.core.errors import DataError
from fairaudit.core.files import write_json
from fairaudit.core.model import Model
from fairaudit.core.open_file import read_json
from fairaudit.core.output_folder import OutputFolder
from fairaudit.core.progress import Advance
from fairaudit.extraction.extract import extract
from fairaudit.heads.fine_tuning import Tuner, classifier_on, preprocessing_of
from fairaudit.heads.held_out import HeldOut
from fairaudit.heads.learned_images import FILE, LearnedImages
from fairaudit.heads.probe_table import ProbeTable
from fairaudit.heads.split import OUT, split_parts
from fairaudit.heads.text_encoder import quiet_transformers
from fairaudit.heads.tuning_recipe import TuningRecipe
from fairaudit.images.decode import image_digest
from fairaudit.models import open_model
from fairaudit.models._preprocessing import INTERPOLATIONS, Preprocessing

RECORD = "fine_tuning.json"
_FILES = (RECORD, FILE, "config.json", "model.safetensors", "preprocessor_config.json")


@dataclass(frozen=True)
class TunedModel:
    """A fine-tuned network on disk.

    Parameters
    ----------
    folder : Path
        A ``transformers`` folder that ``fairaudit audit`` opens as a checkpoint with a head of its own.
    classes : tuple of str
        The predicted labels, sorted.
    held_out : HeldOut
        Accuracy on the held-out images, a fifth of the table.
    n_learned : int
        Training images.
    loss : float
        Mean cross-entropy of the last epoch, in nats.
    """

    folder: Path
    classes: tuple[str, ...]
    held_out: HeldOut
    n_learned: int
    loss: float


def tuned_folder(output: str | Path, *, overwrite: bool = False) -> OutputFolder:
    """Return the folder that ``tune`` fills."""
    return OutputFolder(output, "fine-tuned network", _FILES, overwrite=overwrite)


def tune(
    model: Model,
    table: ProbeTable,
    recipe: TuningRecipe,
    output: OutputFolder,
    *,
    versions: Mapping[str, str],
    batch_size: int = 64,
    progress: Advance | None = None,
) -> TunedModel:
    """Fine-tune a copy of ``model`` on four fifths of ``table``, measure it on the rest, and write both to ``output``.

    Raises
    ------
    InputError
        If the checkpoint, the table or the recipe cannot be used; then nothing is written.
    """
    classes = table.classes
    part_N = split_parts(np.array(table.labels, dtype=np.str_), recipe.seed, clusters=table.clusters)
    learned, held = np.flatnonzero(part_N != OUT).tolist(), (part_N == OUT).tolist()
    network = classifier_on(model, classes, seed=recipe.seed)  # first, since it fails for other networks
    preprocessing = preprocessing_of(model, recipe)
    tuner = Tuner(network, recipe, preprocessing)
    loss = tuner.fit(
        [table.files[row] for row in learned],
        [table.names[row] for row in learned],
        [classes.index(table.labels[row]) for row in learned],
        progress=progress,
    )
    with output.replaced() as folder:
        with quiet_transformers():
            network.save_pretrained(folder)
            image_processor(preprocessing).save_pretrained(folder)
        held_out = _measured(folder, table, held, seed=recipe.seed, batch_size=batch_size)
        samples = table.samples().select((part_N != OUT).tolist())
        LearnedImages.of(samples, [image_digest(path) for path in samples.paths]).save(folder)
        write_json(folder / RECORD, {
            "format": 1,
            "base": {"name": model.card.name, "digest": model.card.digest},
            "table": {"name": table.path.name, "digest": table.digest, "notes": table.notes},
            "classes": classes,
            "recipe": dataclasses.asdict(recipe),
            "learning_rate": recipe.learning_rate,
            "n_learned": tuner.n_learned,
            "loss": loss,
            "held_out": held_out.to_json(),
            "versions": dict(versions),
        })  # fmt: skip
    return TunedModel(output.path, classes, held_out, tuner.n_learned, loss)


def read_tuned(folder: Path) -> TunedModel:
    """Return the ``TunedModel`` of a folder that ``tune`` filled."""
    record = read_json(folder / RECORD, "record")
    held_out = HeldOut.from_json(record["held_out"])
    return TunedModel(folder, tuple(record["classes"]), held_out, record["n_learned"], record["loss"])


def image_processor(preprocessing: Preprocessing) -> Any:
    """Return the processor of ``transformers`` for ``preprocessing``."""
    import transformers

    common: dict[str, Any] = {
        "resample": Image.Resampling(INTERPOLATIONS[preprocessing.interpolation]),
        "image_mean": list(preprocessing.mean),
        "image_std": list(preprocessing.std),
    }
    if isinstance(preprocessing.resize, int):
        height, width = preprocessing.crop or (preprocessing.resize, preprocessing.resize)
        crop = {"height": height, "width": width}
        size = {"shortest_edge": preprocessing.resize}
        return transformers.BitImageProcessorPil(size=size, do_center_crop=True, crop_size=crop, **common)
    height, width = preprocessing.resize
    return transformers.ViTImageProcessorPil(size={"height": height, "width": width}, **common)


def _measured(folder: Path, table: ProbeTable, held: list[bool], *, seed: int, batch_size: int) -> HeldOut:
    """Return the accuracy on the held-out rows of the table, with the network opened as in an audit."""
    if not any(held):
        return HeldOut.of(np.empty(0, dtype=bool), np.empty(0, dtype=np.str_), (), seed=seed, classes=table.classes)
    extraction = extract(open_model(folder), table.samples().select(held), batch_size=batch_size)
    if extraction.predictions is None:
        raise DataError(f"fine-tuned network {folder.name} must have a head; got none. Report this as a defect.")
    rows = extraction.samples.table
    y_N = rows["label"].to_numpy(str)
    clusters = rows["cluster_id"].astype(str).tolist() if table.clusters else ()
    right_N = extraction.predictions.labels[:, 0] == y_N
    return HeldOut.of(right_N, y_N, clusters, seed=seed, classes=table.classes)
