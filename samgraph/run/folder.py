"""A finished run's folder: the one place that reads its manifest, summary, tables, inputs and fitted models.

Whoever speaks of a run asks a `RunFolder`: report, export, explain, audit, later scores and orders. What a run left is
sealed (`samgraph.seals`): a folder in which any table, the summary or a fitted piece is not what the backtest wrote is
refused, and the file is named.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import pandas as pd

from samgraph.arms.registry import ARMS, BASE
from samgraph.config import RunConfig
from samgraph.economy.parameters import UNIVERSE
from samgraph.errors import RunError
from samgraph.exchange.calendar import DAYS_A_YEAR
from samgraph.graph.series.snapshots import SnapshotSeries
from samgraph.hist.market import Market
from samgraph.hist.windows import Window
from samgraph.outcome.constructions import Portfolio, portfolios_in
from samgraph.run.concepts import concept_file
from samgraph.run.kept_settings import settings_kept
from samgraph.run.seeds import averaged
from samgraph.seals import damaged_file, require_unchanged
from samgraph.training.stored import read_market, read_series
from samgraph.training.task import CURVES, PREDICTIONS, Job, Piece, Task, Work


@dataclass(frozen=True, eq=False)
class RunFolder:
    """A finished run; open one with `RunFolder.open`. Tables and models are read when they are asked for."""

    folder: Path
    manifest: dict[str, Any]
    summary: dict[str, Any]

    @classmethod
    def open(cls, folder: Path) -> RunFolder:
        """Open a run.

        Raises:
            RunError: the folder is not a finished run, or a file of it is not what the backtest wrote
        """
        summary, manifest = (_read_json(folder, name) for name in ("summary.json", "manifest.json"))
        if "finished" not in manifest:
            raise RunError(f"{folder} is not a finished run; {_continued(folder)}")
        require_unchanged(folder, manifest)
        return cls(folder, manifest, summary)

    @cached_property
    def config(self) -> RunConfig:
        """The settings that decided its numbers."""
        try:
            return RunConfig.model_validate(settings_kept(self.manifest["config"]))
        except (ValueError, KeyError, TypeError) as error:
            raise _unreadable(self.folder, error) from error

    @cached_property
    def run_id(self) -> str:
        """What identifies the run wherever its folder lies: of its settings, tables and moment of knowledge."""
        try:
            decides = {key: self.manifest[key] for key in ("config", "inputs", "known")}
            decides["config"] = {key: value for key, value in decides["config"].items() if key != "data"}
        except (KeyError, AttributeError) as error:
            raise _unreadable(self.folder, error) from error
        return hashlib.sha256(json.dumps(decides, sort_keys=True).encode()).hexdigest()[:12]

    @cached_property
    def portfolios(self) -> dict[str, Portfolio]:
        """Its portfolios by the names that tables and the summary call them."""
        return portfolios_in(self.summary)

    @cached_property
    def days_a_year(self) -> float:
        """Trading days in a year, by the calendar of its data; runs from before it was kept took 252."""
        return float(self.summary.get("days_a_year", DAYS_A_YEAR))

    @property
    def traded_days(self) -> int:
        """Days of the portfolios' books, which begin on the day after the first score."""
        own = [figures["days"] for figures in self.summary["variants"].values() if "days" in figures]
        return int(own[0] if own else self.summary["days"])

    @property
    def simulated(self) -> bool:
        """Whether its dataset is a simulated economy; of runs from before it was kept, as the universe's name tells."""
        return bool(self.manifest.get("simulated", self.summary["universe"] == UNIVERSE))

    # --- tables

    def has(self, *names: str) -> bool:
        """Whether all these tables are there."""
        return all(self._has(name) for name in names)

    def _has(self, name: str) -> bool:
        sealed = self.manifest.get("files")
        file = f"{name}.parquet"
        return (sealed is None or file in sealed) and (self.folder / file).exists()

    def table(self, name: str) -> pd.DataFrame:
        """One of its tables (`samgraph.run.tables` describes them).

        Raises:
            RunError: it is missing or unreadable
        """
        if not self._has(name):
            raise RunError(
                f"{self.folder} has no table {name}.parquet; run the same backtest again to make it"
            )
        try:
            return pd.read_parquet(self.folder / f"{name}.parquet")
        except (OSError, ValueError) as error:
            raise _unreadable(self.folder, error) from error

    def tables(self) -> dict[str, pd.DataFrame]:
        """All of its tables by name."""
        names = sorted(file.stem for file in self.folder.glob("*.parquet"))
        return {name: self.table(name) for name in names if self._has(name)}

    def day(self, as_of: pd.Timestamp | None, dates: Any) -> pd.Timestamp:
        """The last of `dates` up to `as_of`; the last of all if None.

        Raises:
            RunError: there is none
        """
        known = pd.DatetimeIndex(pd.unique(pd.DatetimeIndex(dates))).sort_values()
        fit = known if as_of is None else known[known <= as_of]
        if not len(fit):
            first = f"; its first day is {known[0].date()}" if len(known) else ""
            raise RunError(f"{self.folder} knows nothing by {as_of.date() if as_of else 'any day'}{first}")
        return fit[-1]

    def scores(self, variant: str = BASE) -> pd.Series:
        """An arm's scores, standardised by day and averaged over seeds, indexed by date and company_id.

        Raises:
            RunError: the run has no such arm
        """
        own = self.rows("predictions", "variant", variant)
        return averaged(own).set_index(["date", "company_id"])["score"]

    def rows(self, name: str, column: str, value: str, what: str | None = None) -> pd.DataFrame:
        """The rows of a table in which a column has a value.

        Raises:
            RunError: the table is missing, or no row has it; the sentence calls it `what`, by default the column
        """
        table = self.table(name)
        own = table[table[column] == value]
        if own.empty:
            known = ", ".join(sorted(table[column].unique()))
            raise RunError(f"{self.folder} has no {what or column} {value!r}; it has {known}")
        return own

    @cached_property
    def names(self) -> dict[str, str]:
        """Names of companies by id; none in a run from before they were kept."""
        if not self._has("names"):
            return {}
        table = self.table("names")
        return dict(zip(table["company_id"], table["name"], strict=True))

    # --- inputs and fitted models

    @cached_property
    def market(self) -> Market:
        """The bars that the run read.

        Raises:
            RunError: they are gone or damaged
        """
        return read_market(self._inputs("market"))

    def series(self, variant: str = BASE, seed: int = 0, number: int = 0) -> SnapshotSeries | None:
        """The snapshots that an arm's model of a seed and window read; None for one that reads none.

        On the window's test days they are as of the day, before them as the fit knew them.
        """
        concepts = ARMS[variant].concepts
        if concepts is None:
            return None
        file = concept_file(concepts, seed, number)
        if file not in self._series:
            self._series[file] = read_series(self._inputs(file), file)
        return self._series[file]

    @cached_property
    def _series(self) -> dict[str, SnapshotSeries]:
        return {}

    def _inputs(self, name: str) -> Path:
        folder = self.folder / "checkpoints"
        if not (folder / f"{name}.npz").exists():
            raise RunError(
                f"{self.folder} has lost checkpoints/{name}.npz, which its models read; run the same backtest again "
                "to make it"
            )
        return folder

    @cached_property
    def windows(self) -> tuple[Window, ...]:
        """The walk-forward windows, positions in the market's dates."""
        table, dates = self.table("windows"), self.market.dates
        found = []
        for _, rows in table.groupby("window"):
            parts = {str(row["part"]): (row["first"], row["last"]) for row in rows.to_dict("records")}
            days = [parts[name] for name in ("train", "validate", "test")]
            found.append(
                Window(
                    *(
                        slice(
                            int(dates.searchsorted(pd.Timestamp(first))),
                            int(dates.searchsorted(pd.Timestamp(last))) + 1,
                        )
                        for first, last in days
                    )
                )
            )
        return tuple(found)

    @property
    def seeds(self) -> tuple[int, ...]:
        """The seeds of its models."""
        return tuple(int(number) for number in self.manifest["seeds"])

    def require_variant(self, variant: str) -> None:
        """Refuse an arm that the run did not fit.

        Raises:
            RunError: with those that it has
        """
        if variant not in self.config.variants:
            known = ", ".join(self.config.variants)
            raise RunError(f"{self.folder} has no variant {variant}; choose among {known}")

    def task(self, variant: str, seed: int, number: int) -> Task:
        """The finished fit of an arm, a seed and a window: where it lies and what it was fitted with.

        Raises:
            RunError: the run has no such fit, or a file of it is not what was written
        """
        self.require_variant(variant)
        work = Work(self.folder / "checkpoints", self.config.model.hist(self.config.trading), "cpu")

        def piece(name: str) -> Piece:
            arm = ARMS[name]
            concepts = None if arm.concepts is None else concept_file(arm.concepts, seed, number)
            return Piece(
                arm, seed, number, self.windows[number], concepts, tuple(piece(need) for need in arm.needs)
            )

        task = Task(piece(variant), work)
        for one in (*task.below, task):
            damaged = damaged_file(one.folder, (CURVES, PREDICTIONS))
            if damaged is not None:
                raise RunError(
                    f"{one.folder / damaged} is missing or not what was written (its SHA-256 differs); run the same "
                    "backtest again to make it"
                )
        return task

    def job(
        self,
        task: Task,
        market: Market | None = None,
        series: dict[str, SnapshotSeries] | None = None,
        cache: Path | None = None,
    ) -> Job:
        """A fit opened to score days (`Arm.score`), on the run's own inputs or on later ones.

        Args:
            task: of this run
            market: bars that go on after the run's; the run's own by default
            series: snapshots over that market's days, by `Piece.concepts`; the run's own by default
            cache: a folder for computed features; the run's own by default
        """
        concepts = task.piece.concepts
        found = None
        if concepts is not None:
            found = (
                series[concepts]
                if series is not None
                else self.series(task.piece.arm.name, task.piece.seed, task.piece.number)
            )
        needs = {need.piece.arm.name: self.job(need, market, series, cache) for need in task.needs}
        return Job(task, market or self.market, found, needs, cache)


def _read_json(folder: Path, name: str) -> dict[str, Any]:
    try:
        found = json.loads((folder / name).read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        begun = (folder / "manifest.json").exists()
        advice = _continued(folder) if begun else "name the folder that samgraph backtest --out wrote"
        raise RunError(f"{folder} is not a finished run: {name} is missing; {advice}") from error
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(folder, error) from error
    if not isinstance(found, dict):
        raise _unreadable(folder, ValueError(f"{name} is not a JSON object"))
    return found


def _continued(folder: Path) -> str:
    return f"run samgraph backtest --config {folder / 'config.toml'} --out {folder} again to continue it"


def _unreadable(folder: Path, error: Exception) -> RunError:
    return RunError(f"{folder} cannot be read as a run: {error}; run the backtest again")
