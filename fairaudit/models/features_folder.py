"""Features computed elsewhere: ``embeddings.npy`` beside a table of sample ids, optionally with predictions."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt
import pandas as pd

from fairaudit.core.audit import ModelCard
from fairaudit.core.errors import CheckpointError, InputError
from fairaudit.core.model import Model
from fairaudit.core.open_file import TABLE, check_file, is_there, read_text
from fairaudit.images.table import ImageTable, open_table
from fairaudit.models._opening import Opening

ORDER = 35
READS = "a folder of features (embeddings.npy, samples.csv or .parquet), or an .npy beside a table of its name"

#: ``Embeddings.layer`` of features, whose layer is unknown.
LAYER = "computed elsewhere"
_TABLES = (".parquet", ".csv")
_BLOCK = 2**20


def recognises(source: str) -> bool:
    """Return whether ``source`` is an ``.npy``, a folder with ``embeddings.npy``, or a folder of such folders."""
    return bool(_arrays(Path(source)))


def open_checkpoint(source: str, opening: Opening) -> Model:
    """Return the features as a model that opens no images.

    Raises
    ------
    CheckpointError
        If arrays and tables do not fit together, or an option needs the network itself.
    """
    opening.require_trunk(source, "features that were computed elsewhere")
    if opening.preprocessing is not None:
        raise CheckpointError(
            f"checkpoint '{source}' must be a network for --preprocessing to have an effect; got features that were "
            "computed elsewhere. Leave --preprocessing out."
        )
    path = Path(source)
    parts = {name: _open_part(source, array) for name, array in _arrays(path).items()}
    widths = {part.vectors.shape[1] for part in parts.values()}
    if len(widths) > 1:
        raise CheckpointError(
            f"checkpoint '{source}' must hold features of one model; got {' and '.join(map(str, sorted(widths)))} "
            "numbers a sample. Give the folder of one model."
        )
    return Features(path.resolve().name, parts, widths.pop())


@dataclass(frozen=True)
class FeatureRows:
    """The features of one data set.

    Parameters
    ----------
    folder : Path
        Folder of the array and its tables.
    sample_ids : tuple of str
        Length N, unique, in row order.
    vectors : ndarray of floating point, shape (N, D)
        Memory-mapped.
    content_digests : tuple of str
        SHA-256 of each image from the table's column ``digest``, in row order; empty without such a column.
    predictions : ImageTable or None
        Columns ``sample_id``, ``rank``, ``label``, ``score``.
    known_labels : tuple of str
        Every label of the model, from ``labels.txt``; empty if there is no such file.
    """

    folder: Path
    sample_ids: tuple[str, ...]
    vectors: npt.NDArray[Any]
    content_digests: tuple[str, ...]
    predictions: ImageTable | None
    known_labels: tuple[str, ...]


class Features:
    """Model of stored embeddings; its methods that need an image raise ``CheckpointError``.

    Parameters
    ----------
    name : str
        As in ``ModelCard``.
    parts : dict of str to FeatureRows
        Features by name of the data set; those under ``""`` fit any name.
    width : int
        Length of an embedding.
    """

    labels: tuple[str, ...] = ()
    layer = LAYER

    def __init__(self, name: str, parts: dict[str, FeatureRows], width: int) -> None:
        self._parts = parts
        self.card = ModelCard(
            name=name,
            kind="features",
            architecture="features computed elsewhere",
            n_parameters=0,
            embedding_dim=width,
            digest=_digest(parts),
            preprocessing={},
            notes=("Features were computed elsewhere: which network made them, and how, is not known here.",),
            layer=LAYER,
        )

    def rows(self, name: str) -> FeatureRows:
        """Return the features of the data set ``name``, or raise ``CheckpointError`` if there is no folder for it."""
        if name not in self._parts and "" not in self._parts:
            raise CheckpointError(
                f"checkpoint '{self.card.name}' must hold a folder of features for each data set; got "
                f"{', '.join(sorted(self._parts))}, and none for '{name}'. Add it, or name the data set like its "
                "folder: --data NAME:READER=DIR."
            )
        return self._parts.get(name) or self._parts[""]

    def preprocess(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise CheckpointError."""
        raise CheckpointError(
            f"checkpoint '{self.card.name}' must embed images that are not in the audited data; got features that were "
            "computed elsewhere. Give the network itself, or leave out what needs it (--probe)."
        )

    embed = embed_and_predict = preprocess


def _arrays(path: Path) -> dict[str, Path]:
    """Return the array of each data set by its name, or a single array under ``""``."""
    if path.suffix.lower() == ".npy" and path.is_file():
        return {"": path}
    if (path / "embeddings.npy").is_file():
        return {"": path / "embeddings.npy"}
    if not path.is_dir():
        return {}
    return {sub.name: sub / "embeddings.npy" for sub in sorted(path.iterdir()) if (sub / "embeddings.npy").is_file()}


def _open_part(source: str, array: Path) -> FeatureRows:
    stem = "samples" if array.name == "embeddings.npy" else array.stem
    try:
        table = _table(array.parent, stem)
        if table is None:
            raise CheckpointError(
                f"a table with the column sample_id must lie beside {array.name}, a row for each row of it; got none. "
                f"Write {stem}.csv or {stem}.parquet."
            )
        table.check_columns(["sample_id"], "column")
        ids = tuple(_column(table, "sample_id"))
        digests = tuple(_column(table, "digest")) if "digest" in table.columns else ()
        predictions = _table(array.parent, "predictions") if array.name == "embeddings.npy" else None
    except InputError as error:
        raise CheckpointError(f"checkpoint '{source}' cannot be read: {error}") from error
    vectors = _load(source, array)
    if len(ids) != len(vectors):
        raise CheckpointError(
            f"checkpoint '{source}' must have as many rows in {table.path.name} as in {array.name}; got {len(ids):,} "
            f"and {len(vectors):,}. Write both from the same run."
        )
    repeated = pd.Series(ids)[pd.Series(ids).duplicated()]
    if "" in ids or not repeated.empty:
        got = "a row without one" if "" in ids else f"'{repeated.iloc[0]}' twice"
        raise CheckpointError(
            f"checkpoint '{source}' must have a sample_id of its own for each row of {table.path.name}; got {got}. "
            "Correct the table."
        )
    labels = array.parent / "labels.txt"
    known = read_text(labels, "labels", limit=TABLE, error=CheckpointError) if is_there(labels) else ""
    return FeatureRows(array.parent, ids, vectors, digests, predictions, tuple(known.splitlines()))


def _table(folder: Path, stem: str) -> ImageTable | None:
    paths = [folder / f"{stem}{suffix}" for suffix in _TABLES if is_there(folder / f"{stem}{suffix}")]
    if len(paths) > 1:
        raise CheckpointError(f"there must be one table {stem}; got {' and '.join(p.name for p in paths)}. Remove one.")
    return open_table(paths[0]) if paths else None


def _column(table: ImageTable, name: str) -> Iterator[str]:
    for batch in table.batches([name]):
        yield from batch.column(name).to_pylist()


def _load(source: str, array: Path) -> npt.NDArray[Any]:
    check_file(array, "features", error=CheckpointError)
    try:
        vectors: npt.NDArray[Any] = np.load(array, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise CheckpointError(
            f"checkpoint '{source}' must hold a whole .npy of numbers; {array.name} gave {error}. Save it again with "
            "numpy.save."
        ) from error
    if vectors.ndim != 2 or 0 in vectors.shape or not np.issubdtype(vectors.dtype, np.floating):
        raise CheckpointError(
            f"checkpoint '{source}' must hold floating-point features of shape (samples, numbers); got "
            f"{vectors.dtype} of shape {vectors.shape} in {array.name}. Save one vector for each sample."
        )
    return vectors


def _digest(parts: dict[str, FeatureRows]) -> str:
    """Return the SHA-256 over ids, types, shapes and numbers of all parts; 64 hex digits."""
    digest = hashlib.sha256()
    for name, rows in sorted(parts.items()):
        digest.update(f"{name}\0{rows.vectors.dtype}\0{rows.vectors.shape}\0".encode())
        digest.update("\0".join(rows.sample_ids).encode())
        step = max(1, _BLOCK // rows.vectors[0].nbytes)
        for start in range(0, len(rows.vectors), step):
            digest.update(np.ascontiguousarray(rows.vectors[start : start + step]).data)
    return digest.hexdigest()
