from __future__ import annotations

import contextlib
import dataclasses
import json
import math
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from fairaudit.core.errors import CheckpointError, ConfigError, DataError
from fairaudit.images.listing import list_images
from fairaudit.pretrain import TrainingWarning, pretrain
from fairaudit.pretrain.checkpoint import load_checkpoint
from fairaudit.pretrain.images import ImageStore
from fairaudit.pretrain.loop import batch_at
from fairaudit.pretrain.recipe import Recipe, recipe_from_toml
from fairaudit.pretrain.settings import Optimiser, Schedule
from fairaudit.pretrain.views import plain_views
from tests.images.shards import write_shard
from tests.pretrain.conftest import draw

pytestmark = pytest.mark.filterwarnings("ignore::fairaudit.pretrain.TrainingWarning")


class Killed(Exception):
    """Stands for a process that ends in the middle of a run."""


def kill_after(step: int) -> object:
    def on_step(row: Mapping[str, float]) -> None:
        if row["step"] == step:
            raise Killed

    return on_step


@pytest.fixture(scope="module")
def whole_run(tmp_path_factory: pytest.TempPathFactory, six_steps: Recipe, pictures: Path) -> Path:
    return pretrain(six_steps, data=[pictures], output=tmp_path_factory.mktemp("runs") / "whole", progress=False)


def metrics(run: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]


def test_a_run_leaves_all_its_files(whole_run: Path, six_steps: Recipe) -> None:
    assert recipe_from_toml((whole_run / "recipe.toml").read_text(encoding="utf-8")) == six_steps
    data = json.loads((whole_run / "data.json").read_text(encoding="utf-8"))
    assert (data["method"], data["images"], data["n_skipped"], len(data["digest"])) == ("swav", 24, 0, 64)
    rows = metrics(whole_run)
    assert [row["step"] for row in rows] == [1, 2, 3, 4, 5, 6]
    assert [row["epoch"] for row in rows] == [0, 0, 0, 1, 1, 1]
    assert all(0 < row["loss"] < 2 / 0.1 + math.log(12) for row in rows)  # cosines lie in [-1, 1]
    assert [row["queue"] for row in rows] == [0, 1, 1, 1, 1, 1]  # one batch of eight fills eight places
    finished = json.loads((whole_run / "finished.json").read_text(encoding="utf-8"))
    assert finished["images_seen"] == 48
    assert finished["loss_of_chance"] == pytest.approx(math.log(12))


def test_a_run_says_what_is_declared_of_its_images(whole_run: Path, tmp_path: Path, six_steps: Recipe) -> None:
    for name in ("datasheet", "profile"):
        (row,) = json.loads((whole_run / f"{name}.json").read_text(encoding="utf-8"))["folders"]
        assert row["folder"].startswith("pictures")
    card = (whole_run / "model" / "README.md").read_text(encoding="utf-8")
    assert "| Recipe | six steps |" in card
    assert "| Training images | 24 |" in card
    assert "Who and where is in the images: *not declared* (no table of the images lies in the folder)." in card
    # A datasheet that cannot be read stops the run before anything is written.
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "datasheet.toml").write_text('licens = "CC0"')
    for i in range(8):
        (tmp_path / "data" / f"{i}.jpg").write_bytes(b"no image")
    with pytest.raises(ConfigError, match=r"got 'licens'\. Did you mean 'licence'\?"):
        pretrain(six_steps, data=[tmp_path / "data"], output=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("step", [1, 3, 4, 5])
def test_a_killed_run_goes_on_bit_for_bit(
    tmp_path: Path, whole_run: Path, six_steps: Recipe, pictures: Path, step: int
) -> None:
    output = tmp_path / "run"
    with pytest.raises(Killed):
        pretrain(six_steps, data=[pictures], output=output, progress=False, on_step=kill_after(step))  # type: ignore[arg-type]
    assert not (output / "finished.json").exists()
    assert len(metrics(output)) == step
    torch.manual_seed(step)  # the state of torch's own numbers must not matter
    pretrain(six_steps, data=[pictures], output=output, progress=False)
    assert metrics(output) == metrics(whole_run)
    there, here = (
        load_file(whole_run / "model" / "model.safetensors"),
        load_file(output / "model" / "model.safetensors"),
    )
    assert there.keys() == here.keys()
    assert all(torch.equal(there[key], here[key]) for key in there)


def test_a_run_on_shards_and_a_table_from_disk_goes_on_bit_for_bit(
    tmp_path: Path, six_steps: Recipe, pictures: Path
) -> None:
    files = sorted((pictures / "b").iterdir())
    write_shard(tmp_path / "shards" / "0.tar", {path.name: path.read_bytes() for path in files})
    shutil.copytree(pictures / "a", tmp_path / "table")
    rows = [f"{path.name},KE" for path in sorted((pictures / "a").iterdir())]
    (tmp_path / "table" / "t.csv").write_text("\n".join(["file,country", *rows]))
    data = [tmp_path / "shards", tmp_path / "table" / "t.csv"]
    recipe = dataclasses.replace(six_steps, crops=dataclasses.replace(six_steps.crops, store=0))
    whole = pretrain(recipe, data=data, output=tmp_path / "whole", progress=False)
    with pytest.raises(Killed):
        pretrain(recipe, data=data, output=tmp_path / "run", progress=False, on_step=kill_after(3))  # type: ignore[arg-type]
    pretrain(recipe, data=data, output=tmp_path / "run", progress=False)
    assert metrics(tmp_path / "run") == metrics(whole)
    assert len(metrics(whole)) == 6
    profiles = json.loads((whole / "profile.json").read_text(encoding="utf-8"))["folders"]
    assert [row["folder"] for row in profiles] == ["shards", "t.csv"]
    assert profiles[1]["profile"]["n_rows"] == 12


def test_the_same_seed_gives_the_same_run_and_another_does_not(
    tmp_path: Path, whole_run: Path, six_steps: Recipe, pictures: Path
) -> None:
    other = pretrain(six_steps, data=[pictures], output=tmp_path / "b", seed=1, progress=False)
    assert [r["loss"] for r in metrics(other)] != [r["loss"] for r in metrics(whole_run)]
    assert "seed = 1" in (other / "recipe.toml").read_text(encoding="utf-8")


def test_the_name_of_a_recipe_is_no_markup(
    tmp_path: Path, six_steps: Recipe, pictures: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pretrain(dataclasses.replace(six_steps, name="a[/b]"), data=[pictures], output=tmp_path / "a[/b]", progress=True)
    assert "\n  training a[/b] (" in capsys.readouterr().err


def test_a_finished_run_returns_at_once(whole_run: Path, six_steps: Recipe, pictures: Path) -> None:
    before = (whole_run / "checkpoint.pt").stat().st_mtime_ns

    def never(_: Mapping[str, float]) -> None:
        raise AssertionError("a finished run must not train")

    assert pretrain(six_steps, data=[pictures], output=whole_run, progress=False, on_step=never) == whole_run
    assert (whole_run / "checkpoint.pt").stat().st_mtime_ns == before


def test_the_random_state_of_torch_stays(tmp_path: Path, six_steps: Recipe, pictures: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    pretrain(six_steps, data=[pictures], output=tmp_path / "run", samples=8, progress=False)
    assert torch.equal(torch.rand(3), expected)


def test_another_recipe_in_the_run_folder(whole_run: Path, six_steps: Recipe, pictures: Path) -> None:
    other = dataclasses.replace(six_steps, optimiser=Optimiser(learning_rate=0.06, larc=0.01))
    with pytest.raises(ConfigError) as caught:
        pretrain(other, data=[pictures], output=whole_run, progress=False)
    assert "must hold the same recipe; got 'learning_rate = 0.05' there and 'learning_rate = 0.06' now." in str(
        caught.value
    )
    assert str(caught.value).endswith("Choose another output folder, or delete this one.")


def test_other_images_in_the_run_folder(tmp_path: Path, whole_run: Path, six_steps: Recipe, pictures: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(pictures, copy)
    assert pretrain(six_steps, data=[copy], output=whole_run, progress=False) == whole_run  # moved, but the same
    one = next(copy.rglob("*.jpg"))
    one.write_bytes(one.read_bytes()[:-1] + b"\0")  # the same name and size
    with pytest.raises(
        ConfigError, match=r"must hold a run on the same images; got one on 24 images with another digest\."
    ):
        pretrain(six_steps, data=[copy], output=whole_run, progress=False)


def test_a_folder_with_other_files_is_refused(tmp_path: Path, six_steps: Recipe, pictures: Path) -> None:
    (tmp_path / "thesis.txt").write_text("do not touch", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"must be a new folder, an empty one or an earlier run; got a folder"):
        pretrain(six_steps, data=[pictures], output=tmp_path, progress=False)
    with pytest.raises(ConfigError, match=r"output .*thesis.txt must be a folder; got a file"):
        pretrain(six_steps, data=[pictures], output=tmp_path / "thesis.txt", progress=False)


def test_a_batch_larger_than_the_data(tmp_path: Path, six_steps: Recipe, pictures: Path) -> None:
    big = dataclasses.replace(
        six_steps, schedule=Schedule(samples=64, batch=32), swav=dataclasses.replace(six_steps.swav, queue=0)
    )
    with pytest.raises(
        ConfigError,
        match=r"schedule.batch must not be larger than the number of images; got a batch of 32 for 24 images",
    ):
        pretrain(big, data=[pictures], output=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def stopped_run(output: Path, recipe: Recipe, pictures: Path, *, after: int) -> Path:
    with pytest.raises(Killed):
        pretrain(recipe, data=[pictures], output=output, progress=False, on_step=kill_after(after))  # type: ignore[arg-type]
    return output


def test_a_damaged_checkpoint_costs_the_steps_since_the_one_before(
    tmp_path: Path, whole_run: Path, six_steps: Recipe, pictures: Path
) -> None:
    output = stopped_run(tmp_path / "run", six_steps, pictures, after=5)
    newest = output / "checkpoint.pt"
    newest.write_bytes(newest.read_bytes()[:1000])
    with pytest.warns(
        TrainingWarning,
        match=r"checkpoint '.*checkpoint.pt' must be one that a run wrote; got unreadable bytes\. The run resumes from "
        r"the previous checkpoint, 'checkpoint.previous.pt'\.",
    ):
        pretrain(six_steps, data=[pictures], output=output, progress=False)
    assert metrics(output) == metrics(whole_run)


def test_a_run_whose_checkpoints_are_all_damaged_is_refused(tmp_path: Path, six_steps: Recipe, pictures: Path) -> None:
    output = stopped_run(tmp_path / "run", six_steps, pictures, after=5)
    for name in ("checkpoint.pt", "checkpoint.previous.pt"):
        (output / name).write_bytes(b"half a file")
    with pytest.raises(
        CheckpointError,
        match=r"must be one that a run wrote; got unreadable bytes\. Restore it from a copy of the run, or delete "
        r"'checkpoint\.pt' and 'checkpoint\.previous\.pt' to start the run again\.",
    ):
        pretrain(six_steps, data=[pictures], output=output, progress=False)
    torch.save({"step": 3}, output / "checkpoint.pt")
    with pytest.raises(CheckpointError, match="must have format 2; got other content"):
        load_checkpoint(output / "checkpoint.pt")


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), RuntimeError("PytorchStreamWriter failed")])
def test_a_full_disk_leaves_a_run_that_goes_on(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    whole_run: Path,
    six_steps: Recipe,
    pictures: Path,
    error: Exception,
) -> None:
    output = stopped_run(tmp_path / "run", six_steps, pictures, after=3)

    def full(state: object, path: Path) -> None:
        path.write_bytes(b"half a checkpoint")
        raise error

    with monkeypatch.context() as patched:
        patched.setattr(torch, "save", full)
        with pytest.raises(
            CheckpointError, match=r"must be written whole; got '.*'\. Free space on its disk and repeat"
        ):
            pretrain(six_steps, data=[pictures], output=output, progress=False)
    names = {p.name for p in output.iterdir()}
    assert "checkpoint.pt" in names
    assert [name for name in names if name.startswith(".")] == [".fairaudit.json"]  # nothing half written is left
    pretrain(six_steps, data=[pictures], output=output, progress=False)
    assert metrics(output) == metrics(whole_run)


def test_half_a_line_of_metrics_is_written_again(
    tmp_path: Path, whole_run: Path, six_steps: Recipe, pictures: Path
) -> None:
    output = stopped_run(tmp_path / "run", six_steps, pictures, after=5)
    text = (output / "metrics.jsonl").read_text(encoding="utf-8")
    (output / "metrics.jsonl").write_text(text[:-40], encoding="utf-8")
    pretrain(six_steps, data=[pictures], output=output, progress=False)
    assert metrics(output) == metrics(whole_run)


def test_a_run_goes_on_with_the_threads_it_began_with(tmp_path: Path, six_steps: Recipe, pictures: Path) -> None:
    used: list[int] = []

    def stop_at(step: int) -> Callable[[Mapping[str, float]], None]:
        def on_step(row: Mapping[str, float]) -> None:
            used.append(torch.get_num_threads())
            if row["step"] == step:
                raise Killed

        return on_step

    output = tmp_path / "run"
    with pytest.raises(Killed):
        pretrain(six_steps, data=[pictures], output=output, progress=False, threads=2, on_step=stop_at(2))
    with pytest.raises(Killed):
        pretrain(six_steps, data=[pictures], output=output, progress=False, on_step=stop_at(3))
    assert used == [2, 2, 2]
    with pytest.warns(
        TrainingWarning, match=r"began with threads 2 and goes on with threads 1: its numbers will differ"
    ) as caught:
        pretrain(six_steps, data=[pictures], output=output, progress=False, threads=1)
    assert [warning.filename for warning in caught if "began with" in str(warning.message)] == [__file__]
    assert json.loads((output / "machine.json").read_text(encoding="utf-8"))["torch"] == torch.__version__


CHILD = """
import os, sys, warnings
from pathlib import Path
import torch
from fairaudit.pretrain import pretrain
from fairaudit.pretrain.recipe import recipe_from_toml
warnings.simplefilter("ignore")
torch.set_num_threads(1)
recipe = recipe_from_toml(Path(sys.argv[1]).read_text(encoding="utf-8"))
for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        pretrain(recipe, data=[Path(sys.argv[2])], output=Path(sys.argv[3]), progress=False)
        os._exit(0)
    print(child, flush=True)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked, so that each need not import torch")
def test_a_process_killed_at_random_times_loses_nothing(tmp_path: Path, six_steps: Recipe, pictures: Path) -> None:
    """SIGKILL from outside, anywhere: in a step, a checkpoint, the export. FAIRAUDIT_KILLS=20 for more of them."""
    kills = int(os.environ.get("FAIRAUDIT_KILLS", "4"))
    longer = dataclasses.replace(
        six_steps, schedule=dataclasses.replace(six_steps.schedule, samples=320, checkpoint_every=1)
    )
    began = time.monotonic()
    expected = pretrain(longer, data=[pictures], output=tmp_path / "whole", progress=False, threads=1)
    longest = time.monotonic() - began
    (tmp_path / "recipe.toml").write_text(longer.to_toml(), encoding="utf-8")
    command: list[str | Path] = [sys.executable, "-c", CHILD, tmp_path / "recipe.toml", pictures, tmp_path / "run"]
    rng, ends, steps = np.random.default_rng(), list[int](), list[int]()
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        while 0 not in ends and len(ends) <= kills:
            print(file=parent.stdin, flush=True)
            child = int(parent.stdout.readline())
            if len(ends) < kills:
                time.sleep(float(rng.uniform(0.0, 0.4 * longest)))
                with contextlib.suppress(ProcessLookupError):  # it has ended
                    os.kill(child, signal.SIGKILL)
            ends.append(int(parent.stdout.readline()))
            written = tmp_path / "run" / "metrics.jsonl"
            steps.append(len(written.read_text(encoding="utf-8").splitlines()) if written.is_file() else 0)
        parent.stdin.close()
    assert ends[-1] == 0
    assert ends.count(-signal.SIGKILL) == len(ends) - 1 >= 2, steps
    assert metrics(tmp_path / "run") == metrics(expected), steps
    here, there = (load_file(run / "model" / "model.safetensors") for run in (tmp_path / "run", expected))
    assert all(torch.equal(here[key], there[key]) for key in there)


def test_folders_without_images(tmp_path: Path, six_steps: Recipe) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="must contain images"):
        pretrain(six_steps, data=[tmp_path / "empty"], output=tmp_path / "run", progress=False)
    with pytest.raises(DataError, match="data must name at least one folder, shard or table of images; got none"):
        pretrain(six_steps, data=[], output=tmp_path / "run", progress=False)


def test_a_rate_that_explodes_is_reported(tmp_path: Path, six_steps: Recipe, pictures: Path) -> None:
    wild = dataclasses.replace(six_steps, optimiser=Optimiser(learning_rate=1e30))
    with pytest.raises(
        ConfigError, match=r"training loss must be finite; got nan at step \d\. Lower optimiser.learning_rate"
    ):
        pretrain(wild, data=[pictures], output=tmp_path / "run", progress=False)


def test_a_recipe_that_is_known_to_fail_warns(tmp_path: Path, six_steps: Recipe, pictures: Path) -> None:
    few = dataclasses.replace(six_steps, swav=dataclasses.replace(six_steps.swav, prototypes=4))
    with pytest.warns(TrainingWarning, match=r"swav.prototypes = 4 is below swav.dimension = 6") as caught:
        pretrain(few, data=[pictures], output=tmp_path / "run", progress=False)
    assert caught[0].filename == __file__


def test_a_loss_that_stays_at_chance_warns(tmp_path: Path, six_steps: Recipe, pictures: Path) -> None:
    still = dataclasses.replace(six_steps, optimiser=Optimiser(learning_rate=1e-9))
    with pytest.warns(
        TrainingWarning, match=r"training loss must fall below that of a blind guess, ln K = 2\.485; got \d"
    ) as caught:
        run = pretrain(still, data=[pictures], output=tmp_path / "run", progress=False)
    assert caught[-1].filename == __file__
    assert json.loads((run / "finished.json").read_text(encoding="utf-8"))["stuck"] is True


def test_every_epoch_shows_each_image_at_most_once_in_a_new_order() -> None:
    epochs: dict[int, list[int]] = {}
    for step in range(10):
        epoch, indices = batch_at(step, images=23, batch=4, seed=1)
        epochs.setdefault(epoch, []).extend(indices)
    assert {epoch: len(seen) for epoch, seen in epochs.items()} == {0: 20, 1: 20}
    assert all(len(set(seen)) == 20 for seen in epochs.values())
    assert epochs[0] != epochs[1]


def test_threads_must_be_positive(tmp_path: Path, six_steps: Recipe, pictures: Path) -> None:
    with pytest.raises(ConfigError, match="threads must be 1 or more; got 0"):
        pretrain(six_steps, data=[pictures], output=tmp_path / "run", progress=False, threads=0)


def test_views_larger_than_every_image_are_refused(tmp_path: Path, pictures: Path, six_steps: Recipe) -> None:
    large = dataclasses.replace(six_steps, crops=dataclasses.replace(six_steps.crops, sizes=(32, 16), store=40))
    must = r"crops\.sizes must not begin with more pixels than any image has; got 32, and a short side of 24 in"
    with pytest.raises(ConfigError, match=must):
        pretrain(large, data=[pictures], output=tmp_path / "run", progress=False)


def test_views_larger_than_most_images_are_warned_of(tmp_path: Path, pictures: Path, six_steps: Recipe) -> None:
    large = dataclasses.replace(six_steps, crops=dataclasses.replace(six_steps.crops, sizes=(32, 16), store=40))
    draw(tmp_path / "one" / "large.png", 0, width=50, height=50)
    with pytest.warns(
        TrainingWarning, match=r"begins with 32 pixels, and 24 of 25 images have a shorter side"
    ) as caught:
        pretrain(large, data=[pictures, tmp_path / "one"], output=tmp_path / "run", progress=False)
    assert [warning.filename for warning in caught if "begins with" in str(warning.message)] == [__file__]


@pytest.mark.slow
def test_training_on_pictures_of_three_kinds_tells_them_apart(
    tmp_path: Path, pictures: Path, six_steps: Recipe
) -> None:
    """The loss leaves that of a blind guess, and the nearest neighbour is of the same kind."""
    from transformers import AutoModel

    longer = dataclasses.replace(
        six_steps, optimiser=Optimiser(learning_rate=0.1), schedule=Schedule(samples=2400, batch=8)
    )
    run = pretrain(longer, data=[pictures], output=tmp_path / "run", progress=False)
    assert sum(row["loss"] for row in metrics(run)[-20:]) / 20 < 0.96 * math.log(12)  # seeds 0 to 3: .82 to .94
    files = list_images([pictures])
    store = ImageStore(files, short_side=24)
    model = AutoModel.from_pretrained(run / "model").eval()
    with torch.no_grad():
        _, squares = plain_views(store, range(24), size=24, device=torch.device("cpu"))
        features = model(pixel_values=squares).pooler_output.flatten(1)
    similarity = torch.nn.functional.normalize(features, dim=1) @ torch.nn.functional.normalize(features, dim=1).T
    similarity.fill_diagonal_(-2)
    kinds = torch.tensor([int(Path(name).stem) % 3 for name in map(files.name, range(24))])
    assert (kinds[similarity.argmax(dim=1)] == kinds).float().mean() > 0.9
