"""Run indicators on tables: each receives the parameters of its ``compute``, or fails with what it lacks."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fairaudit.auditing.config import AuditConfig
from fairaudit.auditing.tables import Tables
from fairaudit.core.errors import InputError, RequirementError
from fairaudit.core.indicator import Indicator
from fairaudit.core.progress import Advance
from fairaudit.core.result import Failure, IndicatorResult

_SUBJECT_READERS = {
    "people": "utkface", "objects": "dollar_street", "memes": "hateful_memes", "labelled": "labelled_images",
}  # fmt: skip


def run_indicators(
    config: AuditConfig, tables: Mapping[str, Tables], advance: Advance
) -> tuple[list[IndicatorResult], list[Failure]]:
    """Run each indicator on each data set of its subject; return results, and failures with a remedy each.

    Raises
    ------
    InputError
        If an option does not fit the data.
    """
    results: list[IndicatorResult] = []
    failures: list[Failure] = []
    for done, indicator in enumerate(config.indicators):
        advance(done, len(config.indicators))
        subject_tables = {name: t for name, t in tables.items() if t.samples.subject == indicator.subject}
        if not subject_tables and (not indicator.optional or indicator.name in config.asked):
            missing = no_data(indicator)
            failures.append(Failure(indicator.name, "requirements", missing.reason, missing.what_to_do))
        for name, table in subject_tables.items():
            try:
                arguments = _arguments(config, indicator, table, tables)
                results.append(indicator.compute(**arguments))
            except RequirementError as missing:
                failures.append(Failure(indicator.name, "requirements", missing.reason, missing.what_to_do, name))
            except InputError:
                raise
            except Exception as error:  # a defect of one indicator must not lose the results of the others
                cause = f"{type(error).__name__}: {error}"
                failures.append(
                    Failure(indicator.name, "compute", f"It ended with {cause}", "Report this as a defect.", name)
                )
    return results, failures


def no_data(indicator: Indicator) -> RequirementError:
    """Return the error for an indicator without a data set of its subject."""
    return RequirementError(
        f"{indicator.name} needs a data set of {indicator.subject}; none was given.",
        what_to_do=f"Add one, for example --data {_SUBJECT_READERS[indicator.subject]}=DIR.",
    )


def no_table(indicator: Indicator, need: str, config: AuditConfig) -> RequirementError:
    """Return the error for an indicator whose ``compute`` lacks its parameter ``need``."""
    if need == "predictions":
        return RequirementError(
            f"{indicator.name} needs predictions, but '{config.resolved()['checkpoint']}' gives only embeddings.",
            what_to_do="Add a label head: --probe LABELS.csv (columns file,label; with labels of people and animals), "
            "or --prompts PROMPTS.toml for a CLIP or SigLIP.",
        )
    if need == "scores":
        return RequirementError(
            f"{indicator.name} needs a text encoder beside the checkpoint; none was given.",
            what_to_do="Add one: --text-encoder FOLDER (a BERT, for example google-bert/bert-base-uncased).",
        )
    return RequirementError(f"{indicator.name} needs {need}.", what_to_do="Give a data set or option that has it.")


def _arguments(
    config: AuditConfig, indicator: Indicator, table: Tables, tables: Mapping[str, Tables]
) -> dict[str, Any]:
    """Return the arguments of ``compute``; raise RequirementError if one is missing."""
    options = config.options[indicator.name]
    have: dict[str, Any] = {
        "embeddings": table.extraction.embeddings,
        "predictions": table.predictions,
        "predictions_by_prompt": table.predictions_by_prompt,
        "scores": table.scores,
        "content_digests": table.extraction.content_digests,
    }
    if name := getattr(options, "gallery", ""):
        have |= {"gallery_samples": tables[name].samples, "gallery_embeddings": tables[name].extraction.embeddings}
    if name := getattr(options, "reference", ""):
        have |= {"reference_samples": tables[name].samples, "reference_predictions": tables[name].predictions}
    for need in indicator.needs:
        if have.get(need) is None:
            if need == "scores" and table.scores_missing is not None:
                raise table.scores_missing
            raise no_table(indicator, need, config)
    wanted = {name: have.get(name) for name in (*indicator.needs, *indicator.wants)}
    return {"samples": table.samples, "config": options, **wanted}
