"""``fairaudit experiment``: questions that need several trainings and audits."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fairaudit.cli.options import Bias, Overwrite, Quick, print_path

experiment = typer.Typer(help="Run a whole experiment: data-or-size.", no_args_is_help=True, rich_markup_mode=None)


@experiment.callback()
def _group() -> None:
    """Run a whole experiment on a synthetic world."""


@experiment.command("data-or-size")
def data_or_size(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to fill.")] = Path("data-or-size"),
    overwrite: Overwrite = False,
    quick: Quick = False,
    bias: Bias = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of the synthetic world and of the first training.")] = 0,
    seeds: Annotated[int, typer.Option(help="Trainings per network; more can be added later.")] = 2,
) -> None:
    """Test whether training data or model size changes a disparity: two data sets, three widths."""
    from fairaudit.studies.data_or_size import run_experiment

    print_path(run_experiment(output, overwrite=overwrite, quick=quick, bias=bias, seed=seed, seeds=seeds))
