"""Row weights: how much each row counts in an average, for example one over its chance of being sampled."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.errors import DataError

Floats = npt.NDArray[np.float64]


def read_weights(what: str, column: Any) -> Floats:
    """Return the weights (N,) of a column of numbers, or of their texts, scaled to a mean of one.

    Parameters
    ----------
    what : str
        Name of the weights in an error: ``"sample_weight"`` or ``"column 'w' of table people.csv"``.
    column : Series or array, shape (N,)

    Raises
    ------
    DataError
        If a weight is no finite number of 0 or more, or all weights are 0.
    """
    cells = pd.Series(column).reset_index(drop=True)
    numeric = pd.api.types.is_any_real_numeric_dtype(cells) or pd.api.types.is_bool_dtype(cells)
    numbers = cells if numeric else pd.to_numeric(cells.astype(str).mask(cells.isna(), None), errors="coerce")
    weights = numbers.astype("Float64").to_numpy(np.float64, na_value=np.nan)
    wrong = np.flatnonzero(~((weights >= 0) & (weights < np.inf)))
    if len(wrong):
        cell = cells.iloc[wrong[0]]
        got = "no value" if pd.api.types.is_scalar(cell) and (pd.isna(cell) or cell == "") else f"'{cell}'"
        raise DataError(
            f"{what} must be a finite number of 0 or more in every row; got {got} in row {wrong[0] + 1:,} "
            f"({len(wrong):,} such rows). Correct it, or write 0 for rows that must not count."
        )
    if not weights.any():
        raise DataError(f"{what} must be above 0 in at least one row; got 0 in all {len(weights):,}. Leave it out.")
    weights = weights / weights.max()  # the sum of the largest numbers would overflow
    return np.asarray(weights / weights.mean(), dtype=np.float64)


def effective_size(weights: Floats) -> float:
    """Return Kish's effective sample size: the number of equally weighted rows whose mean varies as much.

    Examples
    --------
    >>> import numpy as np
    >>> effective_size(np.array([2.0, 2.0])), effective_size(np.array([3.0, 1.0, 0.0]))
    (2.0, 1.6)
    """
    squares = float((weights**2).sum())
    return float(weights.sum()) ** 2 / squares if squares > 0 else 0.0
