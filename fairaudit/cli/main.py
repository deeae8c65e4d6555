"""The command line: each command parses its options, makes one call and prints the result."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from fairaudit.auditing.options import AuditKeywords, WatchKeywords
from fairaudit.cli.data import data as data_commands
from fairaudit.cli.experiment import experiment as experiment_commands
from fairaudit.cli.heads import finetune, probe
from fairaudit.cli.options import EXIT_INPUT, EXIT_NOT_ESTIMABLE, Bias, Overwrite, Quick, print_path, with_options
from fairaudit.cli.power import power
from fairaudit.cli.table import AuditCommand, audit_table, show_audit
from fairaudit.core.errors import ConfigError, FairauditError, InputError, disk_error
from fairaudit.core.stop import Stopped, stoppable
from fairaudit.core.text import one_line

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
app.command()(power)


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
    quick: Quick = False,
    bias: Bias = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of the synthetic world and of training.")] = 0,
) -> None:
    """Train and audit three checkpoints on a small synthetic world."""
    from fairaudit.studies.demo import run_demo

    print_path(run_demo(output, overwrite=overwrite, quick=quick, bias=bias, seed=seed))


@app.command()
@with_options(WatchKeywords.__annotations__, only="With --watch: ")
def pretrain(
    recipe: Annotated[str, typer.Argument(help="A TOML recipe, or the name of a shipped recipe.")],
    data: Annotated[
        list[Path],
        typer.Option(metavar="PATH", help="Folder of images or .tar shards, a shard, or a table. Repeatable."),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the run.")],
    seed: Annotated[int | None, typer.Option(help="Seed. Default: that of the recipe.")] = None,
    samples: Annotated[int | None, typer.Option(help="Images to train on. Default: those of the recipe.")] = None,
    watch: Annotated[
        list[str] | None,
        typer.Option(metavar="[NAME:]READER=DIR", help="Data set on which to watch disparities. Repeatable."),
    ] = None,
    watch_labels: Annotated[Path | None, typer.Option(help="CSV with file,label, to watch k-NN accuracy.")] = None,
    watch_every: Annotated[
        int | None, typer.Option(metavar="N", help="Measure every N images. Default: a tenth of the run.")
    ] = None,
    **chosen: Any,
) -> None:
    """Train a RegNet with SwAV on images without labels.

    The same command resumes a stopped run. With --watch, disparities are measured during training.
    """
    from fairaudit.auditing.config import parse_data
    from fairaudit.reports.run_wording import lines
    from fairaudit.runs.run_record import PAGE
    from fairaudit.training.train import train

    record = train(
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
    for line in lines(record):
        typer.echo(line)
    for path in (output, output / PAGE):
        print_path(path)


@app.command(cls=AuditCommand)
@with_options(AuditKeywords.__annotations__, before="no_cache")
def audit(
    checkpoint: Annotated[
        str,
        typer.Argument(
            metavar="CHECKPOINT", help="Run or transformers folder, hub id, weights, module:function, or features."
        ),
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the audit and its report.")],
    overwrite: Overwrite = False,
    data: Annotated[
        list[str] | None, typer.Option(metavar="[NAME:]READER=DIR", help="Data set to audit on. Repeatable.")
    ] = None,
    test_sets: Annotated[
        Path | None, typer.Option(help="TOML with labelled test sets, the in-domain set first.")
    ] = None,
    no_cache: Annotated[
        bool, typer.Option("--no-cache", help="Read and keep neither embeddings nor the self-test.")
    ] = False,
    **chosen: Any,
) -> None:
    """Audit a checkpoint on data sets.

    Exit 0 with results, 3 without, 2 for wrong input.
    """
    from fairaudit.auditing.config import parse_data
    from fairaudit.auditing.run import audit as run
    from fairaudit.extraction.cache import default_folder

    chosen["cache"] = None if no_cache else chosen["cache"] or default_folder()
    result = run(
        checkpoint, data=parse_data(data or []), test_sets=test_sets, output=output, overwrite=overwrite, **chosen
    )
    show_audit(result, output)


app.command("audit-table")(audit_table)


@app.command()
def compare(
    audits: Annotated[list[Path], typer.Argument(help="Folders of at least two audits.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Page to write.")] = Path("compare.html"),
    overwrite: Overwrite = False,
) -> None:
    """Compare audits side by side, and test changes from the first."""
    from fairaudit.auditing.run import compare as run
    from fairaudit.core.output_folder import check_file

    check_file(output, "comparison", overwrite=overwrite)
    comparison = run(*audits)
    typer.echo(one_line(comparison.summary))
    print_path(comparison.write(output, overwrite=overwrite))


@app.command()
def report(
    folder: Annotated[Path, typer.Argument(help="Folder of an audit or of a training run.")],
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Replace an edited page.")] = False,
) -> None:
    """Rewrite the page of a saved audit or training run."""
    from fairaudit.core.open_file import is_there  # takes hashlib and tomllib: every start of the command line waits
    from fairaudit.runs.run_record import is_run

    if is_there(folder / "audit.json"):
        from fairaudit.auditing.run import load_audit
        from fairaudit.reports.html import write

        print_path(write(load_audit(folder), folder / "report.html", overwrite=overwrite))
    elif is_run(folder):
        from fairaudit.training.train import training_page

        print_path(training_page(folder, overwrite=overwrite))
    else:
        raise ConfigError(
            f"folder {folder} must hold an audit (audit.json) or a training run (recipe.toml); got neither. "
            "Give the folder that `fairaudit audit` or `fairaudit pretrain` wrote with -o."
        )


@app.command()
def selftest(
    draws: Annotated[int, typer.Option(help="Simulated tables per design, with and without a disparity.")] = 100,
    seed: Annotated[int, typer.Option(help="Seed of the simulation.")] = 0,
) -> None:
    """Check that audits find planted disparities only; exit 1 if not."""
    from fairaudit.auditing.selftest import selftest as run
    from fairaudit.core.progress import step

    with step("self-test", shown=True) as advance:
        result = run(draws=draws, seed=seed, progress=advance)
    for check in result.checks:
        typer.echo(check.line)
    typer.echo(f"self-test {'passed' if result.passed else 'FAILED'} in {result.seconds:.0f} s")
    if not result.passed:
        raise typer.Exit(1)


def _one_line(message: Warning | str, category: type[Warning], *_: object, **__: object) -> str:
    return f"{category.__name__}: {one_line(str(message))}\n"


def main() -> None:
    """Run the command line; wrong input ends with one sentence and exit code 2."""
    import warnings

    warnings.formatwarning = _one_line  # users need no line of our code
    # For OpenMP, when torch is loaded: threads that spin while waiting take the cores from those that decode images
    # (measured on two busy cores: a pass over 450 small images took 3 to 6 s instead of .7 s).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        _check_encoding(sys.argv[1:])
        with stoppable():
            app(standalone_mode=True)
    except Stopped as stopped:
        _print_error(stopped.sentence)
        sys.exit(128 + stopped.number)
    except (OSError, FairauditError) as error:
        shown = disk_error(error) if isinstance(error, OSError) else error
        _print_error(str(shown))
        sys.exit(EXIT_INPUT if isinstance(shown, InputError) else EXIT_NOT_ESTIMABLE)


def _check_encoding(words: list[str]) -> None:
    """Raise ConfigError for a word that is no Unicode text, which no JSON, page or message could name."""
    for word in words:
        try:
            word.encode()
        except UnicodeEncodeError as error:
            raise ConfigError(
                f"arguments must be text in UTF-8; got {os.fsencode(word)!r}. Rename the file, or correct the argument."
            ) from error


def _print_error(sentence: str) -> None:
    """Print an error on one line; quoted data must not control the terminal."""
    typer.echo(f"fairaudit: {one_line(sentence)}", err=True)
