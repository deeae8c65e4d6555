"""``fairaudit experiment data-or-size``: test whether training data or model size causes a change in disparity.

Two sets of equally many drawn images (things and animals; people) are crossed with three widths of one network, all
else equal: recipe, images seen, seeds, audited population. Each cell is trained several times to show the variation.
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

#: Shares of the subjects in the images, by the name of the data.
DATA: Mapping[str, Mapping[str, float]] = {"objects": OBJECT_CENTRIC, "people": PEOPLE_CENTRIC}
#: Widths of the network, each twice the previous; the shipped recipe of each is ``ladder_NAME``.
SIZES = ("narrow", "middle", "wide")
#: The detection of hateful memes depends more on words than on images, so it is left out.
INDICATORS = ("geographic_disparity", "label_association", "representation_disparity")
#: The page has a column for each cell and for each network before training; they share the 5 %.
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
    """Settings that determine the result, without the number of seeds, so that seeds can be added later."""

    @property
    def size(self) -> Size:
        """Size of the drawn world, with the fewest possible memes, which are not used."""
        return replace(super().size, n_memes_train=6, n_memes_dev=6, n_memes_test=6)

    def recipe(self, size: str) -> Recipe:
        """Return the recipe of a width: the shipped one, or the quick recipe with its network."""
        from fairaudit.pretrain import load_recipe

        ladder = load_recipe(f"ladder_{size}")
        return replace(load_recipe("quick"), name=f"quick_{size}", network=ladder.network) if self.quick else ladder


def cells_of(seeds: int) -> dict[str, tuple[str, str]]:
    """Return data and size of every trained checkpoint, by name; the first training of all cells comes first."""
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

    Steps that an earlier call finished with the same settings are not repeated, and seeds can be added later.

    Parameters
    ----------
    output : Path
        Folder to fill.
    overwrite : bool
        Whether to remove the unchanged files of an experiment with other settings in ``output``.
    quick, bias, seed
        As in ``WorldSettings``.
    seeds : int
        Trainings of each cell, with the seeds ``seed``, ``seed + 1``, ...; one training does not show how much a
        disparity varies between trainings.
    progress : bool
        Whether to print progress bars and durations.

    Raises
    ------
    ConfigError
        If a setting is out of range, or ``output`` holds anything but an earlier experiment.
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
    """Return the jobs by the folder that each makes, in the best order of starting."""
    world, runs = output / "world", output / RUNS
    labels, people = "draw the labelled images", "draw the audited population"
    jobs = {
        world / data: Job(f"draw {data}", draw_images, (world / data, data, settings)) for data in DATA
    } | {
        world / "labelled": Job(labels, draw_labelled, (world / "labelled", settings)),
        world / "population": Job(people, draw_population, (world / "population", settings)),
    }  # fmt: skip
    cells = [(k, name, data, size) for k, (name, (data, size)) in enumerate(cells_of(seeds).items())]
    for k, name, data, size in sorted(cells, key=lambda cell: -SIZES.index(cell[-1])):  # the longest first
        seed = settings.seed + k // (len(DATA) * len(SIZES))
        arguments = (runs / name, world / data / "images", size, seed, settings)
        jobs[runs / name] = Job(f"train {name}", train_cell, arguments, (f"draw {data}",))
    for size in SIZES:
        name, images = f"random-{size}", [world / data / "images" for data in DATA]
        after = tuple(f"draw {data}" for data in DATA)
        jobs[runs / name] = Job(f"train {name}", make_floor, (runs / name, images, size, settings), after)
    for run in [path for path in jobs if path.parent == runs]:
        inputs = (run, world / "population", world / "labelled" / "labels.csv", output / run.name)
        jobs[output / run.name] = Job(f"audit {run.name}", audit_cell, inputs, (f"train {run.name}", labels, people))
    return jobs


def draw_images(folder: Path, data: str, settings: ExperimentSettings, *, progress: Advance | None = None) -> None:
    """Draw one of the two equally large sets of training images."""
    with drawn(folder) as new:
        write_unlabelled(
            new, shares=DATA[data], bias=settings.bias, seed=settings.seed, size=settings.size, progress=progress
        )


def draw_labelled(folder: Path, settings: ExperimentSettings, *, progress: Advance | None = None) -> None:
    """Draw the labelled images on which every linear probe is fitted."""
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
    """Write the untrained network of this width, with the batch statistics of both image sets."""
    from fairaudit.pretrain import random_weights

    if progress is not None:
        progress(0, 1)
    random_weights(settings.recipe(size), data=images, output=output, seed=settings.seed, threads=1, progress=False)


def audit_cell(run: Path, population: Path, labels: Path, output: Path, *, progress: Advance | None = None) -> None:
    """Audit one checkpoint, with a linear probe, on the common population."""
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
