"""The independent pieces of a backtest (variant x seed x window) and their files.

A piece reads the run's model inputs from a folder and leaves its predictions and learning curves in one of its
own. A finished piece is never fitted again; one that was killed half way goes on from its last epoch. Where the
pieces are fitted is an executor's business (`samgraph.training.executor`); the predictions do not depend on it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import pandas as pd

from samgraph.errors import RunError
from samgraph.files import locked
from samgraph.progress import Stage, warn
from samgraph.seals import FINISHED, damaged_file
from samgraph.training.task import CURVES, LOCK_SECONDS, PREDICTIONS, Executor, Piece, Task, Work

STRIKES = 3  # losses of workers in a row, without an epoch finished between them, that end a run


def fit_pieces(tasks: Sequence[Task], executor: Executor, progress: Stage) -> None:
    """Fit every piece that is not finished; `progress` advances by epochs.

    A piece whose process or node died is given to the executor again and goes on from its last epoch.

    Raises:
        RunError: workers die again and again (most often for want of memory)
        SamgraphError: as the piece's fit raised it
    """
    progress.set_total(sum(task.work.config.epochs for task in tasks))
    todo: dict[Path, Task] = {}
    for task in tasks:
        if _is_whole(task):
            progress.advance(task.work.config.epochs)
        else:
            todo[task.folder] = task
    seen = dict.fromkeys(todo, 0)
    for task in todo.values():
        executor.submit(task)
    strikes, moved = 0, False
    while todo:
        lost = []
        for event in executor.poll(0.5):
            folder = event.task.folder
            done = event.task.work.config.epochs if event.done else event.epochs
            if done > seen[folder]:
                progress.advance(done - seen[folder])
                seen[folder], moved = done, True
            if event.done:
                todo.pop(folder, None)
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
        for name in (FINISHED, PREDICTIONS, CURVES):
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
