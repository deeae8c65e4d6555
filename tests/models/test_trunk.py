"""Trunks in files of other projects: names as their classes make them, outputs as plain torch gives them.

The listings in ``checkpoint_names`` were written by the classes they name. Of the same random weights, those classes
and ``open_model`` gave outputs that differ by at most 2.4e-6 when the listings were made.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from torch import Tensor, nn

from fairaudit.core.errors import CheckpointError
from fairaudit.models import open_model
from fairaudit.models._trunk import make_network, recognise_trunk
from tests.reference import regnet, resnet

LISTINGS = Path(__file__).parent / "checkpoint_names"
PARTS = ((0,), (0,), (0, 1), (0,))
#: Listing, network with these names, whose names the card says.
PROJECTS: dict[str, tuple[Callable[[], nn.Module], str]] = {
    "classy_vision_regnet": (regnet.ClassyVision, "ClassyVision"),
    "vissl_regnet": (regnet.Vissl, "VISSL"),
    "vissl_regnet_in_parts": (lambda: regnet.Vissl(parts=PARTS), "VISSL"),
    "torchvision_regnet": (regnet.Torchvision, "torchvision"),
    "timm_regnet": (regnet.Timm, "timm"),
    "swav_resnet": (resnet.Swav, "torchvision"),
    "torchvision_resnet": (resnet.Torchvision, "torchvision"),
}


@pytest.fixture
def preprocessing(tmp_path: Path) -> Path:
    path = tmp_path / "p.json"
    path.write_text(json.dumps({"size": 64, "mean": [0.5] * 3, "std": [0.5] * 3, "channels": "RGB"}))
    return path


def trained(network: nn.Module, seed: int = 0) -> nn.Module:
    """The network with normalisations as if it had been trained: fresh ones would hide that two were swapped."""
    generator = torch.Generator().manual_seed(seed)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(0, 0.1, generator=generator)
            module.running_var.uniform_(0.5, 1.5, generator=generator)
            module.weight.data.uniform_(0.5, 1.5, generator=generator)
            module.bias.data.normal_(0, 0.1, generator=generator)
    return network.eval()


def check_same(content: Any, expected: nn.Module, tmp_path: Path, preprocessing: Path, suffix: str = ".pth") -> Any:
    """Save ``content``, open it, and compare with what ``expected`` gives; return the card."""
    torch.save(content, tmp_path / f"w{suffix}")
    model = open_model(tmp_path / f"w{suffix}", preprocessing=preprocessing)
    batch = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        vectors = expected(batch)
    torch.testing.assert_close(model.embed(batch), vectors, atol=1e-5, rtol=1e-5)
    return model.card


def listing(name: str) -> dict[str, str]:
    """Name and shape of every tensor in a listing."""
    lines = [line for line in (LISTINGS / f"{name}.txt").read_text().splitlines() if not line.startswith("#")]
    modules = [line.split(": ") for line in lines]
    return {f"{m}.{leaf.split()[0]}": leaf.split()[1] for m, leaves in modules for leaf in leaves.split(", ")}


@pytest.mark.parametrize("project", PROJECTS)
def test_the_reference_has_the_names_and_shapes_of_the_project(project: str) -> None:
    state = PROJECTS[project][0]().state_dict()
    assert {name: "x".join(map(str, t.shape)) or "scalar" for name, t in state.items()} == listing(project)


def test_every_listing_is_used() -> None:
    assert {path.stem for path in LISTINGS.iterdir()} == set(PROJECTS)


@pytest.mark.parametrize("project", PROJECTS)
def test_output_is_that_of_plain_torch(project: str, tmp_path: Path, preprocessing: Path) -> None:
    make, convention = PROJECTS[project]
    torch.manual_seed(0)
    expected = trained(make())
    card = check_same(expected.state_dict(), expected, tmp_path, preprocessing)
    assert card.kind == f"weights file ({convention} names)"
    assert card.architecture == ("ResNetModel" if "resnet" in project else "RegNetModel")
    heads = [name for name in listing(project) if name.startswith(("fc", "head", "projection_head", "prototypes"))]
    if heads:
        tensors = len(listing(project))
        assert card.notes[-1] == f"{len(heads)} of {tensors} tensors are no part of the trunk and were not used."


@pytest.mark.parametrize("make", [regnet.ClassyVision, regnet.Vissl, regnet.Torchvision, regnet.Timm])
def test_regnet_x_has_no_squeeze_and_excitation(make: Any, tmp_path: Path, preprocessing: Path) -> None:
    torch.manual_seed(0)
    expected = trained(make(squeeze=False))
    check_same(expected.state_dict(), expected, tmp_path, preprocessing)


def vissl_file(state: Any) -> Any:
    """As vissl at 09270ed saves it: vissl/hooks/log_hooks.py, vissl/models/base_ssl_model.py."""
    heads = {"0.projection_head.0.weight": torch.ones(2, 2), "0.prototypes0.weight": torch.ones(2, 2)}
    base = {"model": {"trunk": state, "heads": heads}, "meta": {"trunk": {}, "heads": []}}
    momentum = {"state": {0: {"momentum_buffer": torch.ones(3)}}, "param_groups": [{"lr": 0.1}]}
    return {
        "phase_idx": 1,
        "iteration": 10,
        "loss": {"queue": torch.ones(2, 2)},
        "classy_state_dict": {"train": True, "base_model": base, "optimizer": {"optim": momentum}, "losses": [0.5]},
    }


WRAPPINGS: dict[str, Callable[[Any], Any]] = {
    "vissl": vissl_file,
    "vissl that extracts features": lambda s: vissl_file({f"base_model.{k}": v for k, v in s.items()}),
    "state_dict of a parallel module": lambda s: {"epoch": 3, "state_dict": {f"module.{k}": v for k, v in s.items()}},
    "model": lambda s: {"model": s, "optimizer": {"state": {}}},
    "the same mapping twice": lambda s: {"model": s, "state_dict": s},
    "moco": lambda s: {"state_dict": {f"module.encoder_q.{k}": v for k, v in s.items()}},
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("make", [regnet.Vissl, resnet.Swav])
def test_wrappings(make: Any, wrapping: str, tmp_path: Path, preprocessing: Path) -> None:
    torch.manual_seed(0)
    expected = trained(make())
    check_same(WRAPPINGS[wrapping](expected.state_dict()), expected, tmp_path, preprocessing, ".torch")


@pytest.mark.parametrize(
    ("used", "other"),
    [
        ("state_dict_ema", "state_dict"),
        ("model_ema", "model"),
        ("teacher.backbone", "student.module.backbone"),
        ("classy_state_dict.ema_model.model.trunk", "classy_state_dict.base_model.model.trunk"),
        ("state_dict.module.encoder_q", "state_dict.module.encoder_k"),
        ("online_network", "target_network"),
        ("state_dict.backbone", "state_dict.momentum_backbone"),
    ],
)
def test_of_several_copies_the_card_says_which_was_used(
    used: str, other: str, tmp_path: Path, preprocessing: Path
) -> None:
    torch.manual_seed(0)
    expected, another = trained(regnet.Timm(), seed=1), trained(regnet.Timm(), seed=2)
    flat = {f"{other}.{k}": v for k, v in another.state_dict().items()}
    flat |= {f"{used}.{k}": v for k, v in expected.state_dict().items()}
    card = check_same(flat, expected, tmp_path, preprocessing)
    first, second = sorted((used, other))
    assert card.notes[0] == f"The file holds 2 trunks ('{first}', '{second}'): '{used}' was used."


def test_copies_of_which_none_is_averaged_are_refused() -> None:
    state = regnet.Timm().state_dict()
    both = {f"{prefix}.{k}": v for prefix in ("best", "last") for k, v in state.items()}
    with pytest.raises(CheckpointError) as caught:
        recognise_trunk("w.pth", both)
    assert str(caught.value) == (
        "checkpoint 'w.pth' must hold one trunk, or name the averaged one (ema, teacher); got 2: 'best', 'last'. "
        "Save the state_dict of the one to audit in a file of its own."
    )


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_weights_of_other_precision_become_float32(dtype: torch.dtype, tmp_path: Path, preprocessing: Path) -> None:
    torch.manual_seed(0)
    rounded = trained(regnet.Torchvision()).to(dtype)
    content = {k: v.clone() for k, v in rounded.state_dict().items()}
    check_same(content, rounded.float(), tmp_path, preprocessing)


def test_weights_from_before_batches_were_counted(tmp_path: Path, preprocessing: Path) -> None:
    torch.manual_seed(0)
    expected = trained(resnet.Torchvision())
    old = {k: v for k, v in expected.state_dict().items() if not k.endswith("num_batches_tracked")}
    check_same(old, expected, tmp_path, preprocessing)


@pytest.mark.parametrize("layer_type", ["bottleneck", "basic"])
def test_resnet_under_the_names_of_transformers(layer_type: str, tmp_path: Path, preprocessing: Path) -> None:
    torch.manual_seed(0)
    config = transformers.ResNetConfig(
        embedding_size=8, hidden_sizes=[16, 32], depths=[1, 2], layer_type=layer_type, downsample_in_first_stage=False
    )
    network = trained(transformers.ResNetModel(config))
    check_same(network.state_dict(), Pooled(network), tmp_path, preprocessing)


class Pooled(nn.Module):
    """What a network of transformers gives for a whole image."""

    def __init__(self, network: Any) -> None:
        super().__init__()
        self.network = network

    def forward(self, x: Tensor) -> Any:
        return self.network(x).pooler_output.flatten(1)


# What the class RegNetParams of facebookresearch/ClassyVision at 08a82e8 makes of the numbers that stand for these
# names in its classy_vision/models/regnet.py (64GF: before 730680d redefined it) and in
# configs/config/benchmark/fulltune/cars/models/regnet{64Gf_3,256Gf_1}.yaml of facebookresearch/vissl at 09270ed.
@pytest.mark.parametrize(
    ("widths", "depths", "group"),
    [
        ((368, 992, 1488, 2976), (2, 5, 11, 2), 496),
        ((328, 984, 1968, 4920), (2, 5, 12, 1), 328),
        ((640, 1696, 2544, 5088), (3, 7, 16, 1), 848),
        ((746, 1492, 4103, 10444), (2, 7, 17, 1), 373),
        ((2020, 4040, 11110, 28280), (2, 7, 17, 1), 1010),
    ],
    ids=["ClassyVision 64GF", "SEER 64GF", "ClassyVision 256GF", "SEER 256GF", "SEER 10B"],
)
def test_shapes_decide_where_two_networks_have_one_name(
    monkeypatch: pytest.MonkeyPatch, widths: tuple[int, ...], depths: tuple[int, ...], group: int
) -> None:
    monkeypatch.setattr(regnet, "WIDTHS", widths)
    monkeypatch.setattr(regnet, "DEPTHS", depths)
    monkeypatch.setattr(regnet, "GROUP", group)
    with torch.device("meta"):
        expected = regnet.Vissl(parts=tuple(tuple(i // 9 for i in range(depth)) for depth in depths))
    prefix = "classy_state_dict.base_model.model.trunk"
    trunk = recognise_trunk("w", {f"{prefix}.{k}": v for k, v in expected.state_dict().items()})
    assert (tuple(trunk.config.hidden_sizes), tuple(trunk.config.depths)) == (widths, depths)
    assert trunk.config.groups_width == group
    with torch.device("meta"):
        ours = make_network("w", trunk)
    assert sum(p.numel() for p in ours.parameters()) == sum(p.numel() for p in expected.parameters())


def changed(name: str, value: Tensor | None) -> dict[str, Tensor]:
    """Weights under the names of torchvision, with one of them changed, added or removed."""
    state: dict[str, Tensor] = {**regnet.Torchvision().state_dict(), name: torch.zeros(())}
    return {k: v if k != name else value for k, v in state.items() if k != name or value is not None}  # type: ignore[misc]


B = "trunk_output.block3.block3-1"
REFUSED = {
    "no such width": (
        changed("trunk_output.block3.block3-0.f.b.0.weight", torch.ones(32, 24, 3, 3)),
        "must hold 3x3 convolutions whose width is a multiple of their group width; got shape (32, 24, 3, 3) in stage "
        "3. It is no RegNet, or damaged: open other networks as module:function.",
    ),
    "two group widths": (
        changed("trunk_output.block3.block3-0.f.b.0.weight", torch.ones(32, 8, 3, 3)),
        "must hold the weights of a plain RegNet or ResNet; got group widths [8, 16, 8, 16] for widths [8, 16, 32, "
        "64], which no single group width gives. Open other networks as module:function.",
    ),
    "another shape": (
        changed(f"{B}.f.a.0.weight", torch.ones(32, 16, 1, 1)),
        f"must hold exactly the weights of the RegNet-Y with widths [8, 16, 32, 64] and depths [1, 1, 2, 1] that its "
        f"first blocks have; got '{B}.f.a.0.weight' of shape (32, 16, 1, 1) instead of (32, 32, 1, 1). Save the whole "
        "state_dict, or open other networks as module:function.",
    ),
    "no weight": (
        changed(f"{B}.f.a.0.weight", None),
        "that its first blocks have; got no 'encoder.stages.2.layers.1.layer.0.convolution.weight' (the name of "
        "transformers). Save the whole state_dict",
    ),
    "quantised": (
        changed(f"{B}.f.a.0.weight", torch.ones(32, 32, 1, 1, dtype=torch.int8)),
        f"got '{B}.f.a.0.weight' of type torch.int8. Save the whole state_dict",
    ),
    "one more": (
        changed(f"{B}.proj.0.weight", torch.ones(32, 32, 1, 1)),
        f"got '{B}.proj.0.weight' in addition. Save the whole state_dict",
    ),
    "unknown part of a block": (
        changed(f"{B}.f.d.0.weight", torch.ones(3)),
        f"must hold the weights of a plain RegNet or ResNet; got '{B}.f.d.0.weight' inside a block. "
        "Open other networks as module:function.",
    ),
    "7x7 stem": (
        changed("stem.0.weight", torch.ones(32, 3, 7, 7)),
        "got 'stem.0.weight' of shape (32, 3, 7, 7) instead of (32, 3, 3, 3). Save the whole state_dict",
    ),
    "no block": (
        {k: v for k, v in regnet.Torchvision().state_dict().items() if "block3-0" not in k},
        "must hold every block of its trunk; got nothing of block 1 in stage 3. Save the whole state_dict.",
    ),
    "no stage": (
        {k: v for k, v in regnet.Torchvision().state_dict().items() if "block2" not in k},
        "must hold every block of its trunk; got nothing of block 1 in stage 2. Save the whole state_dict.",
    ),
    "no 3x3 convolution": (
        changed("trunk_output.block2.block2-0.f.b.0.weight", None),
        "must hold a convolution as 'encoder.stages.1.layers.0.layer.1.convolution.weight' (the name of transformers); "
        "got none. Save the whole state_dict.",
    ),
    "ResNeXt": (
        {**resnet.Swav().state_dict(), "layer1.0.conv2.weight": torch.ones(64, 2, 3, 3)},
        "must hold exactly the weights of the ResNet with widths [256, 512, 1024, 2048] and depths [1, 2, 1, 1] that "
        "its first blocks have; got 'layer1.0.conv2.weight' of shape (64, 2, 3, 3) instead of (64, 64, 3, 3).",
    ),
    "ResNet for small images": (
        {**resnet.Torchvision().state_dict(), "conv1.weight": torch.ones(64, 3, 3, 3)},
        "got 'conv1.weight' of shape (64, 3, 3, 3) instead of (64, 3, 7, 7).",
    ),
    "a ViT": (
        {"blocks.0.attn.qkv.weight": torch.ones(3), "cls_token": torch.ones(3)},
        "must hold the weights of a RegNet or ResNet with the key names of transformers, VISSL, ClassyVision, "
        "torchvision or timm; got 2 tensors such as 'blocks.0.attn.qkv.weight'. Open other networks as a transformers "
        "folder or as module:function.",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_other_networks_are_refused_in_one_sentence(case: str) -> None:
    tensors, text = REFUSED[case]
    with pytest.raises(CheckpointError) as caught:
        make_network("w.pth", recognise_trunk("w.pth", tensors))
    assert str(caught.value).startswith("checkpoint 'w.pth' must hold ")
    assert text in str(caught.value)
