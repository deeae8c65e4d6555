"""A signal becomes an exception that says what is kept; a second one, or one that is ignored, keeps its meaning."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator

import pytest

from fairaudit.core.stop import Stopped, keeping, stoppable


@pytest.fixture(autouse=True)
def same_handlers() -> Iterator[None]:
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = [signal.getsignal(number) for number in numbers]
    yield
    for number, handler in zip(numbers, before, strict=True):
        signal.signal(number, handler)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_innermost_block_says_what_is_kept(number: signal.Signals) -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def work() -> None:
        with stoppable(), keeping(lambda: "All is kept."):
            os.kill(os.getpid(), number)

    with pytest.raises(Stopped) as caught:
        work()
    assert caught.value.number == number
    assert caught.value.sentence == f"stopped by {number.name}. All is kept."
    assert signal.getsignal(number) == signal.SIG_DFL


def test_without_a_word_nothing_was_kept() -> None:
    assert Stopped(signal.SIGTERM).sentence == (
        "stopped by SIGTERM. Nothing was written; the same command starts again."
    )


def test_the_handlers_of_before_come_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with stoppable():
        assert signal.getsignal(signal.SIGTERM) != before
    assert signal.getsignal(signal.SIGTERM) == before
    with pytest.raises(KeyError), stoppable():
        raise KeyError
    assert signal.getsignal(signal.SIGTERM) == before


def test_an_ignored_signal_stays_ignored() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with stoppable():
        os.kill(os.getpid(), signal.SIGINT)


def test_a_second_signal_ends_the_process() -> None:
    code = (
        "import os, signal\nfrom fairaudit.core.stop import stoppable\nsignal.signal(signal.SIGINT, signal.SIG_DFL)\n"
        "with stoppable():\n"
        "    try:\n        os.kill(os.getpid(), signal.SIGTERM)\n"
        "    finally:\n        os.kill(os.getpid(), signal.SIGINT)\n"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGINT
