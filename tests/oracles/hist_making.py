"""Small made markets and series for the tests of this folder."""

from __future__ import annotations

import numpy as np
import pandas as pd

from samgraph.graph.series.snapshots import Edges, SnapshotSeries
from samgraph.hist.market import Market, build_market


def make_bars(
    seed: int, n_dates: int, n_stocks: int, *, missing: float = 0.0, reversal: float = 0.0
) -> pd.DataFrame:
    """Bars with every optional column; `missing` of them left out, and daily returns that reverse."""
    rng = np.random.default_rng(seed)
    dates = pd.bdate_range("2020-01-01", periods=n_dates)
    shock = rng.normal(0, 0.02, (n_dates, n_stocks))
    daily = shock.copy()
    daily[1:] -= reversal * shock[:-1]
    adjusted = 10 * np.exp(np.cumsum(daily, axis=0))
    adj = np.where(np.arange(n_dates)[:, None] < n_dates // 2, 1.0, rng.choice([1.0, 2.0], n_stocks))
    close = adjusted / adj
    wiggle = np.exp(np.abs(rng.normal(0, 0.005, (2, n_dates, n_stocks))))
    opened = close * np.exp(rng.normal(0, 0.003, close.shape))
    day, stock = np.meshgrid(np.arange(n_dates), np.arange(n_stocks), indexing="ij")
    frame = pd.DataFrame(
        {
            "date": dates[day.ravel()],
            "company_id": [f"S{i:02d}" for i in stock.ravel()],
            "open": opened.ravel(),
            "high": (np.maximum(opened, close) * wiggle[0]).ravel(),
            "low": (np.minimum(opened, close) / wiggle[1]).ravel(),
            "close": close.ravel(),
            "vwap": (close * np.exp(rng.normal(0, 0.001, close.shape))).ravel(),
            "adj_factor": adj.ravel(),
            "volume": np.round(rng.lognormal(10, 0.5, close.size)),
            "market_cap": (close * adj * rng.lognormal(5, 1, n_stocks)).ravel(),
        }
    )
    return frame[rng.uniform(size=len(frame)) >= missing].reset_index(drop=True)


def make_market(
    seed: int = 0, n_dates: int = 120, n_stocks: int = 12, *, missing: float = 0.0, reversal: float = 0.0
) -> Market:
    """The market of such bars, everyone a member but for the first stock's second half."""
    bars = make_bars(seed, n_dates, n_stocks, missing=missing, reversal=reversal)
    return market_of(bars, n_dates, n_stocks)


def market_of(bars: pd.DataFrame, n_dates: int, n_stocks: int) -> Market:
    dates = pd.bdate_range("2020-01-01", periods=n_dates)
    members = pd.DataFrame(True, index=dates, columns=[f"S{i:02d}" for i in range(n_stocks)])
    members.iloc[n_dates // 2 :, 0] = False
    return build_market(bars, members, benchmark=None, start=dates[0], end=dates[-1], warmup_days=0)


def make_series(market: Market, seed: int = 0, n_concepts: int = 4) -> SnapshotSeries:
    """Random edges that change every 25 days."""
    rng = np.random.default_rng(seed)
    versions = []
    for _ in range(0, market.n_dates, 25):
        stock, concept = np.nonzero(rng.uniform(size=(market.n_stocks, n_concepts)) < 0.4)
        versions.append(Edges(stock, concept, rng.uniform(0.1, 1.0, len(stock)).astype(np.float32)))
    names = tuple(f"P{k}" for k in range(n_concepts))
    return SnapshotSeries(
        dates=market.dates,
        stocks=market.stocks,
        concepts=names,
        concept_names=names,
        day_version=np.arange(market.n_dates) // 25,
        versions=tuple(versions),
    )
