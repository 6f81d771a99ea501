"""A run's inputs by hand, without a graph: a market, its concepts and industries, and predictions of two arms."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from functools import cache

import numpy as np
import pandas as pd
from oracles.hist_making import make_bars, make_series

from samgraph.config import RunConfig, load_config
from samgraph.graph.series.snapshots import Edges, SnapshotSeries
from samgraph.hist.market import build_market
from samgraph.hist.windows import Window
from samgraph.outcome.assess import Outcome, assess
from samgraph.run.inputs import Inputs

DAYS, STOCKS, SECTORS = 225, 24, 3
TEST = slice(180, 225)
ROOT = "R"


@dataclass(frozen=True, eq=False)
class Assessed:
    """What went in and what came out."""

    config: RunConfig
    inputs: Inputs
    predictions: pd.DataFrame
    outcome: Outcome

    @property
    def tables(self) -> dict[str, pd.DataFrame]:
        return self.outcome.tables | {"predictions": self.predictions}


def settings() -> RunConfig:
    return load_config(
        None,
        {
            "data": "data",
            "universe": "MADE",
            "start": "2020-01-01",
            "end": "2020-11-10",
            "variants": ["product", "industry"],
            "horizons": [1, 5],
            "seeds": 2,
            "model": {"horizon": 5},
            "trading": {"construction": "both", "top": 8, "drop": 3, "rebalance_days": 3, "capital": 1e8},
            "optimiser": {"stock": 0.1, "product": 0.1, "industry": 0.2, "tracking_error": 0.1, "style": 1.0},
        },
    )


def inputs_by_hand() -> Inputs:
    """24 stocks that sell four products under one root, in three industries; one stock joins late, one has no bars."""
    bars = make_bars(5, DAYS, STOCKS)
    dates = pd.bdate_range("2020-01-01", periods=DAYS)
    members = pd.DataFrame(True, index=dates, columns=[f"S{i:02d}" for i in range(STOCKS)])
    members.iloc[:200, 1] = False
    bars = bars[~((bars["company_id"] == "S02") & bars["date"].between(dates[190], dates[195]))]
    market = build_market(bars, members, benchmark=None, start=dates[0], end=dates[-1], warmup_days=0)
    series = make_series(market, seed=3)
    nobody = pd.DataFrame(0, index=range(DAYS), columns=["never_reported", "expired", "lost_to_cut"])
    nobody.loc[TEST.start + 1, "expired"] = 2
    products = replace(series, coverage=nobody)
    sectors = np.tile(np.arange(STOCKS) % SECTORS, (DAYS, 1)).astype(np.int64)
    stocks = np.arange(STOCKS)
    industries = SnapshotSeries(
        dates=market.dates,
        stocks=market.stocks,
        concepts=("I0", "I1", "I2"),
        concept_names=("Food", "Steel", "Chips"),
        day_version=np.zeros(DAYS, dtype=np.int64),
        versions=(Edges(stocks, sectors[0], np.ones(STOCKS, dtype=np.float32)),),
    )
    last = series.versions[int(series.day_version[TEST.stop - 1])]
    edges = pd.DataFrame(
        {
            "company_id": [market.stocks[i] for i in last.stock],
            "product_id": [series.concepts[k] for k in last.concept],
            "weight": last.weight.astype(np.float64),
        }
    )
    tree = pd.DataFrame(
        {
            "product_id": [ROOT, *series.concepts],
            "name": ["Root", *series.concepts],
            "parent_id": [None, *[ROOT] * len(series.concepts)],
        },
        dtype=object,
    )
    return Inputs(
        market=market,
        products=products,
        industries=industries,
        fitted={"product": (products,), "industry": (industries,)},
        coarse_products=products,
        coarse_industries=industries,
        sectors=sectors,
        sector_ids=("I0", "I1", "I2"),
        last_edges=edges,
        first_tree=tree,
        last_tree=tree,
        first_day=0,
        windows=(Window(slice(0, 120), slice(130, 170), TEST),),
        known=dt.datetime(2021, 1, 1, tzinfo=dt.UTC),
        sector_names={"I0": "Food", "I1": "Steel", "I2": "Chips"},
    )


def predictions_of(inputs: Inputs) -> pd.DataFrame:
    """Scores of two seeds and two arms, by chance; the first three members of each day have none."""
    market, rng, rows = inputs.market, np.random.default_rng(8), []
    for variant in ("product", "industry"):
        for seed in (0, 1):
            for t in range(TEST.start, TEST.stop):
                for i in np.flatnonzero(market.member[t])[3:]:
                    rows.append((variant, seed, 0, market.dates[t], market.stocks[i], *rng.normal(size=3)))
    columns = ["variant", "seed", "window", "date", "company_id", "concept", "hidden", "individual"]
    frame = pd.DataFrame(rows, columns=columns)
    return frame.assign(score=frame["concept"] + frame["hidden"] + frame["individual"])


@cache
def assessed() -> Assessed:
    """`assess` on all of it, once for all tests that read it."""
    config, inputs = settings(), inputs_by_hand()
    predictions = predictions_of(inputs)
    return Assessed(config, inputs, predictions, assess(config, inputs, predictions))
