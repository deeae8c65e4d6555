"""A file that is a program: TorchScript (``torch.jit.save``) or an exported program (``torch.export.save``, .pt2)."""

from __future__ import annotations

import dataclasses
import hashlib
import logging
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fairaudit.core.errors import CheckpointError, DataError
from fairaudit.core.model import Model
from fairaudit.core.open_file import check_file, open_file
from fairaudit.models._module_output import module_reader
from fairaudit.models._opening import Opening
from fairaudit.models._processor import preprocessing_from_file
from fairaudit.models._torch_model import TorchModel, first_line

ORDER = 25
READS = "TorchScript or an exported program (.pt2) with --trust-checkpoint and --preprocessing FILE"

_EXPORTED = ".pt2"
_SCRIPTED = (".pt", ".pth", ".torch", ".bin", ".ts", ".jit", ".torchscript")


def recognises(source: str) -> bool:
    """Return whether ``source`` is a ``.pt2`` or an archive that contains code."""
    path = Path(source)
    if not path.is_file():
        return False
    return path.suffix.lower() == _EXPORTED or (path.suffix.lower() in _SCRIPTED and _has_code(path))


def open_checkpoint(source: str, opening: Opening) -> Model:
    """Return the program as a model: its output is the embedding, as for ``module:function``.

    Raises
    ------
    CheckpointError
        If the user does not trust the program, it cannot be loaded, or the preprocessing is missing.
    """
    path = Path(source)
    exported = path.suffix.lower() == _EXPORTED
    kind = "an exported program" if exported else "TorchScript"
    if not opening.trusted:
        raise CheckpointError(
            f"checkpoint '{source}' must be data unless you trust it; got {kind}, which executes code. Nothing was "
            "executed. If you know who made it, add --trust-checkpoint; else save the state_dict as safetensors."
        )
    opening.require_trunk(source, f"{kind}, whose output is the embedding")
    preprocessing = opening.require_preprocessing(source, kind)
    check_file(path, "checkpoint", error=CheckpointError)
    try:
        program = _exported(path) if exported else _scripted(path)
    except Exception as error:  # loading runs the file's own code
        raise CheckpointError(
            f"checkpoint '{source}' must be a whole file of {kind}; got {type(error).__name__}: {first_line(error)}. "
            "Save it again with the version of torch that is installed here."
        ) from error
    network = Program(program)
    notes = ["The checkpoint is a program and was run because the user trusts it (--trust-checkpoint)."]
    model = TorchModel(
        network,
        module_reader(source, network, notes),
        preprocessing_from_file(preprocessing),
        name=path.name,
        kind=kind.removeprefix("an "),
        architecture=str(getattr(program, "original_name", kind.removeprefix("an "))),
        layer="output of the program",
        notes=notes,
        device=opening.device,
    )
    # The digest covers the whole file: another program can hold the same weights.
    with open_file(path, "checkpoint", error=CheckpointError) as file:
        model.card = dataclasses.replace(model.card, digest=hashlib.file_digest(file, "sha256").hexdigest())
    return model


class Program(nn.Module):
    """A program with the interface of other modules.

    Parameters
    ----------
    program : Module
        From ``torch.jit.load``, in evaluation mode, or ``ExportedProgram.module()``.
    """

    def __init__(self, program: nn.Module) -> None:
        super().__init__()
        self.program = program

    def train(self, mode: bool = True) -> Program:
        """Leave the program as it is: an exported program cannot change its mode."""
        self.training = mode
        return self

    def forward(self, batch: Tensor) -> Any:
        """Return the program's output for the batch, made contiguous."""
        return self.program(batch.contiguous())


def _exported(path: Path) -> nn.Module:
    log = logging.getLogger("torch.export")
    level = log.level
    log.setLevel(logging.CRITICAL)  # it writes a traceback for a damaged file before it raises
    try:
        return torch.export.load(path).module()
    finally:
        log.setLevel(level)


def _scripted(path: Path) -> nn.Module:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit.load", category=DeprecationWarning)
        network: nn.Module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    return network.eval()


def _has_code(path: Path) -> bool:
    """Return whether the archive lists files of code; no member is read."""
    try:
        with open_file(path, "checkpoint") as file, zipfile.ZipFile(file) as archive:
            return any("/code/" in name and name.endswith(".py") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, DataError):
        return False
