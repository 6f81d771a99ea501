"""Scores of any day by a finished run's models: what `samgraph score` prints every night.

The newest models fitted before the day are applied to the dataset as it is now, which may have grown since the run.
What they read is what a backtest up to that day would give them, so the scores are that backtest's, bit for bit where
it ran on the processor. Nothing is written into the run's folder.
"""

from __future__ import annotations

import datetime as dt
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from samgraph.arms.registry import BASE
from samgraph.config import RunConfig
from samgraph.factors.evaluation.neutralise import neutralise
from samgraph.files import whole, write_frame
from samgraph.graph.ask.period import industry_labels
from samgraph.graph.ask.snapshot import snapshot
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.asof import AsOf
from samgraph.hist.market import Market
from samgraph.hist.windows import Window
from samgraph.run.drift import outside_of_training
from samgraph.run.folder import RunFolder
from samgraph.run.latest import Latest, scored
from samgraph.run.seeds import averaged, of_members
from samgraph.spreadsheets import write_csv
from samgraph.words import many

if TYPE_CHECKING:
    from samgraph.graph.db.driver import Graph

_USUAL_DAYS = 20
_FEW = 0.9  # of the usual number of stocks with a score
STALE_DAYS = 550  # calendar days: an annual report and half a year
STALE_SHARE = 0.1  # of the stocks with a report
OUTSIDE = 0.02  # of a day's feature values beyond all that training saw


@dataclass(frozen=True, eq=False)
class Scored:
    """The scores of one day.

    Attributes:
        frame: date, company_id, name, rank (1 is best), score (standard deviations of the day, mean over seeds), its
            parts concept, hidden and individual, neutral (the score neutral to industry and log market cap),
            report_days (calendar days since the newest report became public; NaN without one), sorted by rank.
        days: date, company_id, concept, hidden, individual, score of the day, and of earlier ones where they were asked
            for.
        warnings: sentences about what should not be traded on without a look.
        source: run, variant, window, seeds, fitted_by, model_days (trading days since the models' first day of use),
            known, data: where the scores come from.
    """

    frame: pd.DataFrame
    warnings: tuple[str, ...]
    source: dict[str, Any]
    days: pd.DataFrame


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
    dataset = dataset or Dataset(run.config.data)
    latest = Latest.read(run, graph, dataset, as_of, known)
    if as_of is not None and latest.market.dates[-1] != pd.Timestamp(as_of):
        nothing = f"{as_of} has no bars; the last day with bars before it is {latest.market.dates[-1].date()}"
        empty = pd.DataFrame(columns=list(COLUMNS))
        return Scored(empty, (nothing,), {"run": run.run_id, "variant": variant}, empty)
    return scores_of(latest, dataset, variant)


def scores_of(latest: Latest, dataset: Dataset, variant: str, *, since: int | None = None) -> Scored:
    """The scores of the last day of bars that were read, as `score` gives them.

    Args:
        latest: the run with the bars
        dataset: whose bars they are
        variant: the arm
        since: an earlier day of the same models, by its position, from which on `days` is wanted

    Raises:
        SamgraphError: as `score`
    """
    run, market, day = latest.run, latest.market, latest.day
    number, window = latest.window()
    with tempfile.TemporaryDirectory() as cache:
        jobs = latest.jobs(variant, Path(cache))
        predictions = scored(jobs, slice(day if since is None else min(since, day), day + 1))
        outside = outside_of_training(jobs[0].inputs(), window, slice(day, day + 1))
    days = averaged(of_members(predictions, market))
    found = days[days["date"] == market.dates[day]].reset_index(drop=True)
    frame = _described(found, run.config, latest.graph, dataset, market, latest.known)
    source = {
        "run": run.run_id,
        "variant": variant,
        "window": number,
        "seeds": list(run.seeds),
        "fitted_by": str(market.dates[window.fit_day].date()),
        "model_days": day - window.test.start + 1,
        "known": latest.known.isoformat(),
        "data": dataset.fingerprint(),
    }
    return Scored(frame, _warnings(frame, run.config, market, window, outside), source, days)


COLUMNS = (
    *("date", "company_id", "name", "rank", "score", "concept", "hidden", "individual"),
    *("neutral", "report_days"),
)


def write_scored(file: Path, found: Scored) -> None:
    """Write scores to a file .parquet, .csv or .json; all but CSV say where they come from.

    Raises:
        RunError: it cannot be written
    """
    if file.suffix == ".parquet":
        frame = found.frame.copy()
        for name, value in found.source.items():  # every row says it
            frame[name] = value if isinstance(value, (str, int)) else json.dumps(value)
        write_frame(file, frame)
        return
    with whole(file) as scratch:
        if file.suffix == ".csv":
            write_csv(found.frame, scratch)
            return
        rows = json.loads(found.frame.to_json(orient="records", date_format="iso", double_precision=15))
        content = {"source": found.source, "warnings": list(found.warnings), "scores": rows}
        scratch.write_text(json.dumps(content, ensure_ascii=False, indent=1), encoding="utf-8")


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
    public = report_days(graph, AsOf(today.date(), moment), config.universe)
    frame = found.assign(
        name=ids.map(names).to_numpy(),
        rank=found["score"].rank(ascending=False, method="first").astype(int),
        neutral=neutral[0],
        report_days=ids.map(public).to_numpy(dtype=np.float64),
    )
    return frame[list(COLUMNS)].sort_values("rank", ignore_index=True)


def report_days(graph: Graph, as_of: AsOf, universe: str) -> pd.Series:
    """Calendar days since the newest report of each member that has one became public, by company_id."""
    edges = snapshot(graph, as_of, universe=universe).frame
    public = pd.to_datetime(edges["valid_from"], errors="coerce").groupby(edges["company_id"]).max()
    return (pd.Timestamp(as_of.valid) - public.dropna()).dt.days


def stale_reports(days: pd.Series) -> tuple[int, str | None]:
    """How many reports are stale, by their ages in calendar days, and a sentence where they are many."""
    known = days.dropna()
    stale = int((known > STALE_DAYS).sum())
    if stale <= STALE_SHARE * max(len(known), 1):
        return stale, None
    return (
        stale,
        f"the newest report of {stale} of {many(len(known), 'company')} is older than {STALE_DAYS} days",
    )


def overdue(used: int, config: RunConfig) -> str | None:
    """A sentence where models in use for so many trading days are past the day of their refit."""
    if used <= config.windows.test_days:
        return None
    return (
        f"the models are in use for {many(used, 'trading day')}, and were to be fitted anew after "
        f"{config.windows.test_days}; run the same backtest with --end latest"
    )


def _warnings(
    frame: pd.DataFrame, config: RunConfig, market: Market, window: Window, outside: float
) -> tuple[str, ...]:
    told = []
    day = market.n_dates - 1
    members = (market.member & np.isfinite(market.close))[max(0, day - _USUAL_DAYS) : day].sum(axis=1)
    usual = float(np.median(members)) if len(members) else 0.0
    if len(frame) < _FEW * usual:
        told.append(f"a score: {many(len(frame), 'stock')}; bars, usually: {usual:.0f} members")
    used = day - window.test.start + 1
    told += [
        sentence
        for sentence in (stale_reports(frame["report_days"])[1], overdue(used, config))
        if sentence is not None
    ]
    if outside > OUTSIDE:
        told.append(f"{outside:.1%} of the day's feature values lie outside of all that training saw")
    return tuple(told)
