"""The fit of one piece, wherever it runs."""

from __future__ import annotations

from collections.abc import Callable

from samgraph.files import locked, whole, write_frame
from samgraph.seals import seal_piece
from samgraph.training.stored import read_market, read_series
from samgraph.training.task import CURVES, LOCK_SECONDS, PREDICTIONS, Job, Task


def fit_piece(task: Task, step_done: Callable[[int], None]) -> None:
    """Fit one piece where it is; `step_done` hears how many steps lie behind after each of them.

    Raises:
        RunError: another process fits the same piece
        SamgraphError: as the fit raises it
    """
    done = 0

    def advance(amount: int) -> None:
        nonlocal done
        done += amount
        step_done(done)

    folder = task.folder
    with locked(folder / ".lock", LOCK_SECONDS):
        if task.work.finished(task.piece):  # by a run that was still ending
            return
        fitted = task.piece.arm.fit(open_job(task), advance)
        write_frame(folder / CURVES, fitted.curves.assign(start=fitted.curves.get("start", "nothing")))
        write_frame(folder / PREDICTIONS, fitted.predictions)
        for name, content in fitted.files.items():
            with whole(folder / name) as scratch:
                scratch.write_bytes(content)
        seal_piece(folder, (CURVES, PREDICTIONS, *fitted.files))  # last: it says that the piece is done


def open_job(task: Task) -> Job:
    """The task with its inputs in memory, and the jobs that it needs.

    Raises:
        RunError: a file of inputs is damaged
    """
    market = read_market(task.work.folder)

    def opened(one: Task) -> Job:
        concepts = one.piece.concepts
        series = None if concepts is None else read_series(one.work.folder, concepts)
        return Job(one, market, series, {need.piece.arm.name: opened(need) for need in one.needs})

    return opened(task)
