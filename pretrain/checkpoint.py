"""Checkpoints of a run: plain tensors and numbers in one file, written whole or not at all."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from fairaudit.core.errors import CheckpointError
from fairaudit.core.files import temporary_sibling

FORMAT = 1


def save_checkpoint(path: Path, state: dict[str, Any]) -> None:
    """Write ``state`` (nested dicts and lists of tensors, numbers and texts) to ``path``."""
    with temporary_sibling(path) as temporary:
        torch.save({"format": FORMAT, **state}, temporary)


def load_checkpoint(path: Path) -> dict[str, Any]:
    """Return the state that was saved; never executes anything from the file.

    Raises
    ------
    CheckpointError
        If the file is not a checkpoint of this program.
    """
    advice = "Delete it to start the run again from its first step."
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling damaged bytes raises whatever it meets
        raise CheckpointError(
            f"checkpoint '{path}' must be one that a run wrote; got unreadable bytes. {advice}"
        ) from error
    if not isinstance(state, dict) or state.get("format") != FORMAT:
        raise CheckpointError(f"checkpoint '{path}' must have format {FORMAT}; got another content. {advice}")
    return state
