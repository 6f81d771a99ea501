"""The independent pieces of a backtest (variant x seed x window), fitted over several processes.

A piece reads the run's model inputs from a folder and leaves its predictions and learning curves in one of its
own. A finished piece is never fitted again; one that was killed half way goes on from its last epoch. The
predictions do not depend on how many processes there are.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import types
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, fields
from multiprocessing.queues import Queue as ProcessQueue
from pathlib import Path
from queue import Empty

import numpy as np
import pandas as pd

from samgraph.errors import RunError
from samgraph.files import whole, write_frame
from samgraph.graph.series import Edges, SnapshotSeries
from samgraph.hist.config import HistConfig
from samgraph.hist.market import Market
from samgraph.hist.windows import Window
from samgraph.progress import Stage

PLAIN = "gru"  # the variant without concepts
CURVES, PREDICTIONS = "curves.parquet", "predictions.parquet"
_messages: ProcessQueue[int] | None = None  # in a worker: where it says that an epoch is done


@dataclass(frozen=True)
class Piece:
    """One model to fit: which concepts, which seed, which walk-forward window (counted from 0)."""

    variant: str
    seed: int
    number: int
    window: Window

    @property
    def name(self) -> str:
        """The name of the piece's folder."""
        return f"{self.variant}-seed{self.seed}-window{self.number}"


@dataclass(frozen=True)
class Work:
    """What all pieces of a run share; `folder` holds the model inputs and the pieces' own folders."""

    folder: Path
    config: HistConfig
    device: str

    def piece_folder(self, piece: Piece) -> Path:
        return self.folder / piece.name


def write_market(folder: Path, market: Market) -> None:
    """Keep `market` for the workers."""
    arrays = {f.name: getattr(market, f.name) for f in fields(Market) if f.name not in ("dates", "stocks")}
    with whole(folder / "market.npz") as scratch, scratch.open("wb") as file:
        np.savez(
            file, dates=_seconds(market.dates), stocks=np.asarray(market.stocks, dtype=np.str_), **arrays
        )


def read_market(folder: Path) -> Market:
    """What `write_market` kept."""
    with np.load(folder / "market.npz", allow_pickle=False) as held:
        arrays = {name: held[name] for name in held.files if name not in ("dates", "stocks")}
        return Market(dates=_dates(held["dates"]), stocks=tuple(held["stocks"].tolist()), **arrays)


def write_series(folder: Path, variant: str, series: SnapshotSeries) -> None:
    """Keep the snapshots of one variant for the workers."""
    sizes = [len(edges) for edges in series.versions]
    with whole(folder / f"{variant}.npz") as scratch, scratch.open("wb") as file:
        np.savez(
            file,
            dates=_seconds(series.dates),
            stocks=np.asarray(series.stocks, dtype=np.str_),
            concepts=np.asarray(series.concepts, dtype=np.str_),
            day_version=series.day_version,
            ends=np.cumsum(sizes, dtype=np.int64),
            stock=np.concatenate([edges.stock for edges in series.versions]),
            concept=np.concatenate([edges.concept for edges in series.versions]),
            weight=np.concatenate([edges.weight for edges in series.versions]),
        )


def read_series(folder: Path, variant: str) -> SnapshotSeries:
    """What `write_series` kept, without the concepts' names."""
    with np.load(folder / f"{variant}.npz", allow_pickle=False) as held:
        split = held["ends"][:-1]
        columns = [np.split(held[name], split) for name in ("stock", "concept", "weight")]
        concepts = tuple(held["concepts"].tolist())
        return SnapshotSeries(
            dates=_dates(held["dates"]),
            stocks=tuple(held["stocks"].tolist()),
            concepts=concepts,
            concept_names=concepts,
            day_version=held["day_version"],
            versions=tuple(Edges(*triple) for triple in zip(*columns, strict=True)),
        )


def fit_pieces(pieces: Sequence[Piece], work: Work, jobs: int, progress: Stage) -> None:
    """Fit every piece that is not finished, `jobs` at a time; `progress` advances by epochs.

    Raises:
        RunError: a worker died (most often for want of memory)
        SamgraphError: as the piece's fit raised it
    """
    epochs = work.config.epochs
    todo = [piece for piece in pieces if not (work.piece_folder(piece) / PREDICTIONS).exists()]
    progress.set_total(len(pieces) * epochs)
    progress.advance((len(pieces) - len(todo)) * epochs)
    if not todo:
        return
    context = multiprocessing.get_context("spawn")
    queue: ProcessQueue[int] = context.Queue()
    pool = ProcessPoolExecutor(
        min(jobs, len(todo)), mp_context=context, initializer=_start_worker, initargs=(queue, os.getpid())
    )
    try:
        with _caller_not_imported():
            waiting = {pool.submit(_fit, piece, work) for piece in todo}
        while waiting:
            done, waiting = wait(waiting, timeout=0.5, return_when=FIRST_COMPLETED)
            progress.advance(_drain(queue))
            for future in done:
                progress.advance(epochs - future.result())  # an early stop leaves epochs out
    except BrokenProcessPool as error:
        raise RunError(
            "a worker of the training died, most often for want of memory; run the same command again with fewer "
            "--jobs: finished pieces are kept"
        ) from error
    finally:
        processes = list((getattr(pool, "_processes", None) or {}).values())
        pool.shutdown(wait=False, cancel_futures=True)
        for process in processes:  # ours alone: a stop must not wait for the epochs under way
            process.terminate()
            process.join(timeout=10)


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


@contextlib.contextmanager
def _caller_not_imported() -> Iterator[None]:
    """Let workers start without running the caller's script again, as multiprocessing would: it need not be guarded."""
    caller = sys.modules["__main__"]
    sys.modules["__main__"] = types.ModuleType("__main__")
    try:
        yield
    finally:
        sys.modules["__main__"] = caller


def _start_worker(queue: ProcessQueue[int], parent: int) -> None:
    """Leave Ctrl-C to the parent, and end with it."""
    global _messages  # noqa: PLW0603  a worker's own channel, set once when it starts
    _messages = queue
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _end_with(parent)


def _end_with(parent: int) -> None:
    """Let a thread end this process once its parent is gone, so that a killed run leaves nothing running."""
    import threading
    import time

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(1.0)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


def _fit(piece: Piece, work: Work) -> int:
    """Fit one piece in a worker; the number of epochs that it reported."""
    from samgraph.hist.data import training_inputs
    from samgraph.hist.train import fit_window

    reported = 0

    def epoch_done(amount: int) -> None:
        nonlocal reported
        reported += amount
        if _messages is not None:
            _messages.put(amount)

    folder = work.piece_folder(piece)
    series = None if piece.variant == PLAIN else read_series(work.folder, piece.variant)
    fitted = fit_window(
        training_inputs(read_market(work.folder), series, work.config),
        piece.window,
        work.config,
        piece.seed,
        device=work.device,
        checkpoint_dir=folder,
        progress=epoch_done,
    )
    write_frame(folder / CURVES, fitted.curves)
    write_frame(folder / PREDICTIONS, fitted.predictions)  # last: its presence says that the piece is done
    return reported


def _drain(queue: ProcessQueue[int]) -> int:
    total = 0
    while True:
        try:
            total += queue.get_nowait()
        except Empty:
            return total


def _seconds(dates: pd.DatetimeIndex) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return dates.as_unit("s").asi8


def _dates(seconds: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(seconds.astype("datetime64[s]"))
