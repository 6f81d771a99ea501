"""Pieces in processes of this machine."""

from __future__ import annotations

import contextlib
import ctypes
import importlib
import multiprocessing
import os
import signal
import sys
import types
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from multiprocessing.queues import Queue as ProcessQueue
from queue import Empty

from samgraph.training.fit import fit_piece
from samgraph.training.task import Event, Task

Message = tuple[str, int]  # a piece's folder, and how many steps of its fit lie behind


_messages: ProcessQueue[Message] | None = None  # in a worker: where it says that a step is done


class LocalExecutor:
    """Processes of this machine. After a process dies, half as many go on."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs
        self._pool: ProcessPoolExecutor | None = None
        self._queue: ProcessQueue[Message] | None = None
        self._waiting: dict[Future[None], Task] = {}

    def start(self, count: int) -> None:
        """Start up to `count` processes, which load what models are fitted with while the caller prepares tasks."""
        with _as_workers_start(), contextlib.suppress(BrokenProcessPool):  # `poll` says so of the tasks
            for _ in range(min(count, self.jobs)):
                self._opened().submit(_load)

    def submit(self, task: Task) -> None:
        with _as_workers_start():
            pool = self._opened()
            try:
                self._waiting[pool.submit(_fit, task)] = task
            except BrokenProcessPool:  # it broke since the last poll, which shall say so of this task too
                broken: Future[None] = Future()
                broken.set_exception(BrokenProcessPool())
                self._waiting[broken] = task

    def poll(self, seconds: float) -> list[Event]:
        done, _ = wait(self._waiting, timeout=seconds, return_when=FIRST_COMPLETED)
        events = self._progress()
        broken = False
        for future in done:
            error = future.exception()
            if isinstance(error, BrokenProcessPool):
                broken = True
                continue
            task = self._waiting.pop(future)
            if error is not None:
                raise error
            events.append(Event(task, done=True))
        if broken:
            lost = list(self._waiting.values())
            self.close()
            self.jobs = max(1, self.jobs // 2)
            events += [Event(task, lost="a process ended by itself or was killed") for task in lost]
        return events

    def close(self) -> None:
        pool, self._pool, self._queue = self._pool, None, None
        self._waiting.clear()
        if pool is None:
            return
        processes = list((getattr(pool, "_processes", None) or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:  # ours alone: a stop must not wait for the epochs under way
            process.terminate()
            process.join(timeout=10)

    def _opened(self) -> ProcessPoolExecutor:
        if self._pool is None:
            context = multiprocessing.get_context("spawn")
            self._queue = context.Queue()
            self._pool = ProcessPoolExecutor(
                self.jobs,
                mp_context=context,
                initializer=_start_worker,
                initargs=(self._queue, os.getpid()),
            )
        return self._pool

    def _progress(self) -> list[Event]:
        last: dict[str, int] = {}
        while self._queue is not None:
            try:
                folder, steps = self._queue.get_nowait()
            except Empty:
                break
            last[folder] = steps
        tasks = {str(task.folder): task for task in self._waiting.values()}
        return [Event(tasks[folder], steps) for folder, steps in last.items() if folder in tasks]


@contextlib.contextmanager
def _as_workers_start() -> Iterator[None]:
    """Let workers start without running the caller's script again, as multiprocessing would: it need not be guarded.

    And without Ctrl-C, which is the parent's: until they ignore it themselves they would tell of it in their own words.
    """
    caller = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    held = None
    if hasattr(signal, "pthread_sigmask"):  # what a process holds back, those that it starts hold back, too
        held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        if held is not None:
            signal.pthread_sigmask(signal.SIG_SETMASK, held)
        sys.modules["__main__"] = caller


def _start_worker(queue: ProcessQueue[Message], parent: int) -> None:
    """Leave Ctrl-C to the parent, and end with it."""
    global _messages  # noqa: PLW0603  a worker's own channel, set once when it starts
    _messages = queue
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with(parent)


def _end_with(parent: int) -> None:
    """Let this process end once its parent is gone, so that a killed run leaves nothing running."""
    import threading
    import time

    if sys.platform == "linux":  # at once, by the kernel
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # 1: PR_SET_PDEATHSIG

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _load() -> None:
    """Load PyTorch and the models, the three seconds that a worker needs before its first task."""
    importlib.import_module("samgraph.hist.train")


def _fit(task: Task) -> None:
    """Fit one piece in a worker."""
    folder = str(task.folder)

    def step_done(steps: int) -> None:
        if _messages is not None:
            _messages.put((folder, steps))

    fit_piece(task, step_done)
