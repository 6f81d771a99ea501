"""How much of a score reaches the portfolio: the transfer coefficient.

On each day the correlation, over the members with a score, of what the portfolio holds beyond the benchmark, in units
of risk (active weight times the stock's volatility), with the score that decided it. 1: holdings are what the score
wants; long-only rules, costs and lags take the rest (Clarke, de Silva and Thorley 2002, "Portfolio Constraints and the
Fundamental Law of Active Management", with a diagonal covariance).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from samgraph.factors.arrays import Floats

if TYPE_CHECKING:
    from samgraph.hist.market import Market

WINDOW = 60  # days of returns behind a volatility
FEWEST = 5  # members with a score, and returns behind a volatility


def transfer_coefficient(
    holdings: pd.DataFrame, score: Floats, benchmark: Floats, market: Market, lag: int
) -> float:
    """Mean over the days of the holdings; NaN where no day has enough.

    Args:
        holdings: date, company_id, weight at each close.
        score: [n_dates, n_stocks]; that of `lag` days before decided a day's holdings.
        benchmark: [n_dates, n_stocks] weights.
        market: the bars, same axes.
        lag: trading days from decision to execution.
    """
    returns, place = market.returns(), pd.Index(market.stocks)
    found = []
    for date, day in holdings.groupby("date"):
        t = int(market.dates.get_indexer(pd.DatetimeIndex([date]))[0])
        if t < lag:
            continue
        weights = np.zeros(len(place))
        weights[place.get_indexer(pd.Index(day["company_id"]))] = day["weight"]
        view, past = score[t - lag], returns[max(0, t - WINDOW + 1) : t + 1]
        known = np.isfinite(view) & market.member[t] & (np.isfinite(past).sum(axis=0) >= FEWEST)
        if known.sum() < FEWEST:
            continue
        active = (weights - benchmark[t])[known] * np.nanstd(past[:, known], axis=0)
        if active.std() > 0.0 and view[known].std() > 0.0:
            found.append(float(np.corrcoef(active, view[known])[0, 1]))
    return float(np.mean(found)) if found else float("nan")
