"""Declared training data of a checkpoint as text: datasheet and profile of each folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from fairaudit.describe.datasheet import FILE_NAME, NOT_DECLARED
from fairaudit.describe.profile import FieldProfile, Profile
from fairaudit.describe.profile_text import copy_facts, field_facts, field_title, scope, value_rows
from fairaudit.describe.training_data import TrainingData, training_data_from

#: At most this many values of a field are shown; the run's ``profile.json`` holds more.
SHOWN = 8


@dataclass(frozen=True)
class FieldView:
    """One declared field."""

    title: str
    facts: list[tuple[str, str]]
    rows: list[tuple[str, str, str, str]]
    notes: tuple[str, ...]


@dataclass(frozen=True)
class TrainingView:
    """One folder of training images.

    Parameters
    ----------
    title : str
        Name of the folder.
    summary : str
        How much is declared, in one line; shown while the section is folded.
    answers : list of tuple of str
        Question and answer; ``"not declared"`` if unanswered.
    scope : str
        What the profile covers; empty without a profile.
    why_none : str
        Why there is no profile; empty with a profile.
    """

    title: str
    summary: str
    answers: list[tuple[str, str]]
    scope: str
    why_none: str
    fields: list[FieldView]
    copies: list[tuple[str, str]]
    notes: tuple[str, ...]


def training_views(training: Mapping[str, Any]) -> list[TrainingView]:
    """Return a view of each folder; none for a checkpoint without a record of its training data.

    Parameters
    ----------
    training : mapping
        ``ModelCard.training`` of an audit, ``RunRecord.training`` of a run.

    Raises
    ------
    InputError
        If ``training`` is not what ``fairaudit pretrain`` writes.
    """
    return [_view(record) for record in training_data_from(training)]


def _view(record: TrainingData) -> TrainingView:
    answers, profile = record.declared.rows(), record.profile
    answered = sum(answer != NOT_DECLARED for _, answer in answers)
    sheet = f"{answered} of {len(answers)} questions answered" if record.datasheet else f"no {FILE_NAME}"
    return TrainingView(
        title=record.folder,
        summary=f"datasheet: {sheet}; profile: {_summary(profile) if profile else NOT_DECLARED}",
        answers=answers,
        scope=scope(profile) if profile else "",
        why_none="" if profile else record.note or "no profile was made",
        fields=[_field(field, profile) for field in profile.fields] if profile else [],
        copies=copy_facts(profile) if profile else [],
        notes=profile.notes if profile else (),
    )


def _summary(profile: Profile) -> str:
    names = ", ".join(field.name for field in profile.fields if not field.source)
    return f"{names} of {profile.n_rows:,} rows"


def _field(field: FieldProfile, profile: Profile) -> FieldView:
    rows = value_rows(field, limit=SHOWN)
    return FieldView(field_title(field), field_facts(field, profile), rows, field.notes)
