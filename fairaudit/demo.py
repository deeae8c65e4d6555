"""``fairaudit demo``: a drawn world, three checkpoints trained in it, their audits side by side."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import fairaudit
from fairaudit.api import Audit, audit, check_output, compare, load_audit
from fairaudit.core.errors import ConfigError
from fairaudit.core.files import atomic_write, write_json
from fairaudit.datasets.synthetic import DEMO, PLANTS, QUICK, Size, write_population, write_training
from fairaudit.progress import Advance, print_line, step

CHECKPOINTS: Mapping[str, str] = {
    "random": "Random weights: what the network's shape alone gives.",
    "supervised": "Supervised: trained on the labels of high-income homes.",
    "swav": "SwAV: trained on uncurated images of everybody, without a label.",
}
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
    training, population = output / "world" / "training", output / "world" / "population"
    with _unless_done(training, "draw the training images", progress) as draw:
        if draw:
            write_training(training, bias=bias, seed=seed, size=settings.size, progress=draw)
    with _unless_done(population, "draw the audited population", progress) as draw:
        if draw:
            write_population(population, bias=bias, seed=seed, size=settings.size, progress=draw)
    train_checkpoints(output / "runs", training, settings, progress=progress)
    with _unless_done(output / "bert", "train a compact BERT", progress) as train:
        if train:
            train_text_encoder(training / "texts.txt", output / "bert", settings, progress=train)
    for name in CHECKPOINTS:
        if (output / name / "audit.json").is_file():
            continue
        print_line(f"audit of {name}", shown=progress)
        audit_checkpoint(
            output / "runs" / name, population, training / "labels.csv", output / "bert",
            name=name, output=output / name, progress=progress,
        )  # fmt: skip
    page = compare(*(load_audit(output / name) for name in CHECKPOINTS), names=list(CHECKPOINTS))
    page = replace(page, plants=PLANTS if bias else (), title="fairaudit demo: three checkpoints", intro=INTRO)
    return page.write(output / "report.html", links={name: f"{name}/report.html" for name in CHECKPOINTS})


def train_checkpoints(runs: Path, training: Path, settings: DemoSettings, *, progress: bool = True) -> None:
    """Make the runs ``random``, ``supervised`` and ``swav``: one network, one recipe, the same images."""
    from fairaudit.pretrain import pretrain, random_weights, train_supervised

    recipe, seed, images = settings.recipe, settings.seed, [training / "images"]
    random_weights(recipe, data=images, output=runs / "random", seed=seed)
    train_supervised(recipe, labels=training / "labels.csv", output=runs / "supervised", seed=seed, progress=progress)
    pretrain(recipe, data=images, output=runs / "swav", seed=seed, progress=progress)


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
    run: Path, population: Path, labels: Path, encoder: Path, *, name: str, output: Path | None, progress: bool = True
) -> Audit:
    """Audit one checkpoint of the demo on a drawn population.

    The supervised one has labels of its own; the others get a linear probe on the same labelled images.
    """
    return audit(
        run,
        data={f"{kind}:synthetic": population / kind for kind in ("people", "photos", "memes")},
        probe=None if name == "supervised" else labels,
        text_encoder=encoder,
        output=output,
        progress=progress,
    )


@contextmanager
def _unless_done(target: Path, title: str, progress: bool) -> Iterator[Advance | None]:
    """Give None where ``target`` was finished earlier; else an empty place and a bar, and mark the end."""
    mark = target.with_name(f"{target.name}.done")
    if mark.is_file():
        yield None
        return
    shutil.rmtree(target, ignore_errors=True)
    with step(title, shown=progress) as advance:
        yield advance
    atomic_write(mark, "")


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
