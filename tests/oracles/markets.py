"""Made markets with everything that goes wrong in a real one: suspensions, gaps, limits, splits, delistings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from samgraph.hist.market import Market

IDS = ("600{}.SH", "000{}.SZ", "688{}.SH", "300{}.SZ", "920{}.BJ")  # every board
REFORMS = (
    "2020-08-24",
    "2022-04-29",
    "2023-04-10",
    "2023-08-28",
)  # of ChiNext, fees, main boards, stamp duty


def rough_market(
    seed: int, n_dates: int = 40, n_stocks: int = 12, *, trouble: float = 0.08, boards: bool = False
) -> Market:
    """A random market; `trouble` is the share of days with each kind of fault.

    With `boards` the ids are of all A-share boards, a reform falls into the period, prices are in cents and often at
    the limit of their day, some shares are under special treatment, and some are said to be delisted.
    """
    rng = np.random.default_rng(seed)
    shape = (n_dates, n_stocks)
    close = rng.uniform(3, 60, n_stocks) * np.exp(np.cumsum(rng.normal(0, 0.03, shape), axis=0))
    adj = np.cumprod(np.where(rng.random(shape) < trouble, rng.uniform(1.0, 2.0, shape), 1.0), axis=0)
    close = np.round(close / adj, 4) + 0.5
    open_ = close * np.exp(rng.normal(0, 0.01, shape))
    cap = close * adj * rng.uniform(1e7, 1e9, n_stocks)
    volume = rng.uniform(1e4, 1e6, shape)
    up, down = rng.random(shape) < trouble, rng.random(shape) < trouble
    open_ = np.where(
        rng.random(shape) < 0.5, open_, close
    )  # half of the opens at the close: locked at the limit
    tradable = rng.random(shape) > trouble
    member = np.cumsum(rng.random(shape) < 0.3 * trouble, axis=0) % 2 == 0
    gone = rng.random(shape) < 0.5 * trouble
    for i in np.flatnonzero(rng.random(n_stocks) < 2 * trouble):
        gone[int(rng.integers(n_dates // 3, n_dates)) :, i] = True  # its bars end for good
    for i in np.flatnonzero(rng.random(n_stocks) < 2 * trouble):
        gone[: int(rng.integers(1, n_dates // 2)), i] = True  # listed later
    more: dict[str, Any] = {}
    stocks, start = tuple(f"C{i:03d}" for i in range(n_stocks)), pd.Timestamp("2021-01-04")
    if boards:
        stocks = tuple(IDS[i % len(IDS)].format(f"{i:03d}") for i in range(n_stocks))
        start = pd.Timestamp(REFORMS[seed % len(REFORMS)]) - pd.offsets.BusinessDay(n_dates // 2)
        st = rng.random(n_stocks) < 0.3
        for i in range(n_stocks):
            for t in range(1, n_dates):
                if rng.random() < 0.15:
                    move = rng.choice([0.05, 0.10, 0.20, 0.30]) * rng.choice([-1, 1])
                    before = np.floor(close[t - 1, i] * adj[t - 1, i] / adj[t, i] * 100 + 0.5) / 100
                    close[t, i] = max(before * (1 + move), 0.5)
                close[t, i] = np.floor(close[t, i] * 100 + 0.5) / 100
        more["st"] = np.tile(st, (n_dates, 1)) & (rng.random(shape) < 0.9)
        if rng.random() < 0.5:
            ends = np.full(n_stocks, np.datetime64("NaT"), dtype="datetime64[D]")
            ends[rng.random(n_stocks) < 0.2] = np.datetime64((start + pd.Timedelta(days=n_dates)).date())
            more["delisted_on"] = ends
    faults: dict[str, Any] = {}
    for name, values in (("open", open_), ("close", close), ("adj", adj), ("volume", volume)):
        faults[name] = np.where(gone, np.nan, values)
    faults["open"] = np.where(rng.random(shape) < 0.3 * trouble, np.nan, faults["open"])
    faults["adj"] = np.where(rng.random(shape) < 0.2 * trouble, np.nan, faults["adj"])
    return Market(
        dates=pd.bdate_range(start, periods=n_dates, unit="s"),
        stocks=stocks,
        high=faults["close"] * 1.01,
        low=faults["close"] * 0.99,
        vwap=0.5 * (faults["open"] + faults["close"]),
        market_cap=np.where(gone | (rng.random(shape) < trouble), np.nan, cap),
        tradable=tradable & ~gone,
        limit_up=up & ~gone,
        limit_down=down & ~up & ~gone,
        member=member,
        benchmark=1000 * np.exp(np.cumsum(rng.normal(0, 0.01, n_dates))),
        **faults,
        **more,
    )


def rough_score(seed: int, market: Market, *, missing: float = 0.1, levels: int = 0) -> Any:
    """Random scores [n_dates, n_stocks]; `levels` > 0 makes ties; some days have none at all."""
    rng = np.random.default_rng((seed, 1))
    shape = market.close.shape
    score = rng.normal(size=shape) if levels == 0 else rng.integers(0, levels, shape).astype(float)
    score[rng.random(shape) < missing] = np.nan
    score[rng.random(len(score)) < missing] = np.nan
    return score


def calm_market(n_dates: int, n_stocks: int, seed: int = 0) -> Market:
    """All members, all tradable, every day; caps are numbers of shares times the price; no dividends."""
    rng = np.random.default_rng(seed)
    close = rng.uniform(5, 50, n_stocks) * np.exp(np.cumsum(rng.normal(0, 0.02, (n_dates, n_stocks)), axis=0))
    everywhere = np.ones(close.shape, dtype=bool)
    open_ = close * np.exp(rng.normal(0, 0.01, close.shape))
    return Market(
        dates=pd.bdate_range("2021-01-04", periods=n_dates, unit="s"),
        stocks=tuple(f"C{i:03d}" for i in range(n_stocks)),
        open=open_,
        high=np.maximum(open_, close),
        low=np.minimum(open_, close),
        close=close,
        vwap=0.5 * (open_ + close),
        adj=np.ones_like(close),
        volume=np.full_like(close, 1e6),
        market_cap=close * rng.uniform(1e7, 1e9, n_stocks),
        tradable=everywhere,
        limit_up=~everywhere,
        limit_down=~everywhere,
        member=everywhere,
        benchmark=np.full(n_dates, np.nan),
    )
