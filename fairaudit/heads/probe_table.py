"""``ProbeTable``: images and their labels for a linear probe, from a CSV."""

from __future__ import annotations

import csv
import hashlib
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pandas as pd

from fairaudit.core.errors import ConfigError, DataError, did_you_mean, unknown_name
from fairaudit.core.open_file import TABLE, kind_of, read_bytes
from fairaudit.core.samples import Samples

COLUMNS = ("file", "label")
CLUSTER = "cluster"
Row = tuple[int, str, str, str]

#: Least number of images with which a class takes part in fitting, choosing the strength and measuring the accuracy.
WELL_COVERED = 3


@dataclass(frozen=True)
class ProbeTable:
    """A label set for a linear probe: one row per image.

    Parameters
    ----------
    path : Path
        The CSV, resolved.
    names : tuple of str
        Column ``file`` as written, in row order, unique.
    files : tuple of Path
        The same images as absolute, resolved paths, which an audit with the probe leaves out.
    labels : tuple of str
        Column ``label``, in row order.
    digest : str
        SHA-256 of the bytes of the CSV, 64 hex digits.
    notes : tuple of str
        Sentences for the report.
    clusters : tuple of str
        Column ``cluster`` (person, household, source image), in row order; empty if the table has no such column. Rows
        of one cluster are never in two parts of a split.
    """

    path: Path
    names: tuple[str, ...]
    files: tuple[Path, ...]
    labels: tuple[str, ...]
    digest: str
    notes: tuple[str, ...] = ()
    clusters: tuple[str, ...] = ()

    @property
    def classes(self) -> tuple[str, ...]:
        """The distinct labels, sorted."""
        return tuple(sorted(set(self.labels)))

    def only(self, classes: Sequence[str]) -> ProbeTable:
        """Return the rows with these labels; the digest stays that of the whole table.

        Raises
        ------
        ConfigError
            If a label is not in the table, or fewer than two are named.
        """
        for label in classes:
            if label not in self.classes:
                raise unknown_name(f"label of {self.path.name}", label, self.classes)
        kept = [row for row, label in enumerate(self.labels) if label in set(classes)]
        if len(set(classes)) < 2:
            raise ConfigError(
                f"classes must be at least two labels of {self.path.name}; got {', '.join(classes)}. Add a label."
            )
        labels, n_gone = tuple(self.labels[row] for row in kept), len(self.labels) - len(kept)
        note = f"{n_gone:,} images of {self.path.name} have other labels than those that were asked for."
        return replace(
            self,
            names=tuple(self.names[row] for row in kept),
            files=tuple(self.files[row] for row in kept),
            labels=labels,
            notes=(*((note,) if n_gone else ()), *_notes(self.path.name, Counter(labels))),
            clusters=tuple(self.clusters[row] for row in kept) if self.clusters else (),
        )

    def samples(self) -> Samples:
        """Return the table as ``Samples``, for extraction; without clusters every image is its own cluster."""
        table = pd.DataFrame(
            {
                "sample_id": self.names,
                "path": [str(f) for f in self.files],  # absolute: Samples.root does not change it
                "cluster_id": self.clusters or self.names,
                "split": "",
                "label": self.labels,
                "text": "",
            }
        )
        return Samples(
            name=self.path.stem,
            reader="probe table",
            subject="objects",
            root=self.path.parent,
            table=table,
            features=(),
            cluster="cluster" if self.clusters else "image",
            licence="not recorded",
        )


def read_probe_table(path: Path) -> ProbeTable:
    """Read a CSV with the columns ``file`` (relative to the CSV's folder) and ``label``, and perhaps ``cluster``.

    Other columns are ignored.

    Raises
    ------
    DataError
        If the table is missing or no CSV, a column is missing, a label or cluster is empty, an image is missing or
        named twice, or there are fewer than two labels.
    """
    path = Path(path)
    content = read_bytes(path, "probe table", limit=TABLE)
    path = path.resolve()
    rows = _rows(path, content)
    _, names, labels, clusters = zip(*rows, strict=True)
    counts = Counter(labels)
    if len(counts) < 2:
        raise DataError(
            f"probe table {path.name} must have at least two labels; got only '{labels[0]}'. "
            "Add images with another label."
        )
    return ProbeTable(
        path=path,
        names=names,
        files=_existing_files(path, rows),
        labels=labels,
        digest=hashlib.sha256(content).hexdigest(),
        notes=_notes(path.name, counts),
        clusters=clusters if clusters[0] else (),
    )


def _rows(path: Path, content: bytes) -> list[Row]:
    """Return (line, file, label, cluster) of each row, stripped; the cluster is empty if the table has no such column.

    Raises DataError for a defect.
    """
    try:
        reader = csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        reader.fieldnames = header = [str(name).strip() for name in reader.fieldnames or ()]
        _check_columns(path, header)
        checked = [column for column in (*COLUMNS, CLUSTER) if column in header]
        rows = [(reader.line_num, _cell(row, "file"), _cell(row, "label"), _cell(row, CLUSTER)) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(
            f"probe table {path.name} must be a CSV in UTF-8; got something else ({error}). Save it again as UTF-8."
        ) from error
    if not rows:
        raise DataError(f"probe table {path.name} must have at least one row; got only the header. Add images.")
    for line, *values in rows:
        for column, value in zip((*COLUMNS, CLUSTER), values, strict=True):
            if column in checked and not value:
                raise DataError(
                    f"probe table {path.name} must have a {column} in every row; line {line} has none. "
                    "Fill it in or remove the row."
                )
    return rows


def _cell(row: Mapping[str, str | None], column: str) -> str:
    return (row.get(column) or "").strip()


def _check_columns(path: Path, header: list[str]) -> None:
    """Raise DataError if a column is missing or occurs twice."""
    for column in COLUMNS:
        if column not in header:
            hint = did_you_mean(column, header)
            raise DataError(
                f"probe table {path.name} must have the columns {', '.join(COLUMNS)}; '{column}' is missing, "
                f"got: {', '.join(header) or 'nothing'}. {hint}Rename or add the column."
            )
    for column in (*COLUMNS, CLUSTER):
        if header.count(column) > 1:
            raise DataError(
                f"probe table {path.name} must have one column '{column}'; got {header.count(column)}. "
                "Rename the others."
            )


def _existing_files(path: Path, rows: list[Row]) -> tuple[Path, ...]:
    """Return the resolved files; DataError if a file is missing, or named by two rows."""
    files = tuple((path.parent / file).resolve() for _, file, *_ in rows)
    missing = [row for row, file in zip(rows, files, strict=True) if not file.is_file()]
    if missing:
        line, name, *_ = missing[0]
        got = kind_of(path.parent / name)
        raise DataError(
            f"probe table {path.name} must name files that exist, relative to {path.parent}; "
            f"{len(missing):,} of {len(rows):,} are not there, the first is '{name}' in line {line} ({got}). "
            "Correct the paths or move the table."
        )
    first: dict[Path, int] = {}
    for (line, name, *_), file in zip(rows, files, strict=True):
        if file in first:
            raise DataError(
                f"probe table {path.name} must name a file once; '{name}' is in the lines {first[file]} and {line}. "
                "Keep one of them: an image must not be learned and held out at the same time."
            )
        first[file] = line
    return files


def _notes(name: str, counts: Counter[str]) -> tuple[str, ...]:
    """Return a note on classes that are too small to be held out or to choose the strength."""
    few = sorted(label for label, n in counts.items() if n < WELL_COVERED)
    if not few:
        return ()
    listed = ", ".join(f"{label} ({counts[label]})" for label in few[:10]) + (", ..." if len(few) > 10 else "")
    return (
        f"{len(few)} of {len(counts)} labels of {name} have fewer than {WELL_COVERED} images: {listed}. "
        "The probe knows them poorly, and a label with one image has no part in the held-out accuracy.",
    )
