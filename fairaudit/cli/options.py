"""Options of an audit as options of a command."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import typer

from fairaudit.auditing.options import OPTIONS, flag_of

Command = Callable[..., None]


def with_options(names: Iterable[str], *, before: str = "", only: str = "") -> Callable[[Command], Command]:
    """Give a command the options that ``names`` lists, in the place of ``**chosen``.

    Parameters
    ----------
    names : iterable of str
        Fields of ``AuditOptions``; those of Python alone are left out.
    before : str
        Parameter before which they stand in the help; default: at the end.
    only : str
        Where they have a meaning, put before the help of each.
    """
    added = [_parameter(name, only) for name in OPTIONS if name in set(names) and flag_of(name)]

    def given(command: Command) -> Command:
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

    return given


def _parameter(name: str, only: str) -> inspect.Parameter:
    about = OPTIONS[name].metadata
    text = f"{only}{about['help']}{' Repeatable.' if about['many'] else ''}"
    default = typer.Option(about["default"], flag_of(name), metavar=about["metavar"], help=text)
    kind = list[str] if about["many"] else about["kind"]
    return inspect.Parameter(name, inspect.Parameter.POSITIONAL_OR_KEYWORD, default=default, annotation=kind)
