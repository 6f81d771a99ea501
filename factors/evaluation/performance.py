"""The figures of a simulated portfolio over its period."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from samgraph.errors import RunError
from samgraph.exchange import calendar
from samgraph.factors.arrays import Floats
from samgraph.rounding import varies


@dataclass(frozen=True)
class Performance:
    """Figures a year (`days_a_year` trading days by the data's own calendar), as fractions, after costs.

    Attributes:
        return_: compound annual growth rate, (product of (1 + return)) ** (days_a_year / days) - 1.
        benchmark_return: the same of the benchmark.
        excess_return: mean daily excess return x days_a_year (arithmetic, as qlib annualises it), so that the
            excess returns of two portfolios differ by what a paired test of their daily returns finds.
        compound_excess_return: return_ - benchmark_return.
        information_ratio: mean over standard deviation (ddof 1) of the daily excess return, x
            sqrt(days_a_year); NaN if the excess does not vary.
        tracking_error: standard deviation (ddof 1) of the daily excess return x sqrt(days_a_year).
        volatility: the same of the return.
        max_drawdown: of the excess, compounded: the lowest that the portfolio's value over the benchmark's ever was,
            over the highest before, less 1 (0 or negative; both start at 1). qlib's is that of a sum.
        value_max_drawdown: lowest value over the highest before, less 1 (the starting money counts as a
            value).
        turnover: half of what was bought and sold, as a fraction of the value, a year.
        cost: costs as a fraction of the value of the day before, a year.
        days: number of days.
    """

    return_: float
    benchmark_return: float
    excess_return: float
    compound_excess_return: float
    information_ratio: float
    tracking_error: float
    volatility: float
    max_drawdown: float
    value_max_drawdown: float
    turnover: float
    cost: float
    days: int

    def as_dict(self) -> dict[str, float | int | None]:
        """For JSON: `return` instead of `return_`, and None instead of NaN."""
        figures = {name.rstrip("_"): value for name, value in asdict(self).items()}
        return {name: value if math.isfinite(value) else None for name, value in figures.items()}


def performance(daily: pd.DataFrame, days_a_year: float | None = None) -> Performance:
    """Figures of `PortfolioResult.daily` (or any part of its rows).

    Args:
        daily: return, benchmark_return, value, turnover, cost, and date where `days_a_year` is to be found.
        days_a_year: trading days in a year (`samgraph.exchange.calendar`); those of the table's own days if None.

    Raises:
        RunError: no row, or a return that is not a number.
    """
    gain = daily["return"].to_numpy(dtype=np.float64)
    market = daily["benchmark_return"].to_numpy(dtype=np.float64)
    if not len(gain) or not (np.isfinite(gain).all() and np.isfinite(market).all()):
        raise RunError(
            f"the performance of {len(gain)} days cannot be computed: it needs at least one, and a return "
            "and a benchmark return on each; check the daily table."
        )
    if days_a_year is None:
        dates = pd.DatetimeIndex(daily["date"]) if "date" in daily else pd.DatetimeIndex([])
        days_a_year = calendar.days_a_year(dates)
    excess = gain - market
    value = daily["value"].to_numpy(dtype=np.float64)
    before = value / (1.0 + gain)
    curve = np.concatenate([[1.0], np.cumprod(1.0 + gain)])
    relative = curve / np.concatenate([[1.0], np.cumprod(1.0 + market)])
    spread, root = _deviation(excess), math.sqrt(days_a_year)
    growth, market_growth = _a_year(gain, days_a_year), _a_year(market, days_a_year)
    return Performance(
        return_=growth,
        benchmark_return=market_growth,
        excess_return=float(excess.mean()) * days_a_year,
        compound_excess_return=growth - market_growth,
        information_ratio=float(excess.mean()) / spread * root if varies(excess, gain, market) else math.nan,
        tracking_error=spread * root,
        volatility=_deviation(gain) * root,
        max_drawdown=_drawdown(relative),
        value_max_drawdown=_drawdown(curve),
        turnover=float(daily["turnover"].mean()) * days_a_year,
        cost=float((daily["cost"].to_numpy(dtype=np.float64) / before).mean()) * days_a_year,
        days=len(gain),
    )


def _drawdown(curve: Floats) -> float:
    return float((curve / np.maximum.accumulate(curve) - 1.0).min())


def _a_year(gain: Floats, days_a_year: float) -> float:
    return math.pow(float(np.prod(1.0 + gain)), days_a_year / len(gain)) - 1.0


def _deviation(values: Floats) -> float:
    return float(values.std(ddof=1)) if len(values) > 1 else math.nan
