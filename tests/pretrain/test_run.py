"""A stopped run whose files are damaged is not gone on with in silence; what the error says to do helps."""

from __future__ import annotations

import resource
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest

from fairaudit.core.errors import ConfigError, DataError
from fairaudit.core.output_folder import begun
from fairaudit.pretrain import pretrain
from fairaudit.pretrain.recipe import Recipe
from fairaudit.pretrain.run import JsonLines

pytestmark = pytest.mark.filterwarnings("ignore::fairaudit.pretrain.TrainingWarning")


class Killed(Exception):
    pass


def stop(row: Mapping[str, float]) -> None:
    if row["step"] == 5:
        raise Killed


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory, six_steps: Recipe, pictures: Path) -> Path:
    output = tmp_path_factory.mktemp("runs") / "stopped"
    with pytest.raises(Killed):
        pretrain(six_steps, data=[pictures], output=output, progress=False, on_step=stop)
    return output


@pytest.fixture
def run(stopped: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(stopped, tmp_path / "run"))


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff", b"\0\0"])
@pytest.mark.parametrize("name", ["data.json", "machine.json", "finished.json"])
def test_a_damaged_file_is_named(run: Path, six_steps: Recipe, pictures: Path, name: str, content: bytes) -> None:
    (run / "model").mkdir()  # without it a run is never complete
    begun(run, name).write_bytes(content)
    with pytest.raises(DataError, match=rf"^'.*{name}' must be what a run wrote; got .*, or delete the file\.$"):
        pretrain(six_steps, data=[pictures], output=run, progress=False)


@pytest.mark.parametrize("name", ["data.json", "machine.json", "finished.json"])
def test_a_run_goes_on_without_a_file_that_was_deleted(run: Path, six_steps: Recipe, pictures: Path, name: str) -> None:
    (run / name).unlink(missing_ok=True)
    pretrain(six_steps, data=[pictures], output=run, progress=False)
    assert (run / name).is_file()
    assert len((run / "metrics.jsonl").read_bytes().splitlines()) == 6


@pytest.mark.parametrize("content", [b"", b"[", b"\xff", b"name = 'x'"])
def test_a_damaged_recipe_is_not_another_recipe(run: Path, six_steps: Recipe, pictures: Path, content: bytes) -> None:
    (run / "recipe.toml").write_bytes(content)
    with pytest.raises(DataError, match=r"recipe\.toml' must be what a run wrote; got .* Restore the file from a copy"):
        pretrain(six_steps, data=[pictures], output=run, progress=False)


def test_a_recipe_that_was_cut_is_another_and_a_line_end_makes_none(
    run: Path, six_steps: Recipe, pictures: Path
) -> None:
    path = run / "recipe.toml"
    lines = path.read_text(encoding="utf-8").splitlines()
    path.write_text("\n".join(lines[:-1]), encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"must hold the same recipe; got '' there and '{lines[-1]}' now"):
        pretrain(six_steps, data=[pictures], output=run, progress=False)
    path.write_text("\n".join(lines), encoding="utf-8")
    assert pretrain(six_steps, data=[pictures], output=run, progress=False) == run


def test_a_damaged_line_is_named_and_can_be_deleted(run: Path, six_steps: Recipe, pictures: Path) -> None:
    path = run / "metrics.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([lines[0], b"\0\0\0\n", *lines[2:]]))
    with pytest.raises(DataError, match=r"^line 2 of '.*metrics\.jsonl' must be what a run wrote; got .*, or delete"):
        pretrain(six_steps, data=[pictures], output=run, progress=False)
    path.write_bytes(b"".join([lines[0], *lines[2:]]))
    (run / "watch.jsonl").write_text('{"images": 0}\n')
    with pytest.raises(DataError, match=r"^line 1 of '.*watch\.jsonl' must be what a run wrote; got "):
        pretrain(six_steps, data=[pictures], output=run, progress=False)


def write_beyond_the_limit(path: Path) -> None:
    with JsonLines.open(path, [{"step": 1}]) as lines:
        resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size, resource.getrlimit(resource.RLIMIT_FSIZE)[1]))
        lines.write({"step": 2})


def test_a_full_disk_is_named(tmp_path: Path) -> None:
    path, limits = tmp_path / "metrics.jsonl", resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(
            ConfigError, match=r"metrics\.jsonl' must be writable; got 'File too large'\. Free space on"
        ):
            write_beyond_the_limit(path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert path.read_text(encoding="utf-8").count("\n") == 1
