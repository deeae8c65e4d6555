"""``fairaudit experiment data-or-size``: is a change of a disparity due to the training images or to size.

Two sets of equally many drawn images (things and animals; people) times three widths of one network, all else equal:
recipe, images seen, seeds, audited population. Each cell is trained several times, since one training is one draw.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from fairaudit.auditing.run import audit, compare, load_audit
from fairaudit.core.errors import ConfigError
from fairaudit.core.progress import Advance
from fairaudit.datasets.synthetic import OBJECT_CENTRIC, PEOPLE_CENTRIC, Size, write_labelled, write_unlabelled
from fairaudit.studies.stages import PAGE, RUNS, drawn, finish, prepare
from fairaudit.studies.workers import Job
from fairaudit.studies.world import WorldSettings, draw_population, steps_of

if TYPE_CHECKING:
    from fairaudit.pretrain.recipe import Recipe

#: What the images show, by the name of the data.
DATA: Mapping[str, Mapping[str, float]] = {"objects": OBJECT_CENTRIC, "people": PEOPLE_CENTRIC}
#: Widths of the network: each twice the one before. A recipe ``ladder_NAME`` is shipped for each.
SIZES = ("narrow", "middle", "wide")
#: Hateful memes are told apart by their words more than by their pictures, so they are left out.
INDICATORS = ("geographic_disparity", "label_association", "representation_disparity")
#: The page shows a column for each cell and for each network as it is before training; they share the 5 %.
ALPHA = 0.05 / (len(DATA) * len(SIZES) + len(SIZES))
SEEDS = 2
TITLE = "Data or size?"
INTRO = (
    "The reviewers' question on SEER: if a larger network, trained on other images, treats people differently, is it "
    "for the images or for the size? Networks of three widths were trained on equally many drawn images of things and "
    "animals, or of people, with one recipe, and audited on the same drawn, synthetic population. Nothing here is "
    "about real people."
)


@dataclass(frozen=True)
class ExperimentSettings(WorldSettings):
    """What decides the experiment's result; how many seeds there are is not among it, so that more can be added."""

    @property
    def size(self) -> Size:
        """How much is drawn; the memes are not used, so that they are as few as can be."""
        return replace(super().size, n_memes_train=6, n_memes_dev=6, n_memes_test=6)

    def recipe(self, size: str) -> Recipe:
        """Return the recipe of a width: the shipped ladder, or the quick recipe with the ladder's network."""
        from fairaudit.pretrain import load_recipe

        ladder = load_recipe(f"ladder_{size}")
        return replace(load_recipe("quick"), name=f"quick_{size}", network=ladder.network) if self.quick else ladder


def cells_of(seeds: int) -> dict[str, tuple[str, str]]:
    """Return data and size of every trained checkpoint, by its name; the first training of all cells comes first."""
    return {
        f"{data}-{size}" + (f"-{seed}" if seed else ""): (data, size)
        for seed in range(seeds)
        for data in DATA
        for size in SIZES
    }


def run_experiment(
    output: Path,
    *,
    overwrite: bool = False,
    quick: bool = False,
    bias: float = 1.0,
    seed: int = 0,
    seeds: int = SEEDS,
    progress: bool = True,
) -> Path:
    """Draw, train, audit and compare; return the path of the page.

    A step that was finished earlier with the same settings is not done again, and more seeds may be added later.

    Parameters
    ----------
    output : Path
        Folder to fill.
    overwrite : bool
        Whether an experiment with other settings in ``output`` is removed, as far as nobody has changed its files.
    quick, bias, seed
        As in ``WorldSettings``.
    seeds : int
        Trainings of each cell, with the seeds ``seed``, ``seed + 1``, ...; with one, how much a disparity differs from
        training to training is not known.
    progress : bool
        Whether bars and durations are printed.

    Raises
    ------
    ConfigError
        If a setting is out of range, or ``output`` holds something else than an earlier experiment.
    """
    settings = ExperimentSettings(quick, bias, seed)
    if seeds < 1:
        raise ConfigError(f"seeds must be at least 1; got {seeds}. Use {SEEDS}, or 1 for a first look.")
    stages = _stages(output, settings, seeds)
    prepare(output, "experiment", asdict(settings), stages, overwrite=overwrite)
    finish(stages, progress=progress)
    cells = cells_of(seeds)
    names = [*cells, *(f"random-{size}" for size in SIZES)]
    page = compare(*(load_audit(output / name) for name in names), names=names, design=cells)
    page = replace(page, title=TITLE, intro=INTRO)
    return page.write(output / PAGE, links={name: f"{name}/report.html" for name in names})


def _stages(output: Path, settings: ExperimentSettings, seeds: int) -> dict[Path, Job]:
    """Return what is to be done by the folder that it makes, in the order in which it is best begun."""
    world, runs = output / "world", output / RUNS
    labels, people = "draw the labelled images", "draw the audited population"
    jobs = {
        world / data: Job(f"draw {data}", draw_images, (world / data, data, settings)) for data in DATA
    } | {
        world / "labelled": Job(labels, draw_labelled, (world / "labelled", settings)),
        world / "population": Job(people, draw_population, (world / "population", settings)),
    }  # fmt: skip
    cells = sorted(enumerate(cells_of(seeds).items()), key=lambda one: -SIZES.index(one[1][1][1]))  # the longest first
    for k, (name, (data, size)) in cells:
        seed = settings.seed + k // (len(DATA) * len(SIZES))
        arguments = (runs / name, world / data / "images", size, seed, settings)
        jobs[runs / name] = Job(f"train {name}", train_cell, arguments, (f"draw {data}",))
    for size in SIZES:
        images = [world / data / "images" for data in DATA]
        drawn = tuple(f"draw {data}" for data in DATA)
        name = f"random-{size}"
        jobs[runs / name] = Job(f"train {name}", make_floor, (runs / name, images, size, settings), drawn)
    for run in [path for path in jobs if path.parent == runs]:
        given = (run, world / "population", world / "labelled" / "labels.csv", output / run.name)
        after = (f"train {run.name}", labels, people)
        jobs[output / run.name] = Job(f"audit {run.name}", audit_cell, given, after)
    return jobs


def draw_images(folder: Path, data: str, settings: ExperimentSettings, *, progress: Advance | None = None) -> None:
    """Draw one of the two sets of training images: the sets are equally large."""
    with drawn(folder) as new:
        write_unlabelled(
            new, shares=DATA[data], bias=settings.bias, seed=settings.seed, size=settings.size, progress=progress
        )


def draw_labelled(folder: Path, settings: ExperimentSettings, *, progress: Advance | None = None) -> None:
    """Draw the labelled images that every checkpoint's linear probe learns from."""
    with drawn(folder) as new:
        write_labelled(new, bias=settings.bias, seed=settings.seed, size=settings.size, progress=progress)


def train_cell(
    output: Path, images: Path, size: str, seed: int, settings: ExperimentSettings, *, progress: Advance | None = None
) -> None:
    """Train one network with SwAV on one thread."""
    from fairaudit.pretrain import pretrain

    recipe = settings.recipe(size)
    advance = steps_of(recipe, progress)
    pretrain(recipe, data=[images], output=output, seed=seed, threads=1, progress=False, on_step=advance)


def make_floor(
    output: Path, images: list[Path], size: str, settings: ExperimentSettings, *, progress: Advance | None = None
) -> None:
    """Write the network of this width as it is before training; its batch statistics are those of both image sets."""
    from fairaudit.pretrain import random_weights

    if progress is not None:
        progress(0, 1)
    random_weights(settings.recipe(size), data=images, output=output, seed=settings.seed, threads=1, progress=False)


def audit_cell(run: Path, population: Path, labels: Path, output: Path, *, progress: Advance | None = None) -> None:
    """Audit one checkpoint, with a linear probe, on the population that all have in common."""
    if progress is not None:
        progress(0, 1)
    audit(
        run,
        data={f"{kind}:synthetic": population / kind for kind in ("people", "photos")},
        probe=labels,
        indicators=INDICATORS,
        output=output,
        overwrite=True,
        alpha=ALPHA,
        progress=False,
    )
