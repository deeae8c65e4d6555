"""Named pipes and devices on the command line: a photo is left out with its reason, anything else ends with code 2."""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fairaudit.pretrain.recipe import Recipe
from fairaudit.pretrain.settings import Crops, Optimiser, Schedule, Swav

pytestmark = pytest.mark.timeout(120)
Run = Callable[..., tuple[int, str, str]]
PIPE = "must be a readable file; got a named pipe. Check its path."
#: Address space of a process, torch included: /dev/zero fills it within seconds.
BYTES = 8 * 1024**3


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from transformers import ConvNextImageProcessorPil, RegNetConfig, RegNetModel

    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("net") / "regnet"
    config = RegNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], groups_width=8)
    RegNetModel(config).save_pretrained(folder)
    ConvNextImageProcessorPil(size={"shortest_edge": 24}, crop_pct=1.0).save_pretrained(folder)
    return folder


@pytest.fixture
def faces(tmp_path: Path, rng: np.random.Generator) -> Path:
    """A folder in the layout of UTKFace, of noise, and a named pipe that is called like one of them."""
    folder = tmp_path / "faces"
    folder.mkdir()
    for i in range(120):
        image = Image.fromarray(rng.integers(0, 256, (40, 40, 3), dtype=np.uint8))
        image.save(folder / f"{20 + i % 50}_{i % 2}_{i % 3}_201701{i:011d}.jpg")
    os.mkfifo(folder / "30_0_0_20170199999999999.jpg")
    return folder


@pytest.fixture
def pipe(tmp_path: Path) -> Callable[[str], Path]:
    def make(name: str) -> Path:
        os.mkfifo(tmp_path / name)
        return tmp_path / name

    return make


def recipe(folder: Path) -> Path:
    six_steps = Recipe(
        name="six steps",
        swav=Swav(prototypes=12, dimension=6, hidden=(10,), queue=8, freeze_prototypes=0.3),
        crops=Crops(sizes=(24, 16), counts=(2, 1), scales=((0.4, 1.0), (0.2, 0.5)), store=24, blur=0.5),
        optimiser=Optimiser(learning_rate=0.05, larc=0.01),
        schedule=Schedule(samples=48, batch=8, checkpoint_every=2),
    )
    path = folder / "six.toml"
    path.write_text(six_steps.to_toml(), encoding="utf-8")
    return path


def fairaudit(*arguments: object) -> tuple[int, str]:
    """Run the program in a process of its own, and return its code and what it says to standard error."""
    ran = subprocess.run(
        [sys.executable, "-m", "fairaudit", *map(str, arguments)], capture_output=True, text=True, timeout=100,
        check=False, preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (BYTES, BYTES)),
    )  # fmt: skip
    return ran.returncode, " ".join(ran.stderr.split())


def test_pretrain_leaves_a_named_pipe_out(faces: Path, tmp_path: Path) -> None:
    code, told = fairaudit("pretrain", recipe(tmp_path), "--data", faces, "-o", tmp_path / "run")
    assert code == 0, told
    data = json.loads((tmp_path / "run" / "data.json").read_text(encoding="utf-8"))
    name = "30_0_0_20170199999999999.jpg"
    assert data["images"] == 120
    assert data["skipped"] == [{"file": f"0/{name}", "reason": f"image {faces / name} {PIPE}"}]


def test_pretrain_on_pipes_alone_says_so(pipe: Callable[[str], Path], tmp_path: Path) -> None:
    for i in range(8):
        pipe(f"{i}.jpg")
    code, told = fairaudit("pretrain", recipe(tmp_path), "--data", tmp_path, "-o", tmp_path / "run" / "x")
    assert code == 2
    assert "at most 1 % of the images must be unreadable; got 8 of 8" in told
    assert PIPE in told


def test_preprocessing_without_an_end(checkpoint: Path, faces: Path) -> None:
    out = faces.parent / "out"
    code, told = fairaudit("audit", checkpoint, "--data", f"utkface={faces}", "--preprocessing", "/dev/zero", "-o", out)
    assert (code, told) == (
        2, "fairaudit: preprocessing file /dev/zero must be a readable file; got a device. Check its path.",
    )  # fmt: skip
    assert not out.exists()


def test_a_plan_that_is_a_pipe(checkpoint: Path, faces: Path, pipe: Callable[[str], Path]) -> None:
    plan, out = pipe("plan.toml"), faces.parent / "out"
    code, told = fairaudit("audit", checkpoint, "--data", f"utkface={faces}", "--plan", plan, "-o", out)
    assert (code, told) == (2, f"fairaudit: plan {plan} {PIPE}")


def test_an_audit_and_a_check_count_a_pipe_among_the_unreadable(run: Run, checkpoint: Path, faces: Path) -> None:
    out = faces.parent / "out"
    code, _, error = run("audit", checkpoint, "--data", f"utkface={faces}", "-o", out)
    assert code == 0, error
    (data,) = json.loads((out / "audit.json").read_text(encoding="utf-8"))["data"]
    assert data["n"] == 120
    assert "1 of 121 images could not be read and were left out." in data["notes"]
    code, printed, error = run("data", "check", "utkface", faces)
    assert code == 0, error
    assert "got a named pipe" in " ".join(printed.split())


@pytest.mark.parametrize(
    ("arguments", "got"),
    [
        (
            ("audit-table", "{pipe}.csv", "-o", "{tmp}/out"),
            "must be a .parquet or .csv file; got a named",
        ),
        (("audit-table", "{pipe}.parquet", "-o", "{tmp}/out"), "must be a .parquet or .csv file; got a named"),
        (("audit", "{net}", "--test-sets", "{pipe}.toml", "-o", "{tmp}/out"), f"table of tests {{path}} {PIPE}"),
        (("audit", "{net}", "--data", "utkface={faces}", "--prompts", "{pipe}.toml", "-o", "{tmp}/out"), PIPE),
        (("audit", "{net}", "--data", "utkface={faces}", "--probe", "{pipe}.csv", "-o", "{tmp}/out"), PIPE),
        (
            ("audit", "{pipe}.pth", "--data", "utkface={faces}", "-o", "{tmp}/out"),
            "checkpoint '{path}' must be an existing checkpoint; got a named pipe. Check the path.",
        ),
        (("audit", "{net}", "--data", "utkface={pipe}.jpg", "-o", "{tmp}/out"), "must be a folder for the reader"),
        (("probe", "{net}", "--labels", "{pipe}.csv", "-o", "{tmp}/out"), f"probe table {{path}} {PIPE}"),
        (("pretrain", "{pipe}.toml", "--data", "{faces}", "-o", "{tmp}/out"), f"recipe file {{path}} {PIPE}"),
        (("pretrain", "quick", "--data", "{pipe}.tar", "-o", "{tmp}/out"), f"shard {{path}} {PIPE}"),
        (("pretrain", "quick", "--data", "{pipe}.csv", "-o", "{tmp}/out"), "table {path} must be a .csv or .parquet "),
    ],
    ids=lambda value: " ".join(value[:4]) if isinstance(value, tuple) else "",
)
def test_a_pipe_in_place_of_an_input_is_one_sentence(
    run: Run, checkpoint: Path, faces: Path, pipe: Callable[[str], Path], arguments: tuple[str, ...], got: str
) -> None:
    suffix = next(a for a in arguments if "{pipe}" in a).split("}")[1]
    path = pipe(f"pipe{suffix}")
    filled = [a.format(pipe=path.with_suffix(""), net=checkpoint, faces=faces, tmp=faces.parent) for a in arguments]
    code, _, error = run(*filled)
    assert code == 2
    assert got.format(path=path) in " ".join(error.split())
    assert "Traceback" not in error
    assert not (faces.parent / "out").exists()
