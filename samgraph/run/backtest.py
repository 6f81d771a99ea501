"""The main job: inputs -> HIST walk-forward -> factors -> regressions -> portfolios -> comparison -> report.

A run is a folder. It belongs to one configuration, one state of the dataset and one moment of recorded knowledge, all
kept in `manifest.json` when it begins, so that an interrupted run continues as what it was. Fitted pieces are
kept; everything after them takes seconds to minutes and is computed anew. A finished run grows with a later end
(`samgraph.run.grow`).
"""

from __future__ import annotations

import contextlib
import datetime as dt
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from samgraph.arms.registry import ARMS
from samgraph.config import RunConfig
from samgraph.errors import RunError
from samgraph.files import folder_alone, write_frame, write_json
from samgraph.graph.check.series import trading_days
from samgraph.graph.connect import connect
from samgraph.graph.dataset.folder import Dataset
from samgraph.importers.writing import keep_sheet
from samgraph.outcome.assess import STEPS, assess
from samgraph.outcome.overfitting import overfitting
from samgraph.progress import stage, warn
from samgraph.report.page import write_report
from samgraph.run.begin import begin, same_but_end
from samgraph.run.folder import RunFolder
from samgraph.run.grow import Kept, growing, keep_fits, settle, take_place
from samgraph.run.inputs import Inputs
from samgraph.run.kept_inputs import inputs_of
from samgraph.run.pieces import run_pieces, run_work, write_model_inputs
from samgraph.run.seeds import of_members
from samgraph.run.table import Schedule
from samgraph.run.table_registry import with_return_dates
from samgraph.run.tracking import require_tracking, track
from samgraph.run.trials import Parent, Question, Trial, TrialLedger
from samgraph.seals import digests
from samgraph.training.executor import open_executor, processes_ahead
from samgraph.training.pieces import fit_pieces, gather
from samgraph.training.task import CURVES, PREDICTIONS, Executor, Task

if TYPE_CHECKING:
    from samgraph.graph.db.driver import Graph


@dataclass
class StageClock:
    """Seconds of each stage, for the manifest."""

    seconds: dict[str, float] = field(default_factory=dict)

    @contextlib.contextmanager
    def __call__(self, name: str) -> Iterator[None]:
        began = time.monotonic()
        yield
        self.seconds[name] = round(time.monotonic() - began, 3)


def backtest(
    config: RunConfig,
    out: Path,
    *,
    known: dt.datetime | None = None,
    graph: Graph | None = None,
    counts: bool = True,
    latest: bool = False,
    executor: Executor | None = None,
) -> dict[str, Any]:
    """Run, continue or grow the backtest in folder `out`; the run's summary, as in `out`/summary.json.

    A finished run of the same settings but for an earlier end grows: what was fitted on days that have not changed is
    kept. It is replaced when all is done.

    Args:
        config: the settings
        out: folder of the run; made if absent
        known: the moment of recorded knowledge to read the graph at; the newest load by default
        graph: an open connection; the configured server by default
        counts: as a trial; a run that only tries the plumbing (`--quick`) does not
        latest: the end is the last of the dataset's days, and a run that has reached it is brought up to date with what
            has changed before it
        executor: where models are fitted, opened already by somebody who closes it; closed earlier, when they are
            fitted. By default one of the settings

    Raises:
        SamgraphError: what was wrong and what to do; finished pieces are kept
    """
    require_tracking(config)
    _require_device(config)
    if executor is None:
        early = processes_ahead(len(config.variants) * config.seeds, out)
        with open_executor(config.engine, config.address, config.jobs, early) as opened:
            return backtest(
                config, out, known=known, graph=graph, counts=counts, latest=latest, executor=opened
            )
    with folder_alone(out.resolve()):
        settle(out)
        dataset = Dataset(config.data)
        before = _grows(config, out, dataset, latest=latest)
        if before is None:
            summary = _run(config, out, dataset, known, graph, executor, counts=counts)
        else:
            _keep_same(growing(out), config, dataset, known)
            summary = _run(
                config, growing(out), dataset, known, graph, executor, counts=counts, before=before
            )
            take_place(out)
        with stage("report"):
            write_report(out)
    track(config, out)
    return summary


def _grows(config: RunConfig, out: Path, dataset: Dataset, *, latest: bool) -> RunFolder | None:
    """The finished run in `out` where it is to grow: all but the end is the same, and that is later."""
    before = same_but_end(config, out)
    if before is None or "finished" not in before:
        return None
    end = dt.date.fromisoformat(before["config"]["end"])
    longer = config.end > end or (latest and config.end == end and before["inputs"] != dataset.fingerprint())
    return RunFolder.open(out) if longer else None


def _keep_same(folder: Path, config: RunConfig, dataset: Dataset, known: dt.datetime | None) -> None:
    """Remove what an earlier growth left unless it was the same one, which goes on."""
    if not folder.exists():
        return
    try:
        begin(config, folder, dataset, known)
    except RunError:
        shutil.rmtree(folder)


def _require_device(config: RunConfig) -> None:
    """Refuse a card that this machine does not have, where it is to fit; a Ray cluster's may be elsewhere."""
    if config.device != "cpu" and config.engine == "local":
        # It loads PyTorch, which the parent of the workers need not.
        from samgraph.hist.kernels import device_of

        device_of(config.device)


def _run(
    config: RunConfig,
    out: Path,
    dataset: Dataset,
    known: dt.datetime | None,
    graph: Graph | None,
    executor: Executor,
    *,
    counts: bool,
    before: RunFolder | None = None,
) -> dict[str, Any]:
    """All stages up to the report, in `out`; with a run that it grows from, its fits are kept where they may be."""
    clock = StageClock()
    ledger, question = TrialLedger(), Question.of(config, dataset.fingerprint())
    ledger.ready()
    started = begin(config, out, dataset, known)
    if before is not None:
        started.content["parent"] = Parent.of(before.config, before.manifest).values()
    parent = started.content.get("parent")
    with contextlib.ExitStack() as stack:
        server = graph or stack.enter_context(connect(config.neo4j.settings()))
        with clock("inputs"):
            with started.or_nothing():
                inputs, kept = inputs_of(config, server, dataset, started.known)
            started.keep_known(inputs.known)
    pieces, work = run_pieces(config, inputs), run_work(config, out)
    write_model_inputs(pieces, inputs, work.folder)
    if kept is not None:
        kept.lend_features(work.folder)
    if before is not None:
        with clock("kept"):
            started.content["grown"] = _grown(before, keep_fits(before, pieces, inputs, work))
    with clock("training"), stage("train") as progress, contextlib.closing(executor):
        fit_pieces([Task(piece, work) for piece in pieces], executor, progress)
        if kept is not None:
            kept.keep_features(work.folder)
    predictions = of_members(gather(pieces, work, PREDICTIONS), inputs.market)
    with clock("evaluation"), stage("evaluate", STEPS) as progress:
        outcome = assess(config, inputs, predictions, progress.advance)
        year = outcome.summary["days_a_year"]
        named = out if before is None else before.folder
        trial = Trial.of(
            config, question, outcome.tables["portfolio"], named, year, parent and Parent.read(parent)
        )
        outcome.summary["overfitting"] = overfitting(ledger.trials(), trial) | {"counted": counts}
        curves = gather(pieces, work, CURVES)
        outcome.summary["starts"] = _starts(curves)
    schedule = Schedule(inputs.market.dates, config.trading.lag)
    with clock("files"):
        tables = outcome.tables | {
            "predictions": predictions,
            "curves": curves,
            "windows": _window_table(inputs),
        }
        tables["names"] = _company_names(dataset, inputs)
        tables = with_return_dates(tables, schedule)
        for name, table in tables.items():
            write_frame(out / f"{name}.parquet", table)
        write_json(out / "summary.json", outcome.summary)
        sheet = keep_sheet(dataset, out)
    if counts:
        ledger.append(trial)
    read = {f"checkpoints/{name}" for piece in pieces for name in piece.inputs}
    sealed = (*(f"{name}.parquet" for name in tables), "summary.json", *sheet, *sorted(read))
    started.finish(outcome, clock.seconds, digests(out, sealed))
    # It loads torch, which nothing before it needs.
    from samgraph.explain.scores import explained_table

    with stage("explain"):
        explained = with_return_dates({"explained": explained_table(out)}, schedule)["explained"]
        write_frame(out / "explained.parquet", explained)
    started.seal(digests(out, ("explained.parquet",)))
    return outcome.summary


def _grown(before: RunFolder, kept: Kept) -> list[dict[str, Any]]:
    """How the run has grown so far, for its manifest; what has changed on earlier days is said as well."""
    if kept.changes:
        made = (
            f"fits made: {len(kept.fitted)}, kept and scored anew: {len(kept.scored)}, "
            f"kept as they are: {len(kept.kept)}"
        )
        warn(f"earlier days have changed since the run was made: {'; '.join(kept.changes)}. {made}")
    counts = {name: len(getattr(kept, name)) for name in ("kept", "scored", "fitted")}
    was = {name: before.manifest[name] for name in ("inputs", "known", "versions", "finished")}
    step = {
        "from": {"end": before.manifest["config"]["end"], **was},
        **counts,
        "changes": list(kept.changes),
    }
    return [*before.manifest.get("grown", []), step]


def last_day(config: RunConfig) -> dt.date:
    """The last trading day of the bars of the settings' dataset.

    Raises:
        RunError: there is none after the start
    """
    days = trading_days(Dataset(config.data))
    if not len(days) or days[-1] <= np.datetime64(config.start):
        raise RunError(f"table bars of {config.data} has no trading day after {config.start}")
    found: dt.date = days[-1].astype(object)
    return found


def summary_frame(summary: dict[str, Any]) -> pd.DataFrame:
    """The variants' main figures as a small table, under short names: cagr is compounded growth a year."""
    names = {
        "return": "cagr",
        "benchmark_return": "benchmark_cagr",
        "excess_return": "excess_arithmetic",
        "information_ratio": "ir",
        "max_drawdown": "drawdown",
        "turnover": "turnover",
        "rank_ic": "rank_ic",
        "rank_ic_tstat_nw": "t",
    }
    rows = [
        {"variant": variant} | {short: figures[name] for name, short in names.items()}
        for variant, figures in summary["variants"].items()
    ]
    return pd.DataFrame(rows)


def _starts(curves: pd.DataFrame) -> dict[str, dict[str, int]]:
    """Of the arms with concepts, how many models were kept as trained from their encoder and from nothing."""
    chosen = curves[curves["best"]]
    return {
        str(name): {str(start): int(count) for start, count in rows["start"].value_counts(sort=False).items()}
        for name, rows in chosen.groupby("variant", sort=False)
        if ARMS[str(name)].concepts is not None
    }


def _company_names(dataset: Dataset, inputs: Inputs) -> pd.DataFrame:
    """company_id, name: of the stocks that are ever members, so that a run can speak of them without its dataset."""
    table = dataset.read("companies", ["company_id", "name"])
    return table[table["company_id"].isin(inputs.market.stocks)].reset_index(drop=True)


def _window_table(inputs: Inputs) -> pd.DataFrame:
    rows = []
    for number, window in enumerate(inputs.windows):
        for part, days in (("train", window.train), ("validate", window.valid), ("test", window.test)):
            dates = inputs.market.dates[days]
            rows.append((number, part, dates[0], dates[-1], len(dates)))
    return pd.DataFrame(rows, columns=["window", "part", "first", "last", "days"])
