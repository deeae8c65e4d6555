"""``ZeroShot``: predict labels from prompts, by the similarity of texts and images in a CLIP-like network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from fairaudit.core.errors import CheckpointError, DataError
from fairaudit.core.tables import Embeddings, Predictions
from fairaudit.heads.prompts import Prompts, read_prompts
from fairaudit.heads.top_labels import top_labels

if TYPE_CHECKING:
    from fairaudit.core.model import Model
    from fairaudit.models._text_tower import TextTower

# Legend of shape suffixes: N images, B images at once, E dimensions of an embedding, D dimensions that images and texts
# share, C labels, P templates, T texts.


@dataclass(frozen=True)
class ZeroShot:
    """A classifier with texts as weights: nothing is fitted.

    The vector of a label is the normalised mean, over its names and all templates, of normalised text vectors [1]_. Its
    logit for an image is the cosine of the two times the network's own scale, and scores are softmax over all labels.
    SigLIP was trained with a sigmoid for each pair [2]_; its scores here are softmax too, so that a threshold has the
    same meaning for all models. SigLIP's bias, the same for all labels, cancels.

    Parameters
    ----------
    prompts : Prompts
        Labels and templates.
    tower : TextTower
        Of the model whose embeddings are labelled.
    texts_PCD : ndarray of float32
        By template, the mean of the normalised vectors of each label's names.
    layer : str
        ``Embeddings.layer`` of the labelled embeddings.

    References
    ----------
    .. [1] Radford et al. (2021), "Learning Transferable Visual Models From Natural Language Supervision",
       arXiv:2103.00020, section 3.1.4.
    .. [2] Zhai et al. (2023), "Sigmoid Loss for Language Image Pre-Training", arXiv:2303.15343.
    """

    prompts: Prompts
    tower: TextTower
    texts_PCD: npt.NDArray[np.float32]
    layer: str

    @property
    def source(self) -> str:
        """The source of the labels, for ``Predictions.source``."""
        return f"zero-shot prompts of {self.prompts.path.name}"

    def predict(
        self, embeddings: Embeddings, *, k: int = 10, classes: Sequence[str] = (), data: str = ""
    ) -> Predictions:
        """Return the most probable labels of each embedding, averaged over templates.

        Parameters
        ----------
        embeddings : Embeddings
            Of the model, shape (N, E), read at ``layer``.
        k, classes, data
            As in ``top_labels``.

        Raises
        ------
        DataError
            If the embeddings were read at another layer, or a class is unknown.
        """
        return self._predict(embeddings, _units(self.texts_PCD.mean(axis=0)), self.source, k, classes, data)

    def predict_by_template(
        self, embeddings: Embeddings, *, k: int = 10, classes: Sequence[str] = (), data: str = ""
    ) -> list[Predictions]:
        """Return the predictions of each template alone, in the order of ``prompts.templates``.

        Their spread measures how much of a disparity depends on wording.
        """
        return [
            self._predict(embeddings, _units(texts_CD), f"{self.source}, template '{template}'", k, classes, data)
            for template, texts_CD in zip(self.prompts.templates, self.texts_PCD, strict=True)
        ]

    def params(self) -> dict[str, Any]:
        """Return the prompts' entries in a report, as JSON values."""
        return {
            "prompts": self.prompts.path.name,
            "prompts_digest": self.prompts.digest,
            "templates": list(self.prompts.templates),
            "classes": {label: list(names) for label, names in self.prompts.names.items()},
            "scale": self.tower.scale,
            "layer": self.layer,
        }

    def _predict(
        self,
        embeddings: Embeddings,
        texts_CD: npt.NDArray[np.float32],
        source: str,
        k: int,
        classes: Sequence[str],
        data: str,
    ) -> Predictions:
        if embeddings.layer != self.layer:
            raise DataError(
                f"embeddings must be read at the layer of the prompts, '{self.layer}'; got '{embeddings.layer}'. "
                "Extract them again with the same model."
            )
        weights_DC = self.tower.scale * texts_CD.T.astype(np.float64)
        return top_labels(
            embeddings,
            lambda vectors_BE: _units(self.tower.features(vectors_BE)).astype(np.float64) @ weights_DC,
            self.prompts.classes,
            k=k,
            source=source,
            classes=classes,
            data=data,
        )


def open_zero_shot(model: Model, path: Path) -> ZeroShot:
    """Return the classifier of ``model`` with the prompts in a TOML file.

    Raises
    ------
    CheckpointError
        If the model has no text tower, or no tokenizer for it.
    ConfigError
        If the prompts are wrong (``read_prompts``), or a prompt is too long.
    """
    prompts, tower = read_prompts(path), getattr(model, "texts", None)
    if tower is None:
        raise CheckpointError(
            f"checkpoint '{model.card.name}' must have a text tower for --prompts; got {model.card.architecture} "
            "without one. Give a CLIP or SigLIP with its text tower, or labels of your own: --probe."
        )
    texts_PCD = np.stack([_by_label(prompts, tower.encode(prompts.texts(t))) for t in prompts.templates])
    return ZeroShot(prompts, tower, texts_PCD, layer=str(getattr(model, "layer", "")))


def _by_label(prompts: Prompts, texts_TD: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Return the mean (C, D) over the names of each label of normalised vectors; not normalised again."""
    ends = np.cumsum([len(names) for names in prompts.names.values()])
    return np.stack([part.mean(axis=0) for part in np.split(_units(texts_TD), ends[:-1])])


def _units(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    units: npt.NDArray[np.float32] = vectors / np.maximum(lengths, np.finfo(np.float32).tiny)
    return units
