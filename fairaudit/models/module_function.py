"""The user's own network: ``module:function`` names a function without arguments that returns an ``nn.Module``."""

from __future__ import annotations

import importlib
import os
import re
import sys
from pathlib import Path
from typing import Any

from torch import nn

from fairaudit.core.errors import CheckpointError
from fairaudit.core.model import Model
from fairaudit.models._module_output import module_reader
from fairaudit.models._opening import Opening
from fairaudit.models._preprocessing import Preprocess, preprocessing_from_mapping
from fairaudit.models._processor import preprocessing_from_file
from fairaudit.models._torch_model import TorchModel, first_line

ORDER = 40
READS = "module:function that returns an nn.Module"

_SOURCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def recognises(source: str) -> bool:
    """Return whether ``source`` has the form ``module:function`` and is not the name of a file."""
    return bool(_SOURCE.fullmatch(source)) and not source.split(":")[0].endswith(".py") and not Path(source).exists()


def open_checkpoint(source: str, opening: Opening) -> Model:
    """Return the network that the function returns.

    The embedding is the network's output for a batch: (B, D), or (B, D, H, W), which is averaged over H and W.
    With ``labels`` and a method ``predict(batch)`` that returns probabilities (B, C), the network also predicts.

    Raises
    ------
    CheckpointError
        If module or function do not exist or fail, the function returns no network, or the preprocessing is missing.
    """
    opening.require_trunk(source, "a module of your own, whose output is the embedding")
    function = _import(source)
    network = _call(source, function)
    notes: list[str] = []
    return TorchModel(
        network,
        module_reader(source, network, notes),
        _preprocessing(source, network, function, opening.preprocessing),
        name=source,
        kind="module:function",
        architecture=type(network).__name__,
        layer="output of the module",
        labels=_labels(source, network),
        notes=notes,
        device=opening.device,
    )


def _import(source: str) -> Any:
    module_name, function_name = source.split(":")
    # At the end, so that a user's file never replaces an installed package or a module of the standard library.
    if os.getcwd() not in sys.path and "" not in sys.path:
        sys.path.append(os.getcwd())
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # whatever the user's module raises while it is imported
        raise CheckpointError(
            f"checkpoint '{source}' must name a module that can be imported, from an installed package or the "
            f"working folder; got {type(error).__name__}: {first_line(error)}. Check the name or correct the module."
        ) from error
    try:
        return getattr(module, function_name)
    except AttributeError as error:
        raise CheckpointError(
            f"checkpoint '{source}' must name a function of {module_name}; got no '{function_name}' in it. "
            "Check the name."
        ) from error


def _call(source: str, function: Any) -> nn.Module:
    if isinstance(function, nn.Module):
        return function
    try:
        network = function()
    except Exception as error:  # whatever the user's function raises
        raise CheckpointError(
            f"checkpoint '{source}' must be a function that returns a network when it is called without arguments; "
            f"got {type(error).__name__}: {first_line(error)}. Correct the function."
        ) from error
    if not isinstance(network, nn.Module):
        raise CheckpointError(
            f"checkpoint '{source}' must return a torch.nn.Module; got {type(network).__name__}. Correct the function."
        )
    return network


def _preprocessing(source: str, network: nn.Module, function: Any, path: Path | None) -> Preprocess:
    if path is not None:
        return preprocessing_from_file(path)
    for holder in (network, function):
        values = getattr(holder, "preprocessing", None)
        if values is not None:
            return preprocessing_from_mapping(values, source=f"attribute 'preprocessing' of '{source}'")
    raise CheckpointError(
        f"checkpoint '{source}' must say how images are prepared; got no attribute 'preprocessing' on the network or "
        "the function. Set it to a mapping with size, mean and std, or give --preprocessing FILE."
    )


def _labels(source: str, network: nn.Module) -> tuple[str, ...]:
    labels = getattr(network, "labels", None)
    if labels is None or not callable(getattr(network, "predict", None)):
        return ()
    if isinstance(labels, str) or not all(isinstance(label, str) for label in labels):
        raise CheckpointError(
            f"checkpoint '{source}' must have 'labels' that are a sequence of texts; got {labels!r:.80}. Correct them."
        )
    return tuple(labels)
