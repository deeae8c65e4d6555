"""``fairaudit data``: contents and declared properties of data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from fairaudit.cli.options import EXIT_INPUT, EXIT_NOT_ESTIMABLE, print_path

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]

data = typer.Typer(help="Inspect data: check, profile, datasheet.", no_args_is_help=True, rich_markup_mode=None)


@data.command()
def check(
    reader: Annotated[str, typer.Argument(help="Name of a reader, for example utkface.")],
    folder: Annotated[Path, typer.Argument(help="Folder or file that the reader reads.")],
    headers_only: Annotated[
        bool, typer.Option("--headers-only", help="Read only JPEG headers: faster, but misses truncated files.")
    ] = False,
    expected: Annotated[
        float | None, typer.Option(help="Expected share of a measure. Default: the share that needs most images.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Show the contents and gaps of a data set, and the disparities that it could reveal.

    Exit 0 if groups can be compared, 3 if none can, 2 if an audit would refuse the data.
    """
    from fairaudit.auditing.check_data import check_data
    from fairaudit.reports.check_screen import is_refused, show

    result = check_data(reader, folder, decode=not headers_only, expected=expected, progress=not as_json)
    if as_json:
        typer.echo(json.dumps(result.document(), indent=1, allow_nan=False))
    else:
        show(result)
    if is_refused(result):
        raise typer.Exit(EXIT_INPUT)
    if not result.can_compare:
        raise typer.Exit(EXIT_NOT_ESTIMABLE)


@data.command()
def profile(
    source: Annotated[
        Path,
        typer.Argument(help="A .csv or .parquet file with a row per image, its folder, or images or .tar shards."),
    ],
    field: Annotated[
        list[str] | None, typer.Option(help="Column to count beside country, region and gender. Repeatable.")
    ] = None,
    cluster: Annotated[str, typer.Option(help="Column of the person, household or account of an image.")] = "",
    images_at_least: Annotated[int, typer.Option(help="Number of images that suffices for a value.")] = 100,
    sample: Annotated[int, typer.Option(help="Size of the random sample of a longer table.")] = 1_000_000,
    seed: Annotated[int, typer.Option(help="Seed of that sample.")] = 0,
    as_json: AsJson = False,
    output: Annotated[Path | None, typer.Option("-o", "--output", help="File for the profile as JSON.")] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an edited profile.")] = False,
) -> None:
    """Count declared values, unknown values and copies of images; nothing is inferred from pixels."""
    from fairaudit.core.files import atomic_write, json_text
    from fairaudit.core.marker import OWN, own_line, with_own_digest
    from fairaudit.core.output_folder import check_file
    from fairaudit.core.progress import step
    from fairaudit.describe.datasheet import find_datasheet
    from fairaudit.describe.profiler import profile_data
    from fairaudit.reports.profile_screen import show

    if output is not None:
        check_file(output, "profile", overwrite=overwrite)
    datasheet = find_datasheet(source if source.is_dir() else source.parent)
    with step("profile", shown=not as_json) as advance:
        result = profile_data(
            source,
            fields=field or [],
            cluster=cluster,
            images_at_least=images_at_least,
            sample=sample,
            seed=seed,
            progress=advance,
        )
    if output is not None:
        text = json_text({**result.document(), OWN: own_line("profile")})
        check_file(output, "profile", overwrite=overwrite)
        atomic_write(output, with_own_digest(text))
    if as_json:
        typer.echo(json.dumps(result.document(), indent=1, allow_nan=False))
    else:
        show(result, datasheet)
        if output is not None:
            print_path(output)


@data.command()
def datasheet(folder: Annotated[Path, typer.Argument(help="Folder of the data.")]) -> None:
    """Write datasheet.toml with empty answers; an empty answer is reported as not declared."""
    from fairaudit.describe.datasheet import write_template

    print_path(write_template(folder))
