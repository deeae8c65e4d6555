"""``fairaudit experiment``: questions that take several trainings and audits to answer."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from fairaudit.cli.heads import Overwrite

experiment = typer.Typer(
    help="Whole experiments on a drawn world: data-or-size.", no_args_is_help=True, rich_markup_mode=None
)


@experiment.callback()
def _group() -> None:
    """Whole experiments on a drawn world."""


@experiment.command("data-or-size")
def data_or_size(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to fill.")] = Path("data-or-size"),
    overwrite: Overwrite = False,
    quick: Annotated[bool, typer.Option(help="A smaller world and shorter training.")] = False,
    bias: Annotated[float, typer.Option(help="How strong the planted disparities are, from 0 (none) to 1.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of the drawn world and of the first training.")] = 0,
    seeds: Annotated[int, typer.Option(help="Trainings of each network; more can be added later.")] = 2,
) -> None:
    """Train three widths on images of things or of people, and say what moves a disparity: data or size."""
    from fairaudit.studies.data_or_size import run_experiment

    typer.echo(run_experiment(output, overwrite=overwrite, quick=quick, bias=bias, seed=seed, seeds=seeds))
