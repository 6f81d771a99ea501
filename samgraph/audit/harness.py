"""The proof of no look-ahead on a dataset: change what came later, run again, compare what came before.

An audit takes a day, changes every input that became known after it (`samgraph.audit.changes`), runs both datasets and
holds every output dated up to the day against the other's, bit for bit (`samgraph.audit.outputs`). One more trial loads
a vendor's corrections of the past on top and reads at the moment before them: then nothing may move on any day.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from samgraph.audit.changes import KINDS, change
from samgraph.audit.corrections import correct
from samgraph.audit.outputs import (
    SAME,
    OutputDifference,
    Outputs,
    Seen,
    compare,
    input_outputs,
    run_outputs,
    stand_in,
)
from samgraph.config import RunConfig, load_config
from samgraph.errors import ConfigError
from samgraph.graph.check.series import trading_days
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.driver import Graph
from samgraph.graph.db.ledger import committed_moment, graph_fingerprint
from samgraph.graph.load.load import load
from samgraph.graph.server.local import LocalServer
from samgraph.outcome.assess import assess
from samgraph.progress import stage
from samgraph.run.backtest import backtest
from samgraph.run.folder import RunFolder
from samgraph.run.inputs import Inputs, read_inputs

Level = Literal["inputs", "factors", "pipeline"]
EVERYTHING, CORRECTIONS = "everything", "corrections"
SMALL = 100  # companies; below it regressions need a finer cut than the default to have any factor
LEAST_DAYS = 120  # trading days of an audit


@dataclass(frozen=True)
class Perturbation:
    """One comparison.

    Attributes:
        day: the last day whose outputs were compared.
        perturbed: `everything`, one of `KINDS`, or `corrections`.
        changed: rows changed, by kind of input.
        rows: rows compared, by output.
        differences: where outputs part; none if nothing is seen of what came later.
    """

    day: pd.Timestamp
    perturbed: str
    changed: Mapping[str, int]
    rows: Mapping[str, int]
    differences: Sequence[OutputDifference]


@dataclass(frozen=True)
class Audit:
    """All trials of an audit."""

    trials: Sequence[Perturbation]

    @property
    def differences(self) -> list[tuple[Perturbation, OutputDifference]]:
        """Every difference, with the trial that found it."""
        return [(trial, one) for trial in self.trials for one in trial.differences]

    def table(self) -> pd.DataFrame:
        """perturbed, output, days, rows (compared, over the days), first_difference (or `same`)."""
        found: dict[tuple[str, str], list[str | int]] = {}
        for trial in self.trials:
            told = {one.output: one for one in trial.differences}
            for name, rows in trial.rows.items():
                row = found.setdefault((trial.perturbed, name), [0, 0, SAME])
                row[0], row[1] = int(row[0]) + 1, int(row[1]) + rows
                one = told.get(name)
                if one is not None and row[2] == SAME:
                    row[2] = f"{one.words} (changed after {trial.day.date()})"
        rows_ = [(*key, *row) for key, row in found.items()]
        return pd.DataFrame(rows_, columns=["perturbed", "output", "days", "rows", "first_difference"])

    def changed(self) -> dict[str, int]:
        """Rows changed over all days, by kind of input."""
        total: dict[str, int] = {}
        for trial in self.trials:
            for kind, rows in trial.changed.items():
                total[kind] = total.get(kind, 0) + rows
        return total

    def sentence(self) -> str:
        """What differs, in one sentence; empty where nothing does."""
        if not self.differences:
            return ""
        trial, first = self.differences[0]
        names = sorted({one.output for _, one in self.differences})
        return (
            f"outputs dated by {trial.day.date()} depend on what became known later: changing {trial.perturbed} after "
            f"that day moved {', '.join(names)} (first: {first.output} {first.words})"
        )


class Servers:
    """A graph of the audit's own, emptied before each dataset; never the user's."""

    def __init__(self, empty: Callable[[], Graph]) -> None:
        self._empty, self._graph, self._holds = empty, None, ""
        self.moment: dt.datetime | None = None

    _graph: Graph | None

    def holding(self, dataset: Dataset) -> Graph:
        """A graph that holds the dataset and nothing else."""
        if self._graph is None or self._holds != graph_fingerprint(dataset):
            self.close()
            self._graph = self._empty()
            load(self._graph, dataset)
            self._holds = graph_fingerprint(dataset)
            self.moment = committed_moment(self._graph)
        return self._graph

    def correct(self, dataset: Dataset) -> Graph:
        """The present graph with corrections loaded on top of what it holds."""
        assert self._graph is not None
        load(self._graph, dataset)
        self._holds = ""
        return self._graph

    def forget(self) -> None:
        """Load anew at the next question, whatever is held."""
        self._holds = ""

    def close(self) -> None:
        """Close the connection."""
        if self._graph is not None:
            self._graph.close()
            self._graph = None


@dataclass
class Auditor:
    """Runs a dataset and its changed versions.

    Attributes:
        config: the settings of the runs.
        servers: where datasets are loaded.
        folder: scratch space for datasets and runs.
        level: `inputs` (nothing is trained), `factors` (all that follows a model, with a stand-in for it), `pipeline`.
        seed: of the changes.
    """

    config: RunConfig
    servers: Servers
    folder: Path
    level: Level
    seed: int = 0
    _tables: dict[str, pd.DataFrame] = field(default_factory=dict)
    _number: int = 0

    def begin(self) -> None:
        """Run the dataset as it is.

        Raises:
            SamgraphError: as loading and the run do.
        """
        dataset = Dataset(self.config.data)
        self._tables = {name: dataset.read(name) for name in dataset.tables}
        with stage("as it is"):
            self.base = self._write("as-it-is", self._tables)
            graph = self.servers.holding(self.base)
            self.before, self.inputs = self._observe(self.base, graph)

    def days(self, n: int) -> list[pd.Timestamp]:
        """`n` different days: the first on which a fitted model is used, the others by chance, never the last day."""
        market, first = self.inputs.market, self.inputs.test.start
        lowest = self.inputs.first_day if self.level == "inputs" else first
        rng = np.random.default_rng((self.seed, n))
        others = rng.permutation(np.setdiff1d(np.arange(lowest + 1, market.n_dates - 5), [first]))
        return [market.dates[p] for p in sorted([first, *others[: n - 1]])]

    def trial(
        self, day: pd.Timestamp, kinds: Sequence[str] = KINDS, level: Level | None = None
    ) -> Perturbation:
        """Change the inputs `kinds` after `day`, run, and compare all outputs known by the day."""
        name = kinds[0] if len(kinds) == 1 else _name(kinds)
        with stage(f"{name} after {day.date()}"):
            changed, counts = change(self._tables, day, kinds, self.seed + int(day.day_of_year))
            self._number += 1
            folder = f"changed-{self._number}"
            dataset = self._write(folder, changed)
            after = self._observe(dataset, self.servers.holding(dataset), level=level)[0]
            rows, found = self._compare(after, day)
            shutil.rmtree(self.folder / folder)
        return Perturbation(day, name, counts, rows, found)

    def corrected(self) -> Perturbation:
        """Load a vendor's fixes of the past on top, and read at the moment before them: all days are compared."""
        day = self.inputs.market.dates[-1]
        with stage(CORRECTIONS):
            self.servers.holding(self.base)
            known = self.servers.moment
            changed, rows_changed = correct(self._tables, self.seed)
            # prices have no history of knowledge: they are read from the folder, and the folder is the same
            dataset = self._write("corrected", changed)
            graph = self.servers.correct(dataset)
            after = self._observe(self.base, graph, known=known)[0]
            rows, found = self._compare(after, day)
        return Perturbation(day, CORRECTIONS, {CORRECTIONS: rows_changed}, rows, found)

    def blame(self, trial: Perturbation) -> list[Perturbation]:
        """Trials of each kind of input alone, at the cheapest level that shows what `trial` found."""
        early = set(input_names(self.before)) & {one.output for one in trial.differences}
        level: Level = "inputs" if early else self.level
        return [self.trial(trial.day, [kind], level) for kind in KINDS]

    def _compare(self, after: Outputs, day: pd.Timestamp) -> tuple[dict[str, int], list[OutputDifference]]:
        before = {name: output for name, output in self.before.items() if name in after}
        return compare(before, after, day, Seen.by(day, self.inputs))

    def _write(self, name: str, tables: Mapping[str, pd.DataFrame]) -> Dataset:
        """A dataset of the audit's own; the user's folder is only read."""
        folder = self.folder / name
        folder.mkdir(parents=True)
        for table, frame in tables.items():
            frame.to_parquet(folder / f"{table}.parquet", index=False)
        return Dataset(folder)

    def _observe(
        self, dataset: Dataset, graph: Graph, *, known: dt.datetime | None = None, level: Level | None = None
    ) -> tuple[Outputs, Inputs]:
        """Run a dataset that the graph holds."""
        level = level or self.level
        config = self.config.model_copy(update={"data": dataset.root})
        inputs = read_inputs(config, graph, dataset, known)
        found = input_outputs(config, inputs)
        if level == "inputs":
            return found, inputs
        if level == "factors":
            predictions = stand_in(inputs, config)
            tables = assess(config, inputs, predictions).tables | {"predictions": predictions}
        else:
            tables = self._run(config, graph, known)
        return found | run_outputs(config, inputs, tables), inputs

    def _run(self, config: RunConfig, graph: Graph, known: dt.datetime | None) -> dict[str, pd.DataFrame]:
        """The tables of a whole run, with training; it is not a trial of the user's."""
        out = self.folder / "run"
        with _ledger(self.folder / "trials.jsonl"):
            backtest(config, out, known=known, graph=graph)
        tables = RunFolder.open(out).tables()
        shutil.rmtree(out)
        return tables


def _name(kinds: Sequence[str]) -> str:
    """What is changed, in a few words."""
    if len(kinds) == len(KINDS):
        return EVERYTHING
    return " and ".join(kinds)


def input_names(outputs: Outputs) -> list[str]:
    """Those outputs that are known without a model and without what follows one."""
    names = list(outputs)
    return names[: names.index("windows") + 1]


@contextlib.contextmanager
def _ledger(path: Path) -> Iterator[None]:
    """Runs inside are counted in a ledger of trials of their own."""
    before = os.environ.get("SAMGRAPH_TRIALS")
    os.environ["SAMGRAPH_TRIALS"] = str(path)
    try:
        yield
    finally:
        if before is None:
            del os.environ["SAMGRAPH_TRIALS"]
        else:
            os.environ["SAMGRAPH_TRIALS"] = before


def audit(
    config: RunConfig, folder: Path, *, days: int, seed: int, level: Level, each: bool = False
) -> Audit:
    """Audit a dataset on a server of its own in `folder`, which is stopped at the end.

    Args:
        config: the settings of the runs; its dataset is only read.
        folder: empty scratch space.
        days: number of days.
        seed: of the days and the changes.
        level: how much of the run is compared.
        each: change each kind of input by itself too.

    Raises:
        SamgraphError: as loading and the run do.
    """
    server = LocalServer(folder / "neo4j")
    with stage("fetch Neo4j", server.count_files()) as progress:
        server.prepare(progress=progress.advance)

    def empty() -> Graph:
        server.reset()
        return Graph.open(server.start_for_this_process())

    servers = Servers(empty)
    try:
        auditor = Auditor(config, servers, folder, level, seed)
        auditor.begin()
        trials = [auditor.corrected()]
        for day in auditor.days(days):
            trial = auditor.trial(day)
            trials.append(trial)
            if each or (trial.differences and not any(one.differences for one in trials[:-1])):
                trials += [auditor.trial(day, [k]) for k in KINDS] if each else auditor.blame(trial)
        return Audit(trials)
    finally:
        servers.close()
        server.stop()


def reduced(data: Path, universe: str, start: dt.date, end: dt.date, seed: int) -> RunConfig:
    """Settings that make a run of minutes: a small model, one epoch, windows that the period holds several of.

    Raises:
        ConfigError: too short a period.
        DatasetError: a table is missing or wrong.
    """
    dataset = Dataset(data)
    dates = trading_days(dataset)
    inside = int(((dates >= np.datetime64(start)) & (dates <= np.datetime64(end))).sum())
    if inside < LEAST_DAYS:
        raise ConfigError(
            f"{start} to {end} has {inside} trading days; an audit needs {LEAST_DAYS} to train and test, so lengthen it"
        )
    members = dataset.read("universes", ["universe", "company_id"])
    small = members.loc[members["universe"] == universe, "company_id"].nunique() < SMALL
    settings: dict[str, Any] = {
        "data": data,
        "universe": universe,
        "start": start,
        "end": end,
        "seeds": 1,
        "seed": seed,
        "horizons": (1, 5),
        "windows": {"train_days": int(inside * 0.45), "valid_days": max(20, int(inside * 0.15))},
        "model": {"epochs": 1, "hidden_size": 8, "horizon": 5},
        "trading": {"construction": ("tranches", "topk", "optimised"), "rebalance_days": 5},
    }
    settings["windows"] |= {"test_days": max(20, int(inside * 0.2))}
    if small:
        settings["concepts"] = {"regression_cut": "adaptive:min=5,max=0.9"}
    return load_config(None, settings)
