"""``fairaudit.train`` and the command ``pretrain``: watched from start to end, with a page, stopped or not."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import fairaudit
from fairaudit.cli import main as cli
from fairaudit.runs.run_record import read_run

pytestmark = pytest.mark.filterwarnings("ignore::fairaudit.pretrain.TrainingWarning")
RECIPE = """
name = "few steps"
[swav]
prototypes = 12
dimension = 6
hidden = [10]
queue = 16
[crops]
sizes = [32]
counts = [2]
scales = [[0.5, 1.0]]
store = 32
[schedule]
samples = 64
batch = 16
checkpoint_every = 2
"""


@pytest.fixture
def world(tmp_path: Path, rng: np.random.Generator) -> Path:
    """Images of noise: 60 in the layout of UTKFace, 20 with labels, and a recipe of four steps."""
    for i in range(60):
        name = f"faces/{20 + i % 50}_{i % 2}_{i % 3}_201701{i:011d}.jpg"
        (tmp_path / "faces").mkdir(exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (36, 36, 3), dtype=np.uint8)).save(tmp_path / name)
    (tmp_path / "labelled").mkdir()
    for i in range(20):
        Image.fromarray(rng.integers(0, 256, (36, 36, 3), dtype=np.uint8)).save(tmp_path / f"labelled/{i}.png")
    rows = "".join(f"{i}.png,{'ab'[i % 2]}\n" for i in range(20))
    (tmp_path / "labelled" / "labels.csv").write_text("file,label\n" + rows)
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path


def test_the_command_watches_and_ends_with_the_page(
    world: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    run = world / "run"
    command = [
        "fairaudit", "pretrain", world / "recipe.toml", "--data", world / "faces", "-o", run,
        "--watch", f"people:utkface={world / 'faces'}", "--set", "representation_disparity.k=1,5",
        "--watch-labels", world / "labelled" / "labels.csv", "--watch-every", "32",
    ]  # fmt: skip
    monkeypatch.setattr(sys, "argv", list(map(str, command)))
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert not ended.value.code
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == "The run is finished: the network has seen 64 images."
    loss = json.loads((run / "finished.json").read_text())["loss"]
    assert printed[1].startswith(f"Loss {loss:.3f}; a blind guess gets ln K = 2.485")  # ln 12
    assert printed[1].endswith(" images/s")
    assert printed[2].startswith("k-NN accuracy 0.")
    assert " after 64 images, 0." in printed[2]
    assert printed[3:] == [str(run), str(run / "training.html")]
    watch_records = [json.loads(line) for line in (run / "watch.jsonl").read_text().splitlines()]
    assert [(row["images"], row["watcher"]) for row in watch_records] == [
        (images, name) for images in (0, 32, 64) for name in ("knn", "disparity")
    ]
    page = (run / "training.html").read_text(encoding="utf-8")
    assert "against all others</text>" in page
    assert str(world) not in page  # no folder of this computer

    (run / "training.html").unlink()
    (run / "finished.json").unlink()  # as if it had been stopped after its last step
    monkeypatch.setattr(sys, "argv", ["fairaudit", "report", str(run)])
    with pytest.raises(SystemExit):
        cli.main()
    assert capsys.readouterr().out.strip() == str(run / "training.html")
    assert "Not finished" in (run / "training.html").read_text(encoding="utf-8")


def test_a_run_is_looked_at_ten_times_unless_it_is_said_how_often(world: Path) -> None:
    found = fairaudit.train(
        world / "recipe.toml",
        data=[world / "faces"],
        output=world / "run",
        labels=world / "labelled" / "labels.csv",
        progress=False,
    )
    assert [look.images for look in found.watch_records] == [0, 16, 32, 48, 64]  # every 6 images: at each step of 16
    assert found.steps["loss"].tolist() == read_run(world / "run").steps["loss"].tolist()


def test_the_page_of_a_run_without_labels_or_weights(world: Path) -> None:
    fairaudit.train(world / "recipe.toml", data=[world / "faces"], output=world / "run", progress=False)
    for path in (world / "run").iterdir():
        if path.name not in ("recipe.toml", "metrics.jsonl"):
            path.unlink() if path.is_file() else None
    page = fairaudit.training_page(world / "run").read_text(encoding="utf-8")
    assert "No disparity was watched." in page
    assert "has seen 64 of 64 images" in page
