"""``check_data``: a data set, before any model runs."""

from __future__ import annotations

from pathlib import Path

from fairaudit.auditing.plugins import list_indicators, load_indicator
from fairaudit.core.indicator import Indicator
from fairaudit.core.progress import step
from fairaudit.core.samples import Samples
from fairaudit.datasets import open_reader
from fairaudit.describe.check import SampleCheck
from fairaudit.describe.checker import check_samples


def check_data(
    reader: str,
    folder: str | Path,
    *,
    name: str = "",
    decode: bool = True,
    expected: float | None = None,
    progress: bool = False,
) -> SampleCheck:
    """Return what is in a data set, what is missing in it, and the least disparities that it could show.

    Parameters
    ----------
    reader : str
        One of ``fairaudit.datasets.list_readers()``.
    folder : str or Path
        What the reader reads.
    name : str
        What the data set is called; the reader's name unless given.
    decode : bool
        Whether images are decoded as a whole; else only their headers are read, and truncated files are not found.
    expected : float, optional
        Share that a measure is expected to have, in (0, 1). Default: the one for which it takes most.
    progress : bool
        Whether bars are printed, to standard error.

    Returns
    -------
    SampleCheck
        ``document()`` gives it as JSON values.

    Raises
    ------
    InputError
        If there is no such reader, or the folder is not in its layout.

    Examples
    --------
    >>> check = fairaudit.check_data("utkface", "photos/UTKFace")  # doctest: +SKIP
    >>> check.features[0].comparisons[0].most  # doctest: +SKIP
    """
    opened = open_reader(reader)
    with step(f"{name or reader}: annotations", shown=progress):
        samples = opened.samples(Path(folder), name=name or reader)
    indicators = [one.name for one in map(load_indicator, list_indicators()) if _applies(one, samples)]
    with step(f"{samples.name}: images", shown=progress) as advance:
        return check_samples(
            samples,
            decode=decode,
            expected=expected,
            indicators=indicators,
            progress=advance,
        )


def _applies(indicator: Indicator, samples: Samples) -> bool:
    """Whether an indicator would measure this data as it stands: retrieval needs the feature that it matches."""
    attribute = getattr(indicator.config(), "attribute", None)
    recorded = attribute is None or attribute in [feature.name for feature in samples.features]
    return indicator.subject == samples.subject and recorded
