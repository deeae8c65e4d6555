"""``fairaudit demo``: a synthetic world, three checkpoints trained on it, and their audits side by side."""

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
#: One page shows all audits, so they share the 5 % chance of a false alarm.
ALPHA = 0.05 / len(CHECKPOINTS)
_ORDER = ("swav", "supervised", "random")  # the longest first
INTRO = (
    "SEER's question in miniature: does pretraining on uncurated images treat people better than supervision on the "
    "labels of the rich? Three small RegNets saw the same drawn, synthetic world; disparities were planted in it, and "
    "this page says which of them the audits found. Nothing here is about real people."
)


@dataclass(frozen=True)
class DemoSettings(WorldSettings):
    """Settings that determine the demo's result."""

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

    Steps that an earlier call finished with the same settings are not repeated. A demo with other settings in
    ``output`` is refused; ``overwrite`` removes its unchanged files.

    Raises
    ------
    ConfigError
        If a setting is out of range, or ``output`` holds anything but an earlier demo.
    """
    settings = DemoSettings(quick, bias, seed)
    stages = _stages(output, settings)
    prepare(output, "demo", asdict(settings), stages, overwrite=overwrite)
    finish(stages, progress=progress)
    page = compare(*(load_audit(output / name) for name in CHECKPOINTS), names=list(CHECKPOINTS))
    page = replace(page, plants=PLANTS if bias else (), title="fairaudit demo: three checkpoints", intro=INTRO)
    return page.write(output / PAGE, links={name: f"{name}/report.html" for name in CHECKPOINTS})


def _stages(output: Path, settings: DemoSettings) -> dict[Path, Job]:
    """Return the jobs by the folder that each makes; the longest training starts first, beside the others."""
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
    """Draw the training images of the synthetic world."""
    with drawn(folder) as new:
        write_training(new, bias=settings.bias, seed=settings.seed, size=settings.size, progress=progress)


def train_checkpoint(
    name: str, runs: Path, training: Path, settings: DemoSettings, *, progress: Advance | None = None
) -> None:
    """Make the run ``random``, ``supervised`` or ``swav``, with one network, one recipe and the same images.

    On these small networks a second thread slows the training (measured on two cores: 4 times).
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
    """Train the compact BERT on the sentences of the synthetic world; return its folder.

    Training is limited to one epoch: with few sentences, longer training makes words in similar positions alike, and
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
    """Audit one checkpoint on a synthetic population, with a linear probe unless it predicts labels itself."""
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
