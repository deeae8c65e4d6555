"""module:function: the user's own network, with preprocessing that is said and never guessed."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from fairaudit.core.errors import CheckpointError, ConfigError
from fairaudit.models import open_model

HEAD = """
import torch
from torch import nn
from types import SimpleNamespace
P = {"size": 8, "mean": [0.0] * 3, "std": [1.0] * 3}

class Net(nn.Module):
    def __init__(self, output):
        super().__init__()
        self.weight = nn.Parameter(torch.arange(12.0).reshape(3, 4))
        self.dropout = nn.Dropout(0.9)
        self.output = output
    def forward(self, x):
        self.features = self.dropout(x.mean(dim=(2, 3)) @ self.weight)
        return self.output(self.features)
"""

WriteModule = Callable[[str], str]


@pytest.fixture
def write_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> WriteModule:
    """Return a function that writes a module into the working folder and gives its name."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [p for p in sys.path if p not in ("", str(tmp_path))])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    for name in [n for n in sys.modules if n.startswith("users_net")]:
        monkeypatch.delitem(sys.modules, name)

    def write(body: str) -> str:
        name = f"users_net_{tmp_path.name}".replace("-", "_")
        (tmp_path / f"{name}.py").write_text(HEAD + textwrap.dedent(body))
        sys.modules.pop(name, None)
        return name

    return write


IMAGE = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0))
EXPECTED = IMAGE.mean(dim=(2, 3)) @ torch.arange(12.0).reshape(3, 4)


@pytest.mark.parametrize(
    "output",
    [
        "lambda v: v",
        "lambda v: (v, None)",
        "lambda v: [v]",
        "lambda v: SimpleNamespace(pooler_output=v, last_hidden_state=v * 0)",
        "lambda v: SimpleNamespace(last_hidden_state=v[:, :, None, None].expand(-1, -1, 5, 7))",
        "lambda v: v[:, :, None, None]",
        "lambda v: v.double()",
    ],
)
def test_what_a_network_may_return(write_module: WriteModule, output: str) -> None:
    name = write_module(f"def build():\n    net = Net({output})\n    net.preprocessing = P\n    return net\n")
    model = open_model(f"{name}:build")
    torch.testing.assert_close(model.embed(IMAGE), EXPECTED, atol=1e-5, rtol=1e-5)
    assert (model.card.kind, model.card.architecture, model.card.embedding_dim) == ("module:function", "Net", 4)
    assert model.card.n_parameters == 12
    assert model.card.preprocessing["crop"] == [8, 8]
    assert model.labels == ()


def test_averaged_maps_are_said_in_the_card(write_module: WriteModule) -> None:
    name = write_module("""
        def build():
            return Net(lambda v: v[:, :, None, None] * torch.arange(6.0).reshape(1, 1, 2, 3))
        build.preprocessing = P
        """)
    model = open_model(f"{name}:build")
    torch.testing.assert_close(model.embed(IMAGE), EXPECTED * 2.5, atol=1e-5, rtol=1e-5)
    assert model.card.notes == ("The network gives maps of 2 x 3; the embedding is their average.",)


def test_a_network_itself_and_a_preprocessing_file(write_module: WriteModule, tmp_path: Path) -> None:
    name = write_module("net = Net(lambda v: v)")
    with pytest.raises(CheckpointError, match="must say how images are prepared; got no attribute 'preprocessing'"):
        open_model(f"{name}:net")
    (tmp_path / "p.json").write_text(json.dumps({"size": 16, "mean": [0.5] * 3, "std": [0.5] * 3}))
    assert open_model(f"{name}:net", preprocessing=tmp_path / "p.json").card.preprocessing["resize"] == 16


def test_labels_and_predict(write_module: WriteModule) -> None:
    name = write_module("""
        class WithHead(Net):
            labels = ["a", "b", "c", "d"]
            preprocessing = P
            def predict(self, x):
                return self(x).softmax(dim=1)
        def build():
            return WithHead(lambda v: v)
        """)
    model = open_model(f"{name}:build")
    vectors, scores = model.embed_and_predict(IMAGE)
    assert model.labels == ("a", "b", "c", "d")
    assert scores is not None
    torch.testing.assert_close(scores, EXPECTED.softmax(dim=1), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(vectors, EXPECTED, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("def build(): return 3", "must return a torch.nn.Module; got int"),
        ("def build(x): return Net(None)", "is called without arguments; got TypeError"),
        ("def build(): raise RuntimeError('no weights here.')", "got RuntimeError: no weights here. Correct the func"),
        ("def other(): pass", "got no 'build' in it. Check the name."),
        ("raise ValueError('half of a module')", "got ValueError: half of a module"),
        ("build = Net(lambda v: v[:, None])\nbuild.preprocessing = P", "shape (B, D) or (B, D, H, W); got (2, 1, 4)"),
        ("build = Net(lambda v: {'x': v})\nbuild.preprocessing = P", "pooler_output; got dict. Return the embedding."),
        ("build = Net(lambda v: v[0])\nbuild.preprocessing = P", "shape (B, D) or (B, D, H, W); got (4,)"),
        ("build = Net(lambda v: v[:1])\nbuild.preprocessing = P", "of shape (2, D) for two images; got (1, 4)"),
        ("build = Net(lambda v: v / 0)\nbuild.preprocessing = P", "must give finite embeddings"),
        ("build = Net(lambda v: v @ v)\nbuild.preprocessing = P", "must embed a batch of shape (2, 3, 8, 8); got Runt"),
        ("build = Net(lambda v: v)\nbuild.preprocessing = P\nbuild.labels = 'ab'\nbuild.predict = lambda x: x",
         "must have 'labels' that are a sequence of texts; got 'ab'"),
        ("build = Net(lambda v: v)\nbuild.preprocessing = P\nbuild.labels = ['a']\n"
         "build.predict = lambda x: torch.full((len(x), 1), 3.0)", "rows that sum to 1; got a tensor of shape (2, 1)"),
        ("build = Net(lambda v: v)\nbuild.preprocessing = P\nbuild.labels = ['a', 'b']\n"
         "build.predict = lambda x: torch.ones(len(x), 1)", "one score for each of its 2 labels; got shape (2, 1)"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(write_module: WriteModule, body: str, message: str) -> None:
    name = write_module(body)
    with pytest.raises(CheckpointError) as caught:
        open_model(f"{name}:build")
    assert str(caught.value).startswith(f"checkpoint '{name}:build' must ")
    assert message in str(caught.value)


def test_wrong_preprocessing_attribute(write_module: WriteModule) -> None:
    name = write_module("build = Net(lambda v: v)\nbuild.preprocessing = {'size': 8}")
    with pytest.raises(
        ConfigError, match=rf"attribute 'preprocessing' of '{name}:build': mean must be a list of 3 values; it is"
    ):
        open_model(f"{name}:build")


def test_no_such_module(write_module: WriteModule) -> None:
    with pytest.raises(CheckpointError, match="got ModuleNotFoundError: No module named 'users_net_none'"):
        open_model("users_net_none:build")


def test_working_folder_never_hides_an_installed_module(write_module: WriteModule, tmp_path: Path) -> None:
    write_module("")
    (tmp_path / "colorsys.py").write_text("raise RuntimeError('the wrong one')")
    sys.modules.pop("colorsys", None)
    with pytest.raises(CheckpointError, match="got no 'build' in it"):
        open_model("colorsys:build")
