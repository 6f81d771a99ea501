"""What the market as a whole did lately: the gate of MASTER hears it (arXiv 2312.15235, section 3.2).

Of the members' returns, weighted by the day before's market cap, and of the money traded in them: today's value, and
mean and standard deviation over the last days. Everything of day t is known at t's close.
"""

from __future__ import annotations

import numpy as np

from samgraph.hist.features.rolling import Moments
from samgraph.hist.features.scaling import Float32Array
from samgraph.hist.market import FloatArray, Market
from samgraph.sums import over_stocks

DAYS = (5, 10, 20, 30, 60)


def market_state(market: Market) -> Float32Array:
    """The market's state of every day, float32 [n_dates, 21], NaN where unknown.

    The members' return; its mean and standard deviation over 5 to 60 days; the same two of their traded amount, over
    today's amount.
    """
    returns = market.returns()
    weight = np.zeros_like(returns)
    weight[1:] = market.weights()[:-1]
    counted = market.member & np.isfinite(returns)
    weight = np.where(counted, weight, 0.0)
    total = over_stocks(weight)
    with np.errstate(invalid="ignore", divide="ignore"):
        whole = over_stocks(np.where(counted, weight * returns, 0.0)) / total
        traded = np.where(market.member & (market.volume > 0), market.volume * market.vwap, 0.0)
        amount = over_stocks(np.nan_to_num(traded))
    amount[amount <= 0] = np.nan
    columns: list[FloatArray] = [whole]
    for series, unit in ((whole, np.ones_like(whole)), (amount, amount)):
        moments = Moments(series[:, None])
        for days in DAYS:
            columns += [moments.mean(days)[:, 0] / unit, moments.std(days)[:, 0] / unit]
    return np.stack(columns, axis=1).astype(np.float32)
