"""From rows that name images to ``Samples``, with a list of all dropped rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from fairaudit.core.files import MISSING, file_problems
from fairaudit.core.samples import IN_ANOTHER_SPLIT, SAMPLE_COLUMNS, Feature, Samples, Subject
from fairaudit.datasets.parts.source import Source

#: Reason to drop an image whose name is no text.
NO_TEXT = "its name is not in UTF-8: rename it"
_EMPTY = {"split": "", "label": "", "text": ""}


@dataclass
class LeftOut:
    """Files that a reader drops, with the reason for each."""

    files: list[str] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.files)

    def add(self, file: str, reason: str) -> None:
        """Add a file; bytes of its name that are no text, as in old archives, become question marks."""
        self.files.append(file.encode("utf-8", "replace").decode())
        self.reasons.append(reason)

    def why(self) -> str:
        """Return a colon, the number of files and the first reason; empty without files."""
        return f": {len(self):,} were left out, the first for '{self.reasons[0]}'" if self.reasons else ""

    def keep(self, rows: pd.DataFrame, reasons: Sequence[str], *, named: str = "path") -> pd.DataFrame:
        """Return the rows with an empty reason, renumbered, and add the others by their column ``named``."""
        reason = pd.Series(list(reasons), index=rows.index, dtype=object)
        gone = reason != ""
        if not gone.any():
            return rows.reset_index(drop=True)
        self.files += rows.loc[gone, named].astype(str).tolist()
        self.reasons += reason[gone].tolist()
        return rows[~gone].reset_index(drop=True)

    def table(self) -> pd.DataFrame:
        """Return the table ``skipped`` of ``Samples``."""
        return pd.DataFrame({"file": self.files, "reason": self.reasons}, dtype=str)


def with_images(
    rows: pd.DataFrame, root: Path, left: LeftOut, *, source: Source, named_by: str, what: str = "rows"
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the rows whose image exists below ``root``, and a note on the others.

    Parameters
    ----------
    rows : DataFrame
        The column ``path`` names the image, from ``root``.
    root : Path
    left : LeftOut
        Receives the other rows.
    source : Source
    named_by : str
        Origin of the names, for the error: ``"the column 'file' of fairface_label_val.csv"``.
    what : str
        Name of the rows in the note.

    Raises
    ------
    DataError
        If there is no row, or no image exists.
    """
    if rows.empty:
        raise source.missing(root, f"a row of {named_by} that can be used", got=f"none{left.why()}")
    problems = file_problems(root, rows["path"].tolist())
    kept = left.keep(rows, problems)
    gone = len(rows) - len(kept)
    if kept.empty:
        first = rows["path"].iloc[0]
        why = f" ({problems[0]})" if problems[0] != MISSING else ""
        why = " (write / instead of \\ between folders)" if "\\" in first else why
        got = f"none among {len(rows):,} rows, the first '{first}'{why}"
        raise source.missing(root, f"the images that {named_by} names", got=got)
    return kept, (f"{gone:,} of {len(rows):,} {what} were left out: the image is not there.",) if gone else ()


def is_text(name: str) -> bool:
    """Whether the name of a file is text; some disks allow any bytes."""
    return name.encode("utf-8", "replace").decode() == name


def located(root: Path, candidates: Sequence[Sequence[str]]) -> list[str]:
    """Return the first existing path of each row below ``root``, or its first path if none exists.

    Parameters
    ----------
    root : Path
    candidates : sequence of sequence of str
        The paths of all rows, for each possible place of the images.
    """
    paths = list(candidates[0])
    absent = [at for at, problem in enumerate(file_problems(root, paths)) if problem]
    for place in candidates[1:]:
        problems = file_problems(root, [place[at] for at in absent])
        for at, problem in zip(absent, problems, strict=True):
            if not problem:
                paths[at] = place[at]
        absent = [at for at, problem in zip(absent, problems, strict=True) if problem]
    return paths


def in_folders(names: Iterable[str], folders: Iterable[str]) -> list[list[str]]:
    """Return the candidates of ``located``: each name in each folder; ``""`` is the root."""
    names = list(names)
    return [[f"{folder}/{name}" if folder else name for name in names] for folder in folders]


def once_per_id(rows: pd.DataFrame, left: LeftOut, *, splits: Sequence[str]) -> pd.DataFrame:
    """Keep each id in the first of its splits alone, so that no test row was trained on.

    Parameters
    ----------
    rows : DataFrame
        Columns ``sample_id``, ``path``, ``split``.
    left : LeftOut
        Receives the other rows.
    splits : sequence of str
        All splits by decreasing priority.
    """
    place = rows["split"].map({split: at for at, split in enumerate(splits)})
    first = place.groupby(rows["sample_id"]).transform("min")
    return left.keep(rows, [IN_ANOTHER_SPLIT if later else "" for later in place > first])


def to_samples(
    source: Source,
    rows: pd.DataFrame,
    *,
    name: str,
    root: Path,
    subject: Subject,
    cluster: str,
    features: Sequence[Feature],
    left: LeftOut,
    notes: Sequence[str] = (),
    uncertain: Mapping[str, pd.DataFrame] | None = None,
    version: str = "",
    show_images: bool = False,
    licence: str = "",
) -> Samples:
    """Return the samples of ``rows``, which have the column ``path`` and a column for each feature.

    Defaults of missing columns: ``sample_id`` is the path, ``cluster_id`` the ``sample_id``; ``split``, ``label`` and
    ``text`` are empty. Other columns follow.

    Raises
    ------
    DataError
        If ``rows`` are empty, or ``Samples`` refuses them.
    """
    if rows.empty:
        raise source.missing(root, "a row that can be used", got=f"none{left.why()}")
    rows = rows.reset_index(drop=True)
    if "sample_id" not in rows:
        rows["sample_id"] = rows["path"]
    if "cluster_id" not in rows:
        rows["cluster_id"] = rows["sample_id"]
    rows = rows.assign(**{column: value for column, value in _EMPTY.items() if column not in rows})
    rest = [column for column in rows if column not in SAMPLE_COLUMNS]
    return Samples(
        name=name,
        reader=source.reader,
        subject=subject,
        root=root,
        table=rows[[*SAMPLE_COLUMNS, *rest]],
        features=tuple(features),
        cluster=cluster,
        licence=licence or source.licence,
        version=version,
        show_images=show_images,
        notes=tuple(filter(None, notes)),
        skipped=left.table(),
        uncertain=uncertain or {},
    )
