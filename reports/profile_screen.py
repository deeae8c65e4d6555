"""A profile on the terminal: one table per field, with a row for unknown values."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.text import Text

from fairaudit.describe.datasheet import FILE_NAME, NOT_DECLARED, Datasheet
from fairaudit.describe.profile import Profile
from fairaudit.describe.profile_text import VALUE_HEAD, copy_facts, field_facts, field_title, scope, value_rows
from fairaudit.reports.screen import facts, on_screen, table, text

#: At most this many values of a field are shown; the file of ``-o`` holds more.
SHOWN = 10


def show(profile: Profile, datasheet: Datasheet | None, console: Console | None = None) -> None:
    """Print ``profile`` and the state of its datasheet; text from the data is never read as markup."""
    on_screen(_parts(profile, datasheet), console)


def _parts(profile: Profile, datasheet: Datasheet | None) -> Iterator[RenderableType]:
    yield text(scope(profile))
    for field in profile.fields:
        yield Text()
        yield text(field_title(field), "bold")
        yield table(VALUE_HEAD, value_rows(field, limit=SHOWN))
        yield facts(field_facts(field, profile))
        yield from (Padding(text(note, "dim"), (0, 2)) for note in field.notes)
    yield Text()
    yield text("Copies", "bold")
    yield facts(copy_facts(profile))
    if profile.not_profiled:
        yield Text()
        yield text(f"Not profiled: {', '.join(profile.not_profiled)}. Name a column with --field.")
    for note in profile.notes:
        yield text(note)
    yield Text()
    yield text(_declared(datasheet))


def _declared(datasheet: Datasheet | None) -> str:
    if datasheet is None:
        return f"No {FILE_NAME} lies beside the data: not declared. fairaudit data datasheet DIR writes an empty one."
    missing = [name for name, answer in datasheet.rows() if answer == NOT_DECLARED]
    n_questions = len(datasheet.rows())
    answered = f"{FILE_NAME}: {n_questions - len(missing)} of {n_questions} questions answered"
    return f"{answered}; not declared: {', '.join(missing)}." if missing else f"{answered}."
