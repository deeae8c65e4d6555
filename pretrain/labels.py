"""``LabelFile``: images and their labels, from a CSV file."""

from __future__ import annotations

import csv
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from fairaudit.core.errors import DataError
from fairaudit.core.open_file import TABLE, open_text
from fairaudit.images.image_files import ImageFiles


@dataclass(frozen=True)
class LabelFile:
    """Images and their labels, from a CSV file.

    Parameters
    ----------
    files : ImageFiles
        The name of each file includes its label, so that other labels are other data.
    labels : tuple of str
        One per file.
    classes : tuple of str
        The distinct labels, sorted; the classifier's outputs have this order.
    """

    files: ImageFiles
    labels: tuple[str, ...]
    classes: tuple[str, ...]


def read_labels(path: Path) -> LabelFile:
    """Return the images and labels of a CSV file with the columns ``file`` and ``label``.

    Raises
    ------
    DataError
        If the file does not exist or lacks a column or rows, an image is missing, a file or label is empty or a
        file is listed twice, or there are fewer than two labels.
    """
    path = Path(path)
    try:
        with open_text(path, "label file", limit=TABLE) as file:
            reader = csv.DictReader(file)
            rows = list(reader)
            columns = list(reader.fieldnames or [])
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"label file '{path}' must be CSV in UTF-8; got {error}. Save it again.") from error
    missing = [column for column in ("file", "label") if column not in columns]
    if missing:
        raise DataError(
            f"label file '{path}' must have the columns file and label; got {', '.join(columns) or 'none'}. "
            f"Add {' and '.join(missing)}."
        )
    for number, row in enumerate(rows, start=2):
        if not row["file"] or not row["label"]:
            raise DataError(
                f"label file '{path}' must have a file and a label in each row; got an empty one in row {number}. "
                "Fill it."
            )
    names = [row["file"] for row in rows]
    name, times = Counter(names).most_common(1)[0] if names else ("", 0)
    if times > 1:
        raise DataError(f"label file '{path}' must list each file once; got '{name}' twice. Remove one of the rows.")
    labels = tuple(row["label"] for row in rows)
    if len(set(labels)) < 2:
        raise DataError(
            f"label file '{path}' must hold at least two labels; got {len(set(labels))}. Add images of another label."
        )
    files = ImageFiles.of(
        [path.parent / name for name in names], [f"{n}\t{label}" for n, label in zip(names, labels, strict=True)]
    )
    return LabelFile(files=files, labels=labels, classes=tuple(sorted(set(labels))))
