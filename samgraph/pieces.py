"""The independent pieces of a backtest (variant x seed x window) and their files.

A piece reads the run's model inputs from a folder and leaves its predictions and learning curves in one of its
own. A finished piece is never fitted again; one that was killed half way goes on from its last epoch. Where the
pieces are fitted is an executor's business (`samgraph.executor`); the predictions do not depend on it.
"""

from __future__ import annotations

import contextlib
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from samgraph.errors import RunError
from samgraph.files import locked, whole, write_frame
from samgraph.graph.series import Edges, SnapshotSeries
from samgraph.graph.value_chain import ChainLinks, ValueChain
from samgraph.hist.config import HistConfig
from samgraph.hist.market import Market
from samgraph.hist.windows import Window
from samgraph.progress import Stage, warn
from samgraph.seals import FINISHED, damaged_file, seal_piece

if TYPE_CHECKING:
    from samgraph.executor import Executor

PLAIN = "gru"  # the variant without concepts
CURVES, PREDICTIONS = "curves.parquet", "predictions.parquet"
MARKET = "market.npz"
STRIKES = 3  # losses of workers in a row, without an epoch finished between them, that end a run
LOCK_SECONDS = 30.0  # a killed run's worker ends within a second or two


@dataclass(frozen=True)
class Piece:
    """One model to fit: which concepts, which seed, which walk-forward window (counted from 0).

    `concepts` names the snapshots (as `write_series` kept them) that the model reads; None is the plain GRU.
    """

    variant: str
    seed: int
    number: int
    window: Window
    concepts: str | None

    @property
    def name(self) -> str:
        """The name of the piece's folder."""
        return f"{self.variant}-seed{self.seed}-window{self.number}"

    @property
    def inputs(self) -> tuple[str, ...]:
        """The files of `Work.folder` that it reads."""
        return (MARKET,) if self.concepts is None else (MARKET, f"{self.concepts}.npz")


@dataclass(frozen=True)
class Work:
    """What the pieces of one model share; `folder` holds the model inputs and the pieces' own folders."""

    folder: Path
    config: HistConfig
    device: str

    def piece_folder(self, piece: Piece) -> Path:
        return self.folder / piece.name

    def finished(self, piece: Piece) -> bool:
        """Whether the piece needs no fit: the checksums of its files are written last."""
        return (self.piece_folder(piece) / FINISHED).exists()


@dataclass(frozen=True)
class Task:
    """A piece and what it is fitted with: what executors are given."""

    piece: Piece
    work: Work

    @property
    def folder(self) -> Path:
        """Where the piece's files go."""
        return self.work.piece_folder(self.piece)


def write_market(folder: Path, market: Market) -> None:
    """Keep `market` for the workers."""
    arrays = {f.name: getattr(market, f.name) for f in fields(Market) if f.name not in ("dates", "stocks")}
    arrays = {name: values for name, values in arrays.items() if values is not None}
    with whole(folder / MARKET) as scratch, scratch.open("wb") as file:
        np.savez(
            file, dates=_seconds(market.dates), stocks=np.asarray(market.stocks, dtype=np.str_), **arrays
        )


@contextlib.contextmanager
def _loaded(path: Path) -> Iterator[Any]:
    """The arrays of a file of model inputs; every one of them carries a CRC-32, which is checked when it is read."""
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as held:
            yield held
    except (OSError, EOFError, ValueError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise RunError(
            f"{path} cannot be read ({error}): it is damaged; run the same command again, which makes it anew"
        ) from error


def read_market(folder: Path) -> Market:
    """What `write_market` kept."""
    with _loaded(folder / MARKET) as held:
        arrays = {name: held[name] for name in held.files if name not in ("dates", "stocks")}
        return Market(dates=_dates(held["dates"]), stocks=tuple(held["stocks"].tolist()), **arrays)


def write_series(folder: Path, variant: str, series: SnapshotSeries) -> None:
    """Keep the snapshots of one variant for the workers."""
    sizes = [len(edges) for edges in series.versions]
    chain: dict[str, Any] = {} if series.chain is None else _chain_arrays(series.chain)
    with whole(folder / f"{variant}.npz") as scratch, scratch.open("wb") as file:
        np.savez(
            file,
            dates=_seconds(series.dates),
            stocks=np.asarray(series.stocks, dtype=np.str_),
            concepts=np.asarray(series.concepts, dtype=np.str_),
            names=np.asarray(series.concept_names, dtype=np.str_),
            day_version=series.day_version,
            ends=np.cumsum(sizes, dtype=np.int64),
            stock=np.concatenate([edges.stock for edges in series.versions]),
            concept=np.concatenate([edges.concept for edges in series.versions]),
            weight=np.concatenate([edges.weight for edges in series.versions]),
            **chain,
        )


def _chain_arrays(chain: ValueChain) -> dict[str, np.ndarray[Any, Any]]:
    columns = {
        f"chain_{name}": np.concatenate([getattr(links, name) for links in chain.versions])
        for name in ("supplier", "customer", "weight")
    }
    ends = np.cumsum([len(links) for links in chain.versions], dtype=np.int64)
    return columns | {"chain_day": chain.day_version, "chain_ends": ends}


def _chain(held: Mapping[str, np.ndarray[Any, Any]]) -> ValueChain:
    split = held["chain_ends"][:-1]
    columns = [np.split(held[f"chain_{name}"], split) for name in ("supplier", "customer", "weight")]
    return ValueChain(held["chain_day"], tuple(ChainLinks(*triple) for triple in zip(*columns, strict=True)))


def read_series(folder: Path, variant: str) -> SnapshotSeries:
    """What `write_series` kept."""
    with _loaded(folder / f"{variant}.npz") as held:
        split = held["ends"][:-1]
        columns = [np.split(held[name], split) for name in ("stock", "concept", "weight")]
        concepts = tuple(held["concepts"].tolist())
        return SnapshotSeries(
            dates=_dates(held["dates"]),
            stocks=tuple(held["stocks"].tolist()),
            concepts=concepts,
            concept_names=tuple(held["names"].tolist()) if "names" in held.files else concepts,
            day_version=held["day_version"],
            versions=tuple(Edges(*triple) for triple in zip(*columns, strict=True)),
            chain=_chain(held) if "chain_day" in held.files else None,
        )


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


def _seconds(dates: pd.DatetimeIndex) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return dates.as_unit("s").asi8


def _dates(seconds: np.ndarray[tuple[int], np.dtype[np.int64]]) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(seconds.astype("datetime64[s]"))
