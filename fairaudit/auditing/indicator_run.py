"""Running indicators on tables: each gets what its ``compute`` names, or it is said what it lacks."""

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
    """Run each indicator on each data set of its subject; what could not run is a failure with what would help.

    Raises
    ------
    InputError
        If an option does not fit the data.
    """
    results: list[IndicatorResult] = []
    failures: list[Failure] = []
    for done, indicator in enumerate(config.indicators):
        advance(done, len(config.indicators))
        mine = {name: t for name, t in tables.items() if t.samples.subject == indicator.subject}
        if not mine and (not indicator.optional or indicator.name in config.asked):
            missing = no_data(indicator)
            failures.append(Failure(indicator.name, "requirements", missing.reason, missing.what_to_do))
        for name, table in mine.items():
            try:
                arguments = _arguments(config, indicator, table, tables)
                results.append(indicator.compute(**arguments))
            except RequirementError as missing:
                failures.append(Failure(indicator.name, "requirements", missing.reason, missing.what_to_do, name))
            except InputError:
                raise
            except Exception as error:  # one indicator's defect must not lose what the others found
                what = f"{type(error).__name__}: {error}"
                failures.append(
                    Failure(indicator.name, "compute", f"It ended with {what}", "Report this as a defect.", name)
                )
    return results, failures


def no_data(indicator: Indicator) -> RequirementError:
    """Return what is said where no data set shows what the indicator is about."""
    return RequirementError(
        f"{indicator.name} needs a data set of {indicator.subject}; none was given.",
        what_to_do=f"Add one, for example --data {_SUBJECT_READERS[indicator.subject]}=DIR.",
    )


def no_table(indicator: Indicator, need: str, config: AuditConfig) -> RequirementError:
    """Return what is said where there is nothing for the parameter ``need`` of the indicator's ``compute``."""
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
    """Return what ``compute`` names among its parameters, or say what is missing."""
    options = config.options[indicator.name]
    have: dict[str, Any] = {
        "embeddings": table.extraction.embeddings,
        "predictions": table.predictions,
        "predictions_by_prompt": table.predictions_by_prompt,
        "scores": table.scores,
        "content_digests": table.extraction.content_digests,
    }
    gallery = getattr(options, "gallery", "")
    if gallery:
        have |= {"gallery_samples": tables[gallery].samples,
                 "gallery_embeddings": tables[gallery].extraction.embeddings}  # fmt: skip
    reference = getattr(options, "reference", "")
    if reference:
        have |= {"reference_samples": tables[reference].samples,
                 "reference_predictions": tables[reference].predictions}  # fmt: skip
    for need in indicator.needs:
        if have.get(need) is None:
            if need == "scores" and table.scores_missing is not None:
                raise table.scores_missing
            raise no_table(indicator, need, config)
    wanted = {name: have.get(name) for name in (*indicator.needs, *indicator.wants)}
    return {"samples": table.samples, "config": options, **wanted}
