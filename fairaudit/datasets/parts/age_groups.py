"""Ages in years, and the age groups of the published protocol."""

from __future__ import annotations

import numpy as np
import pandas as pd

from fairaudit.core.samples import NOT_RECORDED, Feature, KnownBy

#: Inclusive lower bounds of the age groups; each ends below the lower bound of the next.
AGE_GROUPS = {"<18": 0, "18-30": 18, "30-45": 30, "45-70": 45, "70+": 70}
OLDEST = 120


def age_years(cells: pd.Series) -> pd.Series:
    """Return ages as float, NaN for all cells but numbers from 0 to 120 (``"N/A"``, ``"prefer not to say"``)."""
    years = pd.to_numeric(cells, errors="coerce").astype("float64")
    return years.where((years >= 0) & (years <= OLDEST))


def age_group(years: pd.Series) -> pd.Series:
    """Return the age group of each age in years, ``not recorded`` for NaN.

    References
    ----------
    Goyal et al. (2022), arXiv:2202.07603, table 4.
    """
    names = np.array([*AGE_GROUPS, NOT_RECORDED], dtype=object)
    at = np.searchsorted(list(AGE_GROUPS.values()), years.to_numpy(np.float64), side="right") - 1
    return pd.Series(names[np.where(years.isna(), len(AGE_GROUPS), at)], index=years.index, dtype=str)


def age_feature(known_by: KnownBy, source: str) -> Feature:
    """Return the feature ``age_group``; ``source`` names who reported or judged the age."""
    return Feature("age_group", tuple(AGE_GROUPS), known_by, f"{source}; 18-30 means 18 to 29", ordered=True)
