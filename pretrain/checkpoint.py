"""Checkpoints of a run: plain tensors and numbers in one file, written whole or not at all, the one before kept."""

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
    """Return where the checkpoint before the one at ``path`` is kept."""
    return path.with_name(f"{path.stem}.previous{path.suffix}")


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write ``state`` (nested dicts and lists of tensors, numbers and texts) to ``path``.

    What was there becomes the previous checkpoint. A process that ends at any moment, or a disk that is full, leaves at
    least one of the two whole.

    Raises
    ------
    CheckpointError
        If it cannot be written.
    """
    with temporary_sibling(path) as temporary:
        try:
            torch.save({"format": FORMAT, **state}, temporary)
        except (OSError, RuntimeError) as error:  # torch has its own words for a full disk
            raise CheckpointError(
                f"checkpoint '{path}' must be written whole; got '{str(error).splitlines()[0]}'. Free space on its "
                "disk and give the same command: the run goes on from the checkpoint before."
            ) from error
        with temporary.open("rb") as file:
            os.fsync(file.fileno())  # else the name may be on disk before the bytes are
        if path.is_file():
            os.replace(path, previous(path))


def load_checkpoint(path: Path) -> dict[str, Any] | None:
    """Return the newest state that can be read, or None where none was saved; never executes anything from a file.

    Raises
    ------
    CheckpointError
        If there are files, but none is a whole checkpoint of this program.
    """
    there = [file for file in (path, previous(path)) if is_there(file)]
    damage = ""
    for file in there:
        try:
            state = _read(file)
        except CheckpointError as error:
            damage = damage or str(error)
            continue
        if damage:
            warnings.warn(
                f"{damage} The run goes on from the one before it, '{file.name}'.", TrainingWarning, stacklevel=2
            )
        return state
    if there:
        names = " and ".join(f"'{file.name}'" for file in there)
        raise CheckpointError(f"{damage} Restore it from a copy of the run, or delete {names} to start the run again.")
    return None


def _read(path: Path) -> dict[str, Any]:
    check_file(path, "checkpoint", error=CheckpointError)
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling damaged bytes raises whatever it meets
        raise CheckpointError(f"checkpoint '{path}' must be one that a run wrote; got unreadable bytes.") from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointError(f"checkpoint '{path}' must have format {FORMAT}; got another content.")
    return state
