"""Data or size as a page shows it: the one place that puts the effects of a crossed design into words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd
from markupsafe import Markup

from fairaudit.comparison.design import Design
from fairaudit.comparison.model_size import parameters_of, sizes_of
from fairaudit.core.audit import AuditResult
from fairaudit.core.influences import ROW_KEY
from fairaudit.reports import change_view, effect_figure, notation, svg, wording

#: What is said of one disparity.
WORDS: dict[str, wording.Word] = {
    "data": wording.Word("data", "\u25a0", "Data", "within", "The data move it, and more than size does."),
    "size": wording.Word("size", "\u25cf", "Size", "within", "Size moves it, and more than the data do."),
    "open": wording.Word(
        "open", "\u25c6", "Moved, open", "inconclusive",
        "Data or size are shown to move it, but which moves it more cannot be told.",
    ),
    "neither": wording.Word(
        "neither", "?", "Neither shown", "inconclusive", "Neither is shown to move it, and neither is ruled out."
    ),
    "not_estimable": wording.Word(
        "not_estimable", "\u2014", "Not estimable", "none", "The audits do not allow a statement; the row says why."
    ),
}  # fmt: skip
_SHOWN = ("smaller", "larger", "changed")
_KEY = ["indicator", "dataset", *ROW_KEY]


@dataclass(frozen=True)
class EffectRow:
    """What data and size do to one disparity, as text.

    Parameters
    ----------
    name, where : str
        The comparison; indicator, metric and data set.
    word : Word
    sentence : str
    data, size : tuple of (str, str)
        Effect and adjusted interval.
    between : str
        Standard deviation from training to training.
    simple : tuple of (str, ChangeRow)
        The effect at each level, with what it is called.
    """

    name: str
    where: str
    word: wording.Word
    sentence: str
    data: tuple[str, str]
    size: tuple[str, str]
    between: str
    simple: tuple[tuple[str, change_view.ChangeRow], ...]


def effect_section(effects: pd.DataFrame, design: Design, audits: Mapping[str, AuditResult]) -> dict[str, Any]:
    """Return what the section on data and size prints.

    Parameters
    ----------
    effects : DataFrame
        ``comparison.factorial.effects_of``.
    design : Design
    audits : mapping of str to AuditResult
        All, by name.
    """
    figures = {
        "effects": (effect_figure.effect_figure(effects), "Effect of data and of size on each planned disparity"),
        "cells": (
            effect_figure.cell_figure(sizes_of(audits), design),
            "Planned disparities by number of parameters and data",
        ),
    }
    drawn = {
        name: Markup(svg.inline(figure, prefix=name, title=title, description="The tables hold every number."))
        for name, (figure, title) in figures.items()
    }
    sizes, order = parameters_of(audits), list(WORDS)
    rows = [_row(part, design) for _, part in effects.groupby(_KEY, sort=False)]
    return {
        "tally": tally(effects),
        "rows": sorted(rows, key=lambda row: order.index(row.word.key)),  # what is decided stands first
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
    """Return what the intervals cover, and what not."""
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
    """Return the key in ``WORDS`` of one disparity, from its rows of ``effects_of``."""
    verdicts = part[part["at"] == ""].set_index("effect")["verdict"]
    against = verdicts["data_against_size"]
    if against == "not_estimable":
        return "not_estimable"
    if against in ("smaller", "larger"):
        return "data" if against == "larger" else "size"
    return "open" if {"data", "size"} & set(verdicts[verdicts.isin(_SHOWN)].index) else "neither"


def tally(effects: pd.DataFrame) -> str:
    """Return the answer in a sentence or two, over all planned disparities."""
    answers = [answer(part) for _, part in effects.groupby(_KEY, sort=False)]
    count = {key: answers.count(key) for key in WORDS}
    tested = len(answers) - count["not_estimable"]
    left = f" {count['not_estimable']:,} could not be estimated." if count["not_estimable"] else ""
    if not tested:
        return f"No planned disparity could be estimated at every size on either data.{left}"
    said = {
        "data": "{} moved more by the data",
        "size": "{} moved more by size",
        "open": "{} moved, but which moves it more cannot be told",
        "neither": "for {} neither is shown, and neither is ruled out",
    }
    told = ", ".join(text.format(f"{count[key]:,}") for key, text in said.items() if count[key])
    both = int(((effects["effect"] == "interaction") & effects["verdict"].isin(_SHOWN)).sum())
    depends = f" In {both:,} the effect of the data depends on the size." if both else ""
    return f"Of {notation.plural(tested, 'planned disparity', 'planned disparities')}: {told}.{depends}{left}"


def _row(part: pd.DataFrame, design: Design) -> EffectRow:
    main = {row["effect"]: row for row in part[part["at"] == ""].to_dict("records")}
    simple = part[part["at"] != ""].to_dict("records")
    against = main["data_against_size"]
    key = answer(part)
    data, size = ((notation.number(main[e]["change"]), _interval(main[e])) for e in ("data", "size"))
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
    what = "data" if row["effect"] == "data_at_size" else "size"
    return f"{what}: {row['baseline']} to {row['checkpoint']}, {row['at']}"


def _sentence(key: str, main: Mapping[Any, Mapping[Any, Any]]) -> str:
    if key == "not_estimable":
        return f"Not estimable: {str(main['data_against_size']['note']).strip().rstrip('.')}."
    told = []
    for effect, what in (("data", "the data"), ("size", "size")):
        row = main[effect]
        went = f"from {notation.number(row['value_before'])} ({row['baseline']}) to {notation.number(row['value'])} "
        went += f"({row['checkpoint']})"
        became = {"smaller": "it is smaller", "larger": "it is larger"}.get(row["verdict"], "")
        if row["verdict"] in _SHOWN:
            told.append(f"{what} move{'s' if what == 'size' else ''} it {went}" + (f": {became}" if became else ""))
        else:
            largest = notation.at_most(max(abs(b) for b in change_view.interval_of(row)))
            told.append(f"no effect of {what} is shown, and one of {largest} is not ruled out")
    depends = "; the effect of the data depends on the size" if main["interaction"]["verdict"] in _SHOWN else ""
    text = "; ".join(told) + depends
    return f"{text[0].upper()}{text[1:]}."


def _interval(row: Mapping[Any, Any]) -> str:
    return notation.interval(*change_view.interval_of(row))
