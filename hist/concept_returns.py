"""What a stock's concepts did lately, told by the other stocks.

Each day's cross-section of returns is regressed on the day's edges, with an intercept for the market and a ridge:

    r_i = a + sum_k w_ik f_k + e_i,   penalty * sum_k f_k^2.

A stock is told sum_k w_ik f_k with f fitted without the stock itself (exactly, by the regression's hat matrix), so
that its own return never comes back to it as its concepts'. The daily values decay with a half-life, and each day's
members with an edge are ranked: levels of a few loud days would be learnt by heart. Day t's value reads returns up to
t's close and edges as known on their own days.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from samgraph.graph.series.snapshots import SnapshotSeries
from samgraph.hist.features.scaling import Float32Array
from samgraph.hist.labels import rank_normalise
from samgraph.hist.market import FloatArray, Market

PENALTY = 3.0  # as many stocks that sell nothing else have half the say
DIGITS = 12  # behind the point: what rounding alone tells apart has one rank
LEAST = 10  # stocks with a return and an edge, below which a day tells nothing


def told_by_others(weight: FloatArray, returns: FloatArray, *, penalty: float = PENALTY) -> FloatArray:
    """One day's concept return of each stock, fitted without it.

    Args:
        weight: [n_stocks, n_concepts], at least 0
        returns: [n_stocks], all known
        penalty: above 0

    Returns:
        [n_stocks]
    """
    design = np.column_stack([np.ones(len(returns)), weight])
    gram = design.T @ design
    gram[np.arange(1, len(gram)), np.arange(1, len(gram))] += penalty
    solved = np.linalg.solve(gram, design.T)  # [1 + n_concepts, n_stocks]
    factor = solved @ returns
    error = returns - design @ factor
    leverage = np.einsum("ik,ki->i", design, solved)
    pull = np.einsum("ik,ki->i", weight, solved[1:])
    left = np.maximum(1.0 - leverage, 1e-9)
    told: FloatArray = weight @ factor[1:] - pull * error / left
    return told


def concept_returns(
    market: Market, series: SnapshotSeries, half_lives: Sequence[float], *, penalty: float = PENALTY
) -> Float32Array:
    """Decayed and ranked concept returns, float32 [n_dates, n_stocks, n_half_lives]; 0 without an edge.

    Args:
        market: of the same stocks as the series; its days may be more
        series: as-of edges of each day
        half_lives: trading days
        penalty: of the ridge
    """
    daily, there = _daily(market, series, penalty)
    out = np.zeros((*daily.shape, len(half_lives)), dtype=np.float32)
    for number, half_life in enumerate(half_lives):
        keep = 0.5 ** (1.0 / half_life)
        level = np.zeros_like(daily)
        state = np.zeros(daily.shape[1])
        for t, today in enumerate(np.nan_to_num(daily)):
            state = keep * state + (1.0 - keep) * today
            level[t] = np.round(state, DIGITS)
        out[:, :, number] = np.nan_to_num(rank_normalise(level, there))
    return out


def _daily(
    market: Market, series: SnapshotSeries, penalty: float
) -> tuple[FloatArray, npt.NDArray[np.bool_]]:
    """Each day's concept returns, NaN where nobody tells any, and the members with an edge [n_dates, n_stocks]."""
    returns = market.returns()
    told, there = np.full(returns.shape, np.nan), np.zeros(returns.shape, dtype=bool)
    day = series.dates.get_indexer(market.dates)
    column = {stock: i for i, stock in enumerate(market.stocks)}
    place = np.array([column.get(stock, -1) for stock in series.stocks], dtype=np.int64)
    for t in np.flatnonzero(day >= 0).tolist():
        edges = series.edges(int(day[t]))
        row = place[edges.stock]
        there[t, row[row >= 0]] = True
        kept = (row >= 0) & (edges.weight > 0) & np.isfinite(returns[t, row]) & market.tradable[t, row]
        stocks, i = np.unique(row[kept], return_inverse=True)
        if len(stocks) < LEAST:
            continue
        concepts, k = np.unique(edges.concept[kept], return_inverse=True)
        weight = np.zeros((len(stocks), len(concepts)))
        weight[i, k] = edges.weight[kept]
        told[t, stocks] = told_by_others(weight, returns[t, stocks], penalty=penalty)
    return told, there & market.member
