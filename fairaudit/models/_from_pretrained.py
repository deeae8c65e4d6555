"""``from_pretrained`` of ``transformers`` with one error sentence for all its failures."""

from __future__ import annotations

from typing import Any

from fairaudit.core.errors import CheckpointError
from fairaudit.models._torch_model import first_line


def load(loader: Any, where: str, name: str, part: str, options: dict[str, Any], **more: Any) -> Any:
    """Return the result of ``loader.from_pretrained(where)``; ``where`` is a folder or a Hub name.

    Parameters
    ----------
    name, part : str
        Names of the checkpoint and of its part for the ``CheckpointError``; that of a ``"preprocessor"`` advises
        ``--preprocessing``.
    options : dict
        ``local_files_only`` and ``trust_remote_code``.
    """
    try:
        return loader.from_pretrained(where, **options, **more)
    except CheckpointError:
        raise
    except Exception as error:  # transformers and the hub raise many kinds, none of them ours
        if part == "preprocessor":
            raise no_preprocessor(name, first_line(error)) from error
        raise CheckpointError(
            f"checkpoint '{name}' must be readable by transformers; its {part} gave {type(error).__name__}: "
            f"{first_line(error)}. Check the path or the name."
        ) from error


def no_preprocessor(name: str, got: str) -> CheckpointError:
    """Return the error for a checkpoint without its preprocessing."""
    return CheckpointError(
        f"checkpoint '{name}' must say how images are prepared, in preprocessor_config.json; got {got}. "
        "Give the values it was trained with: --preprocessing FILE."
    )
