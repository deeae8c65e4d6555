"""Dollar Street as a plain image table: photographs of things and rooms in homes of known country and income.

Layout: ``metadata.csv`` with the columns ``file`` (path from the folder), ``country``, ``region``, ``income`` (USD
per month) and ``topic``, optionally ``household`` and ``credit``; and the image files it names.
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fairaudit.core.errors import DataError
from fairaudit.core.files import file_problem
from fairaudit.core.samples import NOT_RECORDED, Feature, Samples
from fairaudit.datasets.parts.csv_table import positive_numbers, read_csv
from fairaudit.datasets.parts.files import existing_folder, skipped_table

READER = "dollar_street"
TABLE = "metadata.csv"
REQUIRED = ("file", "country", "region", "income", "topic")


def samples(root: Path, *, name: str) -> Samples:
    """Return the photographs of ``metadata.csv`` with region, country, income and their topic as label.

    The table also has ``income_usd_per_month`` (float, NaN where no positive number is recorded) and ``credit``.
    The cluster is the household: photographs of one home are not independent of each other.

    Parameters
    ----------
    root : Path
        Folder with ``metadata.csv``.
    name : str
        Name of the data set in the audit.

    Raises
    ------
    DataError
        If the table is missing, lacks a column, has no row whose file exists, or names one file twice.
    """
    root = existing_folder(root, reader=READER)
    raw = read_csv(root / TABLE, required=REQUIRED)
    problems = [file_problem(root, file) for file in raw["file"]]
    skipped = [(file, problem) for file, problem in zip(raw["file"], problems, strict=True) if problem]
    raw = raw[[not problem for problem in problems]].reset_index(drop=True)
    if raw.empty:
        raise DataError(
            f"table {root / TABLE} must name at least one existing image; got none among {len(skipped)} rows. "
            "Put the images where its column 'file' says."
        )
    income = positive_numbers(raw["income"])
    households, household_note = _households(raw, income)
    table = pd.DataFrame(
        {
            "sample_id": raw["file"],
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
    notes = [household_note] if household_note else []
    if income.isna().any():
        notes.append(f"{int(income.isna().sum())} of {len(table)} photographs have no income above zero on record.")
    if skipped:
        notes.append(f"{len(skipped)} of {len(table) + len(skipped)} rows were left out: the image is not there.")
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
        notes=tuple(notes),
        skipped=skipped_table(skipped),
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
