"""The command line: every command parses, makes one call, and prints what came of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from fairaudit.auditing.options import AuditKeywords, WatchKeywords
from fairaudit.cli.data import data as data_commands
from fairaudit.cli.experiment import experiment as experiment_commands
from fairaudit.cli.heads import Overwrite, finetune, probe
from fairaudit.cli.options import with_options
from fairaudit.cli.table import EXIT_NOT_ESTIMABLE, AuditCommand, audit_table, show_audit
from fairaudit.core.errors import ConfigError, FairauditError, InputError, disk_error
from fairaudit.core.open_file import is_there
from fairaudit.core.stop import Stopped, stoppable
from fairaudit.core.text import one_line

EXIT_INPUT = 2

app = typer.Typer(
    help="Audit vision models for fairness: valid statistics, HTML reports.",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.add_typer(data_commands, name="data")
app.add_typer(experiment_commands, name="experiment")
app.command()(probe)
app.command()(finetune)


@app.callback(invoke_without_command=True)
def _version(show: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    if show:
        from fairaudit._version import __version__

        typer.echo(f"fairaudit {__version__}")
        raise typer.Exit


@app.command()
def demo(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to fill.")] = Path("fairaudit-demo"),
    overwrite: Overwrite = False,
    quick: Annotated[bool, typer.Option(help="A smaller world and shorter training.")] = False,
    bias: Annotated[float, typer.Option(help="How strong the planted disparities are, from 0 (none) to 1.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of the drawn world and of training.")] = 0,
) -> None:
    """Draw a small world, train three checkpoints in it, audit them side by side, write a report."""
    from fairaudit.studies.demo import run_demo

    typer.echo(run_demo(output, overwrite=overwrite, quick=quick, bias=bias, seed=seed))


@app.command()
@with_options(WatchKeywords.__annotations__, only="With --watch: ")
def pretrain(
    recipe: Annotated[str, typer.Argument(help="A recipe file (TOML), or the name of a shipped one.")],
    data: Annotated[
        list[Path],
        typer.Option(metavar="PATH", help="Folder of images or .tar shards, a shard, or a table. Repeatable."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Run folder.")],
    seed: Annotated[int | None, typer.Option(help="Instead of the recipe's seed.")] = None,
    samples: Annotated[int | None, typer.Option(help="Images to see, instead of the recipe's number.")] = None,
    watch: Annotated[
        list[str] | None, typer.Option(metavar="[NAME:]READER=DIR", help="Watch disparities on it. Repeatable.")
    ] = None,
    watch_labels: Annotated[Path | None, typer.Option(help="CSV with file,label: watch their k-NN accuracy.")] = None,
    watch_every: Annotated[
        int | None, typer.Option(help="Images between two looks; a tenth of the run unless given.")
    ] = None,
    **chosen: Any,
) -> None:
    """Train a RegNet with SwAV on images without labels; a run that was stopped continues.

    With --watch, disparities are measured while it trains. Ends with the path of the run's page.
    """
    from fairaudit.auditing.config import parse_data
    from fairaudit.reports.run_wording import lines
    from fairaudit.runs.run_record import PAGE
    from fairaudit.training.train import train

    found = train(
        recipe,
        data=data,
        output=output,
        seed=seed,
        samples=samples,
        labels=watch_labels,
        watch=parse_data(watch or [], option="--watch"),
        every=watch_every,
        **chosen,
    )
    for line in (*lines(found), output, output / PAGE):
        typer.echo(line)


@app.command(cls=AuditCommand)
@with_options(AuditKeywords.__annotations__, before="no_cache")
def audit(
    checkpoint: Annotated[
        str,
        typer.Argument(
            metavar="CHECKPOINT", help="Run or transformers folder, hub id, weights, module:function, features."
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the audit and its report.")],
    overwrite: Overwrite = False,
    data: Annotated[
        list[str] | None, typer.Option(metavar="[NAME:]READER=DIR", help="Data set to audit on. Repeatable.")
    ] = None,
    test_sets: Annotated[Path | None, typer.Option(help="TOML that lists labelled sets, the first in domain.")] = None,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Keep and use no embeddings; else they are in the user's cache folder.")
    ] = False,
    **chosen: Any,
) -> None:
    """Measure how a checkpoint treats people; exit 0 with a result, 3 with none, 2 for wrong input."""
    from fairaudit.auditing.config import parse_data
    from fairaudit.auditing.run import audit as run
    from fairaudit.extraction.cache import default_folder

    chosen["cache"] = None if no_cache else chosen["cache"] or default_folder()
    found = run(
        checkpoint, data=parse_data(data or []), test_sets=test_sets, output=output, overwrite=overwrite, **chosen
    )
    show_audit(found, output)


app.command("audit-table")(audit_table)


@app.command()
def compare(
    audits: Annotated[list[Path], typer.Argument(help="Folders of at least two audits.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Page to write.")] = Path("compare.html"),
    overwrite: Overwrite = False,
) -> None:
    """Lay audits of several checkpoints side by side, and test what changed since the first."""
    from fairaudit.auditing.run import compare as lay
    from fairaudit.core.output_folder import check_file

    check_file(output, overwrite=overwrite)
    found = lay(*audits)
    typer.echo(found.summary)
    typer.echo(found.write(output, overwrite=overwrite))


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Folder of an audit or of a training run.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace a page that was changed.")] = False,
) -> None:
    """Write the page of a saved audit, or of a training run, again; needs neither the checkpoint nor the images."""
    from fairaudit.runs.run_record import is_run

    if is_there(folder / "audit.json"):
        from fairaudit.auditing.run import load_audit
        from fairaudit.reports.html import write

        typer.echo(write(load_audit(folder), folder / "report.html", overwrite=overwrite))
    elif is_run(folder):
        from fairaudit.training.train import training_page

        typer.echo(training_page(folder, overwrite=overwrite))
    else:
        raise ConfigError(
            f"folder {folder} must hold an audit (audit.json) or a training run (recipe.toml); got neither. "
            "Give the folder that `fairaudit audit` or `fairaudit pretrain` wrote with -o."
        )


@app.command()
def selftest(
    draws: Annotated[int, typer.Option(help="Simulated tables of each design, with a disparity and without.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the simulation.")] = 0,
) -> None:
    """Simulate, audit and count: is what is planted found, and nothing else? Exit 1 if not."""
    from fairaudit.auditing.selftest import selftest as check
    from fairaudit.core.progress import step

    with step("self-test", shown=True) as advance:
        found = check(draws=draws, seed=seed, progress=advance)
    for one in found.checks:
        typer.echo(one.line)
    typer.echo(f"self-test {'passed' if found.passed else 'FAILED'} in {found.seconds:.0f} s")
    if not found.passed:
        raise typer.Exit(1)


def _one_line(message: Warning | str, category: type[Warning], *_: object, **__: object) -> str:
    return f"{category.__name__}: {one_line(str(message))}\n"


def main() -> None:
    """Run the command line; wrong input ends with one sentence and exit code 2."""
    import warnings

    warnings.formatwarning = _one_line  # a user of the command line has no use for the line of our code
    # Read by OpenMP when torch is loaded: threads that wait by spinning take the cores from those that decode images
    # (measured on two busy cores: a pass over 450 small images took 3 to 6 s instead of .7 s).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        with stoppable():
            app(standalone_mode=True)
    except Stopped as stopped:
        _tell(stopped.sentence)
        sys.exit(128 + stopped.number)
    except InputError as error:
        _tell(str(error))
        sys.exit(EXIT_INPUT)
    except OSError as error:
        _tell(str(disk_error(error)))
        sys.exit(EXIT_INPUT)
    except FairauditError as error:
        _tell(str(error))
        sys.exit(EXIT_NOT_ESTIMABLE)


def _tell(sentence: str) -> None:
    """Print an error; what it repeats of data must not steer the terminal."""
    typer.echo(f"fairaudit: {one_line(sentence)}", err=True)
