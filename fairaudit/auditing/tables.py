"""Tables of an audit: samples, embeddings, predictions and scores, from which indicators are computed."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Union

import pandas as pd

from fairaudit.auditing.config import AuditConfig
from fairaudit.core.audit import DataCard
from fairaudit.core.errors import RequirementError
from fairaudit.core.files import atomic_write, write_npy, write_parquet
from fairaudit.core.model import Model
from fairaudit.core.progress import Advance, say, step
from fairaudit.core.samples import NOT_RECORDED, Samples
from fairaudit.core.tables import Predictions
from fairaudit.datasets import open_reader
from fairaudit.heads.learned_images import FILE as LEARNED
from fairaudit.heads.learned_images import LearnedImages

if TYPE_CHECKING:
    from fairaudit.extraction.extract import Extraction
    from fairaudit.heads.linear_probe import LinearProbe
    from fairaudit.heads.probe_folder import SavedProbe
    from fairaudit.heads.probe_table import ProbeTable

#: Files that ``save_tables`` may write for a data set.
TABLE_FILES = ("samples.parquet", "embeddings.npy", "predictions.parquet", "labels.txt", "scores.parquet")
#: Source of a probe: a table of labels to fit it on, or the folder of a saved probe.
Probe: TypeAlias = Union["ProbeTable", "SavedProbe"]


@dataclass
class Tables:
    """The tables of one data set; heads fill all but the first after extraction."""

    extraction: Extraction
    predictions: Predictions | None
    scores: pd.DataFrame | None = None
    scores_missing: RequirementError | None = None
    predictions_by_prompt: list[Predictions] | None = None  # one for each template of the prompts

    @property
    def samples(self) -> Samples:
        """The samples with a readable image."""
        return self.extraction.samples


def read_samples(config: AuditConfig) -> tuple[dict[str, Samples], Probe | None]:
    """Read all samples, without the images from which a probe or a fine-tuned head learned."""
    if config.prompts is not None:
        from fairaudit.heads.prompts import read_prompts

        read_prompts(config.prompts)  # fail before anything slow begins
    samples = {s.name: open_reader(s.reader).samples(s.path, name=s.name) for s in config.data}
    samples |= {s.name: dataclasses.replace(samples[s.name], classes=s.classes) for s in config.data if s.classes}
    if (Path(config.checkpoint) / LEARNED).is_file():
        _leave_out(samples, LearnedImages.load(Path(config.checkpoint)).holds, learner=Path(config.checkpoint).name)
    if config.probe is None:
        return samples, None
    if config.probe.is_dir():
        from fairaudit.heads.probe_folder import load_probe

        saved = load_probe(config.probe)
        _leave_out(samples, saved.probe.images.holds, learner="the probe", source=config.probe.name)
        return samples, saved
    from fairaudit.heads.probe_table import read_probe_table

    table = read_probe_table(config.probe)
    taught = {str(path) for path in table.files}
    _leave_out(samples, lambda path: str(path.resolve()) in taught, learner="the probe", source=config.probe.name)
    return samples, table


def _leave_out(samples: dict[str, Samples], learned: Callable[[Path], bool], *, learner: str, source: str = "") -> None:
    """Move the learned images to ``skipped``, in place."""
    for name, dataset in samples.items():
        seen = [learned(path) for path in dataset.paths]
        if any(seen):
            note = f"{sum(seen)} images were left out because {learner} learned from them{source and f' ({source})'}."
            samples[name] = dataset.select([not s for s in seen], note=note, reason=f"{learner} learned from it")


def make_tables(
    config: AuditConfig, model: Model, samples: Mapping[str, Samples], probe: Probe | None, *, progress: bool
) -> dict[str, Tables]:
    """Make every table: one pass over the images, then labels by prompts or probe, then text and fusion."""
    from fairaudit.extraction.extract import extract
    from fairaudit.extraction.features import join
    from fairaudit.heads.probe_folder import SavedProbe
    from fairaudit.heads.zero_shot import open_zero_shot
    from fairaudit.models.features_folder import Features

    prompts = None if config.prompts is None else open_zero_shot(model, config.prompts)
    if isinstance(probe, SavedProbe):
        probe.check(model)
    tables: dict[str, Tables] = {}
    for name, dataset in samples.items():
        with step(f"{name}: {len(dataset):,} images", shown=progress) as advance:
            if isinstance(model, Features):
                extraction = join(model, dataset, allow_missing=config.allow_unreadable)
            else:
                extraction = extract(
                    model,
                    dataset,
                    batch_size=config.batch_size,
                    progress=advance,
                    allow_unreadable=config.allow_unreadable,
                    cache=config.cache,
                )
        table = tables[name] = Tables(extraction, extraction.predictions)
        if prompts is not None:
            vectors, classes = extraction.embeddings, dataset.classes
            table.predictions = prompts.predict(vectors, classes=classes, data=name)
            table.predictions_by_prompt = prompts.predict_by_template(vectors, classes=classes, data=name)
    if probe is not None and any(t.samples.subject != "memes" for t in tables.values()):
        fitted = probe.probe if isinstance(probe, SavedProbe) else _fit(config, model, probe, progress=progress)
        for name, table in tables.items():
            table.predictions = fitted.predict(table.extraction.embeddings, classes=table.samples.classes, data=name)
    if config.cache is not None and not isinstance(model, Features):
        _report_cache(config.cache, tables, shown=progress)
    for name, table in tables.items():
        if table.samples.subject == "memes":
            with step(f"{name}: text and fusion", shown=progress) as advance:
                _score(config, table, advance)
    return tables


def _report_cache(cache: Path, tables: Mapping[str, Tables], *, shown: bool) -> None:
    from fairaudit.extraction.cache import MAX_BYTES, cache_size

    n, known = (sum(len(t.samples) for t in tables.values()), sum(t.extraction.from_cache for t in tables.values()))
    size = f"{cache_size(cache) / 1e6:,.1f} of at most {MAX_BYTES / 1e6:,.0f} MB"
    say(f"{known:,} of {n:,} images had been embedded before; {cache} holds {size}", shown=shown)


def _fit(config: AuditConfig, model: Model, table: ProbeTable, *, progress: bool) -> LinearProbe:
    from fairaudit.heads.linear_probe import fit_probe

    with step(f"linear probe on {len(table.files):,} images", shown=progress) as advance:
        return fit_probe(
            model, table, progress=advance, seed=config.seed, batch_size=config.batch_size, cache=config.cache
        )


def _score(config: AuditConfig, table: Tables, advance: Advance) -> None:
    if config.text_encoder is None:
        return
    from fairaudit.heads.fusion import hate_scores
    from fairaudit.heads.text_encoder import open_text_encoder

    encoder = open_text_encoder(config.text_encoder)
    try:
        scores, params = hate_scores(
            table.samples, table.extraction.embeddings, encoder, seed=config.seed, progress=advance
        )
    except RequirementError as missing:
        table.scores_missing = missing
        return
    scores.attrs["params"] = params
    table.scores = scores


def data_card(samples: Samples, *, digest: str) -> DataCard:
    """Return the data card of an audit; ``digest`` is that of the contents."""
    features = []
    for feature in samples.features:
        counts = samples.table[feature.name].value_counts()
        names = (*feature.groups, *((NOT_RECORDED,) if NOT_RECORDED in counts else ()))
        features.append({**dataclasses.asdict(feature), "counts": {g: int(counts.get(g, 0)) for g in names}})
    skipped = samples.skipped.head(100).to_dict("records")
    return DataCard(
        name=samples.name,
        reader=samples.reader,
        subject=samples.subject,
        cluster=samples.cluster,
        licence=samples.licence,
        version=samples.version,
        n=len(samples),
        n_clusters=int(samples.table["cluster_id"].nunique()),
        digest=digest,
        synthetic=samples.synthetic,
        show_images=samples.show_images,
        features=tuple(features),
        skipped=tuple({"file": str(row["file"]), "reason": str(row["reason"])} for row in skipped),
        n_skipped=len(samples.skipped),
        notes=samples.notes,
    )


def save_tables(tables: Mapping[str, Tables], folder: Path) -> None:
    """Write ``folder/DATA/``: samples (with a column ``digest``), embeddings, and any predictions and scores."""
    for name, table in tables.items():
        target, extraction = folder / name, table.extraction
        rows = table.samples.table.assign(digest=list(extraction.content_digests))
        write_parquet(target / "samples.parquet", rows)
        write_npy(target / "embeddings.npy", extraction.embeddings.vectors)
        if table.predictions is not None:
            write_parquet(target / "predictions.parquet", table.predictions.to_frame())
            atomic_write(target / "labels.txt", "".join(f"{label}\n" for label in table.predictions.known_labels))
        if table.scores is not None:
            write_parquet(target / "scores.parquet", table.scores)
