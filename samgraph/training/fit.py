"""The fit of one piece, wherever it runs."""

from __future__ import annotations

from collections.abc import Callable

from samgraph.files import locked, write_frame
from samgraph.seals import seal_piece
from samgraph.training.stored import read_market, read_series
from samgraph.training.task import CURVES, LOCK_SECONDS, PREDICTIONS, Task


def fit_piece(task: Task, epoch_done: Callable[[int], None]) -> None:
    """Fit one piece where it is; `epoch_done` hears how many epochs lie behind after each of them.

    Raises:
        RunError: another process fits the same piece
        SamgraphError: as the fit raises it
    """
    from samgraph.hist.data import training_inputs
    from samgraph.hist.train import fit_window

    piece, work, folder = task.piece, task.work, task.folder
    done = 0

    def advance(amount: int) -> None:
        nonlocal done
        done += amount
        epoch_done(done)

    with locked(folder / ".lock", LOCK_SECONDS):
        if work.finished(piece):  # by a run that was still ending
            return
        series = None if piece.concepts is None else read_series(work.folder, piece.concepts)
        fitted = fit_window(
            training_inputs(read_market(work.folder), series, work.config),
            piece.window,
            work.config,
            piece.seed,
            device=work.device,
            checkpoint_dir=folder,
            progress=advance,
        )
        write_frame(folder / CURVES, fitted.curves)
        write_frame(folder / PREDICTIONS, fitted.predictions)
        seal_piece(folder, (CURVES, PREDICTIONS))  # last: it says that the piece is done
