"""What SwAV learns with the small recipes: its loss, and k-NN accuracy against the same network with random weights.

::

    python -m benchmarks.learning                # the bars, three seeds
    python -m benchmarks.learning --tried        # every variant of the demo's recipe that was tried, one seed each

The demo's recipe, with 45,000 images to see, trains on the demo's unlabelled pictures; its labelled pictures,
which it never sees, are told by their nearest neighbours. ``small_faces`` trains on six tenths of the faces of UTKFace
(where FAIRAUDIT_SAMPLE_DATA is set); gender and age group of the other faces are told. Random weights have the batch
statistics of the training images. Two runs go side by side, one thread each.

Bars, in each of three seeds: loss below .9 ln K and k-NN accuracy at least 10 points above random weights on the
demo's pictures, within 5 minutes; gender and age group above random weights on faces. Exits 1 when one is missed.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import platform
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from fairaudit.core.files import write_json
from fairaudit.core.progress import Advance
from fairaudit.datasets.synthetic import DEMO, write_training
from fairaudit.datasets.utkface import samples as read_utkface
from fairaudit.pretrain import KnnAccuracy, load_recipe, pretrain
from fairaudit.pretrain.recipe import Recipe
from fairaudit.studies.workers import Job, Workers

LOSS, POINTS, MINUTES = 0.9, 0.10, 5
SEEDS = (0, 1, 2)
DRAWN, FACES = "demo", "small_faces"
LONG = 45_000  # images; the demo itself sees 30,000, so that it ends sooner
TRAINED_SHARE = 0.6
#: What was tried on the demo's pictures: changes to its recipe.
TRIED: Mapping[str, Mapping[str, Any]] = {
    "as shipped": {},
    "colour 0.8, grayscale 0.2": {"crops.colour": 0.8, "crops.grayscale": 0.2},
    "colour 0.2, grayscale 0.05": {"crops.colour": 0.2, "crops.grayscale": 0.05},
    "epsilon 0.03": {"swav.epsilon": 0.03},
    "128 prototypes": {"swav.prototypes": 128},
    "no queue": {"swav.queue": 0},
    "two small views more (32 pixels, 0.15 to 0.4)": {
        "crops.sizes": (48, 32), "crops.counts": (2, 2), "crops.scales": ((0.4, 1.0), (0.15, 0.4)),
    },
    "batch 128, queue 1,024, rate 0.2": {
        "schedule.batch": 128, "swav.queue": 1024, "optimiser.learning_rate": 0.2,
    },
    "LARC 0.001, rate 3": {"optimiser.larc": 0.001, "optimiser.learning_rate": 3.0},
}  # fmt: skip


def changed(recipe: Recipe, changes: Mapping[str, Any]) -> Recipe:
    """Return the recipe with keys such as ``"crops.colour"`` changed."""
    parts: dict[str, dict[str, Any]] = {}
    for key, value in changes.items():
        part, field = key.split(".")
        parts.setdefault(part, {})[field] = value
    made = {part: dataclasses.replace(getattr(recipe, part), **fields) for part, fields in parts.items()}
    return dataclasses.replace(recipe, **made)


def draw(folder: Path) -> dict[str, Path]:
    """Draw the demo's training set and return its label file."""
    write_training(folder / "world", size=DEMO)
    (folder / "world" / "images").rename(folder / "train")
    return {"thing": folder / "world" / "labels.csv"}


def split_faces(folder: Path, source: Path) -> dict[str, Path]:
    """Link six tenths of the faces into ``train`` and the others into ``test``; return label files of the others."""
    table = read_utkface(source, name="utkface").table.sample(frac=1, random_state=0)
    trained = round(TRAINED_SHARE * len(table))
    for part, rows in (("train", table[:trained]), ("test", table[trained:])):
        (folder / part).mkdir(parents=True)
        for path in rows["path"]:
            (folder / part / Path(path).name).symlink_to((source / path).resolve())
    files = [f"test/{Path(path).name}" for path in table["path"][trained:]]
    labels = {}
    for name in ("gender", "age_group"):
        labels[name] = folder / f"{name}.csv"
        pd.DataFrame({"file": files, "label": table[name][trained:]}).to_csv(labels[name], index=False)
    return labels


def train(
    recipe: Recipe, images: Path, labels: Mapping[str, Path], output: Path, *, progress: Advance | None = None
) -> None:
    """Train with one thread and write to ``result.json`` what came of it."""

    def advance(row: Mapping[str, float]) -> None:
        if progress:
            progress(int(row["step"]), recipe.schedule.steps)

    watchers = [KnnAccuracy(path, every=recipe.schedule.samples, name=name) for name, path in labels.items()]
    started, cpu = time.perf_counter(), time.process_time()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a variant that teaches nothing is a row of the table
        run = pretrain(
            recipe, data=[images], output=output, threads=1, progress=False, watchers=watchers, on_step=advance
        )
    seen = [json.loads(line) for line in (run / "watch.jsonl").read_text(encoding="utf-8").splitlines()]
    told = json.loads((run / "finished.json").read_text(encoding="utf-8"))
    row: dict[str, Any] = {"loss": told["loss"] / told["loss_of_chance"]}
    for name in labels:
        first, *_, last = [look for look in seen if look["watcher"] == name]
        row[name] = {"random": first["accuracy"], **{key: last[key] for key in ("accuracy", "ci_low", "ci_high", "n")}}
    row |= {"seconds": time.perf_counter() - started, "cpu_seconds": time.process_time() - cpu}
    write_json(run / "result.json", row)


def show(title: str, row: Mapping[str, Any]) -> None:
    """Print a run as a row of a Markdown table."""
    parts = [
        f"{name} {v['random']:.3f} to {v['accuracy']:.3f} ({v['ci_low']:.3f} to {v['ci_high']:.3f}, n {v['n']})"
        for name, v in row.items()
        if isinstance(v, dict)
    ]
    print(f"| {title} | {row['loss']:.3f} | {'; '.join(parts)} | {row['cpu_seconds']:.0f} |", flush=True)


def run_all(jobs: Mapping[str, tuple[Recipe, Path, Mapping[str, Path]]], work: Path) -> dict[str, dict[str, Any]]:
    """Do all runs, two at a time, and print a table of them."""
    outputs = {title: work / "runs" / str(number) for number, title in enumerate(jobs)}
    workers = Workers(shown=sys.stderr.isatty())
    workers.run([Job(title, train, (*job, outputs[title])) for title, job in jobs.items()])
    workers.close()
    found = {title: json.loads((run / "result.json").read_text(encoding="utf-8")) for title, run in outputs.items()}
    print("| run | loss / ln K | k-NN accuracy, random weights to trained | processor s |\n| --- | --- | --- | --- |")
    for title, row in found.items():
        show(title, row)
    return found


def shortfalls(found: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Return what misses its bar."""
    wrong = []
    for title, row in found.items():
        if title.startswith(DRAWN):
            gain = row["thing"]["accuracy"] - row["thing"]["random"]
            wrong += [f"{title}: loss {row['loss']:.3f} ln K"] if row["loss"] >= LOSS else []
            wrong += [f"{title}: k-NN {gain:+.3f}"] if gain < POINTS else []
            wrong += [f"{title}: {row['seconds']:.0f} s"] if row["seconds"] > 60 * MINUTES else []
        else:
            named = {name: value for name, value in row.items() if isinstance(value, dict)}
            wrong += [f"{title}: {name}" for name, v in named.items() if v["accuracy"] <= v["random"]]
    return wrong


def main(arguments: Sequence[str] | None = None) -> int:
    """Train, print, and return 1 if a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tried", action="store_true", help="the variants that were tried, instead of the bars")
    asked = parser.parse_args(arguments)
    print(f"torch {torch.__version__}, {platform.machine()}, {os.cpu_count()} cores, two runs at a time")
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        things, shipped = draw(work / "drawn"), load_recipe(DRAWN)
        drawn = (work / "drawn" / "train", things)
        if asked.tried:
            run_all({title: (changed(shipped, changes), *drawn) for title, changes in TRIED.items()}, work)
            return 0
        longer = changed(shipped, {"schedule.samples": LONG})
        jobs = {f"{DRAWN}, seed {seed}": (dataclasses.replace(longer, seed=seed), *drawn) for seed in SEEDS}
        if source := os.environ.get("FAIRAUDIT_SAMPLE_DATA"):
            faces = (work / "faces" / "train", split_faces(work / "faces", Path(source) / "utkface-sample"))
            recipe = load_recipe(FACES)
            jobs |= {f"{FACES}, seed {seed}": (dataclasses.replace(recipe, seed=seed), *faces) for seed in SEEDS}
        else:
            print("FAIRAUDIT_SAMPLE_DATA is not set: faces are left out")
        wrong = shortfalls(run_all(jobs, work))
    print(f"SwAV with small recipes, {len(jobs)} runs: {'MISSED: ' + '; '.join(wrong) if wrong else 'pass'}")
    return 1 if wrong else 0


if __name__ == "__main__":
    raise SystemExit(main())
