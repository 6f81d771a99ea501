"""The return that a portfolio is held against."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from samgraph.errors import ConfigError
from samgraph.factors.arrays import Floats
from samgraph.factors.portfolio.tape import Tape

if TYPE_CHECKING:
    from samgraph.hist.market import Market


def benchmark_returns(market: Market, tape: Tape, start: int, price: str) -> Floats:
    """Daily returns of the market's benchmark [n_dates], or of its universe where it has none.

    A day without a level has return 0 and the next known level makes up for it. Beware of what the level is:
    a price index leaves dividends out, while the portfolio's holdings reinvest them.

    Args:
        market: `benchmark` [n_dates] levels; all NaN means none.
        tape: the same market's marks.
        start: first day of the portfolio.
        price: execution price; at the close, the benchmark starts at the close of `start` (return 0 that
            day).

    Raises:
        ConfigError: the levels begin after the portfolio does.
    """
    level = np.asarray(market.benchmark, dtype=np.float64)
    known = np.flatnonzero(np.isfinite(level) & (level > 0))
    if not len(known):
        returns = universe_returns(market, tape)
    else:
        base = start if price == "close" else start - 1
        if known[0] > base:
            raise ConfigError(
                f"the benchmark's first level is of {tape.dates[known[0]].date()}, but the portfolio needs "
                f"it on {tape.dates[base].date()}; start later, or leave the benchmark out to use the "
                "universe's return."
            )
        last = np.maximum.accumulate(
            np.where(np.isfinite(level) & (level > 0), np.arange(len(level)), known[0])
        )
        filled = level[last]
        returns = np.zeros(len(level))
        returns[1:] = filled[1:] / filled[:-1] - 1.0
    if price == "close":
        returns[start] = 0.0
    return returns


def universe_returns(market: Market, tape: Tape) -> Floats:
    """Total return [n_dates] of the members known the day before, weighted by their market cap of that day.

    A member without a cap weighs as `Market.weights` says (the median of the known ones; all alike if none is
    known); a suspended one returns 0 until it trades again; one that never traded is left out.
    """
    weight = market.weights()
    returns = np.zeros(len(tape.dates))
    for t in range(1, len(returns)):
        held = np.flatnonzero(market.member[t - 1] & np.isfinite(tape.total[t - 1]))
        if len(held):
            gain = tape.total[t, held] / tape.total[t - 1, held] - 1.0
            returns[t] = float((weight[t - 1, held] * gain).sum() / weight[t - 1, held].sum())
    return returns
