"""``Fusion``: score hate speech from image and text together, by a small head on frozen features."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import torch
from sklearn.metrics import roc_auc_score
from torch import nn
from torch.nn import functional

from fairaudit.core.errors import DataError, RequirementError
from fairaudit.core.progress import Advance
from fairaudit.core.samples import Samples
from fairaudit.core.tables import Embeddings
from fairaudit.heads.meme_rows import align, check_training, label_numbers, split_role, stand_in_for_dev
from fairaudit.heads.one_thread import one_thread
from fairaudit.heads.text_encoder import TextEncoder

# Legend of shape suffixes: N rows, B rows of a batch, D dimensions of image and text together.

MEMBERS = 3
HIDDEN = 64
MAX_EPOCHS = 40
PATIENCE = 8

_BATCH = 64
_LEARNING_RATE = 1e-3
_WEIGHT_DECAY = 0.05
_DROPOUT = 0.5


@dataclass(frozen=True)
class Fusion:
    """A fitted head: the mean of a few small networks that differ in their seed.

    Parameters
    ----------
    members : tuple of Module
        Each maps standardised features (N, D) to two logits.
    mean_D, scale_D : ndarray of float32
        Of image and text features on the training split.
    image_dims, text_dims : int
        Parts of D.
    facts : dict
        Returned by ``params``.
    """

    members: tuple[nn.Module, ...]
    mean_D: npt.NDArray[np.float32]
    scale_D: npt.NDArray[np.float32]
    image_dims: int
    text_dims: int
    facts: dict[str, Any]

    def scores(
        self,
        image: Embeddings,
        text: npt.NDArray[np.float32],
        labels: Sequence[str | int],
        splits: Sequence[str],
    ) -> pd.DataFrame:
        """Return the probability of the hateful label for each labelled row; labels are only copied.

        Returns
        -------
        DataFrame
            Columns ``sample_id, split`` (str), ``label`` (int, 1 is hateful) and ``score`` (float, in [0, 1]; higher
            is more probably hateful). Rows without a label are left out.

        Raises
        ------
        DataError
            If lengths differ from each other, or dimensions from those of the fit.
        """
        x_ND, y_N, split_N = align(image, text, labels, splits)
        if (image.vectors.shape[1], text.shape[1]) != (self.image_dims, self.text_dims):
            raise DataError(
                f"features must have the {self.image_dims} and {self.text_dims} dimensions of image and text on which "
                f"the head was fitted; got {image.vectors.shape[1]} and {text.shape[1]}. "
                "Fit the head on the same model and encoder."
            )
        standard_ND = torch.from_numpy((x_ND - self.mean_D) / self.scale_D)
        with one_thread(), torch.inference_mode():
            score_N = torch.stack([m(standard_ND).softmax(dim=1)[:, 1] for m in self.members]).mean(dim=0).numpy()
        frame = pd.DataFrame(
            {"sample_id": list(image.sample_ids), "split": list(split_N), "label": y_N, "score": score_N.astype(float)}
        )
        return frame[frame["label"] >= 0].reset_index(drop=True)

    def params(self) -> dict[str, Any]:
        """Return the head's entries in a report, as JSON values."""
        return copy.deepcopy(self.facts)


def fit_fusion(
    image: Embeddings,
    text: npt.NDArray[np.float32],
    labels: Sequence[str | int],
    splits: Sequence[str],
    *,
    seed: int = 0,
    progress: Advance | None = None,
) -> Fusion:
    """Fit a head on image and text features, each standardised on the training split.

    One hidden layer with dropout takes the concatenated features, as in the ConcatBERT baseline of the Hateful Memes
    challenge [1]_. Unlike there, the encoders stay frozen, so that the score compares the models' own features. The
    epoch with the best AUROC on dev is kept. Test rows and rows without a label take no part.

    Parameters
    ----------
    image : Embeddings
        Shape (N, D_image).
    text : ndarray of float32, shape (N, D_text)
        From ``TextEncoder.encode``, in the same order.
    labels : sequence of str or int
        Length N: ``1`` or ``"hateful"``, ``0`` or ``"not hateful"``; an empty string if unknown.
    splits : sequence of str
        Length N: names that begin with ``train``, ``dev`` or ``val`` (as dev), or ``test``. Without a dev split
        with both labels, 15 % of train replaces it.
    seed : int
        Of weights, order, dropout and the replacement of dev.
    progress : Advance, optional
        Called with the number of epochs done and the largest possible number.

    Raises
    ------
    RequirementError
        If the training split does not have at least two rows of both labels.
    DataError
        If lengths differ, or a label is none of the above.

    References
    ----------
    .. [1] Kiela et al. (2020), "The Hateful Memes Challenge: Detecting Hate Speech in Multimodal Memes",
       arXiv:2005.04790.
    """
    x_ND, y_N, split_N = align(image, text, labels, splits)
    role_N = np.array([split_role(split) for split in split_N])
    train_N, dev_N = (role_N == "train") & (y_N >= 0), (role_N == "dev") & (y_N >= 0)
    check_training(train_N, y_N)
    dev_from_train = len(set(y_N[dev_N])) < 2
    if dev_from_train:
        dev_N = stand_in_for_dev(train_N, y_N, seed)
        train_N = train_N & ~dev_N
    mean_D, scale_D = x_ND[train_N].mean(axis=0), x_ND[train_N].std(axis=0)
    scale_D[scale_D <= 1e-6 * np.maximum(np.abs(mean_D), 1e-6)] = 1.0  # dead units differ by rounding only
    standard_ND = (x_ND - mean_D) / scale_D
    data = _Data(
        torch.from_numpy(standard_ND[train_N]),
        torch.from_numpy(y_N[train_N]),
        torch.from_numpy(standard_ND[dev_N]),
        y_N[dev_N],
    )
    advance = progress or (lambda done, total: None)
    seeds = [MEMBERS * seed + i for i in range(MEMBERS)]
    fits = [_fit_member(data, seed=seeds[i], progress=advance, start=i * MAX_EPOCHS) for i in range(MEMBERS)]
    advance(MEMBERS * MAX_EPOCHS, MEMBERS * MAX_EPOCHS)
    members, epochs, aurocs = zip(*fits, strict=True)
    facts = {
        "head": f"one hidden layer of {HIDDEN}, dropout {_DROPOUT}, mean of {MEMBERS} seeds; encoders frozen",
        "n_train": int(train_N.sum()),
        "n_train_hateful": int(y_N[train_N].sum()),
        "n_dev": int(dev_N.sum()),
        "n_test": int(((role_N == "test") & (y_N >= 0)).sum()),
        "n_without_label": int((y_N < 0).sum()),
        "dev_taken_from_train": dev_from_train,
        "image_dims": int(image.vectors.shape[1]),
        "text_dims": int(text.shape[1]),
        "image_layer": image.layer,
        "epochs": list(epochs),
        "dev_auroc": [round(auroc, 4) for auroc in aurocs],
        "seeds": seeds,
        "seed": seed,
    }
    return Fusion(members, mean_D, scale_D, int(image.vectors.shape[1]), int(text.shape[1]), facts)


def hate_scores(
    samples: Samples,
    embeddings: Embeddings,
    encoder: TextEncoder,
    *,
    seed: int = 0,
    progress: Advance | None = None,
) -> tuple[pd.DataFrame, dict[str, Any]]:
    """Encode the texts of ``samples``, fit a head, and return its scores and parameters.

    Parameters
    ----------
    samples : Samples
        Memes with ``text``, ``label`` and ``split``.
    embeddings : Embeddings
        Of every sample, in any order.
    encoder : TextEncoder
    seed : int
    progress : Advance, optional
        Called with the number of texts and epochs done, and of all.

    Returns
    -------
    scores : DataFrame
        From ``Fusion.scores``.
    params : dict
        From ``Fusion.params``, with the card of the encoder under ``text_encoder``, and under
        ``n_test_with_text_of_train`` the number of labelled test rows whose text a labelled row of train or dev has too
        (but for case and blanks): on these a high score is memory.

    Raises
    ------
    RequirementError
        If no sample has a text, or as ``fit_fusion``.
    DataError
        If a sample has no embedding.
    """
    texts = samples.table["text"].astype(str).tolist()
    if not any(text.strip() for text in texts):
        raise RequirementError(
            f"Data set '{samples.name}' has no text.",
            what_to_do="Give a data set with the text of each meme, in the layout of Hateful Memes.",
        )
    row_of = {sample: i for i, sample in enumerate(embeddings.sample_ids)}
    absent = [sample for sample in samples.sample_ids if sample not in row_of]
    if absent:
        raise DataError(
            f"embeddings must have a row for every sample of '{samples.name}'; {len(absent):,} are missing, the first "
            f"is '{absent[0]}'. Extract them again."
        )
    rows = [row_of[sample] for sample in samples.sample_ids]
    image = Embeddings(samples.sample_ids, np.asarray(embeddings.vectors)[rows], embeddings.layer)
    labels, splits = samples.table["label"].tolist(), samples.table["split"].astype(str).tolist()
    # Fail before the slow text encoding.
    y_N = label_numbers(labels)
    check_training(np.array([split_role(split) == "train" for split in splits]) & (y_N >= 0), y_N)
    n, total = len(texts), len(texts) + MEMBERS * MAX_EPOCHS
    advance = progress or (lambda done, total: None)
    text_ND = encoder.encode(texts, progress=lambda done, _: advance(done, total))
    fusion = fit_fusion(image, text_ND, labels, splits, seed=seed, progress=lambda done, _: advance(n + done, total))
    scores = fusion.scores(image, text_ND, labels, splits)
    params = {
        **fusion.params(),
        "n_test_with_text_of_train": _shared_texts(texts, splits, y_N),
        "text_encoder": encoder.card(),
    }
    return scores, params


@dataclass(frozen=True)
class _Data:
    """Standardised features and labels of the two splits that fitting may see."""

    train_x: torch.Tensor
    train_y: torch.Tensor
    dev_x: torch.Tensor
    dev_y: npt.NDArray[np.int64]


def _fit_member(data: _Data, *, seed: int, progress: Advance, start: int) -> tuple[nn.Module, int, float]:
    """Return one network at its best epoch, that epoch (from 1), and its AUROC on dev."""
    # Dropout draws from the global generator; the caller's state is restored.
    with one_thread(), torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)  # not torch.manual_seed: it would set those of GPUs too
        network = nn.Sequential(
            nn.Dropout(_DROPOUT / 2),
            nn.Linear(data.train_x.shape[1], HIDDEN),
            nn.ReLU(),
            nn.Dropout(_DROPOUT),
            nn.Linear(HIDDEN, 2),
        )
        optimizer = torch.optim.AdamW(network.parameters(), lr=_LEARNING_RATE, weight_decay=_WEIGHT_DECAY)
        best, best_epoch, best_auroc = copy.deepcopy(network.state_dict()), 0, -1.0
        for epoch in range(1, MAX_EPOCHS + 1):
            network.train()
            for rows in torch.split(torch.randperm(len(data.train_y)), _BATCH):
                loss = functional.cross_entropy(network(data.train_x[rows]), data.train_y[rows])
                optimizer.zero_grad(set_to_none=True)
                loss.backward()  # type: ignore[no-untyped-call]
                optimizer.step()
            network.eval()
            with torch.inference_mode():
                logits = network(data.dev_x)
            auroc = float(roc_auc_score(data.dev_y, (logits[:, 1] - logits[:, 0]).numpy()))
            progress(start + epoch, MEMBERS * MAX_EPOCHS)
            if auroc > best_auroc:
                best, best_epoch, best_auroc = copy.deepcopy(network.state_dict()), epoch, auroc
            elif epoch - best_epoch >= PATIENCE:
                break
    network.load_state_dict(best)
    return network.eval().requires_grad_(False), best_epoch, best_auroc


def _shared_texts(texts: Sequence[str], splits: Sequence[str], y_N: npt.NDArray[np.int64]) -> int:
    """Count labelled test rows whose text a labelled row of train or dev has too."""
    known: dict[str, list[str]] = {"train": [], "dev": [], "test": [], "": []}
    for text, split, label in zip(texts, splits, y_N, strict=True):
        if label >= 0 and text.strip():
            known[split_role(split)].append(" ".join(text.lower().split()))
    learned = {*known["train"], *known["dev"]}
    return sum(text in learned for text in known["test"])
