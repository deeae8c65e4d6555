"""Adapters: one file each, from something that holds a checkpoint to ``Model``."""

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
    """What an adapter is: a module with an order, a phrase and two functions.

    Attributes
    ----------
    ORDER : int
        Adapters are asked in this order; the first that recognises a source opens it.
    READS : str
        What it reads, as an error message lists it.
    """

    ORDER: int
    READS: str

    def recognises(self, source: str) -> bool:
        """Whether ``source`` is for this adapter; looks at names only, and reads no weights."""
        ...

    def open_checkpoint(self, source: str, opening: Opening) -> Model:
        """Return the model, ready to embed.

        Raises
        ------
        CheckpointError
            If it cannot be opened.
        """
        ...


def open_model(
    source: str | Path,
    *,
    preprocessing: str | Path | None = None,
    device: str = "auto",
    layer: str = "trunk",
    trusted: bool = False,
) -> Model:
    """Return the checkpoint ``source`` as a ``Model``.

    No code out of a checkpoint is ever executed unless it is ``trusted``. ``module:function`` runs the user's own code,
    because it says so.

    Parameters
    ----------
    source : str or path
        A folder of ``fairaudit pretrain``, a ``transformers`` folder or the name of one on the Hugging Face Hub,
        a weights file, or ``module:function``.
    preprocessing : path, optional
        JSON file that says how an image becomes a tensor; takes precedence over what the checkpoint says.
    device : str
        ``"auto"`` (a CUDA device if there is one), ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
    layer : {"trunk", "projection"}
        Where the embedding is read: what the network makes of an image, or what the projection behind it makes of that
        (CLIP, and runs of SwAV).
    trusted : bool
        Whether TorchScript and exported programs, which execute code, may be loaded.

    Raises
    ------
    CheckpointError
        If it does not exist, is not readable, would have to execute code and is not trusted, lacks its preprocessing
        or the layer.
    ConfigError
        If the preprocessing file, the device or the name of the layer is wrong.
    """
    source = str(source)
    opening = Opening(None if preprocessing is None else Path(preprocessing), device, layer, trusted)
    found = [cast(Adapter, load_plugin("adapter", name, __name__)) for name in list_plugins(__name__)]
    adapters = sorted(found, key=lambda adapter: adapter.ORDER)
    for adapter in adapters:
        if adapter.recognises(source):
            return adapter.open_checkpoint(source, opening)
    raise _not_recognised(source, adapters)


def _not_recognised(source: str, adapters: list[Adapter]) -> CheckpointError:
    listed = "; ".join(adapter.READS for adapter in adapters)
    path = Path(source)
    if path.is_dir():
        inside = sorted(_named(p) for p in path.iterdir() if not p.name.startswith("."))
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


def _named(path: Path) -> str:
    """Return the name of what lies in a folder, and what it is where that is unusual."""
    kind = kind_of(path)
    return path.name if kind in (REGULAR, NOTHING, FOLDER) else f"{path.name} ({kind})"
