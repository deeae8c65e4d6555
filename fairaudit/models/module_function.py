"""The user's own network: ``module:function`` names a function without arguments that returns an ``nn.Module``."""

from __future__ import annotations

import importlib
import os
import re
import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fairaudit.core.errors import CheckpointError
from fairaudit.core.model import Model
from fairaudit.models._preprocessing import Preprocess, preprocessing_from_mapping
from fairaudit.models._torch_model import TorchModel, first_line
from fairaudit.models._transformers import preprocessing_from_file

ORDER = 40
READS = "module:function that returns an nn.Module"

_SOURCE = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


def recognises(source: str) -> bool:
    """Whether it has the form ``module:function`` and no file of that name is there."""
    return bool(_SOURCE.fullmatch(source)) and not source.split(":")[0].endswith(".py") and not Path(source).exists()


def open_checkpoint(source: str, *, preprocessing: Path | None, device: str) -> Model:
    """Return the network that the function gives.

    The embedding is what the network returns for a batch: (B, D), or (B, D, H, W), which is averaged over H and W.
    Where it has ``labels`` and a method ``predict(batch)`` that returns probabilities (B, C), it also predicts.

    Raises
    ------
    CheckpointError
        If module or function are not there or fail, what it returns is no network, or nothing says how images
        are prepared.
    """
    function = _import(source)
    network = _call(source, function)
    preprocess = _preprocessing(source, network, function, preprocessing)
    labels = _labels(source, network)
    notes: list[str] = []
    return TorchModel(
        network,
        _reader(source, network, notes),
        preprocess,
        name=source,
        kind="module:function",
        architecture=type(network).__name__,
        layer="output of the module",
        labels=labels,
        notes=notes,
        device=device,
    )


def _import(source: str) -> Any:
    module_name, function_name = source.split(":")
    # At the end: a file of the user never takes the place of an installed package or of the standard library.
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


def _reader(source: str, network: nn.Module, notes: list[str]) -> Any:
    def read(batch: Tensor, predict: bool) -> tuple[Tensor, Tensor | None]:
        vectors_BD = _one_vector(source, _tensor(source, network(batch)), notes)
        if not predict:
            return vectors_BD, None
        scores_BC = network.predict(batch)  # type: ignore[operator]  # callable: _labels looked
        return vectors_BD, _probabilities(source, scores_BC)

    return read


def _tensor(source: str, output: Any) -> Tensor:
    """Return the tensor among what a network may return: pooled before unpooled before first."""
    for name in ("pooler_output", "last_hidden_state"):
        value = getattr(output, name, None)
        if isinstance(value, Tensor):
            return value
    if isinstance(output, (tuple, list)) and output:
        output = output[0]
    if not isinstance(output, Tensor):
        raise CheckpointError(
            f"checkpoint '{source}' must return a tensor, a tuple that starts with one, or an output with "
            f"pooler_output; got {type(output).__name__}. Return the embedding."
        )
    return output


def _one_vector(source: str, output: Tensor, notes: list[str]) -> Tensor:
    if output.ndim == 4:
        note = f"The network gives maps of {output.shape[2]} x {output.shape[3]}; the embedding is their average."
        if output.shape[2:] == (1, 1):
            return output.flatten(1)
        if note not in notes:
            notes.append(note)
        return output.mean(dim=(2, 3))
    if output.ndim != 2:
        raise CheckpointError(
            f"checkpoint '{source}' must return one vector per image, shape (B, D) or (B, D, H, W); got "
            f"{tuple(output.shape)}. Return the token or the average that represents the image."
        )
    return output


def _probabilities(source: str, scores: Any) -> Tensor:
    if isinstance(scores, Tensor) and scores.ndim == 2:
        sums_B = scores.float().sum(dim=1)
        if bool((scores >= 0).all()) and torch.allclose(sums_B, torch.ones_like(sums_B), atol=1e-3):
            return scores
    got = f"a tensor of shape {tuple(scores.shape)}" if isinstance(scores, Tensor) else type(scores).__name__
    raise CheckpointError(
        f"checkpoint '{source}' must have a method predict(batch) that returns probabilities, shape (B, C), rows "
        f"that sum to 1; got {got} that is not so. Apply softmax in predict."
    )
