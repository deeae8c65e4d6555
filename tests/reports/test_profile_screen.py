from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from fairaudit.describe.datasheet import Datasheet
from fairaudit.describe.profiler import profile_data
from fairaudit.reports.profile_screen import show


def screen(table: Path, datasheet: Datasheet | None = None) -> str:
    file = io.StringIO()
    show(profile_data(table, near=False), datasheet, Console(file=file))
    return file.getvalue()


def test_a_person_reads_what_is_known_and_what_is_not(tmp_path: Path) -> None:
    lines = ["country,gender,x", *["KE,woman,1"] * 30, *["IN,,1"] * 10]
    (tmp_path / "t.csv").write_text("\n".join(lines))
    text = screen(tmp_path / "t.csv")
    assert text.splitlines()[0].startswith("All 40 rows of t.csv were read: shares are exact for this table.")
    assert max(map(len, text.splitlines())) <= 110
    squeezed = " ".join(text.split())
    assert "Kenya 30 75.0 % (59.8 to 85.9)" in squeezed
    assert "unknown 10 25.0 % (14.1 to 40.2)" in squeezed
    assert "region of country (United Nations M49)" in squeezed
    assert "income group of country (World Bank, fiscal year 2025)" in squeezed
    assert "Not profiled: x. Name a column with --field." in squeezed
    assert "No datasheet.toml lies beside the data: not declared." in squeezed
    assert "the table has no column file, file_name, path that names images" in squeezed


def test_the_datasheet_is_counted_and_its_gaps_are_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("gender\na\nb\n")
    squeezed = " ".join(screen(tmp_path / "t.csv", Datasheet({"source": "me"})).split())
    assert "datasheet.toml: 1 of 13 questions answered; not declared: Collected, Consent, Licence," in squeezed


def test_nothing_in_the_data_steers_the_terminal_or_is_read_as_markup(tmp_path: Path) -> None:
    (tmp_path / "[red]t.csv").write_text('gender\n[bold]x[/bold]\n"\x1b[31mred\x07"\n:smile:\n', encoding="utf-8")
    text = screen(tmp_path / "[red]t.csv")
    assert "[bold]x[/bold]" in text
    assert ":smile:" in text
    assert "of [red]t.csv were read" in text
    assert "\x1b" not in text
    assert "\x07" not in text
