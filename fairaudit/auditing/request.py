"""The request for an audit, by name: an output folder holds the audit of one request."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fairaudit.auditing.config import AuditConfig
from fairaudit.auditing.tables import TABLE_FILES, Probe
from fairaudit.core.document import AUDIT_FILES
from fairaudit.core.files import read_parquet, visible_files
from fairaudit.core.model import Model
from fairaudit.core.open_file import digest_of
from fairaudit.core.output_folder import OutputFolder
from fairaudit.core.progress import step
from fairaudit.core.samples import Samples

PAGE = "report.html"
KIND = "audit"


def audit_folder(output: str | Path, *, data: tuple[str, ...] = (), overwrite: bool = False) -> OutputFolder:
    """Return the output folder of an audit of the data sets ``data``."""
    tables = [f"tables/{name}/{file}" for name in data for file in TABLE_FILES]
    return OutputFolder(output, KIND, (*AUDIT_FILES, PAGE, *tables), overwrite=overwrite)


def options_of(config: AuditConfig) -> dict[str, Any]:
    """Return the options of the request, which are known before any file is read."""
    plan = None if config.plan is None else config.plan.digest
    return {**config.resolved(), "preset": config.preset, "plan": plan}


def contents_of(
    config: AuditConfig, samples: Mapping[str, Samples], probe: Probe | None, model: Model
) -> dict[str, Any]:
    """Return digests of everything that the options name, except the images (``images_of``)."""
    paths = [config.probe, config.text_encoder, config.prompts, config.preprocessing]
    options = [text for chosen in config.options.values() for text in vars(chosen).values() if isinstance(text, str)]
    files = {Path(value) for value in paths if value and Path(value).exists()}
    files |= {Path(value) for value in options if value and Path(value).is_file()}
    digests = {f"samples of {name}": _samples_digest(dataset) for name, dataset in samples.items()}
    if probe is not None and hasattr(probe, "samples"):
        digests["images of the probe"] = _samples_digest(probe.samples())
    return {"weights": model.card.digest, **digests, **{f"contents of {path.name}": _digest(path) for path in files}}


def images_of(folder: Path, samples: Mapping[str, Samples]) -> dict[str, str]:
    """Return current digests of the images that the audit in ``folder`` measured."""
    from fairaudit.extraction.extract import data_digest, row_digest
    from fairaudit.images.decode import image_digest

    image_digests = {}
    for name, dataset in samples.items():
        file = folder / "tables" / name / TABLE_FILES[0]
        kept = set(read_parquet(file, "table", ["sample_id"], fix="Choose another folder.")["sample_id"])
        rows = [row for row in zip(dataset.sample_ids, dataset.paths, dataset.boxes, strict=True) if row[0] in kept]
        with step(f"{name}: comparing {len(rows):,} images with those of {folder}") as advance:
            digests = []
            for ready, (_, path, box) in enumerate(rows):
                digests.append(row_digest(image_digest(path), box))
                advance(ready + 1, len(rows))
        image_digests[f"images of {name}"] = data_digest(tuple(row[0] for row in rows), tuple(digests))
    return image_digests


def _samples_digest(samples: Samples) -> str:
    """Return the SHA-256 of the records of all images and of their sizes in bytes, in any order."""
    sizes = [path.stat().st_size if path.is_file() else -1 for path in samples.paths]
    parts = [samples.table.drop(columns="path").assign(size=sizes), *samples.uncertain.values()]
    digest = hashlib.sha256()
    for part in parts:
        rows = part.assign(sample_id=samples.table["sample_id"]).sort_values("sample_id", kind="stable")
        digest.update(rows.to_csv(index=False, lineterminator="\n").encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _digest(path: Path) -> str:
    """Return the SHA-256 of a file, or of the names and contents of a folder."""
    if path.is_file():
        return digest_of(path)
    digest = hashlib.sha256()
    for file in visible_files(path):
        digest.update(f"{file.relative_to(path).as_posix()}\0{digest_of(file)}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()
