"""Names from data on the terminal: shown letter by letter, in a log and on a real terminal."""

from __future__ import annotations

import os
import pty
import re
import sys
from collections.abc import Callable

import pytest

from fairaudit.core.progress import say, step

#: A name, and how a terminal must show it.
NAMES = {
    "a[/b]": "a[/b]", "[red]x": "[red]x", "<b>": "<b>", "# h": "# h", "](javascript:1)": "](javascript:1)",
    ":dog:": ":dog:", "x\x1b[2J": "x\\x1b[2J", "x\u202ey": "x\\u202ey", "x\u2066y": "x\\u2066y", "x\ny": "x y",
    "x\r\ny": "x y",
}  # fmt: skip
#: What rich itself writes to draw and redraw a bar: colours, movements of the cursor, the cursor hidden and shown.
OF_RICH = re.compile(r"\x1b\[(?:[\d;]*m|\d*[ABGHK]|2K|\?25[lh])")
Show = Callable[[str], object]


def show_step(name: str) -> None:
    with step(name) as advance:
        advance(1, 2)


def show_note(name: str) -> None:
    with step("training", note=lambda: f": {name}") as advance:
        advance(1, 2)


def on_terminal(show: Show, name: str, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return what a terminal gets when ``name`` is shown while standard error is one."""
    ours, theirs = pty.openpty()
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "120")
    with os.fdopen(theirs, "w", encoding="utf-8") as stream, monkeypatch.context() as patch:
        patch.setattr(sys, "stderr", stream)
        show(name)
        stream.write("END")
        stream.flush()
        written = b""
        while not written.endswith(b"END"):
            written += os.read(ours, 1 << 16)
    os.close(ours)
    return written.decode("utf-8")


@pytest.mark.parametrize("show", [say, show_step])
@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_never_markup_on_a_terminal(monkeypatch: pytest.MonkeyPatch, show: Show, name: str) -> None:
    text = OF_RICH.sub("", on_terminal(show, name, monkeypatch))
    assert NAMES[name] in text
    assert not re.search("[\x1b\u202e\u2066]", text)
    assert "x\r\ny" not in text  # the terminal makes \r\n of \n


@pytest.mark.parametrize("show", [say, show_step])
@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_never_markup_in_a_log(capsys: pytest.CaptureFixture[str], show: Show, name: str) -> None:
    show(name)
    text = capsys.readouterr().err
    assert NAMES[name] in text
    assert not re.search("[\x1b\u202e\u2066]", text)
    assert len(text.strip().splitlines()) == 1


def test_a_note_is_never_markup_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    text = OF_RICH.sub("", on_terminal(show_note, "loss [/b]", monkeypatch))
    assert "training: loss [/b]" in text
    assert "1/2" in text


def test_what_is_not_shown_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with step("a", shown=False) as advance:
        advance(1, 2)
    say("x", shown=False)
    assert capsys.readouterr() == ("", "")
