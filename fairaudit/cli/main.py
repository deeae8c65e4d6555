"""The command line: every command parses, makes one call, and prints what came of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from fairaudit.cli.data import data as data_commands
from fairaudit.cli.experiment import experiment as experiment_commands
from fairaudit.cli.heads import finetune, probe
from fairaudit.core.errors import ConfigError, FairauditError, InputError
from fairaudit.core.open_file import is_there

if TYPE_CHECKING:
    from fairaudit.core.audit import AuditResult

EXIT_INPUT = 2
EXIT_NOT_ESTIMABLE = 3
#: Options of an audit that speak of a table of outcomes.
_OF_OUTCOMES = ("--outcomes", "--outcome", "--feature", "--control-feature", "--unbounded", "--tolerance", "--average")

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
    quick: Annotated[bool, typer.Option(help="A smaller world and shorter training.")] = False,
    bias: Annotated[float, typer.Option(help="How strong the planted disparities are, from 0 (none) to 1.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Seed of the drawn world and of training.")] = 0,
) -> None:
    """Draw a small world, train three checkpoints in it, audit them side by side, write a report."""
    from fairaudit.studies.demo import run_demo

    typer.echo(run_demo(output, quick=quick, bias=bias, seed=seed))


@app.command()
def pretrain(
    recipe: Annotated[str, typer.Argument(help="A recipe file (TOML), or the name of a shipped one.")],
    data: Annotated[
        list[Path], typer.Option("--data", help="Folder of images or .tar shards, a shard, or a table; repeatable.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Run folder.")],
    seed: Annotated[int | None, typer.Option(help="Instead of the recipe's seed.")] = None,
    samples: Annotated[int | None, typer.Option(help="Images to see, instead of the recipe's number.")] = None,
    watch: Annotated[
        list[str] | None, typer.Option(help="[NAME:]READER=DIR: watch disparities on it; may be given several times.")
    ] = None,
    watch_labels: Annotated[Path | None, typer.Option(help="CSV with file,label: watch their k-NN accuracy.")] = None,
    watch_every: Annotated[
        int | None, typer.Option(help="Images between two looks; a tenth of the run unless given.")
    ] = None,
    indicator: Annotated[
        list[str] | None, typer.Option(help="Watch only this one; may be given several times.")
    ] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="INDICATOR.FIELD=VALUE of a watched one.")] = None,
    probe: Annotated[Path | None, typer.Option(help="CSV with file,label: watched labels from a linear probe.")] = None,
    text_encoder: Annotated[str | None, typer.Option(help="Folder or hub id of a BERT, to watch memes.")] = None,
    allow_unreadable: Annotated[
        bool, typer.Option(help="Watch although over 1 % of the watched images are unreadable.")
    ] = False,
) -> None:
    """Train a RegNet with SwAV on images without labels; a run that was stopped continues.

    With --watch, disparities are measured while it trains. Ends with the path of the run's page.
    """
    from fairaudit.auditing.config import parse_data, parse_options
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
        indicators=indicator,
        options=parse_options(set_ or []),
        probe=probe,
        text_encoder=text_encoder,
        allow_unreadable=allow_unreadable,
    )
    for line in (*lines(found), output, output / PAGE):
        typer.echo(line)


@app.command()
def audit(
    context: typer.Context,
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the audit and its report.")],
    checkpoint: Annotated[
        str | None, typer.Argument(help="Run or transformers folder, hub id, weights, module:function, features.")
    ] = None,
    data: Annotated[list[str] | None, typer.Option(help="[NAME:]READER=DIR; may be given several times.")] = None,
    tests: Annotated[Path | None, typer.Option(help="TOML that lists labelled test sets, the first in domain.")] = None,
    probe: Annotated[
        Path | None, typer.Option(help="CSV with file,label, or a folder of `probe`: labels from a linear probe.")
    ] = None,
    text_encoder: Annotated[str | None, typer.Option(help="Folder or hub id of a BERT, for memes.")] = None,
    preprocessing: Annotated[Path | None, typer.Option(help="JSON with size, mean, std, where not known.")] = None,
    layer: Annotated[
        str, typer.Option(help="Where embeddings are read: trunk, or the projection behind it.")
    ] = "trunk",
    prompts: Annotated[
        Path | None, typer.Option(help="TOML with classes, templates: labels from texts (CLIP).")
    ] = None,
    trust_checkpoint: Annotated[
        bool, typer.Option("--trust-checkpoint", help="Load TorchScript or .pt2, which execute code.")
    ] = False,
    indicator: Annotated[list[str] | None, typer.Option(help="Only this one; may be given several times.")] = None,
    set_: Annotated[list[str] | None, typer.Option("--set", help="INDICATOR.FIELD=VALUE.")] = None,
    plan: Annotated[Path | None, typer.Option(help="TOML that names the comparisons that count.")] = None,
    preset: Annotated[
        str, typer.Option(help="Options of a published protocol: goyal2022_paper or goyal2022_code.")
    ] = "",
    seed: Annotated[int, typer.Option(help="Seed of everything that is fitted.")] = 0,
    batch_size: Annotated[int, typer.Option(help="Images at once.")] = 64,
    allow_unreadable: Annotated[bool, typer.Option(help="Go on when over 1 % of the images are unreadable.")] = False,
    cache: Annotated[
        Path | None, typer.Option(help="Folder that keeps embeddings; fairaudit in the user's cache unless given.")
    ] = None,
    no_cache: Annotated[bool, typer.Option("--no-cache", help="Keep no embeddings, and use none.")] = False,
    outcomes: Annotated[
        Path | None, typer.Option(help="Instead of a checkpoint: .parquet or .csv with sample_id and outcomes.")
    ] = None,
    outcome: Annotated[
        list[str] | None, typer.Option(help="Its column of outcomes; may be given several times.")
    ] = None,
    feature: Annotated[
        list[str] | None, typer.Option(help="Its column of groups, or NAME=FIRST,SECOND,... where they are an order.")
    ] = None,
    control_feature: Annotated[
        list[str] | None, typer.Option(help="Its column within whose values groups are compared too.")
    ] = None,
    unbounded: Annotated[list[str] | None, typer.Option(help="An outcome that may lie outside [0, 1].")] = None,
    tolerance: Annotated[float | None, typer.Option(help="Difference in outcomes that counts as none.")] = None,
    average: Annotated[str, typer.Option(help="Of outcomes: micro (rows) or macro (clusters).")] = "micro",
) -> None:
    """Measure how a checkpoint treats people; exit 0 with a result, 3 with none, 2 for wrong input.

    With --outcomes: the same for a table of outcomes that were computed elsewhere.
    """
    _check_sources(context)
    if outcomes is not None:
        from fairaudit.tabular.audit import audit_outcomes

        found = audit_outcomes(
            outcomes,
            outcomes=outcome or [],
            features=feature or [],
            output=output,
            unbounded=unbounded or [],
            control_features=control_feature or [],
            tolerance=tolerance,
            average=average,  # type: ignore[arg-type]  # checked there
            plan=plan,
        )
    else:
        from fairaudit.auditing.config import parse_data, parse_options
        from fairaudit.auditing.run import audit as run
        from fairaudit.extraction.cache import default_folder

        found = run(
            checkpoint or "",
            data=parse_data(data or []),
            tests=tests,
            output=output,
            probe=probe,
            text_encoder=text_encoder,
            preprocessing=preprocessing,
            layer=layer,
            prompts=prompts,
            trust_checkpoint=trust_checkpoint,
            indicators=indicator,
            options=parse_options(set_ or []),
            plan=plan,
            preset=preset,
            seed=seed,
            batch_size=batch_size,
            allow_unreadable=allow_unreadable,
            cache=None if no_cache else cache or default_folder(),
        )
    _print_audit(found)
    typer.echo(output / "report.html")
    if all(result.groups.empty for result in found.results):
        raise typer.Exit(EXIT_NOT_ESTIMABLE)


@app.command()
def compare(
    audits: Annotated[list[Path], typer.Argument(help="Folders of at least two audits.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Page to write.")] = Path("compare.html"),
) -> None:
    """Lay audits of several checkpoints side by side, and test what changed since the first."""
    from fairaudit.auditing.run import compare as lay

    found = lay(*audits)
    typer.echo(found.summary)
    typer.echo(found.write(output))


@app.command()
def report(folder: Annotated[Path, typer.Argument(help="Folder of an audit or of a training run.")]) -> None:
    """Write the page of a saved audit, or of a training run, again; needs neither the checkpoint nor the images."""
    from fairaudit.runs.run_record import is_run

    if is_there(folder / "audit.json"):
        from fairaudit.auditing.run import load_audit
        from fairaudit.reports.html import write

        typer.echo(write(load_audit(folder), folder / "report.html"))
    elif is_run(folder):
        from fairaudit.training.train import training_page

        typer.echo(training_page(folder))
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
    return f"{category.__name__}: {message}\n"


def main() -> None:
    """Run the command line; wrong input ends with one sentence and exit code 2."""
    import warnings

    warnings.formatwarning = _one_line  # a user of the command line has no use for the line of our code
    # Read by OpenMP when torch is loaded: threads that wait by spinning take the cores from those that decode images
    # (measured on two busy cores: a pass over 450 small images took 3 to 6 s instead of .7 s).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        app(standalone_mode=True)
    except InputError as error:
        _tell(error)
        sys.exit(EXIT_INPUT)
    except FairauditError as error:
        _tell(error)
        sys.exit(EXIT_NOT_ESTIMABLE)


def _tell(error: FairauditError) -> None:
    """Print an error; what it repeats of data must not steer the terminal."""
    from fairaudit.reports.notation import printable

    typer.echo(f"fairaudit: {printable(str(error))}", err=True)


def _check_sources(context: typer.Context) -> None:
    """Refuse an audit of nothing, and options of one kind of audit beside those of the other."""
    sources = {p: context.get_parameter_source(str(p.name)) for p in context.command.params}
    given = [p for p, source in sources.items() if source is not None and source.name == "COMMANDLINE"]
    names = [p.opts[-1] if p.opts[-1].startswith("-") else "CHECKPOINT" for p in given]
    of_table = [name for name in names if name in _OF_OUTCOMES]
    others = [name for name in names if name not in (*_OF_OUTCOMES, "--output", "--plan")]
    if "--outcomes" in names and others:
        raise ConfigError(
            f"an audit must have a checkpoint or --outcomes; got {others[0]} beside --outcomes. Leave one of them out."
        )
    if of_table and "--outcomes" not in names:
        raise ConfigError(f"{of_table[0]} must stand beside --outcomes FILE; got no file. Add it.")
    if not of_table and "CHECKPOINT" not in names:
        raise ConfigError(
            "an audit must have a CHECKPOINT and --data, or --outcomes FILE; got neither. Add one of them."
        )


def _print_audit(found: AuditResult) -> None:
    from fairaudit.reports.wording import lines

    for line in lines(found):
        typer.echo(line)
