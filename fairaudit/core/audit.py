"""``AuditResult``: the results and failures of an audit, its model, data, plan and provenance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, get_args, get_type_hints

import pandas as pd

from fairaudit.core.result import Failure, IndicatorResult
from fairaudit.core.samples import Feature, Subject
from fairaudit.core.schema import IF_ANY, Count, HexDigits, closed, rows_of

SCHEMA_VERSION = "2.0"

_DATASHEETS = rows_of({"folder": str, "found": bool, "fields": Mapping[str, str | None]})
_PROFILES = rows_of({"folder": str, "profile": Mapping[str, Any] | None, "note": str})
_TRAINING = closed({"datasheets": {**_DATASHEETS, "minItems": 1}, "profiles": {**_PROFILES, "minItems": 1}})
_FEATURES = rows_of(
    {**get_type_hints(Feature), "known_by": str, "counts": Mapping[str, Count]}, optional=("reference", "exploratory")
)
_PLAN = closed({"digest": HexDigits, "primary": tuple[Mapping[str, Any], ...]})
_OPEN = {"additionalProperties": True}
#: Parts of ``provenance.selftest`` that differ from run to run.
SELFTEST_RUN = ("date", "cached")
_DATE = Annotated[str, {"pattern": r"^\d{4}-\d{2}-\d{2}$"}]
_SELFTEST = closed(
    {"passed": bool, "sentence": str, "draws": Count, "seed": int, "date": _DATE, "cached": bool},
    optional=("draws", "seed", *SELFTEST_RUN),
)
_PROVENANCE = closed(
    {"digest": str, "versions": Mapping[str, str], "seed": int, "selftest": _SELFTEST, "run": Mapping[str, Any]},
    optional=("digest", "selftest", "run"),
)


@dataclass(frozen=True)
class ModelCard:
    """The audited model.

    Parameters
    ----------
    name : str
        As the user wrote it, without its folder.
    kind : str
        Adapter that opened it, e.g. ``"fairaudit run"``, ``"transformers"``, ``"module:function"``; ``"outcomes"``
        for a table of outcomes (then there are no parameters, and the digest is of the table).
    architecture : str
        Class or family, e.g. ``"RegNetModel"``.
    n_parameters : int
        Weights of the part that was used.
    embedding_dim : int
        Length of an embedding.
    digest : str
        SHA-256 over the weights, 64 hex digits.
    preprocessing : mapping
        Size, crop, interpolation, mean, standard deviation and channel order, as JSON values.
    n_labels : int
        Number of labels of its own head; 0 if it has none.
    notes : tuple of str
        Sentences for the report, e.g. on its training.
    training : mapping
        Documents on its training data, as JSON values: ``datasheets`` and ``profiles``
        (``describe.training_data.documents``). Empty if there are none.
    layer : str
        Layer of the embedding, e.g. ``"trunk, average-pooled"``; empty if there is none.
    """

    name: str
    kind: str
    architecture: str
    n_parameters: Count
    embedding_dim: Count
    digest: HexDigits
    preprocessing: Mapping[str, Any]
    n_labels: Count = 0
    notes: tuple[str, ...] = ()
    training: Annotated[Mapping[str, Any], _TRAINING] = field(default_factory=dict, metadata=IF_ANY)
    layer: str = field(default="", metadata=IF_ANY)


@dataclass(frozen=True)
class DataCard:
    """The data of an audit: ``Samples`` without the rows.

    Parameters
    ----------
    name, reader, subject, cluster, licence, version : str
        As in ``Samples``.
    n, n_clusters : int
        Number of images and clusters that were used.
    digest : str
        SHA-256 over ids and image contents, 64 hex digits.
    synthetic, show_images : bool
        As in ``Samples``.
    features : tuple of mapping
        The fields of ``Feature``, and ``counts`` (images by group, with ``not recorded``).
    skipped : tuple of mapping
        ``file`` and ``reason``, the first 100.
    n_skipped : int
        Number of all skipped files.
    notes : tuple of str
        Sentences for the report.
    """

    name: str
    reader: str
    subject: Annotated[str, {"enum": get_args(Subject)}]
    cluster: str
    licence: str
    version: str
    n: Count
    n_clusters: Count
    digest: HexDigits
    synthetic: bool
    show_images: bool
    features: Annotated[tuple[Mapping[str, Any], ...], _FEATURES]
    skipped: Annotated[tuple[Mapping[str, str], ...], rows_of({"file": str, "reason": str})] = ()
    n_skipped: Count = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class AuditResult:
    """One audit: results, failures, model, data, plan and provenance.

    Parameters
    ----------
    model : ModelCard
    data : tuple of DataCard
    results : tuple of IndicatorResult
        Verdicts and adjusted p-values are filled (``stats.verdicts.decide``).
    failures : tuple of Failure
    config : mapping
        The resolved configuration, as JSON values.
    plan : mapping
        The plan that was applied, as JSON values, with its ``digest``.
    provenance : mapping
        ``digest`` (SHA-256 over everything above), ``versions`` of packages, ``seed``, ``selftest``, and ``run``: the
        metadata of the run (``started``, ``seconds``, ``platform``). The digest leaves out ``run`` and, of
        ``selftest``, its ``date`` (UTC) and whether an earlier audit ran it (``cached``).
    """

    model: ModelCard
    data: tuple[DataCard, ...]
    results: tuple[IndicatorResult, ...]
    failures: tuple[Failure, ...]
    config: Mapping[str, Any]
    plan: Annotated[Mapping[str, Any], {**_PLAN, **_OPEN}]
    provenance: Annotated[Mapping[str, Any], {**_PROVENANCE, **_OPEN}]
    schema_version: Annotated[str, {"const": SCHEMA_VERSION}] = SCHEMA_VERSION

    def result(self, indicator: str, dataset: str | None = None) -> IndicatorResult:
        """Return the result of ``indicator`` (on ``dataset``); KeyError if there is none."""
        for result in self.results:
            if result.indicator == indicator and dataset in (None, result.dataset):
                return result
        raise KeyError(indicator)

    @property
    def disparities(self) -> pd.DataFrame:
        """All disparity rows, with the columns ``indicator`` and ``dataset`` in front."""
        return self._stack("disparities")

    @property
    def groups(self) -> pd.DataFrame:
        """All group rows, with the columns ``indicator`` and ``dataset`` in front."""
        return self._stack("groups")

    def _stack(self, name: str) -> pd.DataFrame:
        frames = []
        for result in self.results:
            frame = getattr(result, name).copy()
            frame.insert(0, "dataset", result.dataset)
            frame.insert(0, "indicator", result.indicator)
            frames.append(frame)
        return pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
