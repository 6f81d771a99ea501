"""Style exposures of every stock and day, each from data known by that day.

    size        log of market cap
    beta        slope of the stock's daily returns on the market's, 250 days (at least 60)
    momentum    sum of log returns from 250 to 21 days before (at least 120 known)
    reversal    minus the sum of log returns of the last 20 days (at least 10 known)
    volatility  standard deviation of daily returns, 60 days (at least 20)
    liquidity   log of the mean share of the company traded a day, 60 days (at least 20)
    value       book to price as known by the day, where the bars have the column `book_to_price`

The market's return is the benchmark's; where that is unknown, the members' return weighted by the market cap of
the day before. Each style is then clipped at three standard deviations, centred at the members' cap-weighted mean
and scaled to their standard deviation of 1, so that the market portfolio has no style (Barra's convention).
The market factor itself is the regression's constant, not a style.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from samgraph.factors.arrays import Bools, Floats, panel
from samgraph.factors.labels import given_axes
from samgraph.factors.signals.rolling import lagged, trailing_mean, trailing_std, trailing_sum
from samgraph.hist.market import Market
from samgraph.sums import over_stocks

CLIP = 3.0  # standard deviations
STYLES = ("size", "beta", "momentum", "reversal", "volatility", "liquidity")


def style_exposures(
    market: Market, *, extra: Mapping[str, Any] | None = None, fill: bool = True
) -> dict[str, Floats]:
    """Standardised style exposures: name -> [n_dates, n_stocks], NaN for stocks that are not members that day.

    Args:
        market: daily bars; row t of the result uses rows up to t.
        extra: further raw styles known by each day, such as growth, standardised like the others.
        fill: a member whose style is unknown (a young listing) gets 0, that of the market portfolio, and stays
            in regressions; otherwise NaN.
    """
    raw = raw_styles(market)
    raw.update(
        {
            name: panel(
                values, f"style {name}", market.close.shape, given_axes(values, market.dates, market.stocks)
            )
            for name, values in (extra or {}).items()
        }
    )
    cap = market.weights()
    return {name: standardise(values, market.member, cap, fill=fill) for name, values in raw.items()}


def raw_styles(market: Market) -> dict[str, Floats]:
    """Styles in their own units: name -> [n_dates, n_stocks], NaN where the history is too short."""
    returns = market.returns()
    with np.errstate(divide="ignore", invalid="ignore"):
        log_returns = np.log1p(returns)
        log_cap = np.log(np.where(market.market_cap > 0.0, market.market_cap, np.nan))
        traded = market.volume * market.vwap / np.where(market.market_cap > 0.0, market.market_cap, np.nan)
        turnover = trailing_mean(traded, 60, 20)
        liquidity = np.log(np.where(turnover > 0.0, turnover, np.nan))
    past, known = trailing_sum(lagged(log_returns, 21), 230)
    recent, seen = trailing_sum(log_returns, 20)
    given = {} if market.book_to_price is None else {"value": panel(market.book_to_price, "book_to_price")}
    return {
        "size": log_cap,
        "beta": beta(returns, market_return(market)),
        "momentum": np.where(known >= 120, past, np.nan),
        "reversal": np.where(seen >= 10, -recent, np.nan),
        "volatility": trailing_std(returns, 60, 20),
        "liquidity": liquidity,
        **given,
    }


def market_return(market: Market) -> Floats:
    """The market's daily return [n_dates], NaN on the first day: the benchmark's or else the members'."""
    out = np.full(market.n_dates, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        out[1:] = market.benchmark[1:] / market.benchmark[:-1] - 1.0
    returns = market.returns()
    weight = lagged(np.where(market.member, market.weights(), 0.0), 1)
    weight = np.where(np.isnan(returns) | np.isnan(weight), 0.0, weight)
    with np.errstate(divide="ignore", invalid="ignore"):
        members = over_stocks(weight * np.nan_to_num(returns)) / over_stocks(weight)
    return np.where(np.isfinite(out), out, members)


def beta(returns: Floats, market: Floats, window: int = 250, least: int = 60) -> Floats:
    """Slope of each stock's returns on the market's over the trailing window, where both are known.

    Shapes: returns [n_dates, n_stocks]; market [n_dates]; result [n_dates, n_stocks].
    """
    x = np.where(np.isnan(returns), np.nan, market[:, None])
    y = np.where(np.isnan(x), np.nan, returns)
    sx, n = trailing_sum(x, window)
    sy, _ = trailing_sum(y, window)
    sxy, _ = trailing_sum(x * y, window)
    sxx, _ = trailing_sum(x * x, window)
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = sxx - sx * sx / n
        slope = (sxy - sx * sy / n) / spread
    return np.where((n >= least) & (spread > 1e-12), slope, np.nan)


def standardise(raw: Floats, member: Bools, cap: Floats, *, fill: bool = False) -> Floats:
    """Clip, centre at the cap-weighted mean and scale to standard deviation 1, over each day's members.

    A day on which the members do not differ is 0. Shapes: all [n_dates, n_stocks]; cap positive.
    """
    inside = member & ~np.isnan(raw)
    count = np.maximum(inside.sum(axis=1, keepdims=True), 1)
    values = np.where(inside, raw, 0.0)
    mean = _sums(values) / count
    away = np.where(inside, values - mean, 0.0)
    spread = np.sqrt(_sums(away**2) / count)
    clipped = np.where(inside, np.clip(away, -CLIP * spread, CLIP * spread), 0.0)
    weight = np.where(inside, cap, 0.0)
    total = _sums(weight)
    clipped -= _sums(weight * clipped) / np.where(total > 0.0, total, 1.0)
    middle = _sums(np.where(inside, clipped, 0.0)) / count
    scale = np.sqrt(_sums(np.where(inside, (clipped - middle) ** 2, 0.0)) / count)
    flat = scale <= 1e-12 * np.maximum(np.abs(mean), 1e-300)
    out = np.where(flat, 0.0, clipped / np.where(flat, 1.0, scale))
    return np.where(inside, out, np.where(member & fill, 0.0, np.nan))


def _sums(values: Floats) -> Floats:
    return over_stocks(values)[:, None]
