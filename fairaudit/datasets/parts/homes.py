"""Homes of photographs: recorded or derived households, each with one place and one income."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from fairaudit.core.errors import DataError


def households(raw: pd.DataFrame, income: pd.Series) -> tuple[pd.Series, str]:
    """Return the household of each row, and a note if some are derived.

    Parameters
    ----------
    raw : DataFrame of str
        Columns ``path``, ``country`` and optionally ``household``; cells are empty if not recorded.
    income : Series of float
        USD per month, NaN if unknown.
    """
    recorded = raw["household"] if "household" in raw.columns else pd.Series("", index=raw.index)
    known = (raw["country"] != "") & income.notna()
    derived = raw["country"] + ", " + income.map(lambda usd: f"{usd:g} USD per month")
    # Without country and income, each photograph is its own home.
    derived = derived.where(known, "home of " + raw["path"])
    n = int((recorded == "").sum())
    note = (
        f"The household of {n} of {len(raw)} photographs is not recorded: one country with one income counts as one "
        "household, and a photograph without them as its own."
        if n
        else ""
    )
    return recorded.where(recorded != "", derived), note


def distinct_homes(raw: pd.DataFrame, income: pd.Series) -> tuple[pd.Series, str]:
    """Return ``household``, with country and income appended to names of several homes, and a note on these names.

    For data sets whose names are slugs of families; ``check_homes`` refuses such names in other tables.
    """
    names = raw["household"]
    usd = income.map(lambda amount: f", {amount:g} USD per month" if amount > 0 else "").astype(object)
    home = raw["country"].astype(object) + usd
    # Values that are not recorded distinguish no homes.
    known = (raw["country"].where(raw["country"] != ""), usd.where(usd != ""))
    several = pd.concat([column.groupby(names).transform("nunique") > 1 for column in known], axis=1).any(axis=1)
    several &= names != ""
    n = int(names[several].nunique())
    note = f"{n} names of households stand for several homes, which country and income tell apart." if n else ""
    return names.where(~several, names + ", " + home), note


def check_homes(file: Path, raw: pd.DataFrame, income: pd.Series, homes: pd.Series) -> None:
    """Check that each household has one country, one region and one income, ignoring unrecorded values.

    Raises
    ------
    DataError
        With the household and its values.
    """
    columns = {name: raw[name].where(raw[name] != "") for name in ("country", "region")}
    columns["income"] = income.map(lambda usd: f"{usd:g}", na_action="ignore")
    for name, values in columns.items():
        kinds = values.groupby(homes).nunique()
        several = list(kinds.index[kinds > 1])
        if several:
            got = " and ".join(sorted(set(values[homes == several[0]].dropna())))
            more = f" (and {len(several) - 1:,} more such households)" if len(several) > 1 else ""
            raise DataError(
                f"household '{several[0]}' of table {file} must have one {name}; got {got}{more}. Correct the rows, "
                "or give each home a name of its own."
            )


def income_note(raw: pd.DataFrame, income: pd.Series) -> str:
    """Return a note on the incomes that are no positive numbers; empty if there are none."""
    unusable = income.isna()
    if not unusable.any():
        return ""
    examples = [f"{file}: '{cell}'" for file, cell in zip(raw["path"][unusable], raw["income"][unusable], strict=True)]
    listed = "; ".join(examples[:3]) + ("; ..." if len(examples) > 3 else "")
    return (
        f"{len(examples):,} of {len(raw):,} photographs have no income above zero on record ({listed}); they count "
        "wherever income does not matter."
    )
