"""``fairaudit audit-table``: audit outcomes computed elsewhere; ``audit --outcomes`` refers to it."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand

from fairaudit.auditing.options import OPTIONS
from fairaudit.cli.options import EXIT_NOT_ESTIMABLE, Overwrite, print_path
from fairaudit.core.errors import ConfigError

if TYPE_CHECKING:
    from fairaudit.core.audit import AuditResult

Names = list[str] | None


def audit_table(
    table: Annotated[
        Path, typer.Argument(metavar="TABLE", help="A .parquet or .csv file with sample_id, outcomes and groups.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the audit and its report.")],
    overwrite: Overwrite = False,
    outcome: Annotated[Names, typer.Option(metavar="NAME", help="Column of outcomes. Repeatable.")] = None,
    feature: Annotated[
        Names, typer.Option(metavar="NAME", help="Column of groups, ordered if NAME=FIRST,SECOND,... Repeatable.")
    ] = None,
    control_feature: Annotated[
        Names, typer.Option(metavar="NAME", help="Column to control for: compare within its values. Repeatable.")
    ] = None,
    unbounded: Annotated[
        Names, typer.Option(metavar="NAME", help="Outcome that may lie outside [0, 1]. Repeatable.")
    ] = None,
    sample_weight: Annotated[str, typer.Option(metavar="COLUMN", help="Column of row weights, 0 or more.")] = "",
    tolerance: Annotated[
        float | None, typer.Option(help="Largest negligible difference. Default: from the overall share.")
    ] = None,
    average: Annotated[str, typer.Option(help="Mean over rows (micro) or over clusters (macro).")] = "micro",
    plan: Annotated[Path | None, typer.Option(help=OPTIONS["plan"].metadata["help"])] = None,
) -> None:
    """Audit a table of outcomes, without model and images.

    Exit 0 with results, 3 without, 2 for wrong input.
    """
    from fairaudit.tabular.audit import audit_outcomes

    audit = audit_outcomes(
        table,
        outcomes=outcome or [],
        features=feature or [],
        output=output,
        overwrite=overwrite,
        unbounded=unbounded or [],
        control_features=control_feature or [],
        tolerance=tolerance,
        sample_weight=sample_weight,
        plan=plan,
        average=average,  # type: ignore[arg-type]  # checked there
    )
    show_audit(audit, output)


def show_audit(audit: AuditResult, output: Path) -> None:
    """Print the results of an audit and the path of its report; exit with 3 if no value is estimable."""
    from fairaudit.reports.wording import lines

    for line in lines(audit):
        typer.echo(line)
    print_path(output / "report.html")
    if all(result.groups.empty for result in audit.results):
        raise typer.Exit(EXIT_NOT_ESTIMABLE)


class AuditCommand(TyperCommand):
    """The command ``audit``, which took a table by ``--outcomes`` in earlier versions."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Parse; raise ConfigError for ``--outcomes FILE``, with the same command line for ``audit-table``."""
        for at, word in enumerate(args):
            option, equals, file = word.partition("=")
            if option == "--outcomes":
                file, *rest = [file, *args[at + 1 :]] if equals else args[at + 1 :] or ["TABLE"]
                command = shlex.join(["fairaudit", "audit-table", file, *args[:at], *rest])
                raise ConfigError(f"audit must have a checkpoint; got --outcomes with a table. Run: {command}")
        return super().parse_args(ctx, args)
