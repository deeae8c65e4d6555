"""The tables of one audit: what the readers, the model, the probe and the text head give the indicators."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias, Union, cast

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
    from fairaudit.heads.zero_shot import ZeroShot

#: What ``save_tables`` may write of a data set.
TABLE_FILES = ("samples.parquet", "embeddings.npy", "predictions.parquet", "labels.txt", "scores.parquet")
#: What ``--probe`` names: a table of labels to fit one on, or a folder that holds one.
Probe: TypeAlias = Union["ProbeTable", "SavedProbe"]


@dataclass
class Tables:
    """The tables of one data set, filled one after the other."""

    extraction: Extraction
    predictions: Predictions | None
    scores: pd.DataFrame | None = None
    scores_missing: RequirementError | None = None
    predictions_by_prompt: list[Predictions] | None = None  # each template of the prompts alone

    @property
    def samples(self) -> Samples:
        """The samples whose image could be read."""
        return self.extraction.samples


def read_samples(config: AuditConfig) -> tuple[dict[str, Samples], Probe | None]:
    """Read all tables, and leave out of what is audited the images from which a probe or a fine-tuned head learned."""
    if config.prompts is not None:
        from fairaudit.heads.prompts import read_prompts

        read_prompts(config.prompts)  # refused before anything slow begins
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
    """Move the images that were learned to ``skipped``, in place."""
    for name, one in samples.items():
        seen = [learned(path) for path in one.paths]
        if any(seen):
            note = f"{sum(seen)} images were left out because {learner} learned from them{source and f' ({source})'}."
            samples[name] = one.select([not s for s in seen], note=note, reason=f"{learner} learned from it")


def make_tables(
    config: AuditConfig, model: Model, samples: Mapping[str, Samples], probe: Probe | None, *, progress: bool
) -> dict[str, Tables]:
    """Make every table once: one pass over the images, then labels by prompts or probe, then text and fusion."""
    from fairaudit.extraction.extract import extract
    from fairaudit.extraction.features import join
    from fairaudit.models.features_folder import Features

    prompts = None if config.prompts is None else _zero_shot(model, config.prompts)
    saved = None if probe is None else _saved(probe, model)
    tables = {}
    for name, one in samples.items():
        with step(f"{name}: {len(one):,} images", shown=progress) as advance:
            if isinstance(model, Features):
                made = join(model, one, allow_missing=config.allow_unreadable)
            else:
                made = extract(
                    model,
                    one,
                    batch_size=config.batch_size,
                    progress=advance,
                    allow_unreadable=config.allow_unreadable,
                    cache=config.cache,
                )
        tables[name] = Tables(made, made.predictions)
        if prompts is not None:
            tables[name].predictions = prompts.predict(made.embeddings, classes=one.classes, data=name)
            tables[name].predictions_by_prompt = prompts.predict_by_template(
                made.embeddings, classes=one.classes, data=name
            )
    if probe is not None and any(t.samples.subject != "memes" for t in tables.values()):
        fitted = saved or _fit(config, model, cast("ProbeTable", probe), progress=progress)
        for one_table in tables.values():
            one_table.predictions = fitted.predict(
                one_table.extraction.embeddings, classes=one_table.samples.classes, data=one_table.samples.name
            )
    if config.cache is not None and not isinstance(model, Features):
        _tell_cache(config.cache, tables, shown=progress)
    for name, one_table in tables.items():
        if one_table.samples.subject == "memes":
            with step(f"{name}: text and fusion", shown=progress) as advance:
                _score(config, one_table, advance)
    return tables


def _tell_cache(cache: Path, tables: Mapping[str, Tables], *, shown: bool) -> None:
    from fairaudit.extraction.cache import MAX_BYTES, cache_size

    n, known = (sum(len(t.samples) for t in tables.values()), sum(t.extraction.from_cache for t in tables.values()))
    held = f"{cache_size(cache) / 1e6:,.1f} of at most {MAX_BYTES / 1e6:,.0f} MB"
    say(f"{known:,} of {n:,} images had been embedded before; {cache} holds {held}", shown=shown)


def _zero_shot(model: Model, prompts: Path) -> ZeroShot:
    from fairaudit.heads.zero_shot import open_zero_shot

    return open_zero_shot(model, prompts)


def _saved(probe: Probe, model: Model) -> LinearProbe | None:
    """Return the probe that was saved, if it is one and was fitted on this model."""
    from fairaudit.heads.probe_folder import SavedProbe

    if not isinstance(probe, SavedProbe):
        return None
    probe.check(model)
    return probe.probe


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
    """Return what an audit says of the data set; ``digest`` is of its contents."""
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
    """Write ``folder/DATA/``: samples (with a column ``digest``), embeddings, and predictions and scores if any."""
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
