"""Progress: text from data is shown as it is, on a terminal and in a log."""

from __future__ import annotations

import os
import pty
import subprocess
import sys

import pytest

from fairaudit.core.progress import say, step

#: As a recipe or a folder may be called: markup, if it were taken for that, of which the last closes nothing.
TITLE = "training [red]a[/b] [:smile:]"


def test_in_a_log_a_step_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    with step(TITLE) as advance:
        advance(1, 2)
    say("x[/b]" * 30)
    first, second, *rest = capsys.readouterr().err.splitlines()
    assert first.startswith(f"  {TITLE} (")
    assert first.endswith(" s)")
    assert (second, rest) == ("  " + "x[/b]" * 30, [])


def test_what_is_not_shown_is_not_printed(capsys: pytest.CaptureFixture[str]) -> None:
    with step(TITLE, shown=False) as advance:
        advance(1, 2)
    say("x", shown=False)
    assert capsys.readouterr() == ("", "")


def test_on_a_terminal_a_bar_has_title_note_and_counts() -> None:
    code = (
        "import time\nfrom fairaudit.core.progress import step\n"
        f"with step({TITLE!r}, note=lambda: ': loss [/b]') as advance:\n"
        "    for done in range(1, 4):\n        advance(done, 4)\n        time.sleep(0.3)\n"
    )
    terminal, end = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "160", "LINES": "40"}
    with subprocess.Popen([sys.executable, "-c", code], stderr=end, env=environment) as process:
        os.close(end)
        shown = b""
        while True:
            try:
                part = os.read(terminal, 65536)
            except OSError:  # what Linux says at the end of a terminal
                break
            shown += part
            if not part:
                break
    os.close(terminal)
    assert process.returncode == 0
    text = shown.decode()
    assert f"{TITLE}: loss [/b]" in text
    assert "3/4" in text
    assert "/s" in text
