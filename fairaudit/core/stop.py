"""``Stopped``: Ctrl-C and SIGTERM as an exception that carries what the stopped command has kept."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stopped(BaseException):
    """The user, or the system, has asked the command to end.

    Parameters
    ----------
    number : int
        Of the signal.

    Attributes
    ----------
    kept : str
        Sentence on what is kept and what the same command does next.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.kept = "Nothing was written; the same command starts again."

    @property
    def sentence(self) -> str:
        """What the command line prints."""
        return f"stopped by {signal.Signals(self.number).name}. {self.kept}"


@contextmanager
def stoppable() -> Iterator[None]:
    """Raise ``Stopped`` inside the block for the first SIGINT or SIGTERM; a second one ends the process at once.

    A signal that this process was started to ignore stays ignored.
    """
    handled = [number for number in (signal.SIGINT, signal.SIGTERM) if signal.getsignal(number) != signal.SIG_IGN]

    def stop(number: int, _: object) -> None:
        for each in handled:
            signal.signal(each, signal.SIG_DFL)
        raise Stopped(number)

    before = {number: signal.signal(number, stop) for number in handled}
    try:
        yield
    except Stopped:  # the default action stays: another signal ends what still cleans up
        raise
    except BaseException:
        _restore(before)
        raise
    _restore(before)


def _restore(before: dict[signal.Signals, signal._HANDLER]) -> None:
    for number, handler in before.items():
        signal.signal(number, handler)


@contextmanager
def keeping(kept: Callable[[], str]) -> Iterator[None]:
    """Let a ``Stopped`` that leaves the block say what ``kept`` returns."""
    try:
        yield
    except Stopped as stopped:
        stopped.kept = kept()
        raise
