"""``fairaudit demo``: a drawn world, three checkpoints trained in it, their audits side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from fairaudit.auditing.run import Audit, audit, compare, load_audit
from fairaudit.core.open_file import TABLE, read_text
from fairaudit.core.progress import Advance
from fairaudit.datasets.synthetic import PLANTS, write_training
from fairaudit.studies.stages import PAGE, drawn, finish, prepare
from fairaudit.studies.workers import Job
from fairaudit.studies.world import WorldSettings, draw_population, steps_of

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
class DemoSettings(WorldSettings):
    """What decides the demo's result; see ``WorldSettings``."""

    @property
    def recipe(self) -> str:
        """Name of the shipped recipe that trains all three checkpoints."""
        return "quick" if self.quick else "demo"


def run_demo(
    output: Path,
    *,
    overwrite: bool = False,
    quick: bool = False,
    bias: float = 1.0,
    seed: int = 0,
    progress: bool = True,
) -> Path:
    """Draw, train, audit and report; return the path of the report.

    A step that was finished earlier with the same settings is not done again. A demo with other settings in ``output``
    is refused, or with ``overwrite`` removed as far as nobody has changed its files.

    Raises
    ------
    ConfigError
        If a setting is out of range, or ``output`` holds something else than an earlier demo.
    """
    settings = DemoSettings(quick, bias, seed)
    stages = _stages(output, settings)
    prepare(output, "demo", asdict(settings), stages, overwrite=overwrite)
    finish(stages, progress=progress)
    page = compare(*(load_audit(output / name) for name in CHECKPOINTS), names=list(CHECKPOINTS))
    page = replace(page, plants=PLANTS if bias else (), title="fairaudit demo: three checkpoints", intro=INTRO)
    return page.write(output / PAGE, links={name: f"{name}/report.html" for name in CHECKPOINTS})


def _stages(output: Path, settings: DemoSettings) -> dict[Path, Job]:
    """Return what is to be done by the folder that it makes, in the order in which it is best begun.

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
    return jobs


def draw_training(folder: Path, settings: DemoSettings, *, progress: Advance | None = None) -> None:
    """Draw the training images of the demo's world."""
    with drawn(folder) as new:
        write_training(new, bias=settings.bias, seed=settings.seed, size=settings.size, progress=progress)


def train_checkpoint(
    name: str, runs: Path, training: Path, settings: DemoSettings, *, progress: Advance | None = None
) -> None:
    """Make one of the runs ``random``, ``supervised`` and ``swav``: one network, one recipe, the same images.

    One thread: a second one costs these small networks more than it gives (measured on two cores: 4 times).
    """
    from fairaudit.pretrain import load_recipe, pretrain, random_weights, train_supervised

    recipe = load_recipe(settings.recipe)
    advance = steps_of(recipe, progress)
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

    lines = read_text(texts, "texts", limit=TABLE).splitlines()
    return train_compact_bert(
        lines, output=output, overwrite=True, seed=settings.seed, epochs=1, hidden=256, layers=1, heads=4,
        progress=progress,
    )  # fmt: skip


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
        overwrite=True,
        alpha=ALPHA,
        progress=False,
    )
