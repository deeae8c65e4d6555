"""``SavedProbe``: a linear probe in a folder, for the one checkpoint on which it was fitted.

``probe.json`` describes the probe, ``weights.safetensors`` holds its weights, ``images.parquet`` lists its images.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save_file

from fairaudit.core.errors import CheckpointError, DataError
from fairaudit.core.files import write_json
from fairaudit.core.model import Model
from fairaudit.core.open_file import DOCUMENT, is_there, parse_json, read_bytes
from fairaudit.core.output_folder import OutputFolder
from fairaudit.heads.held_out import HeldOut
from fairaudit.heads.learned_images import FILE, LearnedImages
from fairaudit.heads.linear_probe import LinearProbe
from fairaudit.heads.probe_table import ProbeTable

RECORD, WEIGHTS = "probe.json", "weights.safetensors"
_MAX_BYTES = 4 * 2**30  # of the weights: 100,000 labels at 10,000 numbers each
_FORMAT = 1


@dataclass(frozen=True)
class SavedProbe:
    """A probe with the identity of its model.

    Parameters
    ----------
    folder : Path
        Folder of the probe.
    probe : LinearProbe
    model : str
        Name of the checkpoint, for messages.
    model_digest, preprocessing_digest : str
        SHA-256 of the model's weights and preprocessing.
    """

    folder: Path
    probe: LinearProbe
    model: str
    model_digest: str
    preprocessing_digest: str

    def check(self, model: Model) -> None:
        """Check that the probe was fitted on ``model``.

        Raises
        ------
        CheckpointError
            If weights, layer or preprocessing differ.
        """
        card, layer, steps = model.card, layer_of(model), preprocessing_digest(model.card.preprocessing)
        weights = (f"of '{self.model}' ({self.model_digest[:12]})", f"'{card.name}' ({card.digest[:12]})")
        for part, same, (fitted, got) in (
            ("weights", card.digest == self.model_digest, weights),
            ("layer", layer == self.probe.layer, (f"'{self.probe.layer}'", f"'{layer}'")),
            ("preprocessing", steps == self.preprocessing_digest,
             (f"with the digest {self.preprocessing_digest[:12]}", steps[:12])),
        ):  # fmt: skip
            if not same:
                raise CheckpointError(
                    f"checkpoint of the probe {self.folder.name} must have the {part} on which it was fitted, {fitted}"
                    f"; got {got}. Fit the probe again on this checkpoint: fairaudit probe."
                )


def layer_of(model: Model) -> str:
    """Return the layer of the model's embeddings, as ``extract`` names it."""
    return str(getattr(model, "layer", "output of the model"))


def preprocessing_digest(values: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a model's preprocessing, 64 hex digits."""
    return hashlib.sha256(json.dumps(values, sort_keys=True, default=str).encode()).hexdigest()


def probe_folder(output: str | Path, *, overwrite: bool = False) -> OutputFolder:
    """Return the folder that ``save_probe`` fills."""
    return OutputFolder(output, "probe", (RECORD, WEIGHTS, FILE), overwrite=overwrite)


def request_of(model: Model, table: ProbeTable, **options: Any) -> dict[str, Any]:
    """Return the request for a head that learns ``table`` on top of ``model``."""
    card = model.card
    sizes = [path.stat().st_size for path in table.files]
    return {
        "checkpoint": card.name,
        "weights": card.digest,
        "layer": layer_of(model),
        "preprocessing": card.preprocessing,
        "labels": table.digest,
        "sizes of images": hashlib.sha256(repr(sizes).encode()).hexdigest(),
        "classes": table.classes,
        **options,
    }


def save_probe(probe: LinearProbe, model: Model, output: OutputFolder, *, versions: Mapping[str, str]) -> None:
    """Write a probe that was fitted on ``model`` to the checked folder of ``probe_folder``; versions by package."""
    with output.replaced() as folder:
        # safetensors writes memory in its order; another order would give another matrix.
        arrays = {"weights": np.ascontiguousarray(probe.weights_CD), "bias": np.ascontiguousarray(probe.bias_C)}
        save_file(arrays, folder / WEIGHTS)
        probe.images.save(folder)
        record = {
            "format": _FORMAT,
            "model": {
                "name": model.card.name,
                "digest": model.card.digest,
                "preprocessing": model.card.preprocessing,
                "preprocessing_digest": preprocessing_digest(model.card.preprocessing),
            },
            "probe": probe.params(),
            "held_out": [split.to_json() for split in probe.held_out],
            "weights_digest": hashlib.sha256(_weights(folder)).hexdigest(),
            "versions": dict(versions),
        }
        write_json(folder / RECORD, record)


def load_probe(folder: Path) -> SavedProbe:
    """Read the probe that ``save_probe`` wrote.

    Raises
    ------
    DataError
        If the folder holds no probe, a newer probe, or files that are damaged or do not belong together.
    """
    folder = Path(folder)
    if not is_there(folder / RECORD):
        raise DataError(
            f"probe {folder} must be a CSV with file and label, or a folder of `fairaudit probe` ({RECORD}); got a "
            "folder without this file. Check the path."
        )
    try:
        record = parse_json(read_bytes(folder / RECORD, "probe", limit=DOCUMENT))
        if record["format"] != _FORMAT:
            raise ValueError(f"the format {record['format']}, where this version reads {_FORMAT}")
        content = _weights(folder)
        if hashlib.sha256(content).hexdigest() != record["weights_digest"]:
            raise ValueError(f"a {WEIGHTS} with another digest than in {RECORD}")
        return SavedProbe(
            folder=folder,
            probe=_probe(record, load(content), LearnedImages.load(folder)),
            model=str(record["model"]["name"]),
            model_digest=str(record["model"]["digest"]),
            preprocessing_digest=str(record["model"]["preprocessing_digest"]),
        )
    except DataError:
        raise
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        reason = f"no '{error.args[0]}'" if isinstance(error, KeyError) else str(error).rstrip(".")
        raise DataError(f"probe {folder} must be complete and unchanged; got {reason}. Fit it again.") from error


def _weights(folder: Path) -> bytes:
    return read_bytes(folder / WEIGHTS, "weights", limit=_MAX_BYTES)


def _probe(record: dict[str, Any], weights: dict[str, Any], images: LearnedImages) -> LinearProbe:
    params = record["probe"]
    classes, weights_CD, bias_C = tuple(map(str, params["classes"])), weights["weights"], weights["bias"]
    if weights_CD.ndim != 2 or weights_CD.shape[:1] != (len(classes),) or bias_C.shape != (len(classes),):
        raise ValueError(f"weights of shape {weights_CD.shape} for {len(classes)} labels")
    return LinearProbe(
        table=str(params["table"]),
        table_digest=str(params["table_digest"]),
        classes=classes,
        weights_CD=weights_CD.astype(np.float64),
        bias_C=bias_C.astype(np.float64),
        strength=float(params["strength"]),
        n_images=int(params["n_images"]),
        held_out=tuple(HeldOut.from_json(split) for split in record["held_out"]),
        layer=str(params["layer"]),
        images=images,
        notes=tuple(map(str, params["notes"])),
    )
