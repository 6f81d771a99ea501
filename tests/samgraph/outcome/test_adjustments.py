"""A factor of adjustment that moves without its price is told; a split, a big day and a gap are not."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from oracles.markets import calm_market

from samgraph.outcome.adjustments import factor_sentence


def test_a_factor_that_falls_to_1_and_comes_back_is_told_with_its_first_day() -> None:
    """As a vendor's table had it (tushare 932): 6.285 for years, then 1, then 18.87, and no ex-day between."""
    market = calm_market(30, 4, 0)
    adj = np.full(market.close.shape, 6.285)
    adj[10:20, 2] = 1.0
    adj[20:, 2] = 18.87
    said = factor_sentence(replace(market, adj=adj))
    assert said is not None and "on 2 bars of 1 stock," in said and "x 0.1591" in said
    assert market.stocks[2] in said and str(market.dates[10].date()) in said


def test_splits_big_days_missing_bars_and_steady_factors_are_not_told() -> None:
    market = calm_market(30, 4, 0)
    close, adj = market.close.copy(), np.full(market.close.shape, 2.0)
    assert factor_sentence(replace(market, adj=adj)) is None
    close[12:, 0], adj[12:, 0] = close[12:, 0] / 2.0, 4.0  # two shares for one
    close[15:, 1], adj[15:, 1] = close[15:, 1] * 10.0, 0.2  # one for ten
    close[8:] *= 1.44  # a first day without a limit
    close[20:25, 3] = np.nan  # suspended, and three for one on the day of its return
    close[25:, 3], adj[25:, 3] = close[25:, 3] / 3.0, 6.0
    assert factor_sentence(replace(market, close=close, adj=adj)) is None
    adj[25:, 3] = np.nan
    assert factor_sentence(replace(market, close=close, adj=adj)) is None
