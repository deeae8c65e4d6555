"""Adapters: one file for each kind of checkpoint source, which it opens as a ``Model``."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, cast

from fairaudit.core.errors import CheckpointError
from fairaudit.core.open_file import FOLDER, NOTHING, REGULAR, kind_of
from fairaudit.core.plugins import list_plugins, load_plugin
from fairaudit.models._opening import Opening

if TYPE_CHECKING:
    from fairaudit.core.model import Model


class Adapter(Protocol):
    """Module that opens one kind of checkpoint source.

    Attributes
    ----------
    ORDER : int
        The adapter with the lowest number that recognises a source opens it.
    READS : str
        Sources that the adapter reads, for error messages.
    """

    ORDER: int
    READS: str

    def recognises(self, source: str) -> bool:
        """Return whether this adapter opens ``source``; check names only and read no weights."""

    def open_checkpoint(self, source: str, opening: Opening) -> Model:
        """Return the model, ready to embed, or raise ``CheckpointError``."""


def open_model(
    source: str | Path,
    *,
    preprocessing: str | Path | None = None,
    device: str = "auto",
    layer: str = "trunk",
    trusted: bool = False,
) -> Model:
    """Return the checkpoint ``source`` as a ``Model``.

    Code in a checkpoint runs only if the checkpoint is ``trusted``. ``module:function`` runs the user's own code.

    Parameters
    ----------
    source : str or path
        A folder of ``fairaudit pretrain``, a ``transformers`` folder or its name on the Hugging Face Hub, a weights
        file, a folder of features, or ``module:function``.
    preprocessing : path, optional
        JSON file with the steps from image to tensor; takes precedence over the preprocessing in the checkpoint.
    device : str
        ``"auto"`` (a CUDA device if there is one), ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
    layer : {"trunk", "projection"}
        Layer of the embedding: the trunk's output, or the output of the projection behind it (CLIP, runs of SwAV).
    trusted : bool
        Whether TorchScript and exported programs, which execute code, may be loaded.

    Raises
    ------
    CheckpointError
        If the checkpoint does not exist, is not readable, executes code and is not trusted, or lacks its preprocessing
        or the layer.
    ConfigError
        If the preprocessing file, the device or the name of the layer is wrong.
    """
    source = str(source)
    opening = Opening(None if preprocessing is None else Path(preprocessing), device, layer, trusted)
    modules = [cast(Adapter, load_plugin("adapter", name, __name__)) for name in list_plugins(__name__)]
    adapters = sorted(modules, key=lambda adapter: adapter.ORDER)
    for adapter in adapters:
        if adapter.recognises(source):
            return adapter.open_checkpoint(source, opening)
    raise _not_recognised(source, adapters)


def _not_recognised(source: str, adapters: list[Adapter]) -> CheckpointError:
    listed = "; ".join(adapter.READS for adapter in adapters)
    path = Path(source)
    if path.is_dir():
        inside = sorted(_entry(p) for p in path.iterdir() if not p.name.startswith("."))
        shown = ", ".join(inside[:5]) + (", ..." if len(inside) > 5 else "")
        got = f"a folder with {shown}" if inside else "an empty folder"
    else:
        kind = kind_of(path)
        got = {REGULAR: f"a file with the suffix '{path.suffix}'", NOTHING: "no such file or folder"}.get(kind, kind)
    hint = "Check the path."
    if re.fullmatch(r"[\w./\\-]+\.py:\w+", source):
        module = Path(source.split(":")[0]).with_suffix("")
        hint = f"Write '{'.'.join(module.parts)}:{source.split(':')[1]}' for a function in a Python file."
    return CheckpointError(
        f"checkpoint '{source}' must be an existing checkpoint; got {got}. {hint} Read are: {listed}."
    )


def _entry(path: Path) -> str:
    """Return the name of a folder's entry, with its kind if it is neither a file nor a folder."""
    kind = kind_of(path)
    return path.name if kind in (REGULAR, NOTHING, FOLDER) else f"{path.name} ({kind})"
