"""What is fitted where: a piece of a run, the task that an executor takes, and the events that it reports."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

from samgraph.hist.config import HistConfig
from samgraph.hist.windows import Window
from samgraph.seals import FINISHED

PLAIN = "gru"  # the variant without concepts
CURVES, PREDICTIONS = "curves.parquet", "predictions.parquet"
MARKET = "market.npz"
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


Engine = Literal["local", "ray"]


@dataclass(frozen=True)
class Event:
    """What became of a task: `epochs` lie behind, it is `done`, or its worker is `lost` (with the reason)."""

    task: Task
    epochs: int = 0
    done: bool = False
    lost: str | None = None


class Executor(Protocol):
    """Takes tasks and tells what became of them; `local` and `ray` keep this protocol."""

    def submit(self, task: Task) -> None:
        """Take a task; one that was lost may be given again."""

    def poll(self, seconds: float) -> list[Event]:
        """What happened since the last call; SamgraphError as a fit raised it."""

    def close(self) -> None:
        """End what is under way and free everything."""
