"""Watchers: when they look, that they change nothing, what a stopped run sees, and k-NN against scikit-learn."""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy import stats
from sklearn.neighbors import KNeighborsClassifier
from torch import nn

from fairaudit.core.errors import ConfigError, DataError
from fairaudit.images.listing import list_images
from fairaudit.pretrain import KnnAccuracy, pretrain
from fairaudit.pretrain.images import ImageStore
from fairaudit.pretrain.labels import read_labels
from fairaudit.pretrain.recipe import Recipe
from fairaudit.pretrain.regnet import PRESETS, build_trunk
from fairaudit.pretrain.views import plain_views
from fairaudit.pretrain.watch import Moment, embed

pytestmark = pytest.mark.filterwarnings("ignore::fairaudit.pretrain.TrainingWarning")


@dataclasses.dataclass
class WeightSum:
    """Notes where it looked and what the weights were."""

    every: int
    name: str = "weights"

    def look(self, moment: Moment) -> Mapping[str, Any]:
        assert not moment.trunk.training
        for weight in moment.trunk.parameters():
            weight.data.zero_()  # of its copy, so this must not matter
        buffers = [b.double().sum().item() for b in moment.trunk.buffers()]
        return {"size": moment.size, "buffers": sum(buffers)}


class Killed(Exception):
    pass


def seen(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "watch.jsonl").read_text(encoding="utf-8").splitlines()]


def weights(run: Path) -> bytes:
    return (run / "model" / "model.safetensors").read_bytes()


def test_watchers_look_at_the_start_every_so_many_images_and_at_the_end(
    tmp_path: Path, six_steps: Recipe, pictures: Path
) -> None:
    plain = pretrain(six_steps, data=[pictures], output=tmp_path / "plain", progress=False)
    assert seen(plain) == []
    watchers = [WeightSum(20), WeightSum(1000, "rare")]
    run = pretrain(six_steps, data=[pictures], output=tmp_path / "run", progress=False, watchers=watchers)
    watch_records = [(row["images"], row["watcher"]) for row in seen(run)]
    # Batches of 8: the first multiple of 20 is passed at 24, the second met at 40; 48 is the end.
    assert watch_records == [
        (0, "weights"),
        (0, "rare"),
        (24, "weights"),
        (40, "weights"),
        (48, "weights"),
        (48, "rare"),
    ]
    assert seen(run)[0]["size"] == 24
    assert weights(run) == weights(plain)


def test_a_stopped_run_looks_as_often(tmp_path: Path, six_steps: Recipe, pictures: Path) -> None:
    whole = pretrain(six_steps, data=[pictures], output=tmp_path / "whole", progress=False, watchers=[WeightSum(16)])

    class Stops(WeightSum):
        def look(self, moment: Moment) -> Mapping[str, Any]:
            if moment.images == 32:
                raise Killed
            return super().look(moment)

    output = tmp_path / "run"
    with pytest.raises(Killed):
        pretrain(six_steps, data=[pictures], output=output, progress=False, watchers=[Stops(16)])
    pretrain(six_steps, data=[pictures], output=output, progress=False, watchers=[WeightSum(16)])
    assert seen(output) == seen(whole)


def test_names_must_differ(tmp_path: Path, six_steps: Recipe, pictures: Path) -> None:
    with pytest.raises(ConfigError, match=r"watchers must have names of their own; got weights, weights\. Rename one"):
        pretrain(
            six_steps, data=[pictures], output=tmp_path / "run", progress=False, watchers=[WeightSum(8), WeightSum(9)]
        )


class Channels(nn.Module):
    """The mean of each colour channel, noisy, as features."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, pixel_values: torch.Tensor) -> Any:
        noise = pixel_values[:, :, 3, 20] - pixel_values[:, :, 9, 18]
        means = pixel_values.mean(dim=(2, 3)) + 12 * noise
        return type("Output", (), {"pooler_output": means[:, :, None, None] * self.weight})


@pytest.mark.parametrize("k", [1, 3])
def test_accuracy_is_that_of_scikit_learn_leaving_one_out(labels: Path, k: int) -> None:
    found = KnnAccuracy(labels, every=10, k=k, short_side=24).look(Moment(0, Channels(), 24))
    table = read_labels(labels)
    store = ImageStore(table.files, short_side=24)
    x = Channels()(
        pixel_values=plain_views(store, range(24), size=24, device=torch.device("cpu"))[1]
    ).pooler_output.flatten(1)
    x = torch.nn.functional.normalize(x, dim=1).detach().double().numpy()
    right = []
    for i in range(24):
        others = np.arange(24) != i
        model = KNeighborsClassifier(k).fit(x[others], np.array(table.labels)[others])
        right.append(model.predict(x[i : i + 1])[0] == table.labels[i])
    assert 0.2 < found["accuracy"] < 1.0
    assert found["accuracy"] == pytest.approx(np.mean(right))
    interval = stats.binomtest(sum(right), 24).proportion_ci(method="wilson")
    assert (found["ci_low"], found["ci_high"]) == pytest.approx((interval.low, interval.high), abs=1e-6)
    assert found["commonest"] == pytest.approx(1 / 3)
    assert found["n"] == 24


def test_accuracy_is_measured_at_the_start_and_at_the_end(tmp_path: Path, six_steps: Recipe, labels: Path) -> None:
    watchers = [KnnAccuracy(labels, every=1000, k=3, short_side=24)]
    run = pretrain(six_steps, data=[labels.parent], output=tmp_path / "run", progress=False, watchers=watchers)
    assert [row["images"] for row in seen(run)] == [0, 48]
    assert all(row["ci_low"] < row["accuracy"] < row["ci_high"] or row["accuracy"] == 1 for row in seen(run))


def test_two_label_files_are_told_apart_by_name(tmp_path: Path, six_steps: Recipe, labels: Path) -> None:
    watchers = [KnnAccuracy(labels, every=1000, k=3, name=name) for name in ("thing", "gender")]
    run = pretrain(six_steps, data=[labels.parent], output=tmp_path / "run", progress=False, watchers=watchers)
    assert [row["watcher"] for row in seen(run)] == ["thing", "gender"] * 2


def test_a_random_network_is_looked_at_with_statistics_of_the_images(
    tmp_path: Path, six_steps: Recipe, pictures: Path
) -> None:
    """Else its running means would be the zeros and ones that they are made with."""
    run = pretrain(six_steps, data=[pictures], output=tmp_path / "run", progress=False, watchers=[WeightSum(1000)])
    made = build_trunk(PRESETS["tiny"])
    assert seen(run)[0]["buffers"] != pytest.approx(sum(b.double().sum().item() for b in made.buffers()))


@pytest.mark.parametrize(("every", "k", "text"), [
    (0, 10, "every and k must be 1 or more; got 0 and 10"), (5, 0, "got 5 and 0"),
    (5, 24, "must name more than k = 24 images; got 24. Lower k"),
])  # fmt: skip
def test_impossible_settings_are_refused(labels: Path, every: int, k: int, text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        KnnAccuracy(labels, every=every, k=k)


def test_an_image_that_becomes_unreadable_is_named(pictures: Path, tmp_path: Path) -> None:
    source = next(pictures.rglob("*.jpg"))
    for number in range(101):  # one of so many is below the share that stops a run
        shutil.copy(source, tmp_path / f"{number}.jpg")
    store = ImageStore(list_images([tmp_path]), short_side=0)
    (tmp_path / "7.jpg").write_bytes(b"")
    moment = Moment(0, build_trunk(PRESETS["tiny"]).eval(), 24)
    with pytest.raises(DataError, match=r"^image '0/7\.jpg' must stay readable; got: .* Restore the file and repeat"):
        embed(moment, store)
