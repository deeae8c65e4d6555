"""A profile on the terminal: one table a field, with what is unknown as a row of its own."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from fairaudit.core.datasheet import FILE_NAME, NOT_DECLARED, Datasheet
from fairaudit.core.profile import Profile
from fairaudit.core.profile_text import VALUE_HEAD, copy_facts, field_facts, field_title, scope, value_rows
from fairaudit.reports.notation import printable

#: So many values of a field are shown; the file that ``-o`` writes has more.
SHOWN = 10
_WIDTH = 110


def show(profile: Profile, datasheet: Datasheet | None, console: Console | None = None) -> None:
    """Print ``profile``, and how much of the datasheet is answered; nothing in the data is taken for markup."""
    console = console or Console(highlight=False, soft_wrap=False)
    if not console.is_terminal:
        console = Console(file=console.file, highlight=False, width=_WIDTH)
    console.print(Group(*_parts(profile, datasheet)))


def _parts(profile: Profile, datasheet: Datasheet | None) -> Iterator[RenderableType]:
    yield _text(scope(profile))
    for one in profile.fields:
        yield Text()
        yield _text(field_title(one), "bold")
        yield _table(VALUE_HEAD, value_rows(one, limit=SHOWN))
        yield _facts(field_facts(one, profile))
        yield from (Padding(_text(note, "dim"), (0, 2)) for note in one.notes)
    yield Text()
    yield _text("Copies", "bold")
    yield _facts(copy_facts(profile))
    if profile.not_profiled:
        yield Text()
        yield _text(f"Not profiled: {', '.join(profile.not_profiled)}. Name a column with --field.")
    for note in profile.notes:
        yield _text(note)
    yield Text()
    yield _text(_declared(datasheet))


def _declared(datasheet: Datasheet | None) -> str:
    if datasheet is None:
        return f"No {FILE_NAME} lies beside the data: not declared. fairaudit data datasheet DIR writes an empty one."
    missing = [name for name, answer in datasheet.rows() if answer == NOT_DECLARED]
    answered = len(datasheet.rows()) - len(missing)
    told = f"{FILE_NAME}: {answered} of {len(datasheet.rows())} questions answered"
    return f"{told}; not declared: {', '.join(missing)}." if missing else f"{told}."


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> RenderableType:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for name in head:
        table.add_column(name, justify="left" if name == head[0] else "right", overflow="fold")
    for row in rows:
        table.add_row(*map(_text, row))
    return Padding(table, (0, 2))


def _facts(facts: Sequence[tuple[str, str]]) -> RenderableType:
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(overflow="fold", style="dim", max_width=46)
    table.add_column(overflow="fold")
    for name, text in facts:
        table.add_row(_text(name), _text(text))
    return Padding(table, (0, 2))


def _text(text: str, style: str = "") -> Text:
    # A Text is never read as rich's markup; control characters could steer the terminal.
    return Text(" ".join(printable(text).split()), style=style)
