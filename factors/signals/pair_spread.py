"""Statistics on the spread of two prices that should move together, for many pairs at once.

For log prices a and b over the days on which both have one, Engle and Granger (1987) regress

    a_t = alpha + hedge b_t + spread_t

and test the spread for a unit root (augmented Dickey-Fuller, p-values of MacKinnon). The test depends on which of
the two is explained, so both ways are tested and p = min(1, 2 min(p_ab, p_ba)); the spread is that of the way with
the smaller p. Its half-life is that of an AR(1), the discrete Ornstein-Uhlenbeck process,

    spread_t - spread_t-1 = c + b spread_t-1 + e_t,    half-life = -ln 2 / ln(1 + b) trading days

over steps between neighbouring days alone. Testing many pairs finds some by chance: q-values bound the expected
share of false ones among those found (Benjamini-Hochberg 1995; Benjamini-Yekutieli 2001 whatever the dependence
between tests, and pairs that share a stock are dependent).

Nothing is filled: a day on which either has no price is not a day of the pair. Everything uses the days that are given
and no other, so who passes days up to t sees nothing later.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import astuple, dataclass
from typing import Literal

import numpy as np
import pandas as pd
from arch.unitroot.cointegration import engle_granger

from samgraph.factors.arrays import Floats, Ints
from samgraph.factors.evaluation.inference import q_values
from samgraph.factors.labels import paired

Rule = Literal["bh", "by"]

LEAST_DAYS = 60
"""Fewer common days make no test."""
MOST_LAGS = 5
"""Differences that the Dickey-Fuller regression may take up; BIC chooses."""

COLUMNS = ("days", "dependent", "hedge", "stat", "p_value", "q_value", "half_life", "z_score", "correlation")


@dataclass(frozen=True)
class Spread:
    """One pair; NaN is not known.

    Attributes:
        days: common days.
        dependent: 0 or 1, which of the two the regression explains.
        hedge: log-price slope of the other.
        stat: Engle-Granger statistic; p_value: of both ways together (see the module).
        half_life: trading days; infinite where the spread does not come back.
        z_score: the last day's spread in standard deviations from its mean; NaN where that day lacks a price.
        correlation: of daily log returns, over steps between neighbouring days.
    """

    days: int
    dependent: int
    hedge: float
    stat: float
    p_value: float
    half_life: float
    z_score: float
    correlation: float


SAME = 1e-10  # of a log price's deviation: two prices that are nearer to a line differ by rounding


def pair_spread(one: Floats, two: Floats) -> Spread:
    """Test one pair. Shapes: one, two [n_dates] adjusted prices, all trading days in order, NaN = no price."""
    one, two = paired(one, two)
    a, b = _logs(one), _logs(two)
    both = np.isfinite(a) & np.isfinite(b)
    days = int(both.sum())
    correlation = _correlation(np.diff(a), np.diff(b))
    if days < LEAST_DAYS or np.ptp(a[both]) == 0.0 or np.ptp(b[both]) == 0.0:
        return Spread(days, 0, math.nan, math.nan, math.nan, math.nan, math.nan, correlation)
    ways = [_engle_granger(a[both], b[both]), _engle_granger(b[both], a[both])]
    dependent = int(ways[1][1] < ways[0][1])
    stat, p = ways[dependent]
    y, x = (a, b) if dependent == 0 else (b, a)
    hedge = float(np.cov(x[both], y[both])[0, 1] / np.var(x[both], ddof=1))
    spread = y - hedge * x
    spread -= spread[both].mean()
    scale = float(spread[both].std(ddof=1))
    if scale <= SAME * float(y[both].std(ddof=1)):  # one line: what is left between them is rounding
        return Spread(days, dependent, hedge, stat, min(1.0, 2.0 * p), math.nan, math.nan, correlation)
    z = float(spread[-1]) / scale if both[-1] else math.nan
    return Spread(days, dependent, hedge, stat, min(1.0, 2.0 * p), half_life(spread), z, correlation)


def half_life(spread: Floats) -> float:
    """Trading days after which half of a deviation is left, by an AR(1).

    Shapes: spread [n_dates], NaN = no value; steps between neighbouring days alone count. Infinite where it does
    not come back, 0 where nothing of a deviation outlives a day, NaN with fewer than 3 steps.
    """
    before, after = spread[:-1], spread[1:]
    known = np.isfinite(before) & np.isfinite(after)
    x, y = before[known], after[known]
    if len(x) < 3 or not np.ptp(x) > 0.0:
        return math.nan
    slope = float(np.cov(x, y)[0, 1] / np.var(x, ddof=1))
    if slope >= 1.0:
        return math.inf
    return -math.log(2.0) / math.log(slope) if slope > 0.0 else 0.0


def pair_spreads(
    prices: Floats,
    first: Sequence[int] | Ints,
    other: Sequence[int] | Ints,
    *,
    rule: Rule = "by",
    advance: Callable[[], None] | None = None,
) -> pd.DataFrame:
    """Test many pairs, and control the false discoveries among them.

    Args:
        prices: [n_dates, n_stocks] adjusted prices, all trading days in order, NaN = no price.
        first: [n_pairs] columns of prices.
        other: [n_pairs] those of the other side.
        rule: `by` holds under any dependence between the tests, `bh` under independence or positive dependence.
        advance: called after each pair.

    Returns:
        One row per pair, in their order: days, dependent (column of prices), hedge, stat, p_value, q_value (NaN where
        there is no test), half_life, z_score, correlation; see `Spread`.
    """
    rows = []
    for i, j in zip(first, other, strict=True):
        rows.append(astuple(pair_spread(prices[:, i], prices[:, j])))
        if advance is not None:
            advance()
    names = [name for name in COLUMNS if name != "q_value"]
    frame = pd.DataFrame(rows, columns=names).astype(dict.fromkeys(names[2:], "float64"))
    sides = np.column_stack([np.asarray(first, dtype=np.int64), np.asarray(other, dtype=np.int64)])
    frame["dependent"] = sides[np.arange(len(frame)), frame["dependent"].to_numpy(dtype=np.int64)]
    frame["q_value"] = q_values(frame["p_value"].to_numpy(), rule)
    return frame[list(COLUMNS)]


def _logs(prices: Floats) -> Floats:
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(prices > 0.0, np.log(prices), np.nan)


def _correlation(x: Floats, y: Floats) -> float:
    known = np.isfinite(x) & np.isfinite(y)
    if known.sum() < 3 or not (np.ptp(x[known]) > 0.0 and np.ptp(y[known]) > 0.0):
        return math.nan
    return float(np.corrcoef(x[known], y[known])[0, 1])


def _engle_granger(y: Floats, x: Floats) -> tuple[float, float]:
    """Statistic and p-value; two prices that are one and the same line are cointegrated beyond doubt."""
    slope = float(np.cov(x, y)[0, 1] / np.var(x, ddof=1))
    if np.std((y - y.mean()) - slope * (x - x.mean())) <= SAME * np.std(y):
        return -math.inf, 0.0
    found = engle_granger(y, x[:, None], trend="c", max_lags=MOST_LAGS, method="bic")
    return float(found.stat), float(found.pvalue)
