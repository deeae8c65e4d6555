"""``from_pretrained`` of ``transformers`` as we use it: quiet, and with one sentence for whatever goes wrong."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from fairaudit.core.errors import CheckpointError
from fairaudit.models._torch_model import first_line


def load(loader: Any, where: str, name: str, what: str, options: dict[str, Any], **more: Any) -> Any:
    """Return what ``loader.from_pretrained`` gives of ``where`` (folder or Hub name).

    Parameters
    ----------
    name, what : str
        How the checkpoint, and the part of it that is read, are called in an error; of ``"preprocessor"`` it says that
        it can be given as a file.
    options : dict
        ``local_files_only`` and ``trust_remote_code``.

    Raises
    ------
    CheckpointError
        If it cannot be read.
    """
    try:
        return loader.from_pretrained(where, **options, **more)
    except CheckpointError:
        raise
    except Exception as error:  # transformers and the hub raise many kinds, none of them ours
        if what == "preprocessor":
            raise no_preprocessor(name, first_line(error)) from error
        raise CheckpointError(
            f"checkpoint '{name}' must be readable by transformers; its {what} gave {type(error).__name__}: "
            f"{first_line(error)}. Check the path or the name."
        ) from error


def no_preprocessor(name: str, got: str) -> CheckpointError:
    """Return the error for a checkpoint that does not say how images are prepared."""
    return CheckpointError(
        f"checkpoint '{name}' must say how images are prepared, in preprocessor_config.json; got {got}. "
        "Give the values it was trained with: --preprocessing FILE."
    )


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the tables and progress bars of ``transformers`` off the user's terminal; what matters is raised."""
    from transformers import utils

    logging: Any = utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity(logging.CRITICAL)
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
