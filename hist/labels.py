"""The prediction target: the return that somebody who learns day t's data can still earn.

Known by the close of t; traded at t + lag; sold at t + lag + horizon. Everything is adjusted for dividends
and splits. This module does not need torch.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
import numpy.typing as npt
import pandas as pd

from samgraph.errors import ModelError
from samgraph.exchange.access import NO_LAG, access
from samgraph.hist.market import BoolArray, FloatArray, Market

Price = Literal["open", "close", "vwap"]


def forward_returns(market: Market, horizon: int, *, lag: int = 1, price: Price = "close") -> FloatArray:
    """Return from execution at t + lag to t + lag + horizon, float64 [n_dates, n_stocks], a fraction.

    NaN where nobody can buy at the execution (`samgraph.exchange.access`, the rule by which portfolios trade, too: no
    bar, suspended, at limit-up by flag or by price), where the price at the end is unknown, and on the last
    lag + horizon days.

    Raises:
        ModelError: horizon or lag below 1, or an unknown price
    """
    if horizon < 1:
        raise ModelError(f"a label needs a horizon of 1 trading day or more, found {horizon}")
    if lag < 1:
        raise ModelError(f"lag = {lag}: {NO_LAG}")
    if price not in ("open", "close", "vwap"):
        raise ModelError(f"execution price '{price}' is unknown; choose open, close or vwap")
    level = getattr(market, price) * market.adj
    buyable = access(market, price).buyable
    result = np.full(level.shape, np.nan)
    last = market.n_dates - lag - horizon
    if last <= 0:
        return result
    entry = np.where(buyable, level, np.nan)[lag : lag + last]
    result[:last] = level[lag + horizon :] / entry - 1.0
    return result


def rank_normalise(x: npt.NDArray[np.floating], mask: BoolArray) -> npt.NDArray[np.float32]:
    """Each day's values as evenly spaced ranks of mean 0 and (nearly) variance 1; NaN outside the mask.

    (rank - 0.5) / n - 0.5, times sqrt(12), ties at their average rank: the published CSRankNorm up to its
    constant 3.46 and a shift of half a rank that makes the mean exactly 0.

    Shapes:
        x: [n_dates, n_stocks]; mask: bool, the same; result: float32, the same
    """
    values = np.where(mask & np.isfinite(x), x, np.nan)
    ranks = row_ranks(values)
    count = np.isfinite(values).sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        result = ((ranks - 0.5) / count - 0.5) * np.sqrt(12.0)
    normalised: npt.NDArray[np.float32] = result.astype(np.float32)
    return normalised


def row_ranks(values: npt.NDArray[np.floating]) -> FloatArray:
    """Ranks 1..n within each row, ties averaged, NaN kept."""
    ranks: FloatArray = pd.DataFrame(values).rank(axis=1, method="average").to_numpy(dtype=np.float64)
    return ranks
