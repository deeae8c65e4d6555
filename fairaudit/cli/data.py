"""``fairaudit data``: what is in the data, and what is declared of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

EXIT_INPUT, EXIT_NOT_ESTIMABLE = 2, 3

data = typer.Typer(help="The data itself: check, profile, datasheet.", no_args_is_help=True, rich_markup_mode=None)


@data.command()
def check(
    reader: Annotated[str, typer.Argument(help="Name of a reader, for example utkface.")],
    folder: Annotated[Path, typer.Argument(help="What it reads.")],
    headers_only: Annotated[
        bool,
        typer.Option("--headers-only", help="Read only headers of JPEGs: faster, and truncated ones are not found."),
    ] = False,
    expected: Annotated[
        float | None, typer.Option(help="Share that a measure is expected to have; the hardest unless given.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
) -> None:
    """Say what is in a data set, what is missing, and which disparities it could show, before any model runs.

    Exit 0 where groups can be compared, 3 where none can, 2 where an audit would refuse the data.
    """
    from fairaudit.auditing.check_data import check_data
    from fairaudit.reports.check_screen import is_refused, show

    found = check_data(reader, folder, decode=not headers_only, expected=expected, progress=not as_json)
    if as_json:
        typer.echo(json.dumps(found.document(), indent=1, allow_nan=False))
    else:
        show(found)
    if is_refused(found):
        raise typer.Exit(EXIT_INPUT)
    if not found.can_compare:
        raise typer.Exit(EXIT_NOT_ESTIMABLE)


@data.command()
def profile(
    source: Annotated[
        Path,
        typer.Argument(
            help="A .csv or .parquet with one row an image, a folder that holds one, or images or .tar shards alone."
        ),
    ],
    field: Annotated[
        list[str] | None, typer.Option(help="A column besides country, region, gender; may be given several times.")
    ] = None,
    cluster: Annotated[str, typer.Option(help="Column of the person, household or account of an image.")] = "",
    images_at_least: Annotated[int, typer.Option(help="Images that are enough for a value.")] = 100,
    sample: Annotated[int, typer.Option(help="Rows to keep; a random sample of a longer table.")] = 1_000_000,
    seed: Annotated[int, typer.Option(help="Seed of that sample.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")] = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File for the profile as JSON.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace the file that is there.")] = False,
) -> None:
    """Count what a table declares of its images, what is unknown, and copies; nothing is inferred from pixels."""
    from fairaudit.core.files import write_json
    from fairaudit.core.output_folder import check_file
    from fairaudit.core.progress import step
    from fairaudit.describe.datasheet import find_datasheet
    from fairaudit.describe.profiler import profile_data
    from fairaudit.reports.profile_screen import show

    if output is not None:
        check_file(output, overwrite=overwrite)
    datasheet = find_datasheet(source if source.is_dir() else source.parent)
    with step("profile", shown=not as_json) as advance:
        found = profile_data(
            source,
            fields=field or [],
            cluster=cluster,
            images_at_least=images_at_least,
            sample=sample,
            seed=seed,
            progress=advance,
        )
    if output is not None:
        write_json(output, found.document())
    if as_json:
        typer.echo(json.dumps(found.document(), indent=1, allow_nan=False))
    else:
        show(found, datasheet)
        if output is not None:
            typer.echo(output)


@data.command()
def datasheet(folder: Annotated[Path, typer.Argument(help="Folder of the data.")]) -> None:
    """Write an empty datasheet.toml with its questions; what stays unanswered is shown as not declared."""
    from fairaudit.describe.datasheet import write_template

    typer.echo(write_template(folder))
