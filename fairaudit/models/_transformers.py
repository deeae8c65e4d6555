"""Vision networks of ``transformers``, from a folder or the Hub: weights from safetensors, remote code off."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from fairaudit.core.errors import CheckpointError
from fairaudit.core.open_file import check_folder
from fairaudit.models._from_pretrained import load
from fairaudit.models._opening import Opening
from fairaudit.models._processor import from_processor, preprocessing_from_file, saved_preprocessing
from fairaudit.models._text_tower import TextTower
from fairaudit.models._torch_model import Read, TorchModel, choose_device
from fairaudit.pretrain.export import quiet

#: Layer of the embedding by ``model_type`` of the configuration.
FAMILIES = {
    "regnet": "trunk, average-pooled",
    "resnet": "trunk, average-pooled",
    "convnext": "trunk, average-pooled and layer-normalised",
    "convnextv2": "trunk, average-pooled and layer-normalised",
    "vit": "trunk, class token",
    "dinov2": "trunk, class token",
    "dinov3_vit": "trunk, class token",
    "dinov3_convnext": "trunk, average-pooled and layer-normalised",
    "clip": "trunk, class token",
    "clip_vision_model": "trunk, class token",
    "siglip": "trunk, attention-pooled",
    "siglip_vision_model": "trunk, attention-pooled",
}
#: Classes of ``architectures`` of which ``AutoModel`` would drop a part that can be audited.
_OWN_CLASS = ("CLIPVisionModelWithProjection",)


def open_transformers(
    where: str,
    *,
    name: str,
    kind: str,
    opening: Opening,
    local: bool,
    notes: list[str] | None = None,
    projection: nn.Module | None = None,
) -> TorchModel:
    """Return the network at ``where`` (folder or Hub name), with its own head if its configuration names one.

    Parameters
    ----------
    local : bool
        Whether to open files on this machine only, without fetching any.
    projection : Module, optional
        Projection of the trunk's output that is saved elsewhere; its output is then the embedding.

    Raises
    ------
    CheckpointError
        If configuration, weights or preprocessor are missing, do not fit together, or are of an unknown family.
    """
    import transformers

    notes = [] if notes is None else notes
    options: dict[str, Any] = {"local_files_only": local, "trust_remote_code": False}
    if Path(where).is_dir():
        check_folder(where, "checkpoint file", error=CheckpointError)
    with quiet():
        config = load(transformers.AutoConfig, where, name, "config.json", options)
        family = str(config.model_type)
        if family not in FAMILIES:
            raise CheckpointError(
                f"checkpoint '{name}' must be of the family {', '.join(FAMILIES)}; got '{family}'. "
                "Open it as module:function."
            )
        has_head = any(a.endswith("ForImageClassification") for a in config.architectures or ()) and config.num_labels
        preprocess = (
            preprocessing_from_file(opening.preprocessing)
            if opening.preprocessing is not None
            else saved_preprocessing(where, name, options)
        )
        network = _network(where, name, config, options, head=bool(has_head))
    trunk = _trunk(network, head=bool(has_head))
    projection = projection or _projection(network, name, opening)
    model = TorchModel(
        _used(network, trunk, projection, head=bool(has_head)),
        _reader(network, trunk, projection, family),
        preprocess,
        name=name,
        kind=kind,
        architecture=type(network).__name__,
        layer=FAMILIES[family] if projection is None else "projection behind the trunk",
        labels=_labels(config, notes) if has_head else (),
        notes=notes,
        device=opening.device,
    )
    if hasattr(network, "text_model"):
        model.texts = TextTower(
            network,
            lambda: _tokenizer(where, name, options),
            projection=getattr(network, "visual_projection", None) if projection is None else None,
            full_length=family == "siglip",
            name=name,
            device=choose_device(opening.device),
        )
    return model


def model_in_memory(network: Any, processor: Any, *, name: str, kind: str) -> TorchModel:
    """Return an unsaved trunk of one of the ``FAMILIES`` as the model that a saved copy would open as.

    Parameters
    ----------
    network : PreTrainedModel
        Without a head. The call switches it to evaluation mode and its gradients off.
    processor : image processor
        Processor that would be saved beside the network.
    """
    family = str(network.config.model_type)
    with quiet():
        return TorchModel(
            network,
            _reader(network, network, None, family),
            from_processor(processor),
            name=name,
            kind=kind,
            architecture=type(network).__name__,
            layer=FAMILIES[family],
        )


def _labels(config: Any, notes: list[str]) -> tuple[str, ...]:
    """Return the labels of the head; add a note with the fix if they have no names."""
    labels = tuple(str(config.id2label[i]) for i in range(config.num_labels))
    if all(label == f"LABEL_{i}" for i, label in enumerate(labels)):
        notes.append(
            "The labels of its head have no names (LABEL_0 and so on): write them as id2label into its config.json, or "
            "give --probe or --prompts."
        )
    return labels


def _network(where: str, name: str, config: Any, options: dict[str, Any], *, head: bool) -> nn.Module:
    import transformers

    own = next((a for a in config.architectures or () if a in _OWN_CLASS), None)
    loader = getattr(transformers, own) if own else transformers.AutoModel
    if head:
        loader = transformers.AutoModelForImageClassification
    # Otherwise a ViT without a pooler in its file gets one with random weights; the class token is used instead.
    more = {"add_pooling_layer": False} if config.model_type == "vit" and not head else {}
    network, info = load(
        loader,
        where,
        name,
        "safetensors weights",
        options,
        dtype=torch.float32,
        use_safetensors=True,
        output_loading_info=True,
        **more,
    )
    absent = sorted(info["missing_keys"])
    if absent:
        raise CheckpointError(
            f"checkpoint '{name}' must hold all weights of {type(network).__name__}; {len(absent)} are missing, "
            f"first '{absent[0]}'. They would be random: correct 'architectures' in config.json or save it again."
        )
    assert isinstance(network, nn.Module)
    return network


def _trunk(network: Any, *, head: bool) -> nn.Module:
    """Return the image encoder: the part beside a text tower, the part below a head, or the whole network."""
    trunk: nn.Module = network
    if hasattr(network, "vision_model"):
        trunk = network.vision_model
    elif head:
        trunk = getattr(network, str(network.base_model_prefix))
    return trunk


def _projection(network: nn.Module, name: str, opening: Opening) -> nn.Module | None:
    """Return the projection behind the trunk if the user asked for it, else None."""
    if opening.layer == "trunk":
        return None
    projection = getattr(network, "visual_projection", None)
    if not isinstance(projection, nn.Module):
        reason = "whose trunk is compared with texts as it is" if hasattr(network, "text_model") else "which has none"
        opening.require_trunk(name, f"{type(network).__name__}, {reason}")
    assert isinstance(projection, nn.Module)
    return projection


def _used(network: nn.Module, trunk: nn.Module, projection: nn.Module | None, *, head: bool) -> nn.Module:
    """Return the weights of embeddings and labels, which the card counts and hashes."""
    if head:
        return network
    return trunk if projection is None else nn.ModuleDict({"trunk": trunk, "projection": projection})


def _reader(network: nn.Module, trunk: nn.Module, projection: nn.Module | None, family: str) -> Read:
    def pooled(output: Any) -> Tensor:
        vectors = output.last_hidden_state[:, 0] if family == "vit" else output.pooler_output
        if vectors is None:
            raise CheckpointError(
                f"checkpoint must pool its patches into one vector; got a {type(trunk).__name__} without a pooling "
                "head (vision_use_head). Open it as module:function and return the vector."
            )
        flat: Tensor = vectors.flatten(1)
        return flat if projection is None else projection(flat)

    def read(batch: Tensor, predict: bool) -> tuple[Tensor, Tensor | None]:
        if not predict:
            return pooled(trunk(batch)), None
        outputs: list[Any] = []
        # One pass computes the head's scores and, on the way, the trunk's output.
        hook = trunk.register_forward_hook(lambda module, inputs, output: outputs.append(output))
        try:
            logits_BC = network(batch).logits
        finally:
            hook.remove()
        return pooled(outputs[0]), logits_BC.float().softmax(dim=1)

    return read


def _tokenizer(where: str, name: str, options: dict[str, Any]) -> Any:
    import transformers

    with quiet():
        return load(transformers.AutoTokenizer, where, name, "tokenizer", options)
