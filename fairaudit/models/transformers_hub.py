"""A ``transformers`` network by its name on the Hugging Face Hub, read from the local cache or fetched."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import getproxies

from fairaudit.core.errors import CheckpointError
from fairaudit.core.model import Model
from fairaudit.models._opening import Opening
from fairaudit.models._torch_model import first_line
from fairaudit.models._transformers import open_transformers

ORDER = 90
READS = "OWNER/NAME on the Hugging Face Hub"

_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_SUFFIXES = (".pt", ".pth", ".torch", ".bin", ".safetensors", ".py", ".json", ".toml", ".tar", ".ckpt", ".onnx")


def recognises(source: str) -> bool:
    """Return whether ``source`` has the form OWNER/NAME and is not a path."""
    looks_like_file = source.lower().endswith(_SUFFIXES)
    # A path below an existing folder is a misspelled path, not an owner on the Hub.
    below_folder = Path(source.split("/")[0]).exists()
    return bool(_NAME.fullmatch(source)) and not looks_like_file and not below_folder and not Path(source).exists()


def open_checkpoint(source: str, opening: Opening) -> Model:
    """Return the network of that name, or raise ``CheckpointError`` if neither the cache nor the Hub holds it."""
    cached = _is_cached(source)
    if not cached and not _is_reachable():
        raise _unknown(source, "there is no network to the Hub")
    try:
        return open_transformers(
            source,
            name=source,
            kind="transformers",
            opening=opening,
            local=cached,
            notes=["Named on the Hugging Face Hub; the digest says which weights they were."],
        )
    except CheckpointError as error:
        if isinstance(error.__cause__, OSError) and "its config.json gave" in str(error):
            raise _unknown(source, first_line(error.__cause__)) from error
        raise


def _unknown(source: str, reason: str) -> CheckpointError:
    return CheckpointError(
        f"checkpoint '{source}' must be an existing file or folder, or the name of a network on the Hugging Face Hub; "
        f"got no such file or folder, and from the Hub: {reason}. "
        "Check the path or the name, or fetch it elsewhere and give its folder."
    )


def _is_reachable() -> bool:
    """Return whether the Hub's name can be resolved; without this check its client retries for half a minute."""
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return False
    if getproxies():  # a proxy resolves names on our behalf
        return True
    try:
        socket.getaddrinfo(urlsplit(constants.ENDPOINT).hostname, 443)
    except OSError:
        return False
    return True


def _is_cached(source: str) -> bool:
    from huggingface_hub import try_to_load_from_cache

    return all(isinstance(try_to_load_from_cache(source, name), str) for name in ("config.json", "model.safetensors"))
