"""Effects of data and size in a crossed design as text: the only place that words them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from fairaudit.comparison.design import Design
from fairaudit.comparison.model_size import parameters_of, sizes_of
from fairaudit.core.audit import AuditResult
from fairaudit.core.influences import ROW_KEY
from fairaudit.reports import change_view, effect_figure, notation, svg, wording
from fairaudit.reports.wording import Word, keyed

WORDS = keyed(
    Word("data", "\u25a0", "Data", "within", "The data move it, and more than size does."),
    Word("size", "\u25cf", "Size", "within", "Size moves it, and more than the data do."),
    Word(
        "open",
        "\u25c6",
        "Moved, open",
        "inconclusive",
        "Data or size are shown to move it, but which moves it more cannot be told.",
    ),
    Word("neither", "?", "Neither shown", "inconclusive", "Neither is shown to move it, and neither is ruled out."),
    change_view.WORDS["not_estimable"],
)
_SHOWN = ("smaller", "larger", "changed")
_KEY = ["indicator", "dataset", *ROW_KEY]


@dataclass(frozen=True)
class EffectRow:
    """The effects of data and size on one disparity, as text.

    Parameters
    ----------
    name, where : str
        The comparison; indicator, metric and data set.
    word : Word
    sentence : str
    data, size : tuple of (str, str)
        Effect and adjusted interval.
    between : str
        Standard deviation between trainings.
    simple : tuple of (str, ChangeRow)
        Name of each simple effect (one factor at one level of the other), and the effect.
    """

    name: str
    where: str
    word: Word
    sentence: str
    data: tuple[str, str]
    size: tuple[str, str]
    between: str
    simple: tuple[tuple[str, change_view.ChangeRow], ...]


def effect_section(effects: pd.DataFrame, design: Design, audits: Mapping[str, AuditResult]) -> dict[str, Any]:
    """Return the values that the section on data and size prints.

    Parameters
    ----------
    effects : DataFrame
        ``comparison.factorial.effects_of``.
    design : Design
    audits : mapping of str to AuditResult
        Every compared audit by name.
    """
    figures = {
        "effects": (effect_figure.effect_figure(effects), "Effect of data and of size on each planned disparity"),
        "cells": (
            effect_figure.cell_figure(sizes_of(audits), design),
            "Planned disparities by number of parameters and data",
        ),
    }
    drawn = {
        name: svg.inline(figure, prefix=name, title=title, description="The tables hold every number.")
        for name, (figure, title) in figures.items()
    }
    sizes, order = parameters_of(audits), list(WORDS)
    rows = [_row(part, design) for _, part in effects.groupby(_KEY, sort=False)]
    return {
        "tally": tally(effects),
        "rows": sorted(rows, key=lambda row: order.index(row.word.key)),  # decided rows first
        "words": WORDS,
        "figures": drawn,
        "n_statements": int(effects["p_value"].notna().sum()),
        "trainings": design.trainings,
        "covers": covers(design),
        "data": design.data,
        "sizes": [
            (s, notation.size(sizes[name]) if (name := design.checkpoints((design.data[0], s))[0]) in sizes else "")
            for s in design.sizes
        ],
        "n_checkpoints": len(design.cells),
    }


def covers(design: Design) -> str:
    """Return which sources of chance the intervals cover and which they leave out."""
    if design.trainings < 2:
        return (
            "Each network was trained once. Intervals cover who was audited, and not how training fell out: with "
            "another seed the same recipe may give other disparities, so that every statement here is about these "
            f"{len(design.cells)} networks only."
        )
    return (
        f"Each network was trained {design.trainings} times, and the mean counts. Intervals cover who was audited and "
        "how training fell out; not which images were drawn for training, other recipes, or larger steps in size."
    )


def answer(part: pd.DataFrame) -> str:
    """Return the key in ``WORDS`` for the rows of ``effects_of`` of one disparity."""
    verdicts = part[part["at"] == ""].set_index("effect")["verdict"]
    against = verdicts["data_against_size"]
    if against == "not_estimable":
        return "not_estimable"
    if against in ("smaller", "larger"):
        return "data" if against == "larger" else "size"
    return "open" if {"data", "size"} & set(verdicts[verdicts.isin(_SHOWN)].index) else "neither"


def tally(effects: pd.DataFrame) -> str:
    """Return the number of planned disparities by answer, in a sentence or two."""
    answers = [answer(part) for _, part in effects.groupby(_KEY, sort=False)]
    count = {key: answers.count(key) for key in WORDS}
    tested = len(answers) - count["not_estimable"]
    left = f" {count['not_estimable']:,} could not be estimated." if count["not_estimable"] else ""
    if not tested:
        return f"No planned disparity could be estimated at every size on either data.{left}"
    templates = {
        "data": "{} moved more by the data",
        "size": "{} moved more by size",
        "open": "{} moved, but which moves it more cannot be told",
        "neither": "for {} neither is shown, and neither is ruled out",
    }
    answered = ", ".join(text.format(f"{count[key]:,}") for key, text in templates.items() if count[key])
    n_depend = int(((effects["effect"] == "interaction") & effects["verdict"].isin(_SHOWN)).sum())
    depends = f" In {n_depend:,} the effect of the data depends on the size." if n_depend else ""
    return f"Of {notation.plural(tested, 'planned disparity', 'planned disparities')}: {answered}.{depends}{left}"


def _row(part: pd.DataFrame, design: Design) -> EffectRow:
    main = {row["effect"]: row for row in part[part["at"] == ""].to_dict("records")}
    simple = part[part["at"] != ""].to_dict("records")
    against = main["data_against_size"]
    key = answer(part)
    data, size = (
        (notation.number(main[e]["change"]), notation.interval(*wording.adjusted(main[e]))) for e in ("data", "size")
    )
    return EffectRow(
        name=f"{against['feature']}: {wording.comparison(against)}".replace("_", " "),
        where=f"{against['indicator']}, {against['metric']}, {against['dataset']}",
        word=WORDS[key],
        sentence=_sentence(key, main),
        data=data,
        size=size,
        between=notation.number(against["between"]),
        simple=tuple((_called(row), change_view.change_row(row)) for row in simple),
    )


def _called(row: Mapping[Any, Any]) -> str:
    factor = "data" if row["effect"] == "data_at_size" else "size"
    return f"{factor}: {row['baseline']} to {row['checkpoint']}, {row['at']}"


def _sentence(key: str, main: Mapping[Any, Mapping[Any, Any]]) -> str:
    if key == "not_estimable":
        return f"Not estimable: {str(main['data_against_size']['note']).strip().rstrip('.')}."
    clauses = []
    for effect, factor in (("data", "the data"), ("size", "size")):
        row = main[effect]
        went = f"from {notation.number(row['value_before'])} ({row['baseline']}) to {notation.number(row['value'])} "
        went += f"({row['checkpoint']})"
        became = {"smaller": "it is smaller", "larger": "it is larger"}.get(row["verdict"], "")
        if row["verdict"] in _SHOWN:
            clauses.append(
                f"{factor} move{'s' if factor == 'size' else ''} it {went}" + (f": {became}" if became else "")
            )
        else:
            largest = notation.at_most(max(abs(bound) for bound in wording.adjusted(row)))
            clauses.append(f"no effect of {factor} is shown, and one of {largest} is not ruled out")
    depends = "; the effect of the data depends on the size" if main["interaction"]["verdict"] in _SHOWN else ""
    text = "; ".join(clauses) + depends
    return f"{text[0].upper()}{text[1:]}."
