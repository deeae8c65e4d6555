"""Fine-grained annotations of Hateful Memes: the protected groups that a hateful meme attacks, by annotator.

``train.json``, ``dev_seen.json`` and ``dev_unseen.json`` are JSON lines with ``id``, ``img``, ``text``, ``gold_hate``,
``gold_pc`` and ``pc``: a list of groups for each of one to three annotators, or ``"None"`` if a meme is not hateful.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from fairaudit.core.samples import NOT_RECORDED, Feature
from fairaudit.core.votes import most_voted
from fairaudit.datasets.parts.meme_rows import meme_row
from fairaudit.datasets.parts.text_files import read_json_lines, wrong_line

#: Protected categories in the annotations.
CATEGORIES = ("disability", "nationality", "race", "religion", "sex")
#: Form of a line, for errors.
LINE = "a JSON object with id, img, text, gold_hate and pc"
_EMPTY = "pc_empty"
_HOW = "up to three annotators each said of a hateful meme whom it attacks; memes that are not hateful attack nobody"


@dataclass(frozen=True)
class Attacked:
    """A meme with the categories that it attacks.

    Parameters
    ----------
    row : mapping of str to str
        As ``meme_row`` returns it.
    votes : tuple of frozenset of str
        Categories named by each annotator who named any.
    """

    row: Mapping[str, str]
    votes: tuple[frozenset[str], ...]


def read_votes(file: Path) -> Iterator[Attacked]:
    """Yield the memes of a file.

    Raises
    ------
    DataError
        If a line is malformed; the error has its number.
    """
    for number, value in read_json_lines(file, what=LINE):
        if "gold_hate" not in value:
            raise wrong_line(file, number, LINE, "an object without 'gold_hate'")
        annotators = value.get("pc", "None")
        if annotators in ("None", None):
            annotators = []
        lists = isinstance(annotators, list) and all(isinstance(categories, list) for categories in annotators)
        if not lists or value["gold_hate"] not in (["hateful"], ["not_hateful"]):
            raise wrong_line(file, number, LINE, f"the field {'gold_hate' if lists else 'pc'} in another form")
        votes = tuple(filter(None, (frozenset(map(str, categories)) - {_EMPTY} for categories in annotators)))
        label = int(value["gold_hate"] == ["hateful"])
        try:
            row = meme_row({**{key: value[key] for key in ("id", "img", "text") if key in value}, "label": label})
        except ValueError as error:
            raise wrong_line(file, number, LINE, str(error)) from error
        yield Attacked(row, votes)


def target_features(
    ids: Sequence[str], votes: Mapping[str, Sequence[frozenset[str]]]
) -> tuple[dict[str, pd.Series], dict[str, pd.DataFrame], tuple[Feature, ...]]:
    """Return a column, the shares of annotators and a feature for each category that an annotator named.

    A meme may attack several groups, so each category is a feature: ``target_race`` is ``race`` or ``not race`` if at
    least one annotator named a category of the meme, else *not recorded*.
    """
    columns, uncertain, features = {}, {}, []
    for category in CATEGORIES:
        shares = np.full((len(ids), 2), np.nan)
        for row, sample_id in enumerate(ids):
            if annotators := votes.get(sample_id):
                share = sum(category in categories for categories in annotators) / len(annotators)
                shares[row] = share, 1 - share
        if not np.nansum(shares[:, 0]):
            continue
        name, groups = f"target_{category}", (category, f"not {category}")
        uncertain[name] = pd.DataFrame(shares, columns=list(groups))
        columns[name] = most_voted(uncertain[name], missing=NOT_RECORDED).astype(str)
        features.append(Feature(name, groups, "annotated", f"{category} among the groups attacked: {_HOW}"))
    return columns, uncertain, tuple(features)
