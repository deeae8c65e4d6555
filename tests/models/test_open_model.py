"""``open_model``: what is recognised, in which order, and what is said where nothing is."""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from fairaudit.core.errors import CheckpointError, DataError
from fairaudit.core.files import write_json
from fairaudit.describe.training_data import documents, training_data
from fairaudit.models import open_model, transformers_hub

LISTED = (
    "Read are: a folder of fairaudit pretrain (recipe.toml, model); a transformers folder (config.json, safetensors); "
    "TorchScript or an exported program (.pt2) with --trust-checkpoint and --preprocessing FILE; "
    "a file of RegNet or ResNet weights (.pt, .pth, .pth.tar, .torch, .bin, .safetensors) with --preprocessing FILE; "
    "a folder of features (embeddings.npy, samples.csv or .parquet), or an .npy beside a table of its name; "
    "module:function that returns an nn.Module; OWNER/NAME on the Hugging Face Hub."
)


@pytest.fixture
def run_folder(make_folder: Any, tmp_path: Path) -> Path:
    run = tmp_path / "my-run"
    run.mkdir()
    (run / "recipe.toml").write_text('name = "quick"\nseed = 3\n[network]\npreset = "tiny"\n')
    shutil.move(make_folder("regnet"), run / "model")
    return run


def test_nothing_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError) as caught:
        open_model("nothing")
    assert str(caught.value) == (
        f"checkpoint 'nothing' must be an existing checkpoint; got no such file or folder. Check the path. {LISTED}"
    )


def test_folders_and_files_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="got an empty folder"):
        open_model(tmp_path)
    for name in "abcdefg":
        (tmp_path / f"{name}.txt").touch()
    with pytest.raises(CheckpointError, match=r"got a folder with a\.txt, b\.txt, c\.txt, d\.txt, e\.txt, \.\.\.\."):
        open_model(tmp_path)
    with pytest.raises(CheckpointError, match=r"got a file with the suffix '\.txt'"):
        open_model(tmp_path / "a.txt")


def test_python_file_instead_of_module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=r"Write 'nets\.mine:build' for a function in a Python file\."):
        open_model("nets/mine.py:build")


def test_run_folder(run_folder: Path) -> None:
    (run_folder / "data.json").write_text(json.dumps({"method": "swav", "images": 2560}))
    card = open_model(run_folder).card
    assert (card.name, card.kind, card.architecture) == ("my-run", "fairaudit run", "RegNetModel")
    assert card.notes == (
        "Pre-trained by fairaudit without labels (SwAV) on 2,560 images with the recipe 'quick', seed 3.",
    )


@pytest.mark.parametrize(
    ("data", "note"),
    [
        ('{"method": "random weights"}', "Random weights, never trained"),
        ('{"method": "supervised", "images": 5}', "Trained by fairaudit with labels on 5 images"),
        ('{"method": "other"}', "Made by fairaudit with the method 'other'"),
        ("{}", "Made by fairaudit with the recipe 'quick'"),
    ],
)
def test_card_says_how_the_run_was_made(run_folder: Path, data: str, note: str) -> None:
    (run_folder / "data.json").write_text(data)
    assert open_model(run_folder).card.notes[0].startswith(note)


def test_card_holds_what_the_run_declares_of_its_images(run_folder: Path, tmp_path: Path) -> None:
    assert open_model(run_folder).card.training == {}  # a run that was made before runs said so
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "datasheet.toml").write_text('licence = "CC0"\n')
    (tmp_path / "photos" / "images.csv").write_text("country\n" + "KE\n" * 30)
    sheets, profiles = documents(training_data([tmp_path / "photos"]))
    write_json(run_folder / "datasheet.json", {"folders": sheets})
    write_json(run_folder / "profile.json", {"folders": profiles})
    card = open_model(run_folder).card
    assert card.training == {"datasheets": sheets, "profiles": profiles}
    assert len(card.notes) == 1


@pytest.mark.parametrize("name", ["data.json", "datasheet.json", "profile.json", "recipe.toml"])
@pytest.mark.parametrize("content", [b"{", b"[1", b"\xff", b"\0"])
def test_a_damaged_file_of_a_run_is_named(run_folder: Path, name: str, content: bytes) -> None:
    (run_folder / name).write_bytes(content)
    with pytest.raises(DataError, match=rf"^'.*{name}' must be what a run wrote; got .* Restore the file from a copy"):
        open_model(run_folder)


def test_unfinished_run(run_folder: Path) -> None:
    shutil.rmtree(run_folder / "model")
    with pytest.raises(CheckpointError) as caught:
        open_model(run_folder)
    assert str(caught.value) == (
        f"checkpoint '{run_folder}' must be a finished run; got recipe.toml without the folder model. "
        "Repeat the command that started it: the run resumes."
    )


def test_run_comes_before_transformers(run_folder: Path) -> None:
    (run_folder / "config.json").write_text("{}")
    assert open_model(run_folder).card.kind == "fairaudit run"


def test_hub_name_without_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(transformers_hub, "_is_reachable", lambda: False)
    with pytest.raises(CheckpointError) as caught:
        open_model("nobody/nothing-of-this-name")
    assert str(caught.value) == (
        "checkpoint 'nobody/nothing-of-this-name' must be an existing file or folder, or the name of a network on the "
        "Hugging Face Hub; got no such file or folder, and from the Hub: there is no network to the Hub. "
        "Check the path or the name, or fetch it elsewhere and give its folder."
    )


def test_hub_name_that_the_hub_does_not_give(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(transformers_hub, "_is_reachable", lambda: True)
    with pytest.raises(CheckpointError, match=r"got no such file or folder, and from the Hub: .+\. Check the path"):
        open_model("nobody/nothing-of-this-name")


@pytest.mark.timeout(60)
@pytest.mark.parametrize("name", ["preprocessor_config.json", "model.safetensors", "generation_config.json"])
def test_a_folder_with_a_named_pipe_in_it(make_folder: Any, name: str) -> None:
    folder = make_folder("regnet")
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    with pytest.raises(CheckpointError) as caught:
        open_model(folder)
    assert str(caught.value) == (
        f"checkpoint file {folder / name} must be a readable file; got a named pipe. Check its path."
    )
    (folder / "config.json").unlink()
    with pytest.raises(CheckpointError, match=rf"got a folder with .*{name} \(a named pipe\)"):
        open_model(folder)


def test_hub_name_in_the_local_cache(make_folder: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    snapshot = cache / "models--owner--net" / "snapshots" / ("0" * 40)
    snapshot.parent.mkdir(parents=True)
    shutil.copytree(make_folder("regnet"), snapshot)
    (cache / "models--owner--net" / "refs").mkdir()
    (cache / "models--owner--net" / "refs" / "main").write_text("0" * 40)
    for variable in ("HF_HUB_CACHE", "HUGGINGFACE_HUB_CACHE"):
        monkeypatch.setattr(f"huggingface_hub.constants.{variable}", str(cache), raising=False)
    monkeypatch.setattr("transformers.utils.hub.constants.HF_HUB_CACHE", str(cache), raising=False)
    monkeypatch.chdir(tmp_path)
    card = open_model("owner/net").card
    assert (card.name, card.architecture) == ("owner/net", "RegNetModel")


@pytest.mark.parametrize(
    "source", ["there/file.pt", "there/nothing", "a/b/c", "name", "../x/y", "owner/net.safetensors"]
)
def test_paths_are_no_hub_names(source: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "there").mkdir()
    assert not transformers_hub.recognises(source)
    with pytest.raises(CheckpointError, match="must be an existing checkpoint; got no such file or folder"):
        open_model(source)
