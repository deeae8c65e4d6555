"""Dollar Street as an image table: photographs of things and rooms in homes of known country and income.

Layout: ``metadata.csv`` with the columns ``file`` (path from the folder), ``country``, ``region``, ``income`` (USD
per month) and ``topic``, optionally ``household``, ``credit``, ``url`` and ``imagenet_synonyms``; and the image files
it names. Or MLCommons' release: ``images_v2_imagenet_test.csv``, or else ``images_v2.csv``, with its own columns.
"""

from __future__ import annotations

import ast
from pathlib import Path

import pandas as pd

from fairaudit.core.errors import DataError
from fairaudit.core.files import file_problem
from fairaudit.core.photos import IMAGE_KEY, LABELS
from fairaudit.core.samples import NOT_RECORDED, Feature, Samples
from fairaudit.datasets.parts.csv_table import positive_numbers, read_csv
from fairaudit.datasets.parts.files import existing_folder, skipped_table

READER = "dollar_street"
TABLE = "metadata.csv"
REQUIRED = ("file", "country", "region", "income", "topic")
#: MLCommons' release: tables by preference, and what their columns are called here.
MLCOMMONS = ("images_v2_imagenet_test.csv", "images_v2.csv")
MLCOMMONS_COLUMNS = {
    "imageRelPath": "file", "country.name": "country", "region.id": "region", "income": "income", "topics": "topic",
    "place": "household",
}  # fmt: skip
SYNONYMS = "imagenet_synonyms"


def samples(root: Path, *, name: str) -> Samples:
    """Return the photographs of the table with region, country, income and their topic as label.

    The table also has ``income_usd_per_month`` (float, NaN where no positive number is recorded) and ``credit``; where
    the data set says them, ``image_key`` (its ``url``) and ``labels`` (a list of the ImageNet classes that a photograph
    shows, of ``imagenet_synonyms``). The cluster is the household: photographs of one home are not independent of each
    other. A file that is listed under several topics has a row for each; lists in cells are literals, never evaluated.

    Parameters
    ----------
    root : Path
        Folder with the table.
    name : str
        Name of the data set in the audit.

    Raises
    ------
    DataError
        If the table is missing, lacks a column, has no row whose file exists, names one file twice under one topic, has
        a malformed list, or puts a household into two countries, regions or incomes.
    """
    root = existing_folder(root, reader=READER)
    raw, file = _read(root)
    problems = [file_problem(root, one) for one in raw["file"]]
    skipped = [(one, problem) for one, problem in zip(raw["file"], problems, strict=True) if problem]
    raw = raw[[not problem for problem in problems]].reset_index(drop=True)
    if raw.empty:
        raise DataError(
            f"table {file} must name at least one existing image; got none among {len(skipped)} rows. "
            f"Put the images where its column '{_said(file, 'file')}' says."
        )
    income = positive_numbers(raw["income"])
    households, household_note = _households(raw, income)
    _check_homes(file, raw, income, households)
    table = pd.DataFrame(
        {
            "sample_id": _ids(raw),
            "path": raw["file"],
            "cluster_id": households,
            "split": "",
            "label": raw["topic"],
            "text": "",
            "region": raw["region"].replace("", NOT_RECORDED),
            "country": raw["country"].replace("", NOT_RECORDED),
            "income_usd_per_month": income,
            "credit": raw["credit"] if "credit" in raw.columns else "",
        }
    )
    if "url" in raw.columns:
        table[IMAGE_KEY] = raw["url"]
    if SYNONYMS in raw.columns:
        table[LABELS] = pd.Series(_lists(file, SYNONYMS, raw), dtype="object")
    notes = [household_note, _income_note(raw, income)]
    if skipped:
        notes.append(f"{len(skipped)} of {len(problems)} rows were left out: the image is not there.")
    return Samples(
        name=name,
        reader=READER,
        subject="objects",
        root=root,
        table=table,
        features=(_recorded("region", table), _recorded("country", table)),
        cluster="household",
        licence="Dollar Street (Gapminder), CC BY 4.0; photographers in the column credit",
        show_images=False,  # some topics show families
        notes=tuple(filter(None, notes)),
        skipped=skipped_table(skipped),
    )


def _read(root: Path) -> tuple[pd.DataFrame, Path]:
    """Return the table under the names of ``REQUIRED``, a row for each topic of a photograph, and its file."""
    file = next((root / one for one in (TABLE, *MLCOMMONS) if (root / one).is_file()), root / TABLE)
    if file.name == TABLE:
        return read_csv(file, required=REQUIRED), file
    raw = read_csv(file, required=tuple(MLCOMMONS_COLUMNS)).rename(columns=MLCOMMONS_COLUMNS)
    topics = pd.Series(_lists(file, "topic", raw), index=raw.index, dtype="object")
    return raw.assign(topic=topics).explode("topic", ignore_index=True).fillna({"topic": ""}), file


def _said(file: Path, column: str) -> str:
    """Return what the table itself calls the column."""
    if file.name == TABLE:
        return column
    return next((theirs for theirs, ours in MLCOMMONS_COLUMNS.items() if ours == column), column)


def _lists(file: Path, column: str, raw: pd.DataFrame) -> list[list[str]]:
    """Return the lists of texts in a column; an empty cell is an empty list."""
    found = []
    for name, cell in zip(raw["file"], raw[column], strict=True):
        try:
            value = ast.literal_eval(cell) if cell else []  # literals only: nothing is called or looked up
        except (ValueError, SyntaxError, RecursionError, MemoryError):
            value = None
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise DataError(
                f"column '{_said(file, column)}' of table {file} must hold lists of texts such as ['stove']; got "
                f"{cell[:60]!r} in the row of {name}. Correct the cell, or leave the column out."
            )
        found.append([one.strip() for one in value])
    return found


def _ids(raw: pd.DataFrame) -> pd.Series:
    """Return the file of each row, with its topic where the file is listed under several."""
    several = raw.groupby("file")["topic"].transform("nunique") > 1
    return raw["file"].where(~several, raw["file"] + "#" + raw["topic"])


def _check_homes(file: Path, raw: pd.DataFrame, income: pd.Series, households: pd.Series) -> None:
    """Refuse a household in two places, or with two incomes; what is not recorded contradicts nothing."""
    columns = {name: raw[name].where(raw[name] != "") for name in ("country", "region")}
    columns["income"] = income.map(lambda usd: f"{usd:g}", na_action="ignore")
    for name, values in columns.items():
        kinds = values.groupby(households).nunique()
        several = list(kinds.index[kinds > 1])
        if several:
            got = " and ".join(sorted(set(values[households == several[0]].dropna())))
            more = f" (and {len(several) - 1:,} more such households)" if len(several) > 1 else ""
            raise DataError(
                f"household '{several[0]}' of table {file} must have one {name}; got {got}{more}. Correct the rows, "
                "or give each home a name of its own."
            )


def _income_note(raw: pd.DataFrame, income: pd.Series) -> str:
    """Return how many incomes are no positive numbers, with the first of them."""
    unusable = income.isna()
    if not unusable.any():
        return ""
    examples = [f"{file}: '{cell}'" for file, cell in zip(raw["file"][unusable], raw["income"][unusable], strict=True)]
    listed = "; ".join(examples[:3]) + ("; ..." if len(examples) > 3 else "")
    return (
        f"{len(examples):,} of {len(raw):,} photographs have no income above zero on record ({listed}); they count "
        "wherever income does not matter."
    )


def _recorded(column: str, table: pd.DataFrame) -> Feature:
    groups = tuple(sorted(set(table[column]) - {NOT_RECORDED}))
    return Feature(column, groups, "annotated", f"{column} of the home, recorded when it was photographed")


def _households(raw: pd.DataFrame, income: pd.Series) -> tuple[pd.Series, str]:
    """Return the household of each row, and a sentence if some of them had to be derived."""
    recorded = raw["household"] if "household" in raw.columns else pd.Series("", index=raw.index)
    known = (raw["country"] != "") & income.notna()
    derived = raw["country"] + ", " + income.map(lambda usd: f"{usd:g} USD per month")
    # Where not even country and income are known, nothing says that two photographs share a home.
    derived = derived.where(known, "home of " + raw["file"])
    n = int((recorded == "").sum())
    note = (
        f"The household of {n} of {len(raw)} photographs is not recorded: one country with one income counts as one "
        "household, and a photograph without them as its own."
        if n
        else ""
    )
    return recorded.where(recorded != "", derived), note
