"""Options that commands share, and options of an audit as options of a command."""

from __future__ import annotations

import functools
import inspect
import os
import sys
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import typer

from fairaudit.auditing.options import OPTIONS, flag_of
from fairaudit.core.text import one_line

EXIT_INPUT, EXIT_NOT_ESTIMABLE = 2, 3

Command = Callable[..., None]
Bias = Annotated[float, typer.Option(help="Strength of the planted disparities, from 0 (none) to 1.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace another result; other files stay.")]
Quick = Annotated[bool, typer.Option(help="Use a smaller world and shorter training.")]


def print_path(path: str | os.PathLike[str]) -> None:
    """Print the path of a result: its exact bytes into a pipe or file, and printable on a terminal."""
    name = os.fspath(path)
    typer.echo(one_line(name) if sys.stdout.isatty() else os.fsencode(name))


def with_options(names: Iterable[str], *, before: str = "", only: str = "") -> Callable[[Command], Command]:
    """Return a decorator that replaces ``**chosen`` of a command with the options ``names``.

    Parameters
    ----------
    names : iterable of str
        Fields of ``AuditOptions``; those without an option on the command line are left out.
    before : str
        Parameter that follows them in the help. Default: they come last.
    only : str
        Prefix of each help text.
    """
    added = [_parameter(name, only) for name in OPTIONS if name in set(names) and flag_of(name)]

    def decorate(command: Command) -> Command:
        *own, _ = inspect.signature(command, eval_str=True).parameters.values()
        at = [*(p.name for p in own), before].index(before)

        @functools.wraps(command)
        def call(**chosen: Any) -> None:
            if "options" in chosen:
                from fairaudit.auditing.config import parse_options

                chosen["options"] = parse_options(chosen["options"] or [])
            command(**chosen)

        call.__signature__ = inspect.Signature([*own[:at], *added, *own[at:]])  # type: ignore[attr-defined]
        return call

    return decorate


def _parameter(name: str, only: str) -> inspect.Parameter:
    about = OPTIONS[name].metadata
    text = f"{only}{about['help']}{' Repeatable.' if about['many'] else ''}"
    default = typer.Option(about["default"], flag_of(name), metavar=about["metavar"], help=text)
    kind = list[str] if about["many"] else about["kind"]
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=kind)
