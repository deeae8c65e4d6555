"""``fairaudit demo``: a drawn world, three checkpoints trained in it, their audits side by side."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import fairaudit
from fairaudit.api import Audit, audit, check_output, compare, load_audit
from fairaudit.core.errors import ConfigError
from fairaudit.core.files import atomic_write, write_json
from fairaudit.datasets.synthetic import DEMO, PLANTS, QUICK, Size, write_population, write_training
from fairaudit.progress import Advance
from fairaudit.workers import Job, Workers

CHECKPOINTS: Mapping[str, str] = {
    "random": "Random weights: what the network's shape alone gives.",
    "supervised": "Supervised: trained on the labels of high-income homes.",
    "swav": "SwAV: trained on uncurated images of everybody, without a label.",
}
#: The audits are read side by side on one page, so they share the 5 % chance of a false alarm.
ALPHA = 0.05 / len(CHECKPOINTS)
_ORDER = ("swav", "supervised", "random")  # the longest first
INTRO = (
    "SEER's question in miniature: does pretraining on uncurated images treat people better than supervision on the "
    "labels of the rich? Three small RegNets saw the same drawn, synthetic world; disparities were planted in it, and "
    "this page says which of them the audits found. Nothing here is about real people."
)


@dataclass(frozen=True)
class DemoSettings:
    """What decides the demo's result.

    Parameters
    ----------
    quick : bool
        The small world and the short recipe.
    bias : float
        Strength of the planted disparities, from 0 (none) to 1.
    seed : int
        Of the world and of training.
    """

    quick: bool = False
    bias: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0 <= self.bias <= 1:
            raise ConfigError(f"bias must be from 0 (nothing planted) to 1; got {self.bias:g}. Choose a value between.")
        if self.seed < 0:
            raise ConfigError(f"seed must be at least 0; got {self.seed}. Choose another.")

    @property
    def size(self) -> Size:
        """How much is drawn."""
        return QUICK if self.quick else DEMO

    @property
    def recipe(self) -> str:
        """Name of the shipped recipe that trains all three checkpoints."""
        return "quick" if self.quick else "demo"


def run_demo(output: Path, *, quick: bool = False, bias: float = 1.0, seed: int = 0, progress: bool = True) -> Path:
    """Draw, train, audit and report; return the path of the report.

    A step that was finished earlier with the same settings is not done again.

    Raises
    ------
    ConfigError
        If a setting is out of range, or ``output`` holds something else than an earlier demo.
    """
    settings = DemoSettings(quick, bias, seed)
    _prepare(output, settings)
    steps = _jobs(output, settings)
    marks = {job.title: mark for mark, job in steps.items()}
    jobs = _open_jobs(steps)
    if jobs:
        for job in jobs:
            _clear(marks[job.title])
        workers = Workers(shown=progress)
        workers.run(jobs, ended=lambda job: atomic_write(marks[job.title], ""))
        workers.close()
    page = compare(*(load_audit(output / name) for name in CHECKPOINTS), names=list(CHECKPOINTS))
    page = replace(page, plants=PLANTS if bias else (), title="fairaudit demo: three checkpoints", intro=INTRO)
    return page.write(output / "report.html", links={name: f"{name}/report.html" for name in CHECKPOINTS})


def _jobs(output: Path, settings: DemoSettings) -> dict[Path, Job]:
    """Return what is to be done, in the order in which it is best begun; keys mark what is done.

    The longest training goes on while the other checkpoints are trained and audited.
    """
    training, population, runs = output / "world" / "training", output / "world" / "population", output / "runs"
    labels, bert = training / "labels.csv", output / "bert"
    drawn, people, words = "draw the training images", "draw the audited population", "train a compact BERT"
    jobs = {
        training: Job(drawn, draw_training, (training, settings)),
        population: Job(people, draw_population, (population, settings)),
    }
    for name in _ORDER:
        jobs[runs / name] = Job(f"train {name}", train_checkpoint, (name, runs, training, settings), (drawn,))
    jobs[bert] = Job(words, train_text_encoder, (training / "texts.txt", bert, settings), (drawn,))
    for name in reversed(_ORDER):
        arguments = (runs / name, population, labels, bert, name, output / name)
        jobs[output / name] = Job(f"audit {name}", audit_checkpoint, arguments, (f"train {name}", people, words))
    return {path.with_name(f"{path.name}.done"): job for path, job in jobs.items()}


def _open_jobs(jobs: Mapping[Path, Job]) -> list[Job]:
    """Return the jobs that are not done, and those that come after one of them."""
    found: dict[str, Job] = {}
    for mark, job in jobs.items():
        if not mark.is_file() or found.keys() & set(job.after):
            found[job.title] = job
    return list(found.values())


def draw_training(folder: Path, settings: DemoSettings, *, progress: Advance | None = None) -> None:
    """Draw the training images of the demo's world."""
    write_training(folder, bias=settings.bias, seed=settings.seed, size=settings.size, progress=progress)


def draw_population(folder: Path, settings: DemoSettings, *, progress: Advance | None = None) -> None:
    """Draw the audited population of the demo's world."""
    write_population(folder, bias=settings.bias, seed=settings.seed, size=settings.size, progress=progress)


def train_checkpoint(
    name: str, runs: Path, training: Path, settings: DemoSettings, *, progress: Advance | None = None
) -> None:
    """Make one of the runs ``random``, ``supervised`` and ``swav``: one network, one recipe, the same images.

    One thread: a second one costs these small networks more than it gives (measured on two cores: 4 times).
    """
    from fairaudit.pretrain import load_recipe, pretrain, random_weights, train_supervised

    recipe = load_recipe(settings.recipe)
    steps = recipe.schedule.samples // recipe.schedule.batch

    def advance(row: Mapping[str, Any]) -> None:
        if progress is not None:
            progress(int(row["step"]), steps)

    images = [training / "images"]
    fixed: dict[str, Any] = {"seed": settings.seed, "threads": 1, "progress": False}
    if name == "random":
        random_weights(recipe, data=images, output=runs / name, **fixed)
    elif name == "supervised":
        train_supervised(recipe, labels=training / "labels.csv", output=runs / name, on_step=advance, **fixed)
    else:
        pretrain(recipe, data=images, output=runs / name, on_step=advance, **fixed)


def train_text_encoder(texts: Path, output: Path, settings: DemoSettings, *, progress: Advance | None = None) -> Path:
    """Train the compact BERT on the drawn world's sentences; return its folder.

    Wide and for one epoch only: on so few sentences longer training makes words that stand in like places alike, and
    the AUROC of memes falls (measured with nothing planted: .93 after one epoch, .73 after three).
    """
    from fairaudit.heads.compact_bert import train_compact_bert

    lines = texts.read_text(encoding="utf-8").splitlines()
    return train_compact_bert(
        lines, output=output, seed=settings.seed, epochs=1, hidden=256, layers=1, heads=4, progress=progress
    )


def audit_checkpoint(
    run: Path,
    population: Path,
    labels: Path,
    encoder: Path,
    name: str,
    output: Path | None,
    *,
    progress: Advance | None = None,
) -> Audit:
    """Audit one checkpoint of the demo on a drawn population.

    The supervised one has labels of its own; the others get a linear probe on the same labelled images.
    """
    if progress is not None:
        progress(0, 1)
    return audit(
        run,
        data={f"{kind}:synthetic": population / kind for kind in ("people", "photos", "memes")},
        probe=None if name == "supervised" else labels,
        text_encoder=encoder,
        output=output,
        alpha=ALPHA,
        progress=False,
    )


def _clear(mark: Path) -> None:
    """Remove what an interrupted demo left of a step; a run of training continues by itself."""
    mark.unlink(missing_ok=True)
    if mark.parent.name != "runs":
        shutil.rmtree(mark.with_suffix(""), ignore_errors=True)


def _prepare(output: Path, settings: DemoSettings) -> None:
    """Refuse a folder of other things; empty one that an earlier demo made with other settings."""
    known = {**asdict(settings), "version": fairaudit.__version__}
    note = output / "demo.json"
    if note.is_file():
        if json.loads(note.read_text(encoding="utf-8")) == known:
            return
        shutil.rmtree(output)
    check_output(output)
    write_json(note, known)
