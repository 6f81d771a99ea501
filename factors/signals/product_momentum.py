"""The reference factor of the field: what a stock's products did lately, read from the other companies.

A product's return on a day is the mean return of the companies that earn more than half of their revenue in it
(`purity`). A stock's product return is that of its products weighted by its own mix, with the stock itself left
out of each. Then, over a trailing window (20 days):

    product_momentum             sum of the daily product returns
    product_residual_volatility  standard deviation of the stock's return less its product return

Each day uses that day's as-of edges, so nothing later than the day is seen.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from samgraph.errors import ModelError
from samgraph.factors.arrays import Floats, panel
from samgraph.factors.labels import given_axes
from samgraph.factors.signals.rolling import trailing_std, trailing_sum
from samgraph.graph.series.snapshots import SnapshotSeries
from samgraph.rounding import SHARE


def product_returns(returns: Any, series: SnapshotSeries, *, purity: float = 0.5) -> Floats:
    """Each stock's product return of each day, itself left out.

    Products without another pure company are left out of the mix; NaN where none remains.

    Args:
        returns: [n_dates, n_stocks] return of the day itself (from the close before to the close).
        series: as-of product edges of the same days and stocks.
        purity: share of revenue above which a company stands for a product; 0.5 or more, so for one at most.

    Returns:
        [n_dates, n_stocks].

    Raises:
        ModelError: shapes that do not fit, or a purity below a half.
    """
    y = panel(
        returns,
        "returns",
        (series.n_dates, series.n_stocks),
        given_axes(returns, series.dates, series.stocks),
    )
    if not 0.5 <= purity < 1.0:
        raise ModelError(f"a purity of {purity} does not tell a company's main product; give 0.5 to below 1.")
    out = np.full(y.shape, np.nan)
    for t in range(series.n_dates):
        edges = series.edges(t)
        stock, product, weight = edges.stock, edges.concept, edges.weight.astype(np.float64)
        own = y[t, stock]
        pure = (weight > purity + SHARE) & ~np.isnan(own)
        value = np.where(pure, np.nan_to_num(own), 0.0)
        total = np.bincount(product, weights=value, minlength=series.n_concepts)[product] - value
        count = np.bincount(product, weights=pure, minlength=series.n_concepts)[product] - pure
        there = count > 0
        part = np.where(there, weight, 0.0)
        mean = np.where(there, total / np.where(there, count, 1.0), 0.0)
        mix = np.bincount(stock, weights=part, minlength=series.n_stocks)
        sums = np.bincount(stock, weights=part * mean, minlength=series.n_stocks)
        out[t] = np.where(mix > 0.0, sums / np.where(mix > 0.0, mix, 1.0), np.nan)
    return out


def product_momentum(
    returns: Any, series: SnapshotSeries, *, window: int = 20, least: int = 10, purity: float = 0.5
) -> dict[str, Floats]:
    """The factor and its twin (see the module's text): name -> [n_dates, n_stocks].

    Args:
        returns: [n_dates, n_stocks] return of the day itself.
        series: as-of product edges of the same days and stocks.
        window: trailing days.
        least: days of the window that must be known, or the value is missing.
        purity: as in `product_returns`.
    """
    y = panel(
        returns,
        "returns",
        (series.n_dates, series.n_stocks),
        given_axes(returns, series.dates, series.stocks),
    )
    of_products = product_returns(y, series, purity=purity)
    total, count = trailing_sum(of_products, window)
    return {
        "product_momentum": np.where(count >= least, total, np.nan),
        "product_residual_volatility": trailing_std(y - of_products, window, least),
    }
