"""Scores of any day by a finished run's models: what `samgraph score` prints every night.

The newest models fitted before the day are applied to the dataset as it is now, which may have grown since the run.
What they read is what a backtest up to that day would give them, so the scores are that backtest's, bit for bit.
Nothing is written into the run's folder.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from samgraph.arms.registry import ARMS, BASE
from samgraph.config import RunConfig
from samgraph.errors import RunError
from samgraph.factors.evaluation.neutralise import neutralise
from samgraph.graph.ask.period import industry_labels
from samgraph.graph.ask.snapshot import snapshot
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.universe import committed_moment
from samgraph.graph.series.snapshots import SnapshotSeries
from samgraph.hist.data import TrainingInputs
from samgraph.hist.market import Market
from samgraph.hist.windows import Window
from samgraph.progress import stage
from samgraph.run.folder import RunFolder
from samgraph.run.inputs import market_of, series_of
from samgraph.run.seeds import averaged
from samgraph.training.task import Task

if TYPE_CHECKING:
    from samgraph.graph.db.driver import Graph

_LATEST = dt.date(2200, 1, 1)  # later than any bar
_USUAL_DAYS = 20
_FEW = 0.9  # of the usual number of stocks with a score
_STALE_DAYS = 550  # calendar days: an annual report and half a year
_STALE_SHARE = 0.1  # of the stocks with a report
_OUTSIDE = 0.02  # of a day's feature values beyond all that training saw


@dataclass(frozen=True, eq=False)
class Scored:
    """The scores of one day.

    Attributes:
        frame: date, company_id, name, rank (1 is best), score (standard deviations of the day, mean over seeds), its
            parts concept, hidden and individual, neutral (the score neutral to industry and log market cap),
            report_days (calendar days since the newest report became public; NaN without one), sorted by rank.
        warnings: sentences about what should not be traded on without a look.
        source: run, variant, window, seeds, fitted_by, model_days (trading days since the models' first day of use),
            known, data: where the scores come from.
    """

    frame: pd.DataFrame
    warnings: tuple[str, ...]
    source: dict[str, Any]


def score(
    run: RunFolder,
    graph: Graph,
    dataset: Dataset | None = None,
    *,
    as_of: dt.date | None = None,
    variant: str = BASE,
    known: dt.datetime | None = None,
) -> Scored:
    """Apply a run's newest models before a day to that day.

    Args:
        run: a finished run
        graph: an open connection to a graph that has loaded the dataset
        dataset: its tables as they are now; the run's own by default
        as_of: the day; the last one with bars by default
        variant: the arm
        known: the moment of recorded knowledge; the newest load by default

    Raises:
        RunError: the day lies before the run's first test day, earlier trading days have changed, or the arm reads
            random groups
        SamgraphError: as reading the dataset and the graph raises it
    """
    run.require_variant(variant)
    if ARMS[variant].concepts == "placebo":
        raise RunError(f"{variant} reads random groups drawn for its own days; it has no score of other days")
    config = run.config
    dataset = dataset or Dataset(config.data)
    moment = committed_moment(graph, known)
    with stage("read bars"):
        market = market_of(config, graph, dataset, as_of or _LATEST, moment)
    day = market.n_dates - 1
    if as_of is not None and market.dates[day] != pd.Timestamp(as_of):
        nothing = f"{as_of} has no bars; the last day with bars before it is {market.dates[day].date()}"
        return Scored(
            pd.DataFrame(columns=list(COLUMNS)), (nothing,), {"run": run.run_id, "variant": variant}
        )
    number, window = _window(run, market, day)
    tasks = [run.task(variant, seed, number) for seed in run.seeds]
    with tempfile.TemporaryDirectory() as cache:
        series = _series(tasks, config, graph, market, window, moment)
        jobs = [run.job(task, market, series, Path(cache)) for task in tasks]
        predictions = [
            job.task.piece.arm.score(job, slice(day, day + 1)).assign(seed=job.seed) for job in jobs
        ]
        outside = _outside(jobs[0].inputs(), window, day)
    found = averaged(_members(pd.concat(predictions, ignore_index=True), market, day))
    frame = _described(found, config, graph, dataset, market, moment)
    source = {
        "run": run.run_id,
        "variant": variant,
        "window": number,
        "seeds": list(run.seeds),
        "fitted_by": str(market.dates[window.fit_day].date()),
        "model_days": day - window.test.start + 1,
        "known": moment.isoformat(),
        "data": dataset.fingerprint(),
    }
    return Scored(frame, _warnings(frame, config, market, window, outside), source)


COLUMNS = (
    *("date", "company_id", "name", "rank", "score", "concept", "hidden", "individual"),
    *("neutral", "report_days"),
)


def _window(run: RunFolder, market: Market, day: int) -> tuple[int, Window]:
    """The last window that tests from the day or before it, and its number; it tests up to the day."""
    before = run.market.dates
    shared = min(len(before), market.n_dates)
    changed = np.flatnonzero(before[:shared] != market.dates[:shared])
    if len(changed):
        raise RunError(
            f"the trading days have changed since {run.folder} was fitted: where it had "
            f"{before[changed[0]].date()} the bars have {market.dates[changed[0]].date()}; run the backtest anew"
        )
    fitted = [k for k, window in enumerate(run.windows) if window.test.start <= day]
    if not fitted:
        first = before[run.windows[0].test.start].date()
        raise RunError(f"{run.folder} has no model for {market.dates[day].date()}: its first is for {first}")
    window = run.windows[fitted[-1]]
    return fitted[-1], replace(window, test=slice(window.test.start, day + 1))


def _series(
    tasks: Sequence[Task],
    config: RunConfig,
    graph: Graph,
    market: Market,
    window: Window,
    moment: dt.datetime,
) -> dict[str, SnapshotSeries]:
    """The snapshots that the tasks and those they need read, by `Piece.concepts`."""
    pieces = [one.piece for task in tasks for one in (*task.below, task)]
    files = {piece.concepts: piece.arm.concepts for piece in pieces}
    with stage("read as-of snapshots"):
        return {
            file: series_of(config, graph, market, window, relation, moment)
            for file, relation in files.items()
            if file is not None and relation is not None
        }


def _members(predictions: pd.DataFrame, market: Market, day: int) -> pd.DataFrame:
    member = pd.Series(market.member[day], index=pd.Index(market.stocks))
    return predictions[predictions["company_id"].map(member).to_numpy(dtype=bool)].reset_index(drop=True)


def _described(
    found: pd.DataFrame,
    config: RunConfig,
    graph: Graph,
    dataset: Dataset,
    market: Market,
    moment: dt.datetime,
) -> pd.DataFrame:
    """With names, ranks, the neutral score and the age of each report."""
    today, ids = market.dates[-1], found["company_id"]
    names = dataset.read("companies", ["company_id", "name"]).set_index("company_id")["name"]
    labels = industry_labels(
        graph, market.dates[-1:], market.stocks, level=config.concepts.neutral_level, known=moment
    )
    place = pd.Index(market.stocks).get_indexer(pd.Index(ids))
    codes, _ = pd.factorize(labels.to_numpy()[0][place], use_na_sentinel=True)
    cap = market.log_caps()[-1:, place]
    neutral = neutralise(found["score"].to_numpy()[None], codes.astype(np.int64)[None], cap)
    edges = snapshot(graph, AsOf(today.date(), moment), universe=config.universe).frame
    public = pd.to_datetime(edges["valid_from"], errors="coerce").groupby(edges["company_id"]).max()
    frame = found.assign(
        name=ids.map(names).to_numpy(),
        rank=found["score"].rank(ascending=False, method="first").astype(int),
        neutral=neutral[0],
        report_days=(today - ids.map(public)).dt.days.to_numpy(dtype=np.float64),
    )
    return frame[list(COLUMNS)].sort_values("rank", ignore_index=True)


def _warnings(
    frame: pd.DataFrame, config: RunConfig, market: Market, window: Window, outside: float
) -> tuple[str, ...]:
    told = []
    day = market.n_dates - 1
    members = (market.member & np.isfinite(market.close))[max(0, day - _USUAL_DAYS) : day].sum(axis=1)
    usual = float(np.median(members)) if len(members) else 0.0
    if len(frame) < _FEW * usual:
        told.append(f"{len(frame)} stocks have a score, usually {usual:.0f} members have bars")
    known = frame["report_days"].dropna()
    stale = int((known > _STALE_DAYS).sum())
    if stale > _STALE_SHARE * max(len(known), 1):
        told.append(
            f"the newest report of {stale} of {len(known)} companies is older than {_STALE_DAYS} days"
        )
    used = day - window.test.start + 1
    if used > config.windows.test_days:
        told.append(
            f"the models are in use for {used} trading days, and were to be fitted anew after "
            f"{config.windows.test_days}; run the backtest into a new folder"
        )
    if outside > _OUTSIDE:
        told.append(f"{outside:.1%} of the day's feature values lie outside of all that training saw")
    return tuple(told)


def _outside(inputs: TrainingInputs, window: Window, day: int) -> float:
    """The share of the day's feature values below or above all of the training days'."""
    used = inputs.feature_mask & inputs.market.member
    seen = inputs.features[window.train][used[window.train]]
    now = inputs.features[day][used[day]]
    if not len(seen) or not len(now):
        return 0.0
    low, high = np.nanmin(seen, axis=0), np.nanmax(seen, axis=0)
    return float(((now < low) | (now > high)).mean())
