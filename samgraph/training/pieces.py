"""The pieces of a backtest (arm x seed x window) and their files.

A piece reads the run's model inputs from a folder and leaves its predictions and learning curves in one of its
own. A finished piece is never fitted again; one that was killed half way goes on from its last epoch. A piece that
starts from others' fits waits for them. Where the pieces are fitted is an executor's business
(`samgraph.training.executor`); the predictions do not depend on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from samgraph.errors import RunError
from samgraph.files import locked
from samgraph.progress import Stage, warn
from samgraph.seals import FINISHED, damaged_file, sealed_names
from samgraph.training.task import CURVES, LOCK_SECONDS, PREDICTIONS, Executor, Piece, Task, Work

STRIKES = 3  # losses of workers in a row, without an epoch finished between them, that end a run


def fit_pieces(tasks: Sequence[Task], executor: Executor, progress: Stage) -> None:
    """Fit every piece that is not finished, and those that it needs before it; `progress` advances by steps of fits.

    A piece whose process or node died is given to the executor again and goes on from its last epoch.

    Raises:
        RunError: workers die again and again (most often for want of memory)
        SamgraphError: as the piece's fit raised it
    """
    every = {one.folder: one for task in tasks for one in (*task.below, task)}
    progress.set_total(sum(task.steps for task in every.values()))
    todo: dict[Path, Task] = {}
    for task in every.values():
        if _is_whole(task):
            progress.advance(task.steps)
        else:
            todo[task.folder] = task
    seen, waiting = dict.fromkeys(todo, 0), dict(todo)
    _submit_ready(waiting, todo, executor)
    strikes, moved = 0, False
    while todo:
        lost = []
        for event in executor.poll(0.5):
            folder = event.task.folder
            done = event.task.steps if event.done else event.steps
            if done > seen[folder]:
                progress.advance(done - seen[folder])
                seen[folder], moved = done, True
            if event.done:
                todo.pop(folder, None)
                _submit_ready(waiting, todo, executor)
            if event.lost is not None:
                lost.append(event)
        if not lost:
            continue
        strikes, moved = (1 if moved else strikes + 1), False
        if strikes >= STRIKES:
            raise RunError(
                f"workers of the training died {strikes} times without finishing an epoch ({lost[-1].lost}), most "
                "often for want of memory; run the same command again with fewer --jobs: finished epochs are kept"
            )
        for event in lost:
            executor.submit(event.task)


def _submit_ready(waiting: dict[Path, Task], todo: Mapping[Path, Task], executor: Executor) -> None:
    """Submit the waiting tasks that need nothing which is still to be done."""
    for folder, task in list(waiting.items()):
        if not any(need.folder in todo for need in task.needs):
            executor.submit(waiting.pop(folder))


def _is_whole(task: Task) -> bool:
    """Whether a piece is finished and its files are as they were; a damaged one is named and forgotten."""
    if not task.work.finished(task.piece):
        return False
    damaged = damaged_file(task.folder, (CURVES, PREDICTIONS))
    if damaged is None:
        return True
    from samgraph.hist.checkpoint import forget_checkpoint

    warn(f"{task.folder / damaged} is not what was written (its SHA-256 differs); the piece is fitted again")
    with locked(task.folder / ".lock", LOCK_SECONDS):
        forget_checkpoint(task.folder)
        for name in (FINISHED, *sealed_names(task.folder), PREDICTIONS, CURVES):
            (task.folder / name).unlink(missing_ok=True)
    return False


def gather(pieces: Iterable[Piece], work: Work, name: str) -> pd.DataFrame:
    """One table of all pieces, with the columns variant, seed and window before the piece's own."""
    frames = []
    for piece in pieces:
        frame = pd.read_parquet(work.piece_folder(piece) / name)
        frame.insert(0, "window", piece.number)
        frame.insert(0, "seed", piece.seed)
        frame.insert(0, "variant", piece.variant)
        frames.append(frame)
    return pd.concat(frames, ignore_index=True)
