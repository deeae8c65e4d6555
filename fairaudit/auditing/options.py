"""Options of an audit, each one field with its type, default and help.

The command line, ``fairaudit.audit``, watchers and ``AuditConfig.resolved`` read the fields. Every start of the command
line imports this module, so it must import nothing heavy.
"""

from __future__ import annotations

import dataclasses
import functools
import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict, TypeVar, cast

if TYPE_CHECKING:
    from fairaudit.core.indicator import Indicator
    from fairaudit.core.plan import Plan

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])


def _same(value: T) -> T:
    return value


def _name(path: str | Path | None) -> str | None:
    return Path(path).name if path else None


def _without_folders(options: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the options of each indicator, with the name of a file in place of its path."""
    return {
        indicator: {
            name: Path(value).name if isinstance(value, str) and value and Path(value).is_file() else value
            for name, value in dataclasses.asdict(chosen).items()
        }
        for indicator, chosen in options.items()
    }


def option(
    default: T, help: str, *, kind: type | None = None, flag: str | None = None, metavar: str | None = None,
    record: Callable[[Any], Any] | None = _same,
) -> T:  # fmt: skip
    """Return a field of ``AuditOptions``.

    Parameters
    ----------
    default : object
        A tuple or dict makes the option of the command line repeatable.
    help : str
        Help of the command line and docstring.
    kind : type, optional
        Type that the command line reads. Default: the type of ``default``.
    flag, metavar : str, optional
        Option and value on the command line. Default: by name and kind; an empty flag hides the option there.
    record : callable, optional
        Returns the JSON value that an audit records; None if the option does not decide the result.
    """
    many = isinstance(default, (tuple, dict))
    about = {"help": help, "kind": kind or type(default), "flag": flag, "metavar": metavar, "record": record}
    shown = {"many": many, "default": None if many else default}
    return field(default_factory=lambda: default, metadata=about | shown)


@dataclass(frozen=True, kw_only=True)
class AuditOptions:
    """Options of an audit beside its checkpoint and data; the help of each field explains it."""

    probe: Path | None = option(
        None,
        "Labels by a linear probe: CSV with file,label to fit it, or a folder of `probe`.",
        kind=Path,
        record=_name,
    )
    text_encoder: str | None = option(
        None, "Folder or hub id of a BERT for the texts of memes.", kind=str, record=_name
    )
    preprocessing: Path | None = option(
        None, "JSON with size, mean and std, if the checkpoint lacks them.", kind=Path, record=_name
    )
    layer: str = option("trunk", "Layer of the embeddings: trunk, or projection (of CLIP or SigLIP).")
    prompts: Path | None = option(
        None, "Labels by CLIP or SigLIP: TOML with classes and templates.", kind=Path, record=_name
    )
    trust_checkpoint: bool = option(False, "Load TorchScript and .pt2 files, which execute code.", record=None)
    indicators: tuple[Indicator, ...] = option(
        (), "Indicator to run. Default: all.", flag="--indicator", metavar="NAME", record=None
    )
    options: Mapping[str, Any] = option(
        {}, "Option of an indicator.", flag="--set", metavar="INDICATOR.FIELD=VALUE", record=_without_folders
    )
    plan: Plan | None = option(None, "TOML with the planned comparisons.", kind=Path, record=None)
    preset: str = option("", "Options of a published protocol: goyal2022_paper or goyal2022_code.")
    seed: int = option(0, "Seed of every fit.")
    batch_size: int = option(64, "Images per batch.", record=None)
    allow_unreadable: bool = option(False, "Continue if over 1 % of the images are unreadable.")
    alpha: float = option(0.05, "Chance of any false disparity in an audit without a plan, in (0, 1).", flag="")
    cache: Path | None = option(
        None, "Folder that keeps embeddings and the self-test for later audits.", kind=Path, record=None
    )


OPTIONS = {f.name: f for f in dataclasses.fields(AuditOptions)}


def flag_of(name: str) -> str:
    """Return the command-line option of a field."""
    flag = OPTIONS[name].metadata["flag"]
    return str(f"--{name.replace('_', '-')}" if flag is None else flag)


class WatchKeywords(TypedDict, total=False):
    """Options of ``fairaudit.train``."""

    indicators: Sequence[str] | None
    options: Mapping[str, Mapping[str, Any]] | None
    probe: str | Path | None
    text_encoder: str | Path | None
    allow_unreadable: bool


class WatcherKeywords(WatchKeywords, total=False):
    """Options of ``DisparityWatcher``."""

    seed: int
    batch_size: int


class AuditKeywords(WatcherKeywords, total=False):
    """Options of ``fairaudit.audit``."""

    preprocessing: str | Path | None
    layer: str
    prompts: str | Path | None
    trust_checkpoint: bool
    plan: str | Path | Plan | None
    preset: str
    alpha: float
    cache: str | Path | None


def takes(keywords: type) -> Callable[[F], F]:
    """Return a decorator that lists ``**options`` of a function, by their ``TypedDict``, in signature and docstring.

    The decorated function refuses any other keyword.
    """
    hints, keyword = keywords.__annotations__, inspect.Parameter.KEYWORD_ONLY
    chosen = {name: f.metadata for name, f in OPTIONS.items() if name in hints}
    added = [
        inspect.Parameter(name, keyword, default=about["default"], annotation=hints[name].__forward_arg__)
        for name, about in chosen.items()
    ]
    listed = "\n".join(f"{p.name} : {p.annotation}\n    {chosen[p.name]['help']}" for p in added)

    def spelled(function: F) -> F:
        signature = inspect.signature(function)
        own = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        signature = signature.replace(parameters=[*own, *added])

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            signature.bind(*args, **kwargs)
            return function(*args, **kwargs)

        call.__signature__ = signature  # type: ignore[attr-defined]
        if function.__doc__:
            call.__doc__ = f"{inspect.cleandoc(function.__doc__)}\n\nOther Parameters\n----------------\n{listed}\n"
        return cast(F, call)

    return spelled
