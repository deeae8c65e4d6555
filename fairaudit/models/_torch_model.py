"""``TorchModel``: a torch network as ``core.model.Model``, checked once when it is opened."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import TYPE_CHECKING

import torch
from PIL import Image
from torch import Tensor, nn

from fairaudit.core.audit import ModelCard
from fairaudit.core.errors import CheckpointError, ConfigError
from fairaudit.models._preprocessing import Preprocess

if TYPE_CHECKING:
    from fairaudit.models._text_tower import TextTower

#: ``read(batch, predict)`` returns embeddings (B, D) and softmax scores (B, C), or None without ``predict``.
Read = Callable[[Tensor, bool], tuple[Tensor, Tensor | None]]


class TorchModel:
    """A network in evaluation mode with its preprocessing.

    Parameters
    ----------
    network : Module
        The card counts and hashes its weights.
    read : Read
        Runs the network.
    preprocess : Preprocess
        From image to tensor.
    name, kind, architecture, layer : str
        As in ``ModelCard``.
    labels : tuple of str
        Labels of the network's own head, by output.
    notes : list of str
        Sentences for the card; ``read`` may add to it during the first run.
    device : str
        As in ``open_model``; the attribute ``device`` is the resolved device.

    Attributes
    ----------
    network : Module
        In evaluation mode and without gradients; callers must not change it.
    texts : TextTower or None
        Text encoder of the network; None if it embeds images only.

    Raises
    ------
    CheckpointError
        If the output for a grey image is not one finite vector and one score per label.
    """

    def __init__(
        self,
        network: nn.Module,
        read: Read,
        preprocess: Preprocess,
        *,
        name: str,
        kind: str,
        architecture: str,
        layer: str,
        labels: tuple[str, ...] = (),
        notes: list[str] | None = None,
        device: str = "auto",
    ) -> None:
        self.labels = labels
        self.layer = layer
        self.texts: TextTower | None = None  # set by _transformers
        self._read = read
        self.preprocessing = preprocess
        self.device = choose_device(device)
        digest = weights_digest(network)
        self.network = network.eval().requires_grad_(False).to(self.device)
        self.network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # missing in its stubs
        notes = [] if notes is None else notes
        dim = self._try_out(name)
        self.card = ModelCard(
            name=name,
            kind=kind,
            architecture=architecture,
            n_parameters=sum(parameter.numel() for parameter in network.parameters()),
            embedding_dim=dim,
            digest=digest,
            preprocessing=preprocess.describe(),
            n_labels=len(labels),
            notes=tuple(notes),
            layer=layer,
        )

    def preprocess(self, image: Image.Image) -> Tensor:
        """Return the RGB image as the network's input: float32, shape (3, H, W)."""
        return self.preprocessing(image)

    def embed(self, batch: Tensor) -> Tensor:
        """Return float32 embeddings, shape (B, D), of a batch (B, 3, H, W)."""
        return self._run(batch, predict=False)[0]

    def embed_and_predict(self, batch: Tensor) -> tuple[Tensor, Tensor | None]:
        """Return embeddings (B, D) and softmax scores (B, C), or None if the network has no head."""
        return self._run(batch, predict=bool(self.labels))

    def _run(self, batch: Tensor, *, predict: bool) -> tuple[Tensor, Tensor | None]:
        with torch.inference_mode():
            moved = batch.to(self.device, memory_format=torch.channels_last)
            vectors_BD, scores_BC = self._read(moved, predict)
            return vectors_BD.float().cpu(), None if scores_BC is None else scores_BC.float().cpu()

    def _try_out(self, name: str) -> int:
        """Check the outputs for two grey images, so that an unusable checkpoint fails on opening; return D."""
        image = self.preprocessing(Image.new("RGB", (256, 256), (128, 128, 128)))
        batch = torch.stack([image, image])
        try:
            vectors_BD, scores_BC = self.embed_and_predict(batch)
        except CheckpointError:
            raise
        except Exception as error:  # a network may raise anything
            raise CheckpointError(
                f"checkpoint '{name}' must embed a batch of shape {tuple(batch.shape)}; got "
                f"{type(error).__name__}: {first_line(error)}. Check its preprocessing and its architecture."
            ) from error
        if vectors_BD.ndim != 2 or len(vectors_BD) != 2:
            raise CheckpointError(
                f"checkpoint '{name}' must give embeddings of shape (2, D) for two images; got "
                f"{tuple(vectors_BD.shape)}. Return one vector per image."
            )
        if not torch.isfinite(vectors_BD).all():
            raise CheckpointError(
                f"checkpoint '{name}' must give finite embeddings; got NaN or infinity for a grey image. "
                "Its weights are damaged, or not those of this architecture."
            )
        if scores_BC is not None and tuple(scores_BC.shape) != (2, len(self.labels)):
            raise CheckpointError(
                f"checkpoint '{name}' must give one score for each of its {len(self.labels)} labels; got shape "
                f"{tuple(scores_BC.shape)} for two images. Correct its labels."
            )
        return vectors_BD.shape[1]


def weights_digest(network: nn.Module) -> str:
    """Return the SHA-256 over the names, types, shapes and bytes of all tensors, sorted by name; 64 hex digits."""
    digest = hashlib.sha256()
    for name, tensor in sorted(network.state_dict().items()):
        digest.update(f"{name}\0{tensor.dtype}\0{tuple(tensor.shape)}\0".encode())
        if tensor.numel():
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def choose_device(device: str) -> torch.device:
    """Return the device of that name; ``"auto"`` is a CUDA device if there is one.

    Raises
    ------
    ConfigError
        If the device does not exist.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    available = ["cpu"]
    if torch.cuda.is_available():
        available += ["cuda", *(f"cuda:{i}" for i in range(torch.cuda.device_count()))]
    if device in available:
        return torch.device(device)
    raise ConfigError(
        f"device must be one of: auto, {', '.join(available)}; got '{device}'. Use auto, or a device of the list."
    )


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message, without its final full stop."""
    lines = str(error).strip().splitlines()
    return lines[0].strip().rstrip(".")[:300] if lines else "no message"
