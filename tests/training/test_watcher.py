"""The watcher measures what an audit of the finished run measures, changes nothing, and refuses what cannot be."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

import fairaudit
from fairaudit import DisparityWatcher
from fairaudit.core.errors import ConfigError, DataError
from fairaudit.pretrain import pretrain
from fairaudit.pretrain.recipe import Recipe
from fairaudit.pretrain.regnet import PRESETS, build_trunk
from fairaudit.pretrain.settings import Crops, Optimiser, Schedule, Swav
from fairaudit.pretrain.watch import Moment, same_random_numbers
from fairaudit.runs.watch_records import COMPARISON_KEYS

pytestmark = pytest.mark.filterwarnings("ignore::fairaudit.pretrain.TrainingWarning")
NUMBERS = ["value", "ci_low", "ci_high", "p_value", "n", "n_clusters"]


@pytest.fixture(scope="module")
def faces(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in the layout of UTKFace, of noise: nobody is in it. A colour shows the gender, not always."""
    folder, rng = tmp_path_factory.mktemp("faces"), np.random.default_rng(0)
    for i in range(90):
        pixels = rng.integers(0, 60, (40, 34, 3)) + rng.integers(0, 120, 3) * (1 + i % 2) // 2
        pixels[:, :, i % 2] += 30
        Image.fromarray(pixels.astype(np.uint8)).save(folder / f"{20 + i % 50}_{i % 2}_{i % 3}_201701{i:011d}.jpg")
    return folder


@pytest.fixture(scope="module")
def probe(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder, rng = tmp_path_factory.mktemp("probe"), np.random.default_rng(1)
    labels = ("person", "dog", "prison")
    for i in range(24):
        pixels = rng.integers(0, 100, (40, 40, 3), dtype=np.uint8)
        pixels[:, :, i % 3] += 120
        Image.fromarray(pixels).save(folder / f"{i}.png")
    rows = "".join(f"{i}.png,{labels[i % 3]}\n" for i in range(24))
    (folder / "labels.csv").write_text("file,label\n" + rows)
    return folder / "labels.csv"


@pytest.fixture(scope="module")
def four_steps() -> Recipe:
    return Recipe(
        name="four steps",
        swav=Swav(prototypes=12, dimension=6, hidden=(10,), queue=16, freeze_prototypes=0.3),
        crops=Crops(sizes=(32, 16), counts=(2, 1), scales=((0.4, 1.0), (0.2, 0.5)), store=32, blur=0.5),
        optimiser=Optimiser(learning_rate=0.05, larc=0.01),
        schedule=Schedule(samples=64, batch=16, checkpoint_every=2),
    )


def seen(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "watch.jsonl").read_text(encoding="utf-8").splitlines()]


def watching(faces: Path, probe: Path, **more: Any) -> DisparityWatcher:
    options = {"representation_disparity": {"k": (1, 5)}}
    return DisparityWatcher(data={"people:utkface": faces}, every=32, probe=probe, options=options, **more)


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, faces: Path, probe: Path, four_steps: Recipe) -> Path:
    output = tmp_path_factory.mktemp("runs") / "run"
    return pretrain(four_steps, data=[faces], output=output, progress=False, watchers=[watching(faces, probe)])


def test_the_last_look_has_the_numbers_of_an_audit_of_the_run(watched: Path, faces: Path, probe: Path) -> None:
    audit = fairaudit.audit(
        watched,
        data={"people:utkface": faces},
        probe=probe,
        options={"representation_disparity": {"k": (1, 5)}},
        indicators=["label_association", "representation_disparity"],
        progress=False,
    )
    last = seen(watched)[-1]
    assert last["images"] == 64
    assert last["failures"] == []
    planned = audit.disparities[audit.disparities["family"] == "primary"].set_index(list(COMPARISON_KEYS))
    found = pd.DataFrame(last["disparities"]).set_index(list(COMPARISON_KEYS))
    assert sorted(found.index) == sorted(planned.index)
    expected = planned.loc[found.index, NUMBERS].astype(float)
    np.testing.assert_allclose(found[NUMBERS].astype(float), expected, rtol=1e-5, atol=1e-6)
    assert (found["value"].abs() > 0.01).any()  # else nothing was compared
    keys = ["indicator", "metric", "feature", "group"]
    groups = pd.DataFrame(last["groups"]).set_index(keys)["value"].astype(float)
    of_audit = audit.groups[audit.groups["control"] == ""].set_index(keys)["value"]
    np.testing.assert_allclose(groups, of_audit.loc[groups.index], rtol=1e-5, atol=1e-6)
    assert [row["images"] for row in last["data"]] == [90]


def test_a_run_looks_before_the_first_step_on_the_way_and_after_the_last(watched: Path) -> None:
    assert [(row["images"], row["watcher"]) for row in seen(watched)] == [
        (0, "disparity"), (32, "disparity"), (64, "disparity"),
    ]  # fmt: skip
    assert len({row["settings"] for row in seen(watched)}) == 1
    values = [[row["value"] for row in look["disparities"]] for look in seen(watched)]
    assert values[0] != values[1] != values[2]
    assert "NaN" not in (watched / "watch.jsonl").read_text()


def test_watching_changes_nothing_in_the_training(
    watched: Path, faces: Path, tmp_path: Path, four_steps: Recipe
) -> None:
    plain = pretrain(four_steps, data=[faces], output=tmp_path / "plain", progress=False)
    for name in ("model/model.safetensors", "metrics.jsonl"):
        assert (plain / name).read_bytes() == (watched / name).read_bytes()


def test_a_stopped_run_sees_the_same(
    watched: Path, faces: Path, probe: Path, tmp_path: Path, four_steps: Recipe
) -> None:
    class Killed(Exception):
        pass

    def stop(row: Any) -> None:
        if row["step"] == 3:
            raise Killed

    output = tmp_path / "run"
    with pytest.raises(Killed):
        pretrain(
            four_steps, data=[faces], output=output, progress=False, watchers=[watching(faces, probe)], on_step=stop
        )
    pretrain(four_steps, data=[faces], output=output, progress=False, watchers=[watching(faces, probe)])
    for name in ("watch.jsonl", "metrics.jsonl", "model/model.safetensors"):
        assert (output / name).read_bytes() == (watched / name).read_bytes()


def test_random_states_are_left_as_they_were() -> None:
    def draw() -> tuple[float, float, float]:
        return torch.rand(1).item(), float(np.random.rand()), random.random()  # noqa: NPY002

    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    random.seed(3)
    expected = draw()
    torch.manual_seed(3)
    np.random.seed(3)  # noqa: NPY002
    random.seed(3)
    with same_random_numbers():
        draw()
    assert draw() == expected


def moment(images: int) -> Moment:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Moment(images, build_trunk(PRESETS["tiny"]).eval(), 32)


def test_images_that_vanish_end_a_run_at_its_start_only(faces: Path, tmp_path: Path) -> None:
    some = sorted(faces.iterdir())[:60]
    folder = tmp_path / "faces"
    folder.mkdir()
    for path in some:
        (folder / path.name).write_bytes(path.read_bytes())
    watcher = DisparityWatcher(data={"utkface": folder}, every=8, indicators=["representation_disparity"])
    assert watcher.look(moment(0))["failures"] == []
    for path in sorted(folder.iterdir())[:30]:
        path.write_bytes(b"")
    with pytest.raises(DataError, match="data set 'utkface' must have at most 1% unreadable images; got"):
        watcher.look(moment(0))
    later = watcher.look(moment(8))
    assert later["disparities"] == []
    assert later["failures"][0]["reason"].startswith("data set 'utkface' must have at most 1% unreadable images; got")


def test_what_only_the_tables_show_is_refused_before_the_first_step(faces: Path) -> None:
    options = {"representation_disparity": {"attribute": "height"}}
    watcher = DisparityWatcher(data={"utkface": faces}, every=8, options=options)
    with pytest.raises(ConfigError, match=r"height"):
        watcher.look(moment(0))
    assert "height" in watcher.look(moment(8))["failures"][0]["reason"]


def test_without_names_all_that_can_be_measured_is(faces: Path, probe: Path) -> None:
    def names(**more: Any) -> list[str]:
        look = DisparityWatcher(data={"utkface": faces}, every=8, **more).look(moment(0))
        return [row["indicator"] for row in look["indicators"]]

    assert names() == ["representation_disparity"]
    assert names(probe=probe) == ["label_association", "representation_disparity"]


@pytest.mark.parametrize(("given", "text"), [
    ({"every": 0}, r"every must be 1 or more; got 0\. A usual choice is 5000\."),
    ({"indicators": ["representation_disparities"]}, r"Did you mean 'representation_disparity'\?"),
    ({"indicators": ["label_association"]},
     r"label_association needs predictions, but 'network in training' gives only embeddings\. Add a label head: "
     r"--probe LABELS\.csv"),
    ({"indicators": ["geographic_disparity"]},
     r"geographic_disparity needs a data set of objects; none was given\. Add one, for example --data dollar_street"),
    ({"options": {"hate_speech": {}}}, r"hate_speech needs a data set of memes; none was given\."),
    ({"options": {"representation_disparity": {"control_features": ("gendr",)}}}, r"Did you mean 'gender'\?"),
    ({"data": {}}, r"an audit must have at least one data set; got none"),
])  # fmt: skip
def test_wrong_input_is_refused_when_the_watcher_is_made(faces: Path, given: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        DisparityWatcher(**{"data": {"utkface": faces}, "every": 8, **given})


def test_a_data_set_of_no_use_is_refused(faces: Path, tmp_path: Path) -> None:
    homes = tmp_path / "homes"
    homes.mkdir()
    Image.new("RGB", (40, 40)).save(homes / "a.jpg")
    (homes / "metadata.csv").write_text("file,household,country,region,income,topic\na.jpg,1,Kenya,Africa,100,Beds\n")
    with pytest.raises(ConfigError, match=(
        r"watched data set 'homes' must show people, which representation_disparity is about; got one that shows "
        r"objects\. Leave it out, or watch an indicator of objects too\."
    )):  # fmt: skip
        DisparityWatcher(
            data={"utkface": faces, "homes:dollar_street": homes}, every=8, indicators=["representation_disparity"]
        )
