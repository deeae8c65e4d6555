"""Weights files: read as data only; RegNets are recognised under the names of four libraries."""

from __future__ import annotations

import argparse
import json
import os
import pickle
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import save_file

from fairaudit.core.errors import CheckpointError
from fairaudit.models import open_model
from tests.reference import regnet


@pytest.fixture
def preprocessing(tmp_path: Path) -> Path:
    path = tmp_path / "p.json"
    path.write_text(json.dumps({"size": 28, "mean": [0.5] * 3, "std": [0.5] * 3}))
    return path


def network(make_folder: Any, **more: Any) -> Any:
    return transformers.AutoModel.from_pretrained(make_folder("regnet", **more)).eval()


def check_same(path: Path, preprocessing: Path, expected: Any) -> None:
    model = open_model(path, preprocessing=preprocessing)
    batch = torch.rand(2, 3, 28, 28)
    with torch.no_grad():
        vectors = expected(batch).pooler_output.flatten(1)
    torch.testing.assert_close(model.embed(batch), vectors, atol=1e-5, rtol=1e-5)


def test_names_of_transformers_with_a_head_in_safetensors(
    make_folder: Any, preprocessing: Path, tmp_path: Path
) -> None:
    folder = make_folder("regnet", labels=("a", "b"))
    whole = transformers.AutoModelForImageClassification.from_pretrained(folder).eval()
    save_file({k: v.contiguous() for k, v in whole.state_dict().items()}, tmp_path / "w.safetensors")
    check_same(tmp_path / "w.safetensors", preprocessing, whole.regnet)
    card = open_model(tmp_path / "w.safetensors", preprocessing=preprocessing).card
    assert card.kind == "weights file (transformers names)"
    assert card.n_labels == 0
    assert card.notes[-1].startswith("2 of ")


def test_group_width_is_read_where_a_stage_is_narrower(make_folder: Any, preprocessing: Path, tmp_path: Path) -> None:
    expected = network(make_folder, hidden_sizes=[8, 32], groups_width=16)
    torch.save(expected.state_dict(), tmp_path / "w.pt")
    check_same(tmp_path / "w.pt", preprocessing, expected)


def test_preprocessing_is_asked_for(make_folder: Any, tmp_path: Path) -> None:
    torch.save(network(make_folder).state_dict(), tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match=r"must come with how images are prepared.*: --preprocessing FILE\."):
        open_model(tmp_path / "w.pt")


@pytest.mark.parametrize("project", [regnet.Vissl, regnet.ClassyVision])
def test_the_order_of_channels_is_asked_for_where_a_project_used_both(
    project: Any, preprocessing: Path, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    torch.save(project().state_dict(), tmp_path / "w.torch")
    with pytest.raises(CheckpointError, match=r'must come with the order of its channels: .*Add "channels": "RGB" or'):
        open_model(tmp_path / "w.torch", preprocessing=preprocessing)
    preprocessing.write_text(json.dumps({"size": 64, "mean": [0.5] * 3, "std": [0.5] * 3, "channels": "BGR"}))
    card = open_model(tmp_path / "w.torch", preprocessing=preprocessing).card
    assert card.preprocessing["channels"] == "BGR"


def test_only_the_trunk_of_a_file_is_read(make_folder: Any, preprocessing: Path, tmp_path: Path) -> None:
    torch.save(network(make_folder).state_dict(), tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match="got a file of weights, of which only the trunk is read"):
        open_model(tmp_path / "w.pt", preprocessing=preprocessing, layer="projection")


def test_files_without_weights_by_name(tmp_path: Path, preprocessing: Path) -> None:
    itself: dict[str, Any] = {}
    itself["itself"] = itself
    for content, kind in (([torch.ones(2)], "list"), ({"epoch": 3}, "dict"), (itself, "dict")):
        torch.save(content, tmp_path / "w.pt")
        with pytest.raises(CheckpointError, match=f"must hold weights by name; got a {kind} without tensors"):
            open_model(tmp_path / "w.pt", preprocessing=preprocessing)


def test_settings_and_numbers_of_numpy_beside_the_weights_are_skipped(
    make_folder: Any, preprocessing: Path, tmp_path: Path
) -> None:
    """As facebookresearch/swav at 06b1b7c saves them (main_swav.py: learning rates), and DINO (its arguments)."""
    expected = network(make_folder)
    content = {
        "state_dict": expected.state_dict(),
        "optimizer": {"param_groups": [{"lr": np.float64(0.6)}, {"lr": np.float32(0.6)}]},
        "amp": np.arange(3),
        "args": argparse.Namespace(arch="resnet50", dist=None),
        "of_numpy_1": OfNumpy1(),
    }
    for zipped in (True, False):
        torch.save(content, tmp_path / "w.pth.tar", _use_new_zipfile_serialization=zipped)
        check_same(tmp_path / "w.pth.tar", preprocessing, expected)


class OfNumpy1:
    """What a number looked like in a pickle before numpy 2."""

    def __reduce__(self) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            import numpy.core.multiarray as before
        return before.scalar, (np.dtype("f8"), b"12345678")


def test_a_file_that_changes_afterwards_changes_nothing(make_folder: Any, preprocessing: Path, tmp_path: Path) -> None:
    """Files are mapped into memory while they are read, and training scripts write over their last checkpoint."""
    for suffix in (".pth", ".safetensors"):
        path = tmp_path / f"w{suffix}"
        (torch.save if suffix == ".pth" else save_file)(network(make_folder).state_dict(), path)
        model = open_model(path, preprocessing=preprocessing)
        batch = torch.rand(2, 3, 28, 28)
        before = model.embed(batch)
        with path.open("r+b") as file:
            file.write(b"\0" * path.stat().st_size)
        assert torch.equal(model.embed(batch), before)


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
    else:
        torch.save(torch.nn.Linear(2, 2), path)


@pytest.mark.parametrize("form", ["zip", "legacy", "pickle", "module"])
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
