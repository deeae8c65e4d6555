"""What is served from a cache are the bytes that would be computed; nothing old, foreign or damaged ever is."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shutil
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from fairaudit.core.errors import ConfigError
from fairaudit.core.samples import Samples
from fairaudit.extraction import cache as extraction_cache
from fairaudit.extraction.cache import EmbeddingCache, cache_size, default_folder, model_key
from fairaudit.extraction.extract import Extraction, extract
from fairaudit.models._torch_model import weights_digest
from tests.extraction.test_extract import LABELS, SmallModel, make_samples


class Network(SmallModel):
    """Two convolutions and a head: kernels of which the last bits can depend on the batch."""

    def __init__(self, seed: int = 0) -> None:
        super().__init__(LABELS)
        torch.manual_seed(seed)
        self.network = torch.nn.Sequential(
            torch.nn.Conv2d(3, 16, 3), torch.nn.ReLU(), torch.nn.Conv2d(16, 6, 3), torch.nn.AdaptiveAvgPool2d(1)
        ).requires_grad_(False)
        self.card = dataclasses.replace(self.card, digest=weights_digest(self.network))

    def embed(self, batch: torch.Tensor) -> torch.Tensor:
        self.batches.append(len(batch))
        vectors: torch.Tensor = self.network(batch).flatten(1)
        return vectors


def content(found: Extraction) -> list[bytes]:
    """Everything that a pass gives, as bytes."""
    assert found.predictions is not None
    predictions = found.predictions
    arrays = (found.embeddings.vectors, predictions.scores, predictions.labels)
    return [found.digest.encode(), *(np.ascontiguousarray(array).tobytes() for array in arrays)]


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.rows"))


@pytest.fixture
def images(tmp_path: Path) -> Path:
    folder = tmp_path / "images"
    folder.mkdir()
    return folder


def test_a_second_pass_computes_nothing_and_gives_the_same_bytes(images: Path, tmp_path: Path) -> None:
    samples, cache = make_samples(images, 21), tmp_path / "cache"
    expected = extract(Network(), samples, batch_size=8)
    first = extract(Network(), samples, batch_size=8, cache=cache)
    model = Network()
    again = extract(model, samples, batch_size=8, cache=cache)
    assert content(first) == content(again) == content(expected)
    assert model.batches == [2], "only the two drawn pictures that tell how the model computes"
    assert (expected.from_cache, first.from_cache, again.from_cache) == (0, 0, 21)
    assert again.content_digests == expected.content_digests


def test_a_model_without_labels(images: Path, tmp_path: Path) -> None:
    samples = make_samples(images, 5)
    first, again = (extract(SmallModel(), samples, cache=tmp_path / "cache") for _ in range(2))
    assert first.embeddings.vectors.tobytes() == again.embeddings.vectors.tobytes()
    assert (again.from_cache, again.predictions) == (5, None)


def test_a_set_that_grew_costs_its_new_images_only(images: Path, tmp_path: Path) -> None:
    samples, cache = make_samples(images, 40), tmp_path / "cache"
    extract(Network(), samples.select([row % 3 > 0 for row in range(40)]), batch_size=8, cache=cache)
    model = Network()
    found = extract(model, samples, batch_size=8, cache=cache)
    assert found.from_cache == 26
    assert model.batches == [2, 8, 8], "14 new images"
    assert content(found) == content(extract(Network(), samples, batch_size=8))


def test_a_changed_image_of_the_same_name_size_and_time_is_computed_again(images: Path, tmp_path: Path) -> None:
    samples, cache = make_samples(images, 9), tmp_path / "cache"
    for path in samples.paths:
        Image.open(path).save(path.with_suffix(".bmp"))
    samples = Samples(**{**samples.__dict__, "table": samples.table.replace(r"png$", "bmp", regex=True)})
    before = extract(Network(), samples, cache=cache)
    changed, status = samples.paths[4], samples.paths[4].stat()
    changed.write_bytes(changed.read_bytes()[:-40] + bytes(40))
    os.utime(changed, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (changed.stat().st_size, changed.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    after = extract(Network(), samples, cache=cache)
    assert after.from_cache == 8
    assert content(after) == content(extract(Network(), samples))
    same = (before.embeddings.vectors == after.embeddings.vectors).all(axis=1)
    assert same.tolist() == [row != 4 for row in range(9)]


def weights(model: Network) -> None:
    model.network[0].weight[0, 0, 0, 0] += 1e-3  # type: ignore[operator, index]
    model.card = dataclasses.replace(model.card, digest=weights_digest(model.network))


def code(model: Network) -> None:
    model.network[1] = torch.nn.LeakyReLU(1e-3)


def preparation(model: Network) -> None:
    scale = model.preprocess
    model.preprocess = lambda image: scale(image) * 0.999  # type: ignore[method-assign]


def description(model: Network) -> None:
    model.card = dataclasses.replace(model.card, preprocessing={"size": 9})


def names_of_labels(model: Network) -> None:
    model.labels = tuple(reversed(LABELS))


def layer(model: Network) -> None:
    model.layer = "another"


CHANGES = [weights, code, preparation, description, names_of_labels, layer]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_another_model_is_never_served(images: Path, tmp_path: Path, change: Callable[[Network], None]) -> None:
    samples, cache, other = make_samples(images, 6), tmp_path / "cache", Network()
    extract(Network(), samples, cache=cache)
    change(other)
    found = extract(other, samples, cache=cache)
    assert found.from_cache == 0
    fresh = Network()
    change(fresh)
    assert content(found) == content(extract(fresh, samples))


def test_the_key_is_the_same_in_every_process_and_tells_batch_and_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    key = model_key(Network(), batch=8)
    assert key == model_key(Network(), batch=8)
    assert len(key) == 64
    assert key != model_key(Network(), batch=16)
    monkeypatch.setattr(torch, "get_num_threads", lambda: 77)
    assert key != model_key(Network(), batch=8)


@pytest.fixture(scope="module")
def filled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Samples, list[bytes]]:
    """A cache with one file, the samples it is of, and what a pass over them gives."""
    folder = tmp_path_factory.mktemp("filled")
    (folder / "images").mkdir()
    samples = make_samples(folder / "images", 6)
    found = extract(Network(), samples, cache=folder / "cache")
    assert len(files(folder / "cache")) == 1
    return folder / "cache", samples, content(found)


@given(data=st.data())
@settings(max_examples=30)
def test_a_damaged_file_is_never_served(filled: tuple[Path, Samples, list[bytes]], data: st.DataObject) -> None:
    whole, samples, expected = filled
    damaged = whole.with_name("damaged")
    shutil.rmtree(damaged, ignore_errors=True)
    shutil.copytree(whole, damaged)
    (path,) = files(damaged)
    original = path.read_bytes()
    at = data.draw(st.integers(0, len(original) - 1))
    if data.draw(st.booleans(), "cut off"):
        path.write_bytes(original[:at])
    else:
        bit = 1 << data.draw(st.integers(0, 7))
        path.write_bytes(original[:at] + bytes([original[at] ^ bit]) + original[at + 1 :])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = extract(Network(), samples, cache=damaged)
        assert content(found) == expected
    assert found.from_cache < 6
    assert content(extract(Network(), samples, cache=damaged)) == expected
    again = extract(Network(), samples, cache=damaged)
    assert again.from_cache == 6, "what was damaged is gone, and what was computed in its place is there"
    assert content(again) == expected


def test_a_named_pipe_in_the_cache_is_a_damaged_file(filled: tuple[Path, Samples, list[bytes]], tmp_path: Path) -> None:
    whole, samples, expected = filled
    shutil.copytree(whole, tmp_path / "cache")
    (path,) = files(tmp_path / "cache")
    path.unlink()
    os.mkfifo(path)
    with pytest.warns(UserWarning, match="got a damaged one"):
        assert content(extract(Network(), samples, cache=tmp_path / "cache")) == expected


@pytest.mark.parametrize("part", ["header", "row", "end"])
def test_damage_is_told_once(filled: tuple[Path, Samples, list[bytes]], tmp_path: Path, part: str) -> None:
    whole, samples, expected = filled
    shutil.copytree(whole, tmp_path / "cache")
    (path,) = files(tmp_path / "cache")
    original = path.read_bytes()
    changed = {"header": b"X" + original[1:], "row": original[:-9] + b"XXXXXXXXX", "end": original + b"X"}[part]
    path.write_bytes(changed)
    message = (
        rf"cache file {path.parent.name}/{path.name} must be as it was written; got a damaged one\. It was removed, "
        r"and its images are computed again\."
    )
    with pytest.warns(UserWarning, match=message):
        found = extract(Network(), samples, cache=tmp_path / "cache")
    assert content(found) == expected
    assert not path.exists()
    assert content(extract(Network(), samples, cache=tmp_path / "cache")) == expected


def test_a_file_of_another_model_is_not_served(filled: tuple[Path, Samples, list[bytes]], tmp_path: Path) -> None:
    whole, samples, expected = filled
    extract(Network(seed=1), samples, cache=tmp_path / "cache")
    (foreign,) = files(tmp_path / "cache")
    (own,) = files(whole)
    (tmp_path / "cache" / own.parent.name).mkdir()
    shutil.copy(foreign, tmp_path / "cache" / own.parent.name / own.name)
    with pytest.warns(UserWarning, match="must be as it was written"):
        found = extract(Network(), samples, cache=tmp_path / "cache")
    assert (content(found), found.from_cache) == (expected, 0)


def test_a_file_that_is_gone_is_computed_again(filled: tuple[Path, Samples, list[bytes]], tmp_path: Path) -> None:
    whole, samples, expected = filled
    shutil.copytree(whole, tmp_path / "cache")
    digests = extract(Network(), samples).content_digests
    opened = EmbeddingCache(tmp_path / "cache", Network(), batch=8, labels=10)
    assert opened.get(digests[0]) is not None
    assert opened.get("0" * 64) is None
    shutil.rmtree(tmp_path / "cache")  # as another process does that makes room
    assert opened.get(digests[1]) is None
    assert content(extract(Network(), samples, cache=tmp_path / "cache")) == expected


def test_an_interrupted_pass_keeps_what_it_computed(images: Path, tmp_path: Path) -> None:
    samples = make_samples(images, 30)

    def interrupt(done: int, total: int) -> None:
        if done == 16:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        extract(Network(), samples, batch_size=8, cache=tmp_path / "cache", progress=interrupt)
    found = extract(Network(), samples, batch_size=8, cache=tmp_path / "cache")
    assert found.from_cache == 16
    assert content(found) == content(extract(Network(), samples, batch_size=8))


def test_a_full_disk_costs_the_cache_and_nothing_else(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    samples = make_samples(images, 5)
    with pytest.warns(UserWarning, match=r"must be writable; got No space left on device\. What is computed from now"):
        found = extract(Network(), samples, cache=tmp_path / "cache")
    assert content(found) == content(extract(Network(), samples))
    assert not [path for path in (tmp_path / "cache").rglob("*") if path.is_file()]


def test_a_folder_that_cannot_be_made_costs_the_cache_and_nothing_else(images: Path, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    samples = make_samples(images, 5)
    with pytest.warns(UserWarning, match=r"must be writable; got Not a directory\. What is computed from now on"):
        found = extract(Network(), samples, cache=tmp_path / "file" / "cache")
    assert content(found) == content(extract(Network(), samples))


def test_a_cache_is_a_folder(images: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    with pytest.raises(
        ConfigError,
        match=r"cache .*cache must be a folder; got a file of that name\. Choose another with --cache DIR\.",
    ):
        extract(Network(), make_samples(images, 2), cache=tmp_path / "cache")


def test_two_passes_at_once(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extraction_cache, "_LEAST_SECONDS", 0.0)
    samples = make_samples(images, 60)
    expected = content(extract(Network(), samples, batch_size=4))
    with ThreadPoolExecutor(3) as pool:
        passes = [pool.submit(extract, Network(), samples, batch_size=4, cache=tmp_path / "cache") for _ in range(3)]
        assert all(content(one.result()) == expected for one in passes)
    assert content(extract(Network(), samples, batch_size=4, cache=tmp_path / "cache")) == expected


def test_models_that_were_not_used_for_longest_make_room(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples, cache = make_samples(images, 6), tmp_path / "cache"
    folders: list[Path] = []
    for seed in range(3):
        extract(Network(seed), samples, cache=cache)
        (new,) = {path.parent for path in files(cache)} - set(folders)
        folders.append(new)
        (new / "note.txt").touch()
        os.utime(new, (seed, seed))
    assert cache_size(cache) == sum(path.stat().st_size for path in files(cache))
    mine = cache / "my own.rows"
    mine.touch()
    extract(Network(0), samples, cache=cache)  # used again: now the second is the oldest
    monkeypatch.setattr(extraction_cache, "MAX_BYTES", 2 * cache_size(cache) // 3)
    extract(Network(0), samples, cache=cache)
    assert {path.parent for path in files(cache)} == {cache, folders[0], folders[2]}
    assert (folders[1] / "note.txt").exists()
    assert mine.exists(), "what a cache did not write is not its to remove"
    monkeypatch.setattr(extraction_cache, "MAX_BYTES", 0)
    assert extract(Network(0), samples, cache=cache).from_cache == 6, "never the one that is in use"
    assert {path.parent for path in files(cache)} == {cache, folders[0]}


def test_what_a_dead_process_left_half_written_goes_after_a_day(images: Path, tmp_path: Path) -> None:
    samples, cache = make_samples(images, 3), tmp_path / "cache"
    extract(Network(), samples, cache=cache)
    (path,) = files(cache)
    old, new = path.with_name(".0123.a.rows"), path.with_name(".4567.a.rows")
    for half in (old, new):
        half.write_bytes(b"half")
    os.utime(old, (0, time.time() - 25 * 3600))
    assert extract(Network(), samples, cache=cache).from_cache == 3
    assert (old.exists(), new.exists()) == (False, True)


def test_the_folder_of_the_command_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FAIRAUDIT_CACHE", str(tmp_path))
    assert default_folder() == tmp_path
    monkeypatch.delenv("FAIRAUDIT_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "fairaudit"
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert default_folder() == tmp_path / ".cache" / "fairaudit"


def test_only_the_owner_may_read_it(images: Path, tmp_path: Path) -> None:
    extract(Network(), make_samples(images, 2), cache=tmp_path / "cache")
    assert (tmp_path / "cache").stat().st_mode & 0o077 == 0


CHILD = """
import os, sys, time
from pathlib import Path
import torch
from fairaudit.extraction import cache as extraction_cache
from fairaudit.extraction.extract import extract
from tests.extraction.test_extract import make_samples
from tests.extraction.test_cache import Network
torch.set_num_threads(1)
extraction_cache._LEAST_SECONDS = 0.0
class Slow(Network):
    def embed(self, batch):
        time.sleep(0.01)
        return super().embed(batch)
samples = make_samples(Path(sys.argv[1]), 120)
for cache in sys.stdin:
    child = os.fork()
    if child == 0:
        extract(Slow(), samples, batch_size=4, cache=Path(cache.strip()))
        os._exit(0)
    print(child, flush=True)
    os.waitpid(child, 0)
    print("ended", flush=True)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are forked, so that each need not import torch")
def test_processes_killed_at_random_times_give_the_same_bytes(images: Path, tmp_path: Path) -> None:
    """SIGKILL from outside, anywhere: in a batch, a file, a rename. FAIRAUDIT_KILLS=200 for more of them."""
    assert torch.get_num_threads() == 1
    samples = make_samples(images, 120)
    expected = content(extract(Network(), samples, batch_size=4))
    rng, kills = np.random.default_rng(), int(os.environ.get("FAIRAUDIT_KILLS", "12"))
    served = []
    command = [sys.executable, "-c", CHILD, str(images)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None

        def start(cache: Path) -> int:
            print(cache, file=parent.stdin, flush=True)
            return int(parent.stdout.readline())  # type: ignore[union-attr]

        start(tmp_path / "whole")
        began = time.monotonic()
        assert parent.stdout.readline() == "ended\n"
        longest = time.monotonic() - began
        assert extract(Network(), samples, batch_size=4, cache=tmp_path / "whole").from_cache == 120
        for number in range(kills):
            cache = tmp_path / f"cache{number // 3}"
            child = start(cache)
            time.sleep(float(rng.uniform(0.0, 0.7 * longest)))
            with contextlib.suppress(ProcessLookupError):  # it was faster than the first
                os.kill(child, signal.SIGKILL)
            assert parent.stdout.readline() == "ended\n"
            if number % 3 == 2 or number == kills - 1:
                found = extract(Network(), samples, batch_size=4, cache=cache)
                served.append(found.from_cache)
                assert content(found) == expected, served
        parent.stdin.close()
    assert max(served) > 0, "no process had come to anything"


NO_USER = """
import os, sys, warnings
os.environ.pop("HOME", None); os.environ.pop("XDG_CACHE_HOME", None); os.environ.pop("FAIRAUDIT_CACHE", None)
from fairaudit.core.open_file import home_folder
from fairaudit.extraction.cache import default_folder, user_folder
os.setuid(54321)
assert home_folder() is None
warnings.simplefilter("always")
print(user_folder(), default_folder())
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become a user whom no list names")
def test_without_a_home_folder_nothing_is_kept() -> None:
    ran = subprocess.run([sys.executable, "-c", NO_USER], capture_output=True, text=True, check=False)
    assert (ran.returncode, ran.stdout) == (0, "None None\n"), ran.stderr
    assert ran.stderr.count("embeddings are not kept: there is no home folder. Name a folder with --cache DIR.") == 1
