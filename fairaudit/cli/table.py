"""``fairaudit audit-table``: an audit of outcomes that were computed elsewhere, and the way there from ``audit``."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typer.core import TyperCommand

from fairaudit.cli.heads import Overwrite
from fairaudit.core.errors import ConfigError

if TYPE_CHECKING:
    from fairaudit.core.audit import AuditResult

EXIT_NOT_ESTIMABLE = 3
Names = list[str] | None


def audit_table(
    table: Annotated[
        Path, typer.Argument(metavar="TABLE", help="A .parquet or .csv file: sample_id, outcomes, groups.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder for the audit and its report.")],
    overwrite: Overwrite = False,
    outcome: Annotated[Names, typer.Option(metavar="NAME", help="Column of outcomes. Repeatable.")] = None,
    feature: Annotated[
        Names, typer.Option(metavar="NAME", help="Column of groups; an order as NAME=FIRST,SECOND,... Repeatable.")
    ] = None,
    control_feature: Annotated[
        Names, typer.Option(metavar="NAME", help="Column within whose values groups are compared too. Repeatable.")
    ] = None,
    unbounded: Annotated[
        Names, typer.Option(metavar="NAME", help="Outcome that may lie outside [0, 1]. Repeatable.")
    ] = None,
    tolerance: Annotated[float | None, typer.Option(help="Difference that counts as none; 0.05 unless given.")] = None,
    average: Annotated[str, typer.Option(help="Mean over rows (micro) or over clusters (macro).")] = "micro",
    plan: Annotated[Path | None, typer.Option(help="TOML that names the comparisons that count.")] = None,
) -> None:
    """Audit a table of outcomes that were computed elsewhere; exit 0 with a result, 3 with none, 2 for wrong input.

    Reads neither a checkpoint nor images.
    """
    from fairaudit.tabular.audit import audit_outcomes

    found = audit_outcomes(
        table,
        outcomes=outcome or [],
        features=feature or [],
        output=output,
        overwrite=overwrite,
        unbounded=unbounded or [],
        control_features=control_feature or [],
        tolerance=tolerance,
        average=average,  # type: ignore[arg-type]  # checked there
        plan=plan,
    )
    show_audit(found, output)


def show_audit(found: AuditResult, output: Path) -> None:
    """Print the result of an audit and the path of its report; exit with 3 if nothing could be estimated."""
    from fairaudit.reports.wording import lines

    for line in (*lines(found), output / "report.html"):
        typer.echo(line)
    if all(result.groups.empty for result in found.results):
        raise typer.Exit(EXIT_NOT_ESTIMABLE)


class AuditCommand(TyperCommand):
    """The command ``audit``, which once took a table by ``--outcomes``."""

    def parse_args(self, ctx: typer.Context, args: list[str]) -> list[str]:  # type: ignore[override]
        """Answer ``--outcomes FILE`` with the same command line for ``audit-table``.

        Raises
        ------
        ConfigError
            If ``--outcomes`` is given.
        """
        for at, word in enumerate(args):
            option, equals, file = word.partition("=")
            if option == "--outcomes":
                file, *rest = [file, *args[at + 1 :]] if equals else args[at + 1 :] or ["TABLE"]
                command = shlex.join(["fairaudit", "audit-table", file, *args[:at], *rest])
                raise ConfigError(f"audit must have a checkpoint; got --outcomes with a table. Run: {command}")
        return super().parse_args(ctx, args)
