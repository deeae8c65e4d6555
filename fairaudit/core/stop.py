"""``Stopped``: Ctrl-C and SIGTERM as an exception, with a sentence on the kept results."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager


class Stopped(BaseException):
    """A request of the user or the system to end the command.

    Parameters
    ----------
    number : int
        Number of the signal.

    Attributes
    ----------
    kept : str
        Sentence on the kept results and on the effect of the same command.
    """

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number
        self.kept = "Nothing was written; the same command starts again."

    @property
    def sentence(self) -> str:
        """Message of the command line."""
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
    except Stopped:  # the default action stays: another signal ends the cleaning up
        before = {}
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextmanager
def keeping(kept: Callable[[], str]) -> Iterator[None]:
    """Give a ``Stopped`` that leaves the block the sentence that ``kept`` returns."""
    try:
        yield
    except Stopped as stopped:
        stopped.kept = kept()
        raise
