"""``Datasheet``: declarations of a data set's makers, read from ``datasheet.toml`` beside the data.

The questions are a short form of "Datasheets for Datasets" [1]_. None is required; a question without an answer is
shown as *not declared*.

References
----------
.. [1] Gebru et al. (2021), "Datasheets for Datasets", Communications of the ACM 64(12); arXiv:1803.09010.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from fairaudit.core.errors import ConfigError, DataError, unknown_name
from fairaudit.core.files import atomic_write
from fairaudit.core.open_file import is_there, read_toml

FILE_NAME = "datasheet.toml"
NOT_DECLARED = "not declared"
#: Key, title and question.
QUESTIONS: dict[str, tuple[str, str]] = {
    "source": ("Source", "Where do the images come from, and how were they chosen? Who collected them, and why?"),
    "collected_when": ("Collected", "When were they taken, and when collected?"),
    "consent": ("Consent", "Did the people in the images, and those who took them, agree? Can they take it back?"),
    "licence": ("Licence", "Under which licence are the images, and the table?"),
    "terms": ("Terms", "Which terms of use, laws or agreements limit what may be done with them?"),
    "moderation": ("Moderation and filters", "What was removed or kept back, by whom or by which model, and why?"),
    "excluded_regions": ("Excluded regions", "Which countries or regions were left out, and why?"),
    "private_or_banned_accounts": (
        "Private or banned accounts", "Are images of private, deleted or banned accounts among them?",
    ),
    "duplicates_policy": ("Duplicates", "How were copies and near copies looked for, and what was done with them?"),
    "people_in_images": (
        "People in the images", "Can people be recognised? Are children among them? How is what is said of them known?",
    ),
    "intended_use": ("Intended use", "What is the data set for?"),
    "misuse": ("Misuse", "What should it not be used for, and whom could that harm?"),
    "contact": ("Contact", "Who answers questions, corrects mistakes and removes images?"),
}  # fmt: skip
_LONGEST = 10_000


@dataclass(frozen=True)
class Datasheet:
    """Declared answers.

    Parameters
    ----------
    answers : mapping of str to str
        By key of ``QUESTIONS``, without unanswered questions.
    """

    answers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for key, answer in self.answers.items():
            if key not in QUESTIONS:
                raise unknown_name("key of the datasheet", key, QUESTIONS)
            if not isinstance(answer, str):
                raise ConfigError(
                    f"'{key}' of the datasheet must be a text in quotation marks; got {answer!r:.60}. "
                    f'Write {key} = "...".'
                )
            if len(answer) > _LONGEST:
                raise ConfigError(
                    f"'{key}' of the datasheet must have at most {_LONGEST:,} characters; got {len(answer):,}. "
                    "Shorten the answer."
                )
        kept = {key: self.answers[key].strip() for key in QUESTIONS if self.answers.get(key, "").strip()}
        object.__setattr__(self, "answers", kept)

    def rows(self) -> list[tuple[str, str]]:
        """Return title and answer of every question, ``"not declared"`` for no answer."""
        return [(name, self.answers.get(key, NOT_DECLARED)) for key, (name, _) in QUESTIONS.items()]

    def document(self) -> dict[str, str | None]:
        """Return all answers as JSON values, None for no answer."""
        return {key: self.answers.get(key) for key in QUESTIONS}


def datasheet_from(document: object) -> Datasheet:
    """Return the datasheet of a ``Datasheet.document``.

    Raises
    ------
    ConfigError, DataError
        If ``document`` is no datasheet.
    """
    if not isinstance(document, Mapping):
        raise DataError(
            f"datasheet must be an object of answers; got {document!r:.60}. Make it again from {FILE_NAME}."
        )
    return Datasheet({str(key): value for key, value in document.items() if value is not None})


def read_datasheet(path: str | Path) -> Datasheet:
    """Read a datasheet from a TOML file.

    Raises
    ------
    ConfigError
        If the file is missing or no TOML, a key is unknown, or a value is no text.
    """
    path = Path(path)
    answers = read_toml(path, "datasheet", error=ConfigError)
    try:
        return Datasheet(answers)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error}") from error


def find_datasheet(folder: Path) -> Datasheet | None:
    """Return the datasheet in a folder, or None; errors as ``read_datasheet``."""
    path = folder / FILE_NAME
    return read_datasheet(path) if is_there(path) else None


def write_template(folder: str | Path) -> Path:
    """Write an empty ``datasheet.toml`` with its questions as comments, and return its path.

    Raises
    ------
    ConfigError
        If the folder does not exist, or holds a datasheet.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise ConfigError(f"folder {folder} must be an existing folder of data; got no folder there. Check the path.")
    path = folder / FILE_NAME
    parts = [
        "# What is declared of this data. Answer what you know and leave the rest empty: it is shown as not declared.\n"
        "# For an answer of several lines use three quotation marks.\n"
        "# After Gebru et al. (2021), Datasheets for Datasets, which has the questions in full.\n",
        *(f'# {question}\n{key} = ""\n' for key, (_, question) in QUESTIONS.items()),
    ]
    if os.path.lexists(path):
        raise ConfigError(
            f"{path} must not be there yet; got a datasheet that may hold answers. Edit it, or move it away first."
        )
    atomic_write(path, "\n".join(parts))
    return path
