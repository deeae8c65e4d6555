"""``check_data``: the contents of a data set, before any model runs."""

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
    """Return the contents and gaps of a data set, and the smallest disparities that it could show.

    Parameters
    ----------
    reader : str
        One of ``fairaudit.datasets.list_readers()``.
    folder : str or Path
        Folder or file that the reader reads.
    name : str
        Name of the data set. Default: the reader's name.
    decode : bool
        Whether to decode whole images; headers alone do not reveal truncated files.
    expected : float, optional
        Expected share of a measure, in (0, 1). Default: the share that needs the most images.
    progress : bool
        Whether to print progress bars to standard error.

    Returns
    -------
    SampleCheck
        ``document()`` returns its JSON values.

    Raises
    ------
    InputError
        If there is no such reader, or the folder does not have its layout.

    Examples
    --------
    >>> check = fairaudit.check_data("utkface", "photos/UTKFace")  # doctest: +SKIP
    >>> check.features[0].comparisons[0].most  # doctest: +SKIP
    """
    opened = open_reader(reader)
    with step(f"{name or reader}: annotations", shown=progress):
        samples = opened.samples(Path(folder), name=name or reader)
    indicators = [i.name for i in map(load_indicator, list_indicators()) if _applies(i, samples)]
    with step(f"{samples.name}: images", shown=progress) as advance:
        return check_samples(samples, decode=decode, expected=expected, indicators=indicators, progress=advance)


def _applies(indicator: Indicator, samples: Samples) -> bool:
    """Return whether an indicator can measure these samples: retrieval needs the feature that it matches."""
    attribute = getattr(indicator.config(), "attribute", None)
    recorded = attribute is None or attribute in [feature.name for feature in samples.features]
    return indicator.subject == samples.subject and recorded
