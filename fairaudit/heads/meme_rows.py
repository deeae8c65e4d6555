"""Rows of memes for a head: concatenated features, labels as numbers, and the roles of splits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from fairaudit.core.errors import DataError, RequirementError
from fairaudit.core.tables import Embeddings

# Legend of shape suffixes: N rows, D dimensions of image and text together.

#: Spellings of the two labels; case and surrounding blanks are ignored.
LABELS = {"1": 1, "hateful": 1, "offensive": 1, "0": 0, "not hateful": 0, "not-hateful": 0, "not offensive": 0}

#: Share of each label's training rows that replaces a missing dev split.
DEV_SHARE = 0.15


def align(
    image: Embeddings, text_ND: npt.NDArray[np.float32], labels: Sequence[str | int], splits: Sequence[str]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], npt.NDArray[np.str_]]:
    """Return concatenated features (N, D), labels (1, 0, or -1 if unknown) and splits."""
    n = len(image.sample_ids)
    for name, length in (("text vectors", len(text_ND)), ("labels", len(labels)), ("splits", len(splits))):
        if length != n:
            raise DataError(f"{name} must be as many as image embeddings; got {length} for {n}. Give one per sample.")
    x_ND = np.concatenate([np.asarray(image.vectors), text_ND], axis=1).astype(np.float32)
    return x_ND, label_numbers(labels), np.array([str(split) for split in splits], dtype=np.str_)


def label_numbers(labels: Sequence[str | int]) -> npt.NDArray[np.int64]:
    """Return 1 for hateful, 0 for not hateful, -1 for unknown; DataError for other labels."""
    numbers = np.empty(len(labels), dtype=np.int64)
    for i, label in enumerate(labels):
        word = str(label).strip().lower().replace("_", " ")
        if word and word not in LABELS:
            raise DataError(
                f"label of a meme must be 1 (hateful), 0 (not hateful) or empty; got '{label}' in row {i + 1}. "
                "Correct the labels of the data set."
            )
        numbers[i] = LABELS[word] if word else -1
    return numbers


def split_role(split: str) -> str:
    """Return ``train``, ``dev``, ``test``, or an empty string for a name with another beginning."""
    name = split.strip().lower()
    roles = {"train": "train", "dev": "dev", "val": "dev", "test": "test"}
    return next((role for prefix, role in roles.items() if name.startswith(prefix)), "")


def check_training(train_N: npt.NDArray[np.bool_], y_N: npt.NDArray[np.int64]) -> None:
    """Raise RequirementError unless the training rows hold both labels, each at least twice."""
    if not train_N.any():
        raise RequirementError(
            "There is no labelled training split, and a head cannot be fitted on the rows that it is tested on.",
            what_to_do="Give the data set with its splits (train, dev, test), e.g. train.jsonl beside test_seen.jsonl.",
        )
    n_hateful, n = int(y_N[train_N].sum()), int(train_N.sum())
    if min(n_hateful, n - n_hateful) < 2:
        raise RequirementError(
            f"The training split must have at least two memes of both labels; got {n_hateful} hateful and "
            f"{n - n_hateful} not hateful.",
            what_to_do="Add training rows of the other label.",
        )


def stand_in_for_dev(train_N: npt.NDArray[np.bool_], y_N: npt.NDArray[np.int64], seed: int) -> npt.NDArray[np.bool_]:
    """Draw the training rows that replace dev: ``DEV_SHARE`` of each label, at least one."""
    rng = np.random.default_rng(seed)
    dev_N = np.zeros(len(y_N), dtype=bool)
    for label in (0, 1):
        rows = rng.permutation(np.flatnonzero(train_N & (y_N == label)))
        dev_N[rows[: max(1, round(DEV_SHARE * len(rows)))]] = True
    return dev_N
