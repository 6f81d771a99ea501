"""The published window encoder's own input: price levels and volumes, made ratios when a window is cut."""

from __future__ import annotations

import numpy as np

from samgraph.hist.features.compute import valid_days
from samgraph.hist.features.scaling import Float32Array
from samgraph.hist.market import BoolArray, Market

LEVELS = ("open", "high", "low", "close", "vwap", "volume")


def levels(market: Market) -> tuple[Float32Array, BoolArray]:
    """Adjusted price levels and volumes.

    Six columns: open, high, low, close, vwap as price x adj, and volume / adj, so that a split changes
    nothing. NaN where unknown. The window encoder divides each window by its last close and volume, as
    Alpha360 does.

    Shapes:
        levels: float32 [n_dates, n_stocks, 6]
        mask: bool [n_dates, n_stocks], where the stock traded and had a bar the trading day before
    """
    prices = [getattr(market, name) * market.adj for name in ("open", "high", "low", "close", "vwap")]
    volume = np.where(market.volume > 0, market.volume, np.nan) / market.adj
    return np.stack([*prices, volume], axis=-1).astype(np.float32), valid_days(market)
