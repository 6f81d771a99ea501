"""Plain factors: what anybody can compute from bars, and what a model must beat.

    reversal_1, reversal_5, reversal_20   minus the sum of log returns of the last 1, 5, 20 days
    momentum                              sum of log returns from 250 to 21 days before
    low_volatility                        minus the standard deviation of daily returns, 60 days
    low_turnover                          minus the log of the mean share of the company traded a day, 60 days
    small_size                            minus the log of market cap
    value                                 book to price, where the bars have it

Each has the sign that the literature expects to be paid, so higher is better. Row t is known by the close of t.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from samgraph.factors.arrays import Floats
from samgraph.factors.signals.product_momentum import product_momentum
from samgraph.factors.signals.rolling import trailing_sum
from samgraph.factors.signals.styles import raw_styles

if TYPE_CHECKING:
    from samgraph.graph.series.snapshots import SnapshotSeries
    from samgraph.hist.market import Market

REVERSALS = (1, 5, 20)  # trading days
_OF_STYLES = {
    "momentum": ("momentum", 1.0),
    "low_volatility": ("volatility", -1.0),
    "low_turnover": ("liquidity", -1.0),
    "small_size": ("size", -1.0),
    "value": ("value", 1.0),
}


def plain_factors(market: Market, products: SnapshotSeries) -> dict[str, Floats]:
    """The plain factors and product momentum: name -> [n_dates, n_stocks], NaN where unknown or no member.

    A reversal needs half of its days. A factor that no member ever has is left out.

    Args:
        market: daily bars.
        products: as-of product edges of the same days and stocks.
    """
    styles, returns = raw_styles(market), market.returns()
    with np.errstate(divide="ignore", invalid="ignore"):
        logs = np.log1p(returns)
    found: dict[str, Floats] = {}
    for days in REVERSALS:
        total, known = trailing_sum(logs, days)
        found[f"reversal_{days}"] = np.where(known >= max(1, days // 2), -total, np.nan)
    found |= {name: sign * styles[style] for name, (style, sign) in _OF_STYLES.items() if style in styles}
    found["product_momentum"] = product_momentum(returns, products)["product_momentum"]
    inside = {name: np.where(market.member, values, np.nan) for name, values in found.items()}
    return {name: values for name, values in inside.items() if np.isfinite(values).any()}
