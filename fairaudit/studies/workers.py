"""Jobs side by side in worker processes, one thread each, with a bar for each on the terminal."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.progress import Progress, TaskID
from rich.text import Text

from fairaudit.core.progress import Advance, bars, print_ended
from fairaudit.core.stop import Stopped
from fairaudit.core.text import one_line

_messages: Any = None  # in a worker: where it says how far it is, and what it warns of
_title = ""  # in a worker: of its job


@dataclass(frozen=True)
class Job:
    """One piece of work.

    Parameters
    ----------
    title : str
        As the terminal shows it.
    work : callable
        A function of a module; gets ``arguments`` and the keyword ``progress``.
    arguments : tuple
        Values that can be sent to another process.
    after : tuple of str
        Titles of jobs that must have ended first.
    """

    title: str
    work: Callable[..., object]
    arguments: tuple[Any, ...]
    after: tuple[str, ...] = ()


class Workers:
    """Two processes (or one, on one core) that live until ``close``; small networks run best on one thread each.

    Parameters
    ----------
    shown : bool
        Whether bars and durations are printed, to standard error.
    """

    def __init__(self, *, shown: bool) -> None:
        context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
        self._queue: Any = context.Queue()
        self._shown = shown
        self._n = min(2, os.cpu_count() or 1)
        self._pool = ProcessPoolExecutor(self._n, mp_context=context, initializer=_start, initargs=(self._queue,))

    def run(self, jobs: Sequence[Job]) -> None:
        """Do all ``jobs``, each as soon as those it comes after have ended; earlier ones of the list go first.

        The first error of any is raised, after those that run beside it have ended. ``Stopped`` ends the processes at
        once.
        """
        try:
            self._run(jobs)
        except Stopped:
            for process in list(self._pool._processes.values()):
                process.terminate()
            self.close()
            raise

    def _run(self, jobs: Sequence[Job]) -> None:
        bar = bars(shown=self._shown)
        tasks: dict[str, TaskID] = {}
        started: dict[str, float] = {}
        open_jobs, waiting = {job.title: job for job in jobs}, dict[Future[None], Job]()

        def submit() -> None:
            for job in [j for j in open_jobs.values() if j.title not in started]:
                if len(waiting) < self._n and not open_jobs.keys() & set(job.after):
                    started[job.title] = time.perf_counter()
                    tasks[job.title] = bar.add_task(job.title, total=None)
                    with _without_ctrl_c():
                        waiting[self._pool.submit(_work, job)] = job

        with bar:
            submit()
            while waiting:
                self._hear(bar, tasks)
                for future in [f for f in waiting if f.done()]:
                    job = waiting.pop(future)
                    bar.remove_task(tasks.pop(job.title))
                    future.result()
                    del open_jobs[job.title]
                    print_ended(bar, job.title, started[job.title])
                    submit()
            while self._hear(bar, tasks):  # what the last jobs still had to say
                pass

    def _hear(self, bar: Progress, tasks: Mapping[str, TaskID]) -> bool:
        """Show the next message of a worker, if one comes soon; return whether one came."""
        try:
            title, message = self._queue.get(timeout=0.2)
        except queue.Empty:
            return False
        if isinstance(message, str):
            bar.console.print(Text(one_line(f"  {title}: {message}")))
        elif title in tasks:  # a late message of an earlier job has no bar any more
            bar.update(tasks[title], completed=message[0], total=message[1])
        return True

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown(cancel_futures=True)


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach, which goes to all of a terminal: the first process ends them."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _start(messages: Any) -> None:
    global _messages
    _messages = messages
    for variable in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = "1"
    warnings.showwarning = _send_warning
    threading.Thread(target=_end_with_the_first, daemon=True).start()


def _end_with_the_first() -> None:
    """End this process when the one that started it is gone, also where that one was killed."""
    first = multiprocessing.parent_process()
    if first is not None:
        first.join()
        os._exit(1)


def _send_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    """Let the terminal's owner print it, between its bars; where in our code it arose helps nobody there."""
    _messages.put((_title, f"{category.__name__}: {message}"))


def _work(job: Job) -> None:
    global _title
    _title, last = job.title, 0.0

    def advance(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > 0.1:
            last = time.monotonic()
            _messages.put((job.title, (done, total)))

    progress: Advance = advance
    job.work(*job.arguments, progress=progress)
