"""The health of a finished run that is in use: what is loaded, how old its models and reports are, what has drifted."""

from __future__ import annotations

import re
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from samgraph.arms.registry import BASE
from samgraph.errors import RunError
from samgraph.graph.check.series import trading_days
from samgraph.graph.dataset.folder import Dataset
from samgraph.graph.db.asof import AsOf
from samgraph.graph.db.ledger import loaded_moment, past_loads
from samgraph.hist.labels import forward_returns
from samgraph.hist.market import FloatArray, Market
from samgraph.hist.metrics import rank_ic
from samgraph.run.drift import SHIFTED, Worth, outside_of_training, stability_index, worth
from samgraph.run.folder import RunFolder
from samgraph.run.latest import Latest, scored
from samgraph.run.score import OUTSIDE, overdue, report_days, stale_reports
from samgraph.run.seeds import averaged, of_members
from samgraph.training.task import Job

if TYPE_CHECKING:
    from samgraph.graph.db.driver import Graph

RECENT_DAYS = 60  # whose features are held against the training days'
_SCORES = re.compile(r"(\d{4}-\d{2}-\d{2})\.(?:parquet|csv|json)")


@dataclass(frozen=True)
class Status:
    """The health of a run.

    Attributes:
        facts: by name, in order; days as ISO text, None where unknown (docs/nightly.md says what each is)
        warnings: sentences about what somebody should look at
    """

    facts: dict[str, Any]
    warnings: tuple[str, ...]


def status(
    run: RunFolder,
    graph: Graph,
    dataset: Dataset | None = None,
    *,
    variant: str = BASE,
    scores: Path | None = None,
) -> Status:
    """Look at a run, the graph and the dataset as they are now. Nothing is written.

    Args:
        run: a finished run
        graph: an open connection
        dataset: its tables as they are now; the run's own by default
        variant: the arm whose models are looked at
        scores: a folder of files DATE.parquet, .csv or .json that `samgraph score` wrote

    Raises:
        SamgraphError: as reading the run, the dataset and the graph raises it
    """
    run.require_variant(variant)
    dataset = dataset or Dataset(run.config.data)
    facts, told = _around(run, graph, dataset, scores)
    if not facts["loaded"]:
        return Status(facts, tuple(told))
    found, more = _of_models(Latest.read(run, graph, dataset), variant)
    return Status(facts | found, (*told, *more))


def status_of(latest: Latest, dataset: Dataset, *, variant: str = BASE, scores: Path | None = None) -> Status:
    """The same of a run with bars that were read already, up to the newest day of a dataset that has been loaded."""
    latest.run.require_variant(variant)
    facts, told = _around(latest.run, latest.graph, dataset, scores)
    found, more = _of_models(latest, variant)
    return Status(facts | found, (*told, *more))


def _around(
    run: RunFolder, graph: Graph, dataset: Dataset, scores: Path | None
) -> tuple[dict[str, Any], list[str]]:
    """What there is to say without a model."""
    loads = past_loads(graph)
    bars = trading_days(dataset)
    newest = str(bars[-1]) if len(bars) else None
    last = _last_scores(scores)
    facts: dict[str, Any] = {
        "run": run.run_id,
        "run_through": _iso(run.table("predictions")["date"].max()),
        "newest_bars": newest,
        "last_scores": last,
        "last_load": loads[0].moment.isoformat() if loads else None,
        "loaded": loaded_moment(graph, dataset) is not None,
    }
    told = []
    if scores is not None and newest is not None and (last is None or last < newest):
        told.append(f"the newest scores in {scores} are of {last or 'no day'}, the newest bars of {newest}")
    if not facts["loaded"]:
        told.append(
            f"{dataset.root} as it is now has not been loaded into this graph; run: samgraph load {dataset.root}"
        )
    return facts, told


def _of_models(latest: Latest, variant: str) -> tuple[dict[str, Any], list[str]]:
    run, market, day = latest.run, latest.market, latest.day
    number, window = latest.window()
    used = day - window.test.start + 1
    ages = report_days(latest.graph, AsOf(market.dates[day].date(), latest.known), run.config.universe)
    members = int(market.member[day].sum())
    stale, old = stale_reports(ages)
    with tempfile.TemporaryDirectory() as cache:
        jobs = latest.jobs(variant, Path(cache))
        inputs = jobs[0].inputs()
        recent = slice(max(window.test.start, day + 1 - RECENT_DAYS), day + 1)
        outside = outside_of_training(inputs, window, recent)
        index, feature = stability_index(inputs, window, recent)
        found = _worth(run, market, jobs, variant, number, window.test)
    horizon = jobs[0].config.horizon
    facts: dict[str, Any] = {
        "fitted_by": _iso(market.dates[window.fit_day]),
        "model_days": used,
        "refit_after": run.config.windows.test_days,
        "members": members,
        "with_report": len(ages),
        "report_days_median": float(ages.median()) if len(ages) else None,
        "stale_reports": stale,
        "features_outside": outside,
        "feature_shift": _number(index),
        "feature_shifted_most": feature or None,
        "ic_horizon": horizon,
        "ic_recent": _number(found.recent),
        "ic_recent_days": found.n_recent,
        "ic_test": _number(found.earlier),
        "ic_test_days": found.n_earlier,
        "ic_low": _number(found.low),
        "ic_high": _number(found.high),
    }
    told = [sentence for sentence in (old, overdue(used, run.config)) if sentence is not None]
    if outside > OUTSIDE:
        told.append(f"{outside:.1%} of recent feature values lie outside of all that training saw")
    if index > SHIFTED:
        told.append(
            f"feature {feature} is distributed otherwise than on the training days (stability index {index:.2f})"
        )
    if found.fell:
        told.append(
            f"the Rank IC of the last {found.n_recent} days is {found.recent:.3f}; if nothing has changed since the "
            f"test days before ({found.earlier:.3f}), 97.5% of such means lie above {found.low:.3f}"
        )
    return facts, told


def _worth(run: RunFolder, market: Market, jobs: list[Job], variant: str, number: int, test: slice) -> Worth:
    """Daily Rank IC at the label's horizon since the newest models are in use, beside the test days before that.

    Where the run has no test days before, those of the run against the later ones.
    """
    config = jobs[0].config
    label = forward_returns(market, config.horizon, lag=config.lag, price=config.price)
    since = averaged(of_members(scored(jobs, test), market))
    predictions = run.rows("predictions", "variant", variant)
    before = predictions[predictions["window"] < number]
    if before.empty:
        before, since = predictions, since[since["date"] > predictions["date"].max()]
    return worth(_daily(averaged(before), market, label), _daily(since, market, label), config.horizon)


def _daily(scores: pd.DataFrame, market: Market, label: FloatArray) -> FloatArray:
    """Rank IC of each day that has scores and realised returns, in their order."""
    panel = np.full(label.shape, np.nan)
    day = market.dates.get_indexer(pd.DatetimeIndex(scores["date"]).as_unit("s"))
    stock = pd.Index(market.stocks).get_indexer(pd.Index(scores["company_id"]))
    there = (day >= 0) & (stock >= 0)
    panel[day[there], stock[there]] = scores["score"].to_numpy()[there]
    return rank_ic(panel, label)


def _last_scores(folder: Path | None) -> str | None:
    if folder is None:
        return None
    if not folder.is_dir():
        raise RunError(f"{folder} is not a folder; name the one that scores are written to")
    days = [found[1] for file in folder.iterdir() if (found := _SCORES.fullmatch(file.name))]
    return max(days, default=None)


def _iso(day: pd.Timestamp) -> str:
    return day.date().isoformat()


def _number(value: float) -> float | None:
    return value if np.isfinite(value) else None
