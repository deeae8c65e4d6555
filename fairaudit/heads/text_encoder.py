"""``TextEncoder``: encode texts as vectors by a frozen BERT."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import AutoConfig, AutoModel, AutoTokenizer
from transformers.utils import logging as transformers_logging

from fairaudit.core.errors import CheckpointError, DataError
from fairaudit.core.open_file import SETTINGS, check_folder, read_json
from fairaudit.core.progress import Advance
from fairaudit.heads.one_thread import one_thread
from fairaudit.models._torch_model import choose_device, weights_digest

# Legend of shape suffixes: N texts, B texts of a batch, T tokens, D dimensions.

#: Tokens to which a text is cut, with the marks at both ends.
MAX_TOKENS = 128

#: File beside a text encoder that fairaudit trained.
NOTE_FILE = "fairaudit.json"

# Number of weights from which a network runs on more than one core.
_WORTH_THREADS = 2_000_000

_HUB_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[\w.-]+)?")
_TOKENIZER_FILES = ("tokenizer.json", "vocab.txt", "vocab.json", "tokenizer.model", "spiece.model")
_WEIGHT_FILES = (
    "model.safetensors",
    "model.safetensors.index.json",
    "pytorch_model.bin",
    "pytorch_model.bin.index.json",
)


@dataclass(frozen=True)
class TextEncoder:
    """A frozen text model with its tokenizer.

    Parameters
    ----------
    name : str
        Hub id, or name of the folder.
    tokenizer, model : objects of transformers
    digest : str
        SHA-256 over the weights, 64 hex digits.
    note : dict
        Content of ``fairaudit.json`` in the folder; empty if there is none.
    """

    name: str
    tokenizer: Any
    model: Any
    digest: str
    note: dict[str, Any]

    @property
    def dims(self) -> int:
        """Length of a vector."""
        return int(self.model.config.hidden_size)

    def encode(
        self, texts: Sequence[str], *, batch_size: int = 64, progress: Advance | None = None
    ) -> npt.NDArray[np.float32]:
        """Return one vector per text (N, D): the mean of its last hidden states over its tokens.

        Texts are cut to ``MAX_TOKENS`` tokens. Neither the order of the texts nor ``batch_size`` changes a vector by
        more than rounding.

        Parameters
        ----------
        texts : sequence of str
            An empty string has the vector of the marks at both ends.
        batch_size : int, default 64
        progress : Advance, optional
            Called with the number of texts done and of all texts.

        Raises
        ------
        DataError
            If a text is no string.
        """
        for i, text in enumerate(texts):
            if not isinstance(text, str):
                raise DataError(
                    f"texts must be strings; got {type(text).__name__} at position {i}. "
                    "Write an empty string for no text."
                )
        vectors_ND = np.zeros((len(texts), self.dims), dtype=np.float32)
        if not len(texts):
            return vectors_ND
        tokens = self.tokenizer(list(texts), truncation=True, max_length=self._max_tokens())["input_ids"]
        # Texts of similar length share a batch, which saves padding.
        order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
        small = sum(p.numel() for p in self.model.parameters()) < _WORTH_THREADS
        with torch.inference_mode(), one_thread() if small else nullcontext():
            for start in range(0, len(order), batch_size):
                rows = order[start : start + batch_size]
                vectors_ND[rows] = self._mean_pooled([tokens[i] for i in rows]).numpy()
                if progress is not None:
                    progress(start + len(rows), len(order))
        return vectors_ND

    def card(self) -> dict[str, Any]:
        """Return the encoder's entries in a report, as JSON values."""
        card: dict[str, Any] = {
            "name": self.name,
            "architecture": type(self.model).__name__,
            "n_parameters": sum(p.numel() for p in self.model.parameters()),
            "dims": self.dims,
            "digest": self.digest,
            "max_tokens": self._max_tokens(),
            "pooling": "mean over tokens",
        }
        return {**card, "trained_by_fairaudit": self.note} if self.note else card

    def _max_tokens(self) -> int:
        return min(MAX_TOKENS, int(getattr(self.model.config, "max_position_embeddings", MAX_TOKENS) or MAX_TOKENS))

    def _mean_pooled(self, tokens: list[list[int]]) -> torch.Tensor:
        """Return vectors (B, D) on the CPU; zeros for a text without tokens."""
        width = max(1, max(len(t) for t in tokens))
        pad = int(self.tokenizer.pad_token_id)
        ids_BT = torch.tensor([t + [pad] * (width - len(t)) for t in tokens])
        mask_BT = torch.tensor([[1] * len(t) + [0] * (width - len(t)) for t in tokens])
        device = self.model.device
        hidden_BTD = self.model(input_ids=ids_BT.to(device), attention_mask=mask_BT.to(device)).last_hidden_state
        # Selected, not multiplied: attention gives NaN for a fully masked text, and 0 * NaN is NaN.
        kept_BTD = torch.where(mask_BT.to(device)[:, :, None] > 0, hidden_BTD.float(), 0.0)
        n_B1 = mask_BT.sum(dim=1, keepdim=True).clamp(min=1).to(device)
        return (kept_BTD.sum(dim=1) / n_B1).cpu()


def open_text_encoder(source: str) -> TextEncoder:
    """Open a text model of ``transformers``: a local folder, or the id of a model on the Hugging Face hub.

    Of a folder of sentence-transformers the transformer is used, with mean pooling. A local folder is read without
    network access, and code that comes with a model is never run.

    Parameters
    ----------
    source : str
        Folder or id, e.g. ``"google-bert/bert-base-uncased"``.

    Raises
    ------
    CheckpointError
        If there is no such folder or id, the tokenizer or the weights are missing or do not fit, or the model does not
        encode text.
    """
    device = choose_device("auto")
    folder = Path(os.path.expanduser(source))  # as it is without a home folder, where pathlib raises
    if folder.is_dir():
        folder = folder.resolve()
        inner = _transformer_folder(folder)
        _check_folder(inner)
        return _load(str(inner), name=folder.name, local=True, device=device)
    if folder.exists() or not _HUB_ID.fullmatch(source):
        got = f"got the file '{source}'" if folder.exists() else f"there is no folder '{source}'"
        raise CheckpointError(
            f"text encoder must be a folder or the id of a model on the hub; {got}. Give the folder of its config.json."
        )
    return _load(source, name=source, local=False, device=device)


def _transformer_folder(folder: Path) -> Path:
    """Return the transformer's folder in a folder of sentence-transformers; other folders unchanged."""
    modules = folder / "modules.json"
    if (folder / "config.json").is_file() or not modules.is_file():
        return folder
    try:
        entries = read_json(modules, "file", limit=SETTINGS)
        inner = next(str(m["path"]) for m in entries if str(m["type"]).endswith("Transformer"))
    except (ValueError, KeyError, TypeError, StopIteration):
        return folder
    below = (folder / inner).resolve()
    return below if below.is_relative_to(folder) else folder


def _check_folder(folder: Path) -> None:
    """Raise CheckpointError if ``folder`` lacks a part of a text model."""
    for part, names in (
        ("configuration", ("config.json",)),
        ("tokenizer", _TOKENIZER_FILES),
        ("weights", _WEIGHT_FILES),
    ):
        if not any((folder / name).is_file() for name in names):
            raise CheckpointError(
                f"text encoder {folder} must hold a {part} ({' or '.join(names[:2])}); there is none. "
                "Save the model and its tokenizer with save_pretrained into one folder."
            )
    check_folder(folder, "text encoder file", error=CheckpointError)


def _load(where: str, *, name: str, local: bool, device: torch.device) -> TextEncoder:
    options = {"trust_remote_code": False, "local_files_only": local}
    try:
        with quiet_transformers(), torch.random.fork_rng(devices=[]):  # weights are drawn before they are loaded
            config = AutoConfig.from_pretrained(where, **options)
            _check_is_text_encoder(name, config)
            tokenizer = AutoTokenizer.from_pretrained(where, **options)
            model, info = AutoModel.from_pretrained(
                where, **options, config=config, dtype=torch.float32, weights_only=True, output_loading_info=True
            )
    except CheckpointError:
        raise
    except Exception as error:  # damaged files raise any error of their parsers
        if not local and isinstance(error, OSError):  # its message is a paragraph on caches and proxies
            raise CheckpointError(
                f"text encoder '{name}' must be a folder or the id of a model on the hub; there is no such folder, and "
                "the hub does not return it. Check the id and the connection, or give a local folder."
            ) from error
        reason = " ".join(str(error).split())[:200].rstrip(". ") or type(error).__name__
        raise CheckpointError(
            f"text encoder '{name}' must open with transformers; got: {reason}. Check its files or save it again."
        ) from error
    _check_loaded(name, tokenizer, info)
    if getattr(model, "pooler", None) is not None:
        model.pooler = None  # not used; random if the checkpoint lacks it
    model = model.eval().requires_grad_(False).to(device)
    note_file = Path(where) / NOTE_FILE
    note = read_json(note_file, "file", limit=SETTINGS, error=CheckpointError) if local and note_file.is_file() else {}
    return TextEncoder(name=name, tokenizer=tokenizer, model=model, digest=weights_digest(model), note=note)


def _check_is_text_encoder(name: str, config: Any) -> None:
    kind = getattr(config, "model_type", "") or type(config).__name__
    reads_text = getattr(config, "vocab_size", None) and getattr(config, "hidden_size", None)
    has_decoder = getattr(config, "is_encoder_decoder", False)
    if has_decoder or not reads_text:
        raise CheckpointError(
            f"text encoder '{name}' must read text and have no decoder; got a model of the type '{kind}'. "
            "Give a BERT, e.g. google-bert/bert-base-uncased."
        )


def _check_loaded(name: str, tokenizer: Any, info: dict[str, Any]) -> None:
    """Raise CheckpointError if weights would be random, or texts of different lengths could not share a batch."""
    missing = sorted(key for key in info.get("missing_keys", ()) if not key.startswith("pooler."))
    if missing:
        raise CheckpointError(
            f"text encoder '{name}' must hold all weights of its configuration; {len(missing)} are missing, the first "
            f"is '{missing[0]}'. Save the model again: missing weights would be random."
        )
    if tokenizer.pad_token_id is None:
        raise CheckpointError(
            f"text encoder '{name}' must have a padding token; its tokenizer has none. "
            "Give a BERT, e.g. google-bert/bert-base-uncased."
        )


@contextmanager
def quiet_transformers() -> Iterator[None]:
    """Silence progress bars and remarks of ``transformers``; errors are still raised."""
    bars, level = transformers_logging.is_progress_bar_enabled(), transformers_logging.get_verbosity()
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    transformers_logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        transformers_logging.set_verbosity(level)
        if bars:
            transformers_logging.enable_progress_bar()  # type: ignore[no-untyped-call]
