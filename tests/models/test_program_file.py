"""Programs are refused until the user trusts them; then what they return is the embedding."""

from __future__ import annotations

import hashlib
import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from fairaudit.core.errors import CheckpointError
from fairaudit.models import open_model


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, 5, 3)
        self.norm = nn.BatchNorm2d(5)
        self.drop = nn.Dropout(0.9)

    def forward(self, x: Tensor) -> Tensor:
        vectors: Tensor = self.drop(self.norm(self.convolution(x)).mean(dim=(2, 3)))
        return vectors


@pytest.fixture
def network() -> Net:
    torch.manual_seed(0)
    return Net().eval()


@pytest.fixture
def preprocessing(tmp_path: Path) -> Path:
    path = tmp_path / "p.json"
    path.write_text(json.dumps({"size": 16, "mean": [0.5] * 3, "std": [0.5] * 3}))
    return path


def save(network: nn.Module, path: Path, *, batches: bool = True) -> Path:
    if path.suffix != ".pt2":
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            script: Any = torch.jit.script(network)
            script.save(str(path))
        return path
    sizes = ({0: torch.export.Dim("batch")},) if batches else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(network, (torch.rand(2 if batches else 1, 3, 16, 16),), dynamic_shapes=sizes)
        torch.export.save(program, path)
    return path


@pytest.mark.parametrize("name", ["w.pt", "w.bin", "w.pt2"])
def test_programs_are_refused_until_they_are_trusted(network: Net, tmp_path: Path, name: str) -> None:
    path = save(network, tmp_path / name)
    what = "an exported program" if name == "w.pt2" else "TorchScript"
    with pytest.raises(CheckpointError) as caught:
        open_model(path)
    assert str(caught.value) == (
        f"checkpoint '{path}' must be data unless you trust it; got {what}, which executes code. Nothing was executed. "
        "If you know who made it, add --trust-checkpoint; else save the state_dict as safetensors."
    )
    with pytest.raises(CheckpointError, match=f"how images are prepared, which {what} does not say; got no preproc"):
        open_model(path, trusted=True)


@pytest.mark.parametrize("name", ["w.pt", "w.pt2"])
def test_a_trusted_program_gives_embeddings(network: Net, tmp_path: Path, preprocessing: Path, name: str) -> None:
    path = save(network, tmp_path / name)
    model = open_model(path, preprocessing=preprocessing, trusted=True)
    for n in (1, 3):
        batch = torch.rand(n, 3, 16, 16)
        with torch.no_grad():
            torch.testing.assert_close(model.embed(batch), network(batch), atol=1e-6, rtol=1e-5)
    card = model.card
    assert card.digest == hashlib.sha256(path.read_bytes()).hexdigest()
    assert card.n_parameters == sum(p.numel() for p in network.parameters())
    assert (card.name, card.embedding_dim, card.layer) == (name, 5, "output of the program")
    assert (card.kind, card.architecture) == {
        "w.pt": ("TorchScript", "Net"), "w.pt2": ("exported program", "exported program")
    }[name]  # fmt: skip
    assert card.notes == ("The checkpoint is a program and was run because the user trusts it (--trust-checkpoint).",)
    with pytest.raises(CheckpointError, match=r"whose output is the embedding\. Leave --layer at trunk"):
        open_model(path, preprocessing=preprocessing, trusted=True, layer="projection")


def test_a_program_for_one_image_at_once(network: Net, tmp_path: Path, preprocessing: Path) -> None:
    path = save(network, tmp_path / "w.pt2", batches=False)
    with pytest.raises(CheckpointError, match=r"must embed a batch of shape \(2, 3, 16, 16\); got"):
        open_model(path, preprocessing=preprocessing, trusted=True)


@pytest.mark.parametrize("name", ["w.pt", "w.pt2"])
def test_damaged_programs(network: Net, tmp_path: Path, preprocessing: Path, name: str) -> None:
    path = save(network, tmp_path / name)
    if name == "w.pt":
        path = tmp_path / "w2.pt"
        import zipfile

        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("w/code/__torch__.py", "nothing")
    else:
        path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(CheckpointError, match=r"must be a whole file of .*; got \w+: .*Save it again with the version"):
        open_model(path, preprocessing=preprocessing, trusted=True)


def test_weights_are_weights_also_when_trusted(tmp_path: Path) -> None:
    torch.save({"weight": torch.ones(2)}, tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match="must hold the weights of a RegNet or ResNet"):
        open_model(tmp_path / "w.pt", trusted=True)
