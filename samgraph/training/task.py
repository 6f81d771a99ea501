"""What is fitted where: an arm (a model), a piece of a run, the task that an executor takes, and what it reports.

An arm says how one walk-forward window is fitted and how the fit scores other days; `samgraph.arms` holds those that
there are. A run is arm x seed x window: each of these is a piece. A piece whose arm starts from other arms' fits needs
their pieces of the same seed and window: it is given to an executor when they are finished.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol

import pandas as pd

from samgraph.graph.series.snapshots import SnapshotSeries
from samgraph.hist.config import HistConfig
from samgraph.hist.market import Market
from samgraph.hist.windows import Window
from samgraph.seals import FINISHED

if TYPE_CHECKING:
    from samgraph.hist.data import TrainingInputs

CURVES, PREDICTIONS = "curves.parquet", "predictions.parquet"
MARKET = "market.npz"
LOCK_SECONDS = 30.0  # a killed run's worker ends within a second or two


class Arm(Protocol):
    """A model that a run fits and compares.

    An arm is a frozen dataclass: what it can be told is a field, and it travels to workers as it is.

    Attributes:
        name: what users and tables call it.
        words: what it is, in a few words.
        concepts: what its concepts are: "products", "industries", "themes", "competitors", "placebo" (random groups of
            the products' sizes) or None, which reads prices alone.
        parts: which of concept, hidden, individual and score it tells apart; the last is always "score".
        needs: names of the arms whose fits of the same seed and window it starts from.
        colour: of its lines, as #rrggbb.
    """

    @property
    def name(self) -> str: ...
    @property
    def words(self) -> str: ...
    @property
    def concepts(self) -> str | None: ...
    @property
    def parts(self) -> tuple[str, ...]: ...
    @property
    def needs(self) -> tuple[str, ...]: ...
    @property
    def colour(self) -> str: ...

    def steps(self, config: HistConfig) -> int:
        """How many steps of progress a fit has; at least 1."""

    def fit(self, job: Job, advance: Callable[[int], None]) -> Fit:
        """Fit the job's window and score its test days.

        Sees no day after the validation days but to score it. Same job, same numbers. A fit that takes long may keep
        its state in `job.folder` and go on from there. `advance` hears steps as they pass, `steps` in all.

        Raises:
            SamgraphError: what was wrong and what to do.
        """

    def score(self, job: Job, days: slice) -> pd.DataFrame:
        """Scores of days (positions in `job.market.dates`) by the finished fit in `job.folder`.

        The columns of `Fit.predictions`; on the window's test days the very numbers.

        Raises:
            SamgraphError: what was wrong and what to do.
        """


@dataclass(frozen=True, eq=False)
class Fit:
    """What a fit leaves.

    Attributes:
        predictions: date, company_id, concept, hidden, individual, score of the test days. Parts that the arm does not
            tell apart are 0, and individual is then the score (less a constant).
        curves: epoch, train_loss, valid_ic (mean daily Rank IC of the validation days), best: a row per step of the
            fit, one of them the best. An arm that starts from another's fit says so in a column `start`.
        files: the arm's own files by name, such as a fitted model; they are kept, sealed and carried with the tables.
    """

    predictions: pd.DataFrame
    curves: pd.DataFrame
    files: Mapping[str, bytes] = field(default_factory=dict)


@dataclass(frozen=True)
class Piece:
    """One fit: an arm, a seed, a walk-forward window.

    Attributes:
        arm: the model.
        seed: of every random choice.
        number: of the window, counted from 0.
        window: its days.
        concepts: the snapshots that it reads, as `write_series` named them; None: none.
        needs: the pieces that the arm starts from, in the order of `Arm.needs`.
        label: the name of its rows and of its folder; the arm's by default.
    """

    arm: Arm
    seed: int
    number: int
    window: Window
    concepts: str | None
    needs: tuple[Piece, ...] = ()
    label: str = ""

    @property
    def variant(self) -> str:
        """What its rows are called."""
        return self.label or self.arm.name

    @property
    def name(self) -> str:
        """The name of the piece's folder."""
        return f"{self.variant}-seed{self.seed}-window{self.number}"

    @property
    def inputs(self) -> tuple[str, ...]:
        """The files of `Work.folder` that it and those it needs read."""
        own = (MARKET,) if self.concepts is None else (MARKET, f"{self.concepts}.npz")
        return tuple(dict.fromkeys((*own, *(name for piece in self.needs for name in piece.inputs))))

    @property
    def below(self) -> tuple[Piece, ...]:
        """All pieces that must be finished before it, those needed by others first."""
        found = [one for piece in self.needs for one in (*piece.below, piece)]
        return tuple({piece.name: piece for piece in found}.values())


@dataclass(frozen=True)
class Work:
    """What the pieces of one model share; `folder` holds the model inputs and the pieces' own folders."""

    folder: Path
    config: HistConfig
    device: str

    def piece_folder(self, piece: Piece) -> Path:
        """Where a piece's files are."""
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

    @property
    def files(self) -> tuple[str, ...]:
        """What its fit reads, below the work's folder: model inputs, and all files of the finished pieces it needs."""
        found = [
            f"{one.piece.name}/{path.name}"
            for one in self.below
            for path in sorted(one.folder.iterdir())
            if path.is_file() and not path.name.startswith(".")
        ]
        return (*self.piece.inputs, *found)

    @property
    def steps(self) -> int:
        """Steps of progress of its fit."""
        return self.piece.arm.steps(self.work.config)

    @property
    def needs(self) -> tuple[Task, ...]:
        """The tasks of the pieces that it needs."""
        return tuple(Task(piece, self.work) for piece in self.piece.needs)

    @property
    def below(self) -> tuple[Task, ...]:
        """The tasks of all pieces that must be finished before it."""
        return tuple(Task(piece, self.work) for piece in self.piece.below)


@dataclass(frozen=True, eq=False)
class Job:
    """A task opened where it is fitted.

    Attributes:
        task: what to fit.
        market: bars, members and benchmark.
        series: the as-of snapshots of its concepts; None where it reads none.
        needs: the finished jobs that it starts from, by arm.
        cache: where computed features are kept for other jobs; beside the pieces if None.
    """

    task: Task
    market: Market
    series: SnapshotSeries | None
    needs: Mapping[str, Job] = field(default_factory=dict)
    cache: Path | None = None

    @property
    def window(self) -> Window:
        """The walk-forward window, positions in the market's dates."""
        return self.task.piece.window

    @property
    def seed(self) -> int:
        """Of every random choice."""
        return self.task.piece.seed

    @property
    def config(self) -> HistConfig:
        """The label, features and scaling that all arms share, and HIST's own settings."""
        return self.task.work.config

    @property
    def device(self) -> str:
        """A torch device."""
        return self.task.work.device

    @property
    def folder(self) -> Path:
        """Where its files are."""
        return self.task.folder

    def inputs(self) -> TrainingInputs:
        """Features, computed once for all jobs of a folder, and labels."""
        from samgraph.hist.data import training_inputs

        folder = self.cache or self.task.work.folder
        return training_inputs(self.market, self.series, self.config, folder)


Engine = Literal["local", "ray"]


@dataclass(frozen=True)
class Event:
    """What became of a task: `steps` lie behind, it is `done`, or its worker is `lost` (with the reason)."""

    task: Task
    steps: int = 0
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
