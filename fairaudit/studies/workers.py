"""Run jobs in parallel worker processes, one thread each, with a progress bar for each job."""

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

from fairaudit.core.progress import bars, print_ended
from fairaudit.core.stop import Stopped
from fairaudit.core.text import one_line

_messages: Any = None  # in a worker: queue of progress and warnings
_title = ""  # in a worker: title of its job


@dataclass(frozen=True)
class Job:
    """One piece of work.

    Parameters
    ----------
    title : str
        Text beside the progress bar.
    work : callable
        Function of a module, called with ``arguments`` and the keyword ``progress``.
    arguments : tuple
        Values that can be pickled.
    after : tuple of str
        Titles of the jobs that must end first.
    """

    title: str
    work: Callable[..., object]
    arguments: tuple[Any, ...]
    after: tuple[str, ...] = ()


class Workers:
    """Two processes (or one, on one core) that live until ``close``, with one thread each.

    Parameters
    ----------
    shown : bool
        Whether to print progress bars and durations to standard error.
    """

    def __init__(self, *, shown: bool) -> None:
        context = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
        self._queue: Any = context.Queue()
        self._shown = shown
        self._n = min(2, os.cpu_count() or 1)
        self._pool = ProcessPoolExecutor(self._n, mp_context=context, initializer=_start, initargs=(self._queue,))

    def run(self, jobs: Sequence[Job]) -> None:
        """Run all ``jobs`` in their order, each after the jobs that it depends on.

        The first error is raised once the jobs that run beside it have ended. ``Stopped`` ends the processes at once.
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
            while self._hear(bar, tasks):  # messages of the last jobs
                pass

    def _hear(self, bar: Progress, tasks: Mapping[str, TaskID]) -> bool:
        """Show the next message of a worker, if any comes soon; return whether a message came."""
        try:
            title, message = self._queue.get(timeout=0.2)
        except queue.Empty:
            return False
        if isinstance(message, str):
            bar.console.print(Text(one_line(f"  {title}: {message}")))
        elif title in tasks:  # the bar of a job that has ended is gone
            bar.update(tasks[title], completed=message[0], total=message[1])
        return True

    def close(self) -> None:
        """End the processes."""
        self._pool.shutdown(cancel_futures=True)


@contextmanager
def _without_ctrl_c() -> Iterator[None]:
    """Start processes that ignore Ctrl-C, which reaches all processes of a terminal: the main process ends them."""
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
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    """End this process when its parent ends or is killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _send_warning(message: Warning | str, category: type[Warning], *_: object, **__: object) -> None:
    """Send a warning, without its line of our code, to the main process, which prints it between the bars."""
    _messages.put((_title, f"{category.__name__}: {message}"))


def _work(job: Job) -> None:
    global _title
    _title, last = job.title, 0.0

    def advance(done: int, total: int) -> None:
        nonlocal last
        if time.monotonic() - last > 0.1:
            last = time.monotonic()
            _messages.put((job.title, (done, total)))

    job.work(*job.arguments, progress=advance)
