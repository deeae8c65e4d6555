"""A folder that ``transformers`` saved: config.json, model.safetensors, preprocessor_config.json."""

from __future__ import annotations

from pathlib import Path

from fairaudit.core.model import Model
from fairaudit.models._opening import Opening
from fairaudit.models._transformers import open_transformers

ORDER = 20
READS = "a transformers folder (config.json, safetensors)"


def recognises(source: str) -> bool:
    """Return whether ``source`` is a folder with a ``config.json``."""
    return (Path(source) / "config.json").is_file()


def open_checkpoint(source: str, opening: Opening) -> Model:
    """Return the network of the folder, without fetching anything."""
    name = Path(source).resolve().name
    return open_transformers(str(Path(source)), name=name, kind="transformers", opening=opening, local=True)
