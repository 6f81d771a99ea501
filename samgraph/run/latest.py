"""A finished run's newest models before a day, opened on its dataset as it is now, which may have grown since."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from samgraph.arms.registry import ARMS
from samgraph.errors import RunError
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.universe import committed_moment
from samgraph.graph.series.snapshots import SnapshotSeries
from samgraph.hist.market import Market
from samgraph.hist.windows import Window
from samgraph.progress import stage
from samgraph.run.folder import RunFolder
from samgraph.run.inputs import market_of, series_of
from samgraph.run.kept_settings import lacking_settings
from samgraph.training.task import Job, Task

if TYPE_CHECKING:
    from samgraph.graph.db.driver import Graph

_LATEST = dt.date(2200, 1, 1)  # later than any bar


@dataclass(frozen=True, eq=False)
class Latest:
    """A run and the dataset as it is now, up to a day.

    Attributes:
        run: the finished run
        graph: an open connection to a graph that has loaded the dataset
        market: its bars up to the day, the last of its dates
        known: the moment of recorded knowledge that the graph is read at
    """

    run: RunFolder
    graph: Graph
    market: Market
    known: dt.datetime

    @classmethod
    def read(
        cls,
        run: RunFolder,
        graph: Graph,
        dataset: Dataset,
        as_of: dt.date | None = None,
        known: dt.datetime | None = None,
    ) -> Latest:
        """Read the bars up to a day; up to the last one by default.

        Raises:
            RunError: the run is of an older version, of which it is not known how its models read new days
            SamgraphError: as reading the dataset and the graph raises it
        """
        lacking = lacking_settings(run.manifest["config"])
        if lacking:
            raise RunError(
                f"{run.folder} was made by a version of samgraph without the setting {lacking[0]}, so that it is not "
                "known how its models read new days; run the backtest anew in another folder"
            )
        moment = committed_moment(graph, known)
        with stage("read bars"):
            market = market_of(run.config, graph, dataset, as_of or _LATEST, moment)
        return cls(run, graph, market, moment)

    @property
    def day(self) -> int:
        """Position of the day."""
        return self.market.n_dates - 1

    def window(self) -> tuple[int, Window]:
        """The last window that tests from the day or before it, and its number; it tests up to the day.

        Raises:
            RunError: the day lies before the run's first test day, or earlier trading days have changed
        """
        run, market, before = self.run, self.market, self.run.market.dates
        shared = min(len(before), market.n_dates)
        changed = np.flatnonzero(before[:shared] != market.dates[:shared])
        if len(changed):
            raise RunError(
                f"the trading days have changed since {run.folder} was fitted: where it had "
                f"{before[changed[0]].date()} the bars have {market.dates[changed[0]].date()}; run the backtest anew"
            )
        fitted = [k for k, window in enumerate(run.windows) if window.test.start <= self.day]
        if not fitted:
            first = before[run.windows[0].test.start].date()
            raise RunError(
                f"{run.folder} has no model for {market.dates[self.day].date()}: its first is for {first}"
            )
        window = run.windows[fitted[-1]]
        return fitted[-1], replace(window, test=slice(window.test.start, self.day + 1))

    def jobs(self, variant: str, cache: Path) -> list[Job]:
        """The arm's newest fits, one a seed, opened to score days of the market.

        Args:
            variant: the arm
            cache: a folder for computed features

        Raises:
            RunError: as `window`; the run has no such arm, or it reads random groups; a fit is not what was written
        """
        self.run.require_variant(variant)
        if ARMS[variant].concepts == "placebo":
            raise RunError(
                f"{variant} reads random groups drawn for its own days; it has no score of other days"
            )
        number, window = self.window()
        tasks = [self.run.task(variant, seed, number) for seed in self.run.seeds]
        series = self._series(tasks, window)
        return [self.run.job(task, self.market, series, cache) for task in tasks]

    def _series(self, tasks: Sequence[Task], window: Window) -> dict[str, SnapshotSeries]:
        """The snapshots that the tasks and those they need read, by `Piece.concepts`."""
        pieces = [one.piece for task in tasks for one in (*task.below, task)]
        files = {piece.concepts: piece.arm.concepts for piece in pieces}
        with stage("read as-of snapshots"):
            return {
                file: series_of(self.run.config, self.graph, self.market, window, relation, self.known)
                for file, relation in files.items()
                if file is not None and relation is not None
            }


def scored(jobs: Sequence[Job], days: slice) -> pd.DataFrame:
    """The scores of days by fits of several seeds: a column seed, then those of `Fit.predictions`."""
    parts = [job.task.piece.arm.score(job, days).assign(seed=job.seed) for job in jobs]
    return pd.concat(parts, ignore_index=True)
