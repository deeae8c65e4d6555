"""Weights files: read as data only; RegNets are recognised under the names of four libraries."""

from __future__ import annotations

import json
import os
import pickle
import re
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers
from safetensors.torch import save_file
from torch import Tensor

from fairaudit.core.errors import CheckpointError
from fairaudit.models import open_model


@pytest.fixture
def preprocessing(tmp_path: Path) -> Path:
    path = tmp_path / "p.json"
    path.write_text(json.dumps({"size": 28, "mean": [0.5] * 3, "std": [0.5] * 3}))
    return path


def renamed(state: dict[str, Tensor], convention: str, *, squeeze: bool = True) -> dict[str, Tensor]:
    """Give a transformers RegNet the names that another library would have used, written out part by part."""
    last = "3" if squeeze else "2"
    parts = {
        "shortcut.convolution": ("proj", "proj.0", "downsample.conv"),
        "shortcut.normalization": ("bn", "proj.1", "downsample.bn"),
        "layer.0.convolution": ("f.a.0", "f.a.0", "conv1.conv"),
        "layer.0.normalization": ("f.a.1", "f.a.1", "conv1.bn"),
        "layer.1.convolution": ("f.b.0", "f.b.0", "conv2.conv"),
        "layer.1.normalization": ("f.b.1", "f.b.1", "conv2.bn"),
        "layer.2.attention.0": ("f.se.excitation.0", "f.se.fc1", "se.fc1"),
        "layer.2.attention.2": ("f.se.excitation.2", "f.se.fc2", "se.fc2"),
        f"layer.{last}.convolution": ("f.c", "f.c.0", "conv3.conv"),
        f"layer.{last}.normalization": ("f.final_bn", "f.c.1", "conv3.bn"),
    }
    column = ("vissl", "torchvision", "timm").index(convention)
    stem = (("_feature_blocks.conv1.stem.0", "_feature_blocks.conv1.stem.1"), ("stem.0", "stem.1"),
            ("stem.conv", "stem.bn"))[column]  # fmt: skip
    result = {}
    for name, tensor in state.items():
        leaf = name.rsplit(".", 1)[1]
        if name.startswith("embedder"):
            result[f"{stem['normalization' in name]}.{leaf}"] = tensor
            continue
        _, _, stage, _, block, *part = name.split(".")[:-1]
        s, b = int(stage) + 1, int(block)
        prefix = (
            f"_feature_blocks.res{s + 1}.block{s}-{b}",
            f"trunk_output.block{s}.block{s}-{b}",
            f"s{s}.b{b + 1}",
        )[column]
        result[f"{prefix}.{parts['.'.join(part)][column]}.{leaf}"] = tensor
    return result


def network(make_folder: Any, **more: Any) -> Any:
    return transformers.AutoModel.from_pretrained(make_folder("regnet", **more)).eval()


def check_same(path: Path, preprocessing: Path, expected: Any) -> None:
    model = open_model(path, preprocessing=preprocessing)
    batch = torch.rand(2, 3, 28, 28)
    with torch.no_grad():
        vectors = expected(batch).pooler_output.flatten(1)
    torch.testing.assert_close(model.embed(batch), vectors, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("layer_type", ["y", "x"])
@pytest.mark.parametrize("convention", ["vissl", "torchvision", "timm"])
def test_names_of_other_libraries(
    make_folder: Any, preprocessing: Path, tmp_path: Path, convention: str, layer_type: str
) -> None:
    expected = network(make_folder, layer_type=layer_type)
    state = renamed(expected.state_dict(), convention, squeeze=layer_type == "y")
    assert len(state) == len(expected.state_dict())
    torch.save(state, tmp_path / "w.pth")
    check_same(tmp_path / "w.pth", preprocessing, expected)


def test_names_of_transformers_with_a_head_in_safetensors(
    make_folder: Any, preprocessing: Path, tmp_path: Path
) -> None:
    folder = make_folder("regnet", labels=("a", "b"))
    whole = transformers.AutoModelForImageClassification.from_pretrained(folder).eval()
    save_file({k: v.contiguous() for k, v in whole.state_dict().items()}, tmp_path / "w.safetensors")
    check_same(tmp_path / "w.safetensors", preprocessing, whole.regnet)
    card = open_model(tmp_path / "w.safetensors", preprocessing=preprocessing).card
    assert card.kind == "weights file (transformers names)"
    assert card.labels == 0
    assert card.notes[0].endswith("2 tensors that are no part of the trunk were not used.")


def test_vissl_checkpoint_with_its_nesting_and_sharded_names(
    make_folder: Any, preprocessing: Path, tmp_path: Path
) -> None:
    expected = network(make_folder)
    state = {
        re.sub(r"res(\d)\.block", r"res\1.block\1-part0.block", k): v
        for k, v in renamed(expected.state_dict(), "vissl").items()
    }
    nested = {
        "phase_idx": 7,
        "classy_state_dict": {"base_model": {"model": {"trunk": state, "heads": {"0.clf.0.weight": torch.ones(2, 2)}}}},
    }
    torch.save(nested, tmp_path / "w.torch")
    check_same(tmp_path / "w.torch", preprocessing, expected)


def test_group_width_is_read_where_a_stage_is_narrower(make_folder: Any, preprocessing: Path, tmp_path: Path) -> None:
    expected = network(make_folder, hidden_sizes=[8, 32], groups_width=16)
    torch.save(expected.state_dict(), tmp_path / "w.pt")
    check_same(tmp_path / "w.pt", preprocessing, expected)


def test_preprocessing_is_asked_for(make_folder: Any, tmp_path: Path) -> None:
    torch.save(network(make_folder).state_dict(), tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match=r"must come with how images are prepared.*: --preprocessing FILE\."):
        open_model(tmp_path / "w.pt")


def test_incomplete_weights(make_folder: Any, preprocessing: Path, tmp_path: Path) -> None:
    state = network(make_folder).state_dict()
    state.pop("encoder.stages.1.layers.1.layer.0.convolution.weight")
    torch.save(state, tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match=r"must hold all weights of the RegNet .* Missing key"):
        open_model(tmp_path / "w.pt", preprocessing=preprocessing)


def test_other_networks_are_named(tmp_path: Path, preprocessing: Path) -> None:
    torch.save({"model": {"layer1.0.weight": torch.ones(2)}}, tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match=r"must hold the weights of a RegNet .* got 1 tensors such as 'layer1\.0"):
        open_model(tmp_path / "w.pt", preprocessing=preprocessing)
    torch.save([torch.ones(2)], tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match="must hold weights by name; got a list without tensors"):
        open_model(tmp_path / "w.pt", preprocessing=preprocessing)


class Payload:
    """An object whose unpickling would make a folder."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def write_hostile(path: Path, payload: Payload, form: str) -> None:
    if form == "zip":
        torch.save({"weight": payload}, path)
    elif form == "legacy":
        torch.save({"weight": payload}, path, _use_new_zipfile_serialization=False)
    elif form == "pickle":
        path.write_bytes(pickle.dumps(payload, protocol=2))
    elif form == "module":
        torch.save(torch.nn.Linear(2, 2), path)
    else:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            script: Any = torch.jit.script(torch.nn.Linear(2, 2))
            script.save(str(path))


@pytest.mark.parametrize("form", ["zip", "legacy", "pickle", "module", "torchscript"])
@pytest.mark.parametrize("suffix", [".pt", ".pth", ".bin", ".torch"])
def test_a_file_that_would_execute_code_is_refused(tmp_path: Path, form: str, suffix: str) -> None:
    path, ran = tmp_path / f"w{suffix}", tmp_path / "ran"
    write_hostile(path, Payload(ran), form)
    with pytest.raises(CheckpointError) as caught:
        open_model(path)
    assert str(caught.value) == (
        f"checkpoint '{path}' must hold tensors only; got a file that asks to execute code when it is loaded. "
        "It was refused and nothing was executed. Save the state_dict as safetensors and give that."
    )
    assert not ran.exists()


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_damaged_files(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"w{suffix}"
    for content in (b"", b"hello world", os.urandom(200)):
        path.write_bytes(content)
        with pytest.raises(CheckpointError, match=r"must (be a whole file of weights|hold tensors only)"):
            open_model(path)
    (torch.save if suffix == ".pt" else save_file)({"a": torch.ones(1000)}, path)
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(CheckpointError, match=r"must be a whole file of weights; got \w+: .* Copy or save it again\."):
        open_model(path)


def test_files_out_of_a_folder_point_to_the_folder(make_folder: Any, tmp_path: Path) -> None:
    folder = make_folder("regnet")
    with pytest.raises(CheckpointError, match=f"which transformers made; got one file out of it. Give '{folder}'"):
        open_model(folder / "model.safetensors")
    run = tmp_path / "run"
    run.mkdir()
    (run / "recipe.toml").touch()
    torch.save({"format": 1}, run / "checkpoint.pt")
    with pytest.raises(CheckpointError, match=f"which fairaudit pretrain made; got one file .* Give '{run}' instead"):
        open_model(run / "checkpoint.pt")
