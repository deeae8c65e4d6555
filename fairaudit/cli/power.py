"""``fairaudit power``: the least difference that an audit would find, before data are collected."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Annotated

import typer

from fairaudit.core.errors import ConfigError

if TYPE_CHECKING:
    from fairaudit.stats.power import GroupPower


def power(
    group: Annotated[int, typer.Option(help="Rows of the group.")],
    rest: Annotated[int, typer.Option(help="Rows of all other groups.")],
    share: Annotated[float, typer.Option(help="Expected share of the rest, between 0 and 1.")],
    rows: Annotated[int, typer.Option(help="Planned comparisons of the audit, which share the level of 5 %.")] = 1,
    clusters: Annotated[str, typer.Option(metavar="N,M", help="Clusters of the group and of the rest.")] = "",
    per_cluster: Annotated[float | None, typer.Option(help="Rows of a cluster, instead of --clusters.")] = None,
    icc: Annotated[float | None, typer.Option(help="Correlation in a cluster. Default: both 0 and 1.")] = None,
    size_cv: Annotated[float, typer.Option(help="Coefficient of variation of the sizes of clusters.")] = 0.0,
    difference: Annotated[float | None, typer.Option(help="Difference that must be found: how many rows?")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of sentences.")] = False,
) -> None:
    """Show the least difference of a group from the rest that an audit would find with power .8.

    Exit 0; 2 for wrong input.
    """
    from fairaudit.core.files import json_value
    from fairaudit.stats.power import group_power

    units = _clusters(clusters, per_cluster, group, rest)
    ends = group_power(group, rest, share, rows=rows, clusters=units, icc=icc, size_cv=size_cv, difference=difference)
    if as_json:
        asked = {"group": group, "rest": rest, "share": share, "rows": rows, "clusters": units, "size_cv": size_cv,
                 "asked_difference": difference}  # fmt: skip
        document = json_value({**asked, "found": [dataclasses.asdict(end) for end in ends]})
        typer.echo(json.dumps(document, indent=1, allow_nan=False))
        return
    planned = "one planned comparison" if rows == 1 else f"each of {rows:,} planned comparisons"
    typer.echo(f"A group of {group:,} rows against {rest:,} others with a share of {share:g}; {planned}, power .8.")
    for end in ends:
        typer.echo(_sentence(end, share))
        if difference is not None:
            typer.echo(_needed(end, difference))


def _clusters(text: str, per_cluster: float | None, group: int, rest: int) -> tuple[int, int] | None:
    if text and per_cluster is not None:
        raise ConfigError("--clusters and --per-cluster must not be given together; got both. Leave one out.")
    if per_cluster is not None:
        if not 1 <= per_cluster <= min(group, rest):
            raise ConfigError(
                f"--per-cluster must be from 1 to {min(group, rest):,}, the rows of the smaller side; got "
                f"{per_cluster:g}."
            )
        return round(group / per_cluster), round(rest / per_cluster)
    if not text:
        return None
    try:
        first, second = (int(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(
            f"--clusters must be two whole numbers, of the group and of the rest; got '{text}'. For example: "
            "--clusters 30,970."
        ) from None
    return first, second


def _sentence(end: GroupPower, share: float) -> str:
    sizes = f"{end.effective_group:,.0f} and {end.effective_rest:,.0f} independent rows"
    given = "" if end.icc is None else f"Correlation {end.icc:g} in a cluster (like {sizes}): "
    if end.why:
        said = f"no verdict is possible: {end.why}."
    elif not end.direction:
        said = "not even the largest difference would be surely found."
    else:
        said = (
            f"the least difference found is {end.difference:.3g} {end.direction}: {share * end.ratio:.3g} against "
            f"{share:g}, a ratio of {end.ratio:.2f}."
        )
    return given + said if given else said[0].upper() + said[1:]


def _needed(end: GroupPower, difference: float) -> str:
    if end.needed is None:
        return f"A difference of {difference:g} is not reachable with this rest (tried up to 100 million rows)."
    return f"A difference of {difference:g} needs a group of {end.needed:,} rows."
