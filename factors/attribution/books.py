"""What a simulated portfolio's books say of each day's return, exactly.

With V the value at the close before, w_i what stock i weighed in it and g_i its total return of the day

    return = sum_i w_i g_i + timing + write-offs - costs / V

    timing      n (mark - price) / V of every purchase, n (price - mark) / V of every sale: what trading at another
                price than the close brought
    write-offs  the same of holdings that were written off: what they lost against their last price

Cash earns nothing. Dividends are in g_i, since holdings reinvest them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from samgraph.factors.arrays import Floats

WRITTEN_OFF = "delisted"  # the reason of such a trade


@dataclass(frozen=True, eq=False)
class DayParts:
    """The parts of each day's return.

    Attributes:
        weights: [n_dates, n_stocks] at the close before; cash: [n_dates] what was not invested then.
        timing, write_off, cost: [n_dates], fractions of the value before; cost is not positive.
    """

    weights: Floats
    cash: Floats
    timing: Floats
    write_off: Floats
    cost: Floats


def day_parts(
    daily: pd.DataFrame, trades: pd.DataFrame, holdings: pd.DataFrame, stocks: Any, marks: Floats
) -> DayParts:
    """Read the books.

    Args:
        daily: date, value, return, cash, cost: consecutive trading days.
        trades: date, company_id, side, shares, price, reason.
        holdings: date, company_id, weight at each close.
        stocks: [n_stocks] company ids.
        marks: [n_dates, n_stocks] last close of each stock on the days of `daily`.
    """
    dates, place = pd.DatetimeIndex(daily["date"]), pd.Index(stocks)
    value = daily["value"].to_numpy(dtype=np.float64)
    before = value / (1.0 + daily["return"].to_numpy(dtype=np.float64))
    weights = np.zeros((len(dates), len(place)))
    row = dates.get_indexer(pd.DatetimeIndex(holdings["date"])) + 1
    later = row < len(dates)
    column = place.get_indexer(pd.Index(holdings["company_id"]))
    weights[row[later], column[later]] = holdings["weight"].to_numpy(dtype=np.float64)[later]
    cash = np.ones(len(dates))
    cash[1:] = daily["cash"].to_numpy(dtype=np.float64)[:-1] / value[:-1]
    at = dates.get_indexer(pd.DatetimeIndex(trades["date"]))
    shares, price = (trades[name].to_numpy(dtype=np.float64) for name in ("shares", "price"))
    better = marks[at, place.get_indexer(pd.Index(trades["company_id"]))] - price
    gained = shares * np.where(trades["side"] == "buy", better, -better) / before[at]
    lost = (trades["reason"] == WRITTEN_OFF).to_numpy()
    timing, write_off = (
        np.bincount(at[mask], weights=gained[mask], minlength=len(dates)).astype(np.float64)
        for mask in (~lost, lost)
    )
    cost = -daily["cost"].to_numpy(dtype=np.float64) / before
    return DayParts(weights, cash, timing, write_off, cost)
