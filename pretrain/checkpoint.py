"""Checkpoints of a run: tensors and numbers in one file, written atomically; the previous checkpoint is kept."""

from __future__ import annotations

import os
import warnings
from pathlib import Path
from typing import Any

import torch

from fairaudit.core.errors import CheckpointError
from fairaudit.core.files import temporary_sibling
from fairaudit.core.open_file import check_file, is_there
from fairaudit.pretrain.symptoms import TrainingWarning

FORMAT = 2


def previous(path: Path) -> Path:
    """Return the path of the checkpoint before the one at ``path``."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write ``state`` (nested dicts and lists of tensors, numbers and texts) to ``path``.

    The file at ``path`` becomes the previous checkpoint. Whenever the process ends, or if the disk is full, at least
    one of the two is whole.

    Raises
    ------
    CheckpointError
        If the file cannot be written.
    """
    with temporary_sibling(path) as temporary:
        try:
            torch.save({"format": FORMAT, **state}, temporary)
        except (OSError, RuntimeError) as error:  # torch raises RuntimeError for a full disk
            raise CheckpointError(
                f"checkpoint '{path}' must be written whole; got '{str(error).splitlines()[0]}'. Free space on its "
                "disk and repeat the command: the run resumes from the previous checkpoint."
            ) from error
        with temporary.open("rb") as file:
            os.fsync(file.fileno())  # else the name may be on disk before the bytes are
        if path.is_file():
            os.replace(path, previous(path))


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """Return the newest readable state, or None if none was saved; execute nothing from a file.

    Raises
    ------
    CheckpointError
        If checkpoint files exist, but none is a whole checkpoint of this program.
    """
    files = [file for file in (path, previous(path)) if is_there(file)]
    damage = ""
    for file in files:
        try:
            state = _read(file)
        except CheckpointError as error:
            damage = damage or str(error)
            continue
        if damage:
            warnings.warn(
                f"{damage} The run resumes from the previous checkpoint, '{file.name}'.", TrainingWarning, stacklevel=2
            )
        return state
    if files:
        names = " and ".join(f"'{file.name}'" for file in files)
        raise CheckpointError(f"{damage} Restore it from a copy of the run, or delete {names} to start the run again.")
    return None


def _read(path: Path) -> dict[str, Any]:
    check_file(path, "checkpoint", error=CheckpointError)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling damaged bytes raises whatever it meets
        raise CheckpointError(f"checkpoint '{path}' must be one that a run wrote; got unreadable bytes.") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointError(f"checkpoint '{path}' must have format {FORMAT}; got other content.")
    return state
